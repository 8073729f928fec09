//! What the API asks of the running system. `flow::control::Control` is the real one.

use futures_util::future::BoxFuture;

use crate::{
    alarm::{Act, Alarm},
    base::{AlarmId, CameraId, DeviceId},
    flow::control::{CameraStatus, CameraView, Control, ControlError, DeviceStatus},
};

/// The running system; see [`Control`] for what each does.
pub trait Live: Send + Sync + 'static {
    fn act(
        &self,
        alarm: AlarmId,
        act: Act,
        by: String,
        note: Option<String>,
    ) -> BoxFuture<'_, Result<Alarm, ControlError>>;
    fn camera_changed(&self, camera: CameraId) -> BoxFuture<'_, Result<(), ControlError>>;
    fn device_changed(&self, device: DeviceId) -> BoxFuture<'_, Result<(), ControlError>>;
    fn device_cut(&self, device: DeviceId) -> BoxFuture<'_, Result<(), ControlError>>;
    fn camera(&self, camera: CameraId) -> Option<CameraStatus>;
    fn view(&self, camera: CameraId) -> Option<CameraView>;
    fn device(&self, device: DeviceId) -> Option<DeviceStatus>;
}

impl Live for Control {
    fn act(
        &self,
        alarm: AlarmId,
        act: Act,
        by: String,
        note: Option<String>,
    ) -> BoxFuture<'_, Result<Alarm, ControlError>> {
        Box::pin(Self::act(self, alarm, act, by, note))
    }

    fn camera_changed(&self, camera: CameraId) -> BoxFuture<'_, Result<(), ControlError>> {
        Box::pin(Self::camera_changed(self, camera))
    }

    fn device_changed(&self, device: DeviceId) -> BoxFuture<'_, Result<(), ControlError>> {
        Box::pin(Self::device_changed(self, device))
    }

    fn device_cut(&self, device: DeviceId) -> BoxFuture<'_, Result<(), ControlError>> {
        Box::pin(Self::device_cut(self, device))
    }

    fn camera(&self, camera: CameraId) -> Option<CameraStatus> {
        Self::camera(self, camera)
    }

    fn view(&self, camera: CameraId) -> Option<CameraView> {
        Self::view(self, camera)
    }

    fn device(&self, device: DeviceId) -> Option<DeviceStatus> {
        Self::device(self, device)
    }
}
