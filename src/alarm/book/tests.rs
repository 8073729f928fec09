//! Tables for the alarm book: each line of the safety table as a story with the orders and changes it must give.

use super::*;
use crate::{
    alarm::{Hold, Response, VoicePrompt},
    base::{NormRect, TrackId},
    detect::{Label, Stamps},
};

mod invariants;

const CAM: CameraId = CameraId::from_u128(1);
const CAM2: CameraId = CameraId::from_u128(2);
const LIFT: DeviceId = DeviceId::from_u128(11);
const LIFT2: DeviceId = DeviceId::from_u128(12);
const KIND_A: DeviceId = DeviceId::from_u128(13);
const VOICE: DeviceId = DeviceId::from_u128(14);
const LIGHT: DeviceId = DeviceId::from_u128(15);

fn device(id: DeviceId) -> DeviceRef {
    let (kind, control) = match id {
        LIFT | LIFT2 => (DeviceKind::Lift, Control::Controlled),
        KIND_A => (DeviceKind::Lift, Control::AlarmOnly),
        VOICE => (DeviceKind::Voice, Control::AlarmOnly),
        _ => (DeviceKind::Light, Control::AlarmOnly),
    };
    DeviceRef { id, kind, control }
}

fn plan(cap_s: u64, devices: &[DeviceId]) -> Arc<Plan> {
    Arc::new(Plan {
        response: Response {
            voice: Some(VoicePrompt { text: "电瓶车禁止入内".to_owned(), lang: "zh-CN".to_owned(), repeat: 2 }),
            light_s: 10,
            hold: Some(Hold {
                lease: Duration::from_secs(3),
                renew: Duration::from_secs(1),
                fresh: Duration::from_secs(1),
                cap: Duration::from_secs(cap_s),
            }),
            cooldown: Duration::from_secs(10),
        },
        devices: devices.iter().map(|&id| device(id)).collect(),
    })
}

fn finding(camera: CameraId, captured: Mono, confirms: bool, certain: bool) -> Finding {
    let sighting =
        Sighting { track: TrackId(1), label: Label::new("ebike"), score: 0.8, rect: NormRect::FULL, certain };
    Finding {
        camera,
        rule: Label::new("ebike_in_lift"),
        kind: if confirms { FindingKind::Confirmed(sighting) } else { FindingKind::Present(sighting) },
        seq: FrameSeq(7),
        stamps: Stamps { captured, decoded: captured, inferred: captured },
    }
}

/// What happens next in a story.
#[derive(Clone, Copy)]
enum Do {
    /// Time goes by with ticks but without frames, to this many ms.
    Dark(u64),
    /// Frames that show the e-bike come every 100 ms, to this many ms.
    Shown(u64),
    Confirm,
    /// The same, but not sure enough to hold a lift.
    ConfirmUnsure,
    /// Frames of a stay that has not been sure enough, as [`Do::Shown`].
    ShownUnsure(u64),
    /// The same on the second camera.
    Confirm2,
    /// A frame so many ms old that shows it.
    Frame(u64),
    Clear,
    Mode(DeviceId, LiftMode),
    News(DeviceId, &'static str, OrderState),
    Act(Act),
    Gone,
    Well(DeviceId),
    ShutDown,
}

struct Story {
    book: AlarmBook,
    plan: Arc<Plan>,
    ms: u64,
    /// `ms what`, as the table gives it.
    log: Vec<String>,
    /// The first alarm about an e-bike, as last seen.
    alarm: Option<Alarm>,
}

impl Story {
    fn new(plan: Arc<Plan>) -> Self {
        let mut story = Self { book: AlarmBook::default(), plan, ms: 100_000, log: Vec::new(), alarm: None };
        for lift in [LIFT, LIFT2, KIND_A] {
            story.play(Do::Mode(lift, LiftMode::Normal));
        }
        story
    }

    fn now(&self) -> Now {
        Now::from_ms(self.ms)
    }

    fn step(&mut self, input: Input) {
        let outcome = self.book.step(input, self.now());
        self.take(outcome);
    }

    fn take(&mut self, outcome: Outcome) {
        let at = self.ms - 100_000;
        for change in outcome.changed {
            if change.what != Change::Updated {
                let what = if change.alarm.kind == AlarmKind::DeviceTrouble { "trouble " } else { "" };
                self.log.push(format!("{at} {what}{:?}", change.what).to_lowercase());
            }
            assert_eq!(change.snapshot.is_some(), change.what == Change::Raised && change.alarm.camera.is_some());
            let is_first = self.alarm.as_ref().is_none_or(|known| known.id == change.alarm.id);
            if change.alarm.kind == AlarmKind::EbikeInLift && is_first {
                self.alarm = Some(change.alarm);
            }
        }
        for order in outcome.orders {
            assert!(order.alarm.is_some());
            let device = match order.device {
                LIFT => "",
                LIFT2 => "2",
                KIND_A => "A",
                _ => "?",
            };
            self.log.push(match order.verb {
                Verb::LiftStop { lease } => format!("{at} stop{device} {}", lease.as_millis()),
                Verb::LiftRelease => format!("{at} release{device}"),
                Verb::VoicePlay { .. } => format!("{at} voice"),
                Verb::LightFlash { .. } => format!("{at} light"),
                Verb::GateOpen { .. } | Verb::GateDeny { .. } => format!("{at} gate"),
            });
        }
    }

    fn found(&mut self, camera: CameraId, age_ms: u64, confirms: bool, certain: bool) {
        let finding = finding(camera, Mono::from_ms(self.ms - age_ms), confirms, certain);
        self.step(Input::Found { finding, plan: self.plan.clone() });
    }

    fn play(&mut self, what: Do) {
        match what {
            Do::Dark(until) | Do::Shown(until) | Do::ShownUnsure(until) => {
                while self.ms < 100_000 + until {
                    self.ms += 100;
                    match what {
                        Do::Dark(_) => self.step(Input::Tick),
                        _ => self.found(CAM, 0, false, matches!(what, Do::Shown(_))),
                    }
                }
            }
            Do::Confirm => self.found(CAM, 0, true, true),
            Do::ConfirmUnsure => self.found(CAM, 0, true, false),
            Do::Confirm2 => self.found(CAM2, 0, true, true),
            Do::Frame(age) => self.found(CAM, age, false, true),
            Do::Clear => {
                let finding = Finding {
                    kind: FindingKind::Cleared { track: TrackId(1) },
                    ..finding(CAM, Mono::from_ms(self.ms), false, false)
                };
                self.step(Input::Found { finding, plan: self.plan.clone() });
            }
            Do::Mode(device, mode) => self.step(Input::LiftMode { device, mode }),
            Do::News(id, verb, state) => {
                let alarm = self.alarm.as_ref().map(|alarm| alarm.id).unwrap();
                self.step(Input::Order(OrderNews { alarm, device: device(id), verb, state, cause: None }));
            }
            Do::Act(act) => {
                let alarm = self.alarm.as_ref().map(|alarm| alarm.id).unwrap();
                let outcome = self.book.act(alarm, act, "li", None, self.now()).unwrap();
                self.take(outcome);
            }
            Do::Gone => self.step(Input::CameraGone { camera: CAM }),
            Do::Well(device) => self.step(Input::DeviceWell { device }),
            Do::ShutDown => {
                let outcome = self.book.shut_down(self.now());
                self.take(outcome);
            }
        }
    }
}

#[track_caller]
fn check(plan: Arc<Plan>, story: &[Do], expected: &[&str]) -> Story {
    let mut told = Story::new(plan);
    for what in story {
        told.play(*what);
    }
    assert_eq!(told.log, expected);
    told
}

fn steps(story: &Story) -> Vec<&'static str> {
    story.alarm.as_ref().unwrap().timeline.iter().map(|step| step.name).collect()
}

const STOP: &str = "lift.stop";
const RELEASE: &str = "lift.release";

#[test]
fn a_stay_is_held_while_it_is_seen_and_let_go_when_it_is_over() {
    let story = check(
        plan(120, &[VOICE, LIGHT, LIFT]),
        &[
            Do::Confirm,
            Do::News(LIFT, STOP, OrderState::Sent),
            Do::News(LIFT, STOP, OrderState::Accepted),
            Do::News(LIFT, STOP, OrderState::Holding),
            Do::Shown(3500),
            Do::News(LIFT, STOP, OrderState::Sent),
            Do::News(LIFT, STOP, OrderState::Accepted),
            Do::News(LIFT, STOP, OrderState::Holding),
            Do::Clear,
            Do::News(LIFT, RELEASE, OrderState::Accepted),
            Do::News(LIFT, RELEASE, OrderState::Released),
        ],
        &[
            "0 raised",
            "0 stop 3000",
            "0 voice",
            "0 light",
            "1000 stop 3000",
            "2000 stop 3000",
            "3000 stop 3000",
            "3500 cleared",
            "3500 release",
        ],
    );
    // Renewals leave no steps of their own.
    let expected = [
        "captured",
        "decoded",
        "inferred",
        "confirmed",
        "ordered",
        "ordered",
        "ordered",
        "sent",
        "accepted",
        "holding",
        "releasing",
        "cleared",
        "released",
    ];
    assert_eq!(steps(&story), expected);
    let alarm = story.alarm.unwrap();
    assert_eq!((alarm.lift, alarm.state), (LiftState::Released, AlarmState::Raised));
    assert!(alarm.cleared_at.is_some() && !alarm.escalated);
}

#[test]
fn without_fresh_frames_nothing_is_renewed() {
    let story = check(
        plan(120, &[LIFT]),
        &[Do::Confirm, Do::News(LIFT, STOP, OrderState::Accepted), Do::Dark(6000)],
        // The frame of the confirmation is still fresh after 1 s; the lease is over 1 s + 3 s later at the latest.
        &["0 raised", "0 stop 3000", "1000 stop 3000"],
    );
    assert_eq!(story.alarm.as_ref().unwrap().lift, LiftState::Expired);
    assert_eq!(steps(&story).last(), Some(&"expired"));
    // An old frame, though new to us, renews nothing; a fresh one does.
    let until = [Do::Confirm, Do::Dark(5000), Do::Frame(1500), Do::Dark(5100), Do::Frame(900)];
    check(plan(120, &[LIFT]), &until, &["0 raised", "0 stop 3000", "1000 stop 3000", "5100 stop 3000"]);
}

#[test]
fn a_stale_confirmation_raises_the_alarm_but_stops_nothing() {
    let mut story = Story::new(plan(120, &[LIFT, VOICE]));
    story.found(CAM, 1200, true, true);
    assert_eq!(story.log, ["0 raised", "0 voice"]);
}

#[test]
fn a_stay_that_is_not_certain_warns_and_holds_no_lift_until_it_is() {
    let story = check(
        plan(120, &[VOICE, LIGHT, LIFT]),
        &[Do::ConfirmUnsure, Do::ShownUnsure(2000), Do::Shown(3200), Do::ShownUnsure(4500), Do::Clear],
        // What takes the place of what was certain renews no lease.
        &["0 raised", "0 voice", "0 light", "2100 stop 3000", "3100 stop 3000", "4500 cleared", "4500 release"],
    );
    let expected = [
        "captured",
        "decoded",
        "inferred",
        "confirmed",
        "unsure",
        "ordered",
        "ordered",
        "certain",
        "ordered",
        "unsure",
    ];
    assert_eq!(steps(&story)[..10], expected);
    // A stay that comes back within the cooldown goes on with its alarm, but earns its certainty anew.
    let story = check(
        plan(120, &[LIFT]),
        &[Do::Confirm, Do::Shown(500), Do::Clear, Do::Dark(5000), Do::ConfirmUnsure, Do::ShownUnsure(9000)],
        &["0 raised", "0 stop 3000", "500 cleared", "500 release"],
    );
    let steps_of = steps(&story);
    let back = steps_of.iter().position(|step| *step == "returned").unwrap();
    assert_eq!(steps_of[back..], ["returned", "unsure"]);
    // Nothing is said of certainty where there is no lift to hold.
    let story = check(plan(120, &[VOICE, KIND_A]), &[Do::ConfirmUnsure, Do::Shown(500)], &["0 raised", "0 voice"]);
    assert!(!steps(&story).iter().any(|step| matches!(*step, "unsure" | "certain")));
}

#[test]
fn the_cap_releases_escalates_and_never_stops_again_for_that_alarm() {
    let story = check(
        plan(6, &[LIFT]),
        &[Do::Confirm, Do::Shown(20_000), Do::Clear, Do::Dark(21_000), Do::Confirm, Do::Shown(25_000)],
        &[
            "0 raised",
            "0 stop 3000",
            "1000 stop 3000",
            "2000 stop 3000",
            // Cut, so that 1 s on the way and the lease end within the cap.
            "3000 stop 2000",
            "4000 stop 1000",
            "6000 release",
            "20000 cleared",
        ],
    );
    let alarm = story.alarm.as_ref().unwrap();
    assert!(alarm.escalated);
    assert!(steps(&story).windows(3).any(|w| w == ["capped", "escalated", "releasing"]), "{:?}", steps(&story));
}

#[test]
fn what_a_person_ends_stays_ended() {
    for (act, name) in [(Act::FalseAlarm, "false_alarm"), (Act::Resolve, "resolved")] {
        let story = check(
            plan(120, &[LIFT]),
            // The stay goes on, clears, and comes back within the cooldown: no stop. A later stay is a new alarm.
            &[
                Do::Confirm,
                Do::Shown(500),
                Do::Act(act),
                Do::Shown(5000),
                Do::Clear,
                Do::Dark(14_000),
                Do::Confirm,
                Do::Shown(15_000),
                Do::Clear,
                Do::Dark(26_000),
                Do::Confirm,
            ],
            &[
                "0 raised",
                "0 stop 3000",
                "500 release",
                "5000 cleared",
                "15000 cleared",
                "26000 raised",
                "26000 stop 3000",
            ],
        );
        assert!(steps(&story).contains(&name));
    }
}

#[test]
fn to_acknowledge_releases_nothing() {
    check(
        plan(120, &[LIFT]),
        &[Do::Confirm, Do::Act(Act::Acknowledge), Do::Shown(1000)],
        &["0 raised", "0 stop 3000", "1000 stop 3000"],
    );
}

#[test]
fn acts_twice_and_on_nothing_are_refused() {
    let mut story = Story::new(plan(120, &[LIFT]));
    story.play(Do::Confirm);
    let id = story.alarm.as_ref().unwrap().id;
    let now = story.now();
    let mut act = |act, id| story.book.act(id, act, "li", Some("seen".to_owned()), now).map(|_| ());
    let already = |state| Err(ActError::Already { state, by: Some("li".to_owned()) });
    assert_eq!(act(Act::Acknowledge, id), Ok(()));
    assert_eq!(act(Act::Acknowledge, id), already(AlarmState::Acknowledged));
    assert_eq!(act(Act::FalseAlarm, id), Ok(()));
    assert_eq!(act(Act::Resolve, id), already(AlarmState::FalseAlarm));
    assert_eq!(act(Act::Acknowledge, id), already(AlarmState::FalseAlarm));
    assert_eq!(act(Act::Resolve, AlarmId::from_u128(9)), Err(ActError::Unknown));
}

#[test]
fn kind_a_lifts_are_never_stopped() {
    let story = check(plan(120, &[KIND_A, LIGHT]), &[Do::Confirm, Do::Shown(3000)], &["0 raised", "0 light"]);
    assert_eq!(story.alarm.unwrap().lift, LiftState::None);
}

#[test]
fn modes_outrank_us() {
    for mode in [
        LiftMode::Fire,
        LiftMode::Evacuation,
        LiftMode::Inspection,
        LiftMode::Earthquake,
        LiftMode::EmergencyPower,
        LiftMode::Independent,
        LiftMode::Unknown,
    ] {
        // Before the stop: none is ordered, and the room is told.
        let story = check(
            plan(120, &[LIFT, VOICE]),
            &[Do::Mode(LIFT, mode), Do::Confirm, Do::Shown(2000), Do::Mode(LIFT, LiftMode::Normal), Do::Shown(2100)],
            &["0 raised", "0 trouble raised", "0 voice", "2000 trouble cleared", "2000 stop 3000"],
        );
        assert!(steps(&story).contains(&"refused"));
        // During it: released at once, held again only when normal.
        check(
            plan(120, &[LIFT]),
            &[
                Do::Confirm,
                Do::Shown(300),
                Do::Mode(LIFT, mode),
                Do::News(LIFT, RELEASE, OrderState::Released),
                Do::Shown(1500),
                Do::Mode(LIFT, LiftMode::Normal),
                Do::Shown(1600),
            ],
            &["0 raised", "0 stop 3000", "300 release", "300 trouble raised", "1500 trouble cleared", "1500 stop 3000"],
        );
    }
    // A lift that never said its mode.
    let mut story = Story::new(plan(120, &[LIFT]));
    story.book = AlarmBook::default();
    story.play(Do::Confirm);
    assert_eq!(story.log, ["0 raised", "0 trouble raised"]);
}

#[test]
fn one_device_failing_stops_no_other() {
    for state in [OrderState::Refused, OrderState::TimedOut, OrderState::Offline] {
        let story = check(
            plan(120, &[VOICE, LIGHT, LIFT, LIFT2]),
            &[
                Do::Confirm,
                Do::News(VOICE, "voice.play", state),
                Do::News(LIGHT, "light.flash", state),
                Do::News(LIFT, STOP, state),
                Do::News(LIFT2, STOP, OrderState::Holding),
                Do::Shown(1000),
                Do::Shown(3000),
                // Said again while not well: no second alarm.
                Do::News(LIFT, STOP, state),
                Do::Shown(3200),
                Do::News(LIFT, STOP, OrderState::Accepted),
                Do::Well(VOICE),
                Do::Well(VOICE),
            ],
            &[
                "0 raised",
                "0 stop 3000",
                "0 stop2 3000",
                "0 voice",
                "0 light",
                "0 trouble raised",
                "0 trouble raised",
                "0 trouble raised",
                "1000 stop2 3000",
                "2000 stop2 3000",
                "3000 stop 3000",
                "3000 stop2 3000",
                "3200 trouble cleared",
                "3200 trouble cleared",
            ],
        );
        assert_eq!(story.alarm.unwrap().lift, LiftState::Holding);
    }
}

#[test]
fn the_lift_is_shown_as_it_is() {
    for (news, expected) in [
        (&[][..], LiftState::Ordered),
        (&[(STOP, OrderState::Sent)], LiftState::Ordered),
        (&[(STOP, OrderState::Sent), (STOP, OrderState::Accepted)], LiftState::Accepted),
        (&[(STOP, OrderState::Accepted), (STOP, OrderState::Holding)], LiftState::Holding),
        (&[(STOP, OrderState::Holding), (STOP, OrderState::Accepted)], LiftState::Holding),
        (&[(STOP, OrderState::Holding), (STOP, OrderState::Expired)], LiftState::Expired),
        (&[(STOP, OrderState::Holding), (STOP, OrderState::Released)], LiftState::Released),
        (&[(STOP, OrderState::Refused)], LiftState::Refused),
        (&[(STOP, OrderState::TimedOut)], LiftState::TimedOut),
        (&[(STOP, OrderState::Offline)], LiftState::Offline),
        (&[(STOP, OrderState::Refused), (STOP, OrderState::Accepted)], LiftState::Accepted),
        (&[(STOP, OrderState::Holding), (RELEASE, OrderState::Accepted)], LiftState::Holding),
    ] {
        let mut story = Story::new(plan(120, &[LIFT]));
        story.play(Do::Confirm);
        for (verb, state) in news {
            story.play(Do::News(LIFT, verb, *state));
        }
        assert_eq!(story.alarm.unwrap().lift, expected, "{news:?}");
    }
}

#[test]
fn a_camera_that_goes_and_a_server_that_stops_release() {
    check(
        plan(120, &[LIFT]),
        &[Do::Confirm, Do::Gone, Do::Shown(2000)],
        &["0 raised", "0 stop 3000", "0 cleared", "0 release"],
    );
    check(
        plan(120, &[LIFT, LIFT2]),
        &[Do::Confirm, Do::ShutDown, Do::Shown(2000)],
        &["0 raised", "0 stop 3000", "0 stop2 3000", "0 release", "0 release2"],
    );
}

#[test]
fn a_stay_that_returns_soon_is_the_same_alarm() {
    let story = check(
        plan(120, &[LIFT, VOICE]),
        &[
            Do::Confirm,
            Do::Shown(500),
            Do::Clear,
            Do::Dark(8000),
            Do::Confirm,
            Do::Clear,
            Do::Dark(18_100),
            Do::Confirm,
        ],
        &[
            "0 raised",
            "0 stop 3000",
            "0 voice",
            "500 cleared",
            "500 release",
            "8000 stop 3000",
            "8000 voice",
            "8000 cleared",
            "8000 release",
            "18100 raised",
            "18100 stop 3000",
            "18100 voice",
        ],
    );
    assert!(steps(&story).contains(&"returned"));
}

#[test]
fn two_cameras_of_one_lift() {
    // By sight: the lift stays while the other camera's alarm holds it.
    check(
        plan(120, &[LIFT]),
        &[Do::Confirm, Do::Confirm2, Do::Clear],
        &["0 raised", "0 stop 3000", "0 raised", "0 stop 3000", "0 cleared"],
    );
    // By decision: released for both, and neither stops it again.
    check(
        plan(120, &[LIFT]),
        &[
            Do::Confirm,
            Do::Confirm2,
            Do::Act(Act::FalseAlarm),
            Do::Shown(900),
            Do::Confirm2,
            Do::Dark(2000),
            Do::Confirm2,
        ],
        &["0 raised", "0 stop 3000", "0 raised", "0 stop 3000", "0 release", "0 release"],
    );
}

#[test]
fn a_lift_taken_out_of_the_plan_is_released() {
    let mut story = Story::new(plan(120, &[LIFT, LIFT2]));
    story.play(Do::Confirm);
    story.plan = plan(120, &[LIFT2]);
    story.play(Do::Shown(1000));
    assert_eq!(story.log, ["0 raised", "0 stop 3000", "0 stop2 3000", "100 release", "1000 stop2 3000"]);
}

#[test]
fn a_restart_clears_what_was_open_and_keeps_the_cap() {
    let mut story = Story::new(plan(10, &[LIFT]));
    story.play(Do::Confirm);
    story.play(Do::News(LIFT, STOP, OrderState::Holding));
    story.play(Do::Shown(4000));
    let open = vec![story.alarm.clone().unwrap()];
    story.ms += 2000;
    let (book, outcome) = AlarmBook::restore(open, story.now());
    let [AlarmChange { what: Change::Cleared, alarm, snapshot: None }] = &outcome.changed[..] else {
        panic!("{outcome:?}")
    };
    assert!(outcome.orders.is_empty());
    assert_eq!(alarm.lift, LiftState::Expired);
    assert!(alarm.timeline.iter().rev().take(2).all(|step| step.detail.contains("the server restarted")));
    // It comes back within the cooldown: the same alarm, with what is left of its cap (10 s less 6 s).
    story.book = book;
    story.log.clear();
    story.play(Do::Mode(LIFT, LiftMode::Normal));
    story.play(Do::Confirm);
    story.play(Do::Shown(16_000));
    assert_eq!(story.log, ["6000 stop 3000", "7000 stop 2000", "8000 stop 1000", "10000 release"]);
}

#[test]
fn a_device_in_trouble_raises_once_and_resolves_by_itself() {
    let mut story = Story::new(plan(120, &[LIFT]));
    for _ in 0..3 {
        story.step(Input::DeviceTrouble { device: device(LIGHT), what: "offline".to_owned() });
    }
    assert_eq!(story.log, ["0 trouble raised"]);
    let id = *story.book.troubles.get(&LIGHT).unwrap();
    let _ = story.book.act(id, Act::Acknowledge, "li", None, story.now()).unwrap();
    story.step(Input::DeviceTrouble { device: device(LIGHT), what: "offline".to_owned() });
    story.play(Do::Well(LIGHT));
    assert_eq!(story.log, ["0 trouble raised", "0 trouble cleared"]);
    let alarm = story.book.alarm(id).unwrap();
    assert_eq!((alarm.state, alarm.cleared_at.is_some()), (AlarmState::Resolved, true));
    // After a restart a device not yet well again does not raise a second alarm.
    let mut alarm = alarm.clone();
    (alarm.state, alarm.cleared_at) = (AlarmState::Acknowledged, None);
    let (book, outcome) = AlarmBook::restore(vec![alarm], story.now());
    assert!(outcome.changed.is_empty());
    story.book = book;
    story.step(Input::DeviceTrouble { device: device(LIGHT), what: "offline".to_owned() });
    story.play(Do::Well(LIGHT));
    assert_eq!(story.log, ["0 trouble raised", "0 trouble cleared", "0 trouble cleared"]);
}

#[test]
fn a_long_stay_floods_neither_timeline_nor_events() {
    let mut story = Story::new(plan(600, &[LIFT]));
    story.play(Do::Confirm);
    story.play(Do::News(LIFT, STOP, OrderState::Accepted));
    story.play(Do::News(LIFT, STOP, OrderState::Holding));
    let mut changes = 0;
    for i in 0..5000 {
        story.ms += 100;
        let now = story.now();
        let finding = finding(CAM, now.mono, false, true);
        changes += story.book.step(Input::Found { finding, plan: story.plan.clone() }, now).changed.len();
        if i % 10 == 0 {
            let alarm = story.alarm.as_ref().unwrap().id;
            for state in [OrderState::Sent, OrderState::Accepted, OrderState::Holding] {
                let news = OrderNews { alarm, device: device(LIFT), verb: STOP, state, cause: None };
                changes += story.book.step(Input::Order(news), now).changed.len();
            }
        }
    }
    // The first `sent` is the only thing that was not known before.
    assert_eq!(changes, 1);
    // A lift that comes and goes for ever does not grow the timeline without end.
    for i in 0..2000 {
        let state = if i % 2 == 0 { OrderState::Refused } else { OrderState::Accepted };
        story.play(Do::News(LIFT, STOP, state));
    }
    assert!(story.alarm.unwrap().timeline.len() < 250);
}

#[test]
fn what_is_over_is_forgotten_in_the_end_and_can_be_taken_back() {
    let mut story = Story::new(plan(120, &[LIFT]));
    story.play(Do::Confirm);
    story.play(Do::Clear);
    let first = story.alarm.clone().unwrap();
    for _ in 0..1100 {
        story.ms += 20_000;
        story.play(Do::Confirm);
        story.play(Do::Clear);
    }
    assert!(story.book.entries.len() <= IDLE_KEPT + 1);
    let now = story.now();
    let acknowledge = |book: &mut AlarmBook| book.act(first.id, Act::Acknowledge, "li", None, now);
    assert_eq!(acknowledge(&mut story.book), Err(ActError::Unknown));
    story.book.adopt(first.clone(), now);
    let outcome = acknowledge(&mut story.book).unwrap();
    assert_eq!(outcome.changed.len(), 1);
    assert_eq!(outcome.changed[0].alarm.state, AlarmState::Acknowledged);
    assert!(outcome.orders.is_empty());
}

#[test]
fn the_next_tick_is_wanted_when_something_falls_due() {
    let mut story = Story::new(plan(120, &[LIFT]));
    assert_eq!(story.book.next_deadline(), None);
    story.play(Do::Confirm);
    assert_eq!(story.book.next_deadline(), Some(Mono::from_ms(101_000)));
    story.play(Do::Clear);
    assert_eq!(story.book.next_deadline(), Some(Mono::from_ms(104_000)));
}
