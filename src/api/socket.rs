//! What the sockets of events and of live video share: the upgrade and its limits, sending within a time, pings, who
//! still may watch, and how it ends. Not here: what a watcher is sent.

use std::time::Duration;

use axum::{
    body::Bytes,
    extract::{
        WebSocketUpgrade,
        ws::{CloseFrame, Message, Utf8Bytes, WebSocket, close_code, rejection::WebSocketUpgradeRejection},
    },
};
use serde_json::Value;
use tokio::{
    sync::{OwnedSemaphorePermit, watch},
    time::{Instant, sleep_until, timeout},
};

use super::{
    ApiState,
    caller::{Identity, still_valid},
    problem::Problem,
};

/// A watcher says nothing but pongs and a close: the longest message taken from one, in bytes.
pub(super) const WATCHER_SAYS: usize = 4096;

/// A client that leaves so many pings in a row unanswered is gone.
const UNANSWERED_MOST: u32 = 3;

/// The longest that telling a client why it is cut off may take.
const CLOSE_WITHIN: Duration = Duration::from_secs(1);

/// What a handler gets of a request that should be a WebSocket.
pub(super) type Upgrade = Result<WebSocketUpgrade, WebSocketUpgradeRejection>;

/// The upgrade, with its subprotocol and no message from the client longer than `most` bytes.
pub(super) fn accept(upgrade: Upgrade, protocol: &'static str, most: usize) -> Result<WebSocketUpgrade, Problem> {
    let upgrade = upgrade.map_err(|e| {
        Problem::malformed(format!("this is a WebSocket, connect with ws:// or wss://: {}", e.body_text()))
    })?;
    Ok(upgrade.protocols([protocol]).max_message_size(most).max_frame_size(most))
}

/// A client that watches. It holds one of the places for its kind while it is connected.
pub(super) struct Watcher {
    pub(super) state: ApiState,
    pub(super) who: Identity,
    socket: WebSocket,
    next_ping: Instant,
    unanswered: u32,
    access: watch::Receiver<()>,
    #[expect(dead_code, reason = "held while the watcher is connected")]
    place: OwnedSemaphorePermit,
}

/// Why a watcher's connection ends.
pub(super) enum End {
    /// It left, the connection broke, or not even a pong came.
    Gone,
    /// It takes nothing.
    Slow,
    Revoked,
    Closing,
    /// What else ends it: the close code and its words.
    Because(u16, &'static str),
}

/// What the connection itself asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    /// A ping, and a look at who it is.
    Ping,
    /// What somebody may do has changed.
    Look,
}

impl Watcher {
    pub(super) fn new(socket: WebSocket, state: ApiState, who: Identity, place: OwnedSemaphorePermit) -> Self {
        let next_ping = Instant::now() + state.sockets.ping;
        let mut access = state.access_changed();
        // Something may have changed since the request was let in: look once.
        access.mark_changed();
        Self { state, who, socket, next_ping, unanswered: 0, access, place }
    }

    /// Waits for what is due; to be given to [`Watcher::attend`]. May be dropped while it waits.
    pub(super) async fn due(&mut self) -> Result<Due, End> {
        tokio::select! {
            () = self.state.closing.cancelled() => Err(End::Closing),
            said = self.socket.recv() => match said {
                None | Some(Err(_) | Ok(Message::Close(_))) => Err(End::Gone),
                Some(Ok(_)) => {
                    self.unanswered = 0;
                    Ok(Due::Nothing)
                }
            },
            _ = self.access.changed() => Ok(Due::Look),
            () = sleep_until(self.next_ping) => Ok(Due::Ping),
        }
    }

    pub(super) async fn attend(&mut self, due: Due) -> Result<(), End> {
        match due {
            Due::Nothing => Ok(()),
            Due::Look => self.look_again().await,
            Due::Ping => {
                self.next_ping = Instant::now() + self.state.sockets.ping;
                self.unanswered += 1;
                if self.unanswered > UNANSWERED_MOST {
                    return Err(End::Gone);
                }
                self.look_again().await?;
                self.send(Message::Ping(Bytes::new())).await
            }
        }
    }

    /// What may not wait while much is being sent.
    pub(super) async fn attend_while_busy(&mut self) -> Result<(), End> {
        if self.state.closing.is_cancelled() {
            return Err(End::Closing);
        }
        if self.access.has_changed().unwrap_or(false) {
            self.access.mark_unchanged();
            self.look_again().await?;
        }
        Ok(())
    }

    /// Goes on with what the watcher may see by now, or not at all.
    async fn look_again(&mut self) -> Result<(), End> {
        self.who = still_valid(&self.state, &self.who).await.ok_or(End::Revoked)?;
        Ok(())
    }

    pub(super) async fn text(&mut self, value: &Value) -> Result<(), End> {
        self.send(Message::Text(value.to_string().into())).await
    }

    pub(super) async fn send(&mut self, message: Message) -> Result<(), End> {
        match timeout(self.state.sockets.send, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::Gone),
            Err(_) => Err(End::Slow),
        }
    }

    /// Ends the connection; the watcher is told why, if it still listens.
    pub(super) async fn close(mut self, end: End) {
        let (code, reason) = match end {
            End::Gone => return,
            End::Slow => {
                tracing::info!(who = %self.who.id(), "cut off a watcher that takes nothing");
                (close_code::AGAIN, "too slow: connect again")
            }
            End::Revoked => (close_code::POLICY, "no longer allowed: log in again, or use another token"),
            End::Closing => (close_code::AWAY, "the server is shutting down: connect again"),
            End::Because(code, reason) => (code, reason),
        };
        let close = Message::Close(Some(CloseFrame { code, reason: Utf8Bytes::from_static(reason) }));
        drop(timeout(self.state.sockets.send.min(CLOSE_WITHIN), self.socket.send(close)).await);
    }
}
