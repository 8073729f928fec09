//! Devices over real WebSockets on loopback: the hub and the order book on one side, the simulated devices or a raw
//! peer on the other. The safety rules of docs/device-protocol.md, end to end but for the API's route.

mod hostile;
mod schema;
mod support;

use std::time::Duration;

use support::{Bench, PATIENCE, SHORT, lift, quick_lift};
use yunti::{
    base::clock,
    device::{
        Control, DeviceKind, LiftMode, LinkEvent, OrderState,
        OrderState::{Accepted, Done, Holding, Released, Sent},
        Undeliverable, Verb,
        protocol::{Doors, DownReason},
    },
    simulate::{Change, SimulateArgs, SimulatedDevice},
};

use crate::stall::Stall;

const LEASE_MS: i64 = 1500;
const LEASE: Duration = Duration::from_millis(LEASE_MS.cast_unsigned());

fn stop() -> Verb {
    Verb::LiftStop { lease: LEASE }
}

fn count(changes: &[Change], state: &str) -> usize {
    changes.iter().filter(|change| change.state == state).count()
}

fn last<'a>(changes: &'a [Change], state: &str) -> Option<&'a Change> {
    changes.iter().rev().find(|change| change.state == state)
}

async fn until(device: &SimulatedDevice, state: &str) {
    assert!(device.wait(PATIENCE, |changes| count(changes, state) > 0).await, "never {state}: {:?}", device.changes());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_holds_is_renewed_and_is_released() {
    let bench = Bench::start(1).await;
    let device = lift(&bench, Control::Controlled);
    let sim = SimulatedDevice::spawn(DeviceKind::Lift, quick_lift(&bench)).expect("starts");
    bench.up(device.id).await;
    let first = bench.order(device, stop(), SHORT);
    bench.reached(&first, OrderState::Holding).await;
    until(&sim, "holding").await;
    let second = bench.order(device, stop(), SHORT);
    bench.reached(&second, OrderState::Holding).await;
    let asked = clock::mono();
    let release = bench.order(device, Verb::LiftRelease, SHORT);
    bench.reached(&release, OrderState::Done).await;
    assert!(clock::mono().since(asked) < Duration::from_secs(1), "a release is quick");
    until(&sim, "released").await;
    assert_eq!(bench.states(&first), [Sent, Accepted, Holding, Done], "carried on by the second");
    assert_eq!(bench.states(&second), [Sent, Accepted, Holding, Released]);
    assert_eq!(bench.states(&release), [Sent, Accepted, Done]);
    assert_eq!(count(&sim.changes(), "holding"), 1, "a renewal is no new stay");
    // The doors were told open when it held.
    let open = bench.saw(|event| {
        matches!(event, LinkEvent::State { status, .. }
            if status.doors == Some(Doors::Open) && status.state.as_deref() == Some("holding"))
    });
    open.await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_duplicate_order_runs_once() {
    let bench = Bench::start(1).await;
    let device = lift(&bench, Control::Controlled);
    let sim = SimulatedDevice::spawn(DeviceKind::Lift, quick_lift(&bench)).expect("starts");
    bench.up(device.id).await;
    let order = bench.order(device, stop(), PATIENCE);
    bench.reached(&order, OrderState::Holding).await;
    // The very same order again, as a repeating network or server would send it.
    bench.links.send(order.clone()).expect("sent again");
    bench.heard("\"duplicate\"").await;
    // It did not renew the lease: free one lease after the first.
    until(&sim, "expired").await;
    let changes = sim.changes();
    let held = last(&changes, "expired").expect("expired").at.0 - last(&changes, "holding").expect("holding").at.0;
    assert!(held <= LEASE_MS + 300, "{held} ms");
    bench.links.send(order).expect("sent once more");
    let release = bench.order(device, Verb::LiftRelease, PATIENCE);
    bench.reached(&release, OrderState::Done).await;
    assert_eq!(count(&sim.changes(), "holding"), 1, "{:?}", sim.changes());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_waited_out_a_stalled_link_is_not_run() {
    let bench = Bench::start(1).await;
    let device = lift(&bench, Control::Controlled);
    let stall = Stall::start(bench.address).await;
    let mut args = quick_lift(&bench);
    args.server = format!("ws://{}/", stall.address);
    let sim = SimulatedDevice::spawn(DeviceKind::Lift, args).expect("starts");
    bench.up(device.id).await;
    // One exchange, so that the device knows the server's clock and the line is quiet.
    let warm = bench.order(device, Verb::LiftRelease, PATIENCE);
    bench.reached(&warm, OrderState::Done).await;
    stall.hold(true);
    let order = bench.order(device, stop(), Duration::from_millis(200));
    // It lies in the network until it is worth nothing.
    stall.waiting().await;
    let expires = order.issued + Duration::from_millis(400);
    while clock::mono() < expires {
        tokio::time::sleep(expires.since(clock::mono())).await;
    }
    stall.hold(false);
    bench.heard("it came too late").await;
    let release = bench.order(device, Verb::LiftRelease, PATIENCE);
    bench.reached(&release, OrderState::Done).await;
    assert_eq!(count(&sim.changes(), "holding"), 0, "{:?}", sim.changes());
    assert_eq!(count(&sim.changes(), "refused"), 1, "{:?}", sim.changes());
    assert!(bench.states(&order).contains(&OrderState::Refused), "{:?}", bench.states(&order));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_kept_for_a_device_that_is_away() {
    let bench = Bench::start(1).await;
    let device = lift(&bench, Control::Controlled);
    let sim = SimulatedDevice::spawn(DeviceKind::Lift, quick_lift(&bench)).expect("starts");
    bench.up(device.id).await;
    sim.control("drop-link".parse().expect("a control")).await;
    bench.saw(|event| matches!(event, LinkEvent::Down { .. })).await;
    let order = bench.order(device, stop(), PATIENCE);
    assert_eq!(bench.states(&order), [OrderState::Offline]);
    sim.control("restore-link".parse().expect("a control")).await;
    bench.ups(2).await;
    // Whatever was to come would have come before the answer to this.
    let release = bench.order(device, Verb::LiftRelease, PATIENCE);
    bench.reached(&release, OrderState::Done).await;
    assert_eq!(count(&sim.changes(), "holding"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lift_whose_server_vanishes_is_free_within_one_lease() {
    let bench = Bench::start(1).await;
    let device = lift(&bench, Control::Controlled);
    let sim = SimulatedDevice::spawn(DeviceKind::Lift, quick_lift(&bench)).expect("starts");
    bench.up(device.id).await;
    let order = bench.order(device, stop(), SHORT);
    bench.reached(&order, OrderState::Holding).await;
    bench.vanish();
    until(&sim, "expired").await;
    let changes = sim.changes();
    let held = last(&changes, "expired").expect("expired").at.0 - last(&changes, "holding").expect("holding").at.0;
    assert!(held <= LEASE_MS + 300, "{held} ms");
    // The next run of the server is found, and told of the end.
    let again = Bench::start_at(2, bench.address).await;
    lift(&again, Control::Controlled);
    again.up(device.id).await;
    again.heard("\"state\":\"expired\"").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_knows_that_a_lease_is_over_though_the_lift_is_silent() {
    let bench = Bench::start(1).await;
    let device = lift(&bench, Control::Controlled);
    let sim = SimulatedDevice::spawn(DeviceKind::Lift, quick_lift(&bench)).expect("starts");
    bench.up(device.id).await;
    let order = bench.order(device, stop(), SHORT);
    bench.reached(&order, OrderState::Holding).await;
    sim.control("freeze".parse().expect("a control")).await;
    bench.reached(&order, OrderState::Expired).await;
    let cause = bench.cause(&order).expect("a cause");
    assert!(cause.contains("by the server's clock"), "{cause}");
    until(&sim, "expired").await;
    // An order to a frozen lift: no answer. Thawed, it does not run what piled up.
    let late = bench.order(device, stop(), Duration::from_millis(300));
    bench.reached(&late, OrderState::TimedOut).await;
    sim.control("thaw".parse().expect("a control")).await;
    bench.heard("it came too late").await;
    assert_eq!(count(&sim.changes(), "holding"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fire_mode_frees_a_held_lift_at_once_and_is_told() {
    let bench = Bench::start(1).await;
    let device = lift(&bench, Control::Controlled);
    let sim = SimulatedDevice::spawn(DeviceKind::Lift, quick_lift(&bench)).expect("starts");
    bench.up(device.id).await;
    let order = bench.order(device, Verb::LiftStop { lease: Duration::from_secs(10) }, SHORT);
    bench.reached(&order, OrderState::Holding).await;
    let before = clock::mono();
    sim.control("mode fire".parse().expect("a control")).await;
    bench.reached(&order, OrderState::Released).await;
    assert!(clock::mono().since(before) < Duration::from_secs(1));
    assert_eq!(bench.cause(&order).as_deref(), Some("overridden: mode fire"));
    until(&sim, "overridden").await;
    bench.saw(|event| matches!(event, LinkEvent::State { status, .. } if status.mode == Some(LiftMode::Fire))).await;
    let refused = bench.order(device, stop(), SHORT);
    bench.reached(&refused, OrderState::Refused).await;
    assert_eq!(bench.cause(&refused).as_deref(), Some("mode fire"));
    sim.control("mode normal".parse().expect("a control")).await;
    bench.saw(|event| matches!(event, LinkEvent::State { status, .. } if status.mode == Some(LiftMode::Normal))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_epoch_is_refused_also_after_the_lift_restarted() {
    let folder = tempfile::tempdir().expect("a folder");
    let state_file = Some(folder.path().join("lift.json"));
    let now = Bench::start(5).await;
    let device = lift(&now, Control::Controlled);
    let args = |bench: &Bench| SimulateArgs { state_file: state_file.clone(), ..quick_lift(bench) };
    let sim = SimulatedDevice::spawn(DeviceKind::Lift, args(&now)).expect("starts");
    now.up(device.id).await;
    let order = now.order(device, stop(), SHORT);
    now.reached(&order, OrderState::Holding).await;
    sim.kill().await;
    // It comes back and remembers: the same order is a duplicate, an older seq is old.
    let sim = SimulatedDevice::spawn(DeviceKind::Lift, args(&now)).expect("starts again");
    now.ups(2).await;
    let mut again = order.clone();
    again.issued = clock::mono();
    now.links.send(again).expect("sent");
    now.heard("\"duplicate\"").await;
    sim.kill().await;
    // A server of an earlier run, e.g. one restored from a backup.
    let old = Bench::start(4).await;
    lift(&old, Control::Controlled);
    let sim = SimulatedDevice::spawn(DeviceKind::Lift, args(&old)).expect("starts at the old one");
    old.up(device.id).await;
    let order = old.order(device, stop(), SHORT);
    old.reached(&order, OrderState::Refused).await;
    assert!(old.cause(&order).expect("a cause").contains("older epoch"));
    assert_eq!(count(&sim.changes(), "holding"), 0);
    // A memory that cannot be read is an error, not an empty memory.
    std::fs::write(folder.path().join("lift.json"), "{").expect("written");
    let error = SimulatedDevice::spawn(DeviceKind::Lift, args(&old)).err().expect("an error").to_string();
    assert!(error.contains("remove it if the device shall forget"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lift_of_kind_a_is_never_stopped() {
    let bench = Bench::start(1).await;
    let device = lift(&bench, Control::AlarmOnly);
    let mut args = quick_lift(&bench);
    args.lift.controlled = false;
    let sim = SimulatedDevice::spawn(DeviceKind::Lift, args).expect("starts");
    bench.up(device.id).await;
    let order = bench.order(device, stop(), SHORT);
    assert_eq!(bench.states(&order), [OrderState::Refused]);
    assert_eq!(bench.cause(&order), Some(Undeliverable::AlarmOnly.to_string()));
    // Even if the server were told that it may: the device itself refuses.
    bench.links.disconnect(device.id);
    bench.saw(|event| matches!(event, LinkEvent::Down { reason: DownReason::Disconnected, .. })).await;
    let device = lift(&bench, Control::Controlled);
    bench.ups(2).await;
    let order = bench.order(device, stop(), SHORT);
    bench.reached(&order, OrderState::Refused).await;
    assert!(bench.cause(&order).expect("a cause").starts_with("kind A"));
    assert_eq!(count(&sim.changes(), "holding"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn voice_light_and_gate_do_their_work_and_say_so() {
    let bench = Bench::start(1).await;
    let cases = [
        (DeviceKind::Voice, Verb::VoicePlay { text: "出".to_owned(), lang: "zh".to_owned(), repeat: 1 }, "playing"),
        (DeviceKind::Light, Verb::LightFlash { seconds: 1 }, "flashing"),
        (DeviceKind::Gate, Verb::GateOpen { seconds: 1 }, "open"),
    ];
    for (number, (kind, verb, word)) in cases.into_iter().enumerate() {
        let token = format!("token-{number}");
        let device = bench.admit(&token, 100 + number as u128, kind, Control::AlarmOnly);
        let sim = SimulatedDevice::spawn(kind, bench.args(&token)).expect("starts");
        bench.up(device.id).await;
        let order = bench.order(device, verb, SHORT);
        until(&sim, word).await;
        bench.reached(&order, OrderState::Done).await;
        assert_eq!(bench.states(&order), [OrderState::Sent, OrderState::Accepted, OrderState::Done]);
        // What is not for its kind is not sent to it.
        let foreign = bench.order(device, stop(), SHORT);
        assert_eq!(bench.states(&foreign), [OrderState::Refused]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shutting_down_still_releases_held_lifts() {
    let bench = Bench::start(1).await;
    let device = lift(&bench, Control::Controlled);
    let sim = SimulatedDevice::spawn(DeviceKind::Lift, quick_lift(&bench)).expect("starts");
    bench.up(device.id).await;
    let order = bench.order(device, Verb::LiftStop { lease: Duration::from_secs(10) }, SHORT);
    bench.reached(&order, OrderState::Holding).await;
    bench.order(device, Verb::LiftRelease, SHORT);
    bench.links.shut_down(PATIENCE).await;
    until(&sim, "released").await;
    bench.saw(|event| matches!(event, LinkEvent::Down { reason: DownReason::ShuttingDown, .. })).await;
    let late = bench.order(device, stop(), SHORT);
    assert_eq!(bench.states(&late), [OrderState::Offline]);
}
