//! Alarms, their orders; what is old goes.

use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter, types::Value as Sql};

use super::{Store, audit};
use crate::{
    access::Sites,
    alarm::Alarm,
    base::{AlarmId, Wall},
    device::{Epoch, OrderSeq},
    store::{
        AlarmCursor, AlarmFilter, AlarmPage, KeptAlarm, OrderRecord, Pruned, Retention, StoreError,
        names::{Named, fixed},
        wire,
    },
};

impl Store {
    /// An alarm, whole; `None` when no alarm has this id.
    ///
    /// # Errors
    /// The database failed, or the store is closed.
    pub async fn alarm(&self, id: AlarmId) -> Result<Option<Alarm>, StoreError> {
        self.ask(move |db| {
            let body: Option<String> = db
                .prepare_cached("SELECT body FROM alarms WHERE id = ?1")?
                .query_row(params![id.to_string()], |row| row.get(0))
                .optional()?;
            body.map(|body| wire::alarm(&id.to_string(), &body)).transpose()
        })
        .await
    }

    /// An alarm with its site; `None` when no alarm has this id.
    ///
    /// # Errors
    /// The database failed, or the store is closed.
    pub async fn kept_alarm(&self, id: AlarmId) -> Result<Option<KeptAlarm>, StoreError> {
        self.ask(move |db| {
            let mut statement = db.prepare_cached("SELECT id, body, site, building FROM alarms WHERE id = ?1")?;
            let mut rows = statement.query(params![id.to_string()])?;
            rows.next()?.map(kept_alarm).transpose()
        })
        .await
    }

    /// How many alarms at `sites` no one has closed.
    ///
    /// # Errors
    /// The database failed, or the store is closed.
    pub async fn count_open_alarms(&self, sites: Sites) -> Result<usize, StoreError> {
        self.ask(move |db| {
            let mut sql = String::from("SELECT count(*) FROM alarms WHERE closed = 0");
            let mut values = Vec::new();
            within(&sites, &mut sql, &mut values);
            let count: i64 = db.prepare_cached(&sql)?.query_row(params_from_iter(values), |row| row.get(0))?;
            Ok(usize::try_from(count).unwrap_or(0))
        })
        .await
    }

    /// At most `limit` alarms, newest first, after `cursor`.
    ///
    /// # Errors
    /// The database failed, or the store is closed.
    pub async fn alarms(
        &self,
        filter: AlarmFilter,
        cursor: Option<AlarmCursor>,
        limit: usize,
    ) -> Result<AlarmPage, StoreError> {
        self.ask(move |db| page(db, &filter, cursor, limit)).await
    }

    /// Every alarm that no one has closed, oldest first: what a starting server takes up again.
    ///
    /// # Errors
    /// The database failed, or the store is closed.
    pub async fn open_alarms(&self) -> Result<Vec<Alarm>, StoreError> {
        self.ask(|db| {
            let mut statement =
                db.prepare_cached("SELECT id, body FROM alarms WHERE closed = 0 ORDER BY raised_at, id")?;
            collect_alarms(&mut statement.query([])?)
        })
        .await
    }

    /// The orders that served an alarm, in the order they were given.
    ///
    /// # Errors
    /// The database failed, or the store is closed.
    pub async fn orders_of(&self, alarm: AlarmId) -> Result<Vec<OrderRecord>, StoreError> {
        self.ask(move |db| {
            let mut statement = db.prepare_cached(
                "SELECT key, epoch, seq, device, alarm, verb, state, cause, at FROM orders
                 WHERE alarm = ?1 ORDER BY epoch, seq",
            )?;
            let mut rows = statement.query(params![alarm.to_string()])?;
            let mut orders = Vec::new();
            while let Some(row) = rows.next()? {
                orders.push(order(row)?);
            }
            Ok(orders)
        })
        .await
    }

    /// Removes what is old. Open alarms stay, whatever their age.
    ///
    /// # Errors
    /// The database failed, or the store is closed.
    pub async fn prune(&self, retention: Retention) -> Result<Pruned, StoreError> {
        self.change(move |tx| prune(tx.db, retention)).await
    }
}

pub(super) fn sql_limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

fn page(
    db: &Connection,
    filter: &AlarmFilter,
    cursor: Option<AlarmCursor>,
    limit: usize,
) -> Result<AlarmPage, StoreError> {
    let mut sql = String::from("SELECT id, body, site, building FROM alarms WHERE 1");
    let mut values: Vec<Sql> = Vec::new();
    within(&filter.sites, &mut sql, &mut values);
    any_of("state", &filter.states, &mut sql, &mut values);
    any_of("kind", &filter.kinds, &mut sql, &mut values);
    if let Some(camera) = filter.camera {
        sql.push_str(" AND camera = ?");
        values.push(camera.to_string().into());
    }
    if let Some(device) = filter.device {
        sql.push_str(" AND device = ?");
        values.push(device.to_string().into());
    }
    if let Some(Wall(since)) = filter.since {
        sql.push_str(" AND raised_at >= ?");
        values.push(since.into());
    }
    if let Some(Wall(until)) = filter.until {
        sql.push_str(" AND raised_at < ?");
        values.push(until.into());
    }
    if let Some(AlarmCursor { raised_at: Wall(at), id }) = cursor {
        sql.push_str(" AND (raised_at, id) < (?, ?)");
        values.extend([at.into(), id.to_string().into()]);
    }
    sql.push_str(" ORDER BY raised_at DESC, id DESC LIMIT ?");
    // One more than asked for tells whether there is a next page.
    values.push(sql_limit(limit.saturating_add(1)).into());
    let mut statement = db.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(values))?;
    let mut items = Vec::new();
    while let Some(row) = rows.next()? {
        items.push(kept_alarm(row)?);
    }
    let more = items.len() > limit;
    items.truncate(limit);
    let next =
        items.last().filter(|_| more).map(|last| AlarmCursor { raised_at: last.alarm.raised_at, id: last.alarm.id });
    Ok(AlarmPage { items, next })
}

/// Narrows a question down to rows whose `column` has one of the names; all when there are none.
fn any_of<T: Named>(column: &str, wanted: &[T], sql: &mut String, values: &mut Vec<Sql>) {
    if !wanted.is_empty() {
        let marks = vec!["?"; wanted.len()].join(", ");
        sql.extend([" AND ", column, " IN (", &marks, ")"]);
        values.extend(wanted.iter().map(|value| Sql::from(value.wire().to_owned())));
    }
}

/// Narrows a question about rows with a `site` down to `sites`.
pub(super) fn within(sites: &Sites, sql: &mut String, values: &mut Vec<Sql>) {
    let Sites::Only(sites) = sites else { return };
    sql.push_str(" AND site IN (");
    sql.push_str(&vec!["?"; sites.len()].join(", "));
    sql.push(')');
    values.extend(sites.iter().map(|site| Sql::from(site.as_str().to_owned())));
}

pub(super) fn kept_alarm(row: &Row<'_>) -> Result<KeptAlarm, StoreError> {
    Ok(KeptAlarm {
        alarm: wire::alarm(&row.get::<_, String>(0)?, &row.get::<_, String>(1)?)?,
        site: wire::id_opt("site", row.get::<_, Option<String>>(2)?.as_deref())?,
        building: row.get(3)?,
    })
}

fn collect_alarms(rows: &mut rusqlite::Rows<'_>) -> Result<Vec<Alarm>, StoreError> {
    let mut alarms = Vec::new();
    while let Some(row) = rows.next()? {
        alarms.push(wire::alarm(&row.get::<_, String>(0)?, &row.get::<_, String>(1)?)?);
    }
    Ok(alarms)
}

fn order(row: &Row<'_>) -> Result<OrderRecord, StoreError> {
    Ok(OrderRecord {
        key: wire::id("order key", &row.get::<_, String>(0)?)?,
        epoch: Epoch(row.get::<_, i64>(1)?.cast_unsigned()),
        seq: OrderSeq(row.get::<_, i64>(2)?.cast_unsigned()),
        device: wire::id("device id", &row.get::<_, String>(3)?)?,
        alarm: wire::id_opt("alarm id", row.get::<_, Option<String>>(4)?.as_deref())?,
        verb: fixed(&row.get::<_, String>(5)?),
        state: wire::named("order state", &row.get::<_, String>(6)?)?,
        cause: row.get(7)?,
        at: Wall(row.get(8)?),
    })
}

fn prune(db: &Connection, retention: Retention) -> Result<Pruned, StoreError> {
    let limit = sql_limit(Pruned::LIMIT);
    let events = db
        .prepare_cached("DELETE FROM events WHERE seq IN (SELECT seq FROM events WHERE at < ?1 ORDER BY seq LIMIT ?2)")?
        .execute(params![retention.events_before.0, limit])?;
    let mut statement = db.prepare_cached(
        "DELETE FROM alarms WHERE id IN
         (SELECT id FROM alarms WHERE closed = 1 AND raised_at < ?1 ORDER BY raised_at LIMIT ?2) RETURNING id",
    )?;
    let mut rows = statement.query(params![retention.alarms_before.0, limit])?;
    let mut alarms = Vec::new();
    while let Some(row) = rows.next()? {
        alarms.push(wire::id("alarm id", &row.get::<_, String>(0)?)?);
    }
    let orders = db
        .prepare_cached(
            "DELETE FROM orders WHERE key IN (SELECT key FROM orders WHERE at < ?1
             AND (alarm IS NULL OR alarm NOT IN (SELECT id FROM alarms)) LIMIT ?2)",
        )?
        .execute(params![retention.alarms_before.0, limit])?;
    let audit = audit::prune(db, retention.audit_before)?;
    Ok(Pruned { events, alarms, orders, audit })
}
