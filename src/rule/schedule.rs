//! Weekly schedules in a time zone: the only file of this room that names jiff. Not here: clocks.

use jiff::{Timestamp, civil::Weekday, tz::TimeZone};

use crate::base::Wall;

const DAY: u16 = 24 * 60;

/// A stretch of a day, in minutes since its midnight on the wall clock. `until` at or before `from` lies on
/// the next day; 00:00 until 24:00 is the whole day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interval {
    from: u16,
    until: u16,
}

/// Why a schedule was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    #[error("`{0}` is not a time zone: give an IANA name such as Asia/Shanghai")]
    Zone(String),
    #[error("`{0}` is not a stretch of a day: give HH:MM from 00:00 to 23:59, and HH:MM up to 24:00")]
    Interval(String),
    #[error("`{0}` is not a day: give mon, tue, wed, thu, fri, sat or sun")]
    Day(String),
}

impl Interval {
    /// From `HH:MM` until `HH:MM`, up to `24:00`.
    ///
    /// # Errors
    /// Not such times.
    pub fn new(from: &str, until: &str) -> Result<Self, ScheduleError> {
        let refused = || ScheduleError::Interval(format!("{from}-{until}"));
        let minutes = |text: &str| -> Option<u16> {
            let (hours, minutes) = text.split_once(':')?;
            let two = |digits: &str| -> Option<u16> {
                let plain = digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit());
                plain.then(|| digits.parse().ok()).flatten()
            };
            let (hours, minutes) = (two(hours)?, two(minutes)?);
            (minutes < 60 && hours * 60 + minutes <= DAY).then_some(hours * 60 + minutes)
        };
        let from = minutes(from).filter(|&at| at < DAY).ok_or_else(refused)?;
        Ok(Self { from, until: minutes(until).ok_or_else(refused)? })
    }
}

/// When a rule is on, week by week, by the wall clock of a time zone. On the day clocks go forward the hour that
/// does not exist is simply not there; on the day they go back the hour that comes twice counts twice.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    zone: TimeZone,
    /// Monday first.
    days: [Vec<Interval>; 7],
}

impl Schedule {
    /// `zone` is an IANA name; `days` begin with Monday, a day without intervals is off.
    ///
    /// # Errors
    /// The zone is not known.
    pub fn new(zone: &str, days: [Vec<Interval>; 7]) -> Result<Self, ScheduleError> {
        let zone = TimeZone::get(zone).map_err(|_| ScheduleError::Zone(zone.to_owned()))?;
        Ok(Self { zone, days })
    }

    /// The place in the week of `mon`, `tue`, …
    ///
    /// # Errors
    /// Not a day.
    pub fn day(name: &str) -> Result<usize, ScheduleError> {
        ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
            .iter()
            .position(|day| *day == name)
            .ok_or_else(|| ScheduleError::Day(name.to_owned()))
    }

    /// Whether the rule is on. A time that is no calendar time counts as on: better one alarm too many.
    pub fn is_on(&self, at: Wall) -> bool {
        let Ok(timestamp) = Timestamp::from_millisecond(at.0) else { return true };
        let here = self.zone.to_datetime(timestamp);
        let minute = u16::try_from(here.hour()).unwrap_or(0) * 60 + u16::try_from(here.minute()).unwrap_or(0);
        let today = usize::try_from(here.weekday().since(Weekday::Monday)).unwrap_or(0) % 7;
        let on_today = |i: &Interval| minute >= i.from && (i.until <= i.from || minute < i.until);
        let from_yesterday = |i: &Interval| i.until <= i.from && minute < i.until;
        self.days[today].iter().any(on_today) || self.days[(today + 6) % 7].iter().any(from_yesterday)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(zone: &str, days: &[(&str, &str)], at: &str, expected: bool) {
        let mut week: [Vec<Interval>; 7] = Default::default();
        for (day, interval) in days {
            let (from, until) = interval.split_once('-').unwrap();
            week[Schedule::day(day).unwrap()].push(Interval::new(from, until).unwrap());
        }
        let schedule = Schedule::new(zone, week).unwrap();
        let wall = Wall(at.parse::<Timestamp>().unwrap().as_millisecond());
        assert_eq!(schedule.is_on(wall), expected, "{zone} {days:?} at {at}");
    }

    #[test]
    fn schedules_follow_the_wall_clock() {
        // 2026-03-02 is a Monday.
        let shanghai = "Asia/Shanghai";
        check(shanghai, &[("mon", "08:00-20:00")], "2026-03-02T07:59:00+08:00", false);
        check(shanghai, &[("mon", "08:00-20:00")], "2026-03-02T08:00:00+08:00", true);
        check(shanghai, &[("mon", "08:00-20:00")], "2026-03-02T19:59:59+08:00", true);
        check(shanghai, &[("mon", "08:00-20:00")], "2026-03-02T20:00:00+08:00", false);
        check(shanghai, &[("mon", "08:00-20:00")], "2026-03-03T12:00:00+08:00", false);
        check(shanghai, &[("mon", "08:00-20:00")], "2026-03-02T00:00:00Z", true);
        check(shanghai, &[("mon", "00:00-24:00")], "2026-03-02T23:59:59+08:00", true);
        check(shanghai, &[("mon", "00:00-24:00")], "2026-03-03T00:00:00+08:00", false);
        // Across midnight, and from Sunday into Monday.
        check(shanghai, &[("mon", "22:00-06:00")], "2026-03-02T23:00:00+08:00", true);
        check(shanghai, &[("mon", "22:00-06:00")], "2026-03-03T05:59:00+08:00", true);
        check(shanghai, &[("mon", "22:00-06:00")], "2026-03-03T06:00:00+08:00", false);
        check(shanghai, &[("mon", "22:00-06:00")], "2026-03-02T05:00:00+08:00", false);
        check(shanghai, &[("sun", "22:00-06:00")], "2026-03-02T05:00:00+08:00", true);
        check(shanghai, &[("mon", "22:00-00:00")], "2026-03-02T23:59:00+08:00", true);
        check(shanghai, &[("mon", "22:00-00:00")], "2026-03-03T00:00:00+08:00", false);
        check(shanghai, &[], "2026-03-02T12:00:00+08:00", false);
        // From a time until the same time is a whole day.
        check(shanghai, &[("mon", "08:00-08:00")], "2026-03-02T08:00:00+08:00", true);
        check(shanghai, &[("mon", "08:00-08:00")], "2026-03-03T07:59:00+08:00", true);
        check(shanghai, &[("mon", "08:00-08:00")], "2026-03-03T08:00:00+08:00", false);
        // Clocks go forward 2026-03-29 at 02:00 in Berlin and back 2026-10-25 at 03:00: nine o'clock stays nine o'clock.
        let berlin = "Europe/Berlin";
        check(berlin, &[("sun", "09:00-10:00")], "2026-03-29T07:30:00Z", true);
        check(berlin, &[("sun", "09:00-10:00")], "2026-03-29T08:30:00Z", false);
        check(berlin, &[("sun", "09:00-10:00")], "2026-10-25T08:30:00Z", true);
        check(berlin, &[("sun", "02:00-03:00")], "2026-10-25T00:30:00Z", true);
        check(berlin, &[("sun", "02:00-03:00")], "2026-10-25T01:30:00Z", true);
        check(berlin, &[("sun", "02:00-03:00")], "2026-10-25T02:30:00Z", false);
        check(berlin, &[("sun", "02:00-03:00")], "2026-03-29T01:30:00Z", false);
    }

    #[test]
    fn nonsense_is_refused() {
        for (from, until) in [
            ("", ""),
            ("8:00", "20:00"),
            ("08:00", "25:00"),
            ("08:00", "24:01"),
            ("08:60", "09:00"),
            ("24:00", "06:00"),
            ("+8:00", "09:00"),
        ] {
            assert!(Interval::new(from, until).is_err(), "{from}-{until}");
        }
        assert!(matches!(Schedule::new("Mars/Olympus", Default::default()), Err(ScheduleError::Zone(_))));
        assert!(Schedule::day("Monday").is_err());
    }
}
