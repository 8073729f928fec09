//! One lift serving one alarm: leases, renewals, the cap, and what is truly known of it.
//! Not here: which alarm deserves a stop, timelines.
//!
//! A *run* is a stretch of time during which the lift may be held because of us. It begins with the first stop
//! ordered and ends when the lift says it is free after our release, or when the last order's lease must have
//! ended even if the order reached the lift at the last moment it was worth anything. Runs add up against the
//! cap; the last leases are cut so that the cap holds even if the release that ends it never arrives. A lift that
//! refuses or is silent uses up its cap as well: what it did is not known, and a person is needed anyway.

use std::time::Duration;

use super::{Hold, LiftState};
use crate::{
    base::Mono,
    device::{DeviceRef, LiftMode, OrderState},
};

/// A lease shorter than this is not worth an order.
const SHORTEST_LEASE: Duration = Duration::from_millis(500);
/// A lift that was told to let go has this long to say that it did, before the clock decides.
const ANSWER: Duration = Duration::from_secs(1);

#[derive(Debug, Clone)]
struct Run {
    since: Mono,
    /// When the newest stop of this run was ordered.
    ordered: Mono,
    /// When the lift must be free if nothing more is ordered.
    free_at: Mono,
    renewals: u32,
    sent: bool,
}

/// A lift and what it was asked to do for one alarm.
#[derive(Debug, Clone)]
pub(super) struct LiftHold {
    pub(super) device: DeviceRef,
    pub(super) state: LiftState,
    /// Never again for this alarm: a person or the cap released it.
    pub(super) barred: bool,
    run: Option<Run>,
    used: Duration,
    not_before: Mono,
    /// A release was ordered after the newest stop.
    releasing: bool,
}

/// Whether a stop may be ordered now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// Order it with this lease; it must reach the lift within `expires_in`.
    Order { lease: Duration, expires_in: Duration, first: bool },
    /// Nothing to do yet.
    NotDue,
    /// The lift's mode outranks us.
    Mode(LiftMode),
}

/// A run that ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ended {
    pub(super) renewals: u32,
    pub(super) held: Duration,
    /// The lift had not told us before: its lease is known to be over only by the clock.
    pub(super) by_clock: bool,
}

/// How long a stop may be on its way and still be worth something: no longer than the frame it rests on is.
fn transit(hold: &Hold) -> Duration {
    hold.fresh.min(hold.lease)
}

fn shortest(hold: &Hold) -> Duration {
    SHORTEST_LEASE.min(hold.lease)
}

impl LiftHold {
    /// `used`: what earlier runs (before a restart of the server) have already taken of the cap.
    pub(super) fn new(device: DeviceRef, used: Duration) -> Self {
        Self { device, state: LiftState::None, barred: false, run: None, used, not_before: Mono(0), releasing: false }
    }

    /// Whether the lift may be held because of us.
    pub(super) fn may_hold(&self) -> bool {
        self.run.is_some()
    }

    /// Whether it may be held and no release is on its way.
    pub(super) fn is_active(&self) -> bool {
        self.run.is_some() && !self.releasing
    }

    /// Ends the run when its last lease must be over.
    pub(super) fn settle(&mut self, now: Mono) -> Option<Ended> {
        let run = self.run.take_if(|run| now >= run.free_at)?;
        let held = run.free_at.since(run.since);
        self.used += held;
        self.releasing = false;
        let by_clock = matches!(self.state, LiftState::Ordered | LiftState::Accepted | LiftState::Holding);
        if by_clock {
            self.state = LiftState::Expired;
        }
        Some(Ended { renewals: run.renewals, held, by_clock })
    }

    /// Whether the cap is reached: while the lift may be held, or because too little is left of it for an order.
    pub(super) fn is_capped(&self, hold: &Hold, now: Mono) -> bool {
        match self.cap_at(hold) {
            Some(at) => !self.releasing && now >= at,
            None => !self.barred && hold.cap.saturating_sub(self.used) < transit(hold) + shortest(hold),
        }
    }

    fn cap_at(&self, hold: &Hold) -> Option<Mono> {
        self.run.as_ref().map(|run| run.since + hold.cap.saturating_sub(self.used))
    }

    /// Asks for a stop or its renewal; takes note of it when it is to be ordered.
    pub(super) fn stop(&mut self, hold: &Hold, mode: LiftMode, now: Mono) -> Stop {
        if self.barred || now < self.not_before {
            return Stop::NotDue;
        }
        if mode != LiftMode::Normal {
            return Stop::Mode(mode);
        }
        if let Some(run) = &self.run
            && !self.releasing
            && now < run.ordered + hold.renew
        {
            return Stop::NotDue;
        }
        let expires_in = transit(hold);
        let since = self.run.as_ref().map_or(now, |run| run.since);
        let left = (since + hold.cap.saturating_sub(self.used)).since(now + expires_in);
        let lease = hold.lease.min(left);
        if lease < shortest(hold) {
            return Stop::NotDue;
        }
        let free_at = now + expires_in + lease;
        self.releasing = false;
        let first = self.run.is_none();
        if let Some(run) = &mut self.run {
            run.ordered = now;
            run.free_at = run.free_at.max(free_at);
            run.renewals += 1;
        } else {
            self.run = Some(Run { since: now, ordered: now, free_at, renewals: 0, sent: false });
        }
        // A try after a failure is not shown as progress before the lift has taken it.
        let first = first && !self.has_failed();
        if first {
            self.state = LiftState::Ordered;
        }
        Stop::Order { lease, expires_in, first }
    }

    fn has_failed(&self) -> bool {
        matches!(self.state, LiftState::Refused | LiftState::TimedOut | LiftState::Offline)
    }

    /// Takes note of a release; false when there is nothing to release.
    pub(super) fn release(&mut self, now: Mono) -> bool {
        let Some(run) = self.run.as_mut().filter(|_| !self.releasing) else { return false };
        // The lift is given time to say so itself.
        run.free_at = run.free_at.max(now + ANSWER);
        self.releasing = true;
        true
    }

    /// How many renewals the run has had and how long it has lasted.
    pub(super) fn progress(&self, now: Mono) -> (u32, Duration) {
        self.run.as_ref().map_or((0, Duration::ZERO), |run| (run.renewals, now.since(run.since)))
    }

    /// The server itself refused to order a stop.
    pub(super) fn refuse(&mut self) -> bool {
        let news = self.run.is_none() && self.state != LiftState::Refused;
        if news {
            self.state = LiftState::Refused;
        }
        news
    }

    /// Takes in what became of a stop; true when it is new to the timeline.
    pub(super) fn stop_news(&mut self, state: OrderState, retry: Duration, now: Mono) -> bool {
        let before = self.state;
        let Some(run) = &mut self.run else {
            // Late words about a run that is over change nothing but a release not yet known.
            if state == OrderState::Released && before == LiftState::Expired {
                self.state = LiftState::Released;
            }
            return self.state != before;
        };
        match state {
            OrderState::Sent => return !std::mem::replace(&mut run.sent, true),
            OrderState::Accepted => {
                if self.state != LiftState::Holding {
                    self.state = LiftState::Accepted;
                }
            }
            OrderState::Holding => self.state = LiftState::Holding,
            OrderState::Released => return self.released(retry, now),
            OrderState::Expired => self.state = LiftState::Expired,
            OrderState::Refused | OrderState::Offline | OrderState::TimedOut => {
                self.state = match state {
                    OrderState::Refused => LiftState::Refused,
                    OrderState::Offline => LiftState::Offline,
                    _ => LiftState::TimedOut,
                };
                // The run goes on until its lease must be over: which of its orders this is about is not known,
                // and a silent lift may have taken it.
                self.not_before = now + retry;
            }
            OrderState::Done => {}
        }
        self.state != before
    }

    /// The lift says it is free; true when that is new.
    pub(super) fn released(&mut self, retry: Duration, now: Mono) -> bool {
        if self.releasing {
            if let Some(run) = self.run.take() {
                self.used += now.since(run.since);
            }
            self.releasing = false;
        } else if self.run.is_some() {
            // Unasked: the lift knows better. The run counts on until its lease is over.
            self.not_before = now + retry;
        }
        std::mem::replace(&mut self.state, LiftState::Released) != LiftState::Released
    }

    /// When this lift next wants a tick.
    pub(super) fn deadline(&self, hold: Option<&Hold>) -> Option<Mono> {
        let run = self.run.as_ref()?;
        let cap = hold.and_then(|hold| self.cap_at(hold)).filter(|_| !self.releasing);
        let renew = hold.map(|hold| run.ordered + hold.renew).filter(|_| !self.releasing && !self.barred);
        [Some(run.free_at), cap, renew].into_iter().flatten().min()
    }
}
