//! Frames and messages of the device protocol as JSON, both ways: text → [`Frame`] → the plain values of
//! `protocol`. Not here: what is said when (`link`), what it means (`orders`).
//!
//! Nothing here panics whatever the peer sends; every refusal is a [`ProtocolError`] that says what is wrong.

mod messages;

use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number, Value, json};

pub use messages::{
    parse_device_call, parse_order, parse_order_answer, parse_welcome, write_device_call, write_order,
    write_order_answer, write_welcome,
};

use super::protocol::{CallId, ErrorCode, MAX_DEPTH, MAX_FRAME, ProtocolError};

/// The unit of the protocol.
#[derive(Debug, Clone, PartialEq)]
pub enum Frame {
    /// `[2,id,action,payload]`
    Call { id: CallId, action: String, payload: Value },
    /// `[3,id,payload]`
    Result { id: CallId, payload: Value },
    /// `[4,id,code,description,details]`
    Error { id: CallId, code: String, description: String },
}

/// A frame that is none, with its id where that could be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadFrame {
    pub id: Option<CallId>,
    pub error: ProtocolError,
    /// It was no call, so it must not be answered: an answer to an answer could go on for ever.
    pub is_answer: bool,
}

impl Frame {
    /// An error frame that answers `id`.
    #[must_use]
    pub fn error(id: CallId, error: &ProtocolError) -> Self {
        Self::Error { id, code: error.code.name().to_owned(), description: error.text.clone() }
    }

    /// The frame as text.
    #[must_use]
    pub fn write(&self) -> String {
        match self {
            Self::Call { id, action, payload } => json!([2, id.as_str(), action, payload]),
            Self::Result { id, payload } => json!([3, id.as_str(), payload]),
            Self::Error { id, code, description } => json!([4, id.as_str(), code, description, {}]),
        }
        .to_string()
    }

    /// Reads a frame.
    ///
    /// # Errors
    /// Too long, too deep, no JSON, a member twice, or not one of the three shapes.
    pub fn parse(text: &str) -> Result<Self, BadFrame> {
        let broken =
            |code, text: String| BadFrame { id: None, error: ProtocolError::new(code, text), is_answer: false };
        if text.len() > MAX_FRAME {
            let text = format!("the frame has {} bytes; at most {MAX_FRAME} are taken", text.len());
            return Err(broken(ErrorCode::RpcFrameworkError, text));
        }
        let value = strict(text).map_err(|e| broken(ErrorCode::RpcFrameworkError, format!("not a frame: {e}")))?;
        let Value::Array(parts) = value else {
            return Err(broken(
                ErrorCode::RpcFrameworkError,
                "a frame is a JSON array: [2,id,action,payload], [3,id,payload] or [4,id,code,description,details]"
                    .to_owned(),
            ));
        };
        let mut parts = parts.into_iter();
        let kind = parts.next().and_then(|kind| kind.as_u64());
        let id = match parts.next() {
            Some(Value::String(id)) => CallId::parse(&id),
            _ => Err(ProtocolError::new(ErrorCode::RpcFrameworkError, "a frame's second part is its id, a text")),
        };
        let id = id.map_err(|error| BadFrame { id: None, error, is_answer: matches!(kind, Some(3 | 4)) })?;
        let bad = |code, text: String| BadFrame {
            id: Some(id.clone()),
            error: ProtocolError::new(code, text),
            is_answer: matches!(kind, Some(3 | 4)),
        };
        let rest: Vec<Value> = parts.collect();
        match (kind, <[Value; 1]>::try_from(rest)) {
            (Some(3), Ok([payload @ Value::Object(_)])) => Ok(Self::Result { id, payload }),
            (Some(2), Err(rest)) => match <[Value; 2]>::try_from(rest) {
                Ok([Value::String(action), payload @ Value::Object(_)]) => Ok(Self::Call { id, action, payload }),
                _ => Err(bad(
                    ErrorCode::FormationViolation,
                    "a call is [2,id,action,payload], the action a text and the payload an object".to_owned(),
                )),
            },
            (Some(4), Err(rest)) => match <[Value; 3]>::try_from(rest) {
                Ok([Value::String(code), Value::String(description), Value::Object(_)]) => {
                    Ok(Self::Error { id, code, description })
                }
                _ => Err(bad(
                    ErrorCode::FormationViolation,
                    "an error is [4,id,code,description,details], two texts and an object".to_owned(),
                )),
            },
            (Some(2), Ok(_)) => Err(bad(
                ErrorCode::FormationViolation,
                "a call is [2,id,action,payload], the action a text and the payload an object".to_owned(),
            )),
            (Some(3), Err(_) | Ok(_)) => {
                Err(bad(ErrorCode::FormationViolation, "a result is [3,id,payload], the payload an object".to_owned()))
            }
            (Some(4), Ok(_)) => Err(bad(
                ErrorCode::FormationViolation,
                "an error is [4,id,code,description,details], two texts and an object".to_owned(),
            )),
            _ => Err(bad(
                ErrorCode::MessageTypeNotSupported,
                "a frame's first part is 2 (call), 3 (result) or 4 (error)".to_owned(),
            )),
        }
    }
}

/// Reads JSON, refusing members that are there twice (two readers could take different ones) and deep nesting.
fn strict(text: &str) -> Result<Value, serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = Strict { depth: 0 }.deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
}

#[derive(Clone, Copy)]
struct Strict {
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl Strict {
    fn deeper<E: de::Error>(self) -> Result<Self, E> {
        if self.depth >= MAX_DEPTH {
            return Err(E::custom(format!("nested deeper than {MAX_DEPTH}")));
        }
        Ok(Self { depth: self.depth + 1 })
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("not a finite number"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut values = Vec::new();
        while let Some(value) = list.next_element_seed(inner)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut values = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(inner)?;
            if values.contains_key(&name) {
                return Err(de::Error::custom(format!("the member `{name}` is there twice")));
            }
            values.insert(name, value);
        }
        Ok(Value::Object(values))
    }
}

/// Reads a payload, saying where and in which way it is wrong.
fn payload<T: for<'de> Deserialize<'de>>(value: Value) -> Result<T, ProtocolError> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        let inner = error.inner().to_string();
        let code = if inner.starts_with("missing field") || inner.starts_with("unknown field") {
            ErrorCode::FormationViolation
        } else if inner.starts_with("invalid type") {
            ErrorCode::TypeConstraintViolation
        } else {
            ErrorCode::PropertyConstraintViolation
        };
        ProtocolError::new(code, if path == "." { inner } else { format!("{path}: {inner}") })
    })
}

#[cfg(test)]
mod tests;
