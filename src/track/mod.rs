//! Detections → Scene: association, motion, track life. Not here: what a track means, clocks, I/O.

mod assign;
mod motion;
mod tracker;

pub use tracker::{Tracker, TrackerSettings};

use crate::{
    base::{CameraId, FrameSeq, Mono, NormPoint, NormRect, Size, TrackId},
    detect::{Label, Stamps},
};

/// One object followed over frames.
#[derive(Debug, Clone, PartialEq)]
pub struct Track {
    pub id: TrackId,
    /// The label with the most evidence so far.
    pub label: Label,
    /// Score of `label` in this frame; the last seen one while the track coasts.
    pub score: f32,
    pub rect: NormRect,
    /// Whether a detection of this frame belongs to the track (false: coasting on its motion).
    pub seen: bool,
    pub first_seen: Mono,
    pub last_seen: Mono,
    /// Per label the smoothed score, best first: `label` and its rivals.
    pub evidence: Vec<(Label, f32)>,
    pub landmarks: Option<[NormPoint; 5]>,
}

/// One frame's tracks.
#[derive(Debug, Clone)]
pub struct Scene {
    pub camera: CameraId,
    pub seq: FrameSeq,
    pub size: Size,
    pub stamps: Stamps,
    pub tracks: Vec<Track>,
}
