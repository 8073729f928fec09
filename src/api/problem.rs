//! Every refusal and failure as `application/problem+json` (RFC 9457). The one file that knows their form.
//!
//! What the client sees (`detail`: what to do) and what the log gets (`cause`) are two fields; a 5xx shows the request's
//! id, under which the log has the cause.

use std::time::Duration;

use axum::{
    Json,
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{alarm::ActError, flow::control::ControlError, store::StoreError};

/// The header that carries a request's id, both ways.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A refusal or failure.
#[derive(Debug, Clone)]
pub(super) struct Problem {
    status: StatusCode,
    kind: &'static str,
    detail: String,
    reason: Option<&'static str>,
    /// Seconds to wait.
    retry_after: Option<u64>,
    /// For the log alone.
    cause: Option<String>,
}

/// The wire form of RFC 9457.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(super) struct ProblemBody {
    /// What kind of problem, for programs: `urn:yunti:problem:…`.
    #[serde(rename = "type")]
    kind: String,
    /// The HTTP status in words.
    title: String,
    status: u16,
    /// What went wrong and what to do.
    detail: String,
    /// With `…:camera` alone: why the camera gave no picture, in one word.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    /// Only with a 5xx: the log has the cause under this id.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
}

impl Problem {
    fn new(status: StatusCode, kind: &'static str, detail: impl Into<String>) -> Self {
        Self { status, kind, detail: detail.into(), reason: None, retry_after: None, cause: None }
    }

    /// 400: not readable as what it should be.
    pub(super) fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", detail)
    }

    /// 401: who are you?
    pub(super) fn unauthorised(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorised", detail)
    }

    /// 403: known, but may not.
    pub(super) fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", detail)
    }

    /// 404.
    pub(super) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", detail)
    }

    /// 409: it does not go with the state it is in.
    pub(super) fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", detail)
    }

    /// 410: it was there, once.
    pub(super) fn gone(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::GONE, "gone", detail)
    }

    /// 429: too many attempts.
    pub(super) fn too_many(wait: Duration) -> Self {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        let detail = format!("too many attempts that failed: wait {seconds} s, then try again");
        Self { retry_after: Some(seconds), ..Self::new(StatusCode::TOO_MANY_REQUESTS, "too-many", detail) }
    }

    /// 412: changed since the version in `If-Match`.
    pub(super) fn changed_meanwhile(current: u64) -> Self {
        let detail = format!(
            "it was changed meanwhile: its ETag is \"{current}\" now; read it again, decide, and send that in If-Match"
        );
        Self::new(StatusCode::PRECONDITION_FAILED, "changed-meanwhile", detail)
    }

    /// 413.
    pub(super) fn too_large(limit: usize) -> Self {
        let detail = format!("the body is larger than {limit} bytes: nothing here needs that much");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail)
    }

    /// 415.
    pub(super) fn not_json() -> Self {
        let detail = "send JSON with the header `Content-Type: application/json`";
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not-json", detail)
    }

    /// 422: readable, but a field is not what it must be.
    pub(super) fn invalid(field: &str, detail: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", format!("{field}: {detail}"))
    }

    /// 422: readable JSON of the wrong form.
    pub(super) fn wrong_form(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail)
    }

    /// 424: a camera did not answer as it should.
    pub(super) fn camera(reason: &'static str, detail: impl Into<String>) -> Self {
        Self { reason: Some(reason), ..Self::new(StatusCode::FAILED_DEPENDENCY, "camera", detail) }
    }

    /// 503: not now.
    pub(super) fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail)
    }

    /// 500: ours; the client sees only where to look.
    pub(super) fn internal(cause: impl std::fmt::Display) -> Self {
        Self {
            cause: Some(cause.to_string()),
            ..Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                "the server failed; its log has the cause under this request id",
            )
        }
    }

    /// What a bare status of the framework means.
    fn of_status(status: StatusCode, text: &str) -> Self {
        match status {
            StatusCode::METHOD_NOT_ALLOWED => Self::new(
                status,
                "method-not-allowed",
                "this address does not take this method; the Allow header names those it takes",
            ),
            StatusCode::REQUEST_TIMEOUT => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "timeout", "the request took too long and was given up")
            }
            StatusCode::UPGRADE_REQUIRED => {
                Self::new(status, "upgrade-required", "this is a WebSocket: connect with ws:// or wss://")
            }
            StatusCode::PAYLOAD_TOO_LARGE => Self::too_large(super::extract::BODY_LIMIT),
            status if status.is_server_error() => Self { status, ..Self::internal(text) },
            status => Self::new(status, "refused", text),
        }
    }

    fn body(&self, request_id: Option<&str>) -> ProblemBody {
        ProblemBody {
            kind: format!("urn:yunti:problem:{}", self.kind),
            title: self.status.canonical_reason().unwrap_or("Problem").to_owned(),
            status: self.status.as_u16(),
            detail: self.detail.clone(),
            reason: self.reason,
            request_id: request_id.filter(|_| self.status.is_server_error()).map(str::to_owned),
        }
    }

    fn response(self, request_id: Option<&str>) -> Response {
        let mut response = (self.status, Json(self.body(request_id))).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"yunti\""));
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.response(None)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Missing => Self::not_found("nothing is kept under this id"),
            StoreError::Conflict { current } => Self::changed_meanwhile(current),
            StoreError::InUse(_) | StoreError::Exists | StoreError::LastAdmin => Self::conflict(error.to_string()),
            StoreError::Closed => {
                Self { cause: Some(error.to_string()), ..Self::unavailable("the server is shutting down") }
            }
            other => Self::internal(other),
        }
    }
}

impl From<ControlError> for Problem {
    fn from(error: ControlError) -> Self {
        match error {
            ControlError::Act(ActError::Unknown) => Self::not_found("no alarm has this id"),
            ControlError::Act(already @ ActError::Already { .. }) => Self::conflict(already.to_string()),
            unknown @ ControlError::UnknownPipeline(_) => Self::invalid("pipeline", unknown),
            ControlError::Closing => Self::unavailable("the server is shutting down"),
            refused @ ControlError::Camera(_) => Self::wrong_form(refused.to_string()),
            store @ ControlError::Store(_) => Self::internal(store),
        }
    }
}

/// The outermost layer: gives each request an id, turns what the framework refused by itself into a problem, logs the
/// cause of each 5xx, and sets the headers that every answer has.
pub(super) async fn finish(request: Request, next: Next) -> Response {
    let id = request_id(request.headers());
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let mut response = next.run(request).await;
    if response.status().is_client_error() || response.status().is_server_error() {
        let problem = if let Some(problem) = response.extensions_mut().remove::<Problem>() {
            problem
        } else {
            let text = bare_text(&mut response).await;
            Problem::of_status(response.status(), &text)
        };
        if problem.status.is_server_error() {
            let cause = problem.cause.as_deref().unwrap_or(&problem.detail);
            tracing::error!(request_id = %id, %method, %path, status = problem.status.as_u16(), cause, "request failed");
        }
        let allow = response.headers().get(header::ALLOW).cloned();
        response = problem.response(Some(&id));
        if let Some(allow) = allow {
            response.headers_mut().insert(header::ALLOW, allow);
        }
    }
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// The client's own id, if it is a short plain word; else a new one.
fn request_id(headers: &HeaderMap) -> String {
    let plain = |id: &&str| {
        (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok()).filter(plain);
    given.map_or_else(|| Uuid::now_v7().simple().to_string(), str::to_owned)
}

/// What the framework wrote by itself; a few words.
async fn bare_text(response: &mut Response) -> String {
    let body = std::mem::replace(response.body_mut(), Body::empty());
    match axum::body::to_bytes(body, 4096).await {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(_) => String::new(),
    }
}
