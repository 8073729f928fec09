//! Scene → Finding: zone, confirmation, certainty, margin over rivals, clearing, schedule.
//! Not here: clocks, I/O, what follows a finding.

mod face;
pub mod schedule;
mod settings;
mod state;
mod vehicle;
mod zone;

pub use settings::{FaceSettings, RuleSettings, SettingsError, VehicleSettings, Watch};
pub use state::Rule;
pub use zone::Inside;

use crate::{
    base::{CameraId, FrameSeq, NormRect, TrackId},
    detect::{Label, Stamps},
};

/// What a rule concluded from a scene. Nothing after this point is ever dropped.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    pub camera: CameraId,
    /// Name of the rule that found it, e.g. `ebike_in_lift`.
    pub rule: Label,
    pub kind: FindingKind,
    /// The frame it was concluded from.
    pub seq: FrameSeq,
    pub stamps: Stamps,
}

/// The kinds of finding.
#[derive(Debug, Clone, PartialEq)]
pub enum FindingKind {
    /// A first sign: sample at full rate.
    Suspected,
    /// Suspicion ended without confirmation, or a stay ended: sample slowly again.
    Calm,
    /// N of the last M analysed frames showed the target in the zone, ahead of its rivals: a stay begins.
    Confirmed(Sighting),
    /// This analysed frame shows the target of a confirmed stay; what a lease's renewal rests on.
    Present(Sighting),
    /// The stay is over: nothing of it seen for the clear delay.
    Cleared { track: TrackId },
    /// A face was found at a gate (once per track).
    Face(Sighting),
}

/// Where and how surely the target was seen in one frame.
#[derive(Debug, Clone, PartialEq)]
pub struct Sighting {
    pub track: TrackId,
    pub label: Label,
    pub score: f32,
    pub rect: NormRect,
    /// What the stay follows is sure enough to hold a lift.
    pub certain: bool,
}
