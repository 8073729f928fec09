//! Sites: made when they are first named, or by hand; removed when nothing names them.

use rusqlite::{Connection, Row, params};

use super::{
    Store, ladders,
    registry::{check_version, read_all},
};
use crate::{
    base::{SiteId, Wall},
    store::{SiteRecord, StoreError, Write, wire},
};

const SITE: &str = "id, name, version, created_at";

/// What may name a site: table, and the condition under which its row does. `?1` is the site.
const USERS: [(&str, &str); 4] = [
    ("cameras", "site = ?1"),
    ("devices", "site = ?1"),
    ("tokens", "site = ?1 AND revoked_at IS NULL"),
    ("people", "EXISTS (SELECT 1 FROM json_each(grants) WHERE json_extract(value, '$.site') = ?1)"),
];

impl Store {
    /// Every site, oldest first.
    ///
    /// # Errors
    /// The database failed, or the store is closed.
    pub async fn sites(&self) -> Result<Vec<SiteRecord>, StoreError> {
        self.ask(|db| read_all(db, "sites", SITE, site)).await
    }

    /// A site; `None` when there is none of this slug.
    ///
    /// # Errors
    /// The database failed, or the store is closed.
    pub async fn site(&self, id: SiteId) -> Result<Option<SiteRecord>, StoreError> {
        self.ask(move |db| {
            let mut statement = db.prepare_cached(&format!("SELECT {SITE} FROM sites WHERE id = ?1"))?;
            let mut rows = statement.query(params![id.as_str()])?;
            rows.next()?.map(site).transpose()
        })
        .await
    }

    /// Keeps a new site.
    ///
    /// # Errors
    /// [`StoreError::Exists`]; the database failed, or the store is closed.
    pub async fn insert_site(&self, site: SiteRecord, also: Vec<Write>) -> Result<(), StoreError> {
        self.change(move |tx| {
            let made = tx.db.execute(
                "INSERT OR IGNORE INTO sites (id, name, version, created_at) VALUES (?1, ?2, ?3, ?4)",
                params![site.id.as_str(), site.name, site.version.cast_signed(), site.created_at.0],
            )?;
            if made == 0 {
                return Err(StoreError::Exists);
            }
            tx.write_all(&also).map(drop)
        })
        .await
    }

    /// Gives a site its new name if its kept version is still `site.version`; returns it with the next version.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when it was changed meanwhile, [`StoreError::Missing`]; the database failed, or the store is closed.
    pub async fn update_site(&self, mut site: SiteRecord, also: Vec<Write>) -> Result<SiteRecord, StoreError> {
        self.change(move |tx| {
            check_version(tx.db, "sites", site.id.as_str(), Some(site.version))?;
            site.version += 1;
            tx.db.execute(
                "UPDATE sites SET name = ?2, version = ?3 WHERE id = ?1",
                params![site.id.as_str(), site.name, site.version.cast_signed()],
            )?;
            tx.write_all(&also)?;
            Ok(site)
        })
        .await
    }

    /// Forgets a site; `version` as in an update, `None` whatever the version. Alarms that were raised there keep its
    /// slug.
    ///
    /// # Errors
    /// [`StoreError::InUse`] says by what; else as for an update.
    pub async fn delete_site(&self, id: SiteId, version: Option<u64>, also: Vec<Write>) -> Result<(), StoreError> {
        self.change(move |tx| {
            check_version(tx.db, "sites", id.as_str(), version)?;
            let users = users(tx.db, &id)?;
            if !users.is_empty() {
                return Err(StoreError::InUse(users.join(", ")));
            }
            tx.db.execute("DELETE FROM sites WHERE id = ?1", params![id.as_str()])?;
            ladders::reschedule(tx.db, &id)?;
            tx.write_all(&also).map(drop)
        })
        .await
    }
}

/// What names the site, in words.
fn users(db: &Connection, id: &SiteId) -> Result<Vec<String>, StoreError> {
    let mut users = Vec::new();
    for (table, names_it) in USERS {
        let sql = format!("SELECT count(*) FROM {table} WHERE {names_it}");
        let count: i64 = db.query_row(&sql, params![id.as_str()], |row| row.get(0))?;
        if count > 0 {
            users.push(format!("{count} {table}"));
        }
    }
    Ok(users)
}

/// Makes the site that a row names, if there is none yet.
pub(super) fn mention(db: &Connection, site: Option<&SiteId>, at: Wall) -> Result<(), StoreError> {
    if let Some(site) = site {
        db.prepare_cached("INSERT OR IGNORE INTO sites (id, name, created_at) VALUES (?1, ?1, ?2)")?
            .execute(params![site.as_str(), at.0])?;
    }
    Ok(())
}

fn site(row: &Row<'_>) -> Result<SiteRecord, StoreError> {
    Ok(SiteRecord {
        id: wire::id("site", &row.get::<_, String>(0)?)?,
        name: row.get(1)?,
        version: row.get::<_, i64>(2)?.cast_unsigned(),
        created_at: Wall(row.get(3)?),
    })
}
