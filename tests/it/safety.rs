//! The safety promises, end to end: real RTSP, the real binary, a real lift simulator over a real WebSocket, real kills.
//! Bounds on time here are promises (docs/safety.md), each with ample margin for a busy machine.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::stall::Stall;
use crate::world::{Process, World, ebike_clip, text, until};

/// One lease, as `pipelines/elevator.toml` has it.
const LEASE: Duration = Duration::from_secs(3);
/// The camera watchdog's default.
const WATCHDOG: Duration = Duration::from_secs(2);
/// What a busy machine may add.
const MARGIN: Duration = Duration::from_millis(1500);

struct Held {
    world: World,
    camera_server: Process,
    lift: Process,
    lift_id: String,
    camera: String,
    alarm: Value,
}

/// A controlled lift that is held because its camera shows an e-bike all the time.
async fn held() -> Held {
    let world = World::start("");
    let clip = world.dir.path().join("ebike.mp4");
    ebike_clip(&clip, |_| true);
    let (camera_server, uri) = world.rtsp(&clip, "127.0.0.1:0");
    let (lift_id, lift) = world.device("lift", Some("B")).await;
    let camera = world.camera(&uri, &[&lift_id], json!({})).await;
    lift.wait_state(0, "holding");
    let alarm = world.alarm("alarm with a held lift", |a| a["lift"] == "holding").await;
    Held { world, camera_server, lift, lift_id, camera, alarm }
}

fn free_after(lift: &Process, mark: usize, states: &[&str], since: Instant, bound: Duration) -> Duration {
    let (at, line) = lift.wait_line(mark, "a free lift", |l| {
        serde_json::from_str::<Value>(l).is_ok_and(|v| states.iter().any(|s| v["state"] == *s))
    });
    let took = at.saturating_duration_since(since);
    assert!(took <= bound, "free after {took:?}, promised {bound:?}: {line}");
    took
}

#[tokio::test]
async fn a_killed_server_leaves_the_lift_free_within_one_lease() {
    let mut held = held().await;
    let (mark, since) = (held.lift.mark(), Instant::now());
    held.world.server.signal(Signal::SIGKILL);
    let took = free_after(&held.lift, mark, &["expired"], since, LEASE + MARGIN);
    println!("free {took:?} after SIGKILL");

    // And the next server knows what was open; the e-bike is still there, so the same alarm goes on and the lift is
    // held again, by an order of a newer epoch.
    held.world.restart();
    let path = format!("/alarms/{}", text(&held.alarm["id"]));
    until("the restart in the alarm's timeline", async || {
        let alarm = held.world.get(&path).await;
        let steps = alarm["timeline"].as_array()?;
        steps
            .iter()
            .any(|s| s["name"] == "cleared" && s["detail"].as_str().is_some_and(|d| d.contains("restarted")))
            .then_some(())
    })
    .await;
    held.lift.wait_state(mark, "holding");
}

#[tokio::test]
async fn a_frozen_camera_frees_the_lift_within_lease_and_watchdog() {
    let held = held().await;
    let (mark, since) = (held.lift.mark(), Instant::now());
    held.camera_server.signal(Signal::SIGSTOP);
    let took = free_after(&held.lift, mark, &["expired", "released"], since, LEASE + WATCHDOG + MARGIN);
    println!("free {took:?} after SIGSTOP");
    until("the camera is known to be gone", async || {
        let camera = held.world.get(&format!("/cameras/{}", held.camera)).await;
        (camera["phase"] != "live").then_some(())
    })
    .await;
    held.camera_server.signal(Signal::SIGCONT);
    held.world.phase(&held.camera, "live").await;
}

/// A link that says nothing for 30 s and then delivers everything: the stop that lay in it is worth nothing by then.
#[tokio::test]
async fn a_stop_that_waited_out_a_link_loss_of_thirty_seconds_is_not_run() {
    let world = World::start("");
    let clip = world.dir.path().join("ebike.mp4");
    ebike_clip(&clip, |_| true);
    let (_camera_server, uri) = world.rtsp(&clip, "127.0.0.1:0");
    let link = Stall::start(world.base.trim_start_matches("http://").parse().expect("an address")).await;
    let (lift_id, lift) = world.device_by(&format!("http://{}", link.address), "lift", Some("B")).await;
    link.hold(true);
    let lost = Instant::now();
    let camera = world.camera(&uri, &[&lift_id], json!({})).await;
    let alarm = world.alarm("alarm", |a| a["kind"] == "ebike_in_lift").await;
    link.waiting().await;
    // The camera is taken away, so that no new stop is ordered when the link is back.
    let (status, _) = world.call("DELETE", &format!("/cameras/{camera}"), None).await;
    assert_eq!(status, 204);
    tokio::time::sleep_until((lost + Duration::from_secs(30)).into()).await;
    let shown = world.get(&format!("/alarms/{}", text(&alarm["id"]))).await;
    assert!(!["accepted", "holding"].contains(&text(&shown["lift"]).as_str()), "{shown}");
    let trouble = world.alarm("the lift's own alarm", |a| a["kind"] == "device_trouble").await;
    assert_eq!(trouble["device"], lift_id.as_str());

    let mark = lift.mark();
    link.hold(false);
    world.online(&lift_id).await;
    // It is back for good, and what had been in the network has arrived before: one more round proves it.
    let (status, _) = world.call("POST", &format!("/alarms/{}/resolve", text(&alarm["id"])), Some(json!({}))).await;
    assert_eq!(status, 200);
    let (again, _voice) = world.device("voice", None).await;
    world.online(&again).await;
    world.online(&lift_id).await;
    assert!(
        !lift.states(0).contains(&"holding".to_owned()),
        "{:?}, after the loss {:?}",
        lift.states(0),
        lift.states(mark)
    );
}

#[tokio::test]
async fn fire_mode_frees_the_lift_at_once_and_keeps_it_free() {
    let mut held = held().await;
    let (mark, since) = (held.lift.mark(), Instant::now());
    held.lift.tell("mode fire");
    free_after(&held.lift, mark, &["overridden"], since, Duration::from_secs(1));
    // The camera goes on showing the e-bike: after many more frames the lift is still free.
    analysed(&held, 30).await;
    assert!(!held.lift.states(mark).contains(&"holding".to_owned()), "{:?}", held.lift.states(mark));
    let id = text(&held.alarm["id"]);
    let alarm = held.world.get(&format!("/alarms/{id}")).await;
    assert_ne!(alarm["lift"], "holding", "{alarm}");
}

#[tokio::test]
async fn a_false_alarm_frees_the_lift_within_a_second_and_the_same_track_never_stops_it_again() {
    let held = held().await;
    let (mark, since) = (held.lift.mark(), Instant::now());
    let id = text(&held.alarm["id"]);
    let closed = held.world.post(&format!("/alarms/{id}/false-alarm"), json!({ "note": "a toy" })).await;
    assert_eq!(closed["state"], "false_alarm");
    let took = free_after(&held.lift, mark, &["released"], since, Duration::from_secs(1));
    println!("free {took:?} after the false alarm");
    analysed(&held, 30).await;
    assert!(!held.lift.states(mark).contains(&"holding".to_owned()), "{:?}", held.lift.states(mark));

    // Two people at once: the second is told.
    let (status, problem) = held.world.call("POST", &format!("/alarms/{id}/acknowledge"), Some(json!({}))).await;
    assert_eq!(status, 409, "{problem}");
    assert!(problem["detail"].as_str().is_some_and(|d| d.contains("false_alarm")), "{problem}");
}

#[tokio::test]
async fn a_lift_of_kind_a_is_never_held_and_the_alarm_is_raised_all_the_same() {
    let world = World::start("");
    let clip = world.dir.path().join("ebike.mp4");
    ebike_clip(&clip, |_| true);
    let (_camera_server, uri) = world.rtsp(&clip, "127.0.0.1:0");
    let (lift, lift_process) = world.device("lift", None).await;
    let (voice, voice_process) = world.device("voice", None).await;
    world.camera(&uri, &[&lift, &voice], json!({})).await;
    let alarm = world.alarm("alarm", |a| a["kind"] == "ebike_in_lift").await;
    voice_process.wait_line(0, "the voice prompt", |l| l.contains("playing"));
    assert_eq!(alarm["lift"], "none", "{alarm}");
    assert!(!lift_process.states(0).contains(&"holding".to_owned()));
}

#[tokio::test]
async fn one_stay_is_one_alarm_that_clears_and_releases_when_the_ebike_is_out() {
    let world = World::start("");
    let clip = world.dir.path().join("stay.mp4");
    // 12 s at 10 fps: in from 2 s to 6 s.
    ebike_clip(&clip, |frame| (20..60).contains(&frame));
    let (_camera_server, uri) = world.rtsp(&clip, "127.0.0.1:0");
    let (lift_id, lift) = world.device("lift", Some("B")).await;
    world.camera(&uri, &[&lift_id], json!({})).await;
    lift.wait_state(0, "holding");
    let alarm = world.alarm("the alarm cleared", |a| a["cleared_at"].is_string()).await;
    let id = text(&alarm["id"]);
    lift.wait_state(0, "released");
    let whole = world.get(&format!("/alarms/{id}")).await;
    let steps: Vec<&str> =
        whole["timeline"].as_array().expect("timeline").iter().filter_map(|s| s["name"].as_str()).collect();
    for step in ["captured", "decoded", "inferred", "confirmed", "sent", "accepted", "holding", "cleared"] {
        assert!(steps.contains(&step), "{step} is missing in {steps:?}");
    }
    until("the alarm's picture", async || {
        let (status, _) = world.call("GET", &format!("/alarms/{id}/snapshot"), None).await;
        (status == 200).then_some(())
    })
    .await;
}

/// Waits until `count` more frames of the camera were analysed.
async fn analysed(held: &Held, count: u64) {
    let path = format!("/cameras/{}", held.camera);
    let now = async || held.world.get(&path).await["frames"]["analysed"].as_u64().expect("a count");
    let from = now().await;
    until("more frames", async || (now().await >= from + count).then_some(())).await;
    assert_eq!(held.world.get(&format!("/devices/{}", held.lift_id)).await["online"], true);
}
