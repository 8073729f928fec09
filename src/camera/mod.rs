//! Cameras: what one is, its phases, back-off, packets, ring. `gst.rs` is the only file that names gstreamer.
//! Not here: what is in the pictures.
//!
//! ```text
//! gst::Receive ──AccessUnit──▶ Feed: ring, gate ──Packet──▶ gst::Decode ──Picture──▶ gate, sampler ──Frame──▶ CameraSink
//!      ▲ started, watched, torn down by one thread per camera (life.rs), judged by watch.rs and back_off.rs
//! ```

pub mod back_off;
pub mod chains;
mod diagnose;
mod failure;
mod feed;
pub mod gate;
mod gst;
mod life;
pub mod packet;
mod probe;
pub mod sampling;
pub mod tap;
mod uri;
pub mod watch;

use std::{sync::Arc, time::Duration};

pub use chains::DecodeChains;
pub use failure::Failure;
pub use gst::{AccessUnit, read_clip};
pub use life::{Camera, CameraStats};
pub use packet::{Codec, Packet};
pub use probe::{Probe, probe};
pub use tap::Tap;
pub use uri::{CameraUri, Scheme, UriError};

use crate::{
    base::{CameraId, Wall},
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
    /// How much of the past is kept encoded (default 6 s), and the group of pictures before it: what the clip of an
    /// alarm begins with.
    pub ring_span: Duration,
    /// At most so much of it (default 16 MiB): a camera whose stream is larger keeps less of the past.
    pub ring_bytes: usize,
}
