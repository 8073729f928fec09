//! The resources as an integrator uses them.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use yunti::{
    access::Role,
    alarm::AlarmSighting,
    base::{CameraId, NormRect, TrackId},
    detect::Label,
    store::Write,
};

use super::support::{Server, answer, problem};

#[tokio::test]
async fn a_camera_is_registered_changed_and_removed() {
    let server = Server::start().await;
    let (lift, _) = server.lift().await;
    let new = json!({
        "name": "一号楼 1 号梯", "uri": "rtsp://root:s3cret@10.0.0.7:554/live?channel=1", "pipeline": "elevator", "site": "north",
        "transport": "udp", "zone": [[0.1, 0.1], [0.9, 0.1], [0.5, 0.9]], "devices": [lift],
        "schedule": { "time_zone": "Asia/Shanghai", "windows": [{ "days": ["mon", "sat"], "from": "22:00", "to": "06:00" }] },
        "overrides": { "min_score": 0.5, "hold_score": 0.7, "confirm": { "seen": 3, "of": 5 }, "clear_after_s": 2.5, "cooldown_s": 30, "margin": 0.1 },
    });
    let response = server.request(Method::POST, "/api/v1/cameras").json(&new).send().await.expect("an answer");
    assert_eq!(response.status(), StatusCode::CREATED);
    assert_eq!(response.headers()["etag"], "\"1\"");
    let location = response.headers()["location"].to_str().expect("text").to_owned();
    let camera: Value = response.json().await.expect("JSON");
    let id = camera["id"].as_str().expect("an id").to_owned();
    assert_eq!(location, format!("/api/v1/cameras/{id}"));
    assert_eq!(camera["uri"], "rtsp://10.0.0.7:554/live?channel=1");
    assert_eq!(camera["has_credentials"], true);
    assert_eq!((&camera["phase"], &camera["reconnects"]), (&json!("live"), &json!(2)));
    for field in ["name", "pipeline", "site", "transport", "zone", "devices", "schedule", "overrides"] {
        if field != "overrides" && field != "zone" {
            assert_eq!(camera[field], new[field], "{field}");
        }
    }
    assert_eq!(camera["overrides"]["confirm"], json!({ "seen": 3, "of": 5 }));
    assert!(!camera.to_string().contains("s3cret") && !camera.to_string().contains("root"), "{camera}");
    assert_eq!(server.get(&location).await, camera);
    assert_eq!(server.get("/api/v1/cameras").await["items"], json!([camera]));

    // A change leaves the rest, credentials included; null sets back.
    let (status, changed) = server
        .call(Method::PATCH, &location, Some(json!({ "name": "B", "zone": null, "site": null, "enabled": false })))
        .await;
    assert_eq!(status, StatusCode::OK, "{changed}");
    assert_eq!(
        (&changed["name"], &changed["zone"], &changed["site"], &changed["enabled"], &changed["version"]),
        (&json!("B"), &Value::Null, &Value::Null, &json!(false), &json!(2))
    );
    assert_eq!((&changed["schedule"], &changed["has_credentials"]), (&new["schedule"], &json!(true)));
    let kept = server.store.camera(id.parse::<CameraId>().expect("an id")).await.expect("read").expect("there");
    assert_eq!(kept.uri.password().map(yunti::base::Secret::expose), Some("s3cret"));

    let (status, _) = server.call(Method::DELETE, &location, None).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    assert_eq!(problem(server.call(Method::GET, &location, None).await).0, 404);
    assert_eq!(problem(server.call(Method::DELETE, &location, None).await).0, 404);
    // Registration, change and removal reached the running system, each once, and watchers.
    assert_eq!(server.fake.changed.lock().expect("no panic").iter().filter(|c| **c == id).count(), 3);
    let events = server.store.events_after(0, 100).await.expect("read").events;
    let kinds: Vec<&str> = events.iter().map(|e| e.kind.as_str()).collect();
    assert_eq!(kinds, ["device.added", "camera.added", "camera.changed", "camera.removed"]);
}

/// Two change one thing at once, having read the same version; `change` is a body that names its writer.
async fn check_the_slower_loses(server: &Server, method: Method, path: &str, change: impl Fn(&str) -> Value) {
    let read = async || {
        let answer = server.request(Method::GET, path).send().await.expect("an answer");
        answer.headers()["etag"].to_str().expect("text").trim_matches('"').parse::<u64>().expect("a version")
    };
    let send = |name: &str, etag: String| {
        answer(server.request(method.clone(), path).header("if-match", etag).json(&change(name)))
    };
    let first = read().await;
    let seen = format!("\"{first}\"");
    let (a, b) = tokio::join!(send("A", seen.clone()), send("B", seen.clone()));
    let mut statuses = [a.0.as_u16(), b.0.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412], "{path}");
    let (_, loser) = if a.0 == StatusCode::OK { b } else { a };
    let now = format!("\"{}\"", first + 1);
    assert!(loser["detail"].as_str().expect("a detail").contains(&format!("ETag is {now}")), "{path}: {loser}");
    for (etag, status) in
        [(seen.as_str(), 412), ("\"99\"", 412), ("2", 400), ("W/\"2\"", 400), (now.as_str(), 200), ("*", 200)]
    {
        assert_eq!(send("C", etag.to_owned()).await.0.as_u16(), status, "{path}: {etag}");
    }
    // Whoever names no version wins, and is counted.
    let (status, body) = server.call(method.clone(), path, Some(change("D"))).await;
    assert_eq!((status, read().await), (StatusCode::OK, first + 4), "{path}: {body}");
    if method == Method::PATCH {
        let delete = |etag: String| answer(server.request(Method::DELETE, path).header("if-match", etag));
        assert_eq!(delete(seen).await.0.as_u16(), 412, "{path}");
        assert_eq!(delete(format!("\"{}\"", first + 4)).await.0.as_u16(), 204, "{path}");
    }
}

#[tokio::test]
async fn of_two_changes_of_one_version_the_slower_loses() {
    let server = Server::start().await;
    let rename = |name: &str| json!({ "name": name });
    let camera = format!("/api/v1/cameras/{}", server.camera().await);
    check_the_slower_loses(&server, Method::PATCH, &camera, rename).await;
    let device = format!("/api/v1/devices/{}", server.lift().await.0);
    check_the_slower_loses(&server, Method::PATCH, &device, rename).await;
    let (status, site) = server.call(Method::POST, "/api/v1/sites", Some(json!({ "id": "north" }))).await;
    assert_eq!((status, &site["version"]), (StatusCode::CREATED, &json!(1)), "{site}");
    let steps = |text: &str| json!({ "steps": [{ "when": "still_there", "after_s": 1, "sound": "siren", "tell": [], "text": text }] });
    check_the_slower_loses(&server, Method::PUT, "/api/v1/sites/north/escalation", steps).await;
    check_the_slower_loses(&server, Method::PATCH, "/api/v1/sites/north", rename).await;
    let person = json!({ "name": "Li", "password": "correct horse", "grants": [{ "role": "viewer", "site": null }] });
    let (status, person) = server.call(Method::POST, "/api/v1/people", Some(person)).await;
    assert_eq!((status, &person["version"]), (StatusCode::CREATED, &json!(1)), "{person}");
    let person = format!("/api/v1/people/{}", person["id"].as_str().expect("an id"));
    check_the_slower_loses(&server, Method::PATCH, &person, rename).await;
}

#[tokio::test]
async fn a_device_is_registered_and_its_token_shown_once() {
    let server = Server::start().await;
    let (id, token) = server.lift().await;
    assert!(token.starts_with("yd_"));
    let path = format!("/api/v1/devices/{id}");
    let device = server.get(&path).await;
    assert_eq!((&device["kind"], &device["control"], &device["online"]), (&json!("lift"), &json!("B"), &json!(false)));
    assert!(device.get("token").is_none());
    let (_, voice) = server.call(Method::POST, "/api/v1/devices", Some(json!({ "name": "v", "kind": "voice" }))).await;
    assert_eq!(voice["control"], Value::Null);
    let (_, plain) = server.call(Method::POST, "/api/v1/devices", Some(json!({ "name": "l", "kind": "lift" }))).await;
    assert_eq!(plain["control"], "A", "alarms only is the default");

    let (_, changed) = server.call(Method::PATCH, &path, Some(json!({ "control": "A", "site": "north" }))).await;
    assert_eq!((&changed["control"], &changed["site"], &changed["version"]), (&json!("A"), &json!("north"), &json!(2)));
    assert_eq!(problem(server.call(Method::PATCH, &path, Some(json!({ "kind": "gate" }))).await).0, 422);
    server.call(Method::POST, &format!("{path}/token"), None).await;
    assert_eq!(
        server.fake.changed.lock().expect("no panic").last(),
        Some(&format!("cut {id}")),
        "the old token's socket"
    );

    // A removed device leaves its cameras' lists, and the running system hears of both.
    let camera = server.camera().await;
    let camera_path = format!("/api/v1/cameras/{camera}");
    server.call(Method::PATCH, &camera_path, Some(json!({ "devices": [id] }))).await;
    server.fake.changed.lock().expect("no panic").clear();
    assert_eq!(server.call(Method::DELETE, &path, None).await.0, StatusCode::NO_CONTENT);
    assert_eq!(server.get(&camera_path).await["devices"], json!([]));
    assert_eq!(*server.fake.changed.lock().expect("no panic"), [id, camera]);
}

#[tokio::test]
async fn alarms_are_listed_in_pages_and_filtered() {
    let server = Server::start().await;
    let base = 1_795_501_800_000;
    let mut ids = Vec::new();
    for n in 0..7 {
        ids.insert(0, server.alarm(base + n * 1000).await.to_string());
    }
    let mut seen = Vec::new();
    let mut next = String::new();
    loop {
        let page = server.get(&format!("/api/v1/alarms?limit=3{next}")).await;
        seen.extend(
            page["items"].as_array().expect("items").iter().map(|a| a["id"].as_str().expect("an id").to_owned()),
        );
        match page["next"].as_str() {
            Some(cursor) => next = format!("&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(seen, ids);
    for (query, count) in [
        ("state=raised", 7),
        ("state=resolved", 0),
        ("state=raised,resolved", 7),
        ("since=2026-11-24T06:30:04Z", 3),
        ("since=2026-11-24T14:30:04%2B08:00", 3),
        ("camera=cam-00000000000000000000000000000001", 7),
        ("camera=cam-00000000000000000000000000000002", 0),
        ("state=&limit=2", 2),
    ] {
        let page = server.get(&format!("/api/v1/alarms?{query}")).await;
        assert_eq!(page["items"].as_array().expect("items").len(), count, "{query}");
    }
}

#[tokio::test]
async fn an_operator_acts_and_the_second_one_hears_who_was_first() {
    let server = Server::start().await;
    let id = server.alarm(1000).await;
    let operator = server.token(Role::Operator).await;
    let act = |act: &str, body: Option<Value>| {
        let request = server.bare(Method::POST, &format!("/api/v1/alarms/{id}/{act}")).bearer_auth(&operator);
        answer(match body {
            Some(body) => request.json(&body),
            None => request,
        })
    };
    let (status, alarm) = act("acknowledge", None).await;
    assert_eq!(
        (status, &alarm["state"], &alarm["actor"]),
        (StatusCode::OK, &json!("acknowledged"), &json!("operator"))
    );
    let (status, alarm) = act("false-alarm", Some(json!({ "note": " a pram\nnot a bike " }))).await;
    assert_eq!(
        (status, &alarm["state"], &alarm["note"]),
        (StatusCode::OK, &json!("false_alarm"), &json!("a pram not a bike"))
    );
    assert!(alarm["timeline"].is_array() && alarm["orders"].is_array());
    let (status, detail) = problem(act("resolve", Some(json!({}))).await);
    assert_eq!(status, 409);
    assert!(detail.contains("false_alarm already, by operator"), "{detail}");
    assert_eq!(problem(act("resolve", Some(json!({ "note": "x".repeat(1001) }))).await).0, 422);
    assert_eq!(problem(act("resolve", Some(json!({ "notes": "x" }))).await).0, 422);
}

#[tokio::test]
async fn a_snapshot_is_a_picture_or_says_why_not() {
    let server = Server::start().await;
    let id = server.alarm(1000).await;
    let path = format!("/api/v1/alarms/{id}/snapshot");
    let (status, detail) = problem(server.call(Method::GET, &path, None).await);
    assert_eq!(status, 404);
    assert!(detail.contains("no picture (yet)"), "{detail}");
    let file = yunti::media::alarm_picture(&server.state.media_dir, id);
    std::fs::create_dir_all(file.parent().expect("a folder")).expect("made");
    let grey = image::RgbImage::from_pixel(320, 180, image::Rgb([90; 3]));
    grey.save_with_format(&file, image::ImageFormat::Jpeg).expect("written");
    let kept = std::fs::read(&file).expect("read");
    let mut alarm = server.store.alarm(id).await.expect("read").expect("there");
    alarm.sighting = Some(AlarmSighting {
        track: TrackId(1),
        label: Label::new("ebike"),
        score: 0.8,
        rect: NormRect { x0: 0.25, y0: 0.25, x1: 0.75, y1: 0.75 },
    });
    server.store.write(vec![Write::Alarm(Box::new(alarm))]).await.expect("written");
    let get = async |path: String| {
        let response = server.request(Method::GET, &path).send().await.expect("an answer");
        assert_eq!(response.headers()["content-type"], "image/jpeg");
        response.bytes().await.expect("bytes")
    };
    assert_eq!(get(format!("{path}?plain=true")).await, kept, "as the camera saw it");
    let drawn = image::load_from_memory(&get(path.clone()).await).expect("a picture").into_rgb8();
    assert_eq!(drawn.dimensions(), (320, 180));
    let red = drawn.pixels().filter(|p| p.0[0] > 180 && p.0[1] < 90).count();
    assert!(red > 100, "the box is drawn: {red} red pixels");
    std::fs::write(&file, b"\xff\xd8no picture").expect("written");
    assert_eq!(server.call(Method::GET, &path, None).await.0, 500);
}

#[tokio::test]
async fn tokens_are_made_used_and_revoked() {
    let server = Server::start().await;
    let (status, made) =
        server.call(Method::POST, "/api/v1/tokens", Some(json!({ "name": "wall screen", "role": "viewer" }))).await;
    assert_eq!(status, StatusCode::CREATED);
    let (id, token) = (made["id"].as_str().expect("an id"), made["token"].as_str().expect("a token"));
    let open = || async {
        server.bare(Method::GET, "/api/v1/stats").bearer_auth(token).send().await.expect("an answer").status()
    };
    assert_eq!(open().await, 200);
    let list = server.get("/api/v1/tokens").await;
    assert!(!list.to_string().contains(token), "a token is shown once");
    assert_eq!(server.call(Method::DELETE, &format!("/api/v1/tokens/{id}"), None).await.0, StatusCode::NO_CONTENT);
    assert_eq!(open().await, 401);
    // One letter of the secret changed.
    let mut forged = server.admin.clone();
    let letter = forged.pop().expect("a letter");
    forged.push(if letter == 'A' { 'E' } else { 'A' });
    let response = server.bare(Method::GET, "/api/v1/stats").bearer_auth(forged).send().await.expect("an answer");
    assert_eq!(response.status(), 401);
    assert!(response.headers()["www-authenticate"].to_str().expect("text").starts_with("Bearer"));
}

#[tokio::test]
async fn every_change_is_in_the_audit_log_without_secrets() {
    let server = Server::start().await;
    let camera = server.camera().await;
    let (lift, token) = server.lift().await;
    server
        .call(
            Method::PATCH,
            &format!("/api/v1/cameras/{camera}"),
            Some(json!({ "uri": "rtsp://root:other@10.0.0.8/" })),
        )
        .await;
    server.call(Method::POST, &format!("/api/v1/devices/{lift}/token"), None).await;
    server.call(Method::DELETE, &format!("/api/v1/devices/{lift}"), None).await;
    server.call(Method::DELETE, &format!("/api/v1/cameras/{camera}"), None).await;
    let page = server.get("/api/v1/audit?limit=6").await;
    let acts: Vec<_> =
        page["items"].as_array().expect("items").iter().map(|l| (l["actor"].as_str(), l["act"].as_str())).collect();
    let by = Some("test admin");
    assert_eq!(
        acts,
        [
            (by, Some("camera.remove")),
            (by, Some("device.remove")),
            (by, Some("device.token")),
            (by, Some("camera.change")),
            (by, Some("device.create")),
            (by, Some("camera.create")),
        ]
    );
    let rest = server.get(&format!("/api/v1/audit?cursor={}", page["next"])).await;
    assert_eq!(rest["items"][0]["act"], "token.create");
    for secret in ["s3cret", "root", "other", &token[40..]] {
        assert!(!page.to_string().contains(secret), "{secret} is in {page}");
    }
}

#[tokio::test]
async fn the_server_tells_of_itself() {
    let ready = Arc::new(AtomicBool::new(true));
    let state_of = Arc::clone(&ready);
    let server = Server::start_with(|state| {
        state.system = Arc::new(|| json!({ "decode": { "chosen": "software" } }));
        state.models = Arc::new(|| json!([{ "name": "ebike" }]));
        state.ready =
            Arc::new(
                move || if state_of.load(Ordering::Relaxed) { Ok(()) } else { Err("every engine is down".to_owned()) },
            );
    })
    .await;
    server.camera().await;
    server.lift().await;
    server.alarm(1).await;
    let stats = server.get("/api/v1/stats").await;
    assert_eq!(
        (&stats["open_alarms"], &stats["cameras"]["live"], &stats["devices_offline"]),
        (&json!(1), &json!(1), &json!(1))
    );
    assert_eq!((&stats["last_seq"], &stats["frames_displaced"]), (&json!(3), &json!(4)));
    let system = server.get("/api/v1/system").await;
    assert_eq!((&system["decode"]["chosen"], &system["name"]), (&json!("software"), &json!("yunti")));
    assert_eq!(server.get("/api/v1/models").await["items"][0]["name"], "ebike");
    let pipelines = server.get("/api/v1/pipelines").await;
    let names: Vec<_> = pipelines["items"].as_array().expect("items").iter().map(|p| p["name"].clone()).collect();
    assert_eq!(names, ["elevator", "gate"]);
    assert_eq!(server.get("/metrics").await, "yunti_frames_total 1\n");
    assert_eq!(server.bare(Method::GET, "/health/ready").send().await.expect("an answer").status(), 200);
    ready.store(false, Ordering::Relaxed);
    let (code, detail) = problem(answer(server.bare(Method::GET, "/health/ready")).await);
    assert_eq!((code, detail.as_str()), (503, "every engine is down"));
    let page = server.bare(Method::GET, "/api/v1/docs").send().await.expect("an answer").text().await.expect("text");
    assert!(page.contains("/api/v1/alarms/{id}/false-alarm"));
}

#[tokio::test]
async fn a_probe_says_what_a_camera_sends_or_why_it_sends_nothing() {
    let server = Server::start().await;
    let probe = |uri: String| server.call(Method::POST, "/api/v1/cameras/probe", Some(json!({ "uri": uri })));
    let clip = concat!(env!("CARGO_MANIFEST_DIR"), "/models/ebike/clips/lift_empty.mp4");
    let (status, seen) = probe(format!("file://{clip}")).await;
    assert_eq!(status, StatusCode::OK, "{seen}");
    assert_eq!(seen["codec"], "h264");
    let jpeg = seen["snapshot"].as_str().and_then(|s| s.strip_prefix("data:image/jpeg;base64,")).expect("a JPEG");
    let jpeg = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, jpeg).expect("base64");
    let picture = image::load_from_memory(&jpeg).expect("a picture");
    assert_eq!((json!(picture.width()), json!(picture.height())), (seen["width"].clone(), seen["height"].clone()));

    // A port where nothing listens: bound and let go again.
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    for (uri, reason) in [
        (format!("rtsp://root:s3cret@{free}/live"), "refused"),
        ("file:///no/such/clip.mp4".to_owned(), "not_found"),
        (format!("file://{}", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")), "no_video"),
    ] {
        let (status, problem) = probe(uri.clone()).await;
        assert_eq!((status.as_u16(), &problem["reason"]), (424, &json!(reason)), "{uri}: {problem}");
        assert!(!problem.to_string().contains("s3cret"), "{problem}");
    }
}
