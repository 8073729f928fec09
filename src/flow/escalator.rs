//! The escalator: each second it looks which alarms have waited too long for a person, and tells the desk. Not here: what
//! is due (`alarm::escalation`), what the desk makes of it. It is no part of the stop path.

use std::time::Duration;

use tokio::{
    sync::mpsc,
    time::{MissedTickBehavior, interval},
};
use tracing::warn;

use super::desk::Command;
use crate::{
    alarm::escalation::{default_ladder, due},
    base::clock,
    store::{Store, StoreError},
};

const LOOK: Duration = Duration::from_secs(1);

/// Works until the desk is gone.
pub(super) async fn run(store: Store, desk: mpsc::WeakSender<Command>) {
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told = false;
    loop {
        looks.tick().await;
        let commands = match look(&store).await {
            Ok(commands) => {
                told = false;
                commands
            }
            Err(error) => {
                if !std::mem::replace(&mut told, true) {
                    warn!(%error, "alarms cannot be escalated: the store does not answer");
                }
                continue;
            }
        };
        let Some(desk) = desk.upgrade() else { return };
        for command in commands {
            if desk.send(command).await.is_err() {
                return;
            }
        }
    }
}

async fn look(store: &Store) -> Result<Vec<Command>, StoreError> {
    let now = clock::wall();
    let waiting = store.alarms_to_escalate(now).await?;
    if waiting.is_empty() {
        return Ok(Vec::new());
    }
    let (ladders, ordinary) = (store.ladders().await?, default_ladder());
    let steps = waiting.into_iter().flat_map(|kept| {
        let ladder = kept.site.as_ref().and_then(|site| ladders.get(site)).unwrap_or(&ordinary);
        let steps: Vec<_> = due(&kept.alarm, ladder, now).into_iter().cloned().collect();
        steps.into_iter().map(move |step| Command::Escalate { alarm: Box::new(kept.alarm.clone()), step })
    });
    Ok(steps.collect())
}
