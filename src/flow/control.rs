//! The handle by which the API reaches the running system. Not here: HTTP, who may call.

use std::{sync::Arc, time::Duration};

use tokio::sync::{mpsc, oneshot, watch};

use super::{
    board::Board,
    desk::Command,
    fleet::FleetHandle,
    pipeline::{Pipeline, Pipelines},
    sights::Sight,
};
use crate::{
    alarm::{Act, ActError, Alarm, Plan},
    base::{AlarmId, CameraId, DeviceId, Wall},
    camera::{PhaseReport, Tap},
    device::LiftMode,
    store::{CameraRecord, Store, StoreError},
};

/// A running camera, as REST, events and metrics show it.
#[derive(Debug, Clone, PartialEq)]
pub struct CameraStatus {
    pub phase: PhaseReport,
    /// Age of the newest decoded frame; `None` before the first.
    pub last_frame_age: Option<Duration>,
    /// Frames since the start: decoded, analysed, displaced by newer ones, expired before their turn.
    pub frames: FrameCounts,
    /// The decode chain in use, e.g. `software-h264`.
    pub decode: Option<String>,
    /// Times the connection was rebuilt since the camera was added.
    pub reconnects: u64,
    /// Why its pictures are not analysed, when they are not: the model is missing or broken.
    pub blind: Option<String>,
}

/// A running camera for those who watch it. Nobody who watches slows it.
#[derive(Clone)]
pub struct CameraView {
    /// What it sends, encoded.
    pub packets: Tap,
    /// Its newest analysed frame and what was seen in it.
    pub sights: watch::Receiver<Option<Sight>>,
}

/// What became of a camera's frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FrameCounts {
    pub decoded: u64,
    pub analysed: u64,
    pub displaced: u64,
    pub expired: u64,
}

/// A device's connection and what it last said of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct DeviceStatus {
    pub device: DeviceId,
    pub online: bool,
    pub since: Wall,
    pub vendor: Option<String>,
    pub model: Option<String>,
    pub firmware: Option<String>,
    /// Lifts only.
    pub mode: Option<LiftMode>,
    pub doors: Option<String>,
    pub floor: Option<String>,
    pub moving: Option<bool>,
    /// The last state word the device reported, e.g. `holding`.
    pub state: Option<String>,
}

/// Why the running system did not do what the API asked.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    #[error(transparent)]
    Act(#[from] ActError),
    #[error("the store could not keep it: {0}")]
    Store(String),
    #[error("the pipeline `{0}` is not known: see GET /api/v1/pipelines")]
    UnknownPipeline(String),
    #[error("the camera cannot be run as asked: {0}")]
    Camera(String),
    #[error("the server is shutting down")]
    Closing,
}

impl From<StoreError> for ControlError {
    fn from(error: StoreError) -> Self {
        Self::Store(error.to_string())
    }
}

/// Given to the API; cheap to clone.
#[derive(Clone)]
pub struct Control {
    desk: mpsc::Sender<Command>,
    fleet: FleetHandle,
    store: Store,
    board: Arc<Board>,
    pipelines: Arc<Pipelines>,
}

impl Control {
    pub(super) fn new(
        desk: mpsc::Sender<Command>,
        fleet: FleetHandle,
        store: Store,
        board: Arc<Board>,
        pipelines: Arc<Pipelines>,
    ) -> Self {
        Self { desk, fleet, store, board, pipelines }
    }

    /// A person's act on an alarm: the changed alarm, durable, its orders on their way.
    ///
    /// # Errors
    /// The alarm is unknown or already closed; the store failed; shutting down.
    pub async fn act(&self, alarm: AlarmId, act: Act, by: String, note: Option<String>) -> Result<Alarm, ControlError> {
        let known = self.store.alarm(alarm).await?.ok_or(ActError::Unknown)?;
        let (reply, answer) = oneshot::channel();
        self.tell(Command::Act { alarm: Box::new(known), act, by, note, reply }).await?;
        answer.await.map_err(|_| ControlError::Closing)?
    }

    /// Starts, changes (without touching others) or stops a camera to match what the store holds for it now.
    ///
    /// # Errors
    /// The pipeline is unknown; the store failed; shutting down.
    pub async fn camera_changed(&self, camera: CameraId) -> Result<(), ControlError> {
        let Some(record) = self.store.camera(camera).await? else {
            self.fleet.remove(camera).await?;
            return self.tell(Command::Plan { camera, plan: None }).await;
        };
        let pipeline = self.pipeline(&record.pipeline)?;
        if !record.enabled {
            self.fleet.apply(record, pipeline).await?;
            return self.tell(Command::Plan { camera, plan: None }).await;
        }
        let plan = self.plan(&record, &pipeline).await?;
        // The plan first: a finding must never come before what follows it is known.
        self.tell(Command::Plan { camera, plan: Some(Arc::new(plan)) }).await?;
        self.fleet.apply(record, pipeline).await
    }

    /// Takes over a device's registration, or its removal (its socket is closed), from the store.
    ///
    /// # Errors
    /// The store failed; shutting down.
    pub async fn device_changed(&self, device: DeviceId) -> Result<(), ControlError> {
        let known = self.store.device(device).await?.map(|record| record.to_ref());
        self.tell(Command::Device { device, known }).await?;
        for record in self.store.cameras().await? {
            if record.enabled && record.devices.contains(&device) {
                let pipeline = self.pipeline(&record.pipeline)?;
                let plan = self.plan(&record, &pipeline).await?;
                self.tell(Command::Plan { camera: record.id, plan: Some(Arc::new(plan)) }).await?;
            }
        }
        Ok(())
    }

    /// Ends a device's connection: the token that opened it is no longer good.
    ///
    /// # Errors
    /// Shutting down.
    pub async fn device_cut(&self, device: DeviceId) -> Result<(), ControlError> {
        self.tell(Command::Cut { device }).await
    }

    /// A camera's live state; `None` if it is not registered.
    #[must_use]
    pub fn camera(&self, camera: CameraId) -> Option<CameraStatus> {
        self.fleet.status(camera)
    }

    /// What a camera sends and what is seen in it; `None` if it does not run.
    #[must_use]
    pub fn view(&self, camera: CameraId) -> Option<CameraView> {
        self.fleet.view(camera)
    }

    /// A device's live state; `None` if it never connected since the start.
    #[must_use]
    pub fn device(&self, device: DeviceId) -> Option<DeviceStatus> {
        self.board.device(device)
    }

    fn pipeline(&self, name: &str) -> Result<Arc<Pipeline>, ControlError> {
        self.pipelines.get(name).cloned().ok_or_else(|| ControlError::UnknownPipeline(name.to_owned()))
    }

    async fn plan(&self, record: &CameraRecord, pipeline: &Pipeline) -> Result<Plan, ControlError> {
        let mut devices = Vec::with_capacity(record.devices.len());
        for id in &record.devices {
            // A device that was removed since answers nothing; the registry keeps the rest.
            devices.extend(self.store.device(*id).await?.map(|d| d.to_ref()));
        }
        Ok(pipeline.plan_for(record, devices))
    }

    async fn tell(&self, command: Command) -> Result<(), ControlError> {
        self.desk.send(command).await.map_err(|_| ControlError::Closing)
    }
}
