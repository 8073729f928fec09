//! A weekly schedule on the wire: when a camera watches. Not here: what it means (`rule`).

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::problem::Problem;
use crate::{flow::pipeline, rule::schedule::Schedule};

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
    /// `HH:MM`, up to 24:00; at or before `from`: on the next day.
    to: String,
}

impl ScheduleWire {
    /// As the store keeps it, if it means something.
    pub(super) fn checked(&self) -> Result<Value, Problem> {
        if !(1..=WINDOWS_MOST).contains(&self.windows.len()) {
            return Err(Problem::invalid("schedule.windows", format!("1 to {WINDOWS_MOST}; no schedule means always")));
        }
        if self.windows.iter().any(|window| window.days.len() > 7) {
            return Err(Problem::invalid("schedule.windows", "a week has seven days"));
        }
        let value = json!(self);
        let kept = pipeline::ScheduleWire::deserialize(&value).map_err(|e| Problem::invalid("schedule", e))?;
        Schedule::try_from(kept).map_err(|e| Problem::invalid("schedule", e))?;
        Ok(value)
    }
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
            ("UTC", &[], "08:00", "00:00", true),
            ("UTC", &["mon"; 8], "08:00", "09:00", false),
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
            assert_eq!(schedule.checked().is_ok(), good, "{schedule:?}");
        }
    }
}
