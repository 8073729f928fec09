//! Peers that send garbage, nothing, too much or too late; and two that claim to be the same device.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest, http::HeaderValue},
};
use yunti::{
    base::clock,
    device::{Control, Epoch, LinkEvent, LinkSettings, OrderState, Verb, protocol::DownReason},
};

use super::support::{Bench, PATIENCE, SHORT, lift};

/// A peer that says what it likes.
struct Peer(WebSocketStream<MaybeTlsStream<TcpStream>>);

/// What a peer is told.
#[derive(Debug)]
enum Told {
    Frame(Value),
    Closed { code: u16, reason: String },
}

impl Peer {
    async fn connect(bench: &Bench) -> Self {
        let mut request = format!("ws://{}/", bench.address).into_client_request().expect("a request");
        let headers = request.headers_mut();
        headers.insert("authorization", HeaderValue::from_static("Bearer lift"));
        headers.insert("sec-websocket-protocol", HeaderValue::from_static("yunti.device.v1"));
        Self(connect_async(request).await.expect("connects").0)
    }

    async fn say(&mut self, text: impl Into<String>) {
        self.0.send(Message::text(text.into())).await.expect("said");
    }

    async fn hello(&mut self) -> Value {
        let capabilities = ["lift.stop", "lift.release"];
        let hello = json!({ "vendor": "v", "model": "m", "firmware": "1", "capabilities": capabilities });
        self.say(json!([2, "hello", "Hello", hello]).to_string()).await;
        self.frame().await
    }

    async fn told(&mut self) -> Told {
        loop {
            let message = timeout(PATIENCE, self.0.next()).await.expect("in time").expect("something");
            match message.expect("a message") {
                Message::Text(text) => return Told::Frame(serde_json::from_str(&text).expect("JSON")),
                Message::Close(Some(frame)) => {
                    return Told::Closed { code: frame.code.into(), reason: frame.reason.to_string() };
                }
                Message::Ping(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    async fn frame(&mut self) -> Value {
        match self.told().await {
            Told::Frame(frame) => frame,
            closed @ Told::Closed { .. } => panic!("{closed:?} instead of a frame"),
        }
    }

    async fn closed(&mut self, code: u16, words: &str) {
        loop {
            match self.told().await {
                Told::Frame(_) => {}
                Told::Closed { code: got, reason } => {
                    assert_eq!(got, code, "{reason}");
                    assert!(reason.contains(words), "{reason}");
                    return;
                }
            }
        }
    }
}

async fn bench(change: impl FnOnce(&mut LinkSettings)) -> Bench {
    let mut settings = LinkSettings::new(Epoch(1));
    change(&mut settings);
    let bench = Bench::start_with("127.0.0.1:0".parse().expect("an address"), settings).await;
    lift(&bench, Control::Controlled);
    bench
}

#[tokio::test]
async fn each_mistake_is_answered_and_the_fifth_ends_the_connection() {
    let bench = bench(|_| ()).await;
    let mut peer = Peer::connect(&bench).await;
    let mut check = async |text: &str, id: &str, code: &str, words: &str| {
        peer.say(text).await;
        let answer = peer.frame().await;
        assert_eq!((&answer[0], &answer[1], &answer[2]), (&json!(4), &json!(id), &json!(code)), "{text}: {answer}");
        assert!(answer[3].as_str().expect("words").contains(words), "{text}: {answer}");
    };
    check("garbage", "-1", "RpcFrameworkError", "not a frame").await;
    check(r#"[2,"a","Heartbeat",{}]"#, "a", "ProtocolError", "Hello must come first").await;
    check(r#"[2,"b","Reboot",{}]"#, "b", "NotImplemented", "known are Hello").await;
    check(r#"[2,"c","Hello",{"vendor":"v"}]"#, "c", "FormationViolation", "missing field `model`").await;
    check(r#"[2,"c","Hello",{"vendor":"v"}]"#, "c", "ProtocolError", "used before").await;
    peer.closed(1002, "too many protocol errors").await;
    assert!(bench.events().is_empty(), "who never said Hello is no device to the desk");
}

#[tokio::test]
async fn garbage_after_hello_ends_the_connection_and_the_desk_hears_why() {
    let bench = bench(|settings| settings.strikes = 2).await;
    let mut peer = Peer::connect(&bench).await;
    let welcome = peer.hello().await;
    assert_eq!((&welcome[0], &welcome[2]["epoch"]), (&json!(3), &json!(1)));
    peer.0.send(Message::binary(vec![0, 159, 146, 150])).await.expect("said");
    assert_eq!(peer.frame().await[2], "RpcFrameworkError");
    peer.say(r#"[3,"77",{}]"#).await;
    peer.closed(1002, "no call waits for it").await;
    bench.saw(|event| matches!(event, LinkEvent::Down { reason: DownReason::Protocol(_), .. })).await;
}

#[tokio::test]
async fn a_frame_too_big_ends_the_connection() {
    let bench = bench(|_| ()).await;
    let mut peer = Peer::connect(&bench).await;
    peer.hello().await;
    peer.say(format!("[2,\"1\",\"State\",{{\"floor\":\"{}\"}}]", "x".repeat(20_000))).await;
    peer.closed(1009, "at most 16384").await;
}

#[tokio::test]
async fn a_peer_that_says_nothing_is_dropped() {
    let bench = bench(|settings| {
        settings.hello_within = Duration::from_millis(200);
        settings.silent_after = Duration::from_millis(300);
    })
    .await;
    let mut mute = Peer::connect(&bench).await;
    mute.closed(4002, "no Hello").await;
    let mut silent = Peer::connect(&bench).await;
    silent.hello().await;
    silent.closed(4003, "nothing was heard").await;
    bench.saw(|event| matches!(event, LinkEvent::Down { reason: DownReason::Silent, .. })).await;
}

#[tokio::test]
async fn a_newer_connection_takes_over_in_order() {
    let bench = bench(|_| ()).await;
    let mut first = Peer::connect(&bench).await;
    first.hello().await;
    // Without Hello nothing is taken over.
    let mut second = Peer::connect(&bench).await;
    first.say(r#"[2,"still","Heartbeat",{}]"#).await;
    assert_eq!(first.frame().await[1], "still");
    second.hello().await;
    first.closed(4000, "newer connection").await;
    bench.ups(2).await;
    let order: Vec<bool> = bench.events().iter().map(|event| matches!(event, LinkEvent::Up { .. })).collect();
    assert_eq!(order, [true, false, true], "up, down, up");
    second.say(r#"[2,"mine","Heartbeat",{}]"#).await;
    assert_eq!(second.frame().await[1], "mine");
}

#[tokio::test]
async fn a_release_does_not_wait_behind_an_unanswered_stop() {
    let bench = bench(|settings| {
        settings.answer_within = Duration::from_secs(10);
        settings.release_waits = Duration::from_millis(300);
    })
    .await;
    let device = lift(&bench, Control::Controlled);
    let mut peer = Peer::connect(&bench).await;
    peer.hello().await;
    bench.up(device.id).await;
    let stop = || Verb::LiftStop { lease: Duration::from_secs(3) };
    bench.order(device, stop(), SHORT);
    assert_eq!(peer.frame().await[3]["verb"], "lift.stop");
    // A renewal waits for the answer; the release throws it out of the queue.
    let renewal = bench.order(device, stop(), SHORT);
    let asked = clock::mono();
    let release = bench.order(device, Verb::LiftRelease, SHORT);
    let frame = peer.frame().await;
    let waited = clock::mono().since(asked);
    assert_eq!(frame[3]["verb"], "lift.release");
    assert!(waited < Duration::from_secs(1), "{waited:?}");
    bench.reached(&renewal, OrderState::Expired).await;
    assert!(bench.cause(&renewal).expect("a cause").contains("overtook"));
    // The late answer to the stop is still understood, and so is an error as an answer.
    peer.say(r#"[3,"1",{"status":"accepted"}]"#).await;
    peer.say(json!([4, frame[1], "InternalError", "the door controller is away", {}]).to_string()).await;
    bench.reached(&release, OrderState::Refused).await;
    assert!(bench.cause(&release).expect("a cause").contains("the door controller is away"));
}

#[tokio::test]
async fn an_order_that_ran_out_in_the_queue_is_not_sent() {
    let bench = bench(|settings| settings.queue = 1).await;
    let device = lift(&bench, Control::Controlled);
    let mut peer = Peer::connect(&bench).await;
    peer.hello().await;
    bench.up(device.id).await;
    let stop = || Verb::LiftStop { lease: Duration::from_secs(3) };
    bench.order(device, stop(), SHORT);
    let first = peer.frame().await;
    // It waits for the first one's answer (1 s) and is worth 100 ms.
    let late = bench.order(device, stop(), Duration::from_millis(100));
    bench.reached(&late, OrderState::Expired).await;
    peer.say(json!([3, first[1], { "status": "accepted" }]).to_string()).await;
    bench.order(device, Verb::LiftRelease, SHORT);
    assert_eq!(peer.frame().await[3]["verb"], "lift.release", "the one that ran out was not sent");
}

#[tokio::test]
async fn a_full_queue_refuses() {
    let bench = bench(|settings| settings.queue = 2).await;
    let device = lift(&bench, Control::Controlled);
    let mut peer = Peer::connect(&bench).await;
    peer.hello().await;
    bench.up(device.id).await;
    let release = || bench.order(device, Verb::LiftRelease, SHORT);
    release();
    // The first is written, and waits for its answer.
    peer.frame().await;
    let (second, third, fourth) = (release(), release(), release());
    assert_eq!(bench.states(&second), [OrderState::Sent]);
    assert_eq!(bench.states(&third), [OrderState::Sent]);
    assert_eq!(bench.states(&fourth), [OrderState::Refused]);
    assert!(bench.cause(&fourth).expect("a cause").contains("queue is full"));
}
