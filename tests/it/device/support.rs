//! A small server around the hub: accepts on loopback, keeps an order book, remembers what was said.

use std::{
    collections::HashMap,
    future::ready,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::{SinkExt, StreamExt};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{mpsc, watch},
    task::JoinSet,
    time::{interval, timeout},
};
use tokio_tungstenite::{
    accept_hdr_async,
    tungstenite::{
        Error, Message,
        handshake::server::{ErrorResponse, Request, Response},
        http::HeaderValue,
        protocol::{CloseFrame, frame::coding::CloseCode},
    },
};
use yunti::{
    base::{DeviceId, OrderKey, Secret, clock},
    device::{
        Control, DeviceKind, DeviceRef, Epoch, LinkEvent, LinkSettings, Links, Order, OrderBook, OrderChange,
        OrderRequest, OrderState, Verb, link::SocketMessage, protocol::SUBPROTOCOL,
    },
    simulate::{LiftSettings, SimulateArgs},
};

/// The longest that anything here may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);
/// What an order is worth when the test does not care.
pub(super) const SHORT: Duration = Duration::from_secs(5);

/// What the bench knows; each change wakes who waits.
#[derive(Default)]
struct Known {
    devices: HashMap<String, DeviceRef>,
    events: Vec<LinkEvent>,
    changes: Vec<OrderChange>,
    /// Text frames from devices, and to them.
    heard: Vec<String>,
    said: Vec<String>,
}

pub(super) struct Bench {
    pub(super) links: Links,
    pub(super) address: SocketAddr,
    known: Arc<Mutex<Known>>,
    book: Arc<Mutex<OrderBook>>,
    bell: watch::Sender<()>,
    tasks: Mutex<JoinSet<()>>,
}

impl Bench {
    pub(super) async fn start(epoch: u64) -> Self {
        Self::start_at(epoch, "127.0.0.1:0".parse().expect("an address")).await
    }

    pub(super) async fn start_at(epoch: u64, address: SocketAddr) -> Self {
        Self::start_with(address, LinkSettings::new(Epoch(epoch))).await
    }

    pub(super) async fn start_with(address: SocketAddr, settings: LinkSettings) -> Self {
        let listener = TcpListener::bind(address).await.expect("binds");
        let address = listener.local_addr().expect("an address");
        // As the desk's: a full one makes the connections wait.
        let (sender, mut events) = mpsc::channel(4);
        let book = Arc::new(Mutex::new(OrderBook::new(settings.epoch)));
        let links = Links::new(sender, settings);
        let known: Arc<Mutex<Known>> = Arc::default();
        let (bell, _) = watch::channel(());
        let mut tasks = JoinSet::new();
        let (desk_book, desk_known, desk_bell) = (book.clone(), known.clone(), bell.clone());
        tasks.spawn(async move {
            let mut ticks = interval(Duration::from_millis(10));
            loop {
                let changes = tokio::select! {
                    event = events.recv() => {
                        let Some(event) = event else { return };
                        let now = clock::now();
                        let changes = {
                            let mut book = desk_book.lock().expect("the book");
                            match &event {
                                LinkEvent::Order { device, report } => book.heard(*device, report.clone(), now),
                                LinkEvent::Down { device, .. } => book.link_down(*device, now),
                                _ => Vec::new(),
                            }
                        };
                        desk_known.lock().expect("known").events.push(event);
                        changes
                    }
                    _ = ticks.tick() => desk_book.lock().expect("the book").tick(clock::now()),
                };
                desk_known.lock().expect("known").changes.extend(changes);
                desk_bell.send_replace(());
            }
        });
        let (hub, accept_known, accept_bell) = (links.clone(), known.clone(), bell.clone());
        tasks.spawn(async move {
            let mut peers = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                peers.spawn(serve(stream, hub.clone(), accept_known.clone(), accept_bell.clone()));
            }
        });
        Self { links, address, known, book, bell, tasks: Mutex::new(tasks) }
    }

    /// Registers a device.
    pub(super) fn admit(&self, token: &str, id: u128, kind: DeviceKind, control: Control) -> DeviceRef {
        let device = DeviceRef { id: DeviceId::from_u128(id), kind, control };
        self.known.lock().expect("known").devices.insert(format!("Bearer {token}"), device);
        device
    }

    pub(super) fn args(&self, token: &str) -> SimulateArgs {
        SimulateArgs::new(format!("http://{}", self.address), Secret::new(token))
    }

    /// The server is gone, as after SIGKILL.
    pub(super) fn vanish(&self) {
        *self.tasks.lock().expect("tasks") = JoinSet::new();
    }

    /// Orders something as the desk does.
    pub(super) fn order(&self, device: DeviceRef, verb: Verb, expires_in: Duration) -> Order {
        let mut book = self.book.lock().expect("the book");
        let order = book.issue(OrderRequest { device: device.id, alarm: None, verb, expires_in }, clock::now());
        let result = self.links.send(order.clone());
        let changes = book.handed(order.key, result, clock::now());
        self.known.lock().expect("known").changes.extend(changes);
        order
    }

    async fn wait<T>(&self, what: &str, mut found: impl FnMut(&Known) -> Option<T>) -> T {
        let mut bell = self.bell.subscribe();
        let result = timeout(PATIENCE, async {
            loop {
                if let Some(value) = found(&self.known.lock().expect("known")) {
                    return value;
                }
                bell.changed().await.expect("the bench is there");
            }
        })
        .await;
        result.unwrap_or_else(|_| {
            let known = self.known.lock().expect("known");
            let changes: Vec<_> = known.changes.iter().map(|c| (c.order.seq, c.state, c.cause.clone())).collect();
            panic!("never {what}\nevents {:#?}\nchanges {changes:#?}", known.events);
        })
    }

    /// Waits until the device is connected.
    pub(super) async fn up(&self, device: DeviceId) {
        self.wait("up", |known| {
            known.events.iter().any(|e| matches!(e, LinkEvent::Up { device: d, .. } if *d == device)).then_some(())
        })
        .await;
    }

    /// Waits until devices came up so many times.
    pub(super) async fn ups(&self, times: usize) {
        self.wait("up again", |known| {
            (known.events.iter().filter(|e| matches!(e, LinkEvent::Up { .. })).count() >= times).then_some(())
        })
        .await;
    }

    pub(super) async fn saw(&self, wanted: impl Fn(&LinkEvent) -> bool) {
        self.wait("seen", |known| known.events.iter().any(&wanted).then_some(())).await;
    }

    pub(super) fn events(&self) -> Vec<LinkEvent> {
        self.known.lock().expect("known").events.clone()
    }

    /// Waits until a device said a frame that contains `words`.
    pub(super) async fn heard(&self, words: &str) {
        self.wait(words, |known| known.heard.iter().any(|text| text.contains(words)).then_some(())).await;
    }

    /// Waits until the order reached a state.
    pub(super) async fn reached(&self, order: &Order, state: OrderState) {
        self.wait(state.name(), |known| {
            known.changes.iter().any(|c| c.order.key == order.key && c.state == state).then_some(())
        })
        .await;
    }

    pub(super) fn states(&self, order: &Order) -> Vec<OrderState> {
        let of = |key: OrderKey, c: &OrderChange| (c.order.key == key).then_some(c.state);
        self.known.lock().expect("known").changes.iter().filter_map(|c| of(order.key, c)).collect()
    }

    /// The cause of the order's newest state.
    pub(super) fn cause(&self, order: &Order) -> Option<String> {
        let known = self.known.lock().expect("known");
        known.changes.iter().rev().find(|c| c.order.key == order.key).and_then(|c| c.cause.clone())
    }

    /// Every frame so far: from devices, to devices.
    pub(super) fn frames(&self) -> (Vec<String>, Vec<String>) {
        let known = self.known.lock().expect("known");
        (known.heard.clone(), known.said.clone())
    }
}

#[expect(clippy::result_large_err, reason = "the library's own callback type")]
async fn serve(stream: TcpStream, links: Links, known: Arc<Mutex<Known>>, bell: watch::Sender<()>) {
    let mut device = None;
    let shake = |request: &Request, mut response: Response| -> Result<Response, ErrorResponse> {
        let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        assert_eq!(header("sec-websocket-protocol"), SUBPROTOCOL);
        device = known.lock().expect("known").devices.get(header("authorization")).copied();
        response.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static(SUBPROTOCOL));
        Ok(response)
    };
    let Ok(socket) = accept_hdr_async(stream, shake).await else { return };
    let Some(device) = device else { return };
    let (said, heard) = (known.clone(), known);
    let socket = socket
        .with(move |message| {
            ready(Ok::<_, Error>(match message {
                SocketMessage::Text(text) => {
                    said.lock().expect("known").said.push(text.clone());
                    Message::text(text)
                }
                SocketMessage::Close { code, reason } => {
                    Message::Close(Some(CloseFrame { code: CloseCode::from(code), reason: reason.into() }))
                }
                SocketMessage::Binary | SocketMessage::Control => unreachable!("the hub sends neither"),
            }))
        })
        .map(move |message| {
            message.map(|message| match message {
                Message::Text(text) => {
                    heard.lock().expect("known").heard.push(text.to_string());
                    bell.send_replace(());
                    SocketMessage::Text(text.to_string())
                }
                Message::Binary(_) => SocketMessage::Binary,
                Message::Close(_) => SocketMessage::Close { code: 1000, reason: String::new() },
                Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => SocketMessage::Control,
            })
        });
    links.serve(device, socket).await;
}

/// The bench's lift, whose token is `lift`.
pub(super) fn lift(bench: &Bench, control: Control) -> DeviceRef {
    bench.admit("lift", 1, DeviceKind::Lift, control)
}

/// A lift whose doors and travel are quick.
pub(super) fn quick_lift(bench: &Bench) -> SimulateArgs {
    let lift = LiftSettings {
        door: Duration::from_millis(50),
        dwell: Duration::from_millis(200),
        travel: Duration::from_millis(200),
        ..LiftSettings::default()
    };
    SimulateArgs { lift, ..bench.args("lift") }
}
