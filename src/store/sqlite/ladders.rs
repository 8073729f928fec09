//! Each site's escalation list. Not here: when a step is due.

use std::collections::HashMap;

use rusqlite::{OptionalExtension, params};

use super::{Store, alarms::kept_alarm};
use crate::{
    alarm::escalation::LadderStep,
    base::{SiteId, Wall},
    store::{KeptAlarm, StoreError, Write, wire},
};

impl Store {
    /// A site's list; `None` when it chose nothing.
    ///
    /// # Errors
    /// The database failed, or the store is closed.
    pub async fn ladder(&self, site: SiteId) -> Result<Option<Vec<LadderStep>>, StoreError> {
        self.ask(move |db| {
            let steps: Option<String> = db
                .prepare_cached("SELECT steps FROM ladders WHERE site = ?1")?
                .query_row(params![site.as_str()], |row| row.get(0))
                .optional()?;
            steps.map(|steps| wire::ladder(&steps)).transpose()
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

    /// Keeps a site's list; it goes with its site.
    ///
    /// # Errors
    /// There is no such site; the database failed, or the store is closed.
    pub async fn put_ladder(
        &self,
        site: SiteId,
        steps: Vec<LadderStep>,
        at: Wall,
        also: Vec<Write>,
    ) -> Result<(), StoreError> {
        self.change(move |tx| {
            tx.db
                .prepare_cached(
                    "INSERT INTO ladders (site, steps, updated_at) VALUES (?1, ?2, ?3)
                     ON CONFLICT (site) DO UPDATE SET steps = excluded.steps, updated_at = excluded.updated_at",
                )?
                .execute(params![site.as_str(), wire::ladder_body(&steps)?, at.0])?;
            tx.write_all(&also).map(drop)
        })
        .await
    }

    /// Every alarm that no one has closed, with its site, oldest first.
    ///
    /// # Errors
    /// The database failed, or the store is closed.
    pub async fn open_alarms_at_sites(&self) -> Result<Vec<KeptAlarm>, StoreError> {
        self.ask(|db| {
            let mut statement = db.prepare_cached(
                "SELECT id, body, site, building FROM alarms WHERE closed = 0 ORDER BY raised_at, id",
            )?;
            let mut rows = statement.query([])?;
            let mut alarms = Vec::new();
            while let Some(row) = rows.next()? {
                alarms.push(kept_alarm(row)?);
            }
            Ok(alarms)
        })
        .await
    }
}
