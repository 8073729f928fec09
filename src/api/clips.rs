//! An alarm's clip as a file, whole or in parts. Not here: how it is made (`flow`, `media`).

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderValue, header},
    response::Response,
};
use tower_http::services::ServeFile;

use super::{
    ApiState,
    caller::{Caller, SeePictures},
    extract::Id,
    problem::Problem,
};
use crate::{base::AlarmId, media};

/// Where an alarm's clip is read; `None` while there is none.
pub(super) async fn address(state: &ApiState, alarm: AlarmId) -> Option<String> {
    let is_there = tokio::fs::try_exists(media::alarm_clip(&state.media_dir, alarm)).await.unwrap_or(false);
    is_there.then(|| format!("/api/v1/alarms/{alarm}/clip"))
}

#[utoipa::path(get, path = "/api/v1/alarms/{id}/clip", tag = "alarms",
    params(("id" = String, Path), ("Range" = Option<String>, Header, description = "a part of the file, as browsers ask for when they seek")),
    responses(
        (status = 200, description = "From 5 s before the alarm to 5 s after, as the camera sent it", content_type = "video/mp4", body = Vec<u8>),
        (status = 206, description = "The part that was asked for", content_type = "video/mp4", body = Vec<u8>)))]
pub(super) async fn clip(
    caller: Caller<SeePictures>,
    State(state): State<ApiState>,
    Id(id): Id<AlarmId>,
    request: Request,
) -> Result<Response, Problem> {
    caller.alarm(&state, id).await?;
    if address(&state, id).await.is_none() {
        return Err(Problem::not_found(
            "this alarm has no clip (yet): one about a device has none; one of a camera has it seven seconds after it was raised",
        ));
    }
    let served = ServeFile::new(media::alarm_clip(&state.media_dir, id)).try_call(request).await;
    let mut response = served.map_err(Problem::internal)?.map(Body::new);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    Ok(response)
}
