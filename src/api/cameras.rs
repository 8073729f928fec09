//! Cameras: register, list, change, remove. Each change reaches the running system without touching other cameras.

use std::{collections::HashSet, time::Duration};

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{
    ApiState,
    caller::{Caller, ManageCameras, Watch},
    extract::{self, Body, Id, IfMatch, etag, given},
    problem::Problem,
    schedule::ScheduleWire,
    sites, time,
};
use crate::{
    base::{CameraId, DeviceId, NormPoint, Polygon, SiteId, clock},
    camera::{CameraUri, Transport},
    flow::{
        control::{CameraStatus, ControlError},
        pipeline::PipelineError,
    },
    store::{CameraRecord, Named, NewEvent, Overrides, Write},
};

const DEVICES_MOST: usize = 32;

/// A camera to register.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewCamera)]
pub(super) struct NewCameraWire {
    /// 1 to 100 characters.
    name: String,
    /// `rtsp://`, `rtsps://` or `file://`; user and password, percent-encoded, are taken in and never given out.
    uri: String,
    /// `elevator`, `gate` or another of `GET /api/v1/pipelines`.
    pipeline: String,
    /// The slug of its site; a new one makes the site.
    site: Option<String>,
    /// 1 to 100 characters.
    building: Option<String>,
    /// `tcp` (the default) or `udp`.
    transport: Option<String>,
    /// The part of the picture to watch: 3 to 64 points [x, y] in fractions of width and height; all of it when left out.
    zone: Option<Vec<[f32; 2]>>,
    /// Devices that answer this camera's alarms.
    devices: Option<Vec<String>>,
    /// When to watch; always when left out.
    schedule: Option<ScheduleWire>,
    /// The camera's own values in place of its pipeline's.
    overrides: Option<OverridesWire>,
    /// The decode chain to use; chosen by the server when left out.
    decode: Option<String>,
    /// True when left out.
    enabled: Option<bool>,
}

/// Changes to a camera: what is left out stays, null sets back to the default.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CameraChange)]
#[expect(clippy::option_option, reason = "left out and null differ in a PATCH")]
pub(super) struct CameraChangeWire {
    name: Option<String>,
    /// Left out: address and credentials stay. Given: both are replaced.
    uri: Option<String>,
    pipeline: Option<String>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    site: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    building: Option<Option<String>>,
    transport: Option<String>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Vec<[f32; 2]>>)]
    zone: Option<Option<Vec<[f32; 2]>>>,
    devices: Option<Vec<String>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<ScheduleWire>)]
    schedule: Option<Option<ScheduleWire>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<OverridesWire>)]
    overrides: Option<Option<OverridesWire>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    decode: Option<Option<String>>,
    enabled: Option<bool>,
}

/// A camera's own values in place of its pipeline's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CameraOverrides)]
pub(super) struct OverridesWire {
    /// Least score of the target, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    min_score: Option<f32>,
    /// Least score of the target for a lift to be held, 0 to 1; at least `min_score`.
    #[serde(skip_serializing_if = "Option::is_none")]
    hold_score: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    confirm: Option<ConfirmWire>,
    /// Not seen for this long: it is out; 0.5 to 60 seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    clear_after_s: Option<f64>,
    /// 0 to 3600 seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    cooldown_s: Option<f64>,
    /// Lead over the best rival class, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    margin: Option<f32>,
}

/// Seen in `seen` of the last `of` analysed frames.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Confirm)]
pub(super) struct ConfirmWire {
    /// 1 to `of`.
    seen: u8,
    /// 1 to 32.
    of: u8,
}

/// A camera: what is registered, and how it is doing.
#[derive(Serialize, ToSchema)]
#[schema(as = Camera)]
pub(super) struct CameraWire {
    id: String,
    name: String,
    /// Without user and password.
    uri: String,
    has_credentials: bool,
    pipeline: String,
    site: Option<String>,
    building: Option<String>,
    transport: &'static str,
    zone: Option<Vec<[f32; 2]>>,
    devices: Vec<String>,
    #[schema(value_type = Option<ScheduleWire>)]
    schedule: Option<Value>,
    overrides: OverridesWire,
    decode: Option<String>,
    enabled: bool,
    /// Also the `ETag`.
    version: u64,
    created_at: String,
    updated_at: String,
    /// `connecting`, `live`, `stalled`, `back_off` or `disabled`.
    phase: &'static str,
    /// Why it is in this phase, and what to do.
    phase_reason: String,
    phase_since: String,
    /// Age of the newest decoded frame.
    last_frame_age_ms: Option<u64>,
    frames: FramesWire,
    /// The decode chain in use.
    decode_in_use: Option<String>,
    /// Times the connection was rebuilt since the camera was added or the server started.
    reconnects: u64,
    /// Why its pictures are not analysed, when they are not: the model is missing or broken.
    blind: Option<String>,
}

/// What became of the camera's frames since the server started.
#[derive(Serialize, ToSchema)]
#[schema(as = CameraFrames)]
pub(super) struct FramesWire {
    decoded: u64,
    analysed: u64,
    /// Replaced by a newer one before their turn.
    displaced: u64,
    /// Too old when their turn came.
    expired: u64,
}

#[derive(Serialize, ToSchema)]
#[schema(as = CameraList)]
pub(super) struct ListWire {
    items: Vec<CameraWire>,
}

fn zone(points: Vec<[f32; 2]>) -> Result<Polygon, Problem> {
    Polygon::new(points.into_iter().map(|[x, y]| NormPoint { x, y }).collect()).map_err(|e| Problem::invalid("zone", e))
}

pub(super) fn transport(text: &str) -> Result<Transport, Problem> {
    Transport::of_wire(text).ok_or_else(|| Problem::invalid("transport", "tcp or udp"))
}

pub(super) fn uri(text: &str) -> Result<CameraUri, Problem> {
    CameraUri::parse(text).map_err(|e| Problem::invalid("uri", e))
}

impl OverridesWire {
    fn parse(&self) -> Result<Overrides, Problem> {
        let fraction = |name: &str, value: Option<f32>| match value {
            Some(value) if !(0.0..=1.0).contains(&value) => {
                Err(Problem::invalid(&format!("overrides.{name}"), format!("0 to 1, not {value}")))
            }
            value => Ok(value),
        };
        let seconds = |name: &str, value: Option<f64>, least: f64, most: f64| match value {
            Some(value) if !(least..=most).contains(&value) => {
                Err(Problem::invalid(&format!("overrides.{name}"), format!("{least} to {most} seconds, not {value}")))
            }
            value => Ok(value.map(Duration::from_secs_f64)),
        };
        let confirm = match self.confirm {
            Some(ConfirmWire { seen, of }) if !(1..=32).contains(&of) || !(1..=of).contains(&seen) => {
                return Err(Problem::invalid("overrides.confirm", "`of` is 1 to 32, `seen` is 1 to `of`"));
            }
            confirm => confirm.map(|c| (c.seen, c.of)),
        };
        Ok(Overrides {
            min_score: fraction("min_score", self.min_score)?,
            hold_score: fraction("hold_score", self.hold_score)?,
            confirm,
            clear_after: seconds("clear_after_s", self.clear_after_s, 0.5, 60.0)?,
            cooldown: seconds("cooldown_s", self.cooldown_s, 0.0, 3600.0)?,
            margin: fraction("margin", self.margin)?,
        })
    }
}

impl From<Overrides> for OverridesWire {
    fn from(overrides: Overrides) -> Self {
        Self {
            min_score: overrides.min_score,
            hold_score: overrides.hold_score,
            confirm: overrides.confirm.map(|(seen, of)| ConfirmWire { seen, of }),
            clear_after_s: overrides.clear_after.map(|d| d.as_secs_f64()),
            cooldown_s: overrides.cooldown.map(|d| d.as_secs_f64()),
            margin: overrides.margin,
        }
    }
}

impl CameraWire {
    fn new(camera: &CameraRecord, status: Option<&CameraStatus>) -> Self {
        let ms = |d: Duration| u64::try_from(d.as_millis()).unwrap_or(u64::MAX);
        let (phase, reason, since) = match status {
            Some(CameraStatus { phase, .. }) => (phase.phase.name(), phase.reason.clone(), phase.since),
            None if camera.enabled => ("connecting", "not started yet".to_owned(), camera.updated_at),
            None => ("disabled", "disabled by its registration".to_owned(), camera.updated_at),
        };
        let frames = status.map(|s| s.frames).unwrap_or_default();
        Self {
            id: camera.id.to_string(),
            name: camera.name.clone(),
            uri: camera.uri.shown(),
            has_credentials: camera.uri.user().is_some() || camera.uri.password().is_some(),
            pipeline: camera.pipeline.clone(),
            site: camera.site.as_ref().map(ToString::to_string),
            building: camera.building.clone(),
            transport: camera.transport.wire(),
            zone: camera.zone.as_ref().map(|zone| zone.points().iter().map(|p| [p.x, p.y]).collect()),
            devices: camera.devices.iter().map(ToString::to_string).collect(),
            schedule: camera.schedule.clone(),
            overrides: camera.overrides.into(),
            decode: camera.decode.clone(),
            enabled: camera.enabled,
            version: camera.version,
            created_at: time::text(camera.created_at),
            updated_at: time::text(camera.updated_at),
            phase,
            phase_reason: reason,
            phase_since: time::text(since),
            last_frame_age_ms: status.and_then(|s| s.last_frame_age).map(ms),
            frames: FramesWire {
                decoded: frames.decoded,
                analysed: frames.analysed,
                displaced: frames.displaced,
                expired: frames.expired,
            },
            decode_in_use: status.and_then(|s| s.decode.clone()),
            reconnects: status.map_or(0, |s| s.reconnects),
            blind: status.and_then(|s| s.blind.clone()),
        }
    }
}

impl ApiState {
    /// Whether the camera's pipeline is there, and the camera's own values make sense over it.
    fn check_over_pipeline(&self, camera: &CameraRecord) -> Result<(), Problem> {
        let Some(pipeline) = self.pipelines.get(&camera.pipeline) else {
            let known = self.pipelines.iter().map(|p| p.name.as_str()).collect::<Vec<_>>().join(", ");
            return Err(Problem::invalid("pipeline", format!("not known here; there are: {known}")));
        };
        match pipeline.rule_for(camera) {
            Ok(_) => Ok(()),
            Err(e @ (PipelineError::Schedule(_) | PipelineError::ScheduleForm(_))) => {
                Err(Problem::invalid("schedule", e))
            }
            Err(e) => Err(Problem::invalid("overrides", e)),
        }
    }

    fn decode_chain(&self, name: &str) -> Result<String, Problem> {
        let name = extract::text("decode", name, 64)?;
        if self.chains.knows(&name) {
            return Ok(name);
        }
        Err(Problem::invalid("decode", "no decode chain of this name: see GET /api/v1/system, or leave it out"))
    }

    /// Devices that the caller may hang on a camera: those at the sites whose cameras the caller manages, and those that
    /// hang on it `already`.
    async fn device_list(
        &self,
        caller: &Caller<ManageCameras>,
        texts: Vec<String>,
        already: &[DeviceId],
    ) -> Result<Vec<DeviceId>, Problem> {
        let sites = caller.sites();
        if texts.len() > DEVICES_MOST {
            return Err(Problem::invalid("devices", format!("at most {DEVICES_MOST}")));
        }
        let mut seen = HashSet::new();
        let mut ids = Vec::new();
        for text in texts {
            let id: DeviceId = text.parse().map_err(|e| Problem::invalid("devices", e))?;
            if !seen.insert(id) {
                return Err(Problem::invalid("devices", format!("{id} is named twice")));
            }
            let device = self.store.device(id).await?;
            if !device.is_some_and(|device| already.contains(&id) || sites.contains(device.site.as_ref())) {
                return Err(Problem::invalid("devices", format!("no device has the id {id}: register it first")));
            }
            ids.push(id);
        }
        Ok(ids)
    }

    fn camera_wire(&self, camera: &CameraRecord) -> CameraWire {
        CameraWire::new(camera, self.live.camera(camera.id).as_ref())
    }

    fn camera_answer(&self, status: StatusCode, camera: &CameraRecord) -> Response {
        (status, etag(camera.version), Json(self.camera_wire(camera))).into_response()
    }
}

/// The event that tells watchers of a change in the registry.
fn told(kind: &'static str, camera: &CameraRecord) -> Write {
    let event = NewEvent::new(clock::wall(), kind, json!({ "name": camera.name }));
    Write::Event(NewEvent { camera: Some(camera.id), ..event })
}

/// What the audit log keeps of a registration: no credentials.
fn audited(camera: &CameraRecord) -> Value {
    json!({
        "name": camera.name,
        "uri": camera.uri.shown(),
        "pipeline": camera.pipeline,
        "site": camera.site.as_ref().map(SiteId::as_str),
        "enabled": camera.enabled,
    })
}

#[utoipa::path(post, path = "/api/v1/cameras", tag = "cameras", request_body = NewCameraWire,
    responses((status = 201, description = "Registered; it comes up by itself when its stream does", body = CameraWire)))]
pub(super) async fn create(
    caller: Caller<ManageCameras>,
    State(state): State<ApiState>,
    Body(new): Body<NewCameraWire>,
) -> Result<Response, Problem> {
    let at = clock::wall();
    let site = new.site.as_deref().map(sites::slug).transpose()?;
    caller.may_put(site.as_ref())?;
    let camera = CameraRecord {
        id: CameraId::fresh(),
        name: extract::text("name", &new.name, 100)?,
        uri: uri(&new.uri)?,
        pipeline: new.pipeline,
        site,
        building: new.building.as_deref().map(|text| extract::text("building", text, 100)).transpose()?,
        transport: new.transport.as_deref().map_or(Ok(Transport::default()), transport)?,
        zone: new.zone.map(zone).transpose()?,
        devices: state.device_list(&caller, new.devices.unwrap_or_default(), &[]).await?,
        schedule: new.schedule.map(|schedule| schedule.checked()).transpose()?,
        overrides: new.overrides.map(|o| o.parse()).transpose()?.unwrap_or_default(),
        decode: new.decode.as_deref().map(|name| state.decode_chain(name)).transpose()?,
        enabled: new.enabled.unwrap_or(true),
        version: 1,
        created_at: at,
        updated_at: at,
    };
    state.check_over_pipeline(&camera)?;
    let also = vec![caller.audit("camera.create", &camera.id, audited(&camera)), told("camera.added", &camera)];
    state.store.insert_camera(camera.clone(), also).await?;
    if let Err(error) = state.live.camera_changed(camera.id).await {
        if matches!(error, ControlError::UnknownPipeline(_)) {
            let also = vec![caller.audit("camera.create.undone", &camera.id, json!({ "cause": error.to_string() }))];
            state.store.delete_camera(camera.id, None, also).await?;
        }
        return Err(error.into());
    }
    let location = [(header::LOCATION, format!("/api/v1/cameras/{}", camera.id))];
    Ok((location, state.camera_answer(StatusCode::CREATED, &camera)).into_response())
}

#[utoipa::path(get, path = "/api/v1/cameras", tag = "cameras",
    responses((status = 200, description = "Every camera at the caller's sites, oldest first", body = ListWire)))]
pub(super) async fn list(caller: Caller<Watch>, State(state): State<ApiState>) -> Result<Json<ListWire>, Problem> {
    let (cameras, sites) = (state.store.cameras().await?, caller.sites());
    let seen = cameras.iter().filter(|camera| sites.contains(camera.site.as_ref()));
    Ok(Json(ListWire { items: seen.map(|camera| state.camera_wire(camera)).collect() }))
}

#[utoipa::path(get, path = "/api/v1/cameras/{id}", tag = "cameras", params(("id" = String, Path)),
    responses((status = 200, description = "The camera; its ETag is for If-Match", body = CameraWire)))]
pub(super) async fn one(
    caller: Caller<Watch>,
    State(state): State<ApiState>,
    Id(id): Id<CameraId>,
) -> Result<Response, Problem> {
    let camera = caller.camera(&state, id).await?;
    Ok(state.camera_answer(StatusCode::OK, &camera))
}

#[utoipa::path(patch, path = "/api/v1/cameras/{id}", tag = "cameras",
    params(("id" = String, Path), ("If-Match" = Option<String>, Header, description = "the ETag you read; 412 if it was changed since")),
    request_body = CameraChangeWire,
    responses((status = 200, description = "Changed, without touching other cameras", body = CameraWire)))]
pub(super) async fn change(
    caller: Caller<ManageCameras>,
    State(state): State<ApiState>,
    Id(id): Id<CameraId>,
    seen: IfMatch,
    Body(change): Body<CameraChangeWire>,
) -> Result<Response, Problem> {
    let before = caller.camera(&state, id).await?;
    seen.check(before.version)?;
    let after = state.changed(&caller, before.clone(), change).await?;
    let also = vec![caller.audit("camera.change", &id, audited(&after)), told("camera.changed", &after)];
    let kept = state.store.update_camera(after, also).await.map_err(|error| seen.conflict(error))?;
    if let Err(error) = state.live.camera_changed(id).await {
        if matches!(error, ControlError::UnknownPipeline(_)) {
            let also = vec![caller.audit("camera.change.undone", &id, json!({ "cause": error.to_string() }))];
            state.store.update_camera(CameraRecord { version: kept.version, ..before }, also).await?;
        }
        return Err(error.into());
    }
    Ok(state.camera_answer(StatusCode::OK, &kept))
}

#[utoipa::path(delete, path = "/api/v1/cameras/{id}", tag = "cameras",
    params(("id" = String, Path), ("If-Match" = Option<String>, Header, description = "the ETag you read; 412 if it was changed since")),
    responses((status = 204, description = "Removed; its alarms stay")))]
pub(super) async fn remove(
    caller: Caller<ManageCameras>,
    State(state): State<ApiState>,
    Id(id): Id<CameraId>,
    IfMatch(version): IfMatch,
) -> Result<StatusCode, Problem> {
    let camera = caller.camera(&state, id).await?;
    let also = vec![caller.audit("camera.remove", &id, audited(&camera)), told("camera.removed", &camera)];
    state.store.delete_camera(id, version, also).await?;
    state.live.camera_changed(id).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl ApiState {
    /// `camera` with the changes that were asked for, each checked.
    async fn changed(
        &self,
        caller: &Caller<ManageCameras>,
        mut camera: CameraRecord,
        change: CameraChangeWire,
    ) -> Result<CameraRecord, Problem> {
        if let Some(name) = change.name {
            camera.name = extract::text("name", &name, 100)?;
        }
        if let Some(text) = change.uri {
            camera.uri = uri(&text)?;
        }
        if let Some(name) = change.pipeline {
            camera.pipeline = name;
        }
        if let Some(building) = change.building {
            camera.building = building.as_deref().map(|text| extract::text("building", text, 100)).transpose()?;
        }
        if let Some(site) = change.site {
            camera.site = site.as_deref().map(sites::slug).transpose()?;
            caller.may_put(camera.site.as_ref())?;
        }
        if let Some(text) = change.transport {
            camera.transport = transport(&text)?;
        }
        if let Some(points) = change.zone {
            camera.zone = points.map(zone).transpose()?;
        }
        if let Some(devices) = change.devices {
            camera.devices = self.device_list(caller, devices, &camera.devices).await?;
        }
        if let Some(schedule) = change.schedule {
            camera.schedule = schedule.map(|schedule| schedule.checked()).transpose()?;
        }
        if let Some(overrides) = change.overrides {
            camera.overrides = overrides.map(|o| o.parse()).transpose()?.unwrap_or_default();
        }
        if let Some(decode) = change.decode {
            camera.decode = decode.as_deref().map(|name| self.decode_chain(name)).transpose()?;
        }
        if let Some(enabled) = change.enabled {
            camera.enabled = enabled;
        }
        camera.updated_at = clock::wall();
        self.check_over_pipeline(&camera)?;
        Ok(camera)
    }
}
