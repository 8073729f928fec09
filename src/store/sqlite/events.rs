//! Events: the newest in memory, the others in the database.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::{
    base::Wall,
    store::{Event, EventPage, Gap, StoreError, wire},
};

/// The newest events, without a hole.
pub(super) struct Recent {
    inner: Mutex<Ring>,
    capacity: usize,
}

struct Ring {
    /// Every event after this one is in the ring.
    floor: u64,
    events: VecDeque<Event>,
}

impl Recent {
    pub(super) fn new(last: u64, capacity: usize) -> Self {
        Self { inner: Mutex::new(Ring { floor: last, events: VecDeque::new() }), capacity }
    }

    pub(super) fn push(&self, events: Vec<Event>) {
        let mut ring = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        for event in events {
            let expected = ring.events.back().map_or(ring.floor, |newest| newest.seq) + 1;
            if event.seq != expected {
                // Another process wrote some in between: what is in memory would have a hole.
                ring.events.clear();
                ring.floor = event.seq - 1;
            }
            ring.events.push_back(event);
            if ring.events.len() > self.capacity
                && let Some(old) = ring.events.pop_front()
            {
                ring.floor = old.seq;
            }
        }
    }

    /// The events after `seq`; `None` when some of them are no longer here.
    pub(super) fn after(&self, seq: u64, limit: usize) -> Option<Vec<Event>> {
        let ring = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let skip = usize::try_from(seq.checked_sub(ring.floor)?).ok()?;
        Some(ring.events.iter().skip(skip).take(limit).cloned().collect())
    }
}

pub(super) fn last_seq(db: &Connection) -> Result<u64, StoreError> {
    let last: Option<i64> =
        db.query_row("SELECT seq FROM sqlite_sequence WHERE name = 'events'", [], |row| row.get(0)).optional()?;
    Ok(last.unwrap_or(0).cast_unsigned())
}

pub(super) fn after(db: &Connection, seq: u64, last: u64, limit: usize) -> Result<EventPage, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT seq, at, kind, camera, device, alarm, data, site FROM events WHERE seq > ?1 ORDER BY seq LIMIT ?2",
    )?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = statement.query(params![seq.cast_signed(), limit])?;
    let mut events = Vec::new();
    while let Some(row) = rows.next()? {
        events.push(event(row)?);
    }
    let first = events.first().map_or(last + 1, |event: &Event| event.seq);
    let gap = (first > seq + 1).then_some(Gap { from: seq + 1, to: first - 1 });
    Ok(EventPage { gap, events })
}

fn event(row: &Row<'_>) -> Result<Event, StoreError> {
    let text = |i: usize| row.get::<_, Option<String>>(i);
    Ok(Event {
        seq: row.get::<_, i64>(0)?.cast_unsigned(),
        at: Wall(row.get(1)?),
        kind: row.get(2)?,
        camera: wire::id_opt("camera id", text(3)?.as_deref())?,
        device: wire::id_opt("device id", text(4)?.as_deref())?,
        alarm: wire::id_opt("alarm id", text(5)?.as_deref())?,
        data: wire::from_json("event", &row.get::<_, String>(6)?)?,
        site: wire::id_opt("site", text(7)?.as_deref())?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(seqs: impl IntoIterator<Item = u64>) -> Vec<Event> {
        let event = |seq| Event {
            seq,
            at: Wall(0),
            kind: "test".to_owned(),
            camera: None,
            device: None,
            alarm: None,
            data: serde_json::json!({}),
            site: None,
        };
        seqs.into_iter().map(event).collect()
    }

    fn check(ring: &Recent, after: u64, limit: usize, expected: Option<&[u64]>) {
        let got = ring.after(after, limit).map(|events| events.iter().map(|e| e.seq).collect::<Vec<_>>());
        assert_eq!(got.as_deref(), expected, "after {after}, at most {limit}");
    }

    #[test]
    fn the_ring_answers_only_what_it_holds_whole() {
        let ring = Recent::new(10, 3);
        check(&ring, 10, 9, Some(&[]));
        check(&ring, 9, 9, None);
        ring.push(events(11..=12));
        check(&ring, 10, 9, Some(&[11, 12]));
        check(&ring, 11, 9, Some(&[12]));
        check(&ring, 10, 1, Some(&[11]));
        ring.push(events(13..=15));
        check(&ring, 11, 9, None);
        check(&ring, 12, 9, Some(&[13, 14, 15]));
        ring.push(events(20..=20));
        check(&ring, 15, 9, None);
        check(&ring, 19, 9, Some(&[20]));
    }
}
