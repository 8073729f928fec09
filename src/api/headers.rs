//! What every answer says to a browser, whatever answers it. Not here: what a page of its own needs besides.

use axum::{
    Router,
    http::{HeaderValue, header},
    middleware,
    response::Response,
};

/// Nothing inline, nothing from elsewhere; pictures and video may come from memory.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; connect-src 'self'; style-src 'self'; \
     script-src 'self'; object-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
);

/// Two years: what browsers ask for.
const STRICT_TRANSPORT: HeaderValue = HeaderValue::from_static("max-age=63072000");

/// Lays the security headers over everything that `app` answers. `secure`: it is served over TLS.
pub fn protect(app: Router, secure: bool) -> Router {
    app.layer(middleware::map_response(move |mut response: Response| async move {
        lay(&mut response, secure);
        response
    }))
}

fn lay(response: &mut Response, secure: bool) {
    let headers = response.headers_mut();
    // A page may have a stricter one of its own.
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(POLICY);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    if secure {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, STRICT_TRANSPORT);
    }
}
