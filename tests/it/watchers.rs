//! Many who watch events at once, one of whom takes nothing: the others must not notice.

use std::{path::Path, time::Duration};

use futures_util::{StreamExt, future::join_all};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tokio::{
    io::AsyncReadExt,
    net::{TcpSocket, TcpStream},
    time::{Instant, MissedTickBehavior, interval, timeout},
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, client::IntoClientRequest},
};
use yunti::{
    base::Wall,
    store::{NewEvent, Store, Write},
};

use crate::world::{PATIENCE, World};

const WATCHERS: usize = 200;

/// Of one round.
const EVENTS: usize = 40;
const PACE: Duration = Duration::from_millis(100);

/// Pairs of rounds: as many as are needed to meet one that nothing else disturbed, three at least.
const PAIRS: std::ops::RangeInclusive<usize> = 3..=8;

/// What the stalled one may cost the others, at their 99th of a hundred.
const COST: Duration = Duration::from_millis(20);

/// Bytes that wait for the stalled one: more than the kernel takes.
const BACKLOG: usize = 60 * 200_000;

type Socket = WebSocketStream<TcpStream>;

/// Events before those that count.
async fn leave_backlog(data: &Path) {
    let store = Store::open(data).expect("the server has let go");
    let data = json!({ "padding": "x".repeat(BACKLOG / 60) });
    let event = NewEvent { at: Wall(0), kind: "test.tick", camera: None, device: None, alarm: None, data };
    store.write(vec![Write::Event(event); 60]).await.expect("written");
    tokio::task::spawn_blocking(move || store.close()).await.expect("closed");
}

async fn watch(world: &World, query: &str, receive_buffer: Option<u32>) -> Socket {
    let socket = TcpSocket::new_v4().expect("a socket");
    if let Some(bytes) = receive_buffer {
        socket.set_recv_buffer_size(bytes).expect("a small buffer");
    }
    let address = world.base.trim_start_matches("http://").parse().expect("an address");
    let stream = socket.connect(address).await.expect("it listens");
    let mut request = format!("ws://{address}/api/v1/events{query}").into_client_request().expect("a request");
    request.headers_mut().insert("authorization", format!("Bearer {}", world.token).parse().expect("a header"));
    timeout(PATIENCE, client_async(request, stream)).await.expect("in time").expect("it upgrades").0
}

/// When each of a round's events came to one watcher.
async fn take(socket: &mut Socket, round: &str) -> Vec<Instant> {
    let mut came = Vec::with_capacity(EVENTS);
    while came.len() < EVENTS {
        let message = timeout(PATIENCE, socket.next()).await.expect("an event in time").expect("open").expect("whole");
        let at = Instant::now();
        let Message::Text(text) = message else { continue };
        let event: Value = serde_json::from_str(&text).expect("JSON");
        if event["kind"] == "site.changed" {
            assert_eq!(event["name"], format!("{round} {}", came.len()), "each once, in order");
            came.push(at);
        }
    }
    came
}

/// The 99th of a hundred of the times from asking for a change to its event's coming, over all watchers and events.
async fn p99(world: &World, watchers: &mut [Socket], round: &str) -> Duration {
    let ask = async {
        let mut pace = interval(PACE);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut asked = Vec::with_capacity(EVENTS);
        for n in 0..EVENTS {
            pace.tick().await;
            asked.push(Instant::now());
            let (status, body) =
                world.call("PATCH", "/sites/north", Some(json!({ "name": format!("{round} {n}") }))).await;
            assert_eq!(status, 200, "{body}");
        }
        asked
    };
    let (asked, came) = tokio::join!(ask, join_all(watchers.iter_mut().map(|socket| take(socket, round))));
    let mut late: Vec<Duration> =
        came.iter().flat_map(|came| came.iter().zip(&asked).map(|(came, asked)| *came - *asked)).collect();
    late.sort_unstable();
    late[late.len() * 99 / 100]
}

/// What had been sent to the stalled one: what it can still read when the server is frozen.
async fn swallowed(world: &World, stalled: &mut Socket) -> usize {
    world.server.signal(Signal::SIGSTOP);
    let (mut got, mut buffer) = (0, vec![0; 65_536]);
    // The server says no more: a silence is the end.
    while let Ok(Ok(bytes @ 1..)) = timeout(Duration::from_millis(300), stalled.get_mut().read(&mut buffer)).await {
        got += bytes;
    }
    world.server.signal(Signal::SIGCONT);
    got
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_stalled_watcher_of_two_hundred_slows_no_other() {
    let mut world = World::start("");
    world.post("/sites", json!({ "id": "north" })).await;
    world.server.signal(Signal::SIGTERM);
    world.server.wait();
    leave_backlog(&world.dir.path().join("data")).await;
    world.restart();

    let mut watchers = join_all((0..WATCHERS).map(|_| watch(&world, "", None))).await;
    // Each pair under the same conditions, and the best of them: what else the machine does is not what is asked.
    let (mut without, mut with) = (Duration::MAX, Duration::MAX);
    for pair in 1..=*PAIRS.end() {
        without = without.min(p99(&world, &mut watchers, &format!("all read, {pair}:")).await);
        let mut stalled = watch(&world, "?since=0", Some(4096)).await;
        with = with.min(p99(&world, &mut watchers, &format!("one is stalled, {pair}:")).await);
        let got = swallowed(&world, &mut stalled).await;
        assert!(got < BACKLOG, "it was not stalled: {got} bytes came");
        if PAIRS.contains(&pair) && with <= without + COST {
            break;
        }
    }
    eprintln!("{WATCHERS} watchers, p99: {without:.1?} when all read, {with:.1?} with one more that is stalled");
    assert!(with <= without + COST, "p99 {with:?} with a stalled watcher, {without:?} without");
}
