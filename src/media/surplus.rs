//! Which pictures and clips must go: by age, by total size, by free space. Pure; not here: listing and deleting files.

use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use crate::base::{AlarmId, Wall};

/// A kept picture or clip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaFile {
    pub path: PathBuf,
    pub alarm: AlarmId,
    pub bytes: u64,
    pub at: Wall,
}

/// How much may be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MediaLimits {
    pub age: Duration,
    /// All files together.
    pub bytes: u64,
    /// What the disk must still have free.
    pub free: u64,
}

/// The files to delete, oldest first: those past the age, then as many of the oldest as bring the total and the free
/// space within their limits. Files of alarms that are open stay, whatever it costs: somebody still has to look at them.
#[must_use]
pub fn surplus(
    mut files: Vec<MediaFile>,
    open: &BTreeSet<AlarmId>,
    free: u64,
    limits: &MediaLimits,
    now: Wall,
) -> Vec<MediaFile> {
    files.sort_by(|a, b| (a.at, &a.path).cmp(&(b.at, &b.path)));
    let oldest = now.0.saturating_sub(i64::try_from(limits.age.as_millis()).unwrap_or(i64::MAX));
    let total: u64 = files.iter().map(|file| file.bytes).sum();
    let mut over = total.saturating_sub(limits.bytes).max(limits.free.saturating_sub(free));
    files
        .into_iter()
        .filter(|file| {
            let goes = !open.contains(&file.alarm) && (file.at.0 < oldest || over > 0);
            if goes {
                over = over.saturating_sub(file.bytes);
            }
            goes
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: MediaLimits = MediaLimits { age: Duration::from_secs(100), bytes: 1000, free: 500 };

    fn file(alarm: u128, bytes: u64, at_s: i64) -> MediaFile {
        let alarm = AlarmId::from_u128(alarm);
        MediaFile { path: format!("{alarm}.jpg").into(), alarm, bytes, at: Wall(at_s * 1000) }
    }

    /// Files 1, 2, … with (bytes, second of their making); which of them go at second 1000.
    fn check(files: &[(u64, i64)], open: &[u128], free: u64, gone: &[u128]) {
        let mut list: Vec<MediaFile> = (1..).zip(files).map(|(n, &(bytes, at))| file(n, bytes, at)).collect();
        list.reverse();
        let open = open.iter().map(|&n| AlarmId::from_u128(n)).collect();
        let went: Vec<AlarmId> =
            surplus(list, &open, free, &LIMITS, Wall(1_000_000)).into_iter().map(|f| f.alarm).collect();
        let gone: Vec<AlarmId> = gone.iter().map(|&n| AlarmId::from_u128(n)).collect();
        assert_eq!(went, gone, "{files:?}, open {open:?}, {free} free");
    }

    #[test]
    fn old_files_go_then_the_oldest_until_the_limits_are_met() {
        check(&[], &[], 0, &[]);
        check(&[(400, 950), (400, 990)], &[], 9000, &[]);
        check(&[(1, 899), (1, 900), (1, 901)], &[], 9000, &[1]);
        check(&[(600, 950), (600, 960), (300, 970)], &[], 9000, &[1]);
        check(&[(600, 950), (600, 960), (900, 970)], &[], 9000, &[1, 2]);
        // 100 bytes short on the disk.
        check(&[(60, 950), (60, 960), (60, 970)], &[], 400, &[1, 2]);
        // What goes for its age counts for the space as well.
        check(&[(100, 1), (60, 960)], &[], 400, &[1]);
    }

    #[test]
    fn what_belongs_to_an_open_alarm_stays() {
        check(&[(1, 1), (1, 2)], &[1], 9000, &[2]);
        check(&[(600, 950), (600, 960)], &[1], 9000, &[2]);
        check(&[(2000, 950)], &[1], 0, &[]);
    }
}
