//! Filters, cursors and pages. Not here: how they are read.

use std::{fmt, str::FromStr};

use super::Event;
use crate::{
    access::Sites,
    alarm::{Alarm, AlarmKind, AlarmState},
    base::{AlarmId, CameraId, DeviceId, SiteId, Wall},
};

/// Events that were pruned before a reader came for them: `from..=to` are gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    pub from: u64,
    pub to: u64,
}

/// Events in order; `gap` lies before the first of them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EventPage {
    pub gap: Option<Gap>,
    pub events: Vec<Event>,
}

/// Which alarms to list. Empty fields do not filter.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AlarmFilter {
    /// Any of these states; all when empty.
    pub states: Vec<AlarmState>,
    /// Any of these kinds; all when empty.
    pub kinds: Vec<AlarmKind>,
    pub camera: Option<CameraId>,
    pub device: Option<DeviceId>,
    /// Raised at this time or later.
    pub since: Option<Wall>,
    /// Raised before this time.
    pub until: Option<Wall>,
    /// Raised at one of these sites: what the asker may see.
    pub sites: Sites,
}

/// Where the next page of alarms begins: after this one, going back in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AlarmCursor {
    pub raised_at: Wall,
    pub id: AlarmId,
}

/// A text that is not a cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor: give `next` of the page before, unchanged")]
pub struct CursorError;

impl fmt::Display for AlarmCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.raised_at.0, self.id)
    }
}

impl FromStr for AlarmCursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let (at, id) = text.split_once('.').ok_or(CursorError)?;
        Ok(Self { raised_at: Wall(at.parse().map_err(|_| CursorError)?), id: id.parse().map_err(|_| CursorError)? })
    }
}

/// An alarm and where it was raised.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptAlarm {
    pub alarm: Alarm,
    /// Of its camera, or else its device, at that time.
    pub site: Option<SiteId>,
    /// Likewise.
    pub building: Option<String>,
}

/// Alarms, newest first, and where to go on.
#[derive(Debug, Clone, PartialEq)]
pub struct AlarmPage {
    pub items: Vec<KeptAlarm>,
    pub next: Option<AlarmCursor>,
}

/// What is old enough to go. Open alarms never go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    pub events_before: Wall,
    /// Closed alarms raised before this, and their orders.
    pub alarms_before: Wall,
    pub audit_before: Wall,
}

/// What went. At most [`Pruned::LIMIT`] of each kind go at once: call again while [`Pruned::more`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pruned {
    pub events: usize,
    /// Their snapshots and clips can go too.
    pub alarms: Vec<AlarmId>,
    pub orders: usize,
    pub audit: usize,
}

impl Pruned {
    /// The most rows of a kind that one call removes, so that no writer waits long.
    pub const LIMIT: usize = 1000;

    /// Whether there may be more to remove.
    #[must_use]
    pub fn more(&self) -> bool {
        [self.events, self.alarms.len(), self.orders, self.audit].into_iter().any(|n| n >= Self::LIMIT)
    }
}
