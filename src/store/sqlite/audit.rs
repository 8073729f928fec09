//! The audit log: lines are added, read, pruned from the old end, and verified. Each has its place in the chain of
//! [`crate::access::ChainHash`].

use std::path::Path;

use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, params};

use super::{BUSY, Store, alarms::sql_limit};
use crate::{
    access::{ChainHash, ChainLine},
    base::Wall,
    store::{AuditBreak, AuditCheck, AuditLine, Pruned, StoreError, wire},
};

/// A line without its id.
pub(super) struct NewLine<'a> {
    pub at: Wall,
    pub actor: &'a str,
    pub act: &'a str,
    pub subject: &'a str,
    pub detail: &'a serde_json::Value,
}

impl Store {
    /// At most `limit` lines of the audit log, newest first, older than line `before`.
    ///
    /// # Errors
    /// The database failed, or the store is closed.
    pub async fn audit(&self, before: Option<u64>, limit: usize) -> Result<Vec<AuditLine>, StoreError> {
        self.ask(move |db| {
            let mut statement = db.prepare_cached(
                "SELECT id, at, actor, act, subject, detail, hash FROM audit WHERE id < ?1 ORDER BY id DESC LIMIT ?2",
            )?;
            let before = before.and_then(|id| i64::try_from(id).ok()).unwrap_or(i64::MAX);
            let mut rows = statement.query(params![before, sql_limit(limit)])?;
            let mut lines = Vec::new();
            while let Some(row) = rows.next()? {
                let (raw, hash) = raw(row)?;
                lines.push(AuditLine {
                    id: raw.id,
                    at: Wall(raw.at),
                    detail: wire::from_json("audit detail", &raw.detail)?,
                    actor: raw.actor,
                    act: raw.act,
                    subject: raw.subject,
                    hash,
                });
            }
            Ok(lines)
        })
        .await
    }
}

/// Looks through the whole audit log in the folder `data`, beside a server that may be running.
///
/// # Errors
/// There is no database, it is of another version, or it cannot be read. A broken chain is no error: it is the answer.
pub fn verify_audit(data: &Path) -> Result<AuditCheck, StoreError> {
    let path = data.join("yunti.db");
    let error = |e: rusqlite::Error| StoreError::Open { path: path.clone(), cause: e.to_string() };
    let mut db = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(error)?;
    db.busy_timeout(BUSY)?;
    db.pragma_update(None, "query_only", true)?;
    let found: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let known = super::known_version();
    if found > known {
        return Err(StoreError::Newer { path, found, known });
    }
    if found < 2 {
        return Err(StoreError::Open {
            path,
            cause: "written before the audit log had a chain: start the server once".to_owned(),
        });
    }
    // One transaction: what a running server adds meanwhile is not half seen.
    let tx = db.transaction()?;
    check(&tx)
}

fn check(db: &Connection) -> Result<AuditCheck, StoreError> {
    let (anchor, mut hash) = anchor(db)?;
    let mut check = AuditCheck { lines: 0, first: None, last: anchor, head: hash, broken: None };
    let mut statement = db.prepare("SELECT id, at, actor, act, subject, detail, hash FROM audit ORDER BY id")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (raw, kept) = raw(row)?;
        hash = hash.then(&raw.line());
        if hash != kept {
            let why = "it was changed, or a line before it was taken out or put in";
            check.broken = Some(AuditBreak { line: raw.id, why });
            return Ok(check);
        }
        check.lines += 1;
        check.first.get_or_insert(raw.id);
        check.last = raw.id;
        check.head = hash;
    }
    // SQLite remembers the highest id that it ever gave.
    let given: Option<i64> =
        db.query_row("SELECT seq FROM sqlite_sequence WHERE name = 'audit'", [], |row| row.get(0)).optional()?;
    if given.is_some_and(|given| given.cast_unsigned() > check.last) {
        let why = "it was written once, and is gone with all that came after it";
        check.broken = Some(AuditBreak { line: check.last + 1, why });
    }
    Ok(check)
}

/// Adds a line.
pub(super) fn add(db: &Connection, line: &NewLine<'_>) -> Result<(), StoreError> {
    let before = end(db)?;
    let detail = wire::json("audit detail", line.detail)?;
    let id: i64 = db
        .prepare_cached("INSERT INTO audit (at, actor, act, subject, detail) VALUES (?1, ?2, ?3, ?4, ?5) RETURNING id")?
        .query_row(params![line.at.0, line.actor, line.act, line.subject, detail], |row| row.get(0))?;
    let chained = ChainLine {
        id: id.cast_unsigned(),
        at: line.at.0,
        actor: line.actor,
        act: line.act,
        subject: line.subject,
        detail: &detail,
    };
    set_hash(db, id, &before.then(&chained))
}

/// Chains the lines that were kept before there was a chain.
pub(super) fn chain_all(db: &Connection) -> Result<(), StoreError> {
    let mut hash = ChainHash::START;
    let mut statement =
        db.prepare("SELECT id, at, actor, act, subject, detail, zeroblob(32) FROM audit ORDER BY id")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (raw, _) = raw(row)?;
        hash = hash.then(&raw.line());
        set_hash(db, raw.id.cast_signed(), &hash)?;
    }
    Ok(())
}

/// Removes lines older than `before`, from the oldest on without a hole; the newest of them stays as the anchor from
/// which the others can be verified.
pub(super) fn prune(db: &Connection, before: Wall) -> Result<usize, StoreError> {
    let last: Option<(i64, Vec<u8>)> = db
        .prepare_cached(
            "SELECT id, hash FROM
             (SELECT id, hash FROM audit
              WHERE id < coalesce((SELECT id FROM audit WHERE at >= ?1 ORDER BY id LIMIT 1), 9223372036854775807)
              ORDER BY id LIMIT ?2)
             ORDER BY id DESC LIMIT 1",
        )?
        .query_row(params![before.0, sql_limit(Pruned::LIMIT)], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((id, hash)) = last else { return Ok(0) };
    db.prepare_cached(
        "INSERT INTO audit_anchor (one, id, hash) VALUES (1, ?1, ?2)
         ON CONFLICT (one) DO UPDATE SET id = excluded.id, hash = excluded.hash",
    )?
    .execute(params![id, hash])?;
    Ok(db.prepare_cached("DELETE FROM audit WHERE id <= ?1")?.execute(params![id])?)
}

/// The hash that the next line follows.
fn end(db: &Connection) -> Result<ChainHash, StoreError> {
    let newest: Option<Vec<u8>> = db
        .prepare_cached("SELECT hash FROM audit ORDER BY id DESC LIMIT 1")?
        .query_row([], |row| row.get(0))
        .optional()?;
    match newest {
        Some(hash) => Ok(kept(hash)),
        None => Ok(anchor(db)?.1),
    }
}

/// The newest line that was pruned; before the first line when none was.
fn anchor(db: &Connection) -> Result<(u64, ChainHash), StoreError> {
    let anchor: Option<(i64, Vec<u8>)> = db
        .prepare_cached("SELECT id, hash FROM audit_anchor")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(anchor.map_or((0, ChainHash::START), |(id, hash)| (id.cast_unsigned(), kept(hash))))
}

fn set_hash(db: &Connection, id: i64, hash: &ChainHash) -> Result<(), StoreError> {
    db.prepare_cached("UPDATE audit SET hash = ?2 WHERE id = ?1")?.execute(params![id, hash.as_bytes()])?;
    Ok(())
}

struct Raw {
    id: u64,
    at: i64,
    actor: String,
    act: String,
    subject: String,
    detail: String,
}

impl Raw {
    fn line(&self) -> ChainLine<'_> {
        let Self { id, at, actor, act, subject, detail } = self;
        ChainLine { id: *id, at: *at, actor, act, subject, detail }
    }
}

/// A hash as it was kept. One of another length is as good as none: the line is broken, and new ones are still added.
fn kept(hash: Vec<u8>) -> ChainHash {
    ChainHash::from_bytes(hash.try_into().unwrap_or([0; 32]))
}

/// A row, and the hash that it was kept with.
fn raw(row: &Row<'_>) -> Result<(Raw, ChainHash), StoreError> {
    let raw = Raw {
        id: row.get::<_, i64>(0)?.cast_unsigned(),
        at: row.get(1)?,
        actor: row.get(2)?,
        act: row.get(3)?,
        subject: row.get(4)?,
        detail: row.get(5)?,
    };
    Ok((raw, kept(row.get(6)?)))
}
