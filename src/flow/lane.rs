//! The lane: one thread that owns every camera's tracker and rule. Detections in, findings out, in order.
//! Not here: what a track or a finding is, what follows.
//!
//! One lane serves all cameras until a measurement asks for more: a step takes tens of microseconds (see
//! `benches/track.rs`).

use std::{
    collections::HashMap,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    thread::{self, JoinHandle},
    time::Duration,
};

use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, TryRecvError, bounded};
use tokio::sync::mpsc;

use super::{Analysed, sights::Sights};
use crate::{
    base::{CameraId, FrameSeq, Mono, Now, TrackId, clock},
    frame::Frame,
    rule::{Finding, FindingKind, Rule, RuleSettings},
    telemetry,
    track::{Tracker, TrackerSettings},
};

/// How long the lane waits for a frame before it lets time pass.
const TICK: Duration = Duration::from_millis(100);
/// Changes to cameras under way; a full channel makes the one who changes wait.
const COMMANDS: usize = 64;
/// Track numbers left out after a panic: those the lost tracker may have given since it was last asked.
const LOST_IDS: u64 = 1000;

/// A finding on its way to the desk.
#[derive(Debug, Clone)]
pub struct LaneOutput {
    pub finding: Finding,
    /// The picture it was concluded from, for findings that want a snapshot ([`FindingKind::Confirmed`] and
    /// [`FindingKind::Face`]); the others do not keep the decoder's buffer busy.
    pub frame: Option<Frame>,
}

enum Command {
    Watch(CameraId, Box<RuleSettings>),
    Forget(CameraId),
}

/// The running lane. It ends when every sender of `analysed` is gone ([`Lane::finish`] waits for that), when the
/// desk's end of the output is closed, or at once when it is dropped; the thread is joined in each case.
#[derive(Debug)]
pub struct Lane {
    commands: Option<Sender<Command>>,
    sights: Sights,
    thread: Option<JoinHandle<()>>,
}

impl Lane {
    /// Starts the lane's thread. Findings go to `out`, which blocks the lane when full and loses nothing; the
    /// engines then wait, and new frames displace older ones at the intake. `set_active` hears of a camera's
    /// first suspicion (true) and of calm (false), and must not block.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(
        analysed: Receiver<Analysed>,
        out: mpsc::Sender<LaneOutput>,
        set_active: impl Fn(CameraId, bool) + Send + 'static,
        settings: TrackerSettings,
    ) -> io::Result<Self> {
        let (commands, orders) = bounded(COMMANDS);
        let sights = Sights::default();
        let mut worker = Worker {
            analysed,
            out,
            set_active: Box::new(set_active),
            settings,
            sights: sights.clone(),
            cameras: HashMap::new(),
            retired: TrackId(1),
        };
        let thread = thread::Builder::new().name("lane".to_owned()).spawn(move || worker.run(&orders))?;
        Ok(Self { commands: Some(commands), sights, thread: Some(thread) })
    }

    /// Watches a camera from now on, or goes on watching it under new settings. Frames of cameras that are not
    /// watched are left unjudged.
    pub fn watch(&self, camera: CameraId, settings: RuleSettings) {
        self.send(Command::Watch(camera, Box::new(settings)));
    }

    /// Forgets a camera. Tell the alarm book too: no finding ends its stay.
    pub fn forget(&self, camera: CameraId) {
        self.send(Command::Forget(camera));
    }

    /// Each camera's newest analysed frame and its scene.
    pub fn sights(&self) -> Sights {
        self.sights.clone()
    }

    /// Waits until every sender of detections is gone and what they sent is judged. Keep the desk reading
    /// meanwhile.
    pub fn finish(mut self) {
        self.join();
    }

    fn send(&self, command: Command) {
        if let Some(commands) = &self.commands
            && commands.send(command).is_err()
        {
            tracing::debug!("the lane has ended: a change to a camera came too late");
        }
    }

    fn join(&mut self) {
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the lane's thread panicked outside of any camera's step");
        }
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.commands = None;
        self.join();
    }
}

/// One camera's state.
struct Watched {
    tracker: Tracker,
    rule: Rule,
    last: Option<FrameSeq>,
    next_id: TrackId,
    /// The newest finding of a stay that is not cleared: what a panic must clear.
    stay: Option<Finding>,
}

struct Worker {
    analysed: Receiver<Analysed>,
    out: mpsc::Sender<LaneOutput>,
    set_active: Box<dyn Fn(CameraId, bool) + Send>,
    settings: TrackerSettings,
    sights: Sights,
    cameras: HashMap<CameraId, Watched>,
    /// Above every track number of cameras that were forgotten, so that one that comes back reuses none.
    retired: TrackId,
}

/// The desk is gone.
struct Closed;

impl Worker {
    fn run(&mut self, commands: &Receiver<Command>) {
        // The desk is gone, or the lane was told to end: nothing to report.
        let _: Result<(), Closed> = self.serve(commands);
    }

    fn serve(&mut self, commands: &Receiver<Command>) -> Result<(), Closed> {
        let mut ticked = clock::mono();
        loop {
            let wait = TICK.saturating_sub(clock::mono().since(ticked));
            let received = self.analysed.recv_timeout(wait);
            // Changes first: a frame that comes after one is judged under it.
            loop {
                match commands.try_recv() {
                    Ok(command) => self.command(command)?,
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => return Err(Closed),
                }
            }
            match received {
                Ok(analysed) => self.judge(analysed)?,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
            if clock::mono().since(ticked) >= TICK {
                // What is waiting comes first: a stay must not clear while frames that show it wait here.
                for _ in 0..self.analysed.len() {
                    match self.analysed.try_recv() {
                        Ok(analysed) => self.judge(analysed)?,
                        Err(_) => break,
                    }
                }
                let now = clock::now();
                ticked = now.mono;
                let cameras: Vec<CameraId> = self.cameras.keys().copied().collect();
                for camera in cameras {
                    self.attempt(camera, None, now, |watched| watched.rule.tick(now))?;
                }
            }
        }
    }

    fn command(&mut self, command: Command) -> Result<(), Closed> {
        match command {
            Command::Watch(camera, settings) => {
                let (first, tracker_settings) = (self.retired, self.settings);
                if self.cameras.contains_key(&camera) {
                    let now = clock::now();
                    return self.attempt(camera, None, now, |watched| watched.rule.reconfigure(*settings));
                }
                self.cameras.insert(camera, Watched::new(camera, tracker_settings, first, *settings));
            }
            Command::Forget(camera) => {
                if let Some(watched) = self.cameras.remove(&camera) {
                    self.retired = self.retired.max(watched.next_id);
                }
                self.sights.forget(camera);
            }
        }
        Ok(())
    }

    fn judge(&mut self, analysed: Analysed) -> Result<(), Closed> {
        let Analysed { frame, detections } = analysed;
        let (camera, seq) = (detections.camera, detections.seq);
        let Some(watched) = self.cameras.get_mut(&camera) else {
            tracing::debug!(%camera, seq = seq.0, "a frame of a camera that is not watched");
            return Ok(());
        };
        if watched.last.is_some_and(|last| seq <= last) {
            tracing::debug!(%camera, seq = seq.0, "a frame overtaken by a newer one of its camera");
            return Ok(());
        }
        watched.last = Some(seq);
        let (now, sights, shown) = (clock::now(), self.sights.clone(), frame.clone());
        self.attempt(camera, Some(&frame), now, move |watched| {
            let scene = watched.tracker.step(detections);
            watched.next_id = watched.tracker.next_id();
            let findings = watched.rule.step(&scene, now);
            sights.show(shown, scene);
            findings
        })
    }

    /// Runs one camera's step. A panic loses only that camera's state: it starts anew, its stay is cleared.
    fn attempt(
        &mut self,
        camera: CameraId,
        frame: Option<&Frame>,
        now: Now,
        step: impl FnOnce(&mut Watched) -> Vec<Finding>,
    ) -> Result<(), Closed> {
        let Some(watched) = self.cameras.get_mut(&camera) else { return Ok(()) };
        let findings = match catch_unwind(AssertUnwindSafe(|| step(watched))) {
            Ok(findings) => findings,
            Err(panic) => {
                let what = panic
                    .downcast_ref::<&str>()
                    .map(|text| (*text).to_owned())
                    .or_else(|| panic.downcast_ref::<String>().cloned())
                    .unwrap_or_default();
                tracing::error!(%camera, seq = ?watched.last, what, "the camera's rule panicked: it starts anew");
                let first = TrackId(watched.next_id.0.saturating_add(LOST_IDS));
                let stay = watched.stay.take();
                let last = watched.last;
                *watched = Watched::new(camera, self.settings, first, watched.rule.settings().clone());
                watched.last = last;
                (self.set_active)(camera, false);
                stay.into_iter().filter_map(ending).collect()
            }
        };
        for finding in findings {
            self.pass_on(finding, frame, now.mono)?;
        }
        Ok(())
    }

    fn pass_on(&mut self, finding: Finding, frame: Option<&Frame>, now: Mono) -> Result<(), Closed> {
        let watched = self.cameras.get_mut(&finding.camera);
        let wants_picture = match &finding.kind {
            FindingKind::Suspected | FindingKind::Calm => {
                (self.set_active)(finding.camera, finding.kind == FindingKind::Suspected);
                return Ok(());
            }
            FindingKind::Confirmed(_) | FindingKind::Present(_) => {
                if let Some(watched) = watched {
                    watched.stay = Some(finding.clone());
                }
                matches!(finding.kind, FindingKind::Confirmed(_))
            }
            FindingKind::Cleared { .. } => {
                if let Some(watched) = watched {
                    watched.stay = None;
                }
                false
            }
            FindingKind::Face(_) => true,
        };
        if let FindingKind::Confirmed(_) = finding.kind {
            telemetry::stage("frame_to_confirmed", now.since(finding.stamps.captured));
        }
        let frame = frame.filter(|_| wants_picture).cloned();
        // Blocks when the desk is behind; nothing is lost after a finding exists.
        self.out.blocking_send(LaneOutput { finding, frame }).map_err(|_| Closed)
    }
}

impl Watched {
    fn new(camera: CameraId, tracker: TrackerSettings, first: TrackId, rule: RuleSettings) -> Self {
        Self {
            tracker: Tracker::new(camera, tracker, first),
            rule: Rule::new(camera, rule),
            last: None,
            next_id: first,
            stay: None,
        }
    }
}

/// What clears the stay that `finding` belongs to.
fn ending(finding: Finding) -> Option<Finding> {
    match &finding.kind {
        FindingKind::Confirmed(sighting) | FindingKind::Present(sighting) => {
            let kind = FindingKind::Cleared { track: sighting.track };
            Some(Finding { kind, ..finding })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
