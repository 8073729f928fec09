//! All threads and channels of the frame path: intake, engines, lanes, desk, and the fleet of cameras that feeds them.
//! Not here: what any of them decides.

pub mod control;
pub mod engine;
pub mod intake;
pub mod lane;
pub mod pipeline;

use crate::{detect::Detections, frame::Frame};

/// A frame and what the model saw in it: from the engines to the lane.
#[derive(Debug, Clone)]
pub struct Analysed {
    pub frame: Frame,
    pub detections: Detections,
}
