//! All threads and channels of the frame path: intake, engines, lanes, desk, and the fleet of cameras that feeds them.
//! Not here: what any of them decides.

pub mod control;
pub mod intake;
