//! One `Write` to its row; alarms and events with the site of what they are about.

use rusqlite::{Connection, params};

use super::{audit, ladders};
use crate::{
    alarm::Alarm,
    store::{Event, NewEvent, OrderRecord, StoreError, Write, names::Named, wire},
};

/// Writes one thing; an event comes back with its place.
pub(super) fn write(db: &Connection, write: &Write) -> Result<Option<Event>, StoreError> {
    match write {
        Write::Alarm(alarm) => {
            self::alarm(db, alarm)?;
            Ok(None)
        }
        Write::Order(order) => {
            self::order(db, order)?;
            Ok(None)
        }
        Write::Event(new) => event(db, new).map(Some),
        Write::Audit { at, actor, act, subject, detail } => {
            audit::add(db, &audit::NewLine { at: *at, actor, act, subject, detail })?;
            Ok(None)
        }
    }
}

/// Site and building are those of its camera, or else its device, when it is first written.
fn alarm(db: &Connection, alarm: &Alarm) -> Result<(), StoreError> {
    let step = |names: &[&str]| alarm.timeline.iter().find(|step| names.contains(&step.name)).map(|step| step.at.0);
    let mut statement = db.prepare_cached(
        "WITH place (site, building) AS (SELECT site, building FROM cameras WHERE id = ?3
             UNION ALL SELECT site, building FROM devices WHERE ?3 IS NULL AND id = ?7)
         INSERT INTO alarms (id, state, camera, raised_at, closed, body, device, kind, captured_at, held_at, acted_at,
                             site, building)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11,
                 (SELECT site FROM place), (SELECT building FROM place))
         ON CONFLICT (id) DO UPDATE SET state = excluded.state, camera = excluded.camera,
         raised_at = excluded.raised_at, closed = excluded.closed, body = excluded.body,
         captured_at = excluded.captured_at, held_at = excluded.held_at, acted_at = excluded.acted_at
         RETURNING site",
    )?;
    let values = params![
        alarm.id.to_string(),
        alarm.state.wire(),
        alarm.camera.map(|id| id.to_string()),
        alarm.raised_at.0,
        alarm.state.is_closed(),
        wire::alarm_body(alarm)?,
        alarm.device.map(|id| id.to_string()),
        alarm.kind.wire(),
        step(&["captured"]),
        step(&["holding"]),
        step(&["acknowledged", "resolved", "false_alarm"]),
    ];
    let site: Option<String> = statement.query_row(values, |row| row.get(0))?;
    ladders::schedule(db, alarm, site.as_deref())
}

fn order(db: &Connection, order: &OrderRecord) -> Result<(), StoreError> {
    db.prepare_cached(
        "INSERT INTO orders (key, epoch, seq, device, alarm, verb, state, cause, at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
         ON CONFLICT (key) DO UPDATE SET epoch = excluded.epoch, seq = excluded.seq, device = excluded.device,
         alarm = excluded.alarm, verb = excluded.verb, state = excluded.state, cause = excluded.cause, at = excluded.at",
    )?
    .execute(params![
        order.key.to_string(),
        order.epoch.0.cast_signed(),
        order.seq.0.cast_signed(),
        order.device.to_string(),
        order.alarm.map(|id| id.to_string()),
        order.verb,
        order.state.wire(),
        order.cause,
        order.at.0,
    ])?;
    Ok(())
}

fn event(db: &Connection, new: &NewEvent) -> Result<Event, StoreError> {
    let mut statement = db.prepare_cached(
        "INSERT INTO events (at, kind, camera, device, alarm, data, site) VALUES (?1, ?2, ?3, ?4, ?5, ?6,
         CASE WHEN EXISTS (SELECT 1 FROM alarms WHERE id = ?5) THEN (SELECT site FROM alarms WHERE id = ?5)
              WHEN ?3 IS NULL THEN (SELECT site FROM devices WHERE id = ?4)
              ELSE (SELECT site FROM cameras WHERE id = ?3) END)
         RETURNING seq, site",
    )?;
    let values = params![
        new.at.0,
        new.kind,
        new.camera.map(|id| id.to_string()),
        new.device.map(|id| id.to_string()),
        new.alarm.map(|id| id.to_string()),
        wire::json("event", &new.data)?,
    ];
    let (seq, site): (i64, Option<String>) = statement.query_row(values, |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(Event {
        seq: seq.cast_unsigned(),
        at: new.at,
        kind: new.kind.to_owned(),
        camera: new.camera,
        device: new.device,
        alarm: new.alarm,
        data: new.data.clone(),
        site: wire::id_opt("site", site.as_deref())?,
    })
}
