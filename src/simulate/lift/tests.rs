//! The lift's rules in stories, and that no sequence of events breaks the safety rules.

use proptest::prelude::*;

use super::*;
use crate::device::{Epoch, protocol::OrderCall};

const LEASE: Duration = Duration::from_secs(3);

fn received(key: u128, epoch: u64, seq: u64, verb: Verb, at: u64, age: u64) -> Input {
    Input::Order(Received {
        order: OrderCall {
            key: OrderKey::from_u128(key),
            epoch: Epoch(epoch),
            seq: OrderSeq(seq),
            verb,
            expires_in: Duration::from_secs(1),
            clock: Mono(0),
            alarm: None,
        },
        at: Mono::from_ms(at),
        age: Duration::from_millis(age),
    })
}

fn stop(seq: u64, at: u64) -> Input {
    received(u128::from(seq), 1, seq, Verb::LiftStop { lease: LEASE }, at, 0)
}

fn release(seq: u64, at: u64) -> Input {
    received(u128::from(seq), 1, seq, Verb::LiftRelease, at, 0)
}

fn does(line: &str) -> Input {
    Input::Control(line.parse().expect(line))
}

/// What outputs say, in short: answers, reports (with `!`), shown words (with `=`).
fn said(outputs: Vec<Output>) -> Vec<String> {
    outputs
        .into_iter()
        .filter_map(|output| match output {
            Output::Answer(answer) => Some(match (answer.status, answer.cause) {
                (AnswerStatus::Accepted, _) => "accepted".to_owned(),
                (AnswerStatus::Duplicate, _) => "duplicate".to_owned(),
                (AnswerStatus::Refused, cause) => format!("refused {}", cause.unwrap_or_default()),
            }),
            Output::Report { report, .. } => Some(format!("!{}", report.what.name())),
            Output::Shown(shown) => Some(format!("={}", shown.state)),
            Output::Status(_) => None,
        })
        .collect()
}

/// Inputs at their times, and what is said at each.
fn check(settings: LiftSettings, story: Vec<(u64, Input, &[&str])>) {
    let mut lift = LiftMachine::new(settings, Memory::default());
    for (at, input, want) in story {
        let what = format!("{at} ms: {input:?}");
        assert_eq!(said(lift.step(input, Mono::from_ms(at))), want, "{what}");
        if lift.is_holding() {
            assert_eq!(lift.status().doors, Some(Doors::Open), "{what}");
            assert_eq!(lift.status().moving, Some(false), "{what}");
        }
    }
}

const TICK: Input = Input::Tick;

#[test]
fn a_stop_holds_for_one_lease_and_a_release_ends_it() {
    let usual = LiftSettings::default;
    check(
        usual(),
        vec![
            (0, stop(1, 0), &["accepted"]),
            (799, TICK, &[]),
            (800, TICK, &["!holding", "=holding"]),
            (2999, TICK, &[]),
            (3000, TICK, &["!expired", "=expired"]),
            (6999, TICK, &[]),
            (7000, TICK, &[]),
            (7800, TICK, &["=idle"]),
        ],
    );
    // Renewed, then released.
    check(
        usual(),
        vec![
            (0, stop(1, 0), &["accepted"]),
            (800, TICK, &["!holding", "=holding"]),
            (1000, stop(2, 1000), &["accepted", "!holding"]),
            (3900, TICK, &[]),
            (3950, release(3, 3950), &["accepted", "!released", "=released", "!done"]),
            (3960, release(4, 3960), &["accepted", "!done"]),
        ],
    );
    // A tick that comes late does not make it hold first.
    check(usual(), vec![(0, stop(1, 0), &["accepted"]), (60_000, TICK, &["!expired", "=expired", "=idle"])]);
    // The lease counts from receipt, not from when the controller came to it.
    check(
        usual(),
        vec![
            (500, stop(1, 0), &["accepted"]),
            (1300, TICK, &["!holding", "=holding"]),
            (3000, TICK, &["!expired", "=expired"]),
        ],
    );
}

#[test]
fn an_order_runs_once_and_an_older_one_never() {
    check(
        LiftSettings::default(),
        vec![
            (0, stop(5, 0), &["accepted"]),
            (800, TICK, &["!holding", "=holding"]),
            (900, stop(5, 900), &["duplicate"]),
            (910, stop(4, 910), &["refused older seq: a newer order was here before", "=refused"]),
            (920, release(3, 920), &["refused older seq: a newer order was here before", "=refused"]),
            (
                930,
                received(99, 0, 900, Verb::LiftRelease, 930, 0),
                &["refused older epoch: from an earlier run of the server", "=refused"],
            ),
            // The duplicate did not renew the lease.
            (3000, TICK, &["!expired", "=expired"]),
            // A newer epoch begins again at seq 1.
            (
                3100,
                received(100, 2, 1, Verb::LiftStop { lease: LEASE }, 3100, 0),
                &["accepted", "!holding", "=holding"],
            ),
        ],
    );
}

#[test]
fn a_stale_order_is_not_run() {
    let stale = "refused expired: it came too late to be worth anything";
    let stop = |seq: u64, at, age| received(u128::from(seq), 1, seq, Verb::LiftStop { lease: LEASE }, at, age);
    check(
        LiftSettings::default(),
        vec![
            // It lay 30 s in a lost link.
            (40_000, stop(1, 40_000, 30_000), &[stale, "=refused"]),
            // It came in time, but the controller was busy until it was stale.
            (50_000, stop(2, 48_900, 0), &[stale, "=refused"]),
            (60_000, stop(3, 59_950, 900), &["accepted"]),
            // It counts as seen: a later copy is a duplicate.
            (60_100, stop(2, 60_100, 0), &["duplicate"]),
        ],
    );
}

#[test]
fn other_modes_outrank_us() {
    for mode in LiftMode::ALL.into_iter().filter(|mode| *mode != LiftMode::Normal) {
        let line = format!("mode {}", mode.name());
        let refusal = format!("refused mode {}", mode.name());
        check(
            LiftSettings::default(),
            vec![
                (0, stop(1, 0), &["accepted"]),
                (800, TICK, &["!holding", "=holding"]),
                (1000, does(&line), &["!overridden", "=overridden"]),
                (1100, stop(2, 1100), &[&refusal, "=refused"]),
                (1200, release(3, 1200), &["accepted", "!done"]),
                (60_000, TICK, &[]),
                (61_000, does("mode normal"), &["=idle"]),
                (61_100, stop(4, 61_100), &["accepted"]),
            ],
        );
    }
    // Before the doors are open too.
    check(
        LiftSettings::default(),
        vec![(0, stop(1, 0), &["accepted"]), (300, does("mode fire"), &["!overridden", "=overridden"])],
    );
}

#[test]
fn kind_a_takes_no_stop() {
    check(
        LiftSettings { controlled: false, ..LiftSettings::default() },
        vec![
            (0, stop(1, 0), &["refused kind A: this lift takes no stops", "=refused"]),
            (10, release(2, 10), &["accepted", "!done"]),
        ],
    );
}

#[test]
fn a_moving_car_goes_on_to_its_next_landing() {
    check(
        LiftSettings::default(),
        vec![
            (0, does("move 5"), &[]),
            // Between 2 and 3.
            (2500, stop(1, 2500), &["accepted"]),
            (3999, TICK, &[]),
            (4000, TICK, &[]),
            (4800, TICK, &["!holding", "=holding"]),
            (4900, does("move 9"), &[]),
            (4950, does("doors close"), &[]),
            (5499, TICK, &[]),
            (5500, TICK, &["!expired", "=expired"]),
        ],
    );
    // It does not get there within the lease: free without ever having been held.
    check(
        LiftSettings { travel: Duration::from_secs(9), ..LiftSettings::default() },
        vec![
            (0, does("move 5"), &[]),
            (100, stop(1, 100), &["accepted"]),
            (3100, TICK, &["!expired", "=expired", "=idle"]),
        ],
    );
    let mut lift = LiftMachine::new(LiftSettings::default(), Memory::default());
    lift.step(does("move 5"), Mono::from_ms(0));
    lift.step(stop(1, 2500), Mono::from_ms(2500));
    lift.step(TICK, Mono::from_ms(4800));
    assert_eq!(lift.status().floor.as_deref(), Some("3"), "the next landing, not the destination");
    lift.step(TICK, Mono::from_ms(5500));
    for at in (5500..40_000).step_by(100) {
        lift.step(TICK, Mono::from_ms(at));
    }
    assert_eq!(lift.status().floor.as_deref(), Some("5"), "freed, it goes on to where it was called");
}

#[test]
fn the_longest_stay_has_an_end_however_often_it_is_renewed() {
    let settings = LiftSettings { max_hold: Duration::from_secs(5), ..LiftSettings::default() };
    let mut lift = LiftMachine::new(settings, Memory::default());
    let mut words = Vec::new();
    for second in 0..10 {
        words.extend(said(lift.step(stop(second + 1, second * 1000), Mono::from_ms(second * 1000))));
    }
    assert_eq!(words.iter().filter(|word| *word == "!expired").count(), 1, "{words:?}");
    assert!(words.contains(&"refused held for too long before: the lift rests".to_owned()), "{words:?}");
    assert!(!lift.is_holding());
}

#[test]
fn what_it_remembers_survives_a_restart() {
    let mut lift = LiftMachine::new(LiftSettings::default(), Memory::default());
    lift.step(received(1, 7, 40, Verb::LiftRelease, 0, 0), Mono(0));
    let mut lift = LiftMachine::new(LiftSettings::default(), lift.memory().clone());
    let again = lift.step(received(1, 7, 40, Verb::LiftRelease, 0, 0), Mono(0));
    assert_eq!(said(again), ["duplicate"]);
    let older = lift.step(received(2, 6, 99, Verb::LiftStop { lease: LEASE }, 0, 0), Mono(0));
    assert_eq!(said(older)[0], "refused older epoch: from an earlier run of the server");
}

#[test]
fn doors_wait_for_who_stands_in_them() {
    let mut lift = LiftMachine::new(LiftSettings::default(), Memory::default());
    let mut doors = |input, at| {
        lift.step(input, Mono::from_ms(at));
        lift.status().doors
    };
    assert_eq!(doors(does("doors open"), 0), Some(Doors::Opening));
    assert_eq!(doors(TICK, 800), Some(Doors::Open));
    assert_eq!(doors(does("doors close"), 900), Some(Doors::Closing));
    assert_eq!(doors(does("obstruct on"), 1000), Some(Doors::Opening));
    assert_eq!(doors(TICK, 50_000), Some(Doors::Open));
    assert_eq!(doors(does("obstruct off"), 50_100), Some(Doors::Closing));
    assert_eq!(doors(TICK, 52_000), Some(Doors::Closed));
}

#[derive(Debug, Clone)]
enum Act {
    Stop { seq: u64, lease: u64, age: u64 },
    Release { seq: u64 },
    Line(&'static str),
    Tick,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (1..60_u64, 100..5000_u64, 0..1500_u64).prop_map(|(seq, lease, age)| Act::Stop { seq, lease, age }),
        1 => (1..60_u64).prop_map(|seq| Act::Release { seq }),
        3 => proptest::sample::select(vec![
            "mode fire", "mode normal", "mode unknown", "move 1", "move 4", "doors open", "doors close",
            "obstruct on", "obstruct off", "floor 3",
        ]).prop_map(Act::Line),
        3 => Just(Act::Tick),
    ]
}

proptest! {
    #[test]
    fn the_safety_rules_hold_whatever_happens(acts in proptest::collection::vec((act(), 0..2500_u64), 1..120)) {
        let settings = LiftSettings { max_hold: Duration::from_secs(12), ..LiftSettings::default() };
        let mut lift = LiftMachine::new(settings.clone(), Memory::default());
        let mut at = 0;
        // When the last accepted lease is over, and how long the lift has been held without a break.
        let mut free_at = 0;
        let mut holding_since = None;
        for (act, pause) in acts {
            at += pause;
            let now = Mono::from_ms(at);
            let mut lease_ms = 0;
            let input = match act {
                Act::Stop { seq, lease, age } => {
                    lease_ms = lease;
                    let verb = Verb::LiftStop { lease: Duration::from_millis(lease) };
                    received(u128::from(seq), 1, seq, verb, at, age)
                }
                Act::Release { seq } => received(u128::from(seq) + 1000, 1, seq, Verb::LiftRelease, at, 0),
                Act::Line(line) => does(line),
                Act::Tick => TICK,
            };
            let is_stop = lease_ms > 0;
            let is_release = matches!(&input, Input::Order(r) if r.order.verb == Verb::LiftRelease);
            let words = said(lift.step(input, now));
            let accepted = words.iter().any(|word| word == "accepted");
            if is_stop && accepted {
                free_at = at + lease_ms;
            }
            let status = lift.status();
            if lift.is_holding() {
                prop_assert!(at < free_at, "held beyond its lease");
                prop_assert_eq!(status.doors, Some(Doors::Open));
                prop_assert_eq!(status.moving, Some(false));
                prop_assert_eq!(status.mode, Some(LiftMode::Normal));
                prop_assert!(!(is_release && accepted), "held after a release");
                let since = *holding_since.get_or_insert(at);
                prop_assert!(Duration::from_millis(at - since) < settings.max_hold, "held beyond the longest stay");
                prop_assert!(lift.wake().is_some_and(|wake| wake <= Mono::from_ms(free_at)), "no timer for its lease");
            } else {
                holding_since = None;
            }
            if words.iter().any(|w| w == "!expired" || w == "!released" || w == "!overridden") {
                holding_since = lift.is_holding().then_some(at);
            }
        }
        // Left alone it is free.
        lift.step(TICK, Mono::from_ms(at + 60_000));
        prop_assert!(!lift.is_holding());
    }
}
