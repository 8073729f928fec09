//! A simulated lift: the reference for vendors of lift controllers. A pure step function; the lease runs on the time
//! that it is given, which is the device's own monotonic clock. Not here: sockets, files.
//!
//! The rules, each of which `tests` holds:
//! * `lift.stop` means: stay at the landing, doors open. A moving car goes on to its next landing and stays there.
//! * It stays only in mode normal, only while the lease lasts, only with the doors open at a landing.
//! * It is free at the end of the lease, at `lift.release`, and at any other mode, at once and by itself.
//! * A lift of kind A refuses every stop. So does any lift in another mode than normal.
//! * However often a stop is renewed, the lift is free after [`LiftSettings::max_hold`] and rests before the next.

use std::time::Duration;

use super::machine::{Control, Input, Machine, Memory, Output, Received, Shown, Verdict};
use crate::{
    base::{AlarmId, Mono, OrderKey},
    device::{
        DeviceKind, LiftMode, OrderSeq, Verb,
        protocol::{AnswerStatus, Doors, Reported, Status},
    },
};

/// A lift's build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiftSettings {
    /// False: kind A, every stop is refused.
    pub controlled: bool,
    /// Landings, numbered from 1.
    pub floors: u16,
    /// From one landing to the next.
    pub travel: Duration,
    /// Doors from closed to open, and back.
    pub door: Duration,
    /// Doors stay open by themselves this long.
    pub dwell: Duration,
    /// The longest stay without a break, whatever the server renews (its own cap is shorter).
    pub max_hold: Duration,
    /// The break after a stay that reached it.
    pub rest: Duration,
}

impl Default for LiftSettings {
    fn default() -> Self {
        Self {
            controlled: true,
            floors: 18,
            travel: Duration::from_secs(2),
            door: Duration::from_millis(800),
            dwell: Duration::from_secs(4),
            max_hold: Duration::from_secs(150),
            rest: Duration::from_secs(10),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Car {
    At(u16),
    /// Between two neighbouring landings.
    Between {
        from: u16,
        to: u16,
        arrives: Mono,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Door {
    Closed,
    Opening { until: Mono },
    Open { closes: Mono },
    Closing { until: Mono },
}

/// A stop that was accepted and is not over.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stay {
    key: OrderKey,
    seq: OrderSeq,
    alarm: Option<AlarmId>,
    began: Mono,
    /// The lift is free from here on.
    ends: Mono,
    holding: bool,
}

/// The lift.
#[derive(Debug)]
pub struct LiftMachine {
    settings: LiftSettings,
    memory: Memory,
    mode: LiftMode,
    car: Car,
    door: Door,
    obstructed: bool,
    destination: Option<u16>,
    stay: Option<Stay>,
    not_before: Mono,
    state: &'static str,
    told: Status,
}

impl LiftMachine {
    /// A lift at landing 1, doors closed, mode normal, with what it remembers of earlier orders.
    #[must_use]
    pub fn new(settings: LiftSettings, memory: Memory) -> Self {
        let mut lift = Self {
            settings,
            memory,
            mode: LiftMode::Normal,
            car: Car::At(1),
            door: Door::Closed,
            obstructed: false,
            destination: None,
            stay: None,
            not_before: Mono(0),
            state: "idle",
            told: Status::default(),
        };
        lift.told = lift.status();
        lift
    }

    /// Whether the lift is held now.
    #[must_use]
    pub fn is_holding(&self) -> bool {
        self.stay.as_ref().is_some_and(|stay| stay.holding)
    }

    fn order(&mut self, received: &Received, now: Mono, out: &mut Vec<Output>) {
        let order = &received.order;
        match self.memory.judge(received, now) {
            Verdict::Duplicate => out.push(Output::answer(AnswerStatus::Duplicate, None)),
            Verdict::Refused(cause) => refuse(order.alarm, cause, out),
            Verdict::Fresh => match &order.verb {
                Verb::LiftStop { lease } => match self.objection(now) {
                    Some(cause) => refuse(order.alarm, &cause, out),
                    None => self.stop(received, *lease, now, out),
                },
                Verb::LiftRelease => {
                    out.push(Output::answer(AnswerStatus::Accepted, None));
                    let held = self.stay.is_some();
                    self.free(Reported::Released, "lift.release", now, out);
                    let cause = if held { "" } else { "nothing was held" };
                    out.push(Output::report(order.key, order.seq, Reported::Done, cause));
                }
                other => refuse(order.alarm, &format!("{} is not for a lift", other.name()), out),
            },
        }
    }

    /// Why a stop is not accepted now.
    fn objection(&self, now: Mono) -> Option<String> {
        if !self.settings.controlled {
            return Some("kind A: this lift takes no stops".to_owned());
        }
        if self.mode != LiftMode::Normal {
            return Some(format!("mode {}", self.mode.name()));
        }
        if now < self.not_before {
            return Some("held for too long before: the lift rests".to_owned());
        }
        None
    }

    /// Accepts a stop, or renews it.
    fn stop(&mut self, received: &Received, lease: Duration, now: Mono, out: &mut Vec<Output>) {
        let order = &received.order;
        out.push(Output::answer(AnswerStatus::Accepted, None));
        let began = self.stay.as_ref().map_or(now, |stay| stay.began);
        let holding = self.is_holding();
        let ends = (received.at + lease).min(began + self.settings.max_hold);
        self.stay = Some(Stay { key: order.key, seq: order.seq, alarm: order.alarm, began, ends, holding });
        if holding {
            out.push(Output::report(order.key, order.seq, Reported::Holding, "renewed"));
        } else if matches!(self.car, Car::At(_)) {
            self.open_doors(now);
        }
    }

    fn open_doors(&mut self, now: Mono) {
        match self.door {
            Door::Closed | Door::Closing { .. } => self.door = Door::Opening { until: now + self.settings.door },
            Door::Open { .. } => self.door = Door::Open { closes: now + self.settings.dwell },
            Door::Opening { .. } => {}
        }
    }

    /// Ends the stay; the lift is in normal service again.
    fn free(&mut self, what: Reported, cause: &str, now: Mono, out: &mut Vec<Output>) {
        let Some(stay) = self.stay.take() else { return };
        if now >= stay.began + self.settings.max_hold {
            self.not_before = now + self.settings.rest;
        }
        if let Door::Open { .. } = self.door {
            self.door = Door::Open { closes: now + self.settings.dwell };
        }
        out.push(Output::report(stay.key, stay.seq, what, cause));
        self.show(what.name(), cause, stay.alarm, out);
    }

    fn show(&mut self, state: &'static str, cause: &str, alarm: Option<AlarmId>, out: &mut Vec<Output>) {
        self.state = state;
        out.push(Output::Shown(Shown { state, cause: cause.to_owned(), alarm }));
    }

    fn control(&mut self, control: &Control, now: Mono, out: &mut Vec<Output>) {
        match *control {
            Control::Mode(mode) => {
                self.mode = mode;
                if mode != LiftMode::Normal {
                    self.free(Reported::Overridden, &format!("mode {}", mode.name()), now, out);
                    if mode == LiftMode::Fire {
                        self.destination = Some(1);
                    }
                }
            }
            Control::Floor(floor) if self.stay.is_none() => {
                self.car = Car::At(floor.clamp(1, self.settings.floors.max(1)));
                self.door = Door::Closed;
                self.destination = None;
            }
            Control::Move(floor) if self.stay.is_none() => {
                self.destination = Some(floor.clamp(1, self.settings.floors.max(1)));
                if let Door::Open { .. } = self.door {
                    self.door = Door::Open { closes: now };
                }
            }
            Control::Doors { open: true } if matches!(self.car, Car::At(_)) => self.open_doors(now),
            // While the lift is held, its close button does nothing.
            Control::Doors { open: false } if self.stay.is_none() => {
                if let Door::Open { .. } = self.door {
                    self.door = Door::Open { closes: now };
                }
            }
            Control::Obstruct(obstructed) => {
                self.obstructed = obstructed;
                match self.door {
                    Door::Closing { .. } if obstructed => self.open_doors(now),
                    // Time that someone stood in the door does not count for closing it.
                    Door::Open { closes } if !obstructed => self.door = Door::Open { closes: closes.max(now) },
                    _ => {}
                }
            }
            _ => {}
        }
    }

    /// What the time that went by made of the lift. The lease first: it never lasts a moment longer.
    fn settle(&mut self, now: Mono, out: &mut Vec<Output>) {
        if let Some(stay) = self.stay.as_ref().filter(|stay| now >= stay.ends) {
            let cause = if stay.ends >= stay.began + self.settings.max_hold {
                "the longest stay of this lift is over"
            } else if stay.holding {
                "the lease ran out"
            } else {
                "the lease ran out before the doors were open"
            };
            self.free(Reported::Expired, cause, now, out);
        }
        // Each turn moves the car or the doors on by one; none does so twice without time passing.
        while self.advance(now) {}
        if let (Some(stay), Car::At(_), Door::Open { .. }) = (&mut self.stay, self.car, self.door)
            && !stay.holding
        {
            stay.holding = true;
            let (key, seq, alarm) = (stay.key, stay.seq, stay.alarm);
            out.push(Output::report(key, seq, Reported::Holding, ""));
            self.show("holding", "lift.stop", alarm, out);
        }
        let at_rest = self.stay.is_none() && self.door == Door::Closed && self.mode == LiftMode::Normal;
        if at_rest && self.state != "idle" {
            self.show("idle", "back in service", None, out);
        }
    }

    /// One movement of car or doors whose time has come.
    fn advance(&mut self, now: Mono) -> bool {
        match (self.car, self.door) {
            (Car::Between { to, arrives, .. }, _) if now >= arrives => {
                self.car = Car::At(to);
                if self.stay.is_some() || self.destination.is_none_or(|floor| floor == to) {
                    self.destination = self.destination.filter(|floor| *floor != to);
                    self.door = Door::Opening { until: arrives + self.settings.door };
                } else {
                    self.depart(to, arrives);
                }
                true
            }
            (Car::At(_), Door::Opening { until }) if now >= until => {
                self.door = Door::Open { closes: until + self.settings.dwell };
                true
            }
            (Car::At(_), Door::Open { closes }) if now >= closes && self.stay.is_none() && !self.obstructed => {
                self.door = Door::Closing { until: closes + self.settings.door };
                true
            }
            (Car::At(_), Door::Closing { until }) if now >= until => {
                self.door = Door::Closed;
                true
            }
            (Car::At(floor), Door::Closed) if self.stay.is_none() => {
                let leaves = self.destination.is_some_and(|to| to != floor);
                self.destination = self.destination.filter(|to| *to != floor);
                if leaves {
                    self.depart(floor, now);
                }
                leaves
            }
            _ => false,
        }
    }

    fn depart(&mut self, from: u16, at: Mono) {
        let up = self.destination.is_some_and(|to| to > from);
        let to = if up { from + 1 } else { from.saturating_sub(1).max(1) };
        self.car = Car::Between { from, to, arrives: at + self.settings.travel };
    }
}

fn refuse(alarm: Option<AlarmId>, cause: &str, out: &mut Vec<Output>) {
    out.push(Output::answer(AnswerStatus::Refused, Some(cause)));
    // A refusal leaves the lift as it is, held or free.
    out.push(Output::Shown(Shown { state: "refused", cause: cause.to_owned(), alarm }));
}

impl Machine for LiftMachine {
    fn step(&mut self, input: Input, now: Mono) -> Vec<Output> {
        let mut out = Vec::new();
        self.settle(now, &mut out);
        match input {
            Input::Order(received) => self.order(&received, now, &mut out),
            Input::Control(control) => self.control(&control, now, &mut out),
            Input::Tick => {}
        }
        self.settle(now, &mut out);
        let status = self.status();
        if status != self.told {
            self.told = status.clone();
            out.push(Output::Status(status));
        }
        out
    }

    fn wake(&self) -> Option<Mono> {
        let car = match self.car {
            Car::Between { arrives, .. } => Some(arrives),
            Car::At(_) => None,
        };
        let door = match self.door {
            Door::Opening { until } | Door::Closing { until } => Some(until),
            Door::Open { closes } if self.stay.is_none() && !self.obstructed => Some(closes),
            Door::Open { .. } | Door::Closed => None,
        };
        [car, door, self.stay.as_ref().map(|stay| stay.ends)].into_iter().flatten().min()
    }

    fn kind(&self) -> DeviceKind {
        DeviceKind::Lift
    }

    fn status(&self) -> Status {
        let floor = match self.car {
            Car::At(floor) | Car::Between { from: floor, .. } => floor,
        };
        Status {
            mode: Some(self.mode),
            doors: Some(match self.door {
                Door::Closed => Doors::Closed,
                Door::Opening { .. } => Doors::Opening,
                Door::Open { .. } => Doors::Open,
                Door::Closing { .. } => Doors::Closing,
            }),
            floor: Some(floor.to_string()),
            moving: Some(matches!(self.car, Car::Between { .. })),
            state: Some(self.state.to_owned()),
        }
    }

    fn memory(&self) -> &Memory {
        &self.memory
    }
}

#[cfg(test)]
mod tests;
