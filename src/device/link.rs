//! The device sockets of this server: who is connected, handing orders over, hearing what devices say.
//! Not here: HTTP, tokens, which WebSocket library it is (the caller brings a stream and sink of
//! [`SocketMessage`]), what an order leads to (`orders`).
//!
//! * [`Links::send`] never waits. Nothing is kept for a device that is not connected.
//! * One connection per device: a newer one that has said Hello replaces the older, whose [`LinkEvent::Down`]
//!   comes before the newer's [`LinkEvent::Up`].
//! * One call of ours is outstanding per connection. Without an answer for [`LinkSettings::answer_within`] the next
//!   order goes out; a `lift.release` jumps the queue and waits at most [`LinkSettings::release_waits`].
//! * Events wait for the desk and are never dropped; while they wait the device is not read, but orders still go out.

mod peer;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::{Sink, Stream};
use tokio::sync::{broadcast, mpsc, watch};

use super::{
    Control, DeviceRef, Epoch, Order, Verb,
    protocol::{DownReason, Hello, OrderReport, Reading, Status, Undeliverable},
    queue::Queue,
};
use crate::base::{DeviceId, clock};

/// One WebSocket message, whatever library carries it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SocketMessage {
    Text(String),
    /// Never sent; the protocol has none.
    Binary,
    /// A ping or pong, which the library answers.
    Control,
    Close {
        code: u16,
        reason: String,
    },
}

/// What happens on the device sockets.
#[derive(Debug, Clone, PartialEq)]
pub enum LinkEvent {
    /// The device said Hello and takes orders.
    Up {
        device: DeviceId,
        hello: Hello,
    },
    /// The connection ended. Comes once for each `Up`.
    Down {
        device: DeviceId,
        reason: DownReason,
    },
    State {
        device: DeviceId,
        status: Status,
    },
    /// For [`super::OrderBook::heard`].
    Order {
        device: DeviceId,
        report: OrderReport,
    },
    Reading {
        device: DeviceId,
        reading: Reading,
    },
}

/// How the links behave.
#[derive(Debug, Clone)]
pub struct LinkSettings {
    /// Of this run of the server.
    pub epoch: Epoch,
    /// Time between connecting and Hello.
    pub hello_within: Duration,
    /// Time between heartbeats that devices are asked for; whole seconds.
    pub heartbeat: Duration,
    /// A device that says nothing for this long is dropped.
    pub silent_after: Duration,
    /// Without an answer for this long the next order goes out.
    pub answer_within: Duration,
    /// A release waits for another order's answer at most this long.
    pub release_waits: Duration,
    /// A device that does not take our bytes for this long is dropped.
    pub write_within: Duration,
    /// Orders waiting for one device's socket; one more is [`Undeliverable::Full`].
    pub queue: usize,
    /// The connection ends at this many protocol errors.
    pub strikes: u32,
}

impl LinkSettings {
    /// The documented values.
    #[must_use]
    pub fn new(epoch: Epoch) -> Self {
        Self {
            epoch,
            hello_within: Duration::from_secs(5),
            heartbeat: Duration::from_secs(5),
            silent_after: Duration::from_secs(12),
            answer_within: Duration::from_secs(1),
            release_waits: Duration::from_millis(300),
            write_within: Duration::from_secs(2),
            queue: 16,
            strikes: 5,
        }
    }
}

/// A device that said Hello.
struct Entry {
    /// Which connection it is.
    serial: u64,
    device: DeviceRef,
    hello: Hello,
    queue: Arc<Queue>,
    /// Says why the connection shall end.
    stop: watch::Sender<Option<DownReason>>,
    /// Closed once the connection's `Down` is with the desk.
    gone: watch::Receiver<()>,
}

struct Shared {
    settings: LinkSettings,
    /// To the desk, by its capacity; a full one makes the connections wait (see the module's words).
    events: mpsc::Sender<LinkEvent>,
    peers: Mutex<HashMap<DeviceId, Entry>>,
    serial: AtomicU64,
    /// Every running `serve` holds a receiver; true: shut down.
    closing: watch::Sender<bool>,
    /// Says why connections of a device shall end, those without Hello too.
    cut: broadcast::Sender<DeviceId>,
}

/// The hub; cheap to clone.
#[derive(Clone)]
pub struct Links(Arc<Shared>);

impl Links {
    /// A hub that tells `events`. The channel's capacity is the caller's choice; a full one delays devices.
    #[must_use]
    pub fn new(events: mpsc::Sender<LinkEvent>, settings: LinkSettings) -> Self {
        let (closing, _) = watch::channel(false);
        let (cut, _) = broadcast::channel(64);
        Self(Arc::new(Shared { settings, events, peers: Mutex::default(), serial: AtomicU64::new(1), closing, cut }))
    }

    fn peers(&self) -> MutexGuard<'_, HashMap<DeviceId, Entry>> {
        self.0.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands an order to its device's socket. Never waits. Whether it is still worth sending is judged again
    /// right before it is written; one that is not is reported as expired by [`LinkEvent::Order`].
    ///
    /// # Errors
    /// The device is not connected, takes no more, is not of a kind for it, or the order is too old.
    pub fn send(&self, order: Order) -> Result<(), Undeliverable> {
        let peers = self.peers();
        let entry = peers.get(&order.request.device).filter(|e| e.is_open()).ok_or(Undeliverable::Offline)?;
        let verb = &order.request.verb;
        if verb.kind() != entry.device.kind || !entry.hello.capabilities.iter().any(|c| c == verb.name()) {
            return Err(Undeliverable::NotCapable);
        }
        if matches!(verb, Verb::LiftStop { .. }) && entry.device.control == Control::AlarmOnly {
            return Err(Undeliverable::AlarmOnly);
        }
        if clock::mono().since(order.issued) >= order.request.expires_in {
            return Err(Undeliverable::Expired);
        }
        entry.queue.push(order).map_err(|_| Undeliverable::Full)
    }

    /// Whether the device is connected and has said Hello.
    #[must_use]
    pub fn is_up(&self, device: DeviceId) -> bool {
        self.peers().get(&device).is_some_and(Entry::is_open)
    }

    /// Ends the device's connections: its registration was changed or removed. It may connect again.
    pub fn disconnect(&self, device: DeviceId) {
        if let Some(entry) = self.peers().get(&device) {
            entry.end(DownReason::Disconnected);
        }
        // Connections that have not said Hello yet; an error means that there are none.
        let _ = self.0.cut.send(device);
    }

    /// Ends every connection once the orders in its queue (releases of held lifts) are answered, at the latest
    /// after `within`. Later connections are turned away.
    pub async fn shut_down(&self, within: Duration) {
        self.0.closing.send_replace(true);
        // An error means that the time is over; the connections end with the process.
        let _ = tokio::time::timeout(within, self.0.closing.closed()).await;
    }

    /// Runs one connection to its end and returns why it ended. Dropping the future ends it too, but then the
    /// desk hears of it only when the device connects again: let it run.
    ///
    /// `device` comes from the token that opened the connection; after a change of the registration call
    /// [`Links::disconnect`].
    pub async fn serve<S, E>(&self, device: DeviceRef, socket: S) -> DownReason
    where
        S: Stream<Item = Result<SocketMessage, E>> + Sink<SocketMessage, Error = E> + Unpin + Send,
        E: std::fmt::Display + Send,
    {
        let serial = self.0.serial.fetch_add(1, Ordering::Relaxed);
        peer::run(self, device, serial, socket).await
    }

    /// Takes a device's place, once the connection that had it is gone.
    async fn enter(&self, entry: Entry) {
        let id = entry.device.id;
        loop {
            let mut gone = {
                let mut peers = self.peers();
                match peers.get(&id) {
                    None => {
                        peers.insert(id, entry);
                        return;
                    }
                    Some(old) => {
                        old.end(DownReason::Replaced);
                        old.gone.clone()
                    }
                }
            };
            while gone.changed().await.is_ok() {}
        }
    }

    /// Leaves the device's place, if this connection has it.
    fn leave(&self, device: DeviceId, serial: u64) {
        let mut peers = self.peers();
        if peers.get(&device).is_some_and(|entry| entry.serial == serial) {
            peers.remove(&device);
        }
    }
}

impl Entry {
    /// Asks the connection to end; the first reason stands.
    fn end(&self, reason: DownReason) {
        self.stop.send_if_modified(|why| {
            let first = why.is_none();
            if first {
                *why = Some(reason);
            }
            first
        });
    }

    /// Whether it takes orders: it keeps its place until the desk knows that it is gone.
    fn is_open(&self) -> bool {
        self.stop.borrow().is_none()
    }
}
