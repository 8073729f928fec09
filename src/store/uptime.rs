//! How long cameras were live and devices online: a fold over their changes. Pure; not here: reading the events.

use std::collections::BTreeMap;

use crate::base::Wall;

/// A change, in the order in which they happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn<Id> {
    /// It became well, or ceased to be.
    Subject { id: Id, at: Wall, up: bool },
    /// The server began; it knows nothing of the time since `down_since`, when it was last known to run.
    Server { down_since: Wall, at: Wall },
}

/// The share of a time in which something was known and up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Uptime {
    pub up_ms: u64,
    /// From the first that is known of it on.
    pub known_ms: u64,
}

impl Uptime {
    /// 0 to 1; `None` when nothing is known.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of a few years are exact in an f64")]
    pub fn share(self) -> Option<f64> {
        (self.known_ms > 0).then(|| self.up_ms as f64 / self.known_ms as f64)
    }
}

/// Uptime from `since` until `until`. `turns` may begin before `since`: what came last of each is how it began. While
/// the server was not running nothing was watched: that counts as down.
pub fn uptime<Id: Ord + Clone>(
    turns: impl IntoIterator<Item = Turn<Id>>,
    since: Wall,
    until: Wall,
) -> BTreeMap<Id, Uptime> {
    struct Run {
        from: Wall,
        up: bool,
        sum: Uptime,
    }
    let part = |from: Wall, to: Wall| {
        let ms = to.0.min(until.0).saturating_sub(from.0.max(since.0));
        u64::try_from(ms).unwrap_or(0)
    };
    let end = |run: &mut Run, at: Wall| {
        let ms = part(run.from, at);
        run.sum.known_ms += ms;
        run.sum.up_ms += if run.up { ms } else { 0 };
        run.from = at;
    };
    let mut runs: BTreeMap<Id, Run> = BTreeMap::new();
    for turn in turns {
        match turn {
            Turn::Subject { id, at, up } => {
                let run = runs.entry(id).or_insert(Run { from: at, up, sum: Uptime::default() });
                end(run, at);
                run.up = up;
            }
            Turn::Server { down_since, at } => {
                for run in runs.values_mut() {
                    end(run, Wall(down_since.0.max(run.from.0)));
                    run.up = false;
                    end(run, at);
                }
            }
        }
    }
    let mut sums = BTreeMap::new();
    for (id, mut run) in runs {
        end(&mut run, until);
        sums.insert(id, run.sum);
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Turns of subject 1 as (ms, up), and of the server as (down since, at); up and known from 100 until 200.
    fn check(turns: &[Turn<u8>], up_ms: u64, known_ms: u64) {
        let sums = uptime(turns.iter().cloned(), Wall(100), Wall(200));
        assert_eq!(sums.get(&1).copied().unwrap_or_default(), Uptime { up_ms, known_ms }, "{turns:?}");
    }

    fn turn(at: i64, up: bool) -> Turn<u8> {
        Turn::Subject { id: 1, at: Wall(at), up }
    }

    #[test]
    fn time_is_counted_within_the_window_from_the_first_that_is_known() {
        check(&[], 0, 0);
        check(&[turn(0, true)], 100, 100);
        check(&[turn(0, false)], 0, 100);
        check(&[turn(150, true)], 50, 50);
        check(&[turn(0, true), turn(130, false), turn(150, true)], 80, 100);
        check(&[turn(0, true), turn(50, false)], 0, 100);
        check(&[turn(0, true), turn(110, true), turn(120, true)], 100, 100);
        check(&[turn(250, true)], 0, 0);
    }

    #[test]
    fn while_the_server_was_away_nothing_was_up() {
        let server = |down, at| Turn::Server { down_since: Wall(down), at: Wall(at) };
        check(&[turn(0, true), server(120, 140), turn(145, true)], 75, 100);
        check(&[turn(0, true), server(20, 90), turn(95, true)], 100, 100);
        check(&[server(120, 140), turn(150, true)], 50, 50);
        // A clock that was set back in between.
        check(&[turn(130, true), server(120, 140), turn(150, true)], 50, 70);
    }
}
