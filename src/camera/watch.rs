//! The watchdog's judgement: is this connection coming up, live, stalled, or over? Not here: clocks, tearing down.

use super::{CameraLimits, Failure, Phase};
use crate::base::Mono;

/// What has been seen of the current connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seen {
    /// When the newest packet arrived.
    pub packet: Option<Mono>,
    /// When the newest good picture was decoded.
    pub frame: Option<Mono>,
}

/// One connection's standing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Watch {
    limits: CameraLimits,
    began: Mono,
    live_since: Option<Mono>,
    stalled: Option<Mono>,
}

/// What to do now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Wait,
    /// Pictures come (again): report it.
    Live,
    /// No picture, but packets come: report it and give the stream a new decoder.
    Rebuild(Failure),
    /// Tear down and reconnect.
    GiveUp(Failure),
}

impl Watch {
    /// A connection begins.
    #[must_use]
    pub const fn new(limits: CameraLimits, now: Mono) -> Self {
        Self { limits, began: now, live_since: None, stalled: None }
    }

    /// Where the connection stands.
    #[must_use]
    pub const fn phase(&self) -> Phase {
        match (self.live_since, self.stalled) {
            (_, Some(_)) => Phase::Stalled,
            (Some(_), None) => Phase::Live,
            (None, None) => Phase::Connecting,
        }
    }

    /// When the first picture came.
    #[must_use]
    pub const fn live_since(&self) -> Option<Mono> {
        self.live_since
    }

    /// Looks at what was seen until `now`.
    #[must_use]
    pub fn step(&mut self, seen: Seen, now: Mono) -> Verdict {
        let watchdog = self.limits.watchdog;
        if self.live_since.is_none() {
            if seen.frame.is_some() {
                self.live_since = Some(now);
                return Verdict::Live;
            }
            if now.since(self.began) < self.limits.connect {
                return Verdict::Wait;
            }
            let waited = self.limits.connect;
            let damaged = seen.packet.is_some();
            return Verdict::GiveUp(if damaged { Failure::Damaged(waited) } else { Failure::Timeout(waited) });
        }
        if let Some(since) = self.stalled {
            return if seen.frame > Some(since) {
                self.stalled = None;
                Verdict::Live
            } else if now.since(since) >= watchdog {
                Verdict::GiveUp(Failure::Damaged(now.since(seen.frame.unwrap_or(since))))
            } else {
                Verdict::Wait
            };
        }
        let dark = now.since(seen.frame.unwrap_or(self.began));
        if dark < watchdog {
            return Verdict::Wait;
        }
        self.stalled = Some(now);
        if seen.packet.is_some_and(|p| now.since(p) < watchdog / 2) {
            Verdict::Rebuild(Failure::Damaged(dark))
        } else {
            Verdict::GiveUp(Failure::Silent(dark))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const LIMITS: CameraLimits = CameraLimits {
        ring_span: Duration::from_secs(6),
        ring_bytes: 16 << 20,
        watchdog: Duration::from_secs(2),
        connect: Duration::from_secs(10),
        back_off_max: Duration::from_secs(30),
    };

    type Step = (u64, Option<u64>, Option<u64>, &'static str, Phase);

    /// Steps of (now, newest packet, newest frame, verdict, phase), in ms since the connection began.
    fn check(steps: &[Step]) {
        let at = |ms: u64| Mono::from_ms(5000 + ms);
        let mut watch = Watch::new(LIMITS, at(0));
        for &(now, packet, frame, expected, phase) in steps {
            let verdict = match watch.step(Seen { packet: packet.map(at), frame: frame.map(at) }, at(now)) {
                Verdict::Wait => "wait".to_owned(),
                Verdict::Live => "live".to_owned(),
                Verdict::Rebuild(f) => format!("rebuild {}", f.code()),
                Verdict::GiveUp(f) => format!("give up {}", f.code()),
            };
            assert_eq!((verdict.as_str(), watch.phase()), (expected, phase), "at {now} of {steps:?}");
        }
    }

    #[test]
    fn a_connection_comes_up_or_is_given_up() {
        use Phase::{Connecting, Live};
        check(&[
            (0, None, None, "wait", Connecting),
            (9999, None, None, "wait", Connecting),
            (10_000, None, None, "give up timeout", Connecting),
        ]);
        check(&[
            (9000, Some(8990), None, "wait", Connecting),
            (10_000, Some(9990), None, "give up damaged", Connecting),
        ]);
        check(&[
            (500, Some(400), Some(410), "live", Live),
            (600, Some(590), Some(595), "wait", Live),
            (2594, Some(590), Some(595), "wait", Live),
        ]);
    }

    #[test]
    fn silence_and_damage_are_told_apart() {
        use Phase::{Live, Stalled};
        check(&[(500, Some(400), Some(400), "live", Live), (2400, Some(400), Some(400), "give up silent", Stalled)]);
        check(&[
            (500, Some(400), Some(400), "live", Live),
            (2400, Some(2390), Some(400), "rebuild damaged", Stalled),
            (2500, Some(2490), Some(400), "wait", Stalled),
            (2600, Some(2590), Some(2550), "live", Live),
            (4550, Some(4540), Some(2550), "rebuild damaged", Stalled),
            (6549, Some(6540), Some(2550), "wait", Stalled),
            (6550, Some(6540), Some(2550), "give up damaged", Stalled),
        ]);
    }
}
