//! What is registered: sites, cameras, devices, people, tokens, as the store keeps them. Not here: how they run.

use std::time::Duration;

use serde_json::Value;

use crate::{
    access::{Grants, PasswordHash, Role, TokenHash},
    base::{CameraId, DeviceId, PersonId, Polygon, SiteId, TokenId, Wall},
    camera::{CameraUri, Transport},
    device::{Control, DeviceKind, DeviceRef},
};

/// A site. One that a camera, device, token or person names for the first time is made with its slug as its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteRecord {
    pub id: SiteId,
    pub name: String,
    /// Grows by one with each change, from 1; the `ETag`.
    pub version: u64,
    pub created_at: Wall,
}

/// A registered camera.
#[derive(Debug, Clone, PartialEq)]
pub struct CameraRecord {
    pub id: CameraId,
    pub name: String,
    pub uri: CameraUri,
    /// The name of the pipeline file: what is watched and what follows.
    pub pipeline: String,
    pub site: Option<SiteId>,
    pub building: Option<String>,
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
    /// Least score that holds a lift, 0..=1.
    pub hold_score: Option<f32>,
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
    pub site: Option<SiteId>,
    pub building: Option<String>,
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

/// Somebody who logs in by name and password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonRecord {
    pub id: PersonId,
    /// Nobody else's, whatever the case.
    pub name: String,
    pub password: PasswordHash,
    pub grants: Grants,
    /// May not log in for now.
    pub disabled: bool,
    /// Grows by one with each change, from 1; the `ETag`.
    pub version: u64,
    pub created_at: Wall,
    /// To the minute.
    pub last_seen: Option<Wall>,
}

/// A name as log-ins compare it.
pub(super) fn fold_name(name: &str) -> String {
    name.trim().to_lowercase()
}

/// A person's session in a browser, without its secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionRecord {
    pub hash: TokenHash,
    pub person: PersonId,
    pub created_at: Wall,
    /// To the minute.
    pub last_used: Wall,
}

/// An API token without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRecord {
    pub id: TokenId,
    pub name: String,
    pub role: Role,
    /// Where it holds the role; everywhere when `None`.
    pub site: Option<SiteId>,
    pub hash: TokenHash,
    pub created_at: Wall,
    /// It opens nothing from then on.
    pub expires_at: Option<Wall>,
    pub revoked_at: Option<Wall>,
    /// To the minute.
    pub last_used: Option<Wall>,
}

impl TokenRecord {
    /// Whether it opens anything at `now`.
    #[must_use]
    pub fn is_valid(&self, now: Wall) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }

    /// What it may do, and where.
    #[must_use]
    pub fn grants(&self) -> Grants {
        Grants::one(self.role, self.site.clone())
    }
}
