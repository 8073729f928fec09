//! The desk: one task that turns findings, devices' words, people's acts and ticks into orders and records.
//! Everything that is decided comes from [`AlarmBook`] and [`OrderBook`]; here they are joined and given I/O.
//! Not here: how sockets are written (`device::link`), how records are committed ([`super::writer`]).
//!
//! Orders leave before anything is handed to the writer, and the desk never waits for it: what must be kept
//! piles up in a [`Backlog`] that the writer takes whole whenever it is free.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, MissedTickBehavior, interval, timeout_at},
};
use tracing::{info, warn};

use super::{
    board::Board,
    clips::Clips,
    control::{ControlError, DeviceStatus},
    lane::LaneOutput,
    news,
    writer::{Backlog, Settled},
};
use crate::{
    alarm::{
        Act, ActError, Alarm, AlarmKind, OrderNews, Plan,
        book::{AlarmBook, AlarmChange, Change, Input, Outcome},
        escalation::LadderStep,
    },
    base::{AlarmId, CameraId, DeviceId, FrameSeq, Mono, Now, OrderKey, clock},
    camera::{Phase, PhaseReport},
    device::{DeviceKind, DeviceRef, DownReason, LiftMode, LinkEvent, Links, OrderBook, OrderChange, OrderState, Verb},
    frame::Frame,
    media,
    rule::{Finding, FindingKind},
    store::{Named, Write},
    telemetry,
};

/// How often leases, time-outs and clear delays are looked at.
const TICK: Duration = Duration::from_millis(100);
/// A device that is registered and needed but has not connected for this long is in trouble.
const FIRST_CONTACT: Duration = Duration::from_secs(30);
/// How long shutting down waits for held lifts to answer their release.
const RELEASE_WAIT: Duration = Duration::from_secs(2);

/// What the desk is asked from outside the frame path.
pub(super) enum Command {
    /// A person's act on an alarm as the store knows it; answered when it is durable.
    Act {
        alarm: Box<Alarm>,
        act: Act,
        by: String,
        note: Option<String>,
        reply: oneshot::Sender<Result<Alarm, ControlError>>,
    },
    /// An open alarm, as the store knows it, waited too long: this step of its site's list is due.
    Escalate { alarm: Box<Alarm>, step: LadderStep },
    /// What a camera's findings lead to from now on; `None`: the camera is gone.
    Plan { camera: CameraId, plan: Option<Arc<Plan>> },
    /// A device is registered or changed (`Some`) or removed.
    Device { device: DeviceId, known: Option<DeviceRef> },
    /// The token that opened a device's connection is no longer good.
    Cut { device: DeviceId },
    /// A camera's phase changed.
    Phase(PhaseReport),
    /// An alarm's picture is on disk.
    SnapshotKept { alarm: AlarmId, camera: CameraId },
    /// An alarm's clip is on disk.
    ClipKept { alarm: AlarmId, camera: CameraId },
    /// Release every held lift, wait shortly for their answers, settle the backlog, end.
    ShutDown,
}

/// The ends of the desk's channels.
pub(super) struct Inbox {
    pub commands: mpsc::Receiver<Command>,
    pub links: mpsc::Receiver<LinkEvent>,
    pub findings: mpsc::Receiver<LaneOutput>,
}

struct Known {
    device: DeviceRef,
    online: bool,
    /// When its silence becomes trouble, while it has not connected.
    expected_by: Mono,
}

/// The desk's state. See the module.
pub(super) struct Desk {
    alarms: AlarmBook,
    orders: OrderBook,
    links: Links,
    board: Arc<Board>,
    media_dir: PathBuf,
    clips: Clips,
    own_commands: mpsc::WeakSender<Command>,
    plans: HashMap<CameraId, Arc<Plan>>,
    known: HashMap<DeviceId, Known>,
    backlog: Backlog,
    /// Capture time of each open alarm's confirming frame, until a lift has accepted its first stop.
    captured: HashMap<AlarmId, Mono>,
    /// The first stop of each open alarm and lift: later ones are renewals, and not told to watchers each second.
    first_stops: HashMap<(AlarmId, DeviceId), OrderKey>,
    /// Releases whose end is not known yet: what shutting down waits for.
    releases: HashSet<OrderKey>,
}

impl Desk {
    /// A desk over the alarms that were open when the server last ran.
    pub(super) fn new(
        alarms: (AlarmBook, Outcome),
        orders: OrderBook,
        links: Links,
        board: Arc<Board>,
        media_dir: PathBuf,
        clips: Clips,
        own_commands: mpsc::WeakSender<Command>,
    ) -> Self {
        let (alarms, restored) = alarms;
        let mut desk = Self {
            alarms,
            orders,
            links,
            board,
            media_dir,
            clips,
            own_commands,
            plans: HashMap::new(),
            known: HashMap::new(),
            backlog: Backlog::default(),
            captured: HashMap::new(),
            first_stops: HashMap::new(),
            releases: HashSet::new(),
        };
        desk.apply(restored, None, clock::now());
        desk
    }

    /// Works until told to shut down or all senders are gone.
    pub(super) async fn run(mut self, mut inbox: Inbox, writer: mpsc::Sender<Backlog>) {
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                _ = tick.tick() => self.tick(clock::now()),
                Some(event) = inbox.links.recv() => self.link(event, clock::now()),
                command = inbox.commands.recv() => match command {
                    None | Some(Command::ShutDown) => break,
                    Some(command) => self.command(command, clock::now()),
                },
                Some(output) = inbox.findings.recv() => self.finding(output, clock::now()),
                permit = writer.reserve(), if !self.backlog.is_empty() => match permit {
                    Ok(permit) => permit.send(std::mem::take(&mut self.backlog)),
                    Err(_) => break,
                },
            }
        }
        self.shut_down(inbox, writer).await;
    }

    async fn shut_down(mut self, mut inbox: Inbox, writer: mpsc::Sender<Backlog>) {
        // What the lane had concluded before it ended still counts.
        while let Ok(output) = inbox.findings.try_recv() {
            self.finding(output, clock::now());
        }
        let now = clock::now();
        let outcome = self.alarms.shut_down(now);
        self.apply(outcome, None, now);
        let deadline = Instant::now() + RELEASE_WAIT;
        while !self.releases.is_empty() {
            match timeout_at(deadline, inbox.links.recv()).await {
                Ok(Some(event)) => self.link(event, clock::now()),
                Ok(None) | Err(_) => break,
            }
        }
        // The writer ends after this batch, since nothing holds its channel any more.
        let _ = writer.send(self.backlog).await;
    }

    fn tick(&mut self, now: Now) {
        let changes = self.orders.tick(now);
        self.order_changes(changes, now);
        let outcome = self.alarms.step(Input::Tick, now);
        self.apply(outcome, None, now);
        let silent: Vec<DeviceRef> = self
            .known
            .values()
            .filter(|k| !k.online && now.mono >= k.expected_by && self.is_needed(k.device.id))
            .map(|k| k.device)
            .collect();
        for device in silent {
            if let Some(known) = self.known.get_mut(&device.id) {
                known.expected_by = Mono(u64::MAX);
            }
            let what = format!("has not connected within {} s", FIRST_CONTACT.as_secs());
            let outcome = self.alarms.step(Input::DeviceTrouble { device, what }, now);
            self.apply(outcome, None, now);
        }
    }

    fn is_needed(&self, device: DeviceId) -> bool {
        self.plans.values().any(|plan| plan.devices.iter().any(|d| d.id == device))
    }

    fn finding(&mut self, output: LaneOutput, now: Now) {
        let LaneOutput { finding, frame } = output;
        let camera = finding.camera;
        match &finding.kind {
            FindingKind::Confirmed(sighting) => {
                telemetry::stage("frame_to_confirmed", now.mono.since(finding.stamps.captured));
                info!(%camera, seq = finding.seq.0, label = %sighting.label, score = sighting.score, "confirmed");
            }
            FindingKind::Face(sighting) => {
                self.backlog.push(Write::Event(news::face(&finding, sighting, now)));
                return;
            }
            _ => {}
        }
        let Some(plan) = self.plans.get(&camera).cloned() else {
            warn!(%camera, seq = finding.seq.0, "a finding of a camera that is gone");
            return;
        };
        let outcome = self.alarms.step(Input::Found { finding: finding.clone(), plan }, now);
        self.apply(outcome, frame.as_ref().map(|frame| (&finding, frame)), now);
    }

    fn link(&mut self, event: LinkEvent, now: Now) {
        match event {
            LinkEvent::Up { device, hello } => {
                telemetry::device_up(device, true);
                if let Some(known) = self.known.get_mut(&device) {
                    known.online = true;
                }
                let status = self.board.device_up(device, &hello, now.wall);
                self.device_event(&status, "connected", now);
                self.lift_mode(device, hello.mode, now);
                let outcome = self.alarms.step(Input::DeviceWell { device }, now);
                self.apply(outcome, None, now);
            }
            LinkEvent::Down { device, reason } => {
                telemetry::device_up(device, false);
                let status = self.board.device_down(device, now.wall);
                self.device_event(&status, &reason.to_string(), now);
                let changes = self.orders.link_down(device, now);
                self.order_changes(changes, now);
                let Some(known) = self.known.get_mut(&device) else { return };
                known.online = false;
                known.expected_by = Mono(u64::MAX);
                let device = known.device;
                // A newer connection took over, or we ended it ourselves: that is no trouble of the device.
                let its_own =
                    !matches!(reason, DownReason::Replaced | DownReason::Disconnected | DownReason::ShuttingDown);
                if its_own && self.is_needed(device.id) {
                    let what = format!("went offline: {reason}");
                    let outcome = self.alarms.step(Input::DeviceTrouble { device, what }, now);
                    self.apply(outcome, None, now);
                }
            }
            LinkEvent::State { device, status } => {
                let shown = self.board.device_state(device, &status, now.wall);
                self.device_event(&shown, "state", now);
                self.lift_mode(device, status.mode, now);
            }
            LinkEvent::Order { device, report } => {
                let changes = self.orders.heard(device, report, now);
                self.order_changes(changes, now);
            }
            LinkEvent::Reading { device, reading } => {
                self.backlog.push(Write::Event(news::reading(device, &reading, now)));
            }
        }
    }

    /// Tells the alarms a lift's mode; other devices have none.
    fn lift_mode(&mut self, device: DeviceId, mode: Option<LiftMode>, now: Now) {
        let is_lift = self.known.get(&device).is_some_and(|k| k.device.kind == DeviceKind::Lift);
        if let (true, Some(mode)) = (is_lift, mode) {
            let outcome = self.alarms.step(Input::LiftMode { device, mode }, now);
            self.apply(outcome, None, now);
        }
    }

    fn device_event(&mut self, status: &DeviceStatus, cause: &str, now: Now) {
        self.backlog.push(Write::Event(news::device(status, cause, now)));
    }

    fn command(&mut self, command: Command, now: Now) {
        match command {
            Command::Act { alarm, act, by, note, reply } => self.act(*alarm, act, &by, note.as_deref(), reply, now),
            Command::Escalate { alarm, step } => self.escalate(*alarm, &step, now),
            Command::Plan { camera, plan: Some(plan) } => {
                self.plans.insert(camera, plan);
            }
            Command::Plan { camera, plan: None } => {
                self.plans.remove(&camera);
                let outcome = self.alarms.step(Input::CameraGone { camera }, now);
                self.apply(outcome, None, now);
            }
            Command::Device { device, known: Some(reference) } => {
                let entry = self.known.entry(device).or_insert(Known {
                    device: reference,
                    online: false,
                    expected_by: now.mono + FIRST_CONTACT,
                });
                // A connection keeps the registration that it began with: it must begin again.
                if entry.device != reference {
                    self.links.disconnect(device);
                }
                entry.device = reference;
            }
            Command::Device { device, known: None } => {
                self.known.remove(&device);
                self.links.disconnect(device);
                self.board.device_forgotten(device);
                // Its trouble is nobody's any more.
                let outcome = self.alarms.step(Input::DeviceWell { device }, now);
                self.apply(outcome, None, now);
            }
            Command::Cut { device } => self.links.disconnect(device),
            Command::Phase(report) => {
                if report.phase != Phase::Live {
                    info!(camera = %report.camera, phase = report.phase.name(), reason = %report.reason, "camera");
                }
                self.backlog.push(Write::Event(news::phase(&report)));
            }
            Command::SnapshotKept { alarm, camera } => {
                self.backlog.push(Write::Event(news::snapshot(alarm, camera, now)));
            }
            Command::ClipKept { alarm, camera } => self.backlog.push(Write::Event(news::clip(alarm, camera, now))),
            Command::ShutDown => {}
        }
    }

    fn escalate(&mut self, known: Alarm, step: &LadderStep, now: Now) {
        let (alarm, camera, device) = (known.id, known.camera, known.device);
        if self.alarms.alarm(alarm).is_none() {
            self.alarms.adopt(known, now);
        }
        let outcome = self.alarms.escalate(alarm, step.clone(), now);
        if outcome.changed.is_empty() {
            return;
        }
        warn!(%alarm, when = step.when.wire(), "escalated: nobody has acted in time");
        self.backlog.push(Write::Event(news::escalated(alarm, camera, device, step, now)));
        self.apply(outcome, None, now);
    }

    fn act(
        &mut self,
        known: Alarm,
        act: Act,
        by: &str,
        note: Option<&str>,
        reply: oneshot::Sender<Result<Alarm, ControlError>>,
        now: Now,
    ) {
        let alarm = known.id;
        if self.alarms.alarm(alarm).is_none() {
            self.alarms.adopt(known, now);
        }
        match self.alarms.act(alarm, act, by, note.map(str::to_owned), now) {
            Err(refused) => {
                // The caller may be gone; then nobody wants the answer.
                let _ = reply.send(Err(refused.into()));
            }
            Ok(outcome) => {
                info!(%alarm, ?act, by, "an operator's act");
                let changed = outcome.changed.iter().find(|c| c.alarm.id == alarm).map(|c| c.alarm.clone());
                self.apply(outcome, None, now);
                self.backlog.push(news::act_audit(alarm, act, by.to_owned(), note, now));
                if let Some(changed) = changed {
                    self.backlog.answer_when_kept(Settled { alarm: changed, reply });
                } else {
                    let _ = reply.send(Err(ActError::Unknown.into()));
                }
            }
        }
    }

    /// Hands out an outcome's orders, then keeps its alarms. What the orders themselves lead to follows in turn.
    fn apply(&mut self, outcome: Outcome, seen: Option<(&Finding, &Frame)>, now: Now) {
        let mut queue = VecDeque::from([outcome]);
        while let Some(outcome) = queue.pop_front() {
            for request in outcome.orders {
                let order = self.orders.issue(request, now);
                let key = order.key;
                if order.request.verb == Verb::LiftRelease {
                    self.releases.insert(key);
                }
                let audit = news::order_audit(&order, now);
                let handed = self.links.send(order);
                self.backlog.push(audit);
                let changes = self.orders.handed(key, handed, now);
                self.order_outcomes(changes, now, &mut queue);
            }
            for change in outcome.changed {
                self.keep_alarm(change, seen, now);
            }
        }
    }

    fn order_changes(&mut self, changes: Vec<OrderChange>, now: Now) {
        let mut queue = VecDeque::new();
        self.order_outcomes(changes, now, &mut queue);
        for outcome in queue {
            self.apply(outcome, None, now);
        }
    }

    fn order_outcomes(&mut self, changes: Vec<OrderChange>, now: Now, queue: &mut VecDeque<Outcome>) {
        for change in changes {
            let request = &change.order.request;
            let verb = request.verb.name();
            telemetry::order(verb, change.state.wire());
            self.backlog.push(Write::Order(news::order_record(&change)));
            if !matches!(change.state, OrderState::Sent | OrderState::Accepted) {
                self.releases.remove(&change.order.key);
            }
            let renewal = self.is_renewal(&change);
            let is_stop = matches!(request.verb, Verb::LiftStop { .. });
            let routine = match change.state {
                OrderState::Sent | OrderState::Accepted | OrderState::Holding => renewal,
                // Its renewal took over: nothing that a watcher waits for.
                OrderState::Done => is_stop,
                _ => false,
            };
            if !routine {
                self.backlog.push(Write::Event(news::order(&change)));
            }
            let Some(alarm) = request.alarm else { continue };
            if change.state == OrderState::Accepted
                && matches!(request.verb, Verb::LiftStop { .. })
                && let Some(captured) = self.captured.remove(&alarm)
            {
                telemetry::frame_to_accepted(now.mono.since(captured));
            }
            let Some(known) = self.known.get(&request.device) else { continue };
            let news =
                OrderNews { alarm, device: known.device, verb, state: change.state, cause: change.cause.clone() };
            queue.push_back(self.alarms.step(Input::Order(news), now));
        }
    }

    /// Whether this is a stop that renews an earlier one of the same alarm and lift.
    fn is_renewal(&mut self, change: &OrderChange) -> bool {
        let request = &change.order.request;
        let (Verb::LiftStop { .. }, Some(alarm)) = (&request.verb, request.alarm) else { return false };
        *self.first_stops.entry((alarm, request.device)).or_insert(change.order.key) != change.order.key
    }

    fn keep_alarm(&mut self, change: AlarmChange, seen: Option<(&Finding, &Frame)>, now: Now) {
        let AlarmChange { what, alarm, snapshot } = change;
        if what == Change::Raised {
            telemetry::alarm(alarm.kind.wire());
            warn!(alarm = %alarm.id, kind = alarm.kind.wire(), camera = ?alarm.camera, device = ?alarm.device, "alarm raised");
            if let (AlarmKind::EbikeInLift, Some((finding, _))) = (alarm.kind, seen) {
                self.captured.insert(alarm.id, finding.stamps.captured);
            }
        }
        if let (Change::Raised, Some(camera)) = (what, alarm.camera) {
            self.clips.take(alarm.id, camera, now.mono);
        }
        if alarm.state.is_closed() || alarm.cleared_at.is_some() {
            self.captured.remove(&alarm.id);
            self.first_stops.retain(|(id, _), _| *id != alarm.id);
        }
        if let (Some(wanted), Some((finding, frame))) = (snapshot, seen) {
            self.take_snapshot(&alarm, wanted, finding, frame);
        }
        self.backlog.push(Write::Event(news::alarm(what, &alarm, now)));
        self.backlog.push_alarm(alarm);
    }

    /// Writes the alarm's picture, as the camera saw it, on a blocking thread; `alarm.snapshot` follows when it is on disk.
    fn take_snapshot(&self, alarm: &Alarm, wanted: FrameSeq, finding: &Finding, frame: &Frame) {
        if !matches!(finding.kind, FindingKind::Confirmed(_) | FindingKind::Present(_)) {
            return;
        }
        if frame.seq != wanted {
            warn!(alarm = %alarm.id, "the frame of the alarm's picture is gone");
            return;
        }
        let (pixels, id, camera) = (frame.pixels.clone(), alarm.id, frame.camera);
        let (path, commands) = (media::alarm_picture(&self.media_dir, id), self.own_commands.clone());
        tokio::task::spawn_blocking(move || {
            let kept = media::snapshot(&pixels, &[])
                .map_err(|e| e.to_string())
                .and_then(|jpeg| media::keep(&path, &jpeg).map_err(|e| e.to_string()));
            match (kept, commands.upgrade()) {
                // The desk is gone when the server ends: the picture is on disk all the same.
                (Ok(()), Some(desk)) => drop(desk.blocking_send(Command::SnapshotKept { alarm: id, camera })),
                (Ok(()), None) => {}
                (Err(error), _) => warn!(alarm = %id, %camera, error, "the alarm's picture could not be kept"),
            }
        });
    }
}
