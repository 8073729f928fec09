//! What alarms add up to: entries kept out, the share of false alarms, times to stop and to acknowledge. Pure; not
//! here: which alarms are asked for, who may see them.

use std::{collections::BTreeMap, time::Duration};

use jiff::{Timestamp, tz::TimeZone};

use super::AlarmState;
use crate::base::{CameraId, SiteId, Wall};

/// Of one e-bike alarm, what counting needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    pub state: AlarmState,
    pub camera: Option<CameraId>,
    /// Where its camera was when it was raised.
    pub site: Option<SiteId>,
    pub building: Option<String>,
    pub raised_at: Wall,
    /// When the frame that confirmed it was captured.
    pub captured_at: Option<Wall>,
    /// When a lift first reported that it stays.
    pub held_at: Option<Wall>,
    /// When a person first acted on it.
    pub acknowledged_at: Option<Wall>,
}

/// Counts and times of some alarms. What `by_…` count are the entries kept out.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Tally {
    pub total: usize,
    pub raised: usize,
    pub acknowledged: usize,
    pub resolved: usize,
    pub false_alarms: usize,
    /// Every alarm that no one called false.
    pub kept_out: usize,
    /// False alarms over all that a person has closed; `None` when nobody has closed one.
    pub false_share: Option<f64>,
    /// Capture of the confirming frame → the lift reports that it stays.
    pub to_stop: Spread,
    /// Raised → a person's first act.
    pub to_acknowledge: Spread,
    pub by_site: BTreeMap<Option<SiteId>, usize>,
    pub by_building: BTreeMap<(Option<SiteId>, Option<String>), usize>,
    pub by_camera: BTreeMap<CameraId, usize>,
    /// By the clock of the time zone.
    pub by_hour: [usize; 24],
    /// Monday first.
    pub by_weekday: [usize; 7],
    /// `YYYY-MM-DD`; days without one are left out.
    pub by_day: BTreeMap<String, usize>,
}

/// How times are spread: nearest-rank percentiles (ISO 2854), `None` of nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Spread {
    pub count: usize,
    pub p50: Option<Duration>,
    pub p95: Option<Duration>,
}

impl Spread {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let rank = |percent: usize| times.get((times.len() * percent).div_ceil(100).saturating_sub(1)).copied();
        Self { count: times.len(), p50: rank(50), p95: rank(95) }
    }
}

/// Adds up `facts`; hours and days are those of `zone`.
#[must_use]
pub fn tally(facts: &[Fact], zone: &TimeZone) -> Tally {
    let mut sum = Tally { total: facts.len(), ..Tally::default() };
    let (mut to_stop, mut to_acknowledge) = (Vec::new(), Vec::new());
    for fact in facts {
        match fact.state {
            AlarmState::Raised => sum.raised += 1,
            AlarmState::Acknowledged => sum.acknowledged += 1,
            AlarmState::Resolved => sum.resolved += 1,
            AlarmState::FalseAlarm => sum.false_alarms += 1,
        }
        to_stop.extend(between(fact.captured_at, fact.held_at));
        to_acknowledge.extend(between(Some(fact.raised_at), fact.acknowledged_at));
        if fact.state == AlarmState::FalseAlarm {
            continue;
        }
        sum.kept_out += 1;
        *sum.by_site.entry(fact.site.clone()).or_default() += 1;
        *sum.by_building.entry((fact.site.clone(), fact.building.clone())).or_default() += 1;
        if let Some(camera) = fact.camera {
            *sum.by_camera.entry(camera).or_default() += 1;
        }
        let Ok(at) = Timestamp::from_millisecond(fact.raised_at.0) else { continue };
        let at = zone.to_datetime(at);
        let (hour, weekday) = (usize::try_from(at.hour()), usize::try_from(at.weekday().to_monday_zero_offset()));
        if let Some(count) = hour.ok().and_then(|hour| sum.by_hour.get_mut(hour)) {
            *count += 1;
        }
        if let Some(count) = weekday.ok().and_then(|day| sum.by_weekday.get_mut(day)) {
            *count += 1;
        }
        *sum.by_day.entry(at.date().to_string()).or_default() += 1;
    }
    let closed = u32::try_from(sum.resolved + sum.false_alarms).unwrap_or(u32::MAX);
    let wrong = u32::try_from(sum.false_alarms).unwrap_or(u32::MAX);
    sum.false_share = (closed > 0).then(|| f64::from(wrong) / f64::from(closed));
    sum.to_stop = Spread::of(to_stop);
    sum.to_acknowledge = Spread::of(to_acknowledge);
    sum
}

/// Calendar time may jump: a time that would be negative is left out.
fn between(from: Option<Wall>, to: Option<Wall>) -> Option<Duration> {
    let ms = to?.0.checked_sub(from?.0)?;
    u64::try_from(ms).ok().map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fact(state: AlarmState, raised_at: i64) -> Fact {
        Fact {
            state,
            camera: Some(CameraId::from_u128(1)),
            site: "north".parse().ok(),
            building: Some("3".to_owned()),
            raised_at: Wall(raised_at),
            captured_at: None,
            held_at: None,
            acknowledged_at: None,
        }
    }

    #[test]
    fn a_false_alarm_keeps_nothing_out() {
        use AlarmState::{Acknowledged, FalseAlarm, Raised, Resolved};
        let facts = [Raised, Acknowledged, Resolved, Resolved, Resolved, FalseAlarm].map(|state| fact(state, 0));
        let sum = tally(&facts, &TimeZone::UTC);
        assert_eq!((sum.total, sum.kept_out, sum.false_alarms), (6, 5, 1));
        assert_eq!((sum.raised, sum.acknowledged, sum.resolved), (1, 1, 3));
        assert_eq!(sum.false_share, Some(0.25));
        assert_eq!(sum.by_camera.values().sum::<usize>(), 5);
        assert_eq!(tally(&facts[..2], &TimeZone::UTC).false_share, None);
        assert_eq!(tally(&[], &TimeZone::UTC), Tally::default());
    }

    #[test]
    fn hours_and_days_are_those_of_the_time_zone() {
        // 2026-11-24 (a Tuesday) 18:30 UTC is Wednesday 02:30 in Shanghai.
        let facts = [fact(AlarmState::Resolved, 1_795_545_000_000)];
        for (zone, hour, weekday, day) in [("UTC", 18, 1, "2026-11-24"), ("Asia/Shanghai", 2, 2, "2026-11-25")] {
            let sum = tally(&facts, &TimeZone::get(zone).unwrap());
            assert_eq!((sum.by_hour[hour], sum.by_weekday[weekday], sum.by_day.get(day)), (1, 1, Some(&1)), "{zone}");
        }
    }

    #[test]
    fn percentiles_are_times_that_were_measured() {
        let check = |times: &[u64], p50, p95| {
            let spread = Spread::of(times.iter().copied().map(Duration::from_millis).collect());
            let ms = |d: Option<Duration>| d.map(|d| d.as_millis());
            assert_eq!((spread.count, ms(spread.p50), ms(spread.p95)), (times.len(), p50, p95), "{times:?}");
        };
        check(&[], None, None);
        check(&[7], Some(7), Some(7));
        check(&[4, 1, 3, 2], Some(2), Some(4));
        check(&(1..=100).rev().collect::<Vec<_>>(), Some(50), Some(95));
    }

    #[test]
    fn times_that_would_be_negative_are_left_out() {
        let timed = |captured, held| Fact {
            captured_at: Some(Wall(captured)),
            held_at: Some(Wall(held)),
            ..fact(AlarmState::Resolved, 0)
        };
        let sum = tally(&[timed(0, 700), timed(900, 100)], &TimeZone::UTC);
        assert_eq!(
            sum.to_stop,
            Spread { count: 1, p50: Some(Duration::from_millis(700)), p95: Some(Duration::from_millis(700)) }
        );
    }
}
