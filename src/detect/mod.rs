//! What a model saw in a frame: labels, scores, boxes in fractions of the native picture. Not here: running models.

pub mod decode;
pub mod nms;
pub mod second;

use std::{fmt, sync::Arc};

use crate::base::{CameraId, FrameSeq, Mono, NormPoint, NormRect, Size};

/// A class name as the model's manifest spells it: `ebike`, `bicycle`, `wheelchair`, `person`, `face`, …
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Label(Arc<str>);

impl Label {
    /// Takes a name.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(Arc::from(name))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One object in one frame.
#[derive(Debug, Clone, PartialEq)]
pub struct Detection {
    pub label: Label,
    /// Confidence, 0..=1.
    pub score: f32,
    /// Box in fractions of the native picture, clamped to it.
    pub rect: NormRect,
    /// The same box's next-best classes, best first: what a rule's margin over rivals looks at.
    pub rivals: Vec<(Label, f32)>,
    /// Right eye, left eye, nose, right and left corner of the mouth; faces only.
    pub landmarks: Option<[NormPoint; 5]>,
}

/// When each step of a frame's path was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamps {
    pub captured: Mono,
    pub decoded: Mono,
    pub inferred: Mono,
}

/// Everything a model saw in one frame.
#[derive(Debug, Clone)]
pub struct Detections {
    pub camera: CameraId,
    pub seq: FrameSeq,
    /// Native size of the picture.
    pub size: Size,
    pub stamps: Stamps,
    pub items: Vec<Detection>,
}
