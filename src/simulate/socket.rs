//! A device's end of the connection: dial, Hello, heartbeats, one call outstanding, the age of orders.
//! Not here: what the device does (`machine`), when to dial again (`device`).

use std::{collections::VecDeque, time::Duration};

use futures_util::{SinkExt, StreamExt};
use tokio::time::timeout;
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        Message,
        client::IntoClientRequest,
        http::{HeaderValue, header},
        protocol::WebSocketConfig,
    },
};
use url::Url;

use super::{
    dial::{Io, Target},
    machine::Received,
};
use crate::{
    base::{Mono, Secret, clock},
    device::{
        protocol::{
            CallId, DeviceCall, ErrorCode, Hello, MAX_FRAME, OrderAnswer, PATH, ProtocolError, SUBPROTOCOL, Welcome,
        },
        wire::{self, Frame},
    },
};

/// Without an answer for this long the connection is dead, and with it everything that may still arrive on it.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// Time to dial, and to write one frame.
const DIAL_WITHIN: Duration = Duration::from_secs(5);
const WRITE_WITHIN: Duration = Duration::from_secs(2);
/// The latest answers that the server's clock is judged by.
const SAMPLES: usize = 8;

/// Why there is no connection (any more).
#[derive(Debug, thiserror::Error)]
pub(super) enum SocketError {
    #[error("could not connect: {0}")]
    Dial(String),
    #[error("the server did not take up the subprotocol {SUBPROTOCOL}")]
    Subprotocol,
    #[error("the server closed the connection: {0}")]
    Closed(String),
    #[error("the connection broke: {0}")]
    Broken(String),
    #[error("the server did not answer in time")]
    Silent,
    #[error("the server refused: {0}")]
    Refused(String),
    #[error("the server said something that is not in the protocol: {0}")]
    Protocol(#[from] ProtocolError),
}

/// Where to connect: a base URL (`http`, `https`, `ws`, `wss`) gets the protocol's path, a full one keeps its own.
///
/// # Errors
/// Not such a URL; the text says why.
pub(super) fn address(server: &str) -> Result<Url, String> {
    let mut url = Url::parse(server).map_err(|e| format!("{server:?} is not a URL: {e}"))?;
    let scheme = match url.scheme() {
        "http" | "ws" => "ws",
        "https" | "wss" => "wss",
        other => return Err(format!("the server's URL must begin with http:// or https://, not {other}://")),
    };
    url.set_scheme(scheme).map_err(|()| format!("{server:?} cannot become a {scheme}:// URL"))?;
    if url.path() == "/" || url.path().is_empty() {
        url.set_path(PATH);
    }
    Ok(url)
}

/// The server's monotonic clock as seen from here. Each answer that carries `clock_ms` bounds it by its round trip;
/// the shortest of the latest ones is believed.
#[derive(Debug, Default)]
struct ServerClock {
    /// Round trip and server's time less ours, in microseconds.
    samples: VecDeque<(u64, i128)>,
}

impl ServerClock {
    fn heard(&mut self, sent: Mono, received: Mono, clock: Mono) {
        if self.samples.len() >= SAMPLES {
            self.samples.pop_front();
        }
        let round_trip = received.0.saturating_sub(sent.0);
        let middle = i128::from(sent.0) + i128::from(round_trip / 2);
        self.samples.push_back((round_trip, i128::from(clock.0) - middle));
    }

    /// How long ago, at `received`, the server's clock showed `clock`. Zero until it is known.
    fn age(&self, clock: Mono, received: Mono) -> Duration {
        let Some((_, ahead)) = self.samples.iter().min() else { return Duration::ZERO };
        let age = i128::from(received.0) + ahead - i128::from(clock.0);
        Duration::from_micros(u64::try_from(age).unwrap_or(0))
    }
}

/// What the server said.
#[derive(Debug)]
pub(super) enum Heard {
    /// An order, to be answered by [`Connection::answer`].
    Order(CallId, Received),
    /// Answered here already.
    Nothing,
}

/// A connection on which Hello was answered.
pub(super) struct Connection {
    socket: WebSocketStream<Box<dyn Io>>,
    calls: u64,
    /// The call that waits for its answer, and when it was written.
    outstanding: Option<(CallId, Mono)>,
    heartbeat: Duration,
    last_call: Mono,
    clock: ServerClock,
}

impl Connection {
    /// Connects and says Hello.
    pub(super) async fn open(target: Target, token: Secret, hello: Hello) -> Result<(Box<Self>, Welcome), SocketError> {
        timeout(DIAL_WITHIN, Self::dial(target, token, hello)).await.unwrap_or(Err(SocketError::Silent))
    }

    async fn dial(target: Target, token: Secret, hello: Hello) -> Result<(Box<Self>, Welcome), SocketError> {
        let dial = |e: String| SocketError::Dial(e);
        let mut request = target.url.as_str().into_client_request().map_err(|e| dial(e.to_string()))?;
        let mut bearer = HeaderValue::try_from(format!("Bearer {}", token.expose()))
            .map_err(|_| dial("the token has characters that cannot be sent".to_owned()))?;
        bearer.set_sensitive(true);
        request.headers_mut().insert(header::AUTHORIZATION, bearer);
        request.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
        let limits =
            WebSocketConfig::default().max_message_size(Some(MAX_FRAME * 4)).max_frame_size(Some(MAX_FRAME * 4));
        let stream = target.connect().await.map_err(|e| dial(e.to_string()))?;
        let (socket, response) =
            client_async_with_config(request, stream, Some(limits)).await.map_err(|e| dial(e.to_string()))?;
        if response.headers().get(header::SEC_WEBSOCKET_PROTOCOL).is_none_or(|p| p != SUBPROTOCOL) {
            return Err(SocketError::Subprotocol);
        }
        let now = clock::mono();
        let mut this = Self {
            socket,
            calls: 0,
            outstanding: None,
            heartbeat: ANSWER_WITHIN,
            last_call: now,
            clock: ServerClock::default(),
        };
        this.call(&DeviceCall::Hello(hello)).await?;
        loop {
            match this.frame().await? {
                Frame::Result { payload, .. } => {
                    let welcome = wire::parse_welcome(payload)?;
                    let (_, sent) = this.outstanding.take().unwrap_or((CallId::unreadable(), now));
                    this.clock.heard(sent, clock::mono(), welcome.clock);
                    this.heartbeat = welcome.heartbeat;
                    return Ok((Box::new(this), welcome));
                }
                Frame::Error { code, description, .. } => {
                    return Err(SocketError::Refused(format!("{code}: {description}")));
                }
                Frame::Call { id, .. } => {
                    let error = ProtocolError::new(ErrorCode::ProtocolError, "Hello is not answered yet");
                    this.write(&Frame::error(id, &error)).await?;
                }
            }
        }
    }

    /// Whether a call may be made now: one is outstanding at a time.
    pub(super) fn is_free(&self) -> bool {
        self.outstanding.is_none()
    }

    /// Whether an answer is overdue. Ask before reading: what arrives on a dead connection is not to be believed.
    pub(super) fn is_dead(&self, now: Mono) -> bool {
        self.outstanding.as_ref().is_some_and(|(_, sent)| now.since(*sent) >= ANSWER_WITHIN)
    }

    /// When a heartbeat is due, or an outstanding answer overdue.
    pub(super) fn wake(&self) -> Mono {
        self.outstanding.as_ref().map_or(self.last_call + self.heartbeat, |(_, sent)| *sent + ANSWER_WITHIN)
    }

    /// Whether a heartbeat is due.
    pub(super) fn is_heartbeat_due(&self, now: Mono) -> bool {
        self.is_free() && now >= self.last_call + self.heartbeat
    }

    /// Makes a call; its answer is taken in by [`Connection::next`].
    pub(super) async fn call(&mut self, call: &DeviceCall) -> Result<(), SocketError> {
        self.calls += 1;
        let id = CallId::numbered(self.calls);
        let (action, payload) = wire::write_device_call(call);
        self.last_call = clock::mono();
        self.outstanding = Some((id.clone(), self.last_call));
        self.write(&Frame::Call { id, action: action.to_owned(), payload }).await
    }

    /// Answers an order.
    pub(super) async fn answer(&mut self, id: CallId, answer: &OrderAnswer) -> Result<(), SocketError> {
        self.write(&Frame::Result { id, payload: wire::write_order_answer(answer) }).await
    }

    /// The next thing the server says. Safe to drop while it waits.
    pub(super) async fn next(&mut self) -> Result<Heard, SocketError> {
        let frame = self.frame().await?;
        let now = clock::mono();
        match frame {
            Frame::Call { id, action, payload } if action == "Order" => match wire::parse_order(payload) {
                Ok(order) => {
                    let age = self.clock.age(order.clock, now);
                    Ok(Heard::Order(id, Received { order, at: now, age }))
                }
                Err(error) => {
                    self.write(&Frame::error(id, &error)).await?;
                    Ok(Heard::Nothing)
                }
            },
            Frame::Call { id, action, .. } => {
                let action: String = action.chars().take(64).collect();
                let error =
                    ProtocolError::new(ErrorCode::NotImplemented, format!("the action {action:?} is not known"));
                self.write(&Frame::error(id, &error)).await?;
                Ok(Heard::Nothing)
            }
            Frame::Result { id, payload } => {
                if let Some((_, sent)) = self.outstanding.take_if(|(waits, _)| *waits == id)
                    && let Some(clock) = payload.get("clock_ms").and_then(serde_json::Value::as_u64)
                {
                    self.clock.heard(sent, now, Mono::from_ms(clock.min(u64::from(u32::MAX) * 1000)));
                }
                Ok(Heard::Nothing)
            }
            Frame::Error { id, code, description } => {
                self.outstanding.take_if(|(waits, _)| *waits == id);
                tracing::warn!(%code, %description, "the server refused a call");
                Ok(Heard::Nothing)
            }
        }
    }

    async fn frame(&mut self) -> Result<Frame, SocketError> {
        loop {
            let message = match self.socket.next().await {
                None => return Err(SocketError::Closed("without a word".to_owned())),
                Some(message) => message.map_err(|e| SocketError::Broken(e.to_string()))?,
            };
            match message {
                Message::Text(text) => match Frame::parse(&text) {
                    Ok(frame) => return Ok(frame),
                    Err(bad) => return Err(bad.error.into()),
                },
                Message::Close(frame) => {
                    let words = frame.map_or_else(
                        || "no reason given".to_owned(),
                        |f| format!("{} {}", u16::from(f.code), f.reason.as_str()),
                    );
                    return Err(SocketError::Closed(words));
                }
                Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
                Message::Binary(_) => {
                    let text = "the protocol has text frames only";
                    return Err(ProtocolError::new(ErrorCode::RpcFrameworkError, text).into());
                }
            }
        }
    }

    async fn write(&mut self, frame: &Frame) -> Result<(), SocketError> {
        match timeout(WRITE_WITHIN, self.socket.send(Message::text(frame.write()))).await {
            Ok(sent) => sent.map_err(|e| SocketError::Broken(e.to_string())),
            Err(_) => Err(SocketError::Silent),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_gets_the_path_of_the_protocol() {
        let check = |server: &str, want: Result<&str, &str>| match (address(server), want) {
            (Ok(url), Ok(want)) => assert_eq!(url.as_str(), want),
            (Err(error), Err(want)) => assert!(error.contains(want), "{error}"),
            (got, want) => panic!("{server}: {got:?}, wanted {want:?}"),
        };
        check("http://127.0.0.1:8080", Ok("ws://127.0.0.1:8080/api/v1/devices/ws"));
        check("ws://host/", Ok("ws://host/api/v1/devices/ws"));
        check("ws://host/else/ws", Ok("ws://host/else/ws"));
        check("https://host", Ok("wss://host/api/v1/devices/ws"));
        check("ftp://host", Err("must begin with"));
        check("host:80", Err("must begin with"));
        check("", Err("not a URL"));
    }

    #[test]
    fn the_age_of_an_order_is_told_without_a_common_clock() {
        let mut server = ServerClock::default();
        assert_eq!(server.age(Mono::from_ms(5), Mono::from_ms(9000)), Duration::ZERO, "nothing is known yet");
        // The server's clock is 1000 s ahead; a slow answer, then a quick one.
        server.heard(Mono::from_ms(0), Mono::from_ms(400), Mono::from_ms(1_000_390));
        server.heard(Mono::from_ms(5000), Mono::from_ms(5002), Mono::from_ms(1_005_001));
        let age = |ours: u64, theirs: u64| server.age(Mono::from_ms(theirs), Mono::from_ms(ours)).as_millis();
        assert_eq!(age(6000, 1_006_000), 0);
        assert_eq!(age(6000, 976_000), 30_000, "it waited out a link loss of 30 s");
        assert_eq!(age(6000, 1_006_500), 0, "never negative");
    }
}
