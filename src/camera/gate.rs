//! What goes into the decoder and what may come out of it, so that damage never spreads past the next key frame.
//! Not here: decoding.

use std::{collections::BTreeMap, time::Duration};

use crate::base::Mono;

/// How long to wait for a key frame before going on without one: a camera with very long groups of pictures, or
/// with rolling refresh instead of key frames, is better seen with flaws than not at all.
const PATIENCE: Duration = Duration::from_secs(1);

/// Packets that went into the decoder and have not come out; more than this many and the oldest count as lost.
const MAX_PENDING: usize = 64;

/// The state around one decoder.
#[derive(Debug)]
pub struct Gate {
    state: State,
    /// pts of packets in the decoder → when they arrived.
    pending: BTreeMap<Duration, Mono>,
    /// Whether any picture came out yet: leading pictures of an open group are not lost, they never were.
    begun: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Waits for a key frame, since the first packet it refused.
    Shut { since: Option<Mono> },
    /// Pictures from `from` on are good; `clean`: it began with a key frame.
    Open { from: Duration, clean: bool },
}

/// What came out of the decoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Out {
    /// When the picture's packet arrived; `None` for a picture nobody sent.
    pub arrived: Option<Mono>,
    /// May be shown to inference.
    pub good: bool,
    /// Packets before it that never became a picture, and it itself if it is damaged.
    pub corrupt: u64,
}

impl Default for Gate {
    fn default() -> Self {
        Self { state: State::Shut { since: None }, pending: BTreeMap::new(), begun: false }
    }
}

impl Gate {
    /// Whether a packet may go into the decoder.
    pub fn admits(&mut self, pts: Duration, key: bool, arrived: Mono) -> bool {
        match self.state {
            State::Open { clean: false, .. } | State::Shut { .. } if key => {
                self.state = State::Open { from: pts, clean: true };
            }
            State::Open { .. } => {}
            State::Shut { since: Some(since) } if arrived.since(since) >= PATIENCE => {
                self.state = State::Open { from: pts, clean: false };
            }
            State::Shut { since } => {
                self.state = State::Shut { since: since.or(Some(arrived)) };
                return false;
            }
        }
        self.pending.insert(pts, arrived);
        true
    }

    /// A picture came out.
    pub fn came_out(&mut self, pts: Duration, damaged: bool, now: Mono) -> Out {
        let arrived = self.pending.remove(&pts);
        let later = self.pending.split_off(&pts);
        let skipped = std::mem::replace(&mut self.pending, later);
        let from = match self.state {
            State::Open { from, .. } => Some(from),
            State::Shut { .. } => None,
        };
        // What was lost before the last key frame does no harm after it.
        let (lost, harm) = if self.begun {
            (skipped.len(), damaged || skipped.keys().any(|p| Some(*p) >= from))
        } else {
            (0, damaged)
        };
        self.begun = true;
        let corrupt = u64::try_from(lost).unwrap_or(0) + u64::from(damaged);
        let good = match self.state {
            State::Open { from, clean } => pts >= from && !(clean && harm),
            State::Shut { .. } => false,
        };
        if harm {
            self.harmed(pts, now);
        }
        Out { arrived, good, corrupt }
    }

    /// Packets that went in so long ago that they will never come out.
    #[must_use]
    pub fn overdue(&mut self, now: Mono) -> u64 {
        let mut lost = 0;
        while self.pending.len() > MAX_PENDING && self.pending.pop_first().is_some() {
            lost += 1;
        }
        if lost > 0 {
            self.harmed(Duration::MAX, now);
        }
        lost
    }

    /// The decoder was replaced, or a packet could not be given to it: wait for a key frame.
    pub fn shut(&mut self) {
        *self = Self::default();
    }

    fn harmed(&mut self, pts: Duration, now: Mono) {
        if let State::Open { from, clean: true } = self.state
            && pts >= from
        {
            self.state = State::Shut { since: Some(now) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// A line per step: `in PTS [key]` → admitted?; `out PTS [bad]` → good?, corrupt. Time is the last pts seen.
    fn check(script: &str) {
        let mut gate = Gate::default();
        for (at, line) in script.lines().map(str::trim).filter(|l| !l.is_empty()).enumerate() {
            let (step, expected) = line.split_once("->").unwrap();
            let words: Vec<&str> = step.split_whitespace().collect();
            let pts: u64 = words[1].parse().unwrap();
            let flag = words.len() > 2;
            let got = if words[0] == "in" {
                gate.admits(ms(pts), flag, Mono::from_ms(1000 + pts)).to_string()
            } else {
                let out = gate.came_out(ms(pts), flag, Mono::from_ms(1000 + pts));
                assert!(out.arrived.is_none_or(|a| a == Mono::from_ms(1000 + pts)));
                format!("{} {}", out.good, out.corrupt)
            };
            assert_eq!(got, expected.trim(), "step {at}: {line}");
        }
    }

    #[test]
    fn decoding_begins_at_a_key_frame() {
        check(
            "in 0 -> false\n in 40 -> false\n in 80 key -> true\n in 120 -> true\n out 80 -> true 0\n out 120 -> true 0",
        );
    }

    #[test]
    fn reordered_pictures_are_not_lost() {
        check(
            "in 0 key -> true\n in 120 -> true\n in 40 -> true\n in 80 -> true\n out 0 -> true 0\n out 40 -> true 0
             out 80 -> true 0\n out 120 -> true 0",
        );
    }

    #[test]
    fn after_a_lost_or_damaged_picture_nothing_is_shown_until_the_next_key_frame() {
        check(
            "in 0 key -> true\n in 40 -> true\n in 80 -> true\n out 0 -> true 0\n out 80 -> false 1
             in 120 -> false\n out 120 -> false 0\n in 160 key -> true\n in 200 -> true\n out 160 -> true 0\n out 200 -> true 0",
        );
        check(
            "in 0 key -> true\n in 40 -> true\n in 80 -> true\n out 0 -> true 0\n out 40 bad -> false 1\n out 80 -> false 0
             in 120 -> false\n in 160 key -> true\n out 160 -> true 0",
        );
    }

    #[test]
    fn without_key_frames_pictures_with_flaws_are_shown_after_a_second() {
        check(
            "in 0 -> false\n in 960 -> false\n in 1000 -> true\n in 1040 -> true\n out 1000 bad -> true 1\n in 1080 -> true
             out 1080 bad -> true 2\n in 1120 key -> true\n in 1160 -> true\n out 1120 -> true 0\n out 1160 bad -> false 1\n in 1200 -> false",
        );
    }

    #[test]
    fn a_decoder_that_gives_nothing_is_noticed() {
        let mut gate = Gate::default();
        let lost: u64 = (0..200)
            .map(|i| {
                let now = Mono::from_ms(i * 40);
                gate.admits(ms(i * 40), i % 50 == 0, now);
                gate.overdue(now)
            })
            .sum();
        assert!(lost > 0 && gate.pending.len() <= MAX_PENDING, "{lost}");
    }
}
