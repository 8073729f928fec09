//! One alarm in the book, with what the book must remember of it. Not here: what changes it.

use std::{sync::Arc, time::Duration};

use super::{Alarm, Hold, LiftState, Plan, Step, hold::LiftHold};
use crate::base::{DeviceId, Mono, Now};

/// Routine steps past this many are not kept; people's acts, releases and endings always are.
const ROUTINE_STEPS: usize = 200;

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) alarm: Alarm,
    pub(super) plan: Option<Arc<Plan>>,
    /// Capture time of the newest frame that showed the e-bike; `None` when the stay is over.
    pub(super) shown: Option<Mono>,
    /// What was seen last is sure enough to hold a lift (see `rule`).
    pub(super) certain: bool,
    /// When the stay was over.
    pub(super) cleared: Option<Mono>,
    /// No stop for this alarm any more: closed by a person, capped, shutting down.
    pub(super) barred: bool,
    /// Stop time of this alarm before the server restarted.
    pub(super) used_before: Duration,
    pub(super) lifts: Vec<LiftHold>,
}

impl Entry {
    pub(super) fn new(alarm: Alarm, plan: Option<Arc<Plan>>) -> Self {
        Self {
            alarm,
            plan,
            shown: None,
            certain: false,
            cleared: None,
            barred: false,
            used_before: Duration::ZERO,
            lifts: Vec::new(),
        }
    }

    /// An alarm read back. Its past stop time is counted from its first stop ordered until now, which is more
    /// than it can have been.
    pub(super) fn restored(alarm: Alarm, now: Now) -> Self {
        let lift_was_ordered = alarm.lift != LiftState::None;
        let first = alarm.timeline.iter().find(|step| step.name == "ordered").map(|step| step.at);
        let used_ms = first.filter(|_| lift_was_ordered).map_or(0, |at| now.wall.0.saturating_sub(at.0).max(0));
        Self {
            barred: alarm.escalated || alarm.state.is_closed(),
            cleared: alarm.cleared_at.map(|_| now.mono),
            used_before: Duration::from_millis(used_ms.unsigned_abs()),
            ..Self::new(alarm, None)
        }
    }

    pub(super) fn hold(&self) -> Option<Hold> {
        self.plan.as_ref().and_then(|plan| plan.response.hold)
    }

    /// Whether there is a lift that it might hold.
    pub(super) fn can_hold(&self) -> bool {
        !self.barred && self.lifts.iter().any(|lift| !lift.barred)
    }

    /// Whether a stop may be ordered at all: the stay lasts and is certain, a fresh frame shows it, nobody has ended it.
    pub(super) fn wants_lift(&self, hold: &Hold, now: Mono) -> bool {
        !self.barred && self.certain && self.shown.is_some_and(|captured| now.since(captured) <= hold.fresh)
    }

    /// Whether the longest stop time is reached, or too little of it left, while a stop is held or wanted.
    pub(super) fn is_capped(&self, now: Mono) -> bool {
        !self.barred
            && self.hold().is_some_and(|hold| {
                let wanted = self.wants_lift(&hold, now);
                self.lifts.iter().any(|lift| (wanted || lift.is_active()) && lift.is_capped(&hold, now))
            })
    }

    /// Whether time can change it.
    pub(super) fn is_live(&self) -> bool {
        self.shown.is_some() || self.lifts.iter().any(LiftHold::may_hold)
    }

    /// Whether it may be forgotten: over, and past its cooldown.
    pub(super) fn is_over(&self, now: Mono) -> bool {
        let cooldown = self.plan.as_ref().map_or(Duration::ZERO, |plan| plan.response.cooldown);
        !self.is_live() && self.cleared.is_some_and(|cleared| now.since(cleared) > cooldown)
    }

    pub(super) fn clear(&mut self, why: &str, now: Now) {
        self.shown = None;
        self.certain = false;
        self.cleared = Some(now.mono);
        self.alarm.cleared_at = Some(now.wall);
        self.note_always("cleared", None, why, now);
    }

    pub(super) fn note(&mut self, name: &'static str, device: Option<DeviceId>, detail: &str, now: Now) {
        match self.alarm.timeline.len() {
            ..ROUTINE_STEPS => self.note_always(name, device, detail, now),
            ROUTINE_STEPS => self.note_always("more", None, "routine steps from here on are not listed", now),
            _ => {}
        }
    }

    pub(super) fn note_always(&mut self, name: &'static str, device: Option<DeviceId>, detail: &str, now: Now) {
        self.alarm.timeline.push(Step { at: now.wall, name, device, detail: detail.to_owned() });
    }

    pub(super) fn deadline(&self) -> Option<Mono> {
        let hold = self.hold().filter(|_| !self.barred);
        self.lifts.iter().filter_map(|lift| lift.deadline(hold.as_ref())).min()
    }
}

/// What an alarm with several lifts shows: what holds or may hold first, then what failed.
pub(super) fn lift_state(lifts: &[LiftHold]) -> LiftState {
    const RANK: [LiftState; 9] = [
        LiftState::Holding,
        LiftState::Accepted,
        LiftState::Ordered,
        LiftState::TimedOut,
        LiftState::Offline,
        LiftState::Refused,
        LiftState::Expired,
        LiftState::Released,
        LiftState::None,
    ];
    RANK.into_iter().find(|state| lifts.iter().any(|lift| lift.state == *state)).unwrap_or_default()
}
