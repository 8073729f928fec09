//! The server itself: what it is, what it runs, how it does; health and metrics.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{
    ApiState,
    caller::{Caller, Watch},
    problem::Problem,
};
use crate::{camera::Phase, flow::pipeline::Pipeline, rule};

/// Counts of the moment.
#[derive(Serialize, ToSchema)]
#[schema(as = Stats)]
pub(super) struct StatsWire {
    /// Place of the newest event: read it first, then the lists, then connect to the events with it as `since`, and
    /// nothing is missed.
    last_seq: u64,
    /// Which run of the server this is.
    epoch: u64,
    open_alarms: usize,
    /// Cameras by phase.
    cameras: BTreeMap<&'static str, usize>,
    devices_online: usize,
    devices_offline: usize,
    /// Of all cameras since the server started.
    frames_decoded: u64,
    frames_analysed: u64,
    frames_displaced: u64,
    frames_expired: u64,
}

#[derive(Serialize, ToSchema)]
#[schema(as = PipelineList)]
pub(super) struct PipelinesWire {
    items: Vec<PipelineWire>,
}

/// What a camera can be told to watch, and what follows.
#[derive(Serialize, ToSchema)]
#[schema(as = Pipeline)]
pub(super) struct PipelineWire {
    name: String,
    about: String,
    /// The model that it runs; see GET /api/v1/models.
    model: String,
    /// `vehicle` or `face`.
    watches: &'static str,
    /// The classes it looks for.
    targets: Vec<String>,
    /// Least score of a target, before a camera's own values.
    min_score: f32,
    /// Least score of a target for a lift to be held, before a camera's own values; none where faces are watched.
    hold_score: Option<f32>,
    idle_fps: f32,
    active_fps: f32,
    /// Whether it asks controlled lifts to stay.
    holds_lift: bool,
    /// The voice prompt that it plays.
    voice: Option<String>,
}

impl From<&Pipeline> for PipelineWire {
    fn from(pipeline: &Pipeline) -> Self {
        let (watches, targets, min_score, hold_score) = match &pipeline.rule.watch {
            rule::Watch::Vehicle(v) => {
                ("vehicle", v.targets.iter().map(ToString::to_string).collect(), v.min_score, Some(v.hold_score))
            }
            rule::Watch::Face(f) => ("face", vec![f.label.to_string()], f.min_score, None),
        };
        Self {
            name: pipeline.name.clone(),
            about: pipeline.about.clone(),
            model: pipeline.model.clone(),
            watches,
            targets,
            min_score,
            hold_score,
            idle_fps: pipeline.idle_fps,
            active_fps: pipeline.active_fps,
            holds_lift: pipeline.response.hold.is_some(),
            voice: pipeline.response.voice.as_ref().map(|voice| voice.text.clone()),
        }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = ModelList)]
pub(super) struct ModelsWire {
    #[schema(value_type = Vec<Object>)]
    items: Value,
}

#[utoipa::path(get, path = "/api/v1/system", tag = "system",
    responses((status = 200, description = "Version, decode chains with choice and refusals, inference providers", body = Object)))]
pub(super) async fn system(_: Caller<Watch>, State(state): State<ApiState>) -> Json<Value> {
    let mut report = (state.system)();
    if let Value::Object(report) = &mut report {
        report.entry("name").or_insert_with(|| "yunti".into());
        report.entry("version").or_insert_with(|| env!("CARGO_PKG_VERSION").into());
        report.entry("epoch").or_insert_with(|| state.store.epoch().0.into());
    }
    Json(report)
}

#[utoipa::path(get, path = "/api/v1/stats", tag = "system",
    responses((status = 200, description = "Counts of the moment, of what lies at the caller's sites", body = StatsWire)))]
pub(super) async fn stats(caller: Caller<Watch>, State(state): State<ApiState>) -> Result<Json<StatsWire>, Problem> {
    let sites = caller.sites();
    let last_seq = *state.store.last_seq().borrow();
    let mut counts = StatsWire {
        last_seq,
        epoch: state.store.epoch().0,
        open_alarms: state.store.count_open_alarms(sites.clone()).await?,
        cameras: Phase::NAMES.into_iter().map(|name| (name, 0)).collect(),
        devices_online: 0,
        devices_offline: 0,
        frames_decoded: 0,
        frames_analysed: 0,
        frames_displaced: 0,
        frames_expired: 0,
    };
    for camera in state.store.cameras().await?.into_iter().filter(|camera| sites.contains(camera.site.as_ref())) {
        let status = state.live.camera(camera.id);
        let waiting = if camera.enabled { Phase::Connecting } else { Phase::Disabled };
        let phase = status.as_ref().map_or(waiting, |status| status.phase.phase);
        *counts.cameras.entry(phase.name()).or_default() += 1;
        if let Some(status) = status {
            counts.frames_decoded += status.frames.decoded;
            counts.frames_analysed += status.frames.analysed;
            counts.frames_displaced += status.frames.displaced;
            counts.frames_expired += status.frames.expired;
        }
    }
    for device in state.store.devices().await?.into_iter().filter(|device| sites.contains(device.site.as_ref())) {
        if state.live.device(device.id).is_some_and(|status| status.online) {
            counts.devices_online += 1;
        } else {
            counts.devices_offline += 1;
        }
    }
    Ok(Json(counts))
}

#[utoipa::path(get, path = "/api/v1/pipelines", tag = "system",
    responses((status = 200, description = "What a camera can be told to watch, and what follows", body = PipelinesWire)))]
pub(super) async fn pipelines(_: Caller<Watch>, State(state): State<ApiState>) -> Json<PipelinesWire> {
    let items = state.pipelines.iter().map(|pipeline| pipeline.as_ref().into());
    Json(PipelinesWire { items: items.collect() })
}

#[utoipa::path(get, path = "/api/v1/models", tag = "system",
    responses((status = 200, description = "The models that are loaded, or why they are not", body = ModelsWire)))]
pub(super) async fn models(_: Caller<Watch>, State(state): State<ApiState>) -> Json<ModelsWire> {
    Json(ModelsWire { items: (state.models)() })
}

#[utoipa::path(get, path = "/metrics", tag = "system",
    responses((status = 200, description = "Prometheus' text form; for a viewer of every site", content_type = "text/plain", body = String)))]
pub(super) async fn metrics(
    caller: Caller<Watch>,
    State(state): State<ApiState>,
) -> Result<impl IntoResponse, Problem> {
    // The page names every camera and device.
    caller.everywhere()?;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], (state.metrics)()))
}

#[utoipa::path(get, path = "/health/live", tag = "system", security(()),
    responses((status = 200, description = "The process answers", content_type = "text/plain", body = String)))]
pub(super) async fn live() -> &'static str {
    "ok\n"
}

#[utoipa::path(get, path = "/health/ready", tag = "system", security(()),
    responses(
        (status = 200, description = "It can do its work", content_type = "text/plain", body = String),
        (status = 503, description = "It cannot, and why", content_type = "application/problem+json")))]
pub(super) async fn ready(State(state): State<ApiState>) -> Result<(StatusCode, &'static str), Problem> {
    if !state.store.is_up() {
        return Err(Problem::unavailable("the store is down: restart the server, its log has the cause"));
    }
    (state.ready)().map_err(Problem::unavailable)?;
    Ok((StatusCode::OK, "ready\n"))
}
