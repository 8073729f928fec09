//! What every room shares: ids, units, geometry, time, secrets. Not here: anything that knows of cameras,
//! lifts or models; any I/O except [`clock`], the one place that asks the system for the time.

pub mod clock;
pub mod geometry;
pub mod ids;
pub mod secret;
pub mod time;

pub use geometry::{NormPoint, NormRect, PixelRect, Polygon, Size};
pub use ids::{AlarmId, CameraId, DeviceId, FrameSeq, OrderKey, PersonId, SiteId, SiteIdError, TokenId, TrackId};
pub use secret::Secret;
pub use time::{Mono, Now, Wall};
