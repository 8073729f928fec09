//! The audit log of the real binary: every act, log-in and order is in it, and one changed line is found.

use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::world::{World, ebike_clip, text, until};

fn verify(world: &World) -> Output {
    Command::new(env!("CARGO_BIN_EXE_yunti"))
        .args(["audit", "verify", "--data", "data"])
        .current_dir(world.dir.path())
        .output()
        .expect("audit verify runs")
}

async fn lines(world: &World) -> Vec<Value> {
    world.get("/audit?limit=200").await["items"].as_array().expect("items").clone()
}

#[tokio::test]
async fn orders_acts_and_log_ins_are_chained_and_a_changed_line_is_found() {
    let world = World::start("");
    world
        .post(
            "/people",
            json!({ "name": "guard", "password": "correct horse", "grants": [{ "role": "operator", "site": null }] }),
        )
        .await;
    for (password, status) in [("wrong horse", 401), ("correct horse", 200)] {
        let body = json!({ "name": "guard", "password": password });
        assert_eq!(world.call("POST", "/session", Some(body)).await.0, status);
    }
    let clip = world.dir.path().join("ebike.mp4");
    ebike_clip(&clip, |_| true);
    let (_camera_server, uri) = world.rtsp(&clip, "127.0.0.1:0");
    let (lift_id, lift) = world.device("lift", Some("B")).await;
    world.camera(&uri, &[&lift_id], json!({})).await;
    lift.wait_state(0, "holding");
    let alarm = world.alarm("alarm", |a| a["kind"] == "ebike_in_lift").await;
    let alarm = text(&alarm["id"]);
    world.post(&format!("/alarms/{alarm}/false-alarm"), json!({ "note": "a pram" })).await;
    let has = |lines: &[Value], actor: &str, act: &str, subject: &str| {
        lines.iter().any(|l| l["actor"] == actor && l["act"] == act && (subject.is_empty() || l["subject"] == subject))
    };
    let lines = until("the release in the log", async || {
        let lines = lines(&world).await;
        has(&lines, "yunti", "order.lift.release", &lift_id).then_some(lines)
    })
    .await;
    for (actor, act, subject) in [
        ("command line", "token.create", ""),
        ("test", "person.create", ""),
        ("guard", "session.refused", ""),
        ("guard", "session.begin", ""),
        ("test", "device.create", &lift_id),
        ("test", "camera.create", ""),
        ("yunti", "order.lift.stop", &lift_id),
        ("test", "alarm.false_alarm", &alarm),
    ] {
        assert!(has(&lines, actor, act, subject), "{actor} {act} {subject} is not in {lines:#?}");
    }
    let stop = lines.iter().find(|l| l["act"] == "order.lift.stop").expect("a stop");
    assert_eq!(stop["detail"]["alarm"], alarm.as_str(), "{stop}");
    assert!(lines.iter().all(|l| l["hash"].as_str().is_some_and(|h| h.len() == 64)));

    let good = verify(&world);
    let said = String::from_utf8_lossy(&good.stdout).into_owned();
    assert!(
        good.status.success() && said.starts_with("unbroken: "),
        "{said} {}",
        String::from_utf8_lossy(&good.stderr)
    );
    let refused = lines.iter().find(|l| l["act"] == "session.refused").expect("it");
    let db = rusqlite::Connection::open(world.dir.path().join("data/yunti.db")).expect("opens");
    db.busy_timeout(std::time::Duration::from_secs(10)).expect("set");
    let changed =
        db.execute("UPDATE audit SET actor = 'nobody' WHERE id = ?1", [refused["id"].as_i64()]).expect("done");
    assert_eq!(changed, 1);
    let broken = verify(&world);
    let said = String::from_utf8_lossy(&broken.stderr).into_owned();
    assert!(!broken.status.success(), "{said}");
    assert!(said.contains(&format!("broken at line {}:", refused["id"])), "{said}");
}

#[tokio::test]
async fn every_answer_tells_browsers_what_is_not_to_be_done() {
    let world = World::start("");
    let http = reqwest::Client::new();
    for path in
        ["/", "/api/v1/docs", "/api/v1/openapi.json", "/api/v1/cameras", "/no/such/page", "/health/live", "/metrics"]
    {
        let answer = http.get(format!("{}{path}", world.base)).send().await.expect("answer");
        let header = |name: &str| answer.headers().get(name).map(|v| v.to_str().expect("text").to_owned());
        let policy = header("content-security-policy").unwrap_or_default();
        for part in
            ["default-src 'self'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"]
        {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(header("x-content-type-options").as_deref(), Some("nosniff"), "{path}");
        assert_eq!(header("referrer-policy").as_deref(), Some("no-referrer"), "{path}");
        assert_eq!(header("strict-transport-security"), None, "{path}: not over TLS");
        let page = answer.text().await.expect("text");
        if path == "/" || path == "/api/v1/docs" {
            assert!(!page.contains("<style") && !page.contains("style=") && !page.contains("<script>"), "{path}");
        }
    }
}
