//! Simulated voice box, light and gate: each does one thing for a while. Not here: sockets, files.
//!
//! A newer order takes the place of the one that runs. A gate is always free to leave through: `exit` opens it
//! without any order, and nothing can forbid that.

use std::time::Duration;

use super::machine::{Control, Input, Machine, Memory, Output, Received, Shown, Verdict};
use crate::{
    base::{AlarmId, Mono, OrderKey},
    device::{
        DeviceKind, OrderSeq, Verb,
        protocol::{AnswerStatus, Reported, Status},
    },
};

/// A gate stays open this long for someone who leaves.
const EXIT: Duration = Duration::from_secs(5);
/// Speaking time of a character.
const PER_CHARACTER: Duration = Duration::from_millis(150);

#[derive(Debug)]
struct Work {
    /// `None`: someone leaves through the gate.
    order: Option<(OrderKey, OrderSeq)>,
    alarm: Option<AlarmId>,
    ends: Mono,
}

/// A voice box, light or gate.
#[derive(Debug)]
pub struct TimedMachine {
    kind: DeviceKind,
    memory: Memory,
    work: Option<Work>,
    told: Status,
}

impl TimedMachine {
    /// A device at rest. A lift is not one of these: it would refuse everything.
    #[must_use]
    pub fn new(kind: DeviceKind, memory: Memory) -> Self {
        let mut machine = Self { kind, memory, work: None, told: Status::default() };
        machine.told = machine.status();
        machine
    }

    fn busy(&self) -> &'static str {
        match self.kind {
            DeviceKind::Voice => "playing",
            DeviceKind::Light => "flashing",
            DeviceKind::Gate | DeviceKind::Lift => "open",
        }
    }

    fn rest(&self) -> &'static str {
        if self.kind == DeviceKind::Gate { "closed" } else { "idle" }
    }

    fn order(&mut self, received: &Received, now: Mono, out: &mut Vec<Output>) {
        let order = &received.order;
        let refuse = |cause: &str, out: &mut Vec<Output>| {
            out.push(Output::answer(AnswerStatus::Refused, Some(cause)));
            out.push(Output::Shown(Shown { state: "refused", cause: cause.to_owned(), alarm: order.alarm }));
        };
        match self.memory.judge(received, now) {
            Verdict::Duplicate => return out.push(Output::answer(AnswerStatus::Duplicate, None)),
            Verdict::Refused(cause) => return refuse(cause, out),
            Verdict::Fresh => {}
        }
        if order.verb.kind() != self.kind {
            return refuse(&format!("{} is not for a {}", order.verb.name(), self.kind.name()), out);
        }
        out.push(Output::answer(AnswerStatus::Accepted, None));
        let (takes, cause) = match &order.verb {
            Verb::VoicePlay { text, repeat, .. } => {
                let characters = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
                (PER_CHARACTER * characters.min(512) * u32::from(*repeat), text.clone())
            }
            Verb::LightFlash { seconds } | Verb::GateOpen { seconds } => {
                (Duration::from_secs(u64::from(*seconds)), format!("for {seconds} s"))
            }
            Verb::GateDeny { reason } => {
                out.push(Output::report(order.key, order.seq, Reported::Done, ""));
                out.push(Output::Shown(Shown { state: "denied", cause: reason.clone(), alarm: order.alarm }));
                return;
            }
            Verb::LiftStop { .. } | Verb::LiftRelease => return,
        };
        // A gate that is open for longer is not closed on who walks through it.
        let open = self.work.as_ref().filter(|_| self.kind == DeviceKind::Gate).map_or(now, |work| work.ends);
        self.finish("a newer order took its place", out);
        self.begin(Some((order.key, order.seq)), order.alarm, open.max(now + takes), cause, out);
    }

    fn begin(
        &mut self,
        order: Option<(OrderKey, OrderSeq)>,
        alarm: Option<AlarmId>,
        ends: Mono,
        cause: String,
        out: &mut Vec<Output>,
    ) {
        self.work = Some(Work { order, alarm, ends });
        out.push(Output::Shown(Shown { state: self.busy(), cause, alarm }));
    }

    /// Ends the work that runs, and says so to the server.
    fn finish(&mut self, cause: &str, out: &mut Vec<Output>) -> Option<Work> {
        let work = self.work.take()?;
        if let Some((key, seq)) = work.order {
            out.push(Output::report(key, seq, Reported::Done, cause));
        }
        Some(work)
    }
}

impl Machine for TimedMachine {
    fn step(&mut self, input: Input, now: Mono) -> Vec<Output> {
        let mut out = Vec::new();
        if self.work.as_ref().is_some_and(|work| now >= work.ends)
            && let Some(work) = self.finish("", &mut out)
        {
            out.push(Output::Shown(Shown { state: self.rest(), cause: "done".to_owned(), alarm: work.alarm }));
        }
        match input {
            Input::Order(received) => self.order(&received, now, &mut out),
            Input::Control(Control::Exit) if self.kind == DeviceKind::Gate => {
                let ends = self.work.as_ref().map_or(now, |work| work.ends).max(now + EXIT);
                match &mut self.work {
                    Some(work) => work.ends = ends,
                    None => self.begin(None, None, ends, "someone leaves".to_owned(), &mut out),
                }
            }
            Input::Control(_) | Input::Tick => {}
        }
        let status = self.status();
        if status != self.told {
            self.told = status.clone();
            out.push(Output::Status(status));
        }
        out
    }

    fn wake(&self) -> Option<Mono> {
        self.work.as_ref().map(|work| work.ends)
    }

    fn kind(&self) -> DeviceKind {
        self.kind
    }

    fn status(&self) -> Status {
        let state = if self.work.is_some() { self.busy() } else { self.rest() };
        Status { state: Some(state.to_owned()), ..Status::default() }
    }

    fn memory(&self) -> &Memory {
        &self.memory
    }
}

#[cfg(test)]
mod tests;
