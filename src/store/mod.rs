//! What is kept, and how it is read back. `sqlite.rs` is the only file that names rusqlite.
//! Not here: who may read what.

use serde_json::Value;

use crate::{
    alarm::Alarm,
    base::{AlarmId, CameraId, DeviceId, OrderKey, Wall},
    device::{Epoch, OrderSeq, OrderState},
};

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
