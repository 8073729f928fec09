//! Which decoded frames are offered to inference. Not here: what becomes of them.

use std::time::Duration;

use crate::base::Mono;

/// Thins a camera's frames to a rate, on an even grid.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sampler {
    due: Option<Mono>,
}

impl Sampler {
    /// Whether the frame captured at `captured` is offered at `fps` frames per second. A frame up to a quarter
    /// of a period early is taken, so that jitter does not halve the rate of a camera that sends just `fps`.
    /// A rate that is not above 0 offers nothing.
    pub fn offers(&mut self, captured: Mono, fps: f32) -> bool {
        if !(fps > 0.0 && fps.is_finite()) {
            return false;
        }
        let period = Duration::from_secs_f32(1.0 / fps.clamp(0.001, 1000.0));
        // A due time further ahead than a period was set at a slower rate: the rate has just gone up.
        let due = self.due.map_or(captured, |due| due.min(captured + period));
        if captured + period / 4 < due {
            self.due = Some(due);
            return false;
        }
        let next = due + period;
        // After a gap the grid begins anew instead of catching up.
        self.due = Some(if next < captured { captured + period } else { next });
        true
    }
}

/// A stream's own frame rate, from the presentation times of its packets (in any order).
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Rate {
    window: Option<(Duration, Duration, u32)>,
    fps: f32,
    settled: bool,
}

impl Rate {
    /// Takes the next packet's presentation time.
    pub fn packet(&mut self, pts: Duration) {
        let (first, last, count) = match self.window {
            Some((first, last, count))
                if pts + Duration::from_secs(5) > last && last < first + Duration::from_secs(5) =>
            {
                (first.min(pts), last.max(pts), count + 1)
            }
            _ => (pts, pts, 1),
        };
        let span = last.saturating_sub(first);
        // A new window speaks only when it is long enough to be exact; the first one sooner, better than nothing.
        self.settled |= span >= Duration::from_secs(2);
        let enough = Duration::from_millis(if self.settled { 2000 } else { 150 });
        if span >= enough {
            self.fps = f32::from(u16::try_from(count - 1).unwrap_or(u16::MAX)) / span.as_secs_f32();
        }
        self.window = Some((first, last, count));
    }

    /// Frames per second; 0 before enough was seen.
    #[must_use]
    pub const fn fps(&self) -> f32 {
        self.fps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frames every `gap_ms` with jitter; gives how many of them are offered at `fps`.
    fn check(gap_ms: u64, jitter_ms: u64, count: u64, fps: f32, expected: std::ops::RangeInclusive<usize>) {
        let mut sampler = Sampler::default();
        let offered = (0..count)
            .filter(|i| {
                let late = if i % 2 == 0 { jitter_ms } else { 0 };
                sampler.offers(Mono::from_ms(1000 + i * gap_ms + late), fps)
            })
            .count();
        assert!(expected.contains(&offered), "{gap_ms} ms ± {jitter_ms} at {fps}: {offered} of {count}");
    }

    #[test]
    fn the_rate_holds_whatever_the_camera_sends() {
        check(40, 0, 250, 5.0, 50..=51); // 10 s of 25 fps
        check(40, 15, 250, 5.0, 49..=51);
        check(40, 0, 250, 25.0, 250..=250);
        check(40, 9, 250, 25.0, 248..=250);
        check(100, 20, 100, 10.0, 98..=100);
        check(40, 0, 250, 1000.0, 250..=250);
        check(1000, 0, 10, 5.0, 10..=10);
        check(40, 0, 250, 0.0, 0..=0);
        check(40, 0, 250, f32::NAN, 0..=0);
    }

    #[test]
    fn a_higher_rate_takes_effect_at_once() {
        let mut sampler = Sampler::default();
        assert!(sampler.offers(Mono::from_ms(1000), 0.5));
        assert!(!sampler.offers(Mono::from_ms(1040), 0.5));
        let offered = (2..27).filter(|i| sampler.offers(Mono::from_ms(1000 + i * 40), 12.5)).count();
        assert!((12..=13).contains(&offered), "{offered}");
    }

    #[test]
    fn the_streams_own_rate_is_found_whatever_the_order() {
        let mut rate = Rate::default();
        assert!(rate.fps().abs() < 1e-6);
        for i in 0..300_u64 {
            let place = if i % 2 == 0 { i + 1 } else { i - 1 };
            rate.packet(Duration::from_millis(place * 40));
            if i > 30 {
                assert!((rate.fps() - 25.0).abs() < 1.5, "{} at {i}", rate.fps());
            }
        }
        // A new connection begins at zero again.
        for i in 0..50_u64 {
            rate.packet(Duration::from_millis(i * 100));
        }
        assert!((rate.fps() - 10.0).abs() < 0.1, "{}", rate.fps());
    }
}
