//! How long to wait before the next try. Not here: waiting, randomness (it is an argument).

use std::time::Duration;

/// The first pause, before jitter.
const FIRST: Duration = Duration::from_millis(500);

/// A connection that lasted this long was healthy: the next pause is a first one again.
const HEALTHY: Duration = Duration::from_secs(10);

/// How many tries have failed in a row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BackOff {
    failures: u32,
}

impl BackOff {
    /// A connection ended, after `live` of pictures (zero when none came). Gives the next state and the pause
    /// before the next try: doubling from 0.5 s to `max`, of which the second half is random ("equal jitter",
    /// Brooker, *Exponential Backoff and Jitter*, AWS 2015). `random` is in 0..=1.
    #[must_use]
    pub fn failed(self, live: Duration, max: Duration, random: f64) -> (Self, Duration) {
        let failures = if live >= HEALTHY { 0 } else { self.failures };
        let full = FIRST.saturating_mul(1_u32.checked_shl(failures.min(20)).unwrap_or(u32::MAX)).min(max);
        let pause = full.mul_f64(0.5 + random.clamp(0.0, 1.0) / 2.0);
        (Self { failures: failures.saturating_add(1) }, pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(steps: &[(u64, f64, u64)], max_s: u64) {
        let mut state = BackOff::default();
        for (at, &(live_s, random, expected_ms)) in steps.iter().enumerate() {
            let (next, pause) = state.failed(Duration::from_secs(live_s), Duration::from_secs(max_s), random);
            assert_eq!(pause.as_millis(), u128::from(expected_ms), "step {at} of {steps:?}");
            state = next;
        }
    }

    #[test]
    fn pauses_double_up_to_the_cap_and_start_again_after_health() {
        check(&[(0, 1.0, 500), (0, 1.0, 1000), (0, 1.0, 2000), (0, 1.0, 4000)], 30);
        check(&[(0, 0.0, 250), (0, 0.0, 500), (0, 0.5, 1500)], 30);
        check(&[(0, 1.0, 500), (0, 1.0, 1000), (0, 1.0, 2000), (0, 1.0, 2000), (0, 1.0, 2000)], 2);
        check(&[(0, 1.0, 500), (0, 1.0, 1000), (9, 1.0, 2000), (10, 1.0, 500), (3600, 1.0, 500)], 30);
    }

    #[test]
    fn a_camera_that_is_off_for_years_never_waits_longer_than_the_cap() {
        let max = Duration::from_secs(30);
        let last = (0..100_000).fold(BackOff { failures: u32::MAX - 5 }, |state, i| {
            let (next, pause) = state.failed(Duration::ZERO, max, f64::from(i % 11) / 10.0);
            assert!((max / 2..=max).contains(&pause));
            next
        });
        assert_eq!(last.failures, u32::MAX);
    }
}
