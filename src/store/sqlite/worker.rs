//! The loops of the two owner threads, and the jobs they run.

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot, watch};

use super::{events::Recent, rows};
use crate::{
    base::clock,
    store::{Event, StoreError, Write},
    telemetry,
};

/// The most jobs in one transaction: enough to share one fsync, few enough that the first need not wait long.
const GROUP: usize = 64;

pub(super) enum Message {
    Job(Box<dyn Job>),
    Close,
}

/// Something to run on a connection; its answer goes out only when what it did is durable.
pub(super) trait Job: Send {
    /// Runs; false when its changes must be undone.
    fn run(&mut self, tx: &mut Tx<'_>) -> bool;
    /// Gives the answer to whoever waits; `Err` when the transaction around it failed.
    fn finish(self: Box<Self>, committed: Result<(), StoreError>);
}

/// The open transaction of a group, or the reading connection.
pub(super) struct Tx<'a> {
    pub(super) db: &'a Connection,
    /// Events written so far, in order.
    pub(super) events: Vec<Event>,
}

impl Tx<'_> {
    /// Writes a batch; returns its events with their places. Alarms first: an event takes its site from its alarm.
    pub(super) fn write_all(&mut self, batch: &[Write]) -> Result<Vec<Event>, StoreError> {
        let first = self.events.len();
        let (alarms, others): (Vec<_>, Vec<_>) = batch.iter().partition(|write| matches!(write, Write::Alarm(_)));
        for write in alarms.into_iter().chain(others) {
            if let Some(event) = rows::write(self.db, write)? {
                self.events.push(event);
            }
        }
        Ok(self.events[first..].to_vec())
    }
}

type Answer<T> = oneshot::Receiver<Result<T, StoreError>>;

/// A change, run within a group's transaction.
pub(super) struct Change<F, T> {
    run: Option<F>,
    result: Option<Result<T, StoreError>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<F, T> Change<F, T>
where
    F: FnOnce(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    T: Send + 'static,
{
    pub(super) fn boxed(run: F) -> (Box<dyn Job>, Answer<T>) {
        let (reply, answer) = oneshot::channel();
        (Box::new(Self { run: Some(run), result: None, reply }), answer)
    }
}

impl<F, T> Job for Change<F, T>
where
    F: FnOnce(&mut Tx<'_>) -> Result<T, StoreError> + Send,
    T: Send,
{
    fn run(&mut self, tx: &mut Tx<'_>) -> bool {
        let Some(run) = self.run.take() else { return true };
        let result = run(tx);
        let keep = result.is_ok();
        self.result = Some(result);
        keep
    }

    fn finish(self: Box<Self>, committed: Result<(), StoreError>) {
        let result = match (committed, self.result) {
            (Ok(()), Some(result)) => result,
            (Ok(()), None) => Err(StoreError::Closed),
            // A change that was refused keeps its own reason, whatever became of the group.
            (Err(_), Some(Err(own))) => Err(own),
            (Err(error), _) => Err(error),
        };
        // Whoever asked may have gone; the change stands all the same.
        drop(self.reply.send(result));
    }
}

/// A question, answered outside any transaction.
pub(super) struct Question;

impl Question {
    pub(super) fn boxed<F, T>(run: F) -> (Box<dyn Job>, Answer<T>)
    where
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
        T: Send + 'static,
    {
        Change::boxed(move |tx: &mut Tx<'_>| run(tx.db))
    }
}

pub(super) fn reader_loop(db: &Connection, mut questions: mpsc::Receiver<Message>) {
    while let Some(Message::Job(mut job)) = questions.blocking_recv() {
        job.run(&mut Tx { db, events: Vec::new() });
        job.finish(Ok(()));
    }
}

pub(super) fn writer_loop(
    db: Connection,
    mut jobs: mpsc::Receiver<Message>,
    recent: &Recent,
    last_seq: &watch::Sender<u64>,
) {
    let mut open = true;
    while open {
        let mut group = Vec::new();
        match jobs.blocking_recv() {
            Some(Message::Job(job)) => group.push(job),
            Some(Message::Close) | None => break,
        }
        while group.len() < GROUP {
            match jobs.try_recv() {
                Ok(Message::Job(job)) => group.push(job),
                Ok(Message::Close) => {
                    open = false;
                    break;
                }
                Err(_) => break,
            }
        }
        let began = clock::mono();
        let committed = commit(&db, &mut group);
        telemetry::stage("store", clock::mono().since(began));
        let outcome = match committed {
            Ok(events) => {
                if let Some(last) = events.last().map(|event| event.seq) {
                    recent.push(events);
                    last_seq.send_replace(last);
                }
                Ok(())
            }
            Err(error) => {
                tracing::error!(%error, jobs = group.len(), "a transaction failed; nothing of it is kept");
                Err(error)
            }
        };
        for job in group {
            job.finish(outcome.clone());
        }
    }
    // What comes after `Close` is refused by the closed queue.
    jobs.close();
    if let Err((_, error)) = db.close() {
        tracing::warn!(%error, "closing the database");
    }
}

/// Runs the group in one transaction, each job in its own savepoint, so that one refused change takes no other along.
fn commit(db: &Connection, group: &mut [Box<dyn Job>]) -> Result<Vec<Event>, StoreError> {
    db.execute_batch("BEGIN IMMEDIATE")?;
    let mut tx = Tx { db, events: Vec::new() };
    let result = (|| {
        for job in group.iter_mut() {
            let mark = tx.events.len();
            db.execute_batch("SAVEPOINT job")?;
            if !job.run(&mut tx) {
                tx.events.truncate(mark);
                db.execute_batch("ROLLBACK TO job")?;
            }
            db.execute_batch("RELEASE job")?;
        }
        db.execute_batch("COMMIT")
    })();
    match result {
        Ok(()) => Ok(tx.events),
        Err(error) => {
            if !db.is_autocommit()
                && let Err(error) = db.execute_batch("ROLLBACK")
            {
                tracing::error!(%error, "rolling back");
            }
            Err(error.into())
        }
    }
}
