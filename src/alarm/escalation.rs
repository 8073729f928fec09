//! Escalation: what happens when an alarm waits for a person too long, step by step. Pure; not here: clocks, whom a
//! name belongs to, how a sound is made.

use std::time::Duration;

use super::{Alarm, AlarmKind, AlarmState};
use crate::base::Wall;

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Trigger {
    /// Nobody has acknowledged it.
    NotAcknowledged,
    /// The e-bike is still there.
    StillThere,
    /// The lift was released because the longest stop time was reached: a person must go there.
    StopCapped,
    /// The device is still in trouble.
    DeviceOffline,
}

/// How loud the security room's page becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sound {
    Chime,
    Urgent,
    Siren,
}

/// One step of a site's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LadderStep {
    pub when: Trigger,
    /// Counted from the alarm's beginning; for [`Trigger::StopCapped`] from the release.
    pub after: Duration,
    pub sound: Sound,
    /// Whom to tell: people's ids, shown and stored.
    pub tell: Vec<String>,
    pub text: String,
}

/// A step that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Escalation {
    pub at: Wall,
    pub step: LadderStep,
}

/// What a site has that chose nothing: a louder sound after a minute, the siren when it stays or the lift had to go.
#[must_use]
pub fn default_ladder() -> Vec<LadderStep> {
    use Trigger::{DeviceOffline, NotAcknowledged, StillThere, StopCapped};
    [
        (NotAcknowledged, 60, Sound::Urgent, "nobody has acknowledged the alarm"),
        (DeviceOffline, 60, Sound::Chime, "the device is still in trouble"),
        (StillThere, 120, Sound::Siren, "the e-bike is still in the lift"),
        (StopCapped, 0, Sound::Siren, "the lift was released with the e-bike in it: go there"),
    ]
    .into_iter()
    .map(|(when, after_s, sound, text)| LadderStep {
        when,
        after: Duration::from_secs(after_s),
        sound,
        tell: Vec::new(),
        text: text.to_owned(),
    })
    .collect()
}

/// The steps of `ladder` that are due at `now` and not taken yet; each is taken once per alarm. A step that was changed
/// counts as a new one.
#[must_use]
pub fn due<'a>(alarm: &Alarm, ladder: &'a [LadderStep], now: Wall) -> Vec<&'a LadderStep> {
    waiting(alarm, ladder).filter(|(at, _)| now >= *at).map(|(_, step)| step).collect()
}

/// When the next step of `ladder` falls due if the alarm stays as it is; `None`: never.
#[must_use]
pub fn next_due(alarm: &Alarm, ladder: &[LadderStep]) -> Option<Wall> {
    waiting(alarm, ladder).map(|(at, _)| at).min()
}

/// The steps that are not taken yet and whose condition lasts, with the times at which they fall due.
fn waiting<'a>(alarm: &Alarm, ladder: &'a [LadderStep]) -> impl Iterator<Item = (Wall, &'a LadderStep)> {
    ladder.iter().filter_map(|step| {
        let after = i64::try_from(step.after.as_millis()).unwrap_or(i64::MAX);
        let at = began(alarm, step.when)?.0.saturating_add(after);
        let taken = alarm.escalations.iter().any(|taken| taken.step == *step);
        (!taken).then_some((Wall(at), step))
    })
}

/// Since when what `trigger` waits for has lasted; `None` when it does not.
fn began(alarm: &Alarm, trigger: Trigger) -> Option<Wall> {
    let lasts = alarm.cleared_at.is_none() && !alarm.state.is_closed();
    let holds = match trigger {
        Trigger::NotAcknowledged => alarm.state == AlarmState::Raised,
        Trigger::StillThere => lasts && alarm.kind == AlarmKind::EbikeInLift,
        Trigger::DeviceOffline => lasts && alarm.kind == AlarmKind::DeviceTrouble,
        Trigger::StopCapped => alarm.escalated && !alarm.state.is_closed(),
    };
    let since = match trigger {
        Trigger::StopCapped => alarm.timeline.iter().find(|step| step.name == "capped").map(|step| step.at),
        _ => Some(alarm.raised_at),
    };
    since.filter(|_| holds)
}

#[cfg(test)]
mod tests {
    use super::{
        super::{LiftState, Step},
        *,
    };
    use crate::base::AlarmId;

    fn alarm(kind: AlarmKind, state: AlarmState) -> Alarm {
        Alarm {
            id: AlarmId::from_u128(1),
            kind,
            state,
            camera: None,
            device: None,
            sighting: None,
            raised_at: Wall(1_000_000),
            cleared_at: None,
            lift: LiftState::None,
            escalated: false,
            escalations: Vec::new(),
            note: None,
            actor: None,
            timeline: Vec::new(),
        }
    }

    fn check(alarm: &Alarm, after_s: i64, expected: &[Trigger]) {
        let ladder = default_ladder();
        let due: Vec<Trigger> =
            due(alarm, &ladder, Wall(1_000_000 + after_s * 1000)).into_iter().map(|step| step.when).collect();
        assert_eq!(due, expected, "{:?} {:?} after {after_s} s", alarm.kind, alarm.state);
        let next = next_due(alarm, &ladder).is_some_and(|at| at.0 <= 1_000_000 + after_s * 1000);
        assert_eq!(next, !expected.is_empty(), "{:?} {:?} after {after_s} s", alarm.kind, alarm.state);
    }

    #[test]
    fn a_step_is_due_when_what_it_waits_for_has_lasted() {
        use AlarmKind::{DeviceTrouble, EbikeInLift};
        use AlarmState::{Acknowledged, FalseAlarm, Raised, Resolved};
        use Trigger::{DeviceOffline, NotAcknowledged, StillThere, StopCapped};
        check(&alarm(EbikeInLift, Raised), 59, &[]);
        check(&alarm(EbikeInLift, Raised), 60, &[NotAcknowledged]);
        check(&alarm(EbikeInLift, Raised), 120, &[NotAcknowledged, StillThere]);
        check(&alarm(EbikeInLift, Acknowledged), 120, &[StillThere]);
        check(&alarm(DeviceTrouble, Raised), 120, &[NotAcknowledged, DeviceOffline]);
        check(&alarm(DeviceTrouble, Acknowledged), 120, &[DeviceOffline]);
        for closed in [Resolved, FalseAlarm] {
            check(&alarm(EbikeInLift, closed), 9999, &[]);
            check(&alarm(DeviceTrouble, closed), 9999, &[]);
        }
        let gone = Alarm { cleared_at: Some(Wall(1_001_000)), ..alarm(EbikeInLift, Raised) };
        check(&gone, 9999, &[NotAcknowledged]);
        let capped = Step { at: Wall(1_120_000), name: "capped", device: None, detail: String::new() };
        let capped = Alarm { escalated: true, timeline: vec![capped], ..alarm(EbikeInLift, Acknowledged) };
        check(&capped, 119, &[]);
        check(&capped, 120, &[StillThere, StopCapped]);
    }

    #[test]
    fn a_step_is_taken_once() {
        let mut alarm = alarm(AlarmKind::EbikeInLift, AlarmState::Raised);
        let ladder = default_ladder();
        alarm.escalations.push(Escalation { at: Wall(1_060_000), step: ladder[0].clone() });
        check(&alarm, 60, &[]);
        let mut louder = ladder;
        louder[0].sound = Sound::Siren;
        assert_eq!(due(&alarm, &louder, Wall(1_070_000)), [&louder[0]]);
    }
}
