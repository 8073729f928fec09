//! The event socket: each watcher has its own cursor over the store and is woken when there is more. A slow one costs
//! nobody anything; in the end it is cut off. What a watcher may not see is left out, not told.

use std::convert::Infallible;

use axum::{
    extract::{State, ws::close_code},
    response::Response,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use utoipa::IntoParams;

use super::{
    ApiState,
    caller::{Caller, Watch},
    extract::Params,
    problem::Problem,
    socket::{self, End, Upgrade, Watcher},
    time,
};
use crate::store::Event;

/// The subprotocol; a browser offers it beside `yunti.token.<token>`.
const PROTOCOL: &str = "yunti.events.v1";

/// Events read at once for one watcher.
const PAGE: usize = 256;

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
    upgrade: Upgrade,
) -> Result<Response, Problem> {
    let upgrade = socket::accept(upgrade, PROTOCOL, socket::WATCHER_SAYS)?;
    let Ok(place) = state.watchers.clone().try_acquire_owned() else {
        return Err(Problem::unavailable("too many watch events already: close some, or share one connection"));
    };
    let cursor = since.unwrap_or_else(|| *state.store.last_seq().borrow());
    Ok(upgrade.on_upgrade(move |socket| async move {
        let mut events = Events { watcher: Watcher::new(socket, state, caller.who, place), cursor };
        let Err(end) = events.run().await;
        events.watcher.close(end).await;
    }))
}

struct Events {
    watcher: Watcher,
    /// Everything up to here was sent.
    cursor: u64,
}

impl Events {
    /// Runs until the connection must end.
    async fn run(&mut self) -> Result<Infallible, End> {
        let mut wake = self.watcher.state.store.last_seq();
        loop {
            wake.borrow_and_update();
            self.catch_up().await?;
            tokio::select! {
                more = wake.changed() => if more.is_err() { return Err(End::Closing) },
                due = self.watcher.due() => self.watcher.attend(due?).await?,
            }
        }
    }

    /// Sends everything between the cursor and now.
    async fn catch_up(&mut self) -> Result<(), End> {
        loop {
            let page = self.watcher.state.store.events_after(self.cursor, PAGE).await.map_err(|error| {
                tracing::error!(%error, cursor = self.cursor, "cannot read events for a watcher");
                End::Because(close_code::ERROR, "the events cannot be read: connect again")
            })?;
            if page.gap.is_none() && page.events.is_empty() {
                return Ok(());
            }
            self.watcher.attend_while_busy().await?;
            if let Some(gap) = page.gap {
                self.watcher.text(&json!({ "kind": "gap", "from": gap.from, "to": gap.to })).await?;
                self.cursor = gap.to;
            }
            for event in page.events {
                if self.watcher.who.grants.may_see_event(&event.kind, event.site.as_ref()) {
                    self.watcher.text(&wire(&event)).await?;
                }
                self.cursor = event.seq;
            }
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
