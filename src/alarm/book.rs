//! The alarm book: findings, orders' fates and people's acts in; changed alarms and orders out.
//! Not here: clocks, sockets, storage, numbering of orders. docs/safety.md says which line of the safety
//! table is met where.
//!
//! * One stay (see `rule`) is one alarm. A stay that begins within the cooldown after one cleared continues
//!   its alarm, closed ones included: what a person has called false does not stop the lift again.
//! * A stop is ordered or renewed only by [`LiftHold::stop`], and only while [`Entry::wants_lift`].
//! * What ends stops by decision (a person, the cap) ends them for every alarm that holds the same lift. What
//!   ends them by sight (the e-bike is out) leaves a lift held that another alarm still holds.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use super::{
    Act, ActError, Alarm, AlarmKind, AlarmSighting, AlarmState, LiftState, OrderNews, Plan, Step,
    entry::{Entry, lift_state},
    escalation::{Escalation, LadderStep},
    hold::{LiftHold, Stop},
};
use crate::{
    base::{AlarmId, CameraId, DeviceId, FrameSeq, Mono, Now},
    device::{Control, DeviceKind, DeviceRef, LiftMode, OrderRequest, OrderState, Verb},
    rule::{Finding, FindingKind, Sighting},
};

/// Alarms that are over are kept at hand for people's acts, at most so many; see [`AlarmBook::adopt`].
const IDLE_KEPT: usize = 1024;
/// After this long a release, a prompt or a light is worth nothing.
const PROMPT_WORTH: Duration = Duration::from_secs(5);

/// Why a lift that could be held is not.
const UNSURE: &str = "an alarm, but not sure enough yet to hold the lift";

/// What happens to alarms.
#[derive(Debug, Clone)]
pub enum Input {
    /// A rule's finding, with what the camera's alarms lead to now.
    Found { finding: Finding, plan: Arc<Plan> },
    /// An order that serves an alarm got on.
    Order(OrderNews),
    /// A lift reported its mode (at each connection and each change). Until then it is unknown: no stops.
    LiftMode { device: DeviceId, mode: LiftMode },
    /// A device that is needed does not do its work.
    DeviceTrouble { device: DeviceRef, what: String },
    /// A device is connected and answers; say it at each connection.
    DeviceWell { device: DeviceId },
    /// A camera was removed or disabled: nothing more will come from it.
    CameraGone { camera: CameraId },
    /// Time went by; see [`AlarmBook::next_deadline`].
    Tick,
}

/// What follows.
#[derive(Debug, Clone, Default, PartialEq)]
#[must_use]
pub struct Outcome {
    pub changed: Vec<AlarmChange>,
    /// The most important first: releases, stops, then prompts and lights.
    pub orders: Vec<OrderRequest>,
}

/// What became of an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Change {
    Updated,
    Cleared,
    Raised,
}

/// An alarm that changed, whole.
#[derive(Debug, Clone, PartialEq)]
pub struct AlarmChange {
    pub what: Change,
    pub alarm: Alarm,
    /// Set when raised from a picture: the frame to save.
    pub snapshot: Option<FrameSeq>,
}

/// Every alarm that is not over, and the latest that are.
#[derive(Debug, Default)]
pub struct AlarmBook {
    entries: BTreeMap<AlarmId, Entry>,
    /// The latest alarm of each camera.
    latest: HashMap<CameraId, AlarmId>,
    /// Devices not well, each with the alarm that says so.
    troubles: HashMap<DeviceId, AlarmId>,
    modes: HashMap<DeviceId, LiftMode>,
}

/// What one step gathers.
#[derive(Default)]
struct Gathered {
    changed: Vec<(AlarmId, Change, Option<FrameSeq>)>,
    orders: Vec<OrderRequest>,
}

impl Gathered {
    fn change(&mut self, alarm: AlarmId, what: Change, snapshot: Option<FrameSeq>) {
        if let Some(known) = self.changed.iter_mut().find(|(id, ..)| *id == alarm) {
            known.1 = known.1.max(what);
            known.2 = known.2.or(snapshot);
        } else {
            self.changed.push((alarm, what, snapshot));
        }
    }

    fn order(&mut self, device: DeviceId, alarm: AlarmId, verb: Verb, expires_in: Duration) {
        self.orders.push(OrderRequest { device, alarm: Some(alarm), verb, expires_in });
    }
}

impl AlarmBook {
    /// After a restart: the alarms that were not closed come back. Their stays are unknown, so they are
    /// cleared; their lifts went free by themselves when the leases ran out.
    pub fn restore(open: Vec<Alarm>, now: Now) -> (Self, Outcome) {
        let mut book = Self::default();
        let mut out = Gathered::default();
        for alarm in open {
            let id = alarm.id;
            let was_live = alarm.cleared_at.is_none();
            let mut entry = Entry::restored(alarm, now);
            if entry.alarm.kind == AlarmKind::DeviceTrouble {
                if let Some(device) = entry.alarm.device.filter(|_| was_live) {
                    book.troubles.insert(device, id);
                }
            } else if was_live {
                if matches!(entry.alarm.lift, LiftState::Ordered | LiftState::Accepted | LiftState::Holding) {
                    entry.alarm.lift = LiftState::Expired;
                    entry.note("expired", None, "the server restarted: its last lease ran out by itself", now);
                }
                entry.clear("the server restarted and knows nothing of the stay", now);
                out.change(id, Change::Cleared, None);
                if let Some(camera) = entry.alarm.camera {
                    book.latest.insert(camera, id);
                }
            }
            book.entries.insert(id, entry);
        }
        let outcome = book.finish(out, now);
        (book, outcome)
    }

    /// Takes back an alarm from the store that is no longer at hand, so that a person can act on it. Call it
    /// when [`AlarmBook::act`] says [`ActError::Unknown`] and the store knows the alarm, then act again.
    pub fn adopt(&mut self, alarm: Alarm, now: Now) {
        self.entries.entry(alarm.id).or_insert_with(|| Entry::restored(alarm, now));
    }

    /// An alarm at hand.
    pub fn alarm(&self, alarm: AlarmId) -> Option<&Alarm> {
        self.entries.get(&alarm).map(|entry| &entry.alarm)
    }

    /// Takes in what happened. A first order goes out in the very step that confirms the finding.
    pub fn step(&mut self, input: Input, now: Now) -> Outcome {
        let mut out = Gathered::default();
        match input {
            Input::Found { finding, plan } => self.found(&finding, plan, now, &mut out),
            Input::Order(news) => self.news(news, now, &mut out),
            Input::LiftMode { device, mode } => self.mode(device, mode, now, &mut out),
            Input::DeviceTrouble { device, what } => self.trouble(device.id, &what, now, &mut out),
            Input::DeviceWell { device } => self.well(device, "the device is well again", now, &mut out),
            Input::CameraGone { camera } => {
                if let Some(&id) = self.latest.get(&camera) {
                    self.clear(id, "the camera was removed or disabled", now, &mut out);
                }
            }
            Input::Tick => {}
        }
        self.advance(now, &mut out);
        self.finish(out, now)
    }

    /// Takes in what a person does.
    ///
    /// # Errors
    /// The alarm is not at hand (see [`AlarmBook::adopt`]), or is in that state or closed already.
    pub fn act(
        &mut self,
        alarm: AlarmId,
        act: Act,
        by: &str,
        note: Option<String>,
        now: Now,
    ) -> Result<Outcome, ActError> {
        let entry = self.entries.get_mut(&alarm).ok_or(ActError::Unknown)?;
        let (state, step) = match act {
            Act::Acknowledge => (AlarmState::Acknowledged, "acknowledged"),
            Act::Resolve => (AlarmState::Resolved, "resolved"),
            Act::FalseAlarm => (AlarmState::FalseAlarm, "false_alarm"),
        };
        if entry.alarm.state.is_closed() || entry.alarm.state == state {
            return Err(ActError::Already { state: entry.alarm.state, by: entry.alarm.actor.clone() });
        }
        entry.alarm.state = state;
        entry.alarm.actor = Some(by.to_owned());
        entry.note_always(
            step,
            None,
            &note.as_ref().map_or_else(|| by.to_owned(), |note| format!("{by}: {note}")),
            now,
        );
        entry.alarm.note = note.or(entry.alarm.note.take());
        let mut out = Gathered::default();
        out.change(alarm, Change::Updated, None);
        if state.is_closed() {
            self.give_up(alarm, &format!("{step} by {by}"), now, &mut out);
        }
        self.advance(now, &mut out);
        Ok(self.finish(out, now))
    }

    /// Notes that a step of the escalation list was taken; nothing when it was already, or the alarm is not at hand
    /// (see [`AlarmBook::adopt`]).
    pub fn escalate(&mut self, alarm: AlarmId, step: LadderStep, now: Now) -> Outcome {
        let mut out = Gathered::default();
        if let Some(entry) = self.entries.get_mut(&alarm)
            && !entry.alarm.escalations.iter().any(|taken| taken.step == step)
        {
            entry.note_always("escalated", None, &step.text, now);
            entry.alarm.escalations.push(Escalation { at: now.wall, step });
            out.change(alarm, Change::Updated, None);
        }
        self.finish(out, now)
    }

    /// Releases every held lift: the server is about to stop.
    pub fn shut_down(&mut self, now: Now) -> Outcome {
        let mut out = Gathered::default();
        for (&id, entry) in &mut self.entries {
            for index in 0..entry.lifts.len() {
                release(id, entry, index, "the server is shutting down", now, &mut out);
            }
            entry.barred = true;
        }
        self.finish(out, now)
    }

    /// When [`Input::Tick`] is wanted at the latest.
    pub fn next_deadline(&self) -> Option<Mono> {
        self.entries.values().filter_map(Entry::deadline).min()
    }

    fn found(&mut self, finding: &Finding, plan: Arc<Plan>, now: Now, out: &mut Gathered) {
        match &finding.kind {
            FindingKind::Confirmed(sighting) => self.confirmed(finding, sighting, plan, now, out),
            FindingKind::Present(sighting) => {
                if let Some(&id) = self.latest.get(&finding.camera)
                    && let Some(entry) = self.entries.get_mut(&id)
                    && let Some(shown) = &mut entry.shown
                {
                    *shown = (*shown).max(finding.stamps.captured);
                    self.replan(finding.camera, plan, now, out);
                    self.take_certainty(id, sighting, now, out);
                }
            }
            FindingKind::Cleared { .. } => {
                if let Some(&id) = self.latest.get(&finding.camera) {
                    self.clear(id, "nothing of it was seen any more", now, out);
                }
            }
            FindingKind::Suspected | FindingKind::Calm | FindingKind::Face(_) => {}
        }
    }

    fn confirmed(&mut self, finding: &Finding, sighting: &Sighting, plan: Arc<Plan>, now: Now, out: &mut Gathered) {
        let stamps = finding.stamps;
        let known = self.latest.get(&finding.camera).copied();
        if let Some((id, entry)) = known.and_then(|id| self.entries.get_mut(&id).map(|entry| (id, entry))) {
            let goes_on = match entry.cleared {
                None => true,
                Some(cleared) => now.mono.since(cleared) <= plan.response.cooldown,
            };
            if goes_on {
                let returned = entry.shown.is_none();
                entry.shown = Some(entry.shown.unwrap_or_default().max(stamps.captured));
                if !returned {
                    self.replan(finding.camera, plan, now, out);
                    self.take_certainty(id, sighting, now, out);
                    return;
                }
                entry.cleared = None;
                entry.alarm.cleared_at = None;
                entry.certain = sighting.certain;
                entry.note("returned", None, "seen again within the cooldown: the same alarm goes on", now);
                out.change(id, Change::Updated, None);
                self.replan(finding.camera, plan, now, out);
                self.say_unsure(id, now);
                if self.entries.get(&id).is_some_and(|entry| !entry.alarm.state.is_closed()) {
                    self.warn(id, now, out);
                }
                return;
            }
        }
        let id = AlarmId::fresh();
        let mut entry = Entry::new(
            Alarm {
                id,
                kind: AlarmKind::EbikeInLift,
                state: AlarmState::Raised,
                camera: Some(finding.camera),
                device: None,
                sighting: Some(AlarmSighting {
                    track: sighting.track,
                    label: sighting.label.clone(),
                    score: sighting.score,
                    rect: sighting.rect,
                }),
                raised_at: now.wall,
                cleared_at: None,
                lift: LiftState::None,
                escalated: false,
                escalations: Vec::new(),
                note: None,
                actor: None,
                timeline: Vec::new(),
            },
            Some(plan.clone()),
        );
        let frame = format!("frame {}", finding.seq.0);
        for (name, at) in [("captured", stamps.captured), ("decoded", stamps.decoded), ("inferred", stamps.inferred)] {
            entry.alarm.timeline.push(Step { at: now.wall_of(at), name, device: None, detail: frame.clone() });
        }
        let detail = format!("{} at {:.2}, track {}", sighting.label, sighting.score, sighting.track.0);
        entry.note("confirmed", None, &detail, now);
        entry.shown = Some(stamps.captured);
        entry.certain = sighting.certain;
        self.entries.insert(id, entry);
        self.latest.insert(finding.camera, id);
        out.change(id, Change::Raised, Some(finding.seq));
        self.replan(finding.camera, plan, now, out);
        self.say_unsure(id, now);
        // The lift before all else; `advance` would order it too.
        self.hold_lifts(id, now, out);
        self.warn(id, now, out);
    }

    /// Notes that what raised an alarm, or brought it back, holds no lift yet, where there is one to hold.
    fn say_unsure(&mut self, id: AlarmId, now: Now) {
        if let Some(entry) = self.entries.get_mut(&id).filter(|entry| !entry.certain && entry.can_hold()) {
            entry.note("unsure", None, UNSURE, now);
        }
    }

    /// Takes in whether what is seen is sure enough to hold a lift; what was held before is let go as its lease ends.
    fn take_certainty(&mut self, id: AlarmId, sighting: &Sighting, now: Now, out: &mut Gathered) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        if std::mem::replace(&mut entry.certain, sighting.certain) == sighting.certain || !entry.can_hold() {
            return;
        }
        if sighting.certain {
            let detail = format!("sure enough to hold the lift: {} at {:.2}", sighting.label, sighting.score);
            entry.note("certain", None, &detail, now);
        } else {
            entry.note("unsure", None, UNSURE, now);
        }
        out.change(id, Change::Updated, None);
    }

    /// Orders the voice prompt and the lights.
    fn warn(&mut self, id: AlarmId, now: Now, out: &mut Gathered) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        let Some(plan) = entry.plan.clone() else { return };
        for device in &plan.devices {
            let verb = match device.kind {
                DeviceKind::Voice => plan.response.voice.as_ref().map(|voice| Verb::VoicePlay {
                    text: voice.text.clone(),
                    lang: voice.lang.clone(),
                    repeat: voice.repeat,
                }),
                DeviceKind::Light => {
                    Some(plan.response.light_s).filter(|&s| s > 0).map(|seconds| Verb::LightFlash { seconds })
                }
                DeviceKind::Lift | DeviceKind::Gate => None,
            };
            if let Some(verb) = verb {
                let what = if device.kind == DeviceKind::Voice { "voice prompt" } else { "light" };
                entry.note("ordered", Some(device.id), what, now);
                out.order(device.id, id, verb, PROMPT_WORTH);
            }
        }
    }

    /// Takes over what the camera's alarms lead to now: lifts come and go, kinds change, while it runs.
    fn replan(&mut self, camera: CameraId, plan: Arc<Plan>, now: Now, out: &mut Gathered) {
        let Some(&id) = self.latest.get(&camera) else { return };
        let Some(entry) = self.entries.get_mut(&id) else { return };
        if entry.plan.as_ref().is_some_and(|known| Arc::ptr_eq(known, &plan)) && !entry.lifts.is_empty() {
            return;
        }
        let may_hold = |device: &DeviceRef| {
            plan.response.hold.is_some() && device.kind == DeviceKind::Lift && device.control == Control::Controlled
        };
        for index in 0..entry.lifts.len() {
            let device = entry.lifts[index].device.id;
            let kept = plan.devices.iter().any(|d| d.id == device && may_hold(d));
            if !kept {
                release(id, entry, index, "the camera no longer controls this lift", now, out);
            }
            if !kept && !entry.lifts[index].barred {
                entry.lifts[index].barred = true;
            }
        }
        for device in plan.devices.iter().filter(|device| may_hold(device)) {
            if !entry.lifts.iter().any(|lift| lift.device.id == device.id) {
                entry.lifts.push(LiftHold::new(*device, entry.used_before));
            }
        }
        entry.plan = Some(plan);
    }

    /// Orders the stops and renewals that are due for one alarm.
    fn hold_lifts(&mut self, id: AlarmId, now: Now, out: &mut Gathered) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        let Some(hold) = entry.hold() else { return };
        if !entry.wants_lift(&hold, now.mono) {
            return;
        }
        let mut troubles = Vec::new();
        for index in 0..entry.lifts.len() {
            let lift = &mut entry.lifts[index];
            let device = lift.device.id;
            let mode = self.modes.get(&device).copied().unwrap_or_default();
            match lift.stop(&hold, mode, now.mono) {
                Stop::Order { lease, expires_in, first } => {
                    out.order(device, id, Verb::LiftStop { lease }, expires_in);
                    if first {
                        entry.note("ordered", Some(device), "stay at the landing, doors open", now);
                        out.change(id, Change::Updated, None);
                    }
                }
                Stop::Mode(mode) => {
                    if lift.refuse() {
                        let detail = format!("not ordered: the lift's mode is {}", mode_name(mode));
                        entry.note("refused", Some(device), &detail, now);
                        out.change(id, Change::Updated, None);
                        troubles.push((device, detail));
                    }
                }
                Stop::NotDue => {}
            }
        }
        for (device, what) in troubles {
            self.trouble(device, &what, now, out);
        }
    }

    /// The cap is reached: release, call a person, no automatic stop for this alarm again.
    fn cap(&mut self, id: AlarmId, now: Now, out: &mut Gathered) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        if std::mem::replace(&mut entry.alarm.escalated, true) {
            return;
        }
        let cap = entry.hold().map_or(0, |hold| hold.cap.as_secs());
        entry.note_always("capped", None, &format!("the {cap} s that this alarm may stop a lift are used up"), now);
        entry.note_always("escalated", None, "a person is needed; no automatic stop for this alarm any more", now);
        out.change(id, Change::Updated, None);
        self.give_up(id, "the longest stop time is reached", now, out);
    }

    /// Releases an alarm's lifts for good, and for every other alarm that holds them.
    fn give_up(&mut self, id: AlarmId, why: &str, now: Now, out: &mut Gathered) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        entry.barred = true;
        let lifts: BTreeSet<DeviceId> = entry.lifts.iter().map(|lift| lift.device.id).collect();
        for index in 0..entry.lifts.len() {
            release(id, entry, index, why, now, out);
        }
        for (&other, entry) in self.entries.iter_mut().filter(|(other, _)| **other != id) {
            for index in 0..entry.lifts.len() {
                if lifts.contains(&entry.lifts[index].device.id) && entry.lifts[index].may_hold() {
                    entry.lifts[index].barred = true;
                    release(other, entry, index, "released for another alarm of the same lift", now, out);
                }
            }
        }
    }

    fn clear(&mut self, id: AlarmId, why: &str, now: Now, out: &mut Gathered) {
        let held_elsewhere: BTreeSet<DeviceId> = self
            .entries
            .iter()
            .filter(|(other, entry)| **other != id && entry.shown.is_some())
            .flat_map(|(_, entry)| entry.lifts.iter().filter(|lift| lift.is_active()).map(|lift| lift.device.id))
            .collect();
        let Some(entry) = self.entries.get_mut(&id).filter(|entry| entry.shown.is_some()) else { return };
        for index in 0..entry.lifts.len() {
            if held_elsewhere.contains(&entry.lifts[index].device.id) {
                continue;
            }
            release(id, entry, index, why, now, out);
        }
        entry.clear(why, now);
        out.change(id, Change::Cleared, None);
    }

    fn mode(&mut self, device: DeviceId, mode: LiftMode, now: Now, out: &mut Gathered) {
        self.modes.insert(device, mode);
        if mode == LiftMode::Normal {
            self.well(device, "the lift is in normal mode again", now, out);
            return;
        }
        let why = format!("the lift's mode became {}", mode_name(mode));
        for (&id, entry) in &mut self.entries {
            for index in 0..entry.lifts.len() {
                if entry.lifts[index].device.id == device {
                    release(id, entry, index, &why, now, out);
                }
            }
        }
    }

    fn news(&mut self, news: OrderNews, now: Now, out: &mut Gathered) {
        let device = news.device.id;
        let (name, fails) = match news.state {
            OrderState::Sent => ("sent", false),
            OrderState::Accepted => ("accepted", false),
            OrderState::Holding => ("holding", false),
            OrderState::Released => ("released", false),
            OrderState::Done => ("done", false),
            OrderState::Expired => ("expired", false),
            OrderState::Refused => ("refused", true),
            OrderState::TimedOut => ("timed_out", true),
            OrderState::Offline => ("offline", true),
        };
        let cause = news.cause.unwrap_or_default();
        if let Some(entry) = self.entries.get_mut(&news.alarm) {
            let retry = entry.hold().map_or(Duration::ZERO, |hold| hold.lease);
            let is_new = match entry.lifts.iter_mut().find(|lift| lift.device.id == device) {
                None => true,
                Some(lift) if news.state == OrderState::Released => lift.released(retry, now.mono),
                Some(lift) if news.verb == "lift.stop" => lift.stop_news(news.state, retry, now.mono),
                // Of a release only its end and its failures matter.
                Some(_) => fails,
            };
            if is_new {
                let detail = if cause.is_empty() { news.verb.to_owned() } else { format!("{}: {cause}", news.verb) };
                entry.note(name, Some(device), &detail, now);
                out.change(news.alarm, Change::Updated, None);
            }
        }
        if fails {
            let cause = if cause.is_empty() { String::new() } else { format!(": {cause}") };
            self.trouble(device, &format!("{} {}{cause}", news.verb, name.replace('_', " ")), now, out);
        } else if matches!(news.state, OrderState::Accepted | OrderState::Holding | OrderState::Done) {
            let outranked = self.modes.get(&device).is_some_and(|&mode| mode != LiftMode::Normal);
            if !outranked {
                self.well(device, "the device does as asked again", now, out);
            }
        }
    }

    /// Raises the device's alarm, once until it is well again.
    fn trouble(&mut self, device: DeviceId, what: &str, now: Now, out: &mut Gathered) {
        if self.troubles.contains_key(&device) {
            return;
        }
        let id = AlarmId::fresh();
        let mut entry = Entry::new(
            Alarm {
                id,
                kind: AlarmKind::DeviceTrouble,
                state: AlarmState::Raised,
                camera: None,
                device: Some(device),
                sighting: None,
                raised_at: now.wall,
                cleared_at: None,
                lift: LiftState::None,
                escalated: false,
                escalations: Vec::new(),
                note: None,
                actor: None,
                timeline: Vec::new(),
            },
            None,
        );
        entry.note("trouble", Some(device), what, now);
        self.entries.insert(id, entry);
        self.troubles.insert(device, id);
        out.change(id, Change::Raised, None);
    }

    fn well(&mut self, device: DeviceId, why: &str, now: Now, out: &mut Gathered) {
        let Some(id) = self.troubles.remove(&device) else { return };
        let Some(entry) = self.entries.get_mut(&id) else { return };
        entry.clear(why, now);
        if !entry.alarm.state.is_closed() {
            entry.alarm.state = AlarmState::Resolved;
            entry.alarm.actor = None;
        }
        out.change(id, Change::Cleared, None);
    }

    /// Lets time do its work: leases run out, caps are reached, renewals fall due.
    fn advance(&mut self, now: Now, out: &mut Gathered) {
        let live: Vec<AlarmId> = self.entries.iter().filter(|(_, entry)| entry.is_live()).map(|(&id, _)| id).collect();
        for id in live {
            let Some(entry) = self.entries.get_mut(&id) else { continue };
            if entry.is_capped(now.mono) {
                self.cap(id, now, out);
            }
            let Some(entry) = self.entries.get_mut(&id) else { continue };
            for index in 0..entry.lifts.len() {
                let device = entry.lifts[index].device.id;
                if let Some(ended) = entry.lifts[index].settle(now.mono)
                    && ended.by_clock
                {
                    let detail = format!(
                        "no word from the lift: its last lease is over after {} s and {} renewals",
                        ended.held.as_secs(),
                        ended.renewals
                    );
                    entry.note("expired", Some(device), &detail, now);
                    out.change(id, Change::Updated, None);
                }
            }
            if entry.is_capped(now.mono) {
                self.cap(id, now, out);
            }
            self.hold_lifts(id, now, out);
        }
    }

    fn finish(&mut self, mut out: Gathered, now: Now) -> Outcome {
        out.orders.sort_by_key(|order| match order.verb {
            Verb::LiftRelease => 0,
            Verb::LiftStop { .. } => 1,
            Verb::GateOpen { .. } | Verb::GateDeny { .. } => 2,
            Verb::VoicePlay { .. } => 3,
            Verb::LightFlash { .. } => 4,
        });
        let mut changed = Vec::with_capacity(out.changed.len());
        for (id, what, snapshot) in out.changed {
            if let Some(entry) = self.entries.get_mut(&id) {
                if !entry.lifts.is_empty() {
                    entry.alarm.lift = lift_state(&entry.lifts);
                }
                changed.push(AlarmChange { what, alarm: entry.alarm.clone(), snapshot });
            }
        }
        self.forget(now);
        Outcome { changed, orders: out.orders }
    }

    /// Keeps the number of alarms at hand bounded: those over the longest go first.
    fn forget(&mut self, now: Now) {
        if self.entries.len() <= IDLE_KEPT {
            return;
        }
        let over: Vec<AlarmId> =
            self.entries.iter().filter(|(_, entry)| entry.is_over(now.mono)).map(|(&id, _)| id).collect();
        for id in over.iter().take(self.entries.len() - IDLE_KEPT) {
            self.entries.remove(id);
        }
        self.latest.retain(|_, id| self.entries.contains_key(id));
    }
}

/// Orders a lift's release if it may be held.
fn release(id: AlarmId, entry: &mut Entry, index: usize, why: &str, now: Now, out: &mut Gathered) {
    let Some(lift) = entry.lifts.get_mut(index) else { return };
    let device = lift.device.id;
    let (renewals, held) = lift.progress(now.mono);
    if lift.release(now.mono) {
        out.order(device, id, Verb::LiftRelease, PROMPT_WORTH);
        let detail = format!("{why} (after {:.1} s, {renewals} renewals)", held.as_secs_f32());
        entry.note_always("releasing", Some(device), &detail, now);
        out.change(id, Change::Updated, None);
    }
}

const fn mode_name(mode: LiftMode) -> &'static str {
    match mode {
        LiftMode::Normal => "normal",
        LiftMode::Fire => "fire",
        LiftMode::Evacuation => "evacuation",
        LiftMode::Inspection => "inspection",
        LiftMode::Earthquake => "earthquake",
        LiftMode::EmergencyPower => "emergency power",
        LiftMode::Independent => "independent",
        LiftMode::Unknown => "unknown (is it connected?)",
    }
}

#[cfg(test)]
mod tests;
