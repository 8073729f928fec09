//! The handle by which the API reaches the running system. Not here: HTTP, who may call.

use std::time::Duration;

use crate::{
    alarm::{Act, ActError, Alarm},
    base::{AlarmId, CameraId, DeviceId, Wall},
    camera::PhaseReport,
    device::LiftMode,
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
    #[error("the server is shutting down")]
    Closing,
}

/// Given to the API; cheap to clone.
#[derive(Clone)]
pub struct Control {}

impl Control {
    /// A person's act on an alarm: the changed alarm, durable, its orders on their way.
    ///
    /// # Errors
    /// The alarm is unknown or already closed; the store failed; shutting down.
    pub async fn act(
        &self,
        _alarm: AlarmId,
        _act: Act,
        _by: String,
        _note: Option<String>,
    ) -> Result<Alarm, ControlError> {
        Err(ControlError::Closing)
    }

    /// Starts, changes (without touching others) or stops a camera to match what the store holds for it now.
    ///
    /// # Errors
    /// The pipeline is unknown; the store failed; shutting down.
    pub async fn camera_changed(&self, _camera: CameraId) -> Result<(), ControlError> {
        Err(ControlError::Closing)
    }

    /// Takes over a device's registration, or its removal (its socket is closed), from the store.
    ///
    /// # Errors
    /// The store failed; shutting down.
    pub async fn device_changed(&self, _device: DeviceId) -> Result<(), ControlError> {
        Err(ControlError::Closing)
    }

    /// A camera's live state; `None` if it is not registered.
    #[must_use]
    pub fn camera(&self, _camera: CameraId) -> Option<CameraStatus> {
        None
    }

    /// A device's live state; `None` if it never connected since the start.
    #[must_use]
    pub fn device(&self, _device: DeviceId) -> Option<DeviceStatus> {
        None
    }
}
