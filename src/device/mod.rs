//! Devices (lifts, voice boxes, lights, gates), the orders sent to them and the protocol's messages.
//! Not here: why an order is given (`alarm`).
//!
//! "Stop" never means halting a moving car: it means *stay at the landing, doors open*. A stop is a lease
//! that dies by itself; no message can express a stop between floors.

pub mod link;
pub mod orders;
pub mod protocol;
mod queue;
pub mod wire;

use std::time::Duration;

pub use link::{LinkEvent, LinkSettings, Links};
pub use orders::{OrderBook, OrderChange};
pub use protocol::{DownReason, Hello, OrderReport, Reading, Reported, Status, Undeliverable};

use crate::base::{AlarmId, DeviceId, Mono, OrderKey};

/// What a device is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeviceKind {
    Lift,
    Voice,
    Light,
    Gate,
}

impl DeviceKind {
    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lift => "lift",
            Self::Voice => "voice",
            Self::Light => "light",
            Self::Gate => "gate",
        }
    }
}

/// Whether a lift may be held. The default is [`Control::AlarmOnly`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Control {
    /// Kind A: alarms only; a stop is never sent.
    #[default]
    AlarmOnly,
    /// Kind B: installed with the lift maintainer's consent; may be held at a landing.
    Controlled,
}

/// What a lift reports of itself. Every mode but [`LiftMode::Normal`] outranks us: stops are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum LiftMode {
    Normal,
    Fire,
    Evacuation,
    Inspection,
    Earthquake,
    EmergencyPower,
    Independent,
    #[default]
    Unknown,
}

impl LiftMode {
    /// Every mode.
    pub const ALL: [Self; 8] = [
        Self::Normal,
        Self::Fire,
        Self::Evacuation,
        Self::Inspection,
        Self::Earthquake,
        Self::EmergencyPower,
        Self::Independent,
        Self::Unknown,
    ];

    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Fire => "fire",
            Self::Evacuation => "evacuation",
            Self::Inspection => "inspection",
            Self::Earthquake => "earthquake",
            Self::EmergencyPower => "emergency_power",
            Self::Independent => "independent",
            Self::Unknown => "unknown",
        }
    }

    /// The mode of a name on the wire.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.name() == name)
    }
}

/// A device as alarms and orders need it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceRef {
    pub id: DeviceId,
    pub kind: DeviceKind,
    pub control: Control,
}

/// What a device is asked to do. Nothing here can halt a moving car.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verb {
    /// Stay at the landing, doors open, for at most `lease`; sent again to renew.
    LiftStop {
        lease: Duration,
    },
    /// End a stay at once.
    LiftRelease,
    VoicePlay {
        text: String,
        lang: String,
        repeat: u8,
    },
    LightFlash {
        seconds: u16,
    },
    GateOpen {
        seconds: u16,
    },
    GateDeny {
        reason: String,
    },
}

impl Verb {
    /// The name on the wire.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::LiftStop { .. } => "lift.stop",
            Self::LiftRelease => "lift.release",
            Self::VoicePlay { .. } => "voice.play",
            Self::LightFlash { .. } => "light.flash",
            Self::GateOpen { .. } => "gate.open",
            Self::GateDeny { .. } => "gate.deny",
        }
    }

    /// The kind of device that understands it.
    #[must_use]
    pub const fn kind(&self) -> DeviceKind {
        match self {
            Self::LiftStop { .. } | Self::LiftRelease => DeviceKind::Lift,
            Self::VoicePlay { .. } => DeviceKind::Voice,
            Self::LightFlash { .. } => DeviceKind::Light,
            Self::GateOpen { .. } | Self::GateDeny { .. } => DeviceKind::Gate,
        }
    }

    /// The lease of a stop.
    #[must_use]
    pub const fn lease(&self) -> Option<Duration> {
        match self {
            Self::LiftStop { lease } => Some(*lease),
            _ => None,
        }
    }
}

/// Which server run gave an order: grows by one at each start. A device refuses older ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Epoch(pub u64);

/// An order's place among the orders of its epoch; grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OrderSeq(pub u64);

/// What someone wants of a device; becomes an [`Order`] when the order book numbers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderRequest {
    pub device: DeviceId,
    pub alarm: Option<AlarmId>,
    pub verb: Verb,
    /// After this long it is worth nothing: neither sent nor run.
    pub expires_in: Duration,
}

/// A numbered order on its way to a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    pub key: OrderKey,
    pub epoch: Epoch,
    pub seq: OrderSeq,
    pub request: OrderRequest,
    pub issued: Mono,
}

/// What is truly known of an order. `Accepted` is never shown as done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OrderState {
    /// Handed to the device's socket.
    Sent,
    /// The device took it.
    Accepted,
    /// A lift reports that it stays, doors open.
    Holding,
    /// A lift reports that it is free again.
    Released,
    /// A voice, light or gate reports that it did it; a release was carried out; or a stop was carried on by
    /// a newer one (its renewal), which says nothing of the lift being free.
    Done,
    /// The lease or the order ran out.
    Expired,
    /// The device or the server said no; the cause says why.
    Refused,
    /// The device did not answer in time.
    TimedOut,
    /// The device was not connected; nothing is queued.
    Offline,
}

impl OrderState {
    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Accepted => "accepted",
            Self::Holding => "holding",
            Self::Released => "released",
            Self::Done => "done",
            Self::Expired => "expired",
            Self::Refused => "refused",
            Self::TimedOut => "timed_out",
            Self::Offline => "offline",
        }
    }
}
