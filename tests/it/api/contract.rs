//! What may not drift: document and router, the golden OpenAPI file. Not here: who may call which route (`access`).

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{SinkExt, StreamExt};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use yunti::{
    access::Role,
    base::DeviceId,
    device::{
        Epoch,
        link::{LinkEvent, LinkSettings, Links},
    },
};

use super::{
    access::{Need, TABLE},
    support::{PATIENCE, Server},
};

const METHODS: [&str; 5] = ["GET", "POST", "PATCH", "PUT", "DELETE"];

/// Method and path of every operation in the document that is served.
pub(super) async fn documented(server: &Server) -> BTreeMap<(String, String), Value> {
    let document: Value =
        server.bare(Method::GET, "/api/v1/openapi.json").send().await.expect("served").json().await.expect("JSON");
    let paths = document["paths"].as_object().expect("paths").clone();
    let mut all = BTreeMap::new();
    for (path, item) in paths {
        for (method, operation) in item.as_object().expect("operations") {
            all.insert((method.to_uppercase(), path.clone()), operation.clone());
        }
    }
    all
}

/// A path with an id that is well formed and unknown.
fn concrete(path: &str) -> String {
    let kind =
        ["cameras", "devices", "alarms", "people", "sites", "tokens"].into_iter().find(|kind| path.contains(kind));
    let prefix = match kind {
        Some("cameras") => "cam",
        Some("devices") => "dev",
        Some("alarms") => "alm",
        Some("people") => "per",
        Some("sites") => return path.replace("{id}", "north"),
        _ => "tok",
    };
    path.replace("{id}", &format!("{prefix}-{}", "0".repeat(32)))
}

#[tokio::test]
async fn a_device_socket_takes_devices_only() {
    let server = Server::start().await;
    let (id, token) = server.lift().await;
    let path = "/api/v1/devices/ws";
    let protocol = "yunti.device.v1";
    let status = |result: Result<super::support::Socket, tokio_tungstenite::tungstenite::Error>| match result {
        Ok(_) => 101,
        Err(tokio_tungstenite::tungstenite::Error::Http(response)) => response.status().as_u16(),
        Err(other) => panic!("{other}"),
    };
    assert_eq!(status(server.socket(path, "", protocol).await), 401);
    for role in Role::ALL {
        let person = server.token(role).await;
        assert_eq!(status(server.socket(path, &person, protocol).await), 401, "{role:?}");
    }
    assert_eq!(status(server.socket(path, &token, "").await), 400, "without the subprotocol");
    assert_eq!(status(server.socket(path, &token, "other.v1").await), 400, "with another subprotocol");

    let mut socket = server.socket(path, &token, protocol).await.expect("connects");
    socket.0.send(Message::text("hello")).await.expect("sent");
    assert_eq!(socket.0.next().await.expect("an answer").expect("a message"), Message::text("echo:hello"));
    // More than 64 KiB: the connection ends, the server goes on.
    let _ = socket.0.send(Message::text("x".repeat(65_537))).await;
    assert!(!matches!(socket.0.next().await, Some(Ok(Message::Text(_)))));

    let (code, body) = server.call(Method::POST, &format!("/api/v1/devices/{id}/token"), None).await;
    assert_eq!(code, StatusCode::OK, "{body}");
    let fresh = body["token"].as_str().expect("a token");
    assert_eq!(status(server.socket(path, &token, protocol).await), 401, "the old token is dead");
    assert_eq!(status(server.socket(path, fresh, protocol).await), 101);
    server.call(Method::DELETE, &format!("/api/v1/devices/{id}"), None).await;
    assert_eq!(status(server.socket(path, fresh, protocol).await), 401, "the device is gone");
}

#[tokio::test]
async fn the_hub_behind_the_socket_hears_hello_and_removal() {
    let (events, mut heard) = tokio::sync::mpsc::channel(16);
    let links = Links::new(events, LinkSettings::new(Epoch(42)));
    let hub = links.clone();
    let server = Server::start_with(move |state| state.serve_device = yunti::api::serve_by(hub)).await;
    let (id, token) = server.lift().await;
    let device: DeviceId = id.parse().expect("an id");
    let mut socket = server.socket("/api/v1/devices/ws", &token, "yunti.device.v1").await.expect("connects");
    let hello = json!([2, "1", "Hello", {
        "vendor": "v", "model": "m", "firmware": "1", "capabilities": ["lift.stop", "lift.release"], "mode": "normal",
    }]);
    socket.0.send(Message::text(hello.to_string())).await.expect("sent");
    let answer = socket.next().await.expect("an answer");
    assert_eq!((&answer[0], &answer[1], &answer[2]["epoch"]), (&json!(3), &json!("1"), &json!(42)), "{answer}");
    let up = timeout(PATIENCE, heard.recv()).await.expect("in time");
    assert!(matches!(&up, Some(LinkEvent::Up { device: who, .. }) if *who == device), "{up:?}");
    // What the running system does when the registration changes.
    links.disconnect(device);
    assert_eq!(socket.next().await, None, "the connection is ended");
    let down = timeout(PATIENCE, heard.recv()).await.expect("in time");
    assert!(matches!(&down, Some(LinkEvent::Down { device: who, .. }) if *who == device), "{down:?}");
}

#[tokio::test]
async fn the_document_and_the_router_agree_on_every_method() {
    let server = Server::start().await;
    let documented = documented(&server).await;
    let paths: BTreeSet<&String> = documented.keys().map(|(_, path)| path).collect();
    // The router's own list of paths.
    let debug = format!("{:?}", yunti::api::router(server.state.clone()));
    let routed: BTreeSet<String> = debug
        .split('"')
        .filter(|text| text.starts_with("/api/v1/") || text.starts_with("/health/") || *text == "/metrics")
        .map(str::to_owned)
        .collect();
    assert!(!routed.is_empty(), "the router shows its paths");
    assert_eq!(routed.iter().collect::<BTreeSet<_>>(), paths);
    for path in paths {
        for method in METHODS {
            let known = documented.contains_key(&(method.to_owned(), path.clone()));
            let status =
                server.bare(method.parse().expect("a method"), &concrete(path)).send().await.expect("an answer");
            let taken = status.status() != StatusCode::METHOD_NOT_ALLOWED;
            // `/devices/ws` and `/cameras/probe` lie beside `/devices/{id}` and `/cameras/{id}`: fixed words win, whatever the method.
            assert_eq!(taken, known, "{method} {path}: {}", status.status());
        }
    }
}

#[tokio::test]
async fn every_operation_says_how_it_fails_and_who_may() {
    let server = Server::start().await;
    for ((method, path), operation) in documented(&server).await {
        let problem = &operation["responses"]["default"]["content"]["application/problem+json"]["schema"]["$ref"];
        assert_eq!(*problem, "#/components/schemas/Problem", "{method} {path}");
        let open = operation["security"] == json!([{}]);
        let row = TABLE.iter().find(|(m, p, _)| *m == method && *p == path).expect("a row");
        assert_eq!(open, row.2 == Need::Open, "{method} {path}: {}", operation["security"]);
    }
}

/// The document is a contract: a change of it is seen in review. To renew it:
/// `YUNTI_RENEW=1 cargo test --test it api::contract::the_document_is_the_golden_one`.
#[test]
fn the_document_is_the_golden_one() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/openapi.json");
    let mut now = yunti::api::document().to_pretty_json().expect("JSON");
    now.push('\n');
    if std::env::var_os("YUNTI_RENEW").is_some() {
        std::fs::write(&path, &now).expect("written");
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        golden == now,
        "docs/openapi.json is not what the server serves: renew it with YUNTI_RENEW=1 and review the difference"
    );
}
