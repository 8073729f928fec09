//! What is kept, and how it is read back. `sqlite.rs` is the only file that names rusqlite.
//! Not here: who may read what.

mod names;
mod page;
mod registry;
mod sqlite;
pub mod uptime;
mod wire;

use std::path::PathBuf;

use serde_json::Value;

pub use names::Named;
pub use page::{AlarmCursor, AlarmFilter, AlarmPage, CursorError, EventPage, Gap, KeptAlarm, Pruned, Retention};
pub use registry::{CameraRecord, DeviceRecord, Overrides, PersonRecord, SessionRecord, SiteRecord, TokenRecord};
pub use sqlite::{Store, verify_audit};

use crate::{
    access::ChainHash,
    alarm::Alarm,
    base::{AlarmId, CameraId, DeviceId, OrderKey, SiteId, Wall},
    device::{Epoch, OrderSeq, OrderState},
};

use registry::fold_name;

/// An event before it has its place: what watchers are told.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEvent {
    pub at: Wall,
    /// `alarm.raised`, `alarm.updated`, `alarm.cleared`, `camera.phase`, `device.state`, `order.state`, `face.seen`, …
    pub kind: &'static str,
    pub camera: Option<CameraId>,
    pub device: Option<DeviceId>,
    pub alarm: Option<AlarmId>,
    /// The kind's own fields, an object; merged into the event on the wire.
    pub data: Value,
}

impl NewEvent {
    /// About no camera, device or alarm.
    #[must_use]
    pub const fn new(at: Wall, kind: &'static str, data: Value) -> Self {
        Self { at, kind, camera: None, device: None, alarm: None, data }
    }
}

/// An event that is durable and has its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub seq: u64,
    pub at: Wall,
    pub kind: String,
    pub camera: Option<CameraId>,
    pub device: Option<DeviceId>,
    pub alarm: Option<AlarmId>,
    pub data: Value,
    /// Of its alarm, or else of its camera or device, when it happened.
    pub site: Option<SiteId>,
}

/// An order as it is kept: one row per key, its state the newest known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderRecord {
    pub key: OrderKey,
    pub epoch: Epoch,
    pub seq: OrderSeq,
    pub device: DeviceId,
    pub alarm: Option<AlarmId>,
    pub verb: &'static str,
    pub state: OrderState,
    pub cause: Option<String>,
    pub at: Wall,
}

/// One thing to make durable. A batch is one transaction.
#[derive(Debug, Clone, PartialEq)]
pub enum Write {
    /// Inserts or replaces an alarm.
    Alarm(Box<Alarm>),
    Order(OrderRecord),
    Event(NewEvent),
    /// A line of the audit log: who did what to which thing.
    Audit {
        at: Wall,
        actor: String,
        act: String,
        subject: String,
        detail: Value,
    },
}

/// A line of the audit log as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditLine {
    pub id: u64,
    pub at: Wall,
    pub actor: String,
    pub act: String,
    pub subject: String,
    pub detail: Value,
    /// Over this line and all before it.
    pub hash: ChainHash,
}

/// What a look through the audit log found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditCheck {
    /// Lines that are as they were written, from the oldest on.
    pub lines: u64,
    pub first: Option<u64>,
    /// The newest of them; before the first, the newest that was pruned.
    pub last: u64,
    /// The newest of them's hash.
    pub head: ChainHash,
    pub broken: Option<AuditBreak>,
}

/// The first line that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditBreak {
    pub line: u64,
    pub why: &'static str,
}

/// Why the store did not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    #[error(
        "another server holds the data folder {0}: stop it, or give this one its own folder with --data; \
         the lock goes with the process that holds it"
    )]
    Locked(PathBuf),
    #[error("cannot open {path}: {cause}")]
    Open { path: PathBuf, cause: String },
    #[error(
        "{path} was written by a newer Yunti (schema {found}, this one knows up to {known}): run the newer version, \
         or restore a backup"
    )]
    Newer { path: PathBuf, found: i64, known: i64 },
    #[error("nothing is kept under this id")]
    Missing,
    #[error("it is in use: {0}")]
    InUse(String),
    #[error("it is there already")]
    Exists,
    #[error("nobody would be left who may manage people at every site: grant that to somebody else first")]
    LastAdmin,
    #[error("it was changed meanwhile: version {current} is kept")]
    Conflict { current: u64 },
    #[error("what is kept is not readable ({what}): {cause}")]
    Corrupt { what: &'static str, cause: String },
    #[error("the database failed: {0}")]
    Database(String),
    #[error("the store is closed")]
    Closed,
}
