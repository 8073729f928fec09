//! The security room's page, embedded in the binary as `web/dist` holds it (docs/decisions/0005). Not here: its sources
//! (`web/`), any data (the page reads the API as everybody does).

use axum::{
    Router,
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use sha2::{Digest, Sha256};

/// Nothing inline, nothing from elsewhere; pictures and clips may come from memory.
const POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; \
    media-src 'self' blob:; connect-src 'self'; object-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

const FILES: [(&str, &str, &str); 4] = [
    ("/", "text/html; charset=utf-8", include_str!("../../web/dist/index.html")),
    ("/app.js", "text/javascript; charset=utf-8", include_str!("../../web/dist/app.js")),
    ("/app.css", "text/css; charset=utf-8", include_str!("../../web/dist/app.css")),
    ("/icon.svg", "image/svg+xml", include_str!("../../web/dist/icon.svg")),
];

/// The page and what it is made of.
pub fn router() -> Router {
    FILES.into_iter().fold(Router::new(), |router, (path, kind, text)| {
        let tag = tag(text);
        router.route(path, get(async move |asked: HeaderMap| answer(&asked, kind, text, &tag)))
    })
}

/// A browser asks each time whether its copy is still the newest: a new version of the server shows at once.
fn answer(asked: &HeaderMap, kind: &'static str, text: &'static str, tag: &str) -> Response {
    let headers: [(HeaderName, &str); 6] = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-cache"),
        (header::ETAG, tag),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    if asked.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    (headers, text).into_response()
}

fn tag(text: &str) -> String {
    let hash = Sha256::digest(text);
    let hex = hash.iter().take(12).fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    format!("\"{hex}\"")
}
