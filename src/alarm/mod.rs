//! Life of an alarm: raised → acknowledged → resolved or false alarm; which orders follow; the timeline.
//! Not here: clocks, sockets, storage. The step function is [`book::AlarmBook::step`].

pub mod book;
mod entry;
pub mod escalation;
mod hold;
pub mod tally;

use std::time::Duration;

use crate::{
    base::{AlarmId, CameraId, DeviceId, NormRect, TrackId, Wall},
    detect::Label,
    device::{DeviceRef, OrderState},
};

/// What an alarm is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AlarmKind {
    /// An e-bike stays in a lift car.
    EbikeInLift,
    /// A device that is needed is offline, silent or refuses.
    DeviceTrouble,
}

/// Where an alarm stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AlarmState {
    Raised,
    Acknowledged,
    Resolved,
    FalseAlarm,
}

impl AlarmState {
    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Raised => "raised",
            Self::Acknowledged => "acknowledged",
            Self::Resolved => "resolved",
            Self::FalseAlarm => "false_alarm",
        }
    }

    /// Whether a person has closed it.
    #[must_use]
    pub const fn is_closed(self) -> bool {
        matches!(self, Self::Resolved | Self::FalseAlarm)
    }
}

/// What the held lift of an alarm is known to be doing. Never shown as done before it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum LiftState {
    /// No controlled lift belongs to this camera.
    #[default]
    None,
    Ordered,
    Accepted,
    Holding,
    Released,
    Expired,
    Refused,
    TimedOut,
    Offline,
}

/// One line of an alarm's timeline: `captured`, `decoded`, `inferred`, `confirmed`, `ordered`, `sent`,
/// `accepted`, `holding`, `released`, `cleared`, `acknowledged`, `capped`, …
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub at: Wall,
    pub name: &'static str,
    pub device: Option<DeviceId>,
    pub detail: String,
}

/// An alarm, whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Alarm {
    pub id: AlarmId,
    pub kind: AlarmKind,
    pub state: AlarmState,
    pub camera: Option<CameraId>,
    pub device: Option<DeviceId>,
    /// What was seen, when the alarm is about something seen.
    pub sighting: Option<AlarmSighting>,
    pub raised_at: Wall,
    /// When the e-bike was out again (or the device well again); `None` while it lasts.
    pub cleared_at: Option<Wall>,
    pub lift: LiftState,
    /// Set when stops reached their cap and a person was called.
    pub escalated: bool,
    /// Steps of the site's list that were taken because it waited for a person too long.
    pub escalations: Vec<escalation::Escalation>,
    pub note: Option<String>,
    /// Who closed or acknowledged it last.
    pub actor: Option<String>,
    pub timeline: Vec<Step>,
}

/// What was seen when the alarm was raised.
#[derive(Debug, Clone, PartialEq)]
pub struct AlarmSighting {
    pub track: TrackId,
    pub label: Label,
    pub score: f32,
    pub rect: NormRect,
}

/// What follows a confirmed finding; from the pipeline file (`[then]`).
#[derive(Debug, Clone, PartialEq)]
pub struct Response {
    pub voice: Option<VoicePrompt>,
    /// Seconds of flashing, 0 for none.
    pub light_s: u16,
    pub hold: Option<Hold>,
    /// No second alarm of this camera within this time after one cleared; a stay that begins within it
    /// continues the old alarm.
    pub cooldown: Duration,
}

/// The voice prompt to play.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VoicePrompt {
    pub text: String,
    pub lang: String,
    pub repeat: u8,
}

/// How a lift is held. See the safety table in docs/safety.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hold {
    /// Length of one lease (default 3 s).
    pub lease: Duration,
    /// Time between renewals (default 1 s).
    pub renew: Duration,
    /// A frame older than this renews nothing (default 1 s).
    pub fresh: Duration,
    /// Total stop time of one alarm (default 120 s).
    pub cap: Duration,
}

/// What one camera's alarms lead to: the response and the devices of its site.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    pub response: Response,
    pub devices: Vec<DeviceRef>,
}

/// What a person does with an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Act {
    Acknowledge,
    Resolve,
    FalseAlarm,
}

/// Why a person's act was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ActError {
    #[error("no alarm has this id")]
    Unknown,
    #[error("the alarm is {} already, by {}", state.name(), by.as_deref().unwrap_or("the system"))]
    Already { state: AlarmState, by: Option<String> },
}

/// How an order that serves an alarm is getting on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderNews {
    pub alarm: AlarmId,
    pub device: DeviceRef,
    pub verb: &'static str,
    pub state: OrderState,
    pub cause: Option<String>,
}
