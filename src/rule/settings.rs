//! What a camera's rule watches for. Not here: how it decides, where the settings come from.

use std::time::Duration;

use super::{schedule::Schedule, zone::Inside};
use crate::{base::Polygon, detect::Label};

/// Everything that can be set for one camera's rule.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleSettings {
    /// The rule's name, e.g. `ebike_in_lift`: what findings carry.
    pub name: Label,
    /// Where to look; `None` is the whole picture.
    pub zone: Option<Polygon>,
    /// When a box counts as inside the zone.
    pub inside: Inside,
    /// When the rule is on; `None` is always.
    pub schedule: Option<Schedule>,
    pub watch: Watch,
}

/// What is watched for.
#[derive(Debug, Clone, PartialEq)]
pub enum Watch {
    /// A vehicle that must not be here: stays, confirmed and cleared.
    Vehicle(VehicleSettings),
    /// Faces: each track is found once.
    Face(FaceSettings),
}

/// When a vehicle's stay begins, lasts and ends. Scores are a track's smoothed evidence, 0..=1.
#[derive(Debug, Clone, PartialEq)]
pub struct VehicleSettings {
    /// What is looked for.
    pub targets: Vec<Label>,
    /// What must not be mistaken for it.
    pub rivals: Vec<Label>,
    /// From this score on there is suspicion: the camera samples at full rate.
    pub suspect_score: f32,
    /// From this score on a frame counts towards confirmation.
    pub min_score: f32,
    /// From this score on a frame counts towards being certain, which holding a lift asks for; at least `min_score`.
    /// `need` of `of` such frames make what they show certain.
    pub hold_score: f32,
    /// From this score on a frame shows the target of a stay that is confirmed already; at most `min_score`
    /// (hysteresis: half hidden behind a person it is still there).
    pub keep_score: f32,
    /// How far the target must be ahead of its best rival for a frame to count; half of it keeps a stay.
    pub margin: f32,
    /// A stay begins when `need` …
    pub need: usize,
    /// … of the last `of` analysed frames showed the same target.
    pub of: usize,
    /// A stay ends when nothing of it was seen for so long.
    pub clear_after: Duration,
}

/// When a face is found.
#[derive(Debug, Clone, PartialEq)]
pub struct FaceSettings {
    pub label: Label,
    pub min_score: f32,
    /// Width of the face in pixels of the camera's picture; smaller ones cannot be recognised.
    pub min_width_px: f32,
    /// Frames in which the track must have met both.
    pub need: usize,
}

/// Why settings were refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SettingsError {
    #[error("{name} is {value}: it must lie in 0..=1")]
    Score { name: &'static str, value: f32 },
    #[error("keep_score {keep} is above min_score {min}: a stay would end before it begins")]
    Hysteresis { keep: f32, min: f32 },
    #[error("hold_score {hold} is below min_score {min}: a lift would be held for less than an alarm asks for")]
    Hold { hold: f32, min: f32 },
    #[error("need {need} of {of} frames: need must be at least 1 and at most `of`, `of` at most 64")]
    Window { need: usize, of: usize },
    #[error("no targets are named: a rule must look for something")]
    NoTargets,
    #[error("`{0}` is both a target and a rival")]
    OwnRival(Label),
    #[error("clear_after is {0:?}: it must lie between 0.5 and 60 seconds")]
    ClearAfter(Duration),
    #[error("min_width_px is {0}: it must lie in 8..=4096")]
    Width(f32),
    #[error("the share of a box inside the zone is {0}: it must be above 0 and at most 1")]
    Share(f32),
}

impl RuleSettings {
    /// Checks that the settings make sense together.
    ///
    /// # Errors
    /// The first that does not.
    pub fn check(&self) -> Result<(), SettingsError> {
        if let Inside::Share(share) = self.inside
            && !(share > 0.0 && share <= 1.0)
        {
            return Err(SettingsError::Share(share));
        }
        match &self.watch {
            Watch::Vehicle(v) => {
                for (name, value) in [
                    ("suspect_score", v.suspect_score),
                    ("min_score", v.min_score),
                    ("hold_score", v.hold_score),
                    ("keep_score", v.keep_score),
                    ("margin", v.margin),
                ] {
                    check_score(name, value)?;
                }
                if v.keep_score > v.min_score {
                    return Err(SettingsError::Hysteresis { keep: v.keep_score, min: v.min_score });
                }
                if v.hold_score < v.min_score {
                    return Err(SettingsError::Hold { hold: v.hold_score, min: v.min_score });
                }
                check_window(v.need, v.of)?;
                if v.targets.is_empty() {
                    return Err(SettingsError::NoTargets);
                }
                if let Some(both) = v.targets.iter().find(|target| v.rivals.contains(target)) {
                    return Err(SettingsError::OwnRival(both.clone()));
                }
                if !(Duration::from_millis(500)..=Duration::from_secs(60)).contains(&v.clear_after) {
                    return Err(SettingsError::ClearAfter(v.clear_after));
                }
            }
            Watch::Face(f) => {
                check_score("min_score", f.min_score)?;
                check_window(f.need, 64)?;
                if !(8.0..=4096.0).contains(&f.min_width_px) {
                    return Err(SettingsError::Width(f.min_width_px));
                }
            }
        }
        Ok(())
    }
}

fn check_score(name: &'static str, value: f32) -> Result<(), SettingsError> {
    if (0.0..=1.0).contains(&value) { Ok(()) } else { Err(SettingsError::Score { name, value }) }
}

fn check_window(need: usize, of: usize) -> Result<(), SettingsError> {
    if (1..=of).contains(&need) && of <= 64 { Ok(()) } else { Err(SettingsError::Window { need, of }) }
}
