//! A weekly schedule on the wire: when a camera watches. Not here: what it means (`rule`).

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::problem::Problem;

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const WINDOWS_MOST: usize = 64;

/// When a camera watches: within any of its windows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Schedule)]
pub(super) struct ScheduleWire {
    /// An IANA name, such as `Asia/Shanghai`.
    time_zone: String,
    /// 1 to 64 windows.
    windows: Vec<WindowWire>,
}

/// Hours on some days of the week.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ScheduleWindow)]
pub(super) struct WindowWire {
    /// `mon`, `tue`, `wed`, `thu`, `fri`, `sat`, `sun`: the days it begins on; every day when left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    days: Vec<String>,
    /// `HH:MM`, 00:00 to 23:59.
    from: String,
    /// `HH:MM`, 00:01 to 24:00; at or before `from`: on the next day.
    to: String,
}

impl ScheduleWire {
    /// Checks every field.
    pub(super) fn check(&self) -> Result<(), Problem> {
        if TimeZone::get(&self.time_zone).is_err() {
            return Err(Problem::invalid("schedule.time_zone", "give an IANA name, such as Asia/Shanghai"));
        }
        if !(1..=WINDOWS_MOST).contains(&self.windows.len()) {
            return Err(Problem::invalid("schedule.windows", format!("1 to {WINDOWS_MOST}; null means always")));
        }
        for (index, window) in self.windows.iter().enumerate() {
            let field = |name: &str| format!("schedule.windows[{index}].{name}");
            if window.days.len() > DAYS.len() || window.days.iter().any(|day| !DAYS.contains(&day.as_str())) {
                return Err(Problem::invalid(&field("days"), "some of mon, tue, wed, thu, fri, sat, sun"));
            }
            let from = minutes(&window.from).filter(|&at| at < 24 * 60);
            let to = minutes(&window.to).filter(|&at| at > 0);
            if from.is_none() {
                return Err(Problem::invalid(&field("from"), "HH:MM, 00:00 to 23:59"));
            }
            if to.is_none() {
                return Err(Problem::invalid(&field("to"), "HH:MM, 00:01 to 24:00"));
            }
        }
        Ok(())
    }
}

/// Minutes since midnight of `HH:MM`, up to 24:00.
fn minutes(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let two = |text: &str| {
        (text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse::<u16>().ok()).flatten()
    };
    let (hours, minutes) = (two(hours)?, two(minutes)?);
    (minutes < 60 && hours * 60 + minutes <= 24 * 60).then_some(hours * 60 + minutes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_is_checked_field_by_field() {
        for (zone, days, from, to, good) in [
            ("Asia/Shanghai", &["mon", "sun"][..], "22:00", "06:00", true),
            ("UTC", &[], "00:00", "24:00", true),
            ("Mars/Olympus", &[], "00:00", "24:00", false),
            ("UTC", &["monday"], "00:00", "24:00", false),
            ("UTC", &[], "24:00", "24:00", false),
            ("UTC", &[], "08:00", "00:00", false),
            ("UTC", &[], "8:00", "09:00", false),
            ("UTC", &[], "08:60", "09:00", false),
            ("UTC", &[], "+8:00", "09:00", false),
        ] {
            let schedule = ScheduleWire {
                time_zone: zone.to_owned(),
                windows: vec![WindowWire {
                    days: days.iter().map(ToString::to_string).collect(),
                    from: from.to_owned(),
                    to: to.to_owned(),
                }],
            };
            assert_eq!(schedule.check().is_ok(), good, "{schedule:?}");
        }
    }
}
