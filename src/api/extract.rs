//! What handlers take: bodies, ids, queries, `If-Match`; every rejection is a problem that says what to do.

use std::{fmt::Display, str::FromStr};

use axum::{
    Json, RequestPartsExt,
    extract::{FromRequest, FromRequestParts, Path, Query, Request, rejection::JsonRejection},
    http::{HeaderMap, HeaderName, header, request::Parts},
};
use futures_util::StreamExt;
use serde::{Deserialize, Deserializer, de::DeserializeOwned};

use super::problem::Problem;
use crate::store::StoreError;

/// The largest body taken, in bytes.
pub(super) const BODY_LIMIT: usize = 1 << 20;

/// Bytes beyond the limit that are read and thrown away, so that a client still writing hears the answer
/// instead of a reset.
const DRAIN_LIMIT: usize = 16 << 20;

/// A JSON body.
pub(super) struct Body<T>(pub T);

/// A JSON body that may be left out.
pub(super) struct OptionalBody<T>(pub T);

/// The id in the path.
pub(super) struct Id<T>(pub T);

/// The query.
pub(super) struct Params<T>(pub T);

/// The version the client saw last, from `If-Match`; `None` when it does not care.
pub(super) struct IfMatch(pub Option<u64>);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            return Err(Problem::not_json());
        }
        parse(&read(request).await?).map(Self)
    }
}

impl<S: Send + Sync, T: DeserializeOwned + Default> FromRequest<S> for OptionalBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let json = is_json(request.headers());
        let bytes = read(request).await?;
        match (bytes.is_empty(), json) {
            (true, _) => Ok(Self(T::default())),
            (false, true) => parse(&bytes).map(Self),
            (false, false) => Err(Problem::not_json()),
        }
    }
}

impl<S, T> FromRequestParts<S> for Id<T>
where
    S: Send + Sync,
    T: FromStr,
    T::Err: Display,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Path(text) = parts.extract::<Path<String>>().await.map_err(|e| Problem::malformed(e.body_text()))?;
        text.parse().map(Self).map_err(|e: T::Err| Problem::malformed(format!("the id in the address is {e}")))
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(params)) => Ok(Self(params)),
            Err(rejection) => Err(Problem::malformed(rejection.body_text())),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(value) = parts.headers.get(header::IF_MATCH) else { return Ok(Self(None)) };
        let text = value.to_str().unwrap_or_default().trim();
        if text == "*" {
            return Ok(Self(None));
        }
        let version = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).and_then(|v| v.parse().ok());
        version.map(|version| Self(Some(version))).ok_or_else(|| {
            Problem::malformed("If-Match must be the ETag as it was given, with its quotes, such as \"3\"")
        })
    }
}

impl IfMatch {
    /// The version to change: the kept one, if it is the one that the client saw.
    pub(super) fn check(&self, current: u64) -> Result<(), Problem> {
        match self.0 {
            Some(seen) if seen != current => Err(Problem::changed_meanwhile(current)),
            _ => Ok(()),
        }
    }

    /// What the client hears of a store that did not do it. Someone was faster between our reading and our writing: 412
    /// if the client named a version, else 409.
    pub(super) fn conflict(&self, error: StoreError) -> Problem {
        match error {
            StoreError::Conflict { .. } if self.0.is_none() => {
                Problem::conflict("it was changed at the same moment: send the change again")
            }
            other => other.into(),
        }
    }
}

/// The header that names a thing's version.
pub(super) fn etag(version: u64) -> [(HeaderName, String); 1] {
    [(header::ETAG, format!("\"{version}\""))]
}

/// A field of a PATCH: left out, null, or a value.
#[expect(clippy::option_option, reason = "left out and null differ in a PATCH")]
pub(super) fn given<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Some)
}

/// Checks a text's length in characters and that it holds no control characters; returns it without outer spaces.
pub(super) fn text(field: &str, text: &str, most: usize) -> Result<String, Problem> {
    let text = text.trim();
    let count = text.chars().count();
    if count == 0 || count > most {
        return Err(Problem::invalid(field, format!("1 to {most} characters, these are {count}")));
    }
    if text.chars().any(char::is_control) {
        return Err(Problem::invalid(field, "no control characters, such as line breaks"));
    }
    Ok(text.to_owned())
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = value.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
        || (essence.starts_with("application/") && essence.ends_with("+json"))
}

async fn read(request: Request) -> Result<Vec<u8>, Problem> {
    let mut stream = request.into_body().into_data_stream();
    let mut bytes = Vec::new();
    let mut total = 0_usize;
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|e| Problem::malformed(format!("the body broke off: {e}")))?;
        total = total.saturating_add(chunk.len());
        if total <= BODY_LIMIT {
            bytes.extend_from_slice(&chunk);
        } else {
            bytes = Vec::new();
            if total > DRAIN_LIMIT {
                break;
            }
        }
    }
    if total > BODY_LIMIT { Err(Problem::too_large(BODY_LIMIT)) } else { Ok(bytes) }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    // serde takes an array for a struct, field by field; here every body has its fields named.
    let object = bytes.trim_ascii_start().first() == Some(&b'{');
    match Json::<T>::from_bytes(bytes) {
        Ok(_) | Err(JsonRejection::JsonDataError(_)) if !object => {
            Err(Problem::wrong_form("the body must be a JSON object: {…}"))
        }
        Ok(Json(value)) => Ok(value),
        Err(JsonRejection::JsonDataError(e)) => Err(Problem::wrong_form(e.body_text())),
        Err(other) => Err(Problem::malformed(other.body_text())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    #[expect(clippy::option_option, reason = "left out and null differ in a PATCH")]
    struct Patch {
        #[serde(default, deserialize_with = "given")]
        site: Option<Option<String>>,
    }

    #[test]
    fn left_out_null_and_a_value_differ() {
        for (json, site) in
            [("{}", None), (r#"{"site":null}"#, Some(None)), (r#"{"site":"A"}"#, Some(Some("A".to_owned())))]
        {
            assert_eq!(serde_json::from_str::<Patch>(json).ok(), Some(Patch { site }), "{json}");
        }
    }

    #[test]
    fn texts_have_limits() {
        for (input, expected) in [
            (" Lift 1 ", Some("Lift 1")),
            ("电梯", Some("电梯")),
            ("", None),
            ("   ", None),
            ("a\nb", None),
            ("12345678901", None),
        ] {
            assert_eq!(text("name", input, 10).ok().as_deref(), expected, "{input:?}");
        }
    }
}
