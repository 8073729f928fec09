//! The safety rules as a state machine: whatever happens in whatever order, with lifts that take each stop at
//! the last moment, never hear a release, and news that lies.

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;

use super::*;

const CAP: Duration = Duration::from_secs(12);

#[derive(Debug, Clone)]
enum Event {
    Time(u64),
    /// A frame of camera 0 or 1, so many ms old, that shows the e-bike, surely or not; begins the stay if there is none.
    Frame(bool, u64, bool),
    Clear(bool),
    Gone(bool),
    Mode(usize, LiftMode),
    /// What may be said of any order at any time, true or not.
    News(usize, usize, bool, OrderState),
    /// The lift heard its release and says so.
    TrulyReleased(usize),
    Act(usize, Act),
    Well(usize),
    Replan(usize),
}

fn event() -> impl Strategy<Value = Event> {
    let mode = prop_oneof![
        3 => Just(LiftMode::Normal),
        1 => prop::sample::select(vec![LiftMode::Fire, LiftMode::Unknown, LiftMode::Inspection])
    ];
    let state = prop::sample::select(vec![
        OrderState::Sent,
        OrderState::Accepted,
        OrderState::Holding,
        OrderState::Done,
        OrderState::Expired,
        OrderState::Refused,
        OrderState::TimedOut,
        OrderState::Offline,
    ]);
    let act = prop::sample::select(vec![Act::Acknowledge, Act::Resolve, Act::FalseAlarm]);
    prop_oneof![
        20 => (1_u64..400).prop_map(Event::Time),
        3 => (400_u64..15_000).prop_map(Event::Time),
        30 => (any::<bool>(), prop_oneof![4 => 0_u64..300, 1 => 300_u64..3000], any::<bool>())
            .prop_map(|(camera, age, certain)| Event::Frame(camera, age, certain)),
        2 => any::<bool>().prop_map(Event::Clear),
        1 => any::<bool>().prop_map(Event::Gone),
        3 => (0_usize..3, mode).prop_map(|(d, mode)| Event::Mode(d, mode)),
        8 => (0_usize..8, 0_usize..5, any::<bool>(), state).prop_map(|(a, d, stop, s)| Event::News(a, d, stop, s)),
        3 => (0_usize..3).prop_map(Event::TrulyReleased),
        2 => (0_usize..8, act).prop_map(|(a, act)| Event::Act(a, act)),
        1 => (0_usize..5).prop_map(Event::Well),
        1 => (0_usize..3).prop_map(Event::Replan),
    ]
}

/// What the world knows, apart from the book.
struct World {
    book: AlarmBook,
    now: Now,
    plans: Vec<Arc<Plan>>,
    plan: usize,
    modes: HashMap<DeviceId, LiftMode>,
    /// Per camera: capture time of the newest frame that showed it, while its stay lasts.
    shown: HashMap<CameraId, Mono>,
    /// Cameras whose newest frame was certain.
    certain: HashSet<CameraId>,
    alarms: Vec<Alarm>,
    /// Alarms that no stop may serve any more.
    ended: HashSet<AlarmId>,
    /// Lifts' stretches of time in which an alarm's orders may hold them, at the worst.
    held: HashMap<(AlarmId, DeviceId), Vec<(Mono, Mono)>>,
    last_stop: HashMap<(AlarmId, DeviceId), Mono>,
    /// Lifts to which the newest order was a release.
    releasing: HashSet<DeviceId>,
    /// Alarms and lifts whose newest order was a release.
    let_go: HashSet<(AlarmId, DeviceId)>,
}

const DEVICES: [DeviceId; 5] = [LIFT, LIFT2, KIND_A, VOICE, LIGHT];

impl World {
    fn new() -> Self {
        let sets: [&[DeviceId]; 3] = [&[LIFT, LIFT2, KIND_A, VOICE, LIGHT], &[LIFT, KIND_A], &[LIFT2, VOICE]];
        Self {
            book: AlarmBook::default(),
            now: Now::from_ms(100_000),
            plans: sets.iter().map(|devices| plan(CAP.as_secs(), devices)).collect(),
            plan: 0,
            modes: HashMap::new(),
            shown: HashMap::new(),
            certain: HashSet::new(),
            alarms: Vec::new(),
            ended: HashSet::new(),
            held: HashMap::new(),
            last_stop: HashMap::new(),
            releasing: HashSet::new(),
            let_go: HashSet::new(),
        }
    }

    fn camera(second: bool) -> CameraId {
        if second { CAM2 } else { CAM }
    }

    fn play(&mut self, event: &Event) {
        let before: Vec<(AlarmId, DeviceId)> = self.may_hold();
        let input = match *event {
            Event::Time(ms) => {
                self.now = Now::from_ms(self.now.mono.0 / 1000 + ms);
                Input::Tick
            }
            Event::Frame(second, age, certain) => {
                let camera = Self::camera(second);
                let captured = self.now.mono - Duration::from_millis(age);
                let confirms = !self.shown.contains_key(&camera);
                let newest = self.shown.entry(camera).or_insert(captured);
                *newest = (*newest).max(captured);
                if certain {
                    self.certain.insert(camera);
                } else {
                    self.certain.remove(&camera);
                }
                Input::Found {
                    finding: finding(camera, captured, confirms, certain),
                    plan: self.plans[self.plan].clone(),
                }
            }
            Event::Clear(second) => {
                let camera = Self::camera(second);
                self.shown.remove(&camera);
                self.certain.remove(&camera);
                let kind = FindingKind::Cleared { track: TrackId(1) };
                let finding = Finding { kind, ..finding(camera, self.now.mono, false, false) };
                Input::Found { finding, plan: self.plans[self.plan].clone() }
            }
            Event::Gone(second) => {
                self.shown.remove(&Self::camera(second));
                self.certain.remove(&Self::camera(second));
                Input::CameraGone { camera: Self::camera(second) }
            }
            Event::Mode(at, mode) => {
                self.modes.insert(DEVICES[at], mode);
                Input::LiftMode { device: DEVICES[at], mode }
            }
            Event::News(alarm, at, stop, state) => {
                let Some(alarm) = self.alarms.get(alarm) else { return };
                let verb = if stop { STOP } else { RELEASE };
                Input::Order(OrderNews { alarm: alarm.id, device: device(DEVICES[at]), verb, state, cause: None })
            }
            Event::TrulyReleased(at) => {
                let lift = DEVICES[at];
                let now = self.now.mono;
                let holder =
                    self.held.iter().find(|((_, l), spans)| *l == lift && spans.last().is_some_and(|s| s.1 > now));
                let Some((&(alarm, _), _)) = holder.filter(|_| self.releasing.contains(&lift)) else { return };
                for ((_, held), spans) in &mut self.held {
                    if *held == lift {
                        for span in spans {
                            span.1 = span.1.min(now).max(span.0);
                        }
                    }
                }
                Input::Order(OrderNews {
                    alarm,
                    device: device(lift),
                    verb: RELEASE,
                    state: OrderState::Released,
                    cause: None,
                })
            }
            Event::Act(at, act) => {
                let Some(alarm) = self.alarms.get(at).map(|alarm| alarm.id) else { return };
                if let Ok(outcome) = self.book.act(alarm, act, "li", None, self.now) {
                    if act != Act::Acknowledge {
                        self.ended.insert(alarm);
                    }
                    self.check(&outcome);
                    if act != Act::Acknowledge {
                        Self::released_now(&outcome, &before, |(a, _)| *a == alarm);
                    }
                }
                return;
            }
            Event::Well(at) => Input::DeviceWell { device: DEVICES[at] },
            Event::Replan(at) => {
                self.plan = at;
                return;
            }
        };
        let outcome = self.book.step(input, self.now);
        self.check(&outcome);
        if let Event::Mode(at, mode) = *event
            && mode != LiftMode::Normal
        {
            Self::released_now(&outcome, &before, |(_, lift)| *lift == DEVICES[at]);
        }
        for (alarm, lift) in before {
            // The cap: a lift that was held through it was released in this very step.
            if self.held_for(alarm, lift, self.now.mono) >= CAP {
                assert!(
                    self.releasing.contains(&lift) || !self.is_held(alarm, lift),
                    "{alarm} past its cap, not released"
                );
            }
        }
    }

    /// Alarms and lifts that may be held now and have not been told to let go.
    fn may_hold(&self) -> Vec<(AlarmId, DeviceId)> {
        let open = |key: &&(AlarmId, DeviceId)| self.is_held(key.0, key.1) && !self.releasing.contains(&key.1);
        self.held.keys().filter(open).copied().collect()
    }

    fn is_held(&self, alarm: AlarmId, lift: DeviceId) -> bool {
        self.held.get(&(alarm, lift)).is_some_and(|spans| spans.last().is_some_and(|span| span.1 > self.now.mono))
    }

    /// The lift's time in the union of the stretches, up to `now`.
    fn held_for(&self, alarm: AlarmId, lift: DeviceId, now: Mono) -> Duration {
        let mut total = Duration::ZERO;
        let mut end = Mono(0);
        for &(from, until) in self.held.get(&(alarm, lift)).into_iter().flatten() {
            let until = until.min(now);
            total += until.since(from.max(end));
            end = end.max(until);
        }
        total
    }

    fn released_now(
        outcome: &Outcome,
        before: &[(AlarmId, DeviceId)],
        concerns: impl Fn(&(AlarmId, DeviceId)) -> bool,
    ) {
        for key in before.iter().filter(|key| concerns(key)) {
            let sent = outcome.orders.iter().any(|o| o.device == key.1 && o.verb == Verb::LiftRelease);
            assert!(sent, "{key:?} was not released in the step that ended it");
            let stopped = outcome.orders.iter().any(|o| o.device == key.1 && matches!(o.verb, Verb::LiftStop { .. }));
            assert!(!stopped, "{key:?} was stopped in the step that ended it");
        }
    }

    fn check(&mut self, outcome: &Outcome) {
        for change in &outcome.changed {
            let alarm = &change.alarm;
            if alarm.escalated || alarm.state.is_closed() {
                self.ended.insert(alarm.id);
            }
            assert!(alarm.timeline.len() < 1000);
            match self.alarms.iter_mut().find(|known| known.id == alarm.id) {
                Some(known) => *known = alarm.clone(),
                None => self.alarms.push(alarm.clone()),
            }
        }
        let now = self.now.mono;
        let mut less_important = false;
        for order in &outcome.orders {
            let alarm = order.alarm.unwrap();
            match order.verb {
                Verb::LiftStop { lease } => {
                    assert!(!less_important, "a stop after something less important");
                    let of = self.alarms.iter().find(|known| known.id == alarm).unwrap();
                    let camera = of.camera.unwrap();
                    assert_eq!(device(order.device).control, Control::Controlled, "a kind A lift was stopped");
                    assert_eq!(self.modes.get(&order.device), Some(&LiftMode::Normal), "stopped in another mode");
                    assert!(!self.ended.contains(&alarm), "{alarm} stops again after its end");
                    let shown = self.shown.get(&camera).expect("a stop without a stay");
                    assert!(self.certain.contains(&camera), "a stop for what is not certain");
                    assert!(now.since(*shown) <= Duration::from_secs(1), "no fresh frame shows it");
                    assert!(lease <= Duration::from_secs(3));
                    let key = (alarm, order.device);
                    let last = self.last_stop.insert(key, now);
                    self.releasing.remove(&order.device);
                    let again = self.let_go.remove(&key);
                    assert!(again || last.is_none_or(|last| now.since(last) >= Duration::from_secs(1)), "too often");
                    self.held.entry(key).or_default().push((now, now + order.expires_in + lease));
                    assert!(self.held_for(alarm, order.device, Mono(u64::MAX)) <= CAP, "{alarm} may hold past its cap");
                }
                Verb::LiftRelease => {
                    self.releasing.insert(order.device);
                    self.let_go.insert((alarm, order.device));
                }
                _ => less_important = true,
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]
    #[test]
    fn the_safety_table_holds(events in prop::collection::vec(event(), 1..250)) {
        let mut world = World::new();
        for lift in [0, 1, 2] {
            world.play(&Event::Mode(lift, LiftMode::Normal));
        }
        for event in &events {
            world.play(event);
        }
        // Left alone, every lift is free within a lease and what an order may take on its way.
        world.play(&Event::Time(4000));
        prop_assert!(world.may_hold().is_empty());
        // The book gives a lift it has just told to let go one second more to say so itself.
        world.play(&Event::Time(1000));
        prop_assert!(world.book.entries.values().all(|entry| entry.lifts.iter().all(|lift| !lift.may_hold())));
    }
}
