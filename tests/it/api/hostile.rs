//! Malformed, mistyped, oversized, forged: a problem that says what to do, and the server goes on.

use reqwest::Method;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::support::{PATIENCE, Server, answer, problem};

async fn post(server: &Server, path: &str, kind: &str, body: &str) -> (u16, String) {
    let request = server.request(Method::POST, path).header("content-type", kind).body(body.to_owned());
    problem(answer(request).await)
}

#[tokio::test]
async fn bodies_that_are_not_what_they_must_be() {
    let server = Server::start().await;
    let camera = |change: Value| {
        let mut body = json!({ "name": "car", "uri": "rtsp://10.0.0.7/live", "pipeline": "elevator" });
        body.as_object_mut().expect("an object").extend(change.as_object().expect("an object").clone());
        body.to_string()
    };
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let flat: Vec<[f32; 2]> = vec![[0.1, 0.1], [0.2, 0.2], [0.3, 0.3]];
    for (body, status, says) in [
        ("{".to_owned(), 400, "EOF"),
        (String::new(), 400, "EOF"),
        ("\u{0}".to_owned(), 400, "expected value"),
        (deep, 422, "must be a JSON object"),
        ("[]".to_owned(), 422, "must be a JSON object"),
        (
            r#"["a","rtsp://h/","elevator",null,null,null,null,null,null,null,null]"#.to_owned(),
            422,
            "must be a JSON object",
        ),
        ("null".to_owned(), 422, "must be a JSON object"),
        (r#"{"name":"a","pipeline":"elevator"}"#.to_owned(), 422, "missing field `uri`"),
        (camera(json!({ "name": 7 })), 422, "name: invalid type"),
        (camera(json!({ "naem": "car" })), 422, "unknown field `naem`"),
        (camera(json!({ "name": "" })), 422, "name: 1 to 100 characters"),
        (camera(json!({ "name": "x".repeat(101) })), 422, "name: 1 to 100 characters"),
        (camera(json!({ "name": "a\u{1b}[2J" })), 422, "control characters"),
        (camera(json!({ "site": "x".repeat(500_000) })), 422, "site: not a site's slug"),
        (camera(json!({ "uri": "http://10.0.0.7/" })), 422, "rtsp"),
        (camera(json!({ "uri": "rtsp" })), 422, "uri: "),
        (camera(json!({ "uri": format!("rtsp://h/{}", "x".repeat(5000)) })), 422, "uri: "),
        (camera(json!({ "pipeline": "no such" })), 422, "there are: elevator, gate"),
        (camera(json!({ "transport": "carrier pigeon" })), 422, "tcp or udp"),
        (camera(json!({ "zone": [[0.1, 0.1]] })), 422, "3 to 64 points"),
        (camera(json!({ "zone": [[0.1, 0.1], [2.0, 0.1], [0.1, 0.9]] })), 422, "point 1"),
        (camera(json!({ "zone": flat })), 422, "area"),
        (camera(json!({ "zone": vec![[0.5, 0.5]; 10_000] })), 422, "3 to 64 points"),
        (camera(json!({ "zone": [["0.1", 0.1]] })), 422, "zone[0][0]"),
        (camera(json!({ "devices": ["dev-1"] })), 422, "devices: not a device id"),
        (camera(json!({ "devices": [format!("dev-{}", "0".repeat(32))] })), 422, "register it first"),
        (camera(json!({ "overrides": { "min_score": 1.5 } })), 422, "overrides.min_score: 0 to 1"),
        (camera(json!({ "overrides": { "hold_score": -0.1 } })), 422, "overrides.hold_score: 0 to 1"),
        (
            camera(json!({ "overrides": { "min_score": 0.6, "hold_score": 0.5 } })),
            422,
            "hold_score 0.5 is below min_score 0.6",
        ),
        (camera(json!({ "overrides": { "confirm": { "seen": 6, "of": 5 } } })), 422, "overrides.confirm"),
        (camera(json!({ "overrides": { "confirm": { "seen": 300, "of": 5 } } })), 422, "overrides.confirm.seen"),
        (camera(json!({ "overrides": { "clear_after_s": 1e300 } })), 422, "overrides.clear_after_s"),
        (camera(json!({ "overrides": { "clear_after_s": -1 } })), 422, "overrides.clear_after_s"),
        (
            camera(
                json!({ "schedule": { "time_zone": "Mars/Base", "windows": [{ "from": "08:00", "to": "09:00" }] } }),
            ),
            422,
            "time zone",
        ),
        (camera(json!({ "schedule": { "time_zone": "UTC", "windows": [] } })), 422, "schedule.windows"),
    ] {
        let (got, detail) = post(&server, "/api/v1/cameras", "application/json", &body).await;
        assert_eq!(got, status, "{body:.200}: {detail}");
        assert!(detail.contains(says), "{body:.200}: {detail}");
    }
    assert_eq!(server.get("/api/v1/cameras").await["items"], json!([]), "nothing of it was kept");

    for (path, kind, body, status, says) in [
        ("/api/v1/cameras", "text/plain", "{}", 415, "Content-Type: application/json"),
        ("/api/v1/cameras", "application/x-www-form-urlencoded", "name=a", 415, "application/json"),
        ("/api/v1/devices", "application/json", r#"{"name":"a","kind":"submarine"}"#, 422, "lift, voice, light, gate"),
        ("/api/v1/devices", "application/json", r#"{"name":"a","kind":"voice","control":"B"}"#, 422, "only a lift"),
        ("/api/v1/devices", "application/json", r#"{"name":"a","kind":"lift","control":"C"}"#, 422, "A (alarms only)"),
        ("/api/v1/tokens", "application/json", r#"{"name":"a","role":"root"}"#, 422, "viewer, operator"),
    ] {
        let (got, detail) = post(&server, path, kind, body).await;
        assert_eq!(got, status, "{path} {body}: {detail}");
        assert!(detail.contains(says), "{path} {body}: {detail}");
    }
}

#[tokio::test]
async fn bytes_that_are_not_text() {
    let server = Server::start().await;
    let request = server.request(Method::POST, "/api/v1/cameras").header("content-type", "application/json");
    let (status, _) = problem(answer(request.body(vec![0xff, 0xfe, 0x00, 0x80])).await);
    assert_eq!(status, 400);
}

#[tokio::test]
async fn a_body_of_five_megabytes_is_refused_in_words() {
    let server = Server::start().await;
    let body = format!(r#"{{"name":"{}"}}"#, "x".repeat(5 << 20));
    for path in ["/api/v1/cameras", "/api/v1/devices", "/api/v1/tokens"] {
        let (status, detail) = post(&server, path, "application/json", &body).await;
        assert_eq!(status, 413, "{path}");
        assert!(detail.contains("1048576 bytes"), "{detail}");
    }
    // One that never ends: past 16 MiB the server stops listening; an answer or a broken connection, never a hang.
    let mut endless = TcpStream::connect(server.address).await.expect("connects");
    let head = format!(
        "POST /api/v1/cameras HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Transfer-Encoding: chunked\r\n\r\n",
        server.admin
    );
    endless.write_all(head.as_bytes()).await.expect("sent");
    let chunk = format!("100000\r\n{}\r\n", "x".repeat(0x10_0000));
    let mut sent = 0;
    while sent < 200 && timeout(PATIENCE, endless.write_all(chunk.as_bytes())).await.expect("taken or refused").is_ok()
    {
        sent += 1;
    }
    assert!(sent < 200, "200 MB were taken");
    server.get("/api/v1/stats").await;
}

#[tokio::test]
async fn addresses_and_queries_that_are_wrong() {
    let server = Server::start().await;
    let unknown = "0".repeat(32);
    for (method, path, status, says) in [
        (Method::GET, "/api/v1/nothing".to_owned(), 404, "openapi.json"),
        (Method::GET, "/".to_owned(), 404, "openapi.json"),
        (Method::PUT, "/api/v1/cameras".to_owned(), 405, "Allow header"),
        (Method::DELETE, "/api/v1/alarms".to_owned(), 405, "Allow header"),
        (Method::GET, "/api/v1/cameras/1".to_owned(), 400, "not a camera id: expected `cam-`"),
        (Method::GET, format!("/api/v1/cameras/dev-{unknown}"), 400, "not a camera id"),
        (Method::GET, format!("/api/v1/cameras/cam-{unknown}"), 404, "no camera has this id"),
        (Method::GET, "/api/v1/cameras/%ff%fe".to_owned(), 400, ""),
        (Method::GET, "/api/v1/cameras/..%2f..%2fetc%2fpasswd".to_owned(), 400, "not a camera id"),
        (Method::GET, format!("/api/v1/alarms/alm-{unknown}/snapshot"), 404, "no alarm has this id"),
        (Method::POST, format!("/api/v1/alarms/alm-{unknown}/resolve"), 404, "no alarm has this id"),
        (Method::GET, "/api/v1/alarms?limit=0".to_owned(), 400, "limit is 1 to 200"),
        (Method::GET, "/api/v1/alarms?limit=-1".to_owned(), 400, "limit"),
        (Method::GET, "/api/v1/alarms?limit=99999999999999999999999".to_owned(), 400, "limit"),
        (Method::GET, "/api/v1/alarms?state=open".to_owned(), 400, "state `open` is not known"),
        (Method::GET, "/api/v1/alarms?since=yesterday".to_owned(), 400, "RFC 3339"),
        (Method::GET, "/api/v1/alarms?cursor=x".to_owned(), 400, "cursor is not a cursor"),
        (Method::GET, "/api/v1/alarms?camera=7".to_owned(), 400, "camera is not a camera id"),
        (Method::GET, "/api/v1/alarms?page=2".to_owned(), 400, "unknown field `page`"),
        (Method::GET, "/api/v1/events".to_owned(), 400, "WebSocket"),
        (Method::GET, "/api/v1/events?since=-1".to_owned(), 400, "since"),
    ] {
        let (got, detail) = problem(answer(server.request(method.clone(), &path)).await);
        assert_eq!(got, status, "{method} {path}: {detail}");
        assert!(detail.contains(says), "{method} {path}: {detail}");
    }
    let response = server.request(Method::PUT, "/api/v1/cameras").send().await.expect("an answer");
    let allow = response.headers()["allow"].to_str().expect("text").to_owned();
    assert!(allow.contains("GET") && allow.contains("POST"), "{allow}");
}

#[tokio::test]
async fn garbage_on_the_socket_harms_nobody() {
    let server = Server::start().await;
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /api/v1/cameras HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"\r\n\r\n\r\n\r\n",
        &[0; 4096],
    ] {
        let mut raw = TcpStream::connect(server.address).await.expect("connects");
        raw.write_all(bytes).await.expect("sent");
        raw.shutdown().await.expect("half closed");
        let mut answer = Vec::new();
        // An answer or a reset; not a hang.
        let _ = timeout(PATIENCE, raw.read_to_end(&mut answer)).await.expect("an end");
    }
    server.get("/api/v1/stats").await;
}

#[tokio::test]
async fn a_failure_of_ours_shows_an_id_and_hides_its_cause() {
    let server = Server::start().await;
    let closing = server.store.clone();
    tokio::task::spawn_blocking(move || closing.close()).await.expect("closed");
    let response = server
        .request(Method::GET, "/api/v1/cameras")
        .header("x-request-id", "abc-123")
        .send()
        .await
        .expect("an answer");
    assert_eq!(response.headers()["x-request-id"], "abc-123");
    let body: Value = response.json().await.expect("JSON");
    assert_eq!((&body["status"], &body["request_id"]), (&json!(503), &json!("abc-123")), "{body}");
    let (ready, detail) = problem(answer(server.bare(Method::GET, "/health/ready")).await);
    assert_eq!(ready, 503);
    assert!(detail.contains("the store is down"), "{detail}");
    assert_eq!(server.bare(Method::GET, "/health/live").send().await.expect("an answer").status(), 200);

    // An id that could forge log lines is not taken over.
    let forged =
        server.bare(Method::GET, "/health/live").header("x-request-id", "a b=c").send().await.expect("an answer");
    assert_ne!(forged.headers()["x-request-id"], "a b=c");
}
