//! What the cockpit counts: facts of alarms, uptimes. Not here: adding them up.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter, types::Value as Sql};
use serde_json::{Value, json};

use super::{Store, alarms::within};
use crate::{
    access::Sites,
    alarm::tally::Fact,
    base::{CameraId, DeviceId, Wall},
    store::{
        NewEvent, StoreError, Write,
        uptime::{Turn, Uptime, uptime},
        wire,
    },
};

impl Store {
    /// The e-bike alarms raised from `since` until before `until` at `sites`, oldest first.
    ///
    /// # Errors
    /// The database failed, or the store is closed.
    pub async fn alarm_facts(&self, since: Wall, until: Wall, sites: Sites) -> Result<Vec<Fact>, StoreError> {
        self.ask(move |db| {
            let mut sql = String::from(
                "SELECT state, camera, site, building, raised_at, captured_at, held_at, acted_at FROM alarms
                 WHERE kind = 'ebike_in_lift' AND raised_at >= ? AND raised_at < ?",
            );
            let mut values = vec![Sql::from(since.0), Sql::from(until.0)];
            within(&sites, &mut sql, &mut values);
            sql.push_str(" ORDER BY raised_at, id");
            let mut statement = db.prepare_cached(&sql)?;
            let mut rows = statement.query(params_from_iter(values))?;
            let mut facts = Vec::new();
            while let Some(row) = rows.next()? {
                facts.push(fact(row)?);
            }
            Ok(facts)
        })
        .await
    }

    /// How long cameras were live and devices online, from `since` until `until`, as far as events are kept.
    ///
    /// # Errors
    /// The database failed, or the store is closed.
    pub async fn uptimes(
        &self,
        since: Wall,
        until: Wall,
    ) -> Result<(BTreeMap<CameraId, Uptime>, BTreeMap<DeviceId, Uptime>), StoreError> {
        self.ask(move |db| {
            let cameras = turns(db, "camera.phase", "camera", |data| data["phase"] == "live", since, until)?;
            let devices = turns(db, "device.state", "device", |data| data["online"] == true, since, until)?;
            Ok((uptime(cameras, since, until), uptime(devices, since, until)))
        })
        .await
    }

    /// Notes that the server runs: what lies between this and the next start is time in which nothing was watched.
    ///
    /// # Errors
    /// The database failed, or the store is closed.
    pub async fn mark_alive(&self, at: Wall) -> Result<(), StoreError> {
        self.change(move |tx| {
            tx.db
                .prepare_cached(
                    "INSERT INTO meta (name, value) VALUES ('alive_at', ?1)
                 ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                )?
                .execute(params![at.0])?;
            Ok(())
        })
        .await
    }

    /// Tells that the server began, and since when it had not been known to run.
    ///
    /// # Errors
    /// The database failed, or the store is closed.
    pub async fn note_start(&self, at: Wall) -> Result<(), StoreError> {
        self.change(move |tx| {
            let alive: Option<i64> =
                tx.db.query_row("SELECT value FROM meta WHERE name = 'alive_at'", [], |row| row.get(0)).optional()?;
            let down_since = alive.map_or(at.0, |alive| alive.min(at.0));
            let data = json!({ "down_since_ms": down_since });
            let event = NewEvent::new(at, "server.started", data);
            tx.write_all(&[Write::Event(event)]).map(drop)
        })
        .await
    }
}

fn fact(row: &Row<'_>) -> Result<Fact, StoreError> {
    let text = |column: usize| row.get::<_, Option<String>>(column);
    Ok(Fact {
        state: wire::named("alarm state", &row.get::<_, String>(0)?)?,
        camera: wire::id_opt("camera id", text(1)?.as_deref())?,
        site: wire::id_opt("site", text(2)?.as_deref())?,
        building: text(3)?,
        raised_at: Wall(row.get(4)?),
        captured_at: row.get::<_, Option<i64>>(5)?.map(Wall),
        held_at: row.get::<_, Option<i64>>(6)?.map(Wall),
        acknowledged_at: row.get::<_, Option<i64>>(7)?.map(Wall),
    })
}

/// The changes of everything that events of `kind` are about, from the last before `since` on.
fn turns<Id: std::str::FromStr>(
    db: &Connection,
    kind: &str,
    subject: &'static str,
    is_up: impl Fn(&Value) -> bool,
    since: Wall,
    until: Wall,
) -> Result<Vec<Turn<Id>>, StoreError>
where
    Id::Err: std::fmt::Display,
{
    // With a bare `max` the other columns are those of its row.
    let sql = format!(
        "SELECT seq, at, kind, {subject}, data FROM
             (SELECT max(seq) AS seq, at, kind, {subject}, data FROM events WHERE kind = ?1 AND at < ?2 GROUP BY {subject})
         UNION ALL SELECT seq, at, kind, {subject}, data FROM events
             WHERE kind IN (?1, 'server.started') AND at >= ?2 AND at < ?3
         ORDER BY seq"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let mut rows = statement.query(params![kind, since.0, until.0])?;
    let mut turns = Vec::new();
    while let Some(row) = rows.next()? {
        let at = Wall(row.get(1)?);
        let data: Value = wire::from_json("event", &row.get::<_, String>(4)?)?;
        if row.get::<_, String>(2)? == "server.started" {
            turns.push(Turn::Server { down_since: Wall(data["down_since_ms"].as_i64().unwrap_or(at.0)), at });
        } else if let Some(id) = wire::id_opt(subject, row.get::<_, Option<String>>(3)?.as_deref())? {
            turns.push(Turn::Subject { id, at, up: is_up(&data) });
        }
    }
    Ok(turns)
}
