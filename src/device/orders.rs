//! The life of every order: numbered, handed over, answered, carried out or not. What it says is what is truly
//! known; only legal steps are possible, because each stage is a type that only its own methods turn into the next.
//! Not here: sockets (`link`), why an order is given (`alarm`).
//!
//! ```text
//! Issued ─▶ Sent ─▶ Accepted ─▶ Holding ─▶ Released | Expired | Done (renewed)
//!    │       ├─▶ Refused  └─▶ Done | Released | Expired | Refused (failed)
//!    │       └─▶ TimedOut | Offline: the device may have taken it, so a late word is still believed
//!    └─▶ Offline | Expired | Refused: never sent
//! ```
//!
//! The end of a stop does not hang on the device telling it: the lease began at the latest when its answer came,
//! so it is over one lease later, and the book says [`OrderState::Expired`] by the server's own clock.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use super::{
    Epoch, Order, OrderRequest, OrderSeq, OrderState, Verb,
    protocol::{OrderReport, Reported, Undeliverable},
};
use crate::base::{DeviceId, Mono, Now, OrderKey, Wall};

/// Without an answer for this long, an order counts as timed out.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(1);
/// How long a device's word that a lease ended may be under way before the server judges by its own clock.
const REPORT_GRACE: Duration = Duration::from_millis(500);
/// How long an accepted order without a stated length (a voice prompt, a release) may take to be reported done.
const WORK_WITHIN: Duration = Duration::from_secs(120);
/// Most orders at hand; beyond it the oldest is forgotten.
const MAX_OPEN: usize = 4096;

/// A step in an order's life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderChange {
    pub order: Order,
    pub state: OrderState,
    pub cause: Option<String>,
    pub at: Wall,
}

/// Numbered, not yet handed to anyone.
#[derive(Debug)]
struct Issued;
/// In the hands of the device's socket.
#[derive(Debug)]
struct Sent {
    answer_by: Mono,
}
/// Sent, and no word of it: it may have been taken.
#[derive(Debug)]
struct Silent {
    forget_at: Mono,
}
/// Taken by the device.
#[derive(Debug)]
struct Accepted {
    over_at: Mono,
}
/// The lift stays.
#[derive(Debug)]
struct Holding {
    over_at: Mono,
}

#[expect(clippy::unused_self, reason = "a stage is spent to reach the next: that is the proof")]
impl Issued {
    fn sent(self, now: Mono) -> Sent {
        Sent { answer_by: now + ANSWER_WITHIN }
    }
}

#[expect(clippy::unused_self, reason = "a stage is spent to reach the next: that is the proof")]
impl Sent {
    fn accepted(self, order: &Order, now: Mono) -> Accepted {
        Accepted { over_at: over_at(order, now) }
    }

    fn silent(self, order: &Order, now: Mono) -> Silent {
        Silent { forget_at: over_at(order, now.max(order.issued + order.request.expires_in)) }
    }
}

#[expect(clippy::unused_self, reason = "a stage is spent to reach the next: that is the proof")]
impl Silent {
    fn accepted(self, order: &Order, now: Mono) -> Accepted {
        Accepted { over_at: over_at(order, now) }
    }
}

impl Accepted {
    fn holding(self) -> Holding {
        Holding { over_at: self.over_at }
    }
}

/// When the work of an order that was accepted at `now` at the latest must be over.
fn over_at(order: &Order, now: Mono) -> Mono {
    let work = match &order.request.verb {
        Verb::LiftStop { lease } => *lease + REPORT_GRACE,
        Verb::LightFlash { seconds } | Verb::GateOpen { seconds } => {
            Duration::from_secs(u64::from(*seconds)) + WORK_WITHIN
        }
        Verb::LiftRelease | Verb::VoicePlay { .. } | Verb::GateDeny { .. } => WORK_WITHIN,
    };
    now + work
}

#[derive(Debug)]
enum Stage {
    Issued(Issued),
    Sent(Sent),
    Silent(Silent),
    Accepted(Accepted),
    Holding(Holding),
}

/// What follows for an order: where it stands now (`None`: over) and what is told, in order.
struct Step {
    stage: Option<Stage>,
    told: Vec<(OrderState, Option<String>)>,
}

impl Step {
    fn stay(stage: Stage) -> Self {
        Self { stage: Some(stage), told: Vec::new() }
    }

    fn on(stage: Stage, told: OrderState, cause: Option<String>) -> Self {
        Self { stage: Some(stage), told: vec![(told, cause)] }
    }

    fn over(state: OrderState, cause: Option<String>) -> Self {
        Self { stage: None, told: vec![(state, cause)] }
    }

    fn after(mut self, state: OrderState) -> Self {
        self.told.insert(0, (state, None));
        self
    }
}

#[derive(Debug)]
struct Open {
    order: Order,
    stage: Stage,
}

/// Every order that is not over.
#[derive(Debug)]
pub struct OrderBook {
    epoch: Epoch,
    next: u64,
    open: BTreeMap<OrderSeq, Open>,
    keys: HashMap<OrderKey, OrderSeq>,
}

impl OrderBook {
    /// An empty book of one run of the server; `epoch` is greater than that of every earlier run.
    #[must_use]
    pub fn new(epoch: Epoch) -> Self {
        Self { epoch, next: 1, open: BTreeMap::new(), keys: HashMap::new() }
    }

    /// Numbers a request. Hand the order to the link and tell the book by [`OrderBook::handed`].
    pub fn issue(&mut self, request: OrderRequest, now: Now) -> Order {
        let seq = OrderSeq(self.next);
        self.next += 1;
        let order = Order { key: OrderKey::fresh(), epoch: self.epoch, seq, request, issued: now.mono };
        if self.open.len() >= MAX_OPEN
            && let Some((_, oldest)) = self.open.pop_first()
        {
            self.keys.remove(&oldest.order.key);
        }
        self.keys.insert(order.key, seq);
        self.open.insert(seq, Open { order: order.clone(), stage: Stage::Issued(Issued) });
        order
    }

    /// Whether the link took it.
    pub fn handed(&mut self, key: OrderKey, result: Result<(), Undeliverable>, now: Now) -> Vec<OrderChange> {
        let Some(&seq) = self.keys.get(&key) else { return Vec::new() };
        self.advance(seq, now, |_, stage| match stage {
            Stage::Issued(issued) => match result {
                Ok(()) => Step::on(Stage::Sent(issued.sent(now.mono)), OrderState::Sent, None),
                Err(error) => {
                    let state = match error {
                        Undeliverable::Offline => OrderState::Offline,
                        Undeliverable::Expired => OrderState::Expired,
                        Undeliverable::Full | Undeliverable::AlarmOnly | Undeliverable::NotCapable => {
                            OrderState::Refused
                        }
                    };
                    Step::over(state, Some(error.to_string()))
                }
            },
            other => Step::stay(other),
        })
    }

    /// What the device says of an order. Words about orders of another device, of an earlier run or long over
    /// change nothing.
    pub fn heard(&mut self, device: DeviceId, report: OrderReport, now: Now) -> Vec<OrderChange> {
        let Some(&seq) = self.keys.get(&report.key) else { return Vec::new() };
        if self.open.get(&seq).is_none_or(|open| open.order.request.device != device) {
            return Vec::new();
        }
        let mut changes = Vec::new();
        let is_stop = self.open.get(&seq).is_some_and(|open| open.order.request.verb.lease().is_some());
        if is_stop && matches!(report.what, Reported::Accepted | Reported::Duplicate | Reported::Holding) {
            changes = self.renewed(device, seq, now);
        }
        changes.extend(self.advance(seq, now, |order, stage| heard(order, stage, report, now.mono)));
        changes
    }

    /// The stops before `seq` are carried on by it.
    fn renewed(&mut self, device: DeviceId, seq: OrderSeq, now: Now) -> Vec<OrderChange> {
        let earlier: Vec<OrderSeq> = self
            .open
            .range(..seq)
            .filter(|(_, open)| open.order.request.device == device && open.order.request.verb.lease().is_some())
            .map(|(seq, _)| *seq)
            .collect();
        let mut changes = Vec::new();
        for old in earlier {
            changes.extend(self.advance(old, now, |_, stage| match stage {
                Stage::Accepted(_) | Stage::Holding(_) => {
                    Step::over(OrderState::Done, Some(format!("carried on by order {}", seq.0)))
                }
                other => Step::stay(other),
            }));
        }
        changes
    }

    /// The device's connection ended. What it took goes on by itself until its lease or work is over.
    pub fn link_down(&mut self, device: DeviceId, now: Now) -> Vec<OrderChange> {
        let theirs: Vec<OrderSeq> =
            self.open.iter().filter(|(_, open)| open.order.request.device == device).map(|(seq, _)| *seq).collect();
        let mut changes = Vec::new();
        for seq in theirs {
            changes.extend(self.advance(seq, now, |order, stage| match stage {
                Stage::Sent(sent) => Step::on(
                    Stage::Silent(sent.silent(order, now.mono)),
                    OrderState::Offline,
                    Some("the connection ended before the device answered".to_owned()),
                ),
                other => Step::stay(other),
            }));
        }
        changes
    }

    /// Time went by: answers that did not come, leases and work that must be over.
    pub fn tick(&mut self, now: Now) -> Vec<OrderChange> {
        let due: Vec<OrderSeq> =
            self.open.iter().filter(|(_, open)| now.mono >= deadline(open)).map(|(seq, _)| *seq).collect();
        let mut changes = Vec::new();
        for seq in due {
            changes.extend(self.advance(seq, now, |order, stage| run_out(order, stage, now.mono)));
        }
        changes
    }

    /// When [`OrderBook::tick`] is wanted at the latest.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Mono> {
        self.open.values().map(deadline).min()
    }

    fn advance(&mut self, seq: OrderSeq, now: Now, step: impl FnOnce(&Order, Stage) -> Step) -> Vec<OrderChange> {
        let Some(Open { order, stage }) = self.open.remove(&seq) else { return Vec::new() };
        let Step { stage, told } = step(&order, stage);
        let changes = told
            .into_iter()
            .map(|(state, cause)| OrderChange { order: order.clone(), state, cause, at: now.wall })
            .collect();
        match stage {
            Some(stage) => {
                self.open.insert(seq, Open { order, stage });
            }
            None => {
                self.keys.remove(&order.key);
            }
        }
        changes
    }
}

fn deadline(open: &Open) -> Mono {
    match &open.stage {
        Stage::Issued(Issued) => open.order.issued + open.order.request.expires_in,
        Stage::Sent(sent) => sent.answer_by,
        Stage::Silent(silent) => silent.forget_at,
        Stage::Accepted(Accepted { over_at }) | Stage::Holding(Holding { over_at }) => *over_at,
    }
}

/// What a device's word makes of an order.
fn heard(order: &Order, stage: Stage, report: OrderReport, now: Mono) -> Step {
    let OrderReport { what, cause, .. } = report;
    match (stage, what) {
        // A word about an order that was not handed over yet cannot be true.
        (stage @ Stage::Issued(_), _) => Step::stay(stage),
        (Stage::Sent(sent), Reported::Accepted | Reported::Duplicate) => {
            Step::on(Stage::Accepted(sent.accepted(order, now)), OrderState::Accepted, cause)
        }
        (Stage::Silent(silent), Reported::Accepted | Reported::Duplicate) => {
            Step::on(Stage::Accepted(silent.accepted(order, now)), OrderState::Accepted, cause)
        }
        // Never left the server: the link says so.
        (Stage::Sent(_), Reported::Expired) => Step::over(OrderState::Expired, cause),
        (Stage::Sent(_) | Stage::Silent(_), Reported::Refused | Reported::Failed) => {
            Step::over(OrderState::Refused, cause)
        }
        // The report overtook the answer, which it implies.
        (Stage::Sent(sent), _) => {
            let accepted = sent.accepted(order, now);
            carried(order, accepted, what, cause).after(OrderState::Accepted)
        }
        (Stage::Silent(silent), _) => {
            let accepted = silent.accepted(order, now);
            carried(order, accepted, what, cause).after(OrderState::Accepted)
        }
        (Stage::Accepted(accepted), _) => carried(order, accepted, what, cause),
        (Stage::Holding(holding), Reported::Accepted | Reported::Duplicate | Reported::Holding) => {
            Step::stay(Stage::Holding(holding))
        }
        (Stage::Holding(_), _) => ended(what, cause),
    }
}

/// What a device says of an order it has taken.
fn carried(order: &Order, accepted: Accepted, what: Reported, cause: Option<String>) -> Step {
    match what {
        Reported::Holding if order.request.verb.lease().is_some() => {
            Step::on(Stage::Holding(accepted.holding()), OrderState::Holding, cause)
        }
        // Said before; and only a stop can be held.
        Reported::Accepted | Reported::Duplicate | Reported::Holding => Step::stay(Stage::Accepted(accepted)),
        _ => ended(what, cause),
    }
}

/// The end of an order that the device had taken.
fn ended(what: Reported, cause: Option<String>) -> Step {
    match what {
        Reported::Overridden => {
            let cause = cause.map_or_else(|| "overridden".to_owned(), |cause| format!("overridden: {cause}"));
            Step::over(OrderState::Released, Some(cause))
        }
        Reported::Expired => Step::over(OrderState::Expired, cause),
        Reported::Refused | Reported::Failed => Step::over(OrderState::Refused, cause),
        Reported::Done => Step::over(OrderState::Done, cause),
        Reported::Released | Reported::Accepted | Reported::Duplicate | Reported::Holding => {
            Step::over(OrderState::Released, cause)
        }
    }
}

/// What the clock makes of an order whose deadline passed.
fn run_out(order: &Order, stage: Stage, now: Mono) -> Step {
    let is_stop = order.request.verb.lease().is_some();
    match stage {
        Stage::Issued(Issued) => Step::over(OrderState::Expired, Some("it was not handed over in time".to_owned())),
        Stage::Sent(sent) => Step::on(
            Stage::Silent(sent.silent(order, now)),
            OrderState::TimedOut,
            Some(format!("no answer within {} ms", ANSWER_WITHIN.as_millis())),
        ),
        // Said already that nothing was heard: there is no more to say.
        Stage::Silent(_) => Step { stage: None, told: Vec::new() },
        Stage::Accepted(_) | Stage::Holding(_) if is_stop => Step::over(
            OrderState::Expired,
            Some("the device did not say so: by the server's clock the lease is over".to_owned()),
        ),
        Stage::Accepted(_) | Stage::Holding(_) => {
            Step::over(OrderState::TimedOut, Some("accepted, but never reported done".to_owned()))
        }
    }
}

#[cfg(test)]
mod tests;
