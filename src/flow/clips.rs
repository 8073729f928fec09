//! Alarms' clips: from five seconds before an alarm to five seconds after, the camera's packets are held and then
//! written, each clip in a task of its own. The desk only says which; nothing here is on the stop path. Not here: the
//! file's form (`media`).

use std::{path::PathBuf, sync::Arc, time::Duration};

use tokio::{
    sync::{Semaphore, mpsc},
    time::{Instant, timeout, timeout_at},
};
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use super::{desk::Command, fleet::FleetHandle};
use crate::{
    base::{AlarmId, CameraId, Mono},
    camera::{Packet, Tap, tap::Reader},
    media,
};

/// How much of the time before an alarm its clip shows, at least: it begins at the key frame before that.
const BEFORE: Duration = Duration::from_secs(5);
/// How much of the time after.
const AFTER: Duration = Duration::from_secs(5);
/// How long packets that are on their way are waited for.
const GRACE: Duration = Duration::from_secs(1);
/// A camera that was lost may come back while its clip is taken: looked for this often.
const AGAIN: Duration = Duration::from_millis(200);
/// A clip larger than this ends early, in bytes: what one alarm can hold in memory.
const MOST: usize = 64 << 20;
/// Clips written at one time; more wait.
const WRITERS: usize = 2;
/// How long ending waits for clips that are being written.
const LAST_WAIT: Duration = Duration::from_secs(5);

/// Takes clips; cheap to clone.
#[derive(Clone)]
pub(super) struct Clips {
    fleet: FleetHandle,
    media_dir: PathBuf,
    desk: mpsc::WeakSender<Command>,
    writers: Arc<Semaphore>,
    tasks: TaskTracker,
}

impl Clips {
    pub(super) fn new(fleet: FleetHandle, media_dir: PathBuf, desk: mpsc::WeakSender<Command>) -> Self {
        Self { fleet, media_dir, desk, writers: Arc::new(Semaphore::new(WRITERS)), tasks: TaskTracker::new() }
    }

    /// Takes the clip of an alarm that was raised at `raised`; returns at once. The desk hears when it is on disk.
    pub(super) fn take(&self, alarm: AlarmId, camera: CameraId, raised: Mono) {
        let Some(tap) = self.fleet.tap(camera) else {
            warn!(%alarm, %camera, "no clip: the camera does not run");
            return;
        };
        // What there is now is held now: a camera that is lost in the next moment forgets its packets.
        let mut reader = tap.read_since(raised - BEFORE);
        let mut held = Vec::new();
        loop {
            let packets = reader.take(Duration::MAX).packets;
            if packets.is_empty() {
                break;
            }
            held.extend(packets);
        }
        let this = self.clone();
        self.tasks.spawn(async move {
            let packets = this.collect(camera, reader, held, raised).await;
            this.write(alarm, camera, packets).await;
        });
    }

    /// Waits for the clips that are being taken; they end with what the cameras have sent by now.
    pub(super) async fn finish(&self) {
        self.tasks.close();
        if timeout(LAST_WAIT, self.tasks.wait()).await.is_err() {
            warn!(clips = self.tasks.len(), "ending with clips that were not written");
        }
    }

    /// The packets until five seconds after the alarm, over connections and restarts of the camera.
    async fn collect(&self, camera: CameraId, mut reader: Reader, held: Vec<Packet>, raised: Mono) -> Vec<Packet> {
        let deadline = Instant::now() + AFTER + GRACE;
        let last = raised + AFTER;
        let mut packets = held;
        let mut bytes: usize = packets.iter().map(|p| p.data.len()).sum();
        loop {
            if packets.last().is_some_and(|p| p.arrived > last) || bytes > MOST {
                break;
            }
            match timeout_at(deadline, reader.ready()).await {
                Err(_) => break,
                Ok(true) => {
                    let taken = reader.take(Duration::MAX).packets;
                    bytes += taken.iter().map(|p| p.data.len()).sum::<usize>();
                    packets.extend(taken);
                }
                Ok(false) => match self.tap_again(camera, deadline).await {
                    Some(tap) => reader = tap.read_since(raised),
                    None => break,
                },
            }
        }
        packets.retain(|p| p.arrived <= last);
        packets
    }

    /// The tap of a camera that was stopped, if it is started again (it was changed) before `deadline`.
    async fn tap_again(&self, camera: CameraId, deadline: Instant) -> Option<Tap> {
        loop {
            if self.tasks.is_closed() || Instant::now() + AGAIN > deadline {
                return None;
            }
            tokio::time::sleep(AGAIN).await;
            if let Some(tap) = self.fleet.tap(camera).filter(|tap| !tap.is_stopped()) {
                return Some(tap);
            }
        }
    }

    async fn write(&self, alarm: AlarmId, camera: CameraId, packets: Vec<Packet>) {
        let Ok(_place) = self.writers.acquire().await else { return };
        let path = media::alarm_clip(&self.media_dir, alarm);
        let written = tokio::task::spawn_blocking(move || {
            let clip = media::clip(&packets).map_err(|e| e.to_string())?;
            drop(packets);
            media::keep(&path, &clip.bytes).map_err(|e| e.to_string())?;
            Ok::<_, String>((clip.pictures, clip.length, clip.bytes.len()))
        });
        match written.await.map_err(|e| e.to_string()).and_then(|result| result) {
            Ok((pictures, length, bytes)) => {
                info!(%alarm, %camera, pictures, ?length, bytes, "clip kept");
                // The desk is gone when the server ends: the clip is on disk all the same.
                if let Some(desk) = self.desk.upgrade() {
                    drop(desk.send(Command::ClipKept { alarm, camera }).await);
                }
            }
            Err(error) => warn!(%alarm, %camera, error, "the alarm's clip could not be kept"),
        }
    }
}
