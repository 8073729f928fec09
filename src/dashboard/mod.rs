//! The live page, embedded in the binary: alarms as they come, for the security room. Not here: any data (the page
//! reads the API as everybody does).

use axum::{
    Router,
    http::{HeaderName, header},
    response::IntoResponse,
    routing::get,
};

const POLICY: &str = "default-src 'self'; img-src 'self' blob:; connect-src 'self' ws: wss:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// `/`, `/live.js` and `/live.css`.
pub fn router() -> Router {
    Router::new()
        .route("/", get(async || page("text/html; charset=utf-8", include_str!("../../web/live/index.html"))))
        .route("/live.js", get(async || page("text/javascript; charset=utf-8", include_str!("../../web/live/live.js"))))
        .route("/live.css", get(async || page("text/css; charset=utf-8", include_str!("../../web/live/live.css"))))
}

fn page(kind: &'static str, text: &'static str) -> impl IntoResponse {
    let headers: [(HeaderName, &str); 5] = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (headers, text)
}
