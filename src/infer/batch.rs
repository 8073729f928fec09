//! Frames that go through a model together.

use crate::{base::CameraId, frame::Frame};

/// At least one frame, at most one per camera.
#[derive(Debug, Clone)]
pub struct Batch(Vec<Frame>);

/// Why frames are no batch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    #[error("a batch holds at least one frame")]
    Empty,
    #[error("a batch holds at most one frame of a camera, {0} has two")]
    Twice(CameraId),
}

impl Batch {
    /// Takes the frames, in order.
    ///
    /// # Errors
    /// There is none, or two are of one camera.
    pub fn new(frames: Vec<Frame>) -> Result<Self, BatchError> {
        if frames.is_empty() {
            return Err(BatchError::Empty);
        }
        for (i, frame) in frames.iter().enumerate() {
            if frames[..i].iter().any(|f| f.camera == frame.camera) {
                return Err(BatchError::Twice(frame.camera));
            }
        }
        Ok(Self(frames))
    }

    /// One frame alone.
    #[must_use]
    pub fn single(frame: Frame) -> Self {
        Self(vec![frame])
    }

    /// The frames, in order.
    #[must_use]
    pub fn frames(&self) -> &[Frame] {
        &self.0
    }

    /// The frames, in order.
    #[must_use]
    pub fn into_frames(self) -> Vec<Frame> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::{FrameSeq, Mono, Size},
        frame::still,
    };

    #[test]
    fn a_batch_is_never_empty_and_never_has_a_camera_twice() {
        let frame = |camera| Frame {
            camera: CameraId::from_u128(camera),
            seq: FrameSeq(1),
            captured: Mono(0),
            decoded: Mono(0),
            pixels: still::from_rgb(Size { width: 1, height: 1 }, &[0; 3]).unwrap(),
        };
        assert_eq!(Batch::new(vec![]).unwrap_err(), BatchError::Empty);
        assert_eq!(
            Batch::new(vec![frame(1), frame(2), frame(1)]).unwrap_err(),
            BatchError::Twice(CameraId::from_u128(1))
        );
        assert_eq!(Batch::new(vec![frame(1), frame(2)]).unwrap().frames().len(), 2);
    }
}
