//! Each site's escalation list, and which open alarms are due by it. Not here: what makes a step due.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, ToSql, params};

use super::{Store, alarms::kept_alarm};
use crate::{
    alarm::{
        Alarm,
        escalation::{LadderStep, default_ladder, next_due},
    },
    base::{SiteId, Wall},
    store::{KeptAlarm, StoreError, Write, wire},
};

impl Store {
    /// A site's list with its version, which grows by one with each change, from 1; `None` when it chose nothing.
    ///
    /// # Errors
    /// The database failed, or the store is closed.
    pub async fn ladder(&self, site: SiteId) -> Result<Option<(Vec<LadderStep>, u64)>, StoreError> {
        self.ask(move |db| {
            let kept: Option<(String, i64)> = db
                .prepare_cached("SELECT steps, version FROM ladders WHERE site = ?1")?
                .query_row(params![site.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            kept.map(|(steps, version)| Ok((wire::ladder(&steps)?, version.cast_unsigned()))).transpose()
        })
        .await
    }

    /// Every list that was chosen.
    ///
    /// # Errors
    /// The database failed, or the store is closed.
    pub async fn ladders(&self) -> Result<HashMap<SiteId, Vec<LadderStep>>, StoreError> {
        self.ask(|db| {
            let mut statement = db.prepare_cached("SELECT site, steps FROM ladders")?;
            let mut rows = statement.query([])?;
            let mut ladders = HashMap::new();
            while let Some(row) = rows.next()? {
                let site = wire::id("site", &row.get::<_, String>(0)?)?;
                ladders.insert(site, wire::ladder(&row.get::<_, String>(1)?)?);
            }
            Ok(ladders)
        })
        .await
    }

    /// Keeps a site's list, if the kept version is still `expected` (0: nothing was chosen; `None`: whatever it is);
    /// returns the new version. The list goes with its site.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when it was changed meanwhile; there is no such site; the database failed, or the store
    /// is closed.
    pub async fn put_ladder(
        &self,
        site: SiteId,
        steps: Vec<LadderStep>,
        expected: Option<u64>,
        at: Wall,
        also: Vec<Write>,
    ) -> Result<u64, StoreError> {
        self.change(move |tx| {
            let current: Option<i64> = tx
                .db
                .prepare_cached("SELECT version FROM ladders WHERE site = ?1")?
                .query_row(params![site.as_str()], |row| row.get(0))
                .optional()?;
            let current = current.map_or(0, i64::cast_unsigned);
            if expected.is_some_and(|expected| expected != current) {
                return Err(StoreError::Conflict { current });
            }
            tx.db
                .prepare_cached("REPLACE INTO ladders (site, steps, version, updated_at) VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![site.as_str(), wire::ladder_body(&steps)?, (current + 1).cast_signed(), at.0])?;
            reschedule(tx.db, &site)?;
            tx.write_all(&also)?;
            Ok(current + 1)
        })
        .await
    }

    /// The alarms of which a step is due at `now`, with their sites, oldest first.
    ///
    /// # Errors
    /// The database failed, or the store is closed.
    pub async fn alarms_to_escalate(&self, now: Wall) -> Result<Vec<KeptAlarm>, StoreError> {
        self.ask(move |db| {
            let mut statement = db.prepare_cached(
                "SELECT id, body, site, building FROM alarms WHERE closed = 0 AND escalates_at <= ?1
                 ORDER BY raised_at, id",
            )?;
            let mut rows = statement.query(params![now.0])?;
            let mut alarms = Vec::new();
            while let Some(row) = rows.next()? {
                alarms.push(kept_alarm(row)?);
            }
            Ok(alarms)
        })
        .await
    }
}

/// Notes when an alarm of `site` next falls due. To be called whenever the alarm is written.
pub(super) fn schedule(db: &Connection, alarm: &Alarm, site: Option<&str>) -> Result<(), StoreError> {
    let chosen: Option<String> = db
        .prepare_cached("SELECT steps FROM ladders WHERE site = ?1")?
        .query_row(params![site], |row| row.get(0))
        .optional()?;
    let ladder = chosen.map_or_else(|| Ok(default_ladder()), |steps| wire::ladder(&steps))?;
    db.prepare_cached("UPDATE alarms SET escalates_at = ?2 WHERE id = ?1")?
        .execute(params![alarm.id.to_string(), next_due(alarm, &ladder).map(|at| at.0)])?;
    Ok(())
}

/// Notes it anew for every open alarm of `site`, whose list has changed.
pub(super) fn reschedule(db: &Connection, site: &SiteId) -> Result<(), StoreError> {
    reschedule_where(db, "closed = 0 AND site = ?1", &[&site.as_str()])
}

/// Notes it for every open alarm.
pub(super) fn reschedule_all(db: &Connection) -> Result<(), StoreError> {
    reschedule_where(db, "closed = 0", &[])
}

fn reschedule_where(db: &Connection, which: &str, values: &[&dyn ToSql]) -> Result<(), StoreError> {
    let mut statement = db.prepare(&format!("SELECT id, body, site, building FROM alarms WHERE {which}"))?;
    let mut rows = statement.query(values)?;
    let mut open = Vec::new();
    while let Some(row) = rows.next()? {
        open.push(kept_alarm(row)?);
    }
    open.iter().try_for_each(|kept| schedule(db, &kept.alarm, kept.site.as_ref().map(SiteId::as_str)))
}
