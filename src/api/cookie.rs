//! The session's cookie, and whether a request comes from our own page. Not here: what a session is worth (`caller`).

use std::net::{IpAddr, SocketAddr};

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{HeaderMap, HeaderValue, header, request::Parts},
};

use crate::{access::session, base::Secret};

const NAME: &str = "yunti_session";

/// Characters of a session's secret.
const SECRET_LEN: usize = 43;

/// The secret in the request's session cookie, if it has the form of one.
pub(super) fn session(headers: &HeaderMap) -> Option<Secret> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let (_, value) = pairs.find(|(name, _)| *name == NAME)?;
    let fits = value.len() == SECRET_LEN && value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    fits.then(|| Secret::new(value))
}

/// The header that gives a browser its session; `secure`: over TLS alone.
pub(super) fn give(secret: &Secret, secure: bool) -> HeaderValue {
    set(secret.expose(), session::ABSOLUTE.as_secs(), secure)
}

/// The header that takes it away.
pub(super) fn take_away(secure: bool) -> HeaderValue {
    set("", 0, secure)
}

fn set(value: &str, max_age: u64, secure: bool) -> HeaderValue {
    let secure = if secure { "; Secure" } else { "" };
    let text = format!("{NAME}={value}; HttpOnly; SameSite=Strict; Path=/; Max-Age={max_age}{secure}");
    let mut header = HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""));
    header.set_sensitive(true);
    header
}

/// Whether the page that made the request is this server's own: its origin is the host that was asked.
pub(super) fn is_same_origin(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let (Some(origin), Some(host)) = (text(header::ORIGIN), text(header::HOST)) else { return false };
    let Some((scheme, place)) = origin.split_once("://") else { return false };
    let default = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => return false,
    };
    place.trim_end_matches(default).eq_ignore_ascii_case(host.trim_end_matches(default))
}

/// Whether the request says that it comes from another page than ours. A program says nothing of the kind.
pub(super) fn is_foreign(headers: &HeaderMap) -> bool {
    headers.contains_key(header::ORIGIN) && !is_same_origin(headers)
}

/// The address of the client; all are one where it is not known.
pub(super) struct Address(pub(super) IpAddr);

impl<S: Send + Sync> FromRequestParts<S> for Address {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        Ok(Self(peer.map_or(IpAddr::from([0, 0, 0, 0]), |ConnectInfo(address)| address.ip())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|(name, value)| {
            (header::HeaderName::from_static(name), HeaderValue::from_str(value).expect("a value"))
        });
        pairs.collect()
    }

    #[test]
    fn the_cookie_is_found_among_others() {
        let secret = "a".repeat(43);
        for (line, found) in [
            (format!("yunti_session={secret}"), true),
            (format!("a=b; yunti_session={secret} ; c"), true),
            (format!("yunti_session={secret}x"), false),
            (format!("yunti_session=\"{secret}\""), false),
            (format!("xyunti_session={secret}"), false),
            ("yunti_session=".to_owned(), false),
            (";;=;".to_owned(), false),
        ] {
            let got = session(&headers(&[("cookie", &line)]));
            assert_eq!(got.map(|s| s.expose().to_owned()), found.then(|| secret.clone()), "{line}");
        }
        let given = give(&Secret::new(secret.clone()), true);
        let text = given.to_str().expect("text");
        assert_eq!(text, format!("yunti_session={secret}; HttpOnly; SameSite=Strict; Path=/; Max-Age=604800; Secure"));
        assert!(take_away(false).to_str().expect("text").ends_with("Max-Age=0"));
    }

    #[test]
    fn our_own_page_is_told_from_others() {
        for (origin, host, same) in [
            ("http://10.0.0.1:8080", "10.0.0.1:8080", true),
            ("http://yunti.example", "yunti.example", true),
            ("https://Yunti.example", "yunti.example:443", true),
            ("http://10.0.0.1:8081", "10.0.0.1:8080", false),
            ("http://evil.example", "10.0.0.1:8080", false),
            ("https://10.0.0.1.evil.example", "10.0.0.1", false),
            ("null", "10.0.0.1", false),
            ("file://10.0.0.1", "10.0.0.1", false),
        ] {
            let all = headers(&[("origin", origin), ("host", host)]);
            assert_eq!((is_same_origin(&all), is_foreign(&all)), (same, !same), "{origin} {host}");
        }
        let bare = headers(&[("host", "10.0.0.1")]);
        assert!(!is_same_origin(&bare) && !is_foreign(&bare));
    }
}
