//! Where a camera's stream is: parsing, and keeping user and password out of every text a person or a log sees.
//! Not here: connecting.

use std::{fmt, path::PathBuf, str::FromStr};

use url::Url;

use crate::base::Secret;

/// Longest address taken, in bytes.
const MAX_LENGTH: usize = 2048;

/// Names of query or path parameters whose values some cameras use for credentials.
const SECRET_KEYS: [&str; 8] = ["password", "passwd", "pass", "pwd", "token", "secret", "auth", "key"];

/// Where a camera's stream is: `rtsp://`, `rtsps://` or `file://`. Credentials are kept apart, never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct CameraUri {
    /// Without user and password.
    location: String,
    user: Option<String>,
    password: Option<Secret>,
}

/// What kind of source an address names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    Rtsp,
    /// RTSP over TLS; the camera's certificate must be known to the machine.
    Rtsps,
    /// A clip on the server's own disk, played in real time, again and again.
    File,
}

/// Why an address was refused. Never repeats the address: it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UriError {
    #[error("the address is longer than {MAX_LENGTH} bytes")]
    Long,
    #[error(
        "not an address: {0}; give rtsp://HOST[:PORT]/PATH, and write special characters of user and password as %XX"
    )]
    Syntax(url::ParseError),
    #[error("the scheme must be rtsp, rtsps or file")]
    Scheme,
    #[error("the address names no host: give rtsp://HOST[:PORT]/PATH")]
    NoHost,
    #[error("a file address is file:///ABSOLUTE/PATH, with no host, user or password")]
    File,
    #[error("user and password must be percent-encoded UTF-8 without control characters")]
    Credentials,
    #[error("a password needs a user name before it: rtsp://USER:PASSWORD@HOST/PATH")]
    NoUser,
}

impl CameraUri {
    /// Reads an address, splitting user and password off.
    ///
    /// # Errors
    /// Not `rtsp://HOST…`, `rtsps://HOST…` or `file:///PATH`; credentials that are not percent-encoded UTF-8.
    pub fn parse(text: &str) -> Result<Self, UriError> {
        if text.len() > MAX_LENGTH {
            return Err(UriError::Long);
        }
        let mut url = Url::parse(text.trim()).map_err(UriError::Syntax)?;
        match url.scheme() {
            "rtsp" | "rtsps" => {
                if url.host_str().is_none_or(str::is_empty) {
                    return Err(UriError::NoHost);
                }
            }
            "file" => {
                if url.host_str().is_some() || url.to_file_path().is_err() || url.path() == "/" {
                    return Err(UriError::File);
                }
            }
            _ => return Err(UriError::Scheme),
        }
        let user = Some(decode(url.username())?).filter(|u| !u.is_empty());
        let password = url.password().map(decode).transpose()?.filter(|p| !p.is_empty()).map(Secret::new);
        if user.is_none() && password.is_some() {
            return Err(UriError::NoUser);
        }
        url.set_fragment(None);
        if url.scheme() != "file" {
            url.set_username("").and_then(|()| url.set_password(None)).map_err(|()| UriError::NoHost)?;
        }
        Ok(Self { location: url.into(), user, password })
    }

    /// Puts an address together again from what [`Self::location`], [`Self::user`] and [`Self::password`] gave, as the
    /// store keeps them.
    #[must_use]
    pub const fn from_parts(location: String, user: Option<String>, password: Option<Secret>) -> Self {
        Self { location, user, password }
    }

    /// The address without user and password; a query may still hold a secret, so show [`Self::shown`] instead.
    #[must_use]
    pub fn location(&self) -> &str {
        &self.location
    }

    /// The address as people, logs and the API see it: no user, no password, secrets in its query masked.
    #[must_use]
    pub fn shown(&self) -> String {
        mask(&self.location)
    }

    /// The user name, if one is needed.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// The password, if one is needed.
    #[must_use]
    pub const fn password(&self) -> Option<&Secret> {
        self.password.as_ref()
    }

    /// What kind of source this is.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        match self.location.split(':').next() {
            Some("file") => Scheme::File,
            Some("rtsps") => Scheme::Rtsps,
            _ => Scheme::Rtsp,
        }
    }

    /// `host:port` of a network camera, for messages.
    #[must_use]
    pub fn host(&self) -> Option<String> {
        let url = Url::parse(&self.location).ok()?;
        let port = url.port().unwrap_or(if url.scheme() == "rtsps" { 322 } else { 554 });
        url.host_str().map(|host| format!("{host}:{port}"))
    }

    /// The clip's path, of a `file://` address.
    #[must_use]
    pub fn file(&self) -> Option<PathBuf> {
        Url::parse(&self.location).ok().filter(|u| u.scheme() == "file")?.to_file_path().ok()
    }

    /// `text` with user, password and query secrets taken out: for messages that other code made.
    #[must_use]
    pub(super) fn redact(&self, text: &str) -> String {
        let mut clean = text.replace(&self.location, &self.shown());
        for secret in self.password.iter().map(Secret::expose).chain(self.user.as_deref()) {
            // A very short one would blank half of any text, and hides little.
            if secret.len() >= 2 {
                clean = clean.replace(secret, "…");
            }
        }
        mask(&clean)
    }
}

impl FromStr for CameraUri {
    type Err = UriError;

    fn from_str(text: &str) -> Result<Self, UriError> {
        Self::parse(text)
    }
}

impl fmt::Display for CameraUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown())
    }
}

impl fmt::Debug for CameraUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown())
    }
}

/// Percent-decoding (RFC 3986, 2.1).
fn decode(text: &str) -> Result<String, UriError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut digit = || rest.next().and_then(|b| char::from(b).to_digit(16)).and_then(|d| u8::try_from(d).ok());
            let (high, low) = (digit(), digit());
            bytes.push(high.zip(low).map(|(h, l)| h * 16 + l).ok_or(UriError::Credentials)?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok().filter(|t| !t.chars().any(char::is_control)).ok_or(UriError::Credentials)
}

/// `text` with the values of parameters that look like credentials replaced.
fn mask(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for piece in text.split_inclusive(['?', '&', ';', '/', ' ']) {
        let (body, end) = piece
            .char_indices()
            .last()
            .filter(|(_, c)| "?&;/ ".contains(*c))
            .map_or((piece, ""), |(at, _)| piece.split_at(at));
        match body.split_once('=') {
            Some((key, value)) if !value.is_empty() && is_secret(key) => {
                out.push_str(key);
                out.push_str("=…");
            }
            _ => out.push_str(body),
        }
        out.push_str(end);
    }
    out
}

fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    SECRET_KEYS.iter().any(|secret| key.contains(secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, location: &str, user: Option<&str>, password: Option<&str>) {
        let uri = CameraUri::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!(uri.location(), location, "{text}");
        assert_eq!(uri.user(), user, "{text}");
        assert_eq!(uri.password().map(Secret::expose), password, "{text}");
        let again = CameraUri::from_parts(uri.location.clone(), uri.user.clone(), uri.password.clone());
        assert_eq!(again, uri, "{text}");
    }

    #[test]
    fn an_address_is_split_into_its_parts() {
        check("rtsp://10.0.0.7/live", "rtsp://10.0.0.7/live", None, None);
        check("rtsp://10.0.0.7:8554/live?ch=1&sub=0", "rtsp://10.0.0.7:8554/live?ch=1&sub=0", None, None);
        check("rtsps://cam.example/a/b#c", "rtsps://cam.example/a/b", None, None);
        check("rtsp://admin@[fe80::1]:554/x", "rtsp://[fe80::1]:554/x", Some("admin"), None);
        check("rtsp://admin:@cam/x", "rtsp://cam/x", Some("admin"), None);
        check("rtsp://a%40b:p%3Aw%2Fd%e4%ba%91@cam/x", "rtsp://cam/x", Some("a@b"), Some("p:w/d云"));
        check("rtsp://admin:p@ss@cam/x", "rtsp://cam/x", Some("admin"), Some("p@ss"));
        check("file:///clips/a%20b.mp4", "file:///clips/a%20b.mp4", None, None);
        assert_eq!(CameraUri::parse("file:///clips/a%20b.mp4").unwrap().file(), Some(PathBuf::from("/clips/a b.mp4")));
        assert_eq!(CameraUri::parse("rtsp://cam/x").unwrap().host().as_deref(), Some("cam:554"));
    }

    #[test]
    fn a_bad_address_is_refused_with_its_reason() {
        for (text, expected) in [
            ("http://cam/x", UriError::Scheme),
            ("rtsp:///x", UriError::NoHost),
            ("rtsp:x", UriError::NoHost),
            ("file://host/x", UriError::File),
            ("file:///", UriError::File),
            ("rtsp://a%zz:b@cam/", UriError::Credentials),
            ("rtsp://a:%ff%ff@cam/", UriError::Credentials),
            ("rtsp://a:%0d%0a@cam/", UriError::Credentials),
            ("rtsp://:secret@cam/", UriError::NoUser),
        ] {
            assert_eq!(CameraUri::parse(text), Err(expected), "{text}");
        }
        assert!(matches!(CameraUri::parse("10.0.0.7/live"), Err(UriError::Syntax(_))));
        assert!(matches!(CameraUri::parse("rtsp://admin:pa/ss@cam/x"), Err(UriError::Syntax(_))));
        assert_eq!(CameraUri::parse(&format!("rtsp://cam/{}", "x".repeat(5_000_000))), Err(UriError::Long));
    }

    #[test]
    fn no_text_shows_a_secret() {
        for text in [
            "rtsp://admin:hunter2@cam:554/live",
            "rtsp://cam/user=admin&password=hunter2&channel=1",
            "rtsp://cam/live?Passwd=hunter2;x=1",
            "rtsp://admin:hunter2@cam/live?token=hunter2",
        ] {
            let uri = CameraUri::parse(text).unwrap();
            let foreign = uri.redact(&format!("cannot open {} as admin:hunter2", uri.location()));
            for shown in [format!("{uri}"), format!("{uri:?}"), uri.shown(), foreign] {
                // The last case of a foreign text cannot know a secret that it was never told.
                assert!(
                    !shown.contains("hunter2") || uri.password().is_none() && shown.ends_with("admin:hunter2"),
                    "{shown}"
                );
                assert!(shown.contains("rtsp://cam"), "{shown}");
            }
        }
        for text in
            ["rtsp://admin:hun ter2/x@cam", "rtsp://admin:hunter2@", "x://admin:hunter2@cam", "rtsp://u:hunter%2@c"]
        {
            let error = CameraUri::parse(text).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter"), "{error}");
        }
    }
}
