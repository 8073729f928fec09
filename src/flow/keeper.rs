//! The keeper: a task that removes what is old from the store and the media folder, and notes that the server runs. Not here: what is too old
//! (`[keep]` in the settings), which files must go (`media::surplus`).

use std::{
    collections::{BTreeSet, HashSet},
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, UNIX_EPOCH},
};

use tokio::time::{MissedTickBehavior, interval};
use tracing::{info, warn};

use crate::{
    base::{AlarmId, Wall, clock},
    media::{MediaFile, MediaLimits, alarm_media, surplus},
    store::{Retention, Store, StoreError},
};

/// Between two notes that the server runs.
const ALIVE: Duration = Duration::from_secs(30);
/// A round of removing comes with every so many of them; the first at once.
const ROUND: u32 = 20;

/// How long and how much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeepSettings {
    /// Closed alarms and their orders.
    pub alarms: Duration,
    pub events: Duration,
    pub audit: Duration,
    pub media: MediaLimits,
}

impl Default for KeepSettings {
    fn default() -> Self {
        const DAY: Duration = Duration::from_secs(86_400);
        Self {
            alarms: DAY * 730,
            events: DAY * 90,
            audit: DAY * 730,
            media: MediaLimits { age: DAY * 90, bytes: 50_000_000_000, free: 2_000_000_000 },
        }
    }
}

/// What a round removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Removed {
    pub alarms: usize,
    pub orders: usize,
    pub events: usize,
    pub audit: usize,
    pub files: usize,
    pub bytes: u64,
}

/// Works until dropped. A round that fails is logged; the next one tries again.
pub(super) async fn run(store: Store, media: PathBuf, settings: KeepSettings) {
    if let Err(error) = store.note_start(clock::wall()).await {
        warn!(%error, "the start could not be noted");
    }
    let mut ticks = interval(ALIVE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for count in (0..ROUND).cycle() {
        ticks.tick().await;
        if let Err(error) = store.mark_alive(clock::wall()).await {
            warn!(%error, "it could not be noted that the server runs");
        }
        if count != 0 {
            continue;
        }
        match round(&store, &media, &settings, clock::wall()).await {
            Ok(removed) if removed == Removed::default() => {}
            Ok(removed) => info!(?removed, "what was old is removed"),
            Err(error) => warn!(%error, "what is old could not be removed"),
        }
    }
}

/// One round.
///
/// # Errors
/// The store failed. A file that cannot be deleted is logged, the others go.
pub async fn round(store: &Store, media: &Path, settings: &KeepSettings, now: Wall) -> Result<Removed, StoreError> {
    let before = |age: Duration| Wall(now.0.saturating_sub(i64::try_from(age.as_millis()).unwrap_or(i64::MAX)));
    let retention = Retention {
        events_before: before(settings.events),
        alarms_before: before(settings.alarms),
        audit_before: before(settings.audit),
    };
    let mut removed = Removed::default();
    let mut gone = HashSet::new();
    loop {
        let pruned = store.prune(retention).await?;
        removed.events += pruned.events;
        removed.orders += pruned.orders;
        removed.audit += pruned.audit;
        removed.alarms += pruned.alarms.len();
        let more = pruned.more();
        gone.extend(pruned.alarms);
        if !more {
            break;
        }
    }
    let open: BTreeSet<AlarmId> = store.open_alarms().await?.into_iter().map(|alarm| alarm.id).collect();
    let (folder, limits) = (media.to_owned(), settings.media);
    let swept = tokio::task::spawn_blocking(move || sweep(&folder, &gone, &open, &limits, now));
    match swept.await {
        Ok(Ok((files, bytes))) => (removed.files, removed.bytes) = (files, bytes),
        Ok(Err(error)) => warn!(%error, folder = %media.display(), "the media folder cannot be swept"),
        Err(error) => warn!(%error, "sweeping the media folder ended badly"),
    }
    Ok(removed)
}

fn sweep(
    media: &Path,
    gone: &HashSet<AlarmId>,
    open: &BTreeSet<AlarmId>,
    limits: &MediaLimits,
    now: Wall,
) -> io::Result<(usize, u64)> {
    let files = list(media)?;
    if files.is_empty() {
        return Ok((0, 0));
    }
    let disk = rustix::fs::statvfs(media)?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let (orphans, kept): (Vec<_>, Vec<_>) = files.into_iter().partition(|file| gone.contains(&file.alarm));
    let freed: u64 = orphans.iter().map(|file| file.bytes).sum();
    let (mut count, mut bytes) = (0, 0);
    for file in orphans.into_iter().chain(surplus(kept, open, free.saturating_add(freed), limits, now)) {
        match fs::remove_file(&file.path) {
            Ok(()) => (count, bytes) = (count + 1, bytes + file.bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => warn!(%error, file = %file.path.display(), "cannot be deleted"),
        }
    }
    Ok((count, bytes))
}

/// Every picture and clip of an alarm; other files are not ours to delete.
fn list(media: &Path) -> io::Result<Vec<MediaFile>> {
    let entries = match fs::read_dir(alarm_media(media)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let alarm = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok());
        let (Some(alarm), Ok(about)) = (alarm, fs::metadata(&path)) else { continue };
        let at = about.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        let at = Wall(i64::try_from(at.as_millis()).unwrap_or(i64::MAX));
        files.push(MediaFile { path, alarm, bytes: about.len(), at });
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[tokio::test]
    async fn a_round_deletes_what_is_over_and_nothing_that_is_not_ours() {
        let dir = tempfile::TempDir::new().unwrap();
        let media = dir.path().join("media");
        let alarms = alarm_media(&media);
        fs::create_dir_all(&alarms).unwrap();
        let store = Store::open(&dir.path().join("data")).unwrap();
        let ids = [1, 2, 3].map(AlarmId::from_u128);
        for id in ids {
            fs::write(alarms.join(format!("{id}.jpg")), [0; 400]).unwrap();
        }
        fs::write(alarms.join("notes.txt"), [0; 400]).unwrap();
        let mut settings = KeepSettings::default();
        settings.media.free = 0;
        settings.media.bytes = 800;
        let removed = round(&store, &media, &settings, clock::wall()).await.unwrap();
        assert_eq!((removed.files, removed.bytes), (1, 400));
        assert!(alarms.join("notes.txt").exists());
        assert_eq!(round(&store, &media, &settings, clock::wall()).await.unwrap(), Removed::default());
        settings.media.age = Duration::ZERO;
        let later = Wall(clock::wall().0 + 10_000);
        assert_eq!(round(&store, &media, &settings, later).await.unwrap().files, 2);
        assert!(alarms.join("notes.txt").exists());
    }

    #[tokio::test]
    async fn a_server_that_never_raised_an_alarm_has_nothing_to_sweep() {
        let dir = tempfile::TempDir::new().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let media = dir.path().join("media");
        assert_eq!(round(&store, &media, &KeepSettings::default(), clock::wall()).await.unwrap(), Removed::default());
    }
}
