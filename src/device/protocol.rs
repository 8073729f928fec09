//! What devices and the server say to each other, as plain values, and the limits of the protocol
//! `yunti.device.v1`. Not here: JSON (`wire`), sockets (`link`), what an order leads to (`orders`).
//!
//! docs/device-protocol.md is the same for people who build devices.

use std::{fmt, time::Duration};

use super::{Epoch, LiftMode, OrderSeq, Verb};
use crate::base::{AlarmId, Mono, OrderKey, Wall};

/// The WebSocket subprotocol.
pub const SUBPROTOCOL: &str = "yunti.device.v1";
/// Where devices connect.
pub const PATH: &str = "/api/v1/devices/ws";
/// Longest text frame, in bytes. Give it to the WebSocket server as its maximum message size too.
pub const MAX_FRAME: usize = 16 * 1024;
/// Longest id of a call, in characters.
pub const MAX_ID: usize = 36;
/// Deepest nesting of a frame, the frame's own array counted.
pub const MAX_DEPTH: usize = 8;
/// Longest name (vendor, model, floor, unit, …), in characters.
pub const MAX_NAME: usize = 64;
/// Longest text (cause, spoken text, a reading's text), in characters.
pub const MAX_TEXT: usize = 512;
/// Most entries in a list.
pub const MAX_LIST: usize = 32;
/// Bounds of a lease, in milliseconds.
pub const LEASE_MS: std::ops::RangeInclusive<u64> = 100..=10_000;
/// Longest `expires_in_ms`.
pub const MAX_EXPIRES_MS: u64 = 600_000;
/// Bounds of `seconds` of a light or a gate.
pub const SECONDS: std::ops::RangeInclusive<u64> = 1..=3600;
/// Bounds of `repeat` of a voice prompt.
pub const REPEAT: std::ops::RangeInclusive<u64> = 1..=20;
/// Largest integer that every JSON reader keeps exactly.
pub const MAX_INTEGER: u64 = (1 << 53) - 1;

/// Codes of WebSocket close frames.
pub mod close {
    /// The server shuts down.
    pub const GOING_AWAY: u16 = 1001;
    /// Too many protocol errors.
    pub const PROTOCOL: u16 = 1002;
    /// A frame above [`super::MAX_FRAME`].
    pub const TOO_BIG: u16 = 1009;
    /// A newer connection of the same device took over.
    pub const REPLACED: u16 = 4000;
    /// The registration was changed or removed.
    pub const DISCONNECTED: u16 = 4001;
    /// No `Hello` in time.
    pub const NO_HELLO: u16 = 4002;
    /// Nothing heard for too long.
    pub const SILENT: u16 = 4003;
}

/// Codes of error frames, as OCPP-J names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// Not a frame: no JSON array, no readable id.
    RpcFrameworkError,
    /// The frame's first number is none of 2, 3, 4.
    MessageTypeNotSupported,
    /// The action is not known.
    NotImplemented,
    /// A member is missing, unknown or there twice.
    FormationViolation,
    /// A member has the wrong JSON type.
    TypeConstraintViolation,
    /// A member's value is outside its bounds.
    PropertyConstraintViolation,
    /// Right in itself, but not now: `Hello` is not first, an id was used before, a result nobody waits for.
    ProtocolError,
    /// The receiver failed.
    InternalError,
}

impl ErrorCode {
    /// Every code.
    pub const ALL: [Self; 8] = [
        Self::RpcFrameworkError,
        Self::MessageTypeNotSupported,
        Self::NotImplemented,
        Self::FormationViolation,
        Self::TypeConstraintViolation,
        Self::PropertyConstraintViolation,
        Self::ProtocolError,
        Self::InternalError,
    ];

    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::RpcFrameworkError => "RpcFrameworkError",
            Self::MessageTypeNotSupported => "MessageTypeNotSupported",
            Self::NotImplemented => "NotImplemented",
            Self::FormationViolation => "FormationViolation",
            Self::TypeConstraintViolation => "TypeConstraintViolation",
            Self::PropertyConstraintViolation => "PropertyConstraintViolation",
            Self::ProtocolError => "ProtocolError",
            Self::InternalError => "InternalError",
        }
    }
}

/// What is wrong with what the peer said, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {text}", code.name())]
pub struct ProtocolError {
    pub code: ErrorCode,
    pub text: String,
}

impl ProtocolError {
    /// An error of `code`.
    #[must_use]
    pub fn new(code: ErrorCode, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }
}

/// A call's id: 1 to 36 printable ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallId(String);

impl CallId {
    /// The id of an error frame that answers a frame whose own id could not be read.
    #[must_use]
    pub fn unreadable() -> Self {
        Self("-1".to_owned())
    }

    /// The `number`-th call of a connection.
    #[must_use]
    pub fn numbered(number: u64) -> Self {
        Self(number.to_string())
    }

    /// # Errors
    /// Empty, longer than 36 characters, or not printable ASCII.
    pub fn parse(text: &str) -> Result<Self, ProtocolError> {
        if text.is_empty() || text.len() > MAX_ID || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(ProtocolError::new(
                ErrorCode::RpcFrameworkError,
                format!("a call's id must be 1 to {MAX_ID} printable ASCII characters"),
            ));
        }
        Ok(Self(text.to_owned()))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A lift's car doors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Doors {
    Open,
    Opening,
    Closing,
    Closed,
}

impl Doors {
    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Opening => "opening",
            Self::Closing => "closing",
            Self::Closed => "closed",
        }
    }
}

/// The first call of every connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    pub vendor: String,
    pub model: String,
    pub firmware: String,
    /// The verbs that it carries out, e.g. `lift.stop`; others are not sent to it.
    pub capabilities: Vec<String>,
    /// A lift's mode now; devices of other kinds leave it out.
    pub mode: Option<LiftMode>,
}

/// The server's answer to [`Hello`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Welcome {
    /// Between two `Heartbeat` calls at most, in whole seconds.
    pub heartbeat: Duration,
    pub epoch: Epoch,
    /// Calendar time, for people and logs.
    pub server_time: Wall,
    /// The server's monotonic clock, by which orders are dated.
    pub clock: Mono,
}

/// What a device says of itself, at each change.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Status {
    pub mode: Option<LiftMode>,
    pub doors: Option<Doors>,
    pub floor: Option<String>,
    pub moving: Option<bool>,
    /// One word: `idle`, `holding`, `playing`, `flashing`, `open`, …
    pub state: Option<String>,
}

/// What a device measured or read.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// `temperature`, `card`, …
    pub kind: String,
    pub value: ReadingValue,
    /// `°C`, …; a card has none.
    pub unit: Option<String>,
}

/// A reading's value.
#[derive(Debug, Clone, PartialEq)]
pub enum ReadingValue {
    Number(f64),
    Text(String),
}

/// What became of an order, as the device (or the link, for an order that never left) says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderReport {
    pub key: OrderKey,
    pub what: Reported,
    pub cause: Option<String>,
}

/// The word of an [`OrderReport`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reported {
    /// Answer: it will be done.
    Accepted,
    /// Answer: it will not be done.
    Refused,
    /// Answer: this key was there before; nothing was done again.
    Duplicate,
    /// The lift stays at its landing, doors open.
    Holding,
    /// The lift is free: released by an order.
    Released,
    /// The lift is free: the lease ran out.
    Expired,
    /// The lift is free: its mode, or a person at the lift, outranks the order.
    Overridden,
    /// Carried out.
    Done,
    /// Accepted, but could not be carried out.
    Failed,
}

impl Reported {
    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Duplicate => "duplicate",
            Self::Holding => "holding",
            Self::Released => "released",
            Self::Expired => "expired",
            Self::Overridden => "overridden",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }
}

/// What a device may call.
#[derive(Debug, Clone, PartialEq)]
pub enum DeviceCall {
    Hello(Hello),
    Heartbeat,
    State(Status),
    OrderState {
        report: OrderReport,
        /// As in the order, so that a person who reads a log sees the sequence.
        seq: OrderSeq,
    },
    Reading(Reading),
}

/// An order as it travels: what the device needs of [`super::Order`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderCall {
    pub key: OrderKey,
    pub epoch: Epoch,
    pub seq: OrderSeq,
    pub verb: Verb,
    /// How much longer it is worth anything, counted from the moment it was written.
    pub expires_in: Duration,
    /// The server's monotonic clock when it was written; the base is [`Welcome::clock`].
    pub clock: Mono,
    pub alarm: Option<AlarmId>,
}

/// A device's answer to an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderAnswer {
    pub status: AnswerStatus,
    pub cause: Option<String>,
}

/// The word of an [`OrderAnswer`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AnswerStatus {
    Accepted,
    Refused,
    Duplicate,
}

/// Why an order was not handed to a device. Nothing is queued for later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Undeliverable {
    #[error("the device is not connected")]
    Offline,
    #[error("the order ran out before it could be sent")]
    Expired,
    #[error("the device takes no more orders: its queue is full")]
    Full,
    #[error("the lift is of kind A, alarm only: stops are never sent to it")]
    AlarmOnly,
    #[error("the device's kind or its Hello does not offer this")]
    NotCapable,
}

/// Why a connection ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DownReason {
    #[error("the device closed the connection")]
    Closed,
    #[error("the connection broke: {0}")]
    Broken(String),
    #[error("no Hello in time")]
    NoHello,
    #[error("nothing was heard of it in time")]
    Silent,
    #[error("it does not read what it is sent")]
    Stuck,
    #[error("too many protocol errors, the last: {0}")]
    Protocol(String),
    #[error("a newer connection of the same device took over")]
    Replaced,
    #[error("the registration was changed or removed")]
    Disconnected,
    #[error("the server is shutting down")]
    ShuttingDown,
}

impl DownReason {
    /// The code of the close frame.
    #[must_use]
    pub const fn code(&self) -> u16 {
        match self {
            Self::Closed | Self::Broken(_) => 1000,
            Self::NoHello => close::NO_HELLO,
            Self::Silent | Self::Stuck => close::SILENT,
            Self::Protocol(_) => close::PROTOCOL,
            Self::Replaced => close::REPLACED,
            Self::Disconnected => close::DISCONNECTED,
            Self::ShuttingDown => close::GOING_AWAY,
        }
    }
}
