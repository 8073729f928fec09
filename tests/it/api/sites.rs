//! Sites: what a caller of one site meets of another's.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use yunti::{
    access::Role,
    base::{AlarmId, CameraId, Wall},
    store::{NewEvent, Write},
};

use super::support::{Server, answer, problem};

/// A server with a camera, a lift and an open alarm at `north`, at `south` and at no site.
struct Compound {
    server: Server,
    /// Of north, south and none: camera, lift, alarm.
    things: [(String, String, AlarmId); 3],
}

impl Compound {
    async fn new() -> Self {
        let server = Server::start().await;
        let mut things = Vec::new();
        for site in [Some("north"), Some("south"), None] {
            let lift = json!({ "name": "lift", "kind": "lift", "site": site });
            let (status, lift) = server.call(Method::POST, "/api/v1/devices", Some(lift)).await;
            assert_eq!(status, StatusCode::CREATED, "{lift}");
            let camera = json!({ "name": "car", "uri": "rtsp://10.0.0.7/", "pipeline": "elevator", "site": site });
            let (status, camera) = server.call(Method::POST, "/api/v1/cameras", Some(camera)).await;
            assert_eq!(status, StatusCode::CREATED, "{camera}");
            let camera = camera["id"].as_str().expect("an id").to_owned();
            let alarm = server.alarm_of(camera.parse().expect("an id"), 1000).await;
            things.push((camera, lift["id"].as_str().expect("an id").to_owned(), alarm));
        }
        Self { server, things: things.try_into().expect("three") }
    }

    async fn send(&self, token: &str, method: Method, path: &str, body: Option<Value>) -> (StatusCode, Value) {
        let request = self.server.bare(method, path).bearer_auth(token);
        answer(match body {
            Some(body) => request.json(&body),
            None => request,
        })
        .await
    }
}

fn ids(list: &Value) -> Vec<&str> {
    list["items"].as_array().expect("items").iter().map(|item| item["id"].as_str().expect("an id")).collect()
}

#[tokio::test]
async fn lists_and_counts_show_the_callers_sites_alone() {
    let compound = Compound::new().await;
    let token = compound.server.token_at(Role::Integrator, Some("north")).await;
    let (camera, lift, alarm) = &compound.things[0];
    let alarm = alarm.to_string();
    for (path, own) in [
        ("/api/v1/cameras", camera.as_str()),
        ("/api/v1/devices", lift),
        ("/api/v1/alarms", &alarm),
        ("/api/v1/sites", "north"),
    ] {
        let (status, shown) = compound.send(&token, Method::GET, path, None).await;
        assert_eq!((status, ids(&shown)), (StatusCode::OK, vec![own]), "{path}");
        let all = compound.server.get(path).await;
        assert_eq!(ids(&all).len(), if path.ends_with("sites") { 2 } else { 3 }, "{path}");
    }
    let (_, stats) = compound.send(&token, Method::GET, "/api/v1/stats", None).await;
    assert_eq!(
        (&stats["open_alarms"], &stats["cameras"]["live"], &stats["devices_offline"], &stats["frames_decoded"]),
        (&json!(1), &json!(1), &json!(1), &json!(10))
    );
    assert_eq!(compound.server.get("/api/v1/stats").await["open_alarms"], 3);
    assert_eq!(compound.send(&token, Method::GET, "/metrics", None).await.0, StatusCode::FORBIDDEN);
    let (_, shown) = compound.send(&token, Method::GET, &format!("/api/v1/alarms/{alarm}"), None).await;
    assert_eq!(shown["site"], "north");
}

#[tokio::test]
async fn a_thing_of_another_site_is_not_there() {
    let compound = Compound::new().await;
    let north = compound.server.token_at(Role::Integrator, Some("north")).await;
    for (at, (camera, lift, alarm)) in compound.things.iter().enumerate() {
        let picture = yunti::media::alarm_picture(&compound.server.state.media_dir, *alarm);
        std::fs::create_dir_all(picture.parent().expect("a folder")).expect("made");
        std::fs::write(&picture, b"\xff\xd8picture").expect("written");
        let clip = yunti::media::alarm_clip(&compound.server.state.media_dir, *alarm);
        std::fs::write(&clip, b"clip").expect("written");
        for (method, path, body) in [
            (Method::GET, format!("cameras/{camera}"), None),
            (Method::PATCH, format!("cameras/{camera}"), Some(json!({ "name": "B" }))),
            (Method::GET, format!("devices/{lift}"), None),
            (Method::PATCH, format!("devices/{lift}"), Some(json!({ "name": "B" }))),
            (Method::POST, format!("devices/{lift}/token"), None),
            (Method::GET, format!("alarms/{alarm}"), None),
            (Method::GET, format!("alarms/{alarm}/snapshot"), None),
            (Method::GET, format!("alarms/{alarm}/clip"), None),
            (Method::POST, format!("alarms/{alarm}/acknowledge"), None),
            (Method::POST, format!("alarms/{alarm}/resolve"), None),
            (Method::DELETE, format!("cameras/{camera}"), None),
            (Method::DELETE, format!("devices/{lift}"), None),
        ] {
            let status = compound.send(&north, method.clone(), &format!("/api/v1/{path}"), body).await.0;
            let own = at == 0;
            assert_eq!(status.is_success(), own, "{method} {path}: {status}");
            assert_eq!(status == StatusCode::NOT_FOUND, !own, "{method} {path}: {status}");
        }
    }
}

#[tokio::test]
async fn a_role_of_one_site_is_none_at_another() {
    let compound = Compound::new().await;
    let token = compound.server.token_at(Role::Viewer, None).await;
    let (_, _, alarm) = &compound.things[1];
    let act = format!("/api/v1/alarms/{alarm}/acknowledge");
    assert_eq!(compound.send(&token, Method::POST, &act, None).await.0, StatusCode::FORBIDDEN, "seen, not acted on");

    // An integrator of north registers there and nowhere else.
    let north = compound.server.token_at(Role::Integrator, Some("north")).await;
    let camera = |site: Value| json!({ "name": "c", "uri": "rtsp://h/", "pipeline": "elevator", "site": site });
    for (path, body, expected) in [
        ("/api/v1/cameras", camera(json!("north")), 201),
        ("/api/v1/cameras", camera(json!("south")), 403),
        ("/api/v1/cameras", camera(json!("east")), 403),
        ("/api/v1/cameras", camera(Value::Null), 403),
        ("/api/v1/devices", json!({ "name": "l", "kind": "lift", "site": "north" }), 201),
        ("/api/v1/devices", json!({ "name": "l", "kind": "lift", "site": "south" }), 403),
        ("/api/v1/devices", json!({ "name": "l", "kind": "lift" }), 403),
        ("/api/v1/sites", json!({ "id": "east" }), 403),
    ] {
        let (status, answer) = compound.send(&north, Method::POST, path, Some(body.clone())).await;
        assert_eq!(status.as_u16(), expected, "{path} {body}: {answer}");
    }
    let (own, own_lift, _) = &compound.things[0];
    let (_, others_lift, _) = &compound.things[1];
    let path = format!("/api/v1/cameras/{own}");
    for (change, expected) in [
        (json!({ "site": "south" }), 403),
        (json!({ "site": null }), 403),
        (json!({ "devices": [others_lift] }), 422),
        (json!({ "devices": [own_lift] }), 200),
        (json!({ "site": "north" }), 200),
    ] {
        let (status, answer) = compound.send(&north, Method::PATCH, &path, Some(change.clone())).await;
        assert_eq!(status.as_u16(), expected, "{change}: {answer}");
    }
    assert_eq!(
        compound.server.store.site("east".parse().expect("a slug")).await,
        Ok(None),
        "nothing was made by the way"
    );

    // What concerns the whole server needs an administrator of every site.
    let admin = compound.server.token_at(Role::Admin, Some("north")).await;
    for path in ["/api/v1/tokens", "/api/v1/audit"] {
        let (status, detail) = problem(compound.send(&admin, Method::GET, path, None).await);
        assert_eq!(status, 403, "{path}");
        assert!(detail.contains("at every site") && detail.contains("admin at north"), "{detail}");
    }
}

#[tokio::test]
async fn a_watcher_is_told_of_its_own_sites_alone() {
    let compound = Compound::new().await;
    let token = compound.server.token_at(Role::Viewer, Some("south")).await;
    let mut watcher = compound.server.socket("/api/v1/events?since=0", &token, "").await.expect("connects");
    let (camera, lift, alarm) = &compound.things[1];
    // From memory: what was there before.
    for (kind, key, id) in [
        ("device.added", "device", lift.clone()),
        ("camera.added", "camera", camera.clone()),
        ("alarm.raised", "alarm", alarm.to_string()),
    ] {
        let event = watcher.next().await.expect("an event");
        assert_eq!(
            (&event["kind"], &event[key], &event["site"]),
            (&json!(kind), &json!(id), &json!("south")),
            "{event}"
        );
    }
    // What comes: an order to the south's lift for the north's alarm is the north's.
    let tell = |alarm: Option<AlarmId>, camera: Option<CameraId>, device: Option<&str>, n: u64| {
        let device = device.map(|id| id.parse().expect("an id"));
        Write::Event(NewEvent { at: Wall(0), kind: "test.tick", camera, device, alarm, data: json!({ "n": n }) })
    };
    let cameras = [0, 1].map(|i: usize| compound.things[i].0.parse::<CameraId>().expect("an id"));
    let batch = vec![
        tell(None, Some(cameras[0]), None, 1),
        tell(None, Some(cameras[1]), None, 2),
        tell(Some(compound.things[0].2), None, Some(lift), 3),
        tell(None, None, Some(lift), 4),
        tell(None, None, None, 5),
        tell(Some(*alarm), None, None, 6),
    ];
    compound.server.store.write(batch).await.expect("written");
    assert_eq!(watcher.numbers_until(6).await, [2, 4, 6]);
}

#[tokio::test]
async fn sites_are_added_named_and_removed() {
    let server = Server::start().await;
    let sites = "/api/v1/sites";
    let (status, made) = server.call(Method::POST, sites, Some(json!({ "id": "北区", "name": "North 北区" }))).await;
    assert_eq!((status, &made["name"]), (StatusCode::CREATED, &json!("North 北区")), "{made}");
    assert_eq!(problem(server.call(Method::POST, sites, Some(json!({ "id": "北区" }))).await).0, 409);
    let (status, detail) = problem(server.call(Method::POST, sites, Some(json!({ "id": "North Court" }))).await);
    assert_eq!(status, 422, "{detail}");
    let one = "/api/v1/sites/%E5%8C%97%E5%8C%BA";
    let (status, changed) = server.call(Method::PATCH, one, Some(json!({ "name": "北苑" }))).await;
    assert_eq!((status, &changed["id"], &changed["name"]), (StatusCode::OK, &json!("北区"), &json!("北苑")));

    let camera = json!({ "name": "c", "uri": "rtsp://h/", "pipeline": "elevator", "site": "North Court" });
    let (status, detail) = problem(server.call(Method::POST, "/api/v1/cameras", Some(camera)).await);
    assert_eq!(status, 422);
    assert!(detail.contains("`north-court`"), "{detail}");
    let camera = json!({ "name": "c", "uri": "rtsp://h/", "pipeline": "elevator", "site": "北区" });
    let (_, camera) = server.call(Method::POST, "/api/v1/cameras", Some(camera)).await;
    assert_eq!(ids(&server.get(sites).await), ["北区"], "it was there before");
    let (status, detail) = problem(server.call(Method::DELETE, one, None).await);
    assert_eq!(status, 409);
    assert!(detail.contains("1 cameras"), "{detail}");
    let path = format!("/api/v1/cameras/{}", camera["id"].as_str().expect("an id"));
    assert_eq!(server.call(Method::DELETE, &path, None).await.0, StatusCode::NO_CONTENT);
    assert_eq!(server.call(Method::DELETE, one, None).await.0, StatusCode::NO_CONTENT);
    assert_eq!(server.call(Method::DELETE, one, None).await.0, StatusCode::NOT_FOUND);
    let acts = server.get("/api/v1/audit").await["items"].as_array().expect("items").len();
    assert_eq!(acts, 6, "token, add, rename, camera added and removed, remove");
}

#[tokio::test]
async fn a_token_is_of_a_site_and_ends_in_time() {
    let server = Server::start().await;
    let new = |more: Value| {
        let mut body = json!({ "name": "wall", "role": "viewer" });
        body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        server.call(Method::POST, "/api/v1/tokens", Some(body))
    };
    for (more, expected) in [
        (json!({ "site": "North" }), 422),
        (json!({ "expires_at": "tomorrow" }), 422),
        (json!({ "expires_at": "2020-01-01T00:00:00Z" }), 422),
    ] {
        assert_eq!(new(more.clone()).await.0.as_u16(), expected, "{more}");
    }
    let (_, made) = new(json!({ "site": "north", "expires_at": "2999-01-01T00:00:00Z" })).await;
    assert_eq!((&made["site"], &made["expires_at"]), (&json!("north"), &json!("2999-01-01T00:00:00.000Z")), "{made}");
    // One that ends while its watcher looks on.
    let end = jiff::Timestamp::now() + jiff::SignedDuration::from_millis(700);
    let (_, short) = new(json!({ "expires_at": end.to_string() })).await;
    let token = short["token"].as_str().expect("a token");
    let mut watcher = server.socket("/api/v1/events", token, "").await.expect("connects");
    assert_eq!(watcher.close_code().await, Some(1008));
    assert_eq!(server.bare(Method::GET, "/api/v1/stats").bearer_auth(token).send().await.expect("sent").status(), 401);
}
