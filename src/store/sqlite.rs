//! The database: one `SQLite` file in WAL mode, `synchronous=FULL`. Not here: what the rows mean to anyone.
//!
//! Two named threads own one connection each: `store-write` runs every change, many callers' batches in one
//! transaction (group commit: one fsync for all that waited), `store-read` answers questions meanwhile. Both are
//! fed by bounded queues: when one is full, callers wait. The last [`Store`] dropped, or [`Store::close`], ends and joins them.

mod alarms;
mod audit;
mod copy;
mod events;
mod ladders;
mod people;
mod records;
mod registry;
mod rows;
mod sites;
#[cfg(test)]
mod tests;
mod upgrade;
mod worker;

use std::{
    fs::{self, File, TryLockError},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, OptionalExtension, TransactionBehavior, params};
use tokio::sync::{mpsc, watch};

pub use self::audit::verify_audit;
use self::worker::{Change, Message, Question, reader_loop, writer_loop};
use super::{Event, EventPage, Gap, StoreError, Write};
use crate::{
    base::{Wall, clock},
    device::Epoch,
};

/// Changes of the schema, in order; `user_version` counts those that are done.
const MIGRATIONS: [&str; 5] = [
    include_str!("../../migrations/0001_first.sql"),
    include_str!("../../migrations/0002_access.sql"),
    include_str!("../../migrations/0003_records.sql"),
    include_str!("../../migrations/0004_versions.sql"),
    include_str!("../../migrations/0005_escalates_at.sql"),
];

/// Jobs waiting for a thread. Full: the caller waits.
const QUEUE: usize = 256;

/// Newest events kept in memory for watchers.
const RECENT: usize = 4096;

/// How long a statement waits for another process (`yunti token create`) to finish its own.
const BUSY: Duration = Duration::from_secs(5);

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error.to_string())
    }
}

/// The store; cheap to clone, all clones are one.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    write: mpsc::Sender<Message>,
    read: mpsc::Sender<Message>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    last_seq: watch::Receiver<u64>,
    recent: Arc<events::Recent>,
    epoch: Epoch,
    /// Held while the process lives: one server per data folder.
    _lock: Option<File>,
}

impl Store {
    /// Opens the store of a server in the folder `data` (made if missing; the file is `yunti.db`), brings its
    /// schema up to date and begins a new epoch. Blocks for some milliseconds.
    ///
    /// # Errors
    /// Another server holds the folder; it cannot be read or written; it was written by a newer version.
    pub fn open(data: &Path) -> Result<Self, StoreError> {
        make_private_folder(data)?;
        let lock = lock(data)?;
        Self::start(data, Some(lock))
    }

    /// Opens the store beside a server that may be running, as `yunti token create` does: no lock, the epoch stays.
    ///
    /// # Errors
    /// The folder cannot be read or written; it was written by a newer version.
    pub fn open_shared(data: &Path) -> Result<Self, StoreError> {
        make_private_folder(data)?;
        Self::start(data, None)
    }

    fn start(data: &Path, lock: Option<File>) -> Result<Self, StoreError> {
        let path = data.join("yunti.db");
        let open_error = |cause: String| StoreError::Open { path: path.clone(), cause };
        let mut connection = connect(&path).map_err(|e| open_error(e.to_string()))?;
        migrate(&mut connection, &path)?;
        let epoch = if lock.is_some() { next_epoch(&mut connection)? } else { stored_epoch(&connection)? };
        let last = events::last_seq(&connection)?;
        let reader = connect(&path).map_err(|e| open_error(e.to_string()))?;
        reader.pragma_update(None, "query_only", true)?;

        let (last_seq_to, last_seq) = watch::channel(last);
        let recent = Arc::new(events::Recent::new(last, RECENT));
        let (write, jobs) = mpsc::channel(QUEUE);
        let (read, questions) = mpsc::channel(QUEUE);
        let spawn = |name: &str, work: Box<dyn FnOnce() + Send>| {
            thread::Builder::new().name(name.to_owned()).spawn(work).map_err(|e| open_error(e.to_string()))
        };
        let published = Arc::clone(&recent);
        let writer = spawn("store-write", Box::new(move || writer_loop(connection, jobs, &published, &last_seq_to)))?;
        let reader = spawn("store-read", Box::new(move || reader_loop(&reader, questions)))?;
        Ok(Self {
            inner: Arc::new(Inner {
                write,
                read,
                threads: Mutex::new(vec![writer, reader]),
                last_seq,
                recent,
                epoch,
                _lock: lock,
            }),
        })
    }

    /// Which server run this is: one more than the run before. A new database begins at the Unix time in seconds,
    /// so that devices which knew a lost database do not take the new server for an old one.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.inner.epoch
    }

    /// Makes `batch` durable in one transaction, and returns its events with their places.
    ///
    /// # Errors
    /// Nothing of the batch is kept: the database failed, or the store is closed.
    pub async fn write(&self, batch: Vec<Write>) -> Result<Vec<Event>, StoreError> {
        self.change(move |tx| tx.write_all(&batch)).await
    }

    /// The place of the newest durable event; changes when there are newer ones.
    #[must_use]
    pub fn last_seq(&self) -> watch::Receiver<u64> {
        self.inner.last_seq.clone()
    }

    /// At most `limit` events after `seq`, in order. Recent ones come from memory. When some were pruned, or `seq`
    /// was never given (another database), the gap says which are lost.
    ///
    /// # Errors
    /// The database failed, or the store is closed.
    pub async fn events_after(&self, seq: u64, limit: usize) -> Result<EventPage, StoreError> {
        let last = *self.inner.last_seq.borrow();
        if seq == last {
            return Ok(EventPage::default());
        }
        if seq > last {
            return Ok(EventPage { gap: Some(Gap { from: 1, to: last }), events: Vec::new() });
        }
        if let Some(events) = self.inner.recent.after(seq, limit) {
            return Ok(EventPage { gap: None, events });
        }
        self.ask(move |db| events::after(db, seq, last, limit)).await
    }

    /// Whether both threads are at work.
    #[must_use]
    pub fn is_up(&self) -> bool {
        !self.inner.write.is_closed() && !self.inner.read.is_closed()
    }

    /// Finishes what is queued, ends both threads and joins them; afterwards everything answers
    /// [`StoreError::Closed`]. Blocks: call it outside async code, or within `spawn_blocking`.
    pub fn close(&self) {
        self.inner.close();
    }

    async fn change<T: Send + 'static>(
        &self,
        run: impl FnOnce(&mut worker::Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (change, answer) = Change::boxed(run);
        self.inner.write.send(Message::Job(change)).await.map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    async fn ask<T: Send + 'static>(
        &self,
        run: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (question, answer) = Question::boxed(run);
        self.inner.read.send(Message::Job(question)).await.map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }
}

impl Inner {
    fn close(&self) {
        for queue in [&self.write, &self.read] {
            // A full queue: wait for a place by trying again; the thread empties it.
            let mut message = Message::Close;
            while let Err(mpsc::error::TrySendError::Full(back)) = queue.try_send(message) {
                message = back;
                thread::yield_now();
            }
        }
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a thread of the store had panicked");
            }
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}

/// Makes the folder, open to its owner alone: it holds the cameras' credentials.
fn make_private_folder(data: &Path) -> Result<(), StoreError> {
    use std::os::unix::fs::DirBuilderExt;
    let error = |e: std::io::Error| StoreError::Open { path: data.to_owned(), cause: e.to_string() };
    if !data.is_dir() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(data).map_err(error)?;
    }
    Ok(())
}

fn lock(data: &Path) -> Result<File, StoreError> {
    let path = data.join("yunti.lock");
    let error = |e: std::io::Error| StoreError::Open { path: path.clone(), cause: e.to_string() };
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(error)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked(data.to_owned())),
        Err(TryLockError::Error(e)) => Err(error(e)),
    }
}

fn connect(path: &Path) -> Result<Connection, rusqlite::Error> {
    use std::os::unix::fs::OpenOptionsExt;
    // SQLite gives its -wal and -shm files the mode of the database itself.
    if let Err(e) = File::options().create(true).truncate(false).write(true).mode(0o600).open(path) {
        tracing::warn!(path = %path.display(), "cannot make the database file: {e}");
    }
    let connection =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// The schema that this program writes.
fn known_version() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

fn migrate(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let known = known_version();
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found: i64 = tx.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if found > known {
        return Err(StoreError::Newer { path: path.to_owned(), found, known });
    }
    for (before, migration) in MIGRATIONS.iter().enumerate().skip(usize::try_from(found).unwrap_or(0)) {
        tx.execute_batch(migration)?;
        upgrade::after(before + 1, &tx)?;
    }
    tx.pragma_update(None, "user_version", known)?;
    tx.commit()?;
    Ok(())
}

fn stored_epoch(connection: &Connection) -> Result<Epoch, StoreError> {
    let stored: Option<i64> =
        connection.query_row("SELECT value FROM meta WHERE name = 'epoch'", [], |row| row.get(0)).optional()?;
    Ok(Epoch(stored.map_or(0, i64::cast_unsigned)))
}

fn next_epoch(connection: &mut Connection) -> Result<Epoch, StoreError> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let Wall(now_ms) = clock::wall();
    let Epoch(stored) = stored_epoch(&tx)?;
    let epoch = if stored == 0 { (now_ms / 1000).max(1) } else { stored.cast_signed() + 1 };
    tx.execute(
        "INSERT INTO meta (name, value) VALUES ('epoch', ?1) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        params![epoch],
    )?;
    tx.commit()?;
    Ok(Epoch(epoch.cast_unsigned()))
}
