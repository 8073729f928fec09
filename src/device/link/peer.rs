//! One device's connection, from the first frame to the close frame. Not here: the hub.

use std::{collections::VecDeque, fmt::Display, sync::Arc, time::Duration};

use futures_util::{Sink, SinkExt, Stream, StreamExt};
use serde_json::{Value, json};
use tokio::{
    sync::{broadcast, watch},
    time::{sleep, timeout},
};

use super::{Entry, LinkEvent, Links, SocketMessage};
use crate::{
    base::{DeviceId, Mono, OrderKey, clock},
    device::{
        DeviceRef, Order,
        protocol::{
            AnswerStatus, CallId, DeviceCall, DownReason, ErrorCode, Hello, MAX_FRAME, OrderCall, OrderReport,
            ProtocolError, Reported, Welcome, close,
        },
        queue::Queue,
        wire::{self, Frame},
    },
    telemetry,
};

/// Ids that are remembered to notice one that is used again.
const IDS_KEPT: usize = 256;
/// Calls of ours without an answer in time whose late answers are still understood.
const LATE_KEPT: usize = 32;
/// Events that wait for the desk before the device is no longer read.
const EVENTS_HELD: usize = 8;

/// Our call that waits for its answer.
struct Pending {
    id: CallId,
    key: OrderKey,
    sent: Mono,
}

struct Peer<'a, S> {
    links: &'a Links,
    device: DeviceId,
    socket: S,
    events: VecDeque<LinkEvent>,
    pending: Option<Pending>,
    late: VecDeque<Pending>,
    calls: u64,
    ids: VecDeque<CallId>,
    strikes: u32,
    heard: Mono,
}

/// Gives the device's place back however the connection ends.
struct Place<'a> {
    links: &'a Links,
    device: DeviceId,
    serial: u64,
    /// Dropped after the place was left: lets the next connection in.
    _gone: watch::Sender<()>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.links.leave(self.device, self.serial);
        telemetry::device_up(self.device, false);
    }
}

pub(super) async fn run<S, E>(links: &Links, device: DeviceRef, serial: u64, socket: S) -> DownReason
where
    S: Stream<Item = Result<SocketMessage, E>> + Sink<SocketMessage, Error = E> + Unpin + Send,
    E: Display + Send,
{
    let mut closing = links.0.closing.subscribe();
    let mut cut = links.0.cut.subscribe();
    let mut peer = Peer {
        links,
        device: device.id,
        socket,
        events: VecDeque::new(),
        pending: None,
        late: VecDeque::new(),
        calls: 0,
        ids: VecDeque::new(),
        strikes: 0,
        heard: clock::mono(),
    };
    let greeted = tokio::select! {
        greeted = timeout(links.0.settings.hello_within, peer.greet()) => greeted.unwrap_or(Err(DownReason::NoHello)),
        () = until_cut(&mut cut, device.id) => Err(DownReason::Disconnected),
        _ = closing.wait_for(|closing| *closing) => Err(DownReason::ShuttingDown),
    };
    let (id, hello) = match greeted {
        Ok(greeted) => greeted,
        Err(reason) => {
            tracing::warn!(device = %device.id, %reason, "a device connected but was not let in");
            peer.close(&reason).await;
            return reason;
        }
    };
    drop(cut);
    let queue = Arc::new(Queue::new(links.0.settings.queue));
    let (stop, stopped) = watch::channel(None);
    let (gone_sender, gone) = watch::channel(());
    links.enter(Entry { serial, device, hello: hello.clone(), queue: queue.clone(), stop, gone }).await;
    let place = Place { links, device: device.id, serial, _gone: gone_sender };
    telemetry::device_up(device.id, true);
    tracing::info!(device = %device.id, vendor = %hello.vendor, model = %hello.model, "device connected");
    peer.events.push_back(LinkEvent::Up { device: device.id, hello });
    let reason = match peer.welcome(id).await {
        Ok(()) => peer.talk(&queue, stopped, closing).await,
        Err(reason) => reason,
    };
    tracing::info!(device = %device.id, %reason, "device disconnected");
    peer.events.push_back(LinkEvent::Down { device: device.id, reason: reason.clone() });
    for event in std::mem::take(&mut peer.events) {
        if links.0.events.send(event).await.is_err() {
            break;
        }
    }
    drop(place);
    peer.close(&reason).await;
    reason
}

async fn until_cut(cut: &mut broadcast::Receiver<DeviceId>, device: DeviceId) {
    loop {
        match cut.recv().await {
            Ok(id) if id != device => {}
            // Named, or so many were cut that this one may have been missed: it can connect again.
            _ => return,
        }
    }
}

impl<S, E> Peer<'_, S>
where
    S: Stream<Item = Result<SocketMessage, E>> + Sink<SocketMessage, Error = E> + Unpin + Send,
    E: Display + Send,
{
    /// Waits for Hello.
    async fn greet(&mut self) -> Result<(CallId, Hello), DownReason> {
        loop {
            let message = self.socket.next().await;
            let Some(frame) = self.frame(message).await? else { continue };
            let Frame::Call { id, action, payload } = frame else {
                self.strike(None, ProtocolError::new(ErrorCode::ProtocolError, "nothing was asked yet")).await?;
                continue;
            };
            match self.call(&id, &action, payload) {
                Ok(DeviceCall::Hello(hello)) => return Ok((id, hello)),
                Ok(_) => {
                    let error = ProtocolError::new(ErrorCode::ProtocolError, "Hello must come first");
                    self.strike(Some(id), error).await?;
                }
                Err(error) => self.strike(Some(id), error).await?,
            }
        }
    }

    async fn welcome(&mut self, id: CallId) -> Result<(), DownReason> {
        let settings = &self.links.0.settings;
        let now = clock::now();
        let payload = wire::write_welcome(&Welcome {
            heartbeat: settings.heartbeat,
            epoch: settings.epoch,
            server_time: now.wall,
            clock: now.mono,
        });
        self.write(&Frame::Result { id, payload }).await
    }

    async fn talk(
        &mut self,
        queue: &Queue,
        mut stopped: watch::Receiver<Option<DownReason>>,
        mut closing: watch::Receiver<bool>,
    ) -> DownReason {
        let links = self.links;
        let settings = &links.0.settings;
        loop {
            if let Err(reason) = self.send_due(queue).await {
                return reason;
            }
            if let Some(reason) = stopped.borrow_and_update().clone() {
                return reason;
            }
            let is_closing = *closing.borrow_and_update();
            if is_closing && self.pending.is_none() && queue.is_empty() {
                return DownReason::ShuttingDown;
            }
            let now = clock::mono();
            let reads = self.events.len() < EVENTS_HELD;
            if !reads {
                // The desk is slow, not the device.
                self.heard = now;
            } else if now.since(self.heard) >= settings.silent_after {
                return DownReason::Silent;
            }
            let mut wake = self.heard + settings.silent_after;
            if let Some(pending) = &self.pending {
                wake = wake.min(pending.sent + self.patience(queue));
            }
            tokio::select! {
                biased;
                changed = stopped.changed() => if changed.is_err() { return DownReason::Disconnected },
                changed = closing.changed(), if !is_closing => if changed.is_err() { return DownReason::ShuttingDown },
                () = queue.changed() => {}
                permit = links.0.events.reserve(), if !self.events.is_empty() => match permit {
                    Ok(permit) => if let Some(event) = self.events.pop_front() { permit.send(event) },
                    Err(_) => return DownReason::ShuttingDown,
                },
                () = sleep(wake.since(now)) => {}
                message = self.socket.next(), if reads => {
                    if let Err(reason) = self.hear(message).await {
                        return reason;
                    }
                }
            }
        }
    }

    /// How long our outstanding call may go without an answer.
    fn patience(&self, queue: &Queue) -> Duration {
        let settings = &self.links.0.settings;
        if queue.is_urgent() { settings.release_waits.min(settings.answer_within) } else { settings.answer_within }
    }

    /// Sends the next order if its turn has come.
    async fn send_due(&mut self, queue: &Queue) -> Result<(), DownReason> {
        for order in queue.take_overtaken() {
            self.report(order.key, Reported::Expired, Some("a newer order overtook it before it was sent".to_owned()));
        }
        let patience = self.patience(queue);
        if let Some(pending) = self.pending.take_if(|pending| clock::mono().since(pending.sent) >= patience) {
            if self.late.len() >= LATE_KEPT {
                self.late.pop_front();
            }
            self.late.push_back(pending);
        }
        while self.pending.is_none() {
            let Some(order) = queue.pop() else { break };
            self.send_order(order).await?;
        }
        Ok(())
    }

    async fn send_order(&mut self, order: Order) -> Result<(), DownReason> {
        let now = clock::mono();
        let Some(left) = order.request.expires_in.checked_sub(now.since(order.issued)).filter(|left| !left.is_zero())
        else {
            self.report(order.key, Reported::Expired, Some("it ran out before it could be sent".to_owned()));
            return Ok(());
        };
        self.calls += 1;
        let id = CallId::numbered(self.calls);
        let payload = wire::write_order(&OrderCall {
            key: order.key,
            epoch: order.epoch,
            seq: order.seq,
            verb: order.request.verb,
            expires_in: left,
            clock: now,
            alarm: order.request.alarm,
        });
        self.pending = Some(Pending { id: id.clone(), key: order.key, sent: now });
        self.write(&Frame::Call { id, action: "Order".to_owned(), payload }).await
    }

    fn report(&mut self, key: OrderKey, what: Reported, cause: Option<String>) {
        let report = OrderReport { key, what, cause };
        self.events.push_back(LinkEvent::Order { device: self.device, report });
    }

    /// Takes in one message.
    async fn hear(&mut self, message: Option<Result<SocketMessage, E>>) -> Result<(), DownReason> {
        let Some(frame) = self.frame(message).await? else { return Ok(()) };
        match frame {
            Frame::Call { id, action, payload } => match self.call(&id, &action, payload) {
                Ok(call) => self.called(id, call).await,
                Err(error) => self.strike(Some(id), error).await,
            },
            Frame::Result { id, payload } => {
                let Some(key) = self.answered(&id) else { return self.unasked(&id).await };
                match wire::parse_order_answer(payload) {
                    Ok(answer) => {
                        let what = match answer.status {
                            AnswerStatus::Accepted => Reported::Accepted,
                            AnswerStatus::Refused => Reported::Refused,
                            AnswerStatus::Duplicate => Reported::Duplicate,
                        };
                        self.report(key, what, answer.cause);
                        Ok(())
                    }
                    // What it did is not known: the order book will say that no answer came.
                    Err(error) => self.strike(None, error).await,
                }
            }
            Frame::Error { id, code, description } => {
                let Some(key) = self.answered(&id) else { return self.unasked(&id).await };
                let cause: String = format!("{code}: {description}").chars().take(512).collect();
                self.report(key, Reported::Refused, Some(cause));
                Ok(())
            }
        }
    }

    async fn called(&mut self, id: CallId, call: DeviceCall) -> Result<(), DownReason> {
        let device = self.device;
        let mut payload = json!({});
        match call {
            DeviceCall::Hello(_) => {
                let error = ProtocolError::new(ErrorCode::ProtocolError, "Hello comes once per connection");
                return self.strike(Some(id), error).await;
            }
            DeviceCall::Heartbeat => payload = json!({ "clock_ms": clock::mono().0 / 1000 }),
            DeviceCall::State(status) => self.events.push_back(LinkEvent::State { device, status }),
            DeviceCall::OrderState { report, .. } => self.events.push_back(LinkEvent::Order { device, report }),
            DeviceCall::Reading(reading) => self.events.push_back(LinkEvent::Reading { device, reading }),
        }
        self.write(&Frame::Result { id, payload }).await
    }

    /// The order that a result or error answers.
    fn answered(&mut self, id: &CallId) -> Option<OrderKey> {
        if let Some(pending) = self.pending.take_if(|pending| pending.id == *id) {
            return Some(pending.key);
        }
        let at = self.late.iter().position(|pending| pending.id == *id)?;
        self.late.remove(at).map(|pending| pending.key)
    }

    async fn unasked(&mut self, id: &CallId) -> Result<(), DownReason> {
        let text = format!("an answer with the id {id}, but no call waits for it");
        self.strike(None, ProtocolError::new(ErrorCode::ProtocolError, text)).await
    }

    /// Reads a call's payload, once its id is known to be new.
    fn call(&mut self, id: &CallId, action: &str, payload: Value) -> Result<DeviceCall, ProtocolError> {
        if self.ids.contains(id) {
            let text = format!("the id {id} was used before on this connection");
            return Err(ProtocolError::new(ErrorCode::ProtocolError, text));
        }
        if self.ids.len() >= IDS_KEPT {
            self.ids.pop_front();
        }
        self.ids.push_back(id.clone());
        wire::parse_device_call(action, payload)
    }

    /// The frame of a message; `None` when it has none or it was wrong and that was answered.
    async fn frame(&mut self, message: Option<Result<SocketMessage, E>>) -> Result<Option<Frame>, DownReason> {
        let text = match message {
            None | Some(Ok(SocketMessage::Close { .. })) => return Err(DownReason::Closed),
            Some(Err(error)) => return Err(DownReason::Broken(error.to_string())),
            Some(Ok(SocketMessage::Text(text))) => text,
            Some(Ok(SocketMessage::Control)) => {
                self.heard = clock::mono();
                return Ok(None);
            }
            Some(Ok(SocketMessage::Binary)) => {
                let text = "the protocol has text frames only";
                self.strike(None, ProtocolError::new(ErrorCode::RpcFrameworkError, text)).await?;
                return Ok(None);
            }
        };
        match Frame::parse(&text) {
            Ok(frame) => {
                self.heard = clock::mono();
                Ok(Some(frame))
            }
            Err(bad) => {
                let too_big = text.len() > MAX_FRAME;
                let words = bad.error.to_string();
                if bad.is_answer {
                    self.strike_silently(&bad.error)?;
                } else {
                    self.strike(bad.id, bad.error).await?;
                }
                if too_big { Err(DownReason::Protocol(words)) } else { Ok(None) }
            }
        }
    }

    /// Counts a protocol error and answers it: by the call's id, or by the id of unreadable frames.
    async fn strike(&mut self, id: Option<CallId>, error: ProtocolError) -> Result<(), DownReason> {
        self.write(&Frame::error(id.unwrap_or_else(CallId::unreadable), &error)).await?;
        self.strike_silently(&error)
    }

    fn strike_silently(&mut self, error: &ProtocolError) -> Result<(), DownReason> {
        self.strikes += 1;
        tracing::warn!(device = %self.device, %error, strikes = self.strikes, "protocol error of a device");
        if self.strikes >= self.links.0.settings.strikes {
            return Err(DownReason::Protocol(error.to_string()));
        }
        Ok(())
    }

    async fn write(&mut self, frame: &Frame) -> Result<(), DownReason> {
        let sent = self.socket.send(SocketMessage::Text(frame.write()));
        match timeout(self.links.0.settings.write_within, sent).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(DownReason::Broken(error.to_string())),
            Err(_) => Err(DownReason::Stuck),
        }
    }

    /// Says goodbye, if the device still listens.
    async fn close(&mut self, reason: &DownReason) {
        let code = match reason {
            DownReason::Protocol(words) if words.contains("bytes; at most") => close::TOO_BIG,
            _ => reason.code(),
        };
        // A close frame carries at most 123 bytes of reason (RFC 6455, 5.5).
        let mut words = reason.to_string();
        while words.len() > 120 {
            words.pop();
        }
        let goodbye = async {
            self.socket.send(SocketMessage::Close { code, reason: words }).await.ok()?;
            self.socket.close().await.ok()
        };
        // It may be gone already: then there is no one to tell.
        let _ = timeout(Duration::from_secs(1), goodbye).await;
    }
}
