//! The payloads: wire twins with their bounds, to and from the plain values of `protocol`.
//!
//! What devices send is read strictly (an unknown member is a typing mistake that should show at once). What the
//! server sends is read leniently by devices, so that version 1 can grow.

use std::time::Duration;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::payload;
use crate::{
    base::{AlarmId, Mono, OrderKey, Wall},
    device::{
        Epoch, LiftMode, OrderSeq, Verb,
        protocol::{
            AnswerStatus, DeviceCall, Doors, ErrorCode, Hello, LEASE_MS, MAX_EXPIRES_MS, MAX_INTEGER, MAX_LIST,
            MAX_NAME, MAX_TEXT, OrderAnswer, OrderCall, OrderReport, ProtocolError, REPEAT, Reading, ReadingValue,
            Reported, SECONDS, Status, Welcome,
        },
    },
};

/// A text of 1 to `MAX` characters without control characters.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Text<const MAX: usize>(String);

type Name = Text<MAX_NAME>;
type Words = Text<MAX_TEXT>;

impl<const MAX: usize> TryFrom<String> for Text<MAX> {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let length = text.chars().count();
        if length == 0 || length > MAX {
            return Err(format!("must have 1 to {MAX} characters, has {length}"));
        }
        if text.chars().any(char::is_control) {
            return Err("must have no control characters".to_owned());
        }
        Ok(Self(text))
    }
}

fn text<const MAX: usize>(text: Option<Text<MAX>>) -> Option<String> {
    text.map(|text| text.0)
}

/// A whole number that every JSON reader keeps exactly.
#[derive(Deserialize)]
#[serde(try_from = "u64")]
struct Whole(u64);

impl TryFrom<u64> for Whole {
    type Error = String;

    fn try_from(value: u64) -> Result<Self, String> {
        if value > MAX_INTEGER {
            return Err(format!("must be at most {MAX_INTEGER}"));
        }
        Ok(Self(value))
    }
}

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Key(OrderKey);

impl TryFrom<String> for Key {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let key: OrderKey = text.parse().map_err(|_| "must be an order's key, a hyphenated UUID".to_owned())?;
        if text.len() != 36 {
            return Err("must be an order's key, a hyphenated UUID".to_owned());
        }
        Ok(Self(key))
    }
}

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Mode(LiftMode);

impl TryFrom<String> for Mode {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let names = || LiftMode::ALL.map(LiftMode::name).join(", ");
        LiftMode::parse(&text).map(Self).ok_or_else(|| format!("must be one of {}", names()))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HelloWire {
    vendor: Name,
    model: Name,
    firmware: Name,
    #[serde(default)]
    capabilities: Vec<Name>,
    #[serde(default)]
    mode: Option<Mode>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HeartbeatWire {}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum DoorsWire {
    Open,
    Opening,
    Closing,
    Closed,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StateWire {
    #[serde(default)]
    mode: Option<Mode>,
    #[serde(default)]
    doors: Option<DoorsWire>,
    #[serde(default)]
    floor: Option<Name>,
    #[serde(default)]
    moving: Option<bool>,
    #[serde(default)]
    state: Option<Name>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum ReportedWire {
    Holding,
    Released,
    Expired,
    Overridden,
    Done,
    Failed,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OrderStateWire {
    key: Key,
    seq: Whole,
    state: ReportedWire,
    #[serde(default)]
    cause: Option<Words>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReadingWire {
    kind: Name,
    value: Value,
    #[serde(default)]
    unit: Option<Name>,
}

/// Reads a call of a device.
///
/// # Errors
/// The action is not known, or its payload is wrong.
pub fn parse_device_call(action: &str, value: Value) -> Result<DeviceCall, ProtocolError> {
    Ok(match action {
        "Hello" => {
            let hello: HelloWire = payload(value)?;
            if hello.capabilities.len() > MAX_LIST {
                return Err(out_of_bounds(format!("capabilities: at most {MAX_LIST} entries")));
            }
            DeviceCall::Hello(Hello {
                vendor: hello.vendor.0,
                model: hello.model.0,
                firmware: hello.firmware.0,
                capabilities: hello.capabilities.into_iter().map(|name| name.0).collect(),
                mode: hello.mode.map(|mode| mode.0),
            })
        }
        "Heartbeat" => {
            let HeartbeatWire {} = payload(value)?;
            DeviceCall::Heartbeat
        }
        "State" => {
            let state: StateWire = payload(value)?;
            DeviceCall::State(Status {
                mode: state.mode.map(|mode| mode.0),
                doors: state.doors.map(|doors| match doors {
                    DoorsWire::Open => Doors::Open,
                    DoorsWire::Opening => Doors::Opening,
                    DoorsWire::Closing => Doors::Closing,
                    DoorsWire::Closed => Doors::Closed,
                }),
                floor: text(state.floor),
                moving: state.moving,
                state: text(state.state),
            })
        }
        "OrderState" => {
            let state: OrderStateWire = payload(value)?;
            let what = match state.state {
                ReportedWire::Holding => Reported::Holding,
                ReportedWire::Released => Reported::Released,
                ReportedWire::Expired => Reported::Expired,
                ReportedWire::Overridden => Reported::Overridden,
                ReportedWire::Done => Reported::Done,
                ReportedWire::Failed => Reported::Failed,
            };
            let report = OrderReport { key: state.key.0, what, cause: text(state.cause) };
            DeviceCall::OrderState { report, seq: OrderSeq(state.seq.0) }
        }
        "Reading" => {
            let reading: ReadingWire = payload(value)?;
            let value = match reading.value {
                Value::Number(number) => ReadingValue::Number(
                    number.as_f64().filter(|n| n.is_finite()).ok_or_else(|| out_of_bounds("value: not finite"))?,
                ),
                Value::String(text) => {
                    let text = Words::try_from(text).map_err(|e| out_of_bounds(format!("value: {e}")))?;
                    ReadingValue::Text(text.0)
                }
                _ => {
                    let text = "value: must be a number or a text";
                    return Err(ProtocolError::new(ErrorCode::TypeConstraintViolation, text));
                }
            };
            DeviceCall::Reading(Reading { kind: reading.kind.0, value, unit: text(reading.unit) })
        }
        other => {
            let known = "Hello, Heartbeat, State, OrderState, Reading";
            let shown: String = other.chars().take(MAX_NAME).collect();
            return Err(ProtocolError::new(
                ErrorCode::NotImplemented,
                format!("the action {shown:?} is not known; known are {known}"),
            ));
        }
    })
}

fn out_of_bounds(text: impl Into<String>) -> ProtocolError {
    ProtocolError::new(ErrorCode::PropertyConstraintViolation, text)
}

/// Removes members that say nothing: an absent member is left out, never null.
fn without_nulls(mut value: Value) -> Value {
    if let Value::Object(members) = &mut value {
        members.retain(|_, member| !member.is_null());
    }
    value
}

/// Action and payload of a device's call.
#[must_use]
pub fn write_device_call(call: &DeviceCall) -> (&'static str, Value) {
    match call {
        DeviceCall::Hello(hello) => (
            "Hello",
            without_nulls(json!({
                "vendor": hello.vendor, "model": hello.model, "firmware": hello.firmware,
                "capabilities": hello.capabilities, "mode": hello.mode.map(LiftMode::name),
            })),
        ),
        DeviceCall::Heartbeat => ("Heartbeat", json!({})),
        DeviceCall::State(status) => (
            "State",
            without_nulls(json!({
                "mode": status.mode.map(LiftMode::name), "doors": status.doors.map(Doors::name),
                "floor": status.floor, "moving": status.moving, "state": status.state,
            })),
        ),
        DeviceCall::OrderState { report, seq } => (
            "OrderState",
            without_nulls(json!({
                "key": report.key.to_string(), "seq": seq.0, "state": report.what.name(), "cause": report.cause,
            })),
        ),
        DeviceCall::Reading(reading) => {
            let value = match &reading.value {
                ReadingValue::Number(number) => json!(number),
                ReadingValue::Text(text) => json!(text),
            };
            ("Reading", without_nulls(json!({ "kind": reading.kind, "value": value, "unit": reading.unit })))
        }
    }
}

#[derive(Serialize, Deserialize)]
struct WelcomeWire {
    heartbeat_s: u64,
    epoch: u64,
    server_time: i64,
    clock_ms: u64,
}

/// The payload of the server's answer to `Hello`.
#[must_use]
pub fn write_welcome(welcome: &Welcome) -> Value {
    json!({
        "heartbeat_s": welcome.heartbeat.as_secs().max(1), "epoch": welcome.epoch.0,
        "server_time": welcome.server_time.0, "clock_ms": welcome.clock.0 / 1000,
    })
}

/// Reads the server's answer to `Hello`.
///
/// # Errors
/// It is not as documented.
pub fn parse_welcome(value: Value) -> Result<Welcome, ProtocolError> {
    let wire: WelcomeWire = payload(value)?;
    if wire.heartbeat_s == 0 || wire.heartbeat_s > 3600 {
        return Err(out_of_bounds("heartbeat_s: must be 1 to 3600"));
    }
    Ok(Welcome {
        heartbeat: Duration::from_secs(wire.heartbeat_s),
        epoch: Epoch(wire.epoch),
        server_time: Wall(wire.server_time),
        clock: Mono::from_ms(wire.clock_ms.min(MAX_INTEGER)),
    })
}

#[derive(Deserialize)]
struct OrderWire {
    key: Key,
    epoch: Whole,
    seq: Whole,
    verb: Name,
    #[serde(default)]
    lease_ms: Option<u64>,
    expires_in_ms: u64,
    clock_ms: Whole,
    #[serde(default)]
    alarm_id: Option<String>,
    #[serde(default)]
    params: Value,
}

#[derive(Deserialize)]
struct PlayWire {
    text: Words,
    lang: Name,
    repeat: u64,
}

#[derive(Deserialize)]
struct SecondsWire {
    seconds: u64,
}

#[derive(Deserialize)]
struct DenyWire {
    reason: Words,
}

fn params<T: DeserializeOwned>(value: Value) -> Result<T, ProtocolError> {
    payload(value).map_err(|e| ProtocolError::new(e.code, format!("params.{}", e.text)))
}

fn seconds(value: Value) -> Result<u16, ProtocolError> {
    let wire: SecondsWire = params(value)?;
    u16::try_from(wire.seconds)
        .ok()
        .filter(|s| SECONDS.contains(&u64::from(*s)))
        .ok_or_else(|| out_of_bounds(format!("params.seconds: must be {} to {}", SECONDS.start(), SECONDS.end())))
}

/// Reads the payload of the call `Order`: what a device does.
///
/// # Errors
/// It is not as documented, or the verb is not known.
pub fn parse_order(value: Value) -> Result<OrderCall, ProtocolError> {
    let wire: OrderWire = payload(value)?;
    if !(1..=MAX_EXPIRES_MS).contains(&wire.expires_in_ms) {
        return Err(out_of_bounds(format!("expires_in_ms: must be 1 to {MAX_EXPIRES_MS}")));
    }
    if wire.lease_ms.is_some() != (wire.verb.0 == "lift.stop") {
        let text = "lease_ms: lift.stop has one, and nothing else has";
        return Err(ProtocolError::new(ErrorCode::FormationViolation, text));
    }
    let verb = match wire.verb.0.as_str() {
        "lift.stop" => {
            let lease = wire.lease_ms.filter(|ms| LEASE_MS.contains(ms)).ok_or_else(|| {
                out_of_bounds(format!("lease_ms: must be {} to {}", LEASE_MS.start(), LEASE_MS.end()))
            })?;
            Verb::LiftStop { lease: Duration::from_millis(lease) }
        }
        "lift.release" => Verb::LiftRelease,
        "voice.play" => {
            let play: PlayWire = params(wire.params)?;
            let repeat =
                u8::try_from(play.repeat).ok().filter(|n| REPEAT.contains(&u64::from(*n))).ok_or_else(|| {
                    out_of_bounds(format!("params.repeat: must be {} to {}", REPEAT.start(), REPEAT.end()))
                })?;
            Verb::VoicePlay { text: play.text.0, lang: play.lang.0, repeat }
        }
        "light.flash" => Verb::LightFlash { seconds: seconds(wire.params)? },
        "gate.open" => Verb::GateOpen { seconds: seconds(wire.params)? },
        "gate.deny" => Verb::GateDeny { reason: params::<DenyWire>(wire.params)?.reason.0 },
        other => return Err(out_of_bounds(format!("verb: {other:?} is not known"))),
    };
    let alarm = match wire.alarm_id {
        None => None,
        Some(id) => Some(id.parse::<AlarmId>().map_err(|e| out_of_bounds(format!("alarm_id: {e}")))?),
    };
    Ok(OrderCall {
        key: wire.key.0,
        epoch: Epoch(wire.epoch.0),
        seq: OrderSeq(wire.seq.0),
        verb,
        expires_in: Duration::from_millis(wire.expires_in_ms),
        clock: Mono::from_ms(wire.clock_ms.0),
        alarm,
    })
}

/// The payload of the call `Order`.
#[must_use]
pub fn write_order(order: &OrderCall) -> Value {
    let (lease, params) = match &order.verb {
        Verb::LiftStop { lease } => (Some(whole_ms(*lease).clamp(*LEASE_MS.start(), *LEASE_MS.end())), json!({})),
        Verb::LiftRelease => (None, json!({})),
        Verb::VoicePlay { text, lang, repeat } => {
            let repeat = u64::from(*repeat).clamp(*REPEAT.start(), *REPEAT.end());
            let lang: String = spoken(lang, MAX_NAME);
            (None, json!({ "text": spoken(text, MAX_TEXT), "lang": lang, "repeat": repeat }))
        }
        Verb::LightFlash { seconds } | Verb::GateOpen { seconds } => {
            (None, json!({ "seconds": u64::from(*seconds).clamp(*SECONDS.start(), *SECONDS.end()) }))
        }
        Verb::GateDeny { reason } => (None, json!({ "reason": spoken(reason, MAX_TEXT) })),
    };
    without_nulls(json!({
        "key": order.key.to_string(), "epoch": order.epoch.0, "seq": order.seq.0, "verb": order.verb.name(),
        "lease_ms": lease, "expires_in_ms": whole_ms(order.expires_in).clamp(1, MAX_EXPIRES_MS),
        "clock_ms": order.clock.0 / 1000, "alarm_id": order.alarm.map(|alarm| alarm.to_string()), "params": params,
    }))
}

/// A text within the protocol's bounds, whatever the pipeline file said.
fn spoken(text: &str, max: usize) -> String {
    let kept: String = text.chars().filter(|c| !c.is_control()).take(max).collect();
    if kept.is_empty() { "-".to_owned() } else { kept }
}

fn whole_ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum StatusWire {
    Accepted,
    Refused,
    Duplicate,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AnswerWire {
    status: StatusWire,
    #[serde(default)]
    cause: Option<Words>,
}

/// Reads a device's answer to an order.
///
/// # Errors
/// It is not as documented.
pub fn parse_order_answer(value: Value) -> Result<OrderAnswer, ProtocolError> {
    let wire: AnswerWire = payload(value)?;
    let status = match wire.status {
        StatusWire::Accepted => AnswerStatus::Accepted,
        StatusWire::Refused => AnswerStatus::Refused,
        StatusWire::Duplicate => AnswerStatus::Duplicate,
    };
    Ok(OrderAnswer { status, cause: text(wire.cause) })
}

/// The payload of a device's answer to an order.
#[must_use]
pub fn write_order_answer(answer: &OrderAnswer) -> Value {
    let status = match answer.status {
        AnswerStatus::Accepted => "accepted",
        AnswerStatus::Refused => "refused",
        AnswerStatus::Duplicate => "duplicate",
    };
    without_nulls(json!({ "status": status, "cause": answer.cause }))
}
