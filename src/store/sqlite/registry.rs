//! Cameras, devices and tokens. Every change takes the lines (audit, events) to write in the same transaction.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{Store, sites};
use crate::{
    access::TokenHash,
    base::{CameraId, DeviceId, Secret, SiteId, TokenId, Wall},
    camera::CameraUri,
    store::{CameraRecord, DeviceRecord, StoreError, TokenRecord, Write, names::Named, wire},
};

const CAMERA: &str = "id, name, location, user, password, pipeline, site, transport, zone, devices, schedule, \
                      overrides, decode, enabled, version, created_at, updated_at, building";
const DEVICE: &str = "id, name, kind, control, site, token_hash, version, created_at, updated_at, building";
const TOKEN: &str = "id, name, role, hash, created_at, revoked_at, last_used, site, expires_at";

impl Store {
    /// Keeps a new camera.
    ///
    /// # Errors
    /// The id is taken; the database failed, or the store is closed.
    pub async fn insert_camera(&self, camera: CameraRecord, also: Vec<Write>) -> Result<(), StoreError> {
        self.change(move |tx| {
            put_camera(tx.db, &camera, "INSERT")?;
            tx.write_all(&also).map(drop)
        })
        .await
    }

    /// Replaces a camera if its kept version is still `camera.version`; returns it with the next version.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when it was changed meanwhile, [`StoreError::Missing`]; the database failed, or the store is closed.
    pub async fn update_camera(&self, mut camera: CameraRecord, also: Vec<Write>) -> Result<CameraRecord, StoreError> {
        self.change(move |tx| {
            check_version(tx.db, "cameras", &camera.id.to_string(), Some(camera.version))?;
            camera.version += 1;
            put_camera(tx.db, &camera, "REPLACE")?;
            tx.write_all(&also)?;
            Ok(camera)
        })
        .await
    }

    /// Forgets a camera; `version` as in an update, `None` whatever the version.
    ///
    /// # Errors
    /// As for an update.
    pub async fn delete_camera(&self, id: CameraId, version: Option<u64>, also: Vec<Write>) -> Result<(), StoreError> {
        self.delete("cameras", id.to_string(), version, also).await
    }

    /// A camera; `None` when none has this id.
    ///
    /// # Errors
    /// The database failed, or the store is closed.
    pub async fn camera(&self, id: CameraId) -> Result<Option<CameraRecord>, StoreError> {
        self.one("cameras", CAMERA, id.to_string(), camera).await
    }

    /// Every camera, oldest first.
    ///
    /// # Errors
    /// The database failed, or the store is closed.
    pub async fn cameras(&self) -> Result<Vec<CameraRecord>, StoreError> {
        self.all("cameras", CAMERA, camera).await
    }

    /// Keeps a new device.
    ///
    /// # Errors
    /// The id is taken; the database failed, or the store is closed.
    pub async fn insert_device(&self, device: DeviceRecord, also: Vec<Write>) -> Result<(), StoreError> {
        self.change(move |tx| {
            put_device(tx.db, &device, "INSERT")?;
            tx.write_all(&also).map(drop)
        })
        .await
    }

    /// Replaces a device if its kept version is still `device.version`; returns it with the next version.
    ///
    /// # Errors
    /// As for a camera.
    pub async fn update_device(&self, mut device: DeviceRecord, also: Vec<Write>) -> Result<DeviceRecord, StoreError> {
        self.change(move |tx| {
            check_version(tx.db, "devices", &device.id.to_string(), Some(device.version))?;
            device.version += 1;
            put_device(tx.db, &device, "REPLACE")?;
            tx.write_all(&also)?;
            Ok(device)
        })
        .await
    }

    /// Forgets a device and takes it out of every camera's list (whose versions grow).
    ///
    /// # Errors
    /// As for a camera.
    pub async fn delete_device(&self, id: DeviceId, version: Option<u64>, also: Vec<Write>) -> Result<(), StoreError> {
        self.change(move |tx| {
            let text = id.to_string();
            check_version(tx.db, "devices", &text, version)?;
            tx.write_all(&also)?;
            tx.db.execute("DELETE FROM devices WHERE id = ?1", params![text])?;
            for mut camera in read_all(tx.db, "cameras", CAMERA, camera)? {
                if camera.devices.contains(&id) {
                    camera.devices.retain(|other| *other != id);
                    camera.version += 1;
                    put_camera(tx.db, &camera, "REPLACE")?;
                }
            }
            Ok(())
        })
        .await
    }

    /// A device; `None` when none has this id.
    ///
    /// # Errors
    /// The database failed, or the store is closed.
    pub async fn device(&self, id: DeviceId) -> Result<Option<DeviceRecord>, StoreError> {
        self.one("devices", DEVICE, id.to_string(), device).await
    }

    /// Every device, oldest first.
    ///
    /// # Errors
    /// The database failed, or the store is closed.
    pub async fn devices(&self) -> Result<Vec<DeviceRecord>, StoreError> {
        self.all("devices", DEVICE, device).await
    }

    /// Keeps a new token.
    ///
    /// # Errors
    /// The id is taken; the database failed, or the store is closed.
    pub async fn insert_token(&self, token: TokenRecord, also: Vec<Write>) -> Result<(), StoreError> {
        self.change(move |tx| {
            tx.db.execute(
                &format!("INSERT INTO tokens ({TOKEN}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"),
                params![
                    token.id.to_string(),
                    token.name,
                    token.role.name(),
                    token.hash.as_bytes(),
                    token.created_at.0,
                    token.revoked_at.map(|at| at.0),
                    token.last_used.map(|at| at.0),
                    token.site.as_ref().map(SiteId::as_str),
                    token.expires_at.map(|at| at.0),
                ],
            )?;
            sites::mention(tx.db, token.site.as_ref(), token.created_at)?;
            tx.write_all(&also).map(drop)
        })
        .await
    }

    /// Revokes a token from now on; what was revoked before stays so.
    ///
    /// # Errors
    /// [`StoreError::Missing`]; the database failed, or the store is closed.
    pub async fn revoke_token(&self, id: TokenId, at: Wall, also: Vec<Write>) -> Result<(), StoreError> {
        self.change(move |tx| {
            let found = tx.db.execute(
                "UPDATE tokens SET revoked_at = coalesce(revoked_at, ?2) WHERE id = ?1",
                params![id.to_string(), at.0],
            )?;
            if found == 0 {
                return Err(StoreError::Missing);
            }
            tx.write_all(&also).map(drop)
        })
        .await
    }

    /// Notes that a token was used.
    ///
    /// # Errors
    /// The database failed, or the store is closed.
    pub async fn touch_token(&self, id: TokenId, at: Wall) -> Result<(), StoreError> {
        self.change(move |tx| {
            tx.db.execute("UPDATE tokens SET last_used = ?2 WHERE id = ?1", params![id.to_string(), at.0])?;
            Ok(())
        })
        .await
    }

    /// A token, revoked or not; `None` when none has this id.
    ///
    /// # Errors
    /// The database failed, or the store is closed.
    pub async fn token(&self, id: TokenId) -> Result<Option<TokenRecord>, StoreError> {
        self.one("tokens", TOKEN, id.to_string(), token).await
    }

    /// Every token, oldest first.
    ///
    /// # Errors
    /// The database failed, or the store is closed.
    pub async fn tokens(&self) -> Result<Vec<TokenRecord>, StoreError> {
        self.all("tokens", TOKEN, token).await
    }

    async fn delete(
        &self,
        table: &'static str,
        id: String,
        version: Option<u64>,
        also: Vec<Write>,
    ) -> Result<(), StoreError> {
        self.change(move |tx| {
            check_version(tx.db, table, &id, version)?;
            // The lines first: an event takes its site from what is still there.
            tx.write_all(&also)?;
            tx.db.execute(&format!("DELETE FROM {table} WHERE id = ?1"), params![id])?;
            Ok(())
        })
        .await
    }

    async fn one<T: Send + 'static>(
        &self,
        table: &'static str,
        columns: &'static str,
        id: String,
        read: fn(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        self.ask(move |db| {
            let mut statement = db.prepare_cached(&format!("SELECT {columns} FROM {table} WHERE id = ?1"))?;
            let mut rows = statement.query(params![id])?;
            rows.next()?.map(read).transpose()
        })
        .await
    }

    async fn all<T: Send + 'static>(
        &self,
        table: &'static str,
        columns: &'static str,
        read: fn(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        self.ask(move |db| read_all(db, table, columns, read)).await
    }
}

pub(super) fn read_all<T>(
    db: &Connection,
    table: &str,
    columns: &str,
    read: fn(&Row<'_>) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let mut statement = db.prepare_cached(&format!("SELECT {columns} FROM {table} ORDER BY created_at, id"))?;
    let mut rows = statement.query([])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        all.push(read(row)?);
    }
    Ok(all)
}

/// Whether a row is there and still of the version that a change expects.
pub(super) fn check_version(db: &Connection, table: &str, id: &str, expected: Option<u64>) -> Result<(), StoreError> {
    let current: Option<i64> = db
        .prepare_cached(&format!("SELECT version FROM {table} WHERE id = ?1"))?
        .query_row(params![id], |row| row.get(0))
        .optional()?;
    match (current.map(i64::cast_unsigned), expected) {
        (None, _) => Err(StoreError::Missing),
        (Some(current), Some(expected)) if current != expected => Err(StoreError::Conflict { current }),
        _ => Ok(()),
    }
}

fn put_camera(db: &Connection, camera: &CameraRecord, verb: &str) -> Result<(), StoreError> {
    db.prepare_cached(&format!(
        "{verb} INTO cameras ({CAMERA})
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)"
    ))?
    .execute(params![
        camera.id.to_string(),
        camera.name,
        camera.uri.location(),
        camera.uri.user(),
        camera.uri.password().map(Secret::expose),
        camera.pipeline,
        camera.site.as_ref().map(SiteId::as_str),
        camera.transport.wire(),
        wire::zone_body(camera.zone.as_ref())?,
        wire::devices_body(&camera.devices)?,
        camera.schedule.as_ref().map(|schedule| wire::json("schedule", schedule)).transpose()?,
        wire::overrides_body(&camera.overrides)?,
        camera.decode,
        camera.enabled,
        camera.version.cast_signed(),
        camera.created_at.0,
        camera.updated_at.0,
        camera.building,
    ])?;
    sites::mention(db, camera.site.as_ref(), camera.updated_at)
}

fn camera(row: &Row<'_>) -> Result<CameraRecord, StoreError> {
    let schedule: Option<String> = row.get(10)?;
    Ok(CameraRecord {
        id: wire::id("camera id", &row.get::<_, String>(0)?)?,
        name: row.get(1)?,
        uri: CameraUri::from_parts(row.get(2)?, row.get(3)?, row.get::<_, Option<String>>(4)?.map(Secret::new)),
        pipeline: row.get(5)?,
        site: site(row, 6)?,
        transport: wire::named("transport", &row.get::<_, String>(7)?)?,
        zone: wire::zone(row.get::<_, Option<String>>(8)?.as_deref())?,
        devices: wire::devices(&row.get::<_, String>(9)?)?,
        schedule: schedule.map(|text| wire::from_json("schedule", &text)).transpose()?,
        overrides: wire::overrides(&row.get::<_, String>(11)?)?,
        decode: row.get(12)?,
        enabled: row.get(13)?,
        version: row.get::<_, i64>(14)?.cast_unsigned(),
        created_at: Wall(row.get(15)?),
        updated_at: Wall(row.get(16)?),
        building: row.get(17)?,
    })
}

fn put_device(db: &Connection, device: &DeviceRecord, verb: &str) -> Result<(), StoreError> {
    db.prepare_cached(&format!("{verb} INTO devices ({DEVICE}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"))?
        .execute(params![
            device.id.to_string(),
            device.name,
            device.kind.wire(),
            device.control.wire(),
            device.site.as_ref().map(SiteId::as_str),
            device.token.as_bytes(),
            device.version.cast_signed(),
            device.created_at.0,
            device.updated_at.0,
            device.building,
        ])?;
    sites::mention(db, device.site.as_ref(), device.updated_at)
}

fn device(row: &Row<'_>) -> Result<DeviceRecord, StoreError> {
    Ok(DeviceRecord {
        id: wire::id("device id", &row.get::<_, String>(0)?)?,
        name: row.get(1)?,
        kind: wire::named("device kind", &row.get::<_, String>(2)?)?,
        control: wire::named("control", &row.get::<_, String>(3)?)?,
        site: site(row, 4)?,
        token: TokenHash::from_bytes(row.get(5)?),
        version: row.get::<_, i64>(6)?.cast_unsigned(),
        created_at: Wall(row.get(7)?),
        updated_at: Wall(row.get(8)?),
        building: row.get(9)?,
    })
}

fn token(row: &Row<'_>) -> Result<TokenRecord, StoreError> {
    let role: String = row.get(2)?;
    Ok(TokenRecord {
        id: wire::id("token id", &row.get::<_, String>(0)?)?,
        name: row.get(1)?,
        role: crate::access::Role::of_name(&role)
            .ok_or_else(|| StoreError::Corrupt { what: "role", cause: format!("`{role}` is not known") })?,
        hash: TokenHash::from_bytes(row.get(3)?),
        created_at: Wall(row.get(4)?),
        revoked_at: row.get::<_, Option<i64>>(5)?.map(Wall),
        last_used: row.get::<_, Option<i64>>(6)?.map(Wall),
        site: site(row, 7)?,
        expires_at: row.get::<_, Option<i64>>(8)?.map(Wall),
    })
}

fn site(row: &Row<'_>, column: usize) -> Result<Option<SiteId>, StoreError> {
    wire::id_opt("site", row.get::<_, Option<String>>(column)?.as_deref())
}
