//! The event socket: each watcher has its own cursor over the store and is woken when there is more. A slow one costs
//! nobody anything; in the end it is cut off. What a watcher may not see is left out, not told.

use std::convert::Infallible;

use axum::{
    extract::{
        State, WebSocketUpgrade,
        ws::{CloseFrame, Message, Utf8Bytes, WebSocket, close_code, rejection::WebSocketUpgradeRejection},
    },
    response::Response,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::{
    sync::{OwnedSemaphorePermit, watch},
    time::{Instant, MissedTickBehavior, interval_at, timeout},
};
use utoipa::IntoParams;

use super::{
    ApiState,
    caller::{Caller, Identity, Watch, still_valid},
    extract::Params,
    problem::Problem,
    time,
};
use crate::store::Event;

/// The subprotocol; a browser offers it beside `yunti.token.<token>`.
const PROTOCOL: &str = "yunti.events.v1";

/// Events read at once for one watcher.
const PAGE: usize = 256;

/// A watcher says nothing but pongs and a close.
const MESSAGE_MOST: usize = 4096;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Since {
    /// Every event after this place, once each, then those to come; only those to come when left out. Pruned ones are
    /// told as `{"kind":"gap","from":…,"to":…}`.
    since: Option<u64>,
}

#[utoipa::path(get, path = "/api/v1/events", tag = "events", params(Since),
    responses((status = 101, description = "A WebSocket; each text message is one event: {seq, at, kind, camera?, device?, alarm?, site?, …}")))]
pub(super) async fn watch(
    caller: Caller<Watch>,
    State(state): State<ApiState>,
    Params(Since { since }): Params<Since>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let upgrade = upgrade.map_err(|e| {
        Problem::malformed(format!("this is a WebSocket, connect with ws:// or wss://: {}", e.body_text()))
    })?;
    let Ok(place) = state.watchers.clone().try_acquire_owned() else {
        return Err(Problem::unavailable("too many watch events already: close some, or share one connection"));
    };
    let cursor = since.unwrap_or_else(|| *state.store.last_seq().borrow());
    let upgrade = upgrade.protocols([PROTOCOL]).max_message_size(MESSAGE_MOST).max_frame_size(MESSAGE_MOST);
    let access = state.access_changed();
    Ok(upgrade.on_upgrade(move |socket| serve(Watcher { socket, state, who: caller.who, cursor, place, access })))
}

struct Watcher {
    socket: WebSocket,
    state: ApiState,
    who: Identity,
    /// Everything up to here was sent.
    cursor: u64,
    #[expect(dead_code, reason = "held while the watcher is connected")]
    place: OwnedSemaphorePermit,
    access: watch::Receiver<()>,
}

/// Why a watcher's connection ends.
enum End {
    /// It left, or the connection broke.
    Gone,
    /// It takes nothing.
    Slow,
    /// Nothing was heard of it, not even a pong.
    Silent,
    Revoked,
    StoreFailed,
    Closing,
}

async fn serve(mut watcher: Watcher) {
    let Err(end) = watcher.run().await;
    let (code, reason) = match end {
        End::Gone | End::Silent => return,
        End::Slow => {
            tracing::info!(who = %watcher.who.id(), cursor = watcher.cursor, "cut off a slow watcher of events");
            (close_code::AGAIN, "too slow: connect again with since")
        }
        End::Revoked => (close_code::POLICY, "no longer allowed: log in again, or use another token"),
        End::StoreFailed => (close_code::ERROR, "the events cannot be read: connect again with since"),
        End::Closing => (close_code::AWAY, "the server is shutting down: connect again with since"),
    };
    let close = Message::Close(Some(CloseFrame { code, reason: Utf8Bytes::from_static(reason) }));
    // Told if it still listens; dropped either way.
    drop(timeout(watcher.state.sockets.send.min(std::time::Duration::from_secs(1)), watcher.socket.send(close)).await);
}

impl Watcher {
    /// Runs until the connection must end.
    async fn run(&mut self) -> Result<Infallible, End> {
        let mut wake = self.state.store.last_seq();
        let ping = self.state.sockets.ping;
        let mut pings = interval_at(Instant::now() + ping, ping);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut unanswered = 0_u32;
        let closing = self.state.closing.clone();
        loop {
            wake.borrow_and_update();
            self.catch_up().await?;
            tokio::select! {
                _ = self.access.changed() => self.look_again().await?,
                () = closing.cancelled() => return Err(End::Closing),
                more = wake.changed() => if more.is_err() { return Err(End::Closing) },
                said = self.socket.recv() => match said {
                    None | Some(Err(_) | Ok(Message::Close(_))) => return Err(End::Gone),
                    Some(Ok(_)) => unanswered = 0,
                },
                _ = pings.tick() => {
                    unanswered += 1;
                    if unanswered > 3 {
                        return Err(End::Silent);
                    }
                    self.look_again().await?;
                    self.send(Message::Ping(axum::body::Bytes::new())).await?;
                }
            }
        }
    }

    /// Goes on with what the watcher may see by now, or not at all.
    async fn look_again(&mut self) -> Result<(), End> {
        self.who = still_valid(&self.state, &self.who).await.ok_or(End::Revoked)?;
        Ok(())
    }

    /// Sends everything between the cursor and now.
    async fn catch_up(&mut self) -> Result<(), End> {
        loop {
            let page = self.state.store.events_after(self.cursor, PAGE).await.map_err(|error| {
                tracing::error!(%error, cursor = self.cursor, "cannot read events for a watcher");
                End::StoreFailed
            })?;
            if page.gap.is_none() && page.events.is_empty() {
                return Ok(());
            }
            if self.state.closing.is_cancelled() {
                return Err(End::Closing);
            }
            if self.access.has_changed().unwrap_or(false) {
                self.access.borrow_and_update();
                self.look_again().await?;
            }
            if let Some(gap) = page.gap {
                self.text(&json!({ "kind": "gap", "from": gap.from, "to": gap.to })).await?;
                self.cursor = gap.to;
            }
            for event in page.events {
                if self.who.grants.may_see_event(&event.kind, event.site.as_ref()) {
                    self.text(&wire(&event)).await?;
                }
                self.cursor = event.seq;
            }
        }
    }

    async fn text(&mut self, value: &Value) -> Result<(), End> {
        self.send(Message::Text(value.to_string().into())).await
    }

    async fn send(&mut self, message: Message) -> Result<(), End> {
        match timeout(self.state.sockets.send, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::Gone),
            Err(_) => Err(End::Slow),
        }
    }
}

/// An event on the wire: its own fields, and the kind's beside them; the event's own win.
fn wire(event: &Event) -> Value {
    let mut object = match &event.data {
        Value::Object(data) => data.clone(),
        Value::Null => Map::new(),
        other => Map::from_iter([("data".to_owned(), other.clone())]),
    };
    object.insert("seq".to_owned(), event.seq.into());
    object.insert("at".to_owned(), time::text(event.at).into());
    object.insert("kind".to_owned(), event.kind.clone().into());
    let ids = [
        ("camera", event.camera.map(|id| id.to_string())),
        ("device", event.device.map(|id| id.to_string())),
        ("alarm", event.alarm.map(|id| id.to_string())),
        ("site", event.site.as_ref().map(ToString::to_string)),
    ];
    for (name, id) in ids {
        if let Some(id) = id {
            object.insert(name.to_owned(), id.into());
        }
    }
    Value::Object(object)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{AlarmId, Wall};

    #[test]
    fn an_event_keeps_its_own_fields_whatever_its_data_says() {
        let alarm = AlarmId::from_u128(1);
        let event = Event {
            seq: 7,
            at: Wall(0),
            kind: "alarm.raised".to_owned(),
            camera: None,
            device: None,
            alarm: Some(alarm),
            data: json!({ "seq": 1, "state": "raised" }),
            site: None,
        };
        let expected = json!({
            "seq": 7, "at": "1970-01-01T00:00:00.000Z", "kind": "alarm.raised", "alarm": alarm.to_string(), "state": "raised",
        });
        assert_eq!(wire(&event), expected);
    }
}
