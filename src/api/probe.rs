//! Trying a camera before it is registered: connect once, say what it sends or why it sends nothing.

use std::time::Duration;

use axum::{Json, extract::State};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::{
    ApiState,
    caller::{Caller, ManageCameras},
    cameras,
    extract::Body,
    problem::Problem,
};
use crate::{camera, media};

/// From asking for a connection to the first picture.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Probes at one time; each holds a thread and a decoder.
pub(super) const AT_ONCE: usize = 4;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ProbeRequest)]
pub(super) struct RequestWire {
    /// As for a camera; it is not kept.
    uri: String,
    /// `tcp` (the default) or `udp`.
    transport: Option<String>,
}

/// What the camera sends.
#[derive(Serialize, ToSchema)]
#[schema(as = Probe)]
pub(super) struct ProbeWire {
    /// `h264` or `h265`.
    codec: &'static str,
    width: u32,
    height: u32,
    /// Frames per second; null when too few came to tell.
    fps: Option<f32>,
    /// The first picture: `data:image/jpeg;base64,…`.
    snapshot: String,
}

#[utoipa::path(post, path = "/api/v1/cameras/probe", tag = "cameras", request_body = RequestWire,
    responses(
        (status = 200, description = "What it sends", body = ProbeWire),
        (status = 424, description = "It gave no picture; `reason` says why: refused, unreachable, unauthorised, not_found, no_video, unsupported_codec, tls, timeout, …", content_type = "application/problem+json")))]
pub(super) async fn probe(
    caller: Caller<ManageCameras>,
    State(state): State<ApiState>,
    Body(request): Body<RequestWire>,
) -> Result<Json<ProbeWire>, Problem> {
    let uri = cameras::uri(&request.uri)?;
    let transport = request.transport.as_deref().map_or(Ok(camera::Transport::default()), cameras::transport)?;
    let Ok(place) = state.probes.clone().try_acquire_owned() else {
        return Err(Problem::unavailable(format!("{AT_ONCE} probes are under way: try again in some seconds")));
    };
    tracing::info!(uri = %uri.shown(), by = %caller.who.id(), "probing a camera");
    let audit = caller.audit("camera.probe", &uri.shown(), json!({}));
    state.store.write(vec![audit]).await?;
    let chains = state.chains.clone();
    let work = tokio::task::spawn_blocking(move || {
        let _place = place;
        let probe = camera::probe(&uri, transport, TIMEOUT, &chains)
            .map_err(|failure| Problem::camera(failure.code(), failure.to_string()))?;
        let jpeg = media::snapshot(&probe.picture, &[]).map_err(Problem::internal)?;
        let size = probe.picture.size;
        Ok(ProbeWire {
            codec: probe.codec.name(),
            width: size.width,
            height: size.height,
            fps: (probe.fps > 0.0).then_some(probe.fps),
            snapshot: format!("data:image/jpeg;base64,{}", STANDARD.encode(jpeg)),
        })
    });
    work.await.map_err(Problem::internal)?.map(Json)
}
