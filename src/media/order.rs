//! Decoding times. A camera's packets carry the time at which a picture is shown; an MP4 file wants the time at which
//! it is decoded too, which never goes back. They differ where pictures are shown in another order than they are sent
//! (B-frames). Not here: clocks, boxes.

/// 90 000 a second: RTP's clock for video, and the time scale of every file made here.
pub(super) const TICKS: u32 = 90_000;

/// A picture's time until it is known better: 1/25 s.
pub(super) const USUAL: u64 = TICKS as u64 / 25;

/// Decoding times never come closer than this: 1 ms.
const LEAST: i64 = TICKS as i64 / 1000;

/// The deepest order that is followed: the most reference pictures that H.264 and H.265 allow.
const DEEPEST: usize = 16;

/// Gives packets their decoding times as they come, in ticks.
#[derive(Debug, Clone, Default)]
pub(super) struct Order {
    /// How many pictures that are sent earlier are shown later, as far as seen: 0 without B-frames.
    depth: usize,
    /// The latest times shown, smallest first; `DEEPEST` + 1 at most.
    latest: Vec<i64>,
    last: Option<i64>,
}

impl Order {
    /// For a stream whose next pictures are known to be shown at `pts`: the first decoding time is early enough.
    #[must_use]
    pub(super) fn knowing(pts: &[i64]) -> Self {
        let mut trial = Self::default();
        for pts in pts {
            trial.next(*pts);
        }
        Self { depth: trial.depth, ..Self::default() }
    }

    /// The decoding time of the next packet: grows always, and is not after `pts` once the depth is known.
    pub(super) fn next(&mut self, pts: i64) -> i64 {
        let at = self.latest.partition_point(|earlier| *earlier <= pts);
        self.depth = self.depth.max(self.latest.len() - at).min(DEEPEST);
        self.latest.insert(at, pts);
        if self.latest.len() > DEEPEST + 1 {
            self.latest.remove(0);
        }
        // With depth d, a picture is decoded when the one that is the (d + 1)th from the end is shown.
        let due = if let Some(due) = self.latest.len().checked_sub(self.depth + 1).and_then(|at| self.latest.get(at)) {
            *due
        } else {
            let missing = i64::try_from(self.depth + 1 - self.latest.len()).unwrap_or(0);
            self.latest.first().copied().unwrap_or(pts) - missing * USUAL.cast_signed()
        };
        let dts = self.last.map_or(due, |last| due.max(last + LEAST));
        self.last = Some(dts);
        dts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Times in pictures of 1/25 s.
    fn check(shown: &[i64], known: bool, decoded: &[i64]) {
        let one = USUAL.cast_signed();
        let pts: Vec<i64> = shown.iter().map(|p| p * one).collect();
        let mut order = if known { Order::knowing(&pts) } else { Order::default() };
        let dts: Vec<i64> = pts.iter().map(|p| order.next(*p)).collect();
        assert!(dts.windows(2).all(|w| w[1] > w[0]), "{shown:?}: {dts:?}");
        assert_eq!(dts.iter().map(|d| d.div_euclid(one)).collect::<Vec<_>>(), decoded, "{shown:?}");
        if known {
            assert!(dts.iter().zip(&pts).all(|(d, p)| d <= p), "{shown:?}: {dts:?}");
        }
    }

    #[test]
    fn decoding_times_grow_and_precede_what_is_shown() {
        check(&[0, 1, 2, 3, 4], true, &[0, 1, 2, 3, 4]);
        check(&[0, 1, 2, 5, 6], true, &[0, 1, 2, 5, 6]);
        check(&[0, 3, 1, 2, 6, 4, 5, 9], true, &[-1, 0, 1, 2, 3, 4, 5, 6]);
        check(&[0, 4, 2, 1, 3, 8, 6, 5, 7], true, &[-2, -1, 0, 1, 2, 3, 4, 5, 6]);
        // Learnt on the way: late for a moment, then the same.
        check(&[0, 3, 1, 2, 6, 4, 5, 9, 7, 8], false, &[0, 3, 3, 3, 3, 4, 5, 6, 7, 8]);
    }

    #[test]
    fn the_same_time_twice_still_goes_on() {
        let mut order = Order::default();
        let dts: Vec<i64> = [0, 0, 0, 9000].map(|p| order.next(p)).into();
        assert_eq!(dts, [0, 90, 180, 9000]);
    }
}
