//! All threads and channels of the frame path: intake, engines, lanes, desk, and the fleet of cameras that feeds them.
//! Not here: what any of them decides.
//!
//! | from → to | channel | when full |
//! | --- | --- | --- |
//! | camera → engine | [`intake::Intake`], a seat per camera | the newest frame wins, the loss is counted |
//! | engine → lane | 64 analysed frames | the engine waits |
//! | lane → desk | 256 findings | the lane waits |
//! | device links → desk | 256 messages | the link's reader waits |
//! | API, cameras → desk | 256 commands | the asker waits |
//! | desk → writer | one backlog; the desk keeps the next in memory | the desk goes on |

mod board;
mod clips;
pub mod control;
mod desk;
mod escalator;
pub mod engine;
mod fleet;

pub mod intake;
pub mod keeper;
pub mod lane;
mod news;
pub mod pipeline;
pub mod sights;
mod writer;

use std::{
    io,
    path::PathBuf,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use tokio::{sync::mpsc, task::JoinHandle};
use tracing::{error, warn};

pub use fleet::InferenceParts;

use self::{
    board::Board,
    clips::Clips,
    control::{Control, ControlError},
    desk::{Command, Desk, Inbox},
    engine::PoolStatus,
    fleet::{Fleet, FleetParts},
    keeper::KeepSettings,
    lane::Lane,
    pipeline::Pipelines,
};
use crate::{
    alarm::book::AlarmBook,
    base::clock,
    camera::{CameraLimits, DecodeChains},
    detect::Detections,
    device::{LinkSettings, Links, OrderBook},
    frame::Frame,
    store::{Store, StoreError},
    track::TrackerSettings,
};

/// A frame and what the model saw in it: from the engines to the lane.
#[derive(Debug, Clone)]
pub struct Analysed {
    pub frame: Frame,
    pub detections: Detections,
}

const ANALYSED: usize = 64;
const FINDINGS: usize = 256;
const LINK_EVENTS: usize = 256;
const COMMANDS: usize = 256;
/// Time for devices' connections to be closed in words.
const LINKS_WAIT: Duration = Duration::from_secs(1);

/// What the frame path is built from.
pub struct FlowParts {
    pub store: Store,
    pub pipelines: Arc<Pipelines>,
    pub chains: Arc<DecodeChains>,
    pub inference: InferenceParts,
    pub cameras: CameraLimits,
    /// Where alarms' pictures go.
    pub media_dir: PathBuf,
    /// How long and how much is kept.
    pub keep: KeepSettings,
}

/// The running frame path.
pub struct Flow {
    control: Control,
    links: Links,
    fleet: Fleet,
    commands: mpsc::Sender<Command>,
    desk: JoinHandle<()>,
    writer: JoinHandle<()>,
    phases: JoinHandle<()>,
    clips: Clips,
    keeper: JoinHandle<()>,
    escalator: JoinHandle<()>,
    store_healthy: Arc<AtomicBool>,
}

/// Why the frame path did not start.
#[derive(Debug, thiserror::Error)]
pub enum FlowError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the system gives no thread: {0}")]
    Thread(#[from] io::Error),
}

impl Flow {
    /// Builds and connects everything and takes up what is registered. Cameras come up in their own time; one that
    /// cannot be started is logged, the others run.
    ///
    /// # Errors
    /// The store cannot be read; the system gives no thread.
    pub async fn start(parts: FlowParts) -> Result<Self, FlowError> {
        let (commands, asked) = mpsc::channel(COMMANDS);
        let (link_events, heard) = mpsc::channel(LINK_EVENTS);
        let (findings, found) = mpsc::channel(FINDINGS);
        let (analysed, seen) = crossbeam::channel::bounded(ANALYSED);
        let (backlogs, kept) = mpsc::channel(1);
        let store = parts.store;
        let board = Arc::new(Board::default());
        let links = Links::new(link_events, LinkSettings::new(store.epoch()));

        let shared = Arc::<fleet::Shared>::default();
        let active = Arc::clone(&shared);
        let set_active = move |camera, is_active| active.set_active(camera, is_active);
        let lane = Lane::start(seen, findings, set_active, TrackerSettings::default())?;
        let fleet_parts =
            FleetParts { limits: parts.cameras, chains: parts.chains, inference: parts.inference, lane, analysed };
        let fleet = Fleet::start(fleet_parts, shared)?;

        let restored = AlarmBook::restore(store.open_alarms().await?, clock::now());
        let clips = Clips::new(fleet.handle(), parts.media_dir.clone(), commands.downgrade());
        let desk = Desk::new(
            restored,
            OrderBook::new(store.epoch()),
            links.clone(),
            Arc::clone(&board),
            parts.media_dir.clone(),
            clips.clone(),
            commands.downgrade(),
        );
        let store_healthy = Arc::new(AtomicBool::new(true));
        let writer = tokio::spawn(writer::run(store.clone(), kept, Arc::clone(&store_healthy)));
        let desk = tokio::spawn(desk.run(Inbox { commands: asked, links: heard, findings: found }, backlogs));
        let phases = tokio::spawn(pass_phases(fleet.handle(), commands.clone()));
        let control = Control::new(commands.clone(), fleet.handle(), store.clone(), board, parts.pipelines);
        let keeper = tokio::spawn(keeper::run(store.clone(), parts.media_dir, parts.keep));
        let escalator = tokio::spawn(escalator::run(store.clone(), commands.downgrade()));
        let flow =
            Self { control, links, fleet, commands, desk, writer, phases, clips, keeper, escalator, store_healthy };
        flow.take_up(&store).await?;
        Ok(flow)
    }

    async fn take_up(&self, store: &Store) -> Result<(), FlowError> {
        for device in store.devices().await? {
            self.commands.send(Command::Device { device: device.id, known: Some(device.to_ref()) }).await.ok();
        }
        for camera in store.cameras().await? {
            match self.control.camera_changed(camera.id).await {
                Ok(()) => {}
                Err(error @ (ControlError::UnknownPipeline(_) | ControlError::Camera(_))) => {
                    error!(camera = %camera.id, %error, "a registered camera cannot be run");
                }
                Err(error) => warn!(camera = %camera.id, %error, "a registered camera was not started"),
            }
        }
        Ok(())
    }

    /// The API's handle.
    #[must_use]
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// The hub that device sockets are given to.
    #[must_use]
    pub fn links(&self) -> Links {
        self.links.clone()
    }

    /// How each model that a camera needs runs, or why it does not.
    #[must_use]
    pub fn engines(&self) -> Engines {
        Engines(self.fleet.handle())
    }

    /// Whether the last batch was kept.
    #[must_use]
    pub fn store_healthy(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.store_healthy)
    }

    /// Ends along the arrows: cameras and engines, lane, desk (held lifts are released), links, writer.
    pub async fn stop(self) {
        let Self { control, links, fleet, commands, desk, writer, phases, clips, keeper, escalator, .. } = self;
        // Joining threads blocks; the desk goes on meanwhile and takes what still comes.
        let stopped = tokio::task::spawn_blocking(move || drop(fleet));
        if stopped.await.is_err() {
            error!("a thread of the frame path panicked while it was stopped");
        }
        phases.abort();
        keeper.abort();
        escalator.abort();
        if commands.send(Command::ShutDown).await.is_err() {
            error!("the desk had ended before it was told to");
        }
        drop((control, commands));
        for (name, task) in [("desk", desk), ("writer", writer)] {
            if task.await.is_err() {
                error!(name, "a task panicked");
            }
        }
        clips.finish().await;
        links.shut_down(LINKS_WAIT).await;
    }
}

/// Reads how the engines run; cheap to clone.
#[derive(Clone)]
pub struct Engines(fleet::FleetHandle);

impl Engines {
    /// Each model that a camera needs; by name.
    #[must_use]
    pub fn report(&self) -> Vec<PoolStatus> {
        self.0.engines()
    }
}

async fn pass_phases(fleet: fleet::FleetHandle, desk: mpsc::Sender<Command>) {
    loop {
        for report in fleet.phases().await {
            if desk.send(Command::Phase(report)).await.is_err() {
                return;
            }
        }
    }
}
