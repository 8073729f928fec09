//! Points in time as plain values. Time is an argument everywhere: only [`super::clock`] asks the system.

use std::{
    ops::{Add, Sub},
    time::Duration,
};

/// A point on this process's monotonic clock, in microseconds since an arbitrary origin.
/// Never compared across processes or machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Mono(pub u64);

impl Mono {
    /// `ms` milliseconds after the origin.
    #[must_use]
    pub const fn from_ms(ms: u64) -> Self {
        Self(ms * 1000)
    }

    /// Time since `earlier`; zero if `earlier` lies ahead.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Mono {
    type Output = Self;

    fn add(self, d: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(d.as_micros()).unwrap_or(u64::MAX)))
    }
}

impl Sub<Duration> for Mono {
    type Output = Self;

    fn sub(self, d: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(d.as_micros()).unwrap_or(u64::MAX)))
    }
}

/// Calendar time, in milliseconds since the Unix epoch, UTC. It may jump; never used for leases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Wall(pub i64);

/// One moment on both clocks: what step functions take as their time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Now {
    pub mono: Mono,
    pub wall: Wall,
}

impl Now {
    /// `ms` after the origin of both clocks, for tables in tests.
    #[must_use]
    pub const fn from_ms(ms: u64) -> Self {
        Self { mono: Mono::from_ms(ms), wall: Wall(ms.cast_signed()) }
    }

    /// The calendar time of an earlier point on the monotonic clock.
    #[must_use]
    pub fn wall_of(self, then: Mono) -> Wall {
        let age = i64::try_from(self.mono.since(then).as_millis()).unwrap_or(i64::MAX);
        Wall(self.wall.0.saturating_sub(age))
    }
}
