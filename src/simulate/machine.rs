//! What the simulated devices have in common: a machine is a step function without clock, sockets or files.
//! Not here: what a lift does (`lift`), what the others do (`timed`).

use std::{collections::VecDeque, str::FromStr, time::Duration};

use crate::{
    base::{AlarmId, Mono, OrderKey},
    device::{
        DeviceKind, Epoch, LiftMode, OrderSeq,
        protocol::{AnswerStatus, OrderAnswer, OrderCall, OrderReport, Reported, Status},
    },
};

/// Keys that are remembered, so that an order that comes twice is done once.
pub const KEYS_KEPT: usize = 64;

/// An order as it came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    pub order: OrderCall,
    /// On the device's own monotonic clock.
    pub at: Mono,
    /// How old it was then: time since the server wrote it.
    pub age: Duration,
}

/// What people and the building do to a device; the lines that `yunti simulate` takes on standard input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Control {
    /// `mode fire`: a lift's mode.
    Mode(LiftMode),
    /// `floor 3`: the car stands at this landing at once.
    Floor(u16),
    /// `move 5`: someone in the car presses 5.
    Move(u16),
    /// `doors close`, `doors open`: the buttons in the car.
    Doors { open: bool },
    /// `obstruct on`, `obstruct off`: someone stands in the door.
    Obstruct(bool),
    /// `exit`: someone leaves through a gate, which is always free.
    Exit,
    /// `drop-link`, `drop-link 30`: the link is lost, for ever or for so many seconds.
    DropLink(Option<Duration>),
    /// `restore-link`: the link may come back.
    RestoreLink,
    /// `freeze`: the device's communication hangs, its connection open; its own timers go on.
    Freeze,
    /// `thaw`: it goes on.
    Thaw,
}

/// A line that is no control.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a control: {0:?}; known are: mode NAME, floor N, move N, doors open|close, obstruct on|off, exit, \
     drop-link [SECONDS], restore-link, freeze, thaw"
)]
pub struct ControlError(String);

impl FromStr for Control {
    type Err = ControlError;

    fn from_str(line: &str) -> Result<Self, ControlError> {
        let error = || ControlError(line.trim().chars().take(80).collect());
        let words: Vec<&str> = line.split_whitespace().collect();
        Ok(match words.as_slice() {
            ["mode", name] => Self::Mode(LiftMode::parse(name).ok_or_else(error)?),
            ["floor", floor] => Self::Floor(floor.parse().map_err(|_| error())?),
            ["move", floor] => Self::Move(floor.parse().map_err(|_| error())?),
            ["doors", "open"] => Self::Doors { open: true },
            ["doors", "close"] => Self::Doors { open: false },
            ["obstruct", "on"] => Self::Obstruct(true),
            ["obstruct", "off"] => Self::Obstruct(false),
            ["exit"] => Self::Exit,
            ["drop-link"] => Self::DropLink(None),
            ["drop-link", seconds] => {
                let seconds: f64 = seconds.parse().map_err(|_| error())?;
                Self::DropLink(Some(Duration::try_from_secs_f64(seconds).map_err(|_| error())?))
            }
            ["restore-link"] => Self::RestoreLink,
            ["freeze"] => Self::Freeze,
            ["thaw"] => Self::Thaw,
            _ => return Err(error()),
        })
    }
}

/// A change that people see: one line on standard output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    pub state: &'static str,
    pub cause: String,
    pub alarm: Option<AlarmId>,
}

/// What a step leads to, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// The answer to the order of this step.
    Answer(OrderAnswer),
    /// What became of an order.
    Report { report: OrderReport, seq: OrderSeq },
    /// The device's state changed.
    Status(Status),
    /// For standard output.
    Shown(Shown),
}

impl Output {
    pub(super) fn answer(status: AnswerStatus, cause: Option<&str>) -> Self {
        Self::Answer(OrderAnswer { status, cause: cause.map(str::to_owned) })
    }

    pub(super) fn report(key: OrderKey, seq: OrderSeq, what: Reported, cause: &str) -> Self {
        let cause = (!cause.is_empty()).then(|| cause.to_owned());
        Self::Report { report: OrderReport { key, what, cause }, seq }
    }
}

/// What happens to a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    Order(Received),
    Control(Control),
    /// Time went by; see [`Machine::wake`].
    Tick,
}

/// A device without its connection.
pub trait Machine: Send {
    /// Takes in what happened.
    fn step(&mut self, input: Input, now: Mono) -> Vec<Output>;
    /// When a tick is wanted at the latest.
    fn wake(&self) -> Option<Mono>;
    fn kind(&self) -> DeviceKind;
    fn status(&self) -> Status;
    /// What must survive a restart.
    fn memory(&self) -> &Memory;
}

/// What a device remembers of the orders it was given. It must survive a restart of the device.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Memory {
    /// Epoch and seq of the newest order.
    pub newest: Option<(Epoch, OrderSeq)>,
    /// The latest keys, the oldest first.
    pub keys: VecDeque<OrderKey>,
}

/// Whether an order may be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Fresh,
    Duplicate,
    Refused(&'static str),
}

impl Memory {
    /// Judges an order and remembers it. The order of the questions matters: a duplicate is also old.
    pub fn judge(&mut self, received: &Received, now: Mono) -> Verdict {
        let order = &received.order;
        if self.keys.contains(&order.key) {
            return Verdict::Duplicate;
        }
        if let Some((epoch, seq)) = self.newest {
            if order.epoch < epoch {
                return Verdict::Refused("older epoch: from an earlier run of the server");
            }
            if order.epoch == epoch && order.seq <= seq {
                return Verdict::Refused("older seq: a newer order was here before");
            }
        }
        self.newest = Some((order.epoch, order.seq));
        if self.keys.len() >= KEYS_KEPT {
            self.keys.pop_front();
        }
        self.keys.push_back(order.key);
        if received.age + now.since(received.at) >= order.expires_in {
            return Verdict::Refused("expired: it came too late to be worth anything");
        }
        Verdict::Fresh
    }
}
