//! Limits on log-in attempts: growing delays per name and per address, in bounded memory. Not here: clocks, passwords.
//!
//! The first few attempts are free; then each failure doubles the wait before the next one, up to a cap that is short
//! for a name, so that nobody is locked out for ever. An attempt that comes too early is refused unlooked-at and makes
//! nothing worse. Where a name has logged in before, only its failures *from there* count: strangers who try a guard's
//! name from elsewhere cannot keep the guard out.

use std::{
    collections::{HashMap, VecDeque},
    net::IpAddr,
    time::Duration,
};

use crate::base::Mono;

/// Failures that cost nothing yet, of one name; of one address, behind which may be many people.
const FREE_NAME: u32 = 5;
const FREE_ADDRESS: u32 = 20;

/// The longest wait of a name, of an address.
const CAP_NAME: Duration = Duration::from_secs(60);
const CAP_ADDRESS: Duration = Duration::from_secs(900);

/// Without a failure for this long everything is forgotten.
const FORGET: Duration = Duration::from_secs(1800);

/// Keys kept at one time; when there is one more, the one with the fewest and oldest failures is forgotten.
const KEPT: usize = 4096;

/// Places kept from which somebody has logged in; the oldest is forgotten.
const PLACES: usize = 1024;

/// An address as it is limited: IPv4 whole, IPv6 by its /64, which is one subscriber's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Place([u8; 8]);

impl Place {
    fn of(address: IpAddr) -> Self {
        let mut place = [0; 8];
        match address.to_canonical() {
            IpAddr::V4(v4) => place[4..].copy_from_slice(&v4.octets()),
            IpAddr::V6(v6) => place.copy_from_slice(&v6.octets()[..8]),
        }
        Self(place)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Name(String),
    Address(Place),
    /// A name at a place where it has logged in before.
    Known(String, Place),
}

#[derive(Debug, Clone, Copy, Default)]
struct Record {
    failures: u32,
    last: Mono,
    /// No attempt before this.
    not_before: Mono,
}

/// The failures that are remembered.
#[derive(Debug, Default)]
pub struct LoginLimits {
    records: HashMap<Key, Record>,
    /// Where names have logged in, oldest first.
    known: VecDeque<(String, Place)>,
}

/// An attempt that may be made. It counts as failed until it is told otherwise.
#[derive(Debug)]
#[must_use = "tell the limits when it succeeded"]
pub struct Attempt {
    name: String,
    place: Place,
    key: Key,
}

impl LoginLimits {
    /// Whether an attempt may be made now.
    ///
    /// # Errors
    /// The time to wait.
    pub fn begin(&mut self, name: &str, address: IpAddr, now: Mono) -> Result<Attempt, Duration> {
        let (name, place) = (name.to_owned(), Place::of(address));
        let key = if self.known.iter().any(|(known, at)| *known == name && *at == place) {
            Key::Known(name.clone(), place)
        } else {
            Key::Name(name.clone())
        };
        let keys = [(key.clone(), FREE_NAME, CAP_NAME), (Key::Address(place), FREE_ADDRESS, CAP_ADDRESS)];
        let wait = keys.iter().map(|(key, ..)| self.wait(key, now)).max().unwrap_or_default();
        if !wait.is_zero() {
            return Err(wait);
        }
        for (key, free, cap) in keys {
            self.count(key, free, cap, now);
        }
        Ok(Attempt { name, place, key })
    }

    /// The attempt was good: its failures are forgiven, and its place is known from now on.
    pub fn succeeded(&mut self, attempt: Attempt) {
        let Attempt { name, place, key } = attempt;
        self.records.remove(&key);
        self.forgive(&Key::Address(place));
        self.known.retain(|(known, at)| !(*known == name && *at == place));
        self.known.push_back((name, place));
        if self.known.len() > PLACES {
            self.known.pop_front();
        }
    }

    fn wait(&self, key: &Key, now: Mono) -> Duration {
        self.records.get(key).map_or(Duration::ZERO, |record| record.not_before.since(now))
    }

    fn count(&mut self, key: Key, free: u32, cap: Duration, now: Mono) {
        if self.records.len() >= KEPT && !self.records.contains_key(&key) {
            self.records.retain(|_, record| now.since(record.last) < FORGET);
            let least = self.records.iter().min_by_key(|(_, r)| (r.failures, r.last)).map(|(key, _)| key.clone());
            if let (true, Some(least)) = (self.records.len() >= KEPT, least) {
                self.records.remove(&least);
            }
        }
        let record = self.records.entry(key).or_default();
        if now.since(record.last) >= FORGET {
            record.failures = 0;
        }
        record.failures = record.failures.saturating_add(1);
        record.last = now;
        record.not_before = now + delay(record.failures, free, cap);
    }

    /// Takes one failure back.
    fn forgive(&mut self, key: &Key) {
        if let Some(record) = self.records.get_mut(key) {
            record.failures = record.failures.saturating_sub(1);
            record.not_before = Mono(0);
            if record.failures == 0 {
                self.records.remove(key);
            }
        }
    }
}

/// The wait after so many failures: none for the free ones, then 1 s, 2 s, 4 s, … up to the cap.
fn delay(failures: u32, free: u32, cap: Duration) -> Duration {
    match failures.checked_sub(free) {
        None | Some(0) => Duration::ZERO,
        Some(beyond) => Duration::from_secs(1 << (beyond - 1).min(20)).min(cap),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(n: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, n])
    }

    fn at(s: u64) -> Mono {
        Mono::from_ms(s * 1000)
    }

    /// Fails at `now`, or waits.
    fn fail(limits: &mut LoginLimits, name: &str, address: IpAddr, now: Mono) -> Duration {
        limits.begin(name, address, now).map_or_else(|wait| wait, |_| Duration::ZERO)
    }

    #[test]
    fn the_wait_grows_up_to_its_cap() {
        for (failures, seconds) in
            [(0, 0), (5, 0), (6, 1), (7, 2), (8, 4), (11, 32), (12, 60), (100, 60), (u32::MAX, 60)]
        {
            assert_eq!(delay(failures, FREE_NAME, CAP_NAME).as_secs(), seconds, "{failures}");
        }
    }

    #[test]
    fn a_name_waits_wherever_it_is_tried_and_never_longer_than_its_cap() {
        let mut limits = LoginLimits::default();
        let mut now = at(10);
        for n in 0..6 {
            assert_eq!(fail(&mut limits, "guard", from(n), now), Duration::ZERO, "attempt {n}");
        }
        assert_eq!(fail(&mut limits, "guard", from(9), now).as_secs(), 1, "the sixth failure costs a second");
        assert_eq!(fail(&mut limits, "other", from(9), now), Duration::ZERO, "another name does not wait");
        for n in 100..200 {
            // What comes too early makes nothing worse. Each from another address, so that none waits for its own.
            let wait = fail(&mut limits, "guard", from(n), now);
            assert!(wait <= CAP_NAME);
            now = now + wait;
        }
        assert_eq!(fail(&mut limits, "guard", from(8), now + CAP_NAME), Duration::ZERO);
    }

    #[test]
    fn an_address_waits_whatever_name_it_tries() {
        let mut limits = LoginLimits::default();
        for n in 0..=FREE_ADDRESS {
            assert_eq!(fail(&mut limits, &format!("name {n}"), from(1), at(1)), Duration::ZERO, "{n}");
        }
        assert_eq!(fail(&mut limits, "one more", from(1), at(1)).as_secs(), 1);
        assert_eq!(fail(&mut limits, "one more", from(2), at(1)), Duration::ZERO);
        // One subscriber has a whole /64.
        let v6 = |last: u16| IpAddr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, last]);
        for n in 0..=20 {
            assert_eq!(fail(&mut limits, &format!("v6 {n}"), v6(n), at(1)), Duration::ZERO, "{n}");
        }
        assert_eq!(fail(&mut limits, "v6", v6(99), at(1)).as_secs(), 1);
    }

    #[test]
    fn strangers_cannot_keep_out_somebody_where_they_have_logged_in_before() {
        let mut limits = LoginLimits::default();
        let good = limits.begin("guard", from(1), at(1)).expect("free");
        limits.succeeded(good);
        let mut now = at(2);
        for _ in 0..50 {
            now = now + fail(&mut limits, "guard", from(66), now);
        }
        assert!(!fail(&mut limits, "guard", from(2), now).is_zero(), "a place that is not known waits");
        let good = limits.begin("guard", from(1), now).expect("the known place does not wait");
        limits.succeeded(good);
        // But it is limited by its own failures.
        for n in 0..6 {
            assert_eq!(fail(&mut limits, "guard", from(1), now), Duration::ZERO, "{n}");
        }
        assert!(!fail(&mut limits, "guard", from(1), now).is_zero());
    }

    #[test]
    fn success_forgives_and_time_forgets() {
        let mut limits = LoginLimits::default();
        for n in 0..5 {
            assert_eq!(fail(&mut limits, "guard", from(n), at(1)), Duration::ZERO);
        }
        let good = limits.begin("guard", from(9), at(1)).expect("still free");
        limits.succeeded(good);
        assert!(limits.records.keys().all(|key| *key != Key::Name("guard".to_owned())));
        for n in 0..30 {
            let later = at(10_000) + FORGET * n;
            assert_eq!(fail(&mut limits, "slow", from(50), later), Duration::ZERO, "{n}");
        }
        // Success from one address, again and again, never waits.
        for n in 0..100 {
            let good = limits.begin("guard", from(9), at(100_000 + n)).expect("free");
            limits.succeeded(good);
        }
    }

    #[test]
    fn memory_is_bounded_and_the_worst_are_remembered() {
        let mut limits = LoginLimits::default();
        let mut now = at(1);
        for _ in 0..10 {
            now = now + fail(&mut limits, "victim", from(1), now);
        }
        for n in 0..6000_u32 {
            let address = IpAddr::from((0x0b00_0000 + n).to_be_bytes());
            let _ = fail(&mut limits, &format!("name {n}"), address, now);
        }
        assert!(limits.records.len() <= KEPT);
        assert!(limits.records.contains_key(&Key::Name("victim".to_owned())));
        for n in 0..2000_u32 {
            let address = IpAddr::from((0x0c00_0000 + n).to_be_bytes());
            let good = limits.begin(&format!("person {n}"), address, now).expect("free");
            limits.succeeded(good);
        }
        assert!(limits.known.len() <= PLACES);
    }
}
