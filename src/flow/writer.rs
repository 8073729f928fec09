//! The writer: takes the desk's whole backlog whenever it is free and makes it durable in one transaction.
//! Callers are answered and watchers told after the commit only. Not here: what is worth keeping.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::sync::{mpsc, oneshot};
use tracing::error;

use super::control::ControlError;
use crate::{
    alarm::Alarm,
    store::{Store, Write},
};

/// Pause between two tries to keep the same batch.
const RETRY: Duration = Duration::from_millis(500);
/// Tries after the desk has ended, so that a broken disk does not keep the process from ending.
const LAST_TRIES: u32 = 4;

/// What waits to be kept, in order. Grows while the store is slow; nothing is lost.
#[derive(Default)]
pub(super) struct Backlog {
    writes: Vec<Write>,
    settled: Vec<Settled>,
}

/// Somebody's act, answered when its alarm is durable.
pub(super) struct Settled {
    pub alarm: Alarm,
    pub reply: oneshot::Sender<Result<Alarm, ControlError>>,
}

impl Backlog {
    pub(super) fn is_empty(&self) -> bool {
        self.writes.is_empty() && self.settled.is_empty()
    }

    pub(super) fn push(&mut self, write: Write) {
        self.writes.push(write);
    }

    /// Adds an alarm; an older state of it that still waits is replaced.
    pub(super) fn push_alarm(&mut self, alarm: Alarm) {
        self.writes.retain(|w| !matches!(w, Write::Alarm(old) if old.id == alarm.id));
        self.writes.push(Write::Alarm(Box::new(alarm)));
    }

    pub(super) fn answer_when_kept(&mut self, settled: Settled) {
        self.settled.push(settled);
    }
}

/// Keeps backlogs until the desk is gone. A batch that fails is tried again, first thing, until it is kept.
pub(super) async fn run(store: Store, mut backlogs: mpsc::Receiver<Backlog>, healthy: Arc<AtomicBool>) {
    while let Some(backlog) = backlogs.recv().await {
        let Backlog { writes, settled } = backlog;
        let mut answers = Some(settled);
        let mut tries_left = LAST_TRIES;
        loop {
            let kept = store.write(writes.clone()).await.map_err(|e| e.to_string());
            healthy.store(kept.is_ok(), Ordering::Relaxed);
            for Settled { alarm, reply } in answers.take().unwrap_or_default() {
                // The caller may be gone; then nobody wants the answer.
                let _ = reply.send(kept.clone().map(|_| alarm).map_err(ControlError::Store));
            }
            let Err(cause) = kept else { break };
            error!(cause, writes = writes.len(), "the store could not keep a batch; trying again");
            if backlogs.is_closed() {
                tries_left -= 1;
                if tries_left == 0 {
                    error!(writes = writes.len(), "ending with a batch that could not be kept");
                    return;
                }
            }
            tokio::time::sleep(RETRY).await;
        }
    }
}
