//! The one place that asks the system for the time.

use std::{
    sync::OnceLock,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use super::time::{Mono, Now, Wall};

/// The time now, on both clocks.
#[must_use]
pub fn now() -> Now {
    Now { mono: mono(), wall: wall() }
}

/// The time now on the monotonic clock. The origin is the first call, less an hour, so that
/// subtracting a short time never meets zero.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one home of Instant::now")]
pub fn mono() -> Mono {
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    let origin = *ORIGIN.get_or_init(Instant::now);
    let us = u64::try_from(origin.elapsed().as_micros()).unwrap_or(u64::MAX);
    Mono(us.saturating_add(3_600_000_000))
}

/// The calendar time now.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one home of SystemTime::now")]
pub fn wall() -> Wall {
    let ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis());
    Wall(i64::try_from(ms).unwrap_or(i64::MAX))
}
