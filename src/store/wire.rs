//! How composite values lie in the database's text columns: serde twins and their conversions.
//! Not here: SQL; the API's own wire forms.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    Overrides, StoreError,
    names::{Named, fixed},
};
use crate::{
    access::{Grant, Grants, Role},
    alarm::{
        Alarm, AlarmSighting, Step,
        escalation::{Escalation, LadderStep},
    },
    base::{DeviceId, NormPoint, NormRect, Polygon, TrackId, Wall},
    detect::Label,
};

#[derive(Serialize, Deserialize)]
struct AlarmBody {
    kind: String,
    state: String,
    camera: Option<String>,
    device: Option<String>,
    sighting: Option<SightingBody>,
    raised_at: i64,
    cleared_at: Option<i64>,
    lift: String,
    escalated: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    escalations: Vec<TakenBody>,
    note: Option<String>,
    actor: Option<String>,
    timeline: Vec<StepBody>,
}

#[derive(Serialize, Deserialize)]
struct TakenBody {
    at: i64,
    step: LadderBody,
}

#[derive(Serialize, Deserialize)]
struct LadderBody {
    when: String,
    after_ms: u64,
    sound: String,
    tell: Vec<String>,
    text: String,
}

impl From<&LadderStep> for LadderBody {
    fn from(step: &LadderStep) -> Self {
        Self {
            when: step.when.wire().to_owned(),
            after_ms: u64::try_from(step.after.as_millis()).unwrap_or(u64::MAX),
            sound: step.sound.wire().to_owned(),
            tell: step.tell.clone(),
            text: step.text.clone(),
        }
    }
}

impl TryFrom<LadderBody> for LadderStep {
    type Error = StoreError;

    fn try_from(body: LadderBody) -> Result<Self, StoreError> {
        Ok(Self {
            when: named("escalation trigger", &body.when)?,
            after: Duration::from_millis(body.after_ms),
            sound: named("escalation sound", &body.sound)?,
            tell: body.tell,
            text: body.text,
        })
    }
}

#[derive(Serialize, Deserialize)]
struct SightingBody {
    track: u64,
    label: String,
    score: f32,
    rect: [f32; 4],
}

#[derive(Serialize, Deserialize)]
struct StepBody {
    at: i64,
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    device: Option<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    detail: String,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
struct OverridesBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    min_score: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hold_score: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    confirm: Option<(u8, u8)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    clear_after_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cooldown_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    margin: Option<f32>,
}

#[derive(Serialize, Deserialize)]
struct GrantBody {
    role: String,
    site: Option<String>,
}

/// Grants as text.
pub(super) fn grants_body(grants: &Grants) -> Result<String, StoreError> {
    let body = |grant: &Grant| GrantBody {
        role: grant.role.name().to_owned(),
        site: grant.site.as_ref().map(ToString::to_string),
    };
    json("grants", &grants.iter().map(body).collect::<Vec<_>>())
}

/// Grants from their text.
pub(super) fn grants(text: &str) -> Result<Grants, StoreError> {
    let bodies: Vec<GrantBody> = from_json("grants", text)?;
    let grant = |body: GrantBody| {
        Ok(Grant {
            role: Role::of_name(&body.role)
                .ok_or_else(|| StoreError::Corrupt { what: "role", cause: format!("`{}` is not known", body.role) })?,
            site: id_opt("site", body.site.as_deref())?,
        })
    };
    bodies.into_iter().map(grant).collect::<Result<Vec<_>, StoreError>>().map(Grants::new)
}

fn corrupt<E: std::fmt::Display>(what: &'static str) -> impl FnOnce(E) -> StoreError {
    move |cause| StoreError::Corrupt { what, cause: cause.to_string() }
}

/// The value of a name that the database holds.
pub(super) fn named<T: Named>(what: &'static str, name: &str) -> Result<T, StoreError> {
    T::of_wire(name).ok_or_else(|| StoreError::Corrupt { what, cause: format!("`{name}` is not known") })
}

/// An id that the database holds.
pub(super) fn id<T: std::str::FromStr>(what: &'static str, text: &str) -> Result<T, StoreError>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(corrupt(what))
}

/// An id that may be absent.
pub(super) fn id_opt<T: std::str::FromStr>(what: &'static str, text: Option<&str>) -> Result<Option<T>, StoreError>
where
    T::Err: std::fmt::Display,
{
    text.map(|text| id(what, text)).transpose()
}

/// A JSON text from a value that cannot fail to be written.
pub(super) fn json<T: Serialize>(what: &'static str, value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(corrupt(what))
}

/// A value from the database's JSON text.
pub(super) fn from_json<T: serde::de::DeserializeOwned>(what: &'static str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(corrupt(what))
}

pub(super) fn alarm_body(alarm: &Alarm) -> Result<String, StoreError> {
    json(
        "alarm",
        &AlarmBody {
            kind: alarm.kind.wire().to_owned(),
            state: alarm.state.wire().to_owned(),
            camera: alarm.camera.map(|id| id.to_string()),
            device: alarm.device.map(|id| id.to_string()),
            sighting: alarm.sighting.as_ref().map(|s| SightingBody {
                track: s.track.0,
                label: s.label.as_str().to_owned(),
                score: s.score,
                rect: [s.rect.x0, s.rect.y0, s.rect.x1, s.rect.y1],
            }),
            raised_at: alarm.raised_at.0,
            cleared_at: alarm.cleared_at.map(|at| at.0),
            lift: alarm.lift.wire().to_owned(),
            escalated: alarm.escalated,
            escalations: alarm
                .escalations
                .iter()
                .map(|taken| TakenBody { at: taken.at.0, step: (&taken.step).into() })
                .collect(),
            note: alarm.note.clone(),
            actor: alarm.actor.clone(),
            timeline: alarm
                .timeline
                .iter()
                .map(|step| StepBody {
                    at: step.at.0,
                    name: step.name.to_owned(),
                    device: step.device.map(|id| id.to_string()),
                    detail: step.detail.clone(),
                })
                .collect(),
        },
    )
}

pub(super) fn alarm(key: &str, body: &str) -> Result<Alarm, StoreError> {
    let body: AlarmBody = from_json("alarm", body)?;
    Ok(Alarm {
        id: id("alarm id", key)?,
        kind: named("alarm kind", &body.kind)?,
        state: named("alarm state", &body.state)?,
        camera: id_opt("camera id", body.camera.as_deref())?,
        device: id_opt("device id", body.device.as_deref())?,
        sighting: body.sighting.map(|s| {
            let [x0, y0, x1, y1] = s.rect;
            AlarmSighting {
                track: TrackId(s.track),
                label: Label::new(&s.label),
                score: s.score,
                rect: NormRect { x0, y0, x1, y1 },
            }
        }),
        raised_at: Wall(body.raised_at),
        cleared_at: body.cleared_at.map(Wall),
        lift: named("lift state", &body.lift)?,
        escalated: body.escalated,
        escalations: body
            .escalations
            .into_iter()
            .map(|taken| Ok(Escalation { at: Wall(taken.at), step: taken.step.try_into()? }))
            .collect::<Result<_, StoreError>>()?,
        note: body.note,
        actor: body.actor,
        timeline: body
            .timeline
            .into_iter()
            .map(|step| {
                Ok(Step {
                    at: Wall(step.at),
                    name: fixed(&step.name),
                    device: id_opt("device id", step.device.as_deref())?,
                    detail: step.detail,
                })
            })
            .collect::<Result<_, StoreError>>()?,
    })
}

/// A site's escalation list.
pub(super) fn ladder_body(steps: &[LadderStep]) -> Result<String, StoreError> {
    json("escalation list", &steps.iter().map(LadderBody::from).collect::<Vec<_>>())
}

pub(super) fn ladder(text: &str) -> Result<Vec<LadderStep>, StoreError> {
    let steps: Vec<LadderBody> = from_json("escalation list", text)?;
    steps.into_iter().map(LadderStep::try_from).collect()
}

pub(super) fn zone_body(zone: Option<&Polygon>) -> Result<Option<String>, StoreError> {
    zone.map(|zone| json("zone", &zone.points().iter().map(|p| [p.x, p.y]).collect::<Vec<_>>())).transpose()
}

pub(super) fn zone(text: Option<&str>) -> Result<Option<Polygon>, StoreError> {
    let Some(text) = text else { return Ok(None) };
    let points: Vec<[f32; 2]> = from_json("zone", text)?;
    let points = points.into_iter().map(|[x, y]| NormPoint { x, y }).collect();
    Polygon::new(points).map(Some).map_err(corrupt("zone"))
}

pub(super) fn devices_body(devices: &[DeviceId]) -> Result<String, StoreError> {
    json("devices", &devices.iter().map(ToString::to_string).collect::<Vec<_>>())
}

pub(super) fn devices(text: &str) -> Result<Vec<DeviceId>, StoreError> {
    let ids: Vec<String> = from_json("devices", text)?;
    ids.iter().map(|text| id("device id", text)).collect()
}

pub(super) fn overrides_body(overrides: &Overrides) -> Result<String, StoreError> {
    let ms = |d: Duration| u64::try_from(d.as_millis()).unwrap_or(u64::MAX);
    json(
        "overrides",
        &OverridesBody {
            min_score: overrides.min_score,
            hold_score: overrides.hold_score,
            confirm: overrides.confirm,
            clear_after_ms: overrides.clear_after.map(ms),
            cooldown_ms: overrides.cooldown.map(ms),
            margin: overrides.margin,
        },
    )
}

pub(super) fn overrides(text: &str) -> Result<Overrides, StoreError> {
    let body: OverridesBody = from_json("overrides", text)?;
    Ok(Overrides {
        min_score: body.min_score,
        hold_score: body.hold_score,
        confirm: body.confirm,
        clear_after: body.clear_after_ms.map(Duration::from_millis),
        cooldown: body.cooldown_ms.map(Duration::from_millis),
        margin: body.margin,
    })
}
