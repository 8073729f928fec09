//! People and their sessions.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{
    Store,
    registry::{check_version, read_all},
    sites,
    worker::Tx,
};
use crate::{
    access::{PasswordHash, Permission, TokenHash, session},
    base::{PersonId, Wall},
    store::{PersonRecord, SessionRecord, StoreError, Write, fold_name, wire},
};

const PERSON: &str = "id, name, password, grants, disabled, created_at, last_seen, version";

impl Store {
    /// Keeps a new person.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when somebody has this name; the database failed, or the store is closed.
    pub async fn insert_person(&self, person: PersonRecord, also: Vec<Write>) -> Result<(), StoreError> {
        self.change(move |tx| insert(tx, &person, &also)).await
    }

    /// Keeps the first person, with the first session.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when there is somebody already; the database failed, or the store is closed.
    pub async fn insert_first_person(
        &self,
        person: PersonRecord,
        session: SessionRecord,
        also: Vec<Write>,
    ) -> Result<(), StoreError> {
        self.change(move |tx| {
            if tx.db.query_row("SELECT EXISTS (SELECT 1 FROM people)", [], |row| row.get(0))? {
                return Err(StoreError::Exists);
            }
            insert(tx, &person, &also)?;
            insert_session(tx.db, &session)
        })
        .await
    }

    /// Changes a person if their kept version is still `person.version`; returns them with the next version. Every
    /// session but `keep` ends when `end_sessions` says so or the person is disabled.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when they were changed meanwhile, [`StoreError::Missing`]; [`StoreError::Exists`] when
    /// somebody else has this name; [`StoreError::LastAdmin`]; the database failed, or the store is closed.
    pub async fn update_person(
        &self,
        mut person: PersonRecord,
        end_sessions: bool,
        keep: Option<TokenHash>,
        also: Vec<Write>,
    ) -> Result<PersonRecord, StoreError> {
        self.change(move |tx| {
            let before = read(tx.db, "id", &person.id.to_string())?.ok_or(StoreError::Missing)?;
            check_version(tx.db, "people", &person.id.to_string(), Some(person.version))?;
            person.version += 1;
            let taken: Option<String> = tx
                .db
                .query_row("SELECT id FROM people WHERE folded = ?1", params![fold_name(&person.name)], |row| {
                    row.get(0)
                })
                .optional()?;
            if taken.is_some_and(|id| id != person.id.to_string()) {
                return Err(StoreError::Exists);
            }
            tx.db.execute(
                "UPDATE people SET name = ?2, folded = ?3, password = ?4, grants = ?5, disabled = ?6, version = ?7
                 WHERE id = ?1",
                params![
                    person.id.to_string(),
                    person.name,
                    fold_name(&person.name),
                    person.password.as_str(),
                    wire::grants_body(&person.grants)?,
                    person.disabled,
                    person.version.cast_signed(),
                ],
            )?;
            if end_sessions || person.disabled {
                let keep = keep.map_or([0; 32], |hash| *hash.as_bytes());
                tx.db.execute(
                    "DELETE FROM sessions WHERE person = ?1 AND hash <> ?2",
                    params![person.id.to_string(), keep],
                )?;
            }
            for grant in person.grants.iter() {
                sites::mention(tx.db, grant.site.as_ref(), person.created_at)?;
            }
            check_admin_left(tx.db, &before)?;
            tx.write_all(&also)?;
            Ok(person)
        })
        .await
    }

    /// Forgets a person, whose sessions end; `version` as in an update, `None` whatever the version.
    ///
    /// # Errors
    /// As for an update.
    pub async fn delete_person(&self, id: PersonId, version: Option<u64>, also: Vec<Write>) -> Result<(), StoreError> {
        self.change(move |tx| {
            check_version(tx.db, "people", &id.to_string(), version)?;
            let before = read(tx.db, "id", &id.to_string())?.ok_or(StoreError::Missing)?;
            tx.db.execute("DELETE FROM people WHERE id = ?1", params![id.to_string()])?;
            check_admin_left(tx.db, &before)?;
            tx.write_all(&also).map(drop)
        })
        .await
    }

    /// A person; `None` when nobody has this id.
    ///
    /// # Errors
    /// The database failed, or the store is closed.
    pub async fn person(&self, id: PersonId) -> Result<Option<PersonRecord>, StoreError> {
        self.ask(move |db| read(db, "id", &id.to_string())).await
    }

    /// The person who logs in by this name, whatever its case; `None` when there is none.
    ///
    /// # Errors
    /// The database failed, or the store is closed.
    pub async fn person_named(&self, name: &str) -> Result<Option<PersonRecord>, StoreError> {
        let folded = fold_name(name);
        self.ask(move |db| read(db, "folded", &folded)).await
    }

    /// Everybody, oldest first.
    ///
    /// # Errors
    /// The database failed, or the store is closed.
    pub async fn people(&self) -> Result<Vec<PersonRecord>, StoreError> {
        self.ask(|db| read_all(db, "people", PERSON, person)).await
    }

    /// Keeps a new session; those that have ended, and the person's oldest beyond the most allowed, go.
    ///
    /// # Errors
    /// The database failed, or the store is closed.
    pub async fn insert_session(&self, session: SessionRecord, also: Vec<Write>) -> Result<(), StoreError> {
        self.change(move |tx| {
            let now = session.created_at.0;
            let ms = |d: std::time::Duration| i64::try_from(d.as_millis()).unwrap_or(i64::MAX);
            tx.db.execute(
                "DELETE FROM sessions WHERE last_used < ?1 OR created_at < ?2",
                params![now.saturating_sub(ms(session::IDLE)), now.saturating_sub(ms(session::ABSOLUTE))],
            )?;
            tx.db.execute(
                "DELETE FROM sessions WHERE hash IN
                 (SELECT hash FROM sessions WHERE person = ?1 ORDER BY created_at DESC LIMIT -1 OFFSET ?2)",
                params![session.person.to_string(), i64::try_from(session::MOST - 1).unwrap_or(i64::MAX)],
            )?;
            insert_session(tx.db, &session)?;
            touch(tx.db, &session)?;
            tx.write_all(&also).map(drop)
        })
        .await
    }

    /// A session and whose it is, ended or not; `None` when there is none of this hash.
    ///
    /// # Errors
    /// The database failed, or the store is closed.
    pub async fn session(&self, hash: TokenHash) -> Result<Option<(SessionRecord, PersonRecord)>, StoreError> {
        self.ask(move |db| {
            let session = db
                .prepare_cached("SELECT person, created_at, last_used FROM sessions WHERE hash = ?1")?
                .query_row(params![hash.as_bytes()], |row| {
                    Ok((row.get::<_, String>(0)?, Wall(row.get(1)?), Wall(row.get(2)?)))
                })
                .optional()?;
            let Some((owner, created_at, last_used)) = session else { return Ok(None) };
            let person = read(db, "id", &owner)?;
            Ok(person.map(|person| (SessionRecord { hash, person: person.id, created_at, last_used }, person)))
        })
        .await
    }

    /// Notes that a session was used, and its person seen, at `session.last_used`.
    ///
    /// # Errors
    /// The database failed, or the store is closed.
    pub async fn touch_session(&self, session: SessionRecord) -> Result<(), StoreError> {
        self.change(move |tx| touch(tx.db, &session)).await
    }

    /// Ends a session; one that has ended is no error.
    ///
    /// # Errors
    /// The database failed, or the store is closed.
    pub async fn delete_session(&self, hash: TokenHash, also: Vec<Write>) -> Result<(), StoreError> {
        self.change(move |tx| {
            tx.db.execute("DELETE FROM sessions WHERE hash = ?1", params![hash.as_bytes()])?;
            tx.write_all(&also).map(drop)
        })
        .await
    }
}

fn insert(tx: &mut Tx<'_>, person: &PersonRecord, also: &[Write]) -> Result<(), StoreError> {
    let made = tx.db.execute(
        &format!(
            "INSERT INTO people ({PERSON}, folded) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
             ON CONFLICT (folded) DO NOTHING"
        ),
        params![
            person.id.to_string(),
            person.name,
            person.password.as_str(),
            wire::grants_body(&person.grants)?,
            person.disabled,
            person.created_at.0,
            person.last_seen.map(|at| at.0),
            person.version.cast_signed(),
            fold_name(&person.name),
        ],
    )?;
    if made == 0 {
        return Err(StoreError::Exists);
    }
    for grant in person.grants.iter() {
        sites::mention(tx.db, grant.site.as_ref(), person.created_at)?;
    }
    tx.write_all(also).map(drop)
}

fn insert_session(db: &Connection, session: &SessionRecord) -> Result<(), StoreError> {
    db.execute(
        "INSERT INTO sessions (hash, person, created_at, last_used) VALUES (?1, ?2, ?3, ?4)",
        params![session.hash.as_bytes(), session.person.to_string(), session.created_at.0, session.last_used.0],
    )?;
    Ok(())
}

fn touch(db: &Connection, session: &SessionRecord) -> Result<(), StoreError> {
    let at = session.last_used.0;
    db.execute("UPDATE sessions SET last_used = ?2 WHERE hash = ?1", params![session.hash.as_bytes(), at])?;
    db.execute("UPDATE people SET last_seen = ?2 WHERE id = ?1", params![session.person.to_string(), at])?;
    Ok(())
}

/// Whoever was an administrator of everything may stop being one only while another is left.
fn check_admin_left(db: &Connection, before: &PersonRecord) -> Result<(), StoreError> {
    let is_admin = |p: &PersonRecord| !p.disabled && p.grants.everywhere(Permission::ManagePeople);
    if is_admin(before) && !read_all(db, "people", PERSON, person)?.iter().any(is_admin) {
        return Err(StoreError::LastAdmin);
    }
    Ok(())
}

fn read(db: &Connection, column: &str, value: &str) -> Result<Option<PersonRecord>, StoreError> {
    let mut statement = db.prepare_cached(&format!("SELECT {PERSON} FROM people WHERE {column} = ?1"))?;
    let mut rows = statement.query(params![value])?;
    rows.next()?.map(person).transpose()
}

fn person(row: &Row<'_>) -> Result<PersonRecord, StoreError> {
    Ok(PersonRecord {
        id: wire::id("person id", &row.get::<_, String>(0)?)?,
        name: row.get(1)?,
        password: PasswordHash::parse(row.get(2)?)
            .map_err(|e| StoreError::Corrupt { what: "password", cause: e.to_string() })?,
        grants: wire::grants(&row.get::<_, String>(3)?)?,
        disabled: row.get(4)?,
        created_at: Wall(row.get(5)?),
        last_seen: row.get::<_, Option<i64>>(6)?.map(Wall),
        version: row.get::<_, i64>(7)?.cast_unsigned(),
    })
}
