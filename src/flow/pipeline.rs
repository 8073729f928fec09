//! Pipeline files: what a kind of camera watches (`[vehicle]` or `[face]`) and what follows (`[then]`), with
//! each camera's own values laid over. Not here: GStreamer pipelines (`pipelines/decode/`), running anything.

use std::{
    collections::BTreeMap,
    fs, io,
    ops::{Range, RangeInclusive},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use serde::{Deserialize, Serialize};
use toml::Spanned;

use crate::{
    alarm::{Hold, Plan, Response, VoicePrompt},
    detect::Label,
    device::DeviceRef,
    rule::{
        FaceSettings, Inside, RuleSettings, SettingsError, VehicleSettings, Watch,
        schedule::{Interval, Schedule, ScheduleError},
    },
    store::CameraRecord,
};

/// The pipelines every server has; a folder named in the configuration replaces them by name and adds others.
const BUILT_IN: [(&str, &str); 2] =
    [("elevator", include_str!("../../pipelines/elevator.toml")), ("gate", include_str!("../../pipelines/gate.toml"))];

/// What a kind of camera watches and what follows.
#[derive(Debug, Clone, PartialEq)]
pub struct Pipeline {
    /// The file's name without `.toml`; what cameras name.
    pub name: String,
    pub about: String,
    /// The model's name; see `models/`.
    pub model: String,
    /// Before any camera's own values.
    pub rule: RuleSettings,
    /// Frames per second offered to inference while nothing happens, and from the first suspicion.
    pub idle_fps: f32,
    pub active_fps: f32,
    pub response: Response,
}

/// Why a pipeline file, or a camera's values over it, were refused.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    #[error("{path}: {source}")]
    Read { path: PathBuf, source: io::Error },
    #[error("{path}: {message}")]
    Parse { path: PathBuf, message: String },
    #[error("{path}, line {line}, [{section}]: {what}")]
    Value { path: PathBuf, line: usize, section: &'static str, what: String },
    #[error("the camera's values do not fit the pipeline `{pipeline}`: {source}")]
    Camera { pipeline: String, source: SettingsError },
    #[error("the camera's schedule: {0}")]
    Schedule(#[from] ScheduleError),
    #[error("the camera's schedule is not readable: {0}")]
    ScheduleForm(#[from] serde_json::Error),
}

/// Every pipeline of this server, by name.
#[derive(Debug, Clone)]
pub struct Pipelines(BTreeMap<String, Arc<Pipeline>>);

impl Pipelines {
    /// The built-in ones, and those of `folder` in place of them or beside them.
    ///
    /// # Errors
    /// The folder cannot be read; a file in it is refused, with its name and line.
    pub fn load(folder: Option<&Path>) -> Result<Self, PipelineError> {
        let mut all = BTreeMap::new();
        for (name, text) in BUILT_IN {
            let path = PathBuf::from(format!("pipelines/{name}.toml"));
            all.insert(name.to_owned(), Arc::new(Pipeline::parse(&path, name, text)?));
        }
        let Some(folder) = folder else { return Ok(Self(all)) };
        let read = |source| PipelineError::Read { path: folder.to_owned(), source };
        for entry in fs::read_dir(folder).map_err(read)? {
            let path = entry.map_err(read)?.path();
            if path.extension().is_none_or(|extension| extension != "toml") {
                continue;
            }
            let Some(name) = path.file_stem().and_then(|stem| stem.to_str()) else { continue };
            let text =
                fs::read_to_string(&path).map_err(|source| PipelineError::Read { path: path.clone(), source })?;
            all.insert(name.to_owned(), Arc::new(Pipeline::parse(&path, name, &text)?));
        }
        Ok(Self(all))
    }

    /// The pipeline of that name.
    pub fn get(&self, name: &str) -> Option<&Arc<Pipeline>> {
        self.0.get(name)
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Pipeline>> {
        self.0.values()
    }
}

impl Pipeline {
    /// Reads a pipeline file's text; `path` is what errors name.
    ///
    /// # Errors
    /// Not TOML, an unknown key, a value out of range; each with the line.
    pub fn parse(path: &Path, name: &str, text: &str) -> Result<Self, PipelineError> {
        let file: FileWire = toml::from_str(text).map_err(|e| PipelineError::Parse {
            path: path.to_owned(),
            message: e.to_string().trim_end().to_owned(),
        })?;
        let at = |section: &'static str, span: Range<usize>| {
            let line = 1 + text.get(..span.start).map_or(0, |before| before.matches('\n').count());
            move |what: String| PipelineError::Value { path: path.to_owned(), line, section, what }
        };
        let (watch, section, span) = match (file.vehicle, file.face) {
            (Some(vehicle), None) => {
                let span = vehicle.span();
                (WatchWire::Vehicle(vehicle.into_inner()), "vehicle", span)
            }
            (None, Some(face)) => {
                let span = face.span();
                (WatchWire::Face(face.into_inner()), "face", span)
            }
            (Some(_), Some(second)) => {
                return Err(at("face", second.span())(
                    "a pipeline has either [vehicle] or [face], not both".to_owned(),
                ));
            }
            (None, None) => {
                let what = "a pipeline needs a section [vehicle] or [face]: what to watch for".to_owned();
                return Err(PipelineError::Value { path: path.to_owned(), line: 1, section: "vehicle", what });
            }
        };
        let refuse = at(section, span);
        let mut rule = watch.settings().map_err(&refuse)?;
        if let Some(schedule) = file.schedule {
            let refuse = at("schedule", schedule.span());
            rule.schedule = Some(Schedule::try_from(schedule.into_inner()).map_err(|e| refuse(e.to_string()))?);
        }
        rule.check().map_err(|e| refuse(e.to_string()))?;
        let refuse = at("sample", file.sample.span());
        let sample = file.sample.into_inner();
        if !(0.2..=60.0).contains(&sample.idle_fps) || !(sample.idle_fps..=60.0).contains(&sample.active_fps) {
            return Err(refuse("idle_fps must lie in 0.2..=60, active_fps between it and 60".to_owned()));
        }
        let response = match file.then {
            Some(then) => {
                let refuse = at("then", then.span());
                then.into_inner().response().map_err(refuse)?
            }
            None => Response { voice: None, light_s: 0, hold: None, cooldown: Duration::ZERO },
        };
        Ok(Self {
            name: name.to_owned(),
            about: file.about,
            model: file.model,
            rule,
            idle_fps: sample.idle_fps,
            active_fps: sample.active_fps,
            response,
        })
    }

    /// The rule of one camera: this pipeline's with the camera's own zone, schedule and thresholds.
    ///
    /// # Errors
    /// The camera's values do not make sense over this pipeline's; its schedule cannot be read.
    pub fn rule_for(&self, camera: &CameraRecord) -> Result<RuleSettings, PipelineError> {
        let mut rule = self.rule.clone();
        let own = &camera.overrides;
        if camera.zone.is_some() {
            rule.zone.clone_from(&camera.zone);
        }
        if let Some(schedule) = &camera.schedule {
            rule.schedule = Some(ScheduleWire::deserialize(schedule)?.try_into()?);
        }
        match &mut rule.watch {
            Watch::Vehicle(vehicle) => {
                if let Some(score) = own.min_score {
                    // The pipeline's hysteresis stays as wide as it is.
                    let width = vehicle.min_score - vehicle.keep_score;
                    vehicle.min_score = score;
                    vehicle.keep_score = (score - width).clamp(0.0, 1.0);
                    vehicle.hold_score = vehicle.hold_score.max(score);
                    vehicle.suspect_score = vehicle.suspect_score.min(vehicle.keep_score);
                }
                if let Some((need, of)) = own.confirm {
                    (vehicle.need, vehicle.of) = (need.into(), of.into());
                }
                set(&mut vehicle.hold_score, own.hold_score);
                set(&mut vehicle.clear_after, own.clear_after);
                set(&mut vehicle.margin, own.margin);
            }
            Watch::Face(face) => {
                set(&mut face.min_score, own.min_score);
                if let Some((need, _)) = own.confirm {
                    face.need = need.into();
                }
            }
        }
        rule.check().map_err(|source| PipelineError::Camera { pipeline: self.name.clone(), source })?;
        Ok(rule)
    }

    /// What one camera's alarms lead to; `devices` are those that the camera names.
    pub fn plan_for(&self, camera: &CameraRecord, devices: Vec<DeviceRef>) -> Plan {
        let mut response = self.response.clone();
        set(&mut response.cooldown, camera.overrides.cooldown);
        Plan { response, devices }
    }
}

/// A weekly schedule as files and the API write it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScheduleWire {
    /// An IANA name, such as `Asia/Shanghai`.
    pub time_zone: String,
    pub windows: Vec<WindowWire>,
}

/// Hours on some days of the week.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WindowWire {
    /// `mon` … `sun`, the days it begins on; every day when left out.
    #[serde(default)]
    pub days: Vec<String>,
    /// `HH:MM`.
    pub from: String,
    /// `HH:MM`, up to `24:00`; at or before `from`: on the next day.
    pub to: String,
}

impl TryFrom<ScheduleWire> for Schedule {
    type Error = ScheduleError;

    fn try_from(wire: ScheduleWire) -> Result<Self, ScheduleError> {
        let mut days: [Vec<Interval>; 7] = Default::default();
        for window in wire.windows {
            let interval = Interval::new(&window.from, &window.to)?;
            if window.days.is_empty() {
                for day in &mut days {
                    day.push(interval);
                }
            }
            for name in &window.days {
                let at = Self::day(name)?;
                if let Some(day) = days.get_mut(at) {
                    day.push(interval);
                }
            }
        }
        Self::new(&wire.time_zone, days)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileWire {
    #[serde(default)]
    about: String,
    model: String,
    sample: Spanned<SampleWire>,
    vehicle: Option<Spanned<VehicleWire>>,
    face: Option<Spanned<FaceWire>>,
    schedule: Option<Spanned<ScheduleWire>>,
    then: Option<Spanned<ThenWire>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SampleWire {
    idle_fps: f32,
    active_fps: f32,
}

enum WatchWire {
    Vehicle(VehicleWire),
    Face(FaceWire),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VehicleWire {
    rule: String,
    targets: Vec<String>,
    #[serde(default)]
    rivals: Vec<String>,
    suspect_score: f32,
    min_score: f32,
    hold_score: Option<f32>,
    keep_score: f32,
    margin: f32,
    need: usize,
    of: usize,
    clear_after_s: f64,
    #[serde(default)]
    inside: InsideWire,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum InsideWire {
    #[default]
    Foot,
    Share(f32),
}

impl From<InsideWire> for Inside {
    fn from(wire: InsideWire) -> Self {
        match wire {
            InsideWire::Foot => Self::Foot,
            InsideWire::Share(share) => Self::Share(share),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FaceWire {
    rule: String,
    label: String,
    min_score: f32,
    min_width_px: f32,
    need: usize,
    #[serde(default)]
    inside: InsideWire,
}

impl WatchWire {
    fn settings(self) -> Result<RuleSettings, String> {
        let labels = |names: &[String]| names.iter().map(|name| Label::new(name)).collect();
        let (name, inside, watch) = match self {
            Self::Vehicle(v) => (
                v.rule,
                v.inside,
                Watch::Vehicle(VehicleSettings {
                    targets: labels(&v.targets),
                    rivals: labels(&v.rivals),
                    suspect_score: v.suspect_score,
                    min_score: v.min_score,
                    hold_score: v.hold_score.unwrap_or(v.min_score),
                    keep_score: v.keep_score,
                    margin: v.margin,
                    need: v.need,
                    of: v.of,
                    clear_after: seconds("clear_after_s", v.clear_after_s, 0.5..=60.0)?,
                }),
            ),
            Self::Face(f) => (
                f.rule,
                f.inside,
                Watch::Face(FaceSettings {
                    label: Label::new(&f.label),
                    min_score: f.min_score,
                    min_width_px: f.min_width_px,
                    need: f.need,
                }),
            ),
        };
        Ok(RuleSettings { name: Label::new(&name), zone: None, inside: inside.into(), schedule: None, watch })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ThenWire {
    #[serde(default)]
    cooldown_s: f64,
    #[serde(default)]
    light_s: u16,
    voice: Option<VoiceWire>,
    hold: Option<HoldWire>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VoiceWire {
    text: String,
    lang: String,
    repeat: u8,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HoldWire {
    lease_s: f64,
    renew_s: f64,
    fresh_s: f64,
    cap_s: f64,
}

impl ThenWire {
    fn response(self) -> Result<Response, String> {
        let voice = match self.voice {
            Some(v) if v.text.trim().is_empty() || v.text.chars().count() > 200 || !(1..=10).contains(&v.repeat) => {
                return Err("voice: text needs 1 to 200 characters, repeat must lie in 1..=10".to_owned());
            }
            Some(v) => Some(VoicePrompt { text: v.text, lang: v.lang, repeat: v.repeat }),
            None => None,
        };
        if self.light_s > 600 {
            return Err(format!("light_s is {}: it must lie in 0..=600", self.light_s));
        }
        let hold = self.hold.map(HoldWire::hold).transpose()?;
        Ok(Response {
            voice,
            light_s: self.light_s,
            hold,
            cooldown: seconds("cooldown_s", self.cooldown_s, 0.0..=3600.0)?,
        })
    }
}

impl HoldWire {
    /// The limits keep a slip of the pen from holding a lift for an hour, or from letting it go between renewals.
    fn hold(self) -> Result<Hold, String> {
        let hold = Hold {
            lease: seconds("hold.lease_s", self.lease_s, 1.0..=10.0)?,
            renew: seconds("hold.renew_s", self.renew_s, 0.2..=5.0)?,
            fresh: seconds("hold.fresh_s", self.fresh_s, 0.2..=5.0)?,
            cap: seconds("hold.cap_s", self.cap_s, 5.0..=600.0)?,
        };
        if hold.renew * 2 > hold.lease || hold.fresh > hold.lease {
            return Err("hold: renew_s must be at most half of lease_s, fresh_s at most lease_s".to_owned());
        }
        Ok(hold)
    }
}

fn seconds(name: &str, value: f64, range: RangeInclusive<f64>) -> Result<Duration, String> {
    if range.contains(&value) {
        Ok(Duration::from_secs_f64(value))
    } else {
        Err(format!("{name} is {value}: it must lie in {}..={}", range.start(), range.end()))
    }
}

fn set<T: Copy>(to: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *to = value;
    }
}

#[cfg(test)]
mod tests;
