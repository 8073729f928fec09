//! What is registered: cameras, devices, tokens, as the store keeps them. Not here: how they run.

use std::time::Duration;

use serde_json::Value;

use crate::{
    access::{Role, TokenHash},
    base::{CameraId, DeviceId, Polygon, TokenId, Wall},
    camera::{CameraUri, Transport},
    device::{Control, DeviceKind, DeviceRef},
};

/// A registered camera.
#[derive(Debug, Clone, PartialEq)]
pub struct CameraRecord {
    pub id: CameraId,
    pub name: String,
    pub uri: CameraUri,
    /// The name of the pipeline file: what is watched and what follows.
    pub pipeline: String,
    pub site: Option<String>,
    pub transport: Transport,
    /// The part of the picture to watch; all of it when `None`.
    pub zone: Option<Polygon>,
    /// What answers this camera's alarms.
    pub devices: Vec<DeviceId>,
    /// When to watch, in the wire form that the API checked; always when `None`.
    pub schedule: Option<Value>,
    pub overrides: Overrides,
    /// Name of a decode chain that overrides the automatic choice.
    pub decode: Option<String>,
    pub enabled: bool,
    /// Grows by one with each change, from 1; the `ETag`.
    pub version: u64,
    pub created_at: Wall,
    pub updated_at: Wall,
}

/// A camera's own values in place of its pipeline's.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Overrides {
    /// Least score of the target, 0..=1.
    pub min_score: Option<f32>,
    /// Seen in `.0` of the last `.1` analysed frames.
    pub confirm: Option<(u8, u8)>,
    /// Not seen for this long: the stay is over.
    pub clear_after: Option<Duration>,
    pub cooldown: Option<Duration>,
    /// Lead over the best rival, 0..=1.
    pub margin: Option<f32>,
}

/// A registered device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceRecord {
    pub id: DeviceId,
    pub name: String,
    pub kind: DeviceKind,
    /// Lifts only; [`Control::AlarmOnly`] for every other kind.
    pub control: Control,
    pub site: Option<String>,
    /// Of the device token's secret.
    pub token: TokenHash,
    /// Grows by one with each change, from 1; the `ETag`.
    pub version: u64,
    pub created_at: Wall,
    pub updated_at: Wall,
}

impl DeviceRecord {
    /// The device as alarms and orders need it.
    #[must_use]
    pub const fn to_ref(&self) -> DeviceRef {
        DeviceRef { id: self.id, kind: self.kind, control: self.control }
    }
}

/// An API token without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRecord {
    pub id: TokenId,
    pub name: String,
    pub role: Role,
    pub hash: TokenHash,
    pub created_at: Wall,
    pub revoked_at: Option<Wall>,
    /// To the minute.
    pub last_used: Option<Wall>,
}
