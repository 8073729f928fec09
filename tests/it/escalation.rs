//! Escalation end to end: an alarm that nobody acts on climbs its site's list, once, also over a restart.

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::world::{World, ebike_clip, text, until};

#[tokio::test]
async fn an_alarm_that_waits_too_long_climbs_its_sites_list_once() {
    let mut world = World::start("");
    let clip = world.dir.path().join("ebike.mp4");
    ebike_clip(&clip, |_| true);
    let (_camera_server, uri) = world.rtsp(&clip, "127.0.0.1:0");
    world.post("/sites", json!({ "id": "north" })).await;
    let (status, ordinary) = world.call("GET", "/sites/north/escalation", None).await;
    assert_eq!((status, &ordinary["is_default"]), (200, &json!(true)), "{ordinary}");
    assert_eq!(ordinary["steps"][0]["when"], "not_acknowledged");

    let steps = json!([
        { "when": "not_acknowledged", "after_s": 1, "sound": "urgent", "tell": ["per-1"], "text": "go and look" },
        { "when": "still_there", "after_s": 2, "sound": "siren" },
        { "when": "still_there", "after_s": 86_400, "sound": "siren" },
    ]);
    let (status, kept) = world.call("PUT", "/sites/north/escalation", Some(json!({ "steps": steps }))).await;
    assert_eq!((status, &kept["is_default"]), (200, &json!(false)), "{kept}");
    for (wrong, part) in [
        (json!({ "steps": [{ "when": "bored", "after_s": 1, "sound": "siren" }] }), "not_acknowledged"),
        (json!({ "steps": [{ "when": "still_there", "after_s": 1, "sound": "gong" }] }), "chime"),
        (json!({ "steps": [{ "when": "still_there", "after_s": 90_000, "sound": "siren" }] }), "86400"),
        (json!({ "steps": [{ "when": "still_there", "after_s": -1, "sound": "siren" }] }), "after_s"),
        (json!({ "steps": [], "more": 1 }), "more"),
    ] {
        let (status, problem) = world.call("PUT", "/sites/north/escalation", Some(wrong)).await;
        assert!((400..=422).contains(&status) && problem.to_string().contains(part), "{status} {problem}");
    }
    assert_eq!(world.call("GET", "/sites/south/escalation", None).await.0, 404);

    world.camera(&uri, &[], json!({ "site": "north" })).await;
    let alarm = world.alarm("alarm", |a| a["kind"] == "ebike_in_lift").await;
    let path = format!("/alarms/{}", text(&alarm["id"]));
    let taken = |alarm: &Value| -> Vec<String> {
        alarm["escalations"].as_array().into_iter().flatten().map(|taken| text(&taken["when"])).collect()
    };
    let climbed = until("both steps", async || {
        let alarm = world.get(&path).await;
        (taken(&alarm).len() == 2).then_some(alarm)
    })
    .await;
    assert_eq!(taken(&climbed), ["not_acknowledged", "still_there"]);
    assert_eq!(climbed["escalations"][0]["text"], "go and look");
    assert_eq!(climbed["escalations"][0]["tell"], json!(["per-1"]));
    assert_eq!(climbed["state"], "raised");

    // The next run of the server looks each second too, and takes none of them again.
    world.server.signal(Signal::SIGKILL);
    world.server.wait();
    world.restart();
    let before = world.get("/stats").await["last_seq"].as_u64().expect("a place");
    world.post(&format!("{path}/acknowledge"), json!({})).await;
    until("more than two looks", async || {
        let goes_on = world.get(&path).await;
        let seq = world.get("/stats").await["last_seq"].as_u64()?;
        (goes_on["state"] == "acknowledged" && seq > before).then_some(())
    })
    .await;
    assert_eq!(taken(&world.get(&path).await), ["not_acknowledged", "still_there"]);
    let (status, _) = world.call("PUT", "/sites/north/escalation", Some(json!({ "steps": [] }))).await;
    assert_eq!(status, 200);
}
