//! The event socket: resume without loss or double, gaps, slow and silent watchers, revoked tokens.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use reqwest::Method;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::timeout,
};
use yunti::{
    access::Role,
    base::Wall,
    store::{NewEvent, Retention, Write},
};

use super::support::{PATIENCE, Server};

#[tokio::test]
async fn a_broken_watcher_resumes_by_since_without_loss_or_double() {
    let server = Server::start().await;
    let writer = {
        let store = server.store.clone();
        tokio::spawn(async move {
            for n in 0..400_u64 {
                let data = serde_json::json!({ "n": n });
                let event = NewEvent { at: Wall(0), kind: "test.tick", camera: None, device: None, alarm: None, data };
                store.write(vec![Write::Event(event)]).await.expect("written");
            }
        })
    };
    let (mut since, mut seen) = (0, Vec::new());
    let began = Instant::now();
    while seen.last() != Some(&399) {
        assert!(began.elapsed() < PATIENCE, "too slow: {} events", seen.len());
        let mut watcher = server.watch(Some(since)).await;
        // Some events, then the connection is torn down without a word.
        for _ in 0..37 {
            let event = watcher.next().await.expect("an event");
            since = event["seq"].as_u64().expect("a place");
            assert!(event["at"].is_string() && event["kind"] == "test.tick");
            seen.push(event["n"].as_u64().expect("a number"));
            if seen.last() == Some(&399) {
                break;
            }
        }
        drop(watcher);
    }
    writer.await.expect("ends");
    assert_eq!(seen, (0..400).collect::<Vec<_>>());
}

#[tokio::test]
async fn without_since_only_what_comes_is_told() {
    let server = Server::start().await;
    server.emit(0..5, 0).await;
    let mut watcher = server.watch(None).await;
    server.emit(5..8, 0).await;
    assert_eq!(watcher.numbers_until(7).await, [5, 6, 7]);
}

#[tokio::test]
async fn what_was_pruned_is_told_as_a_gap() {
    let server = Server::start().await;
    // More than memory keeps, so that the oldest come from the database, where they are pruned.
    for at in 0..6 {
        let event = |n| NewEvent {
            at: Wall(at),
            kind: "test.tick",
            camera: None,
            device: None,
            alarm: None,
            data: serde_json::json!({ "n": n }),
        };
        server.store.write((0..1000).map(|n| Write::Event(event(n))).collect()).await.expect("written");
    }
    let retention = Retention { events_before: Wall(1), alarms_before: Wall(0), audit_before: Wall(0) };
    assert_eq!(server.store.prune(retention).await.expect("pruned").events, 1000);
    let mut watcher = server.watch(Some(10)).await;
    let gap = watcher.next().await.expect("a message");
    assert_eq!(gap, serde_json::json!({ "kind": "gap", "from": 11, "to": 1000 }));
    for seq in 1001..=6000_u64 {
        assert_eq!(watcher.next().await.expect("an event")["seq"], seq);
    }
    // A place that this database never gave.
    let mut lost = server.watch(Some(1_000_000)).await;
    assert_eq!(lost.next().await.expect("a message"), serde_json::json!({ "kind": "gap", "from": 1, "to": 6000 }));
    server.emit(0..1, 0).await;
    assert_eq!(lost.next().await.expect("an event")["seq"], 6001);
}

#[tokio::test]
async fn a_stalled_watcher_is_cut_off_and_slows_nobody() {
    let server = Server::start().await;
    // A client that opens the socket by hand, with a small buffer, and never reads.
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4096).expect("set");
    let mut stalled: TcpStream = socket.connect(server.address).await.expect("connects");
    let request = format!(
        "GET /api/v1/events?since=0 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer {}\r\n\r\n",
        server.admin
    );
    stalled.write_all(request.as_bytes()).await.expect("sent");
    let mut head = [0; 12];
    stalled.read_exact(&mut head).await.expect("an answer");
    assert_eq!(&head, b"HTTP/1.1 101");

    let mut healthy = server.watch(Some(0)).await;
    let began = Instant::now();
    let mut slowest = Duration::ZERO;
    for n in 0..60 {
        let sent = Instant::now();
        server.emit(n..n + 1, 200_000).await;
        assert_eq!(healthy.numbers_until(n).await, [n]);
        slowest = slowest.max(sent.elapsed());
    }
    assert!(slowest < Duration::from_secs(2), "another's stall cost {slowest:?}");
    // 12 MB are waiting for the stalled one; within the send limit (500 ms) it is cut off: reading now meets an end
    // before all of it came.
    let mut got = 0_usize;
    let mut buffer = vec![0; 65_536];
    tokio::time::sleep(Duration::from_secs(1).saturating_sub(began.elapsed())).await;
    loop {
        match timeout(PATIENCE, stalled.read(&mut buffer)).await.expect("an end in time") {
            Ok(0) | Err(_) => break,
            Ok(n) => got += n,
        }
    }
    assert!(got < 12_000_000, "everything was kept for it: {got} bytes");
    server.emit(100..101, 0).await;
    assert_eq!(healthy.numbers_until(100).await, [100]);
}

#[tokio::test]
async fn a_browser_gives_its_token_as_a_subprotocol() {
    let server = Server::start().await;
    let offered = format!("yunti.events.v1, yunti.token.{}", server.admin);
    let mut watcher = server.socket("/api/v1/events?since=0", "", &offered).await.expect("connects");
    server.emit(0..1, 0).await;
    assert_eq!(watcher.numbers_until(0).await, [0]);
    assert!(server.socket("/api/v1/events", "", "yunti.events.v1, yunti.token.yt_wrong").await.is_err());
    let in_the_address = format!("/api/v1/events?token={}", server.admin);
    assert!(server.socket(&in_the_address, "", "").await.is_err(), "no token in the address");
}

#[tokio::test]
async fn an_idle_watcher_lives_by_its_pongs_and_a_silent_one_does_not() {
    let server = Server::start().await;
    let mut alive = server.watch(None).await;
    let mut silent = server.watch(None).await;
    // Reading is what answers pings; `silent` does not for longer than three of them (200 ms each).
    let end = Instant::now() + Duration::from_millis(1500);
    while Instant::now() < end {
        let _ = timeout(Duration::from_millis(50), alive.0.next()).await;
    }
    server.emit(0..1, 0).await;
    assert_eq!(alive.numbers_until(0).await, [0]);
    assert_eq!(silent.next().await, None, "cut off");
}

#[tokio::test]
async fn a_revoked_token_closes_its_sockets() {
    let server = Server::start().await;
    let token = server.token(Role::Viewer).await;
    let mut watcher = server.socket("/api/v1/events", &token, "").await.expect("connects");
    let list = server.get("/api/v1/tokens").await;
    let id = list["items"].as_array().expect("items").iter().find(|t| t["role"] == "viewer").expect("it")["id"].clone();
    let (status, _) =
        server.call(Method::DELETE, &format!("/api/v1/tokens/{}", id.as_str().expect("an id")), None).await;
    assert_eq!(status, 204);
    assert_eq!(watcher.close_code().await, Some(1008));
    assert!(server.socket("/api/v1/events", &token, "").await.is_err());
}

#[tokio::test]
async fn shutting_down_tells_watchers() {
    let server = Server::start().await;
    let mut watcher = server.watch(None).await;
    server.state.closing.cancel();
    assert_eq!(watcher.close_code().await, Some(1001));
}

#[tokio::test]
async fn events_about_tokens_are_for_administrators() {
    let server = Server::start().await;
    let viewer = server.token(Role::Viewer).await;
    let mut watcher = server.socket("/api/v1/events?since=0", &viewer, "").await.expect("connects");
    let mut admin = server.watch(Some(0)).await;
    let event =
        |kind| NewEvent { at: Wall(0), kind, camera: None, device: None, alarm: None, data: serde_json::json!({}) };
    server
        .store
        .write(vec![Write::Event(event("token.created")), Write::Event(event("test.tick"))])
        .await
        .expect("written");
    assert_eq!(watcher.next().await.expect("an event")["kind"], "test.tick");
    assert_eq!(admin.next().await.expect("an event")["kind"], "token.created");
}
