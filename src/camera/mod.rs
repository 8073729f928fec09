//! Cameras: what one is, its phases, back-off, packets, ring. `gst.rs` is the only file that names gstreamer.
//! Not here: what is in the pictures.

use std::{fmt, sync::Arc, time::Duration};

use crate::{
    base::{CameraId, Secret, Wall},
    frame::Frame,
};

/// How RTP travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Transport {
    /// Interleaved in the RTSP connection: survives firewalls and loss. The default.
    #[default]
    Tcp,
    Udp,
}

/// Where a camera's stream is: `rtsp://`, `rtsps://` or `file://`. Credentials are kept apart, never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct CameraUri {
    /// Without user and password.
    location: String,
    user: Option<String>,
    password: Option<Secret>,
}

/// A camera as the frame path needs it.
#[derive(Debug, Clone, PartialEq)]
pub struct CameraSpec {
    pub id: CameraId,
    pub uri: CameraUri,
    pub transport: Transport,
    /// Name of a decode chain that overrides the automatic choice.
    pub decode: Option<String>,
    /// Frames per second offered to inference while nothing happens, and from the first suspicion.
    pub idle_fps: f32,
    pub active_fps: f32,
    pub enabled: bool,
}

/// Where a camera's connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    Connecting,
    Live,
    Stalled,
    BackOff,
    Disabled,
}

impl Phase {
    /// All phases' names, for metrics.
    pub const NAMES: [&'static str; 5] = ["connecting", "live", "stalled", "back_off", "disabled"];

    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Live => "live",
            Self::Stalled => "stalled",
            Self::BackOff => "back_off",
            Self::Disabled => "disabled",
        }
    }
}

/// A phase with its reason and since when: REST, events and metrics read the same value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhaseReport {
    pub camera: CameraId,
    pub phase: Phase,
    /// What a person should know and do, e.g. `refused: nothing listens at 10.0.0.7:554`.
    pub reason: String,
    pub since: Wall,
}

/// Where a camera's frames and phases go. Called on GStreamer's and the camera's own threads: never blocks.
pub trait CameraSink: Send + Sync {
    /// A decoded frame.
    fn frame(&self, frame: Frame);
    /// The phase changed.
    fn phase(&self, report: PhaseReport);
}

/// Shared by every camera.
pub type SharedSink = Arc<dyn CameraSink>;

/// Limits of a camera's life; one set for all cameras.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CameraLimits {
    /// No frame for this long means stalled: tear down and reconnect (default 2 s).
    pub watchdog: Duration,
    /// From asking for a connection to the first frame (default 10 s).
    pub connect: Duration,
    /// The longest pause between two tries (default 30 s); jittered.
    pub back_off_max: Duration,
}

impl CameraUri {
    /// From parts that were checked before, as the store keeps them.
    #[must_use]
    pub fn from_parts(location: String, user: Option<String>, password: Option<Secret>) -> Self {
        Self { location, user, password }
    }

    /// The address without user and password.
    #[must_use]
    pub fn location(&self) -> &str {
        &self.location
    }

    /// The user name, if one was given.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// The password, if one was given.
    #[must_use]
    pub fn password(&self) -> Option<&Secret> {
        self.password.as_ref()
    }
}

impl fmt::Debug for CameraUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.location)
    }
}
