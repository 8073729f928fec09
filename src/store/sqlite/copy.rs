//! Copies of the database, for backups, and what a copy needs before a server runs on it. Not here: media files.

use std::{fs::File, path::Path};

use rusqlite::{OpenFlags, params};

use super::{BUSY, Connection, Store, StoreError, connect, migrate, stored_epoch};
use crate::{
    base::{Wall, clock},
    device::Epoch,
};

impl Store {
    /// Writes a consistent copy of the database in the folder `data` to the new file `to`, durably, while a server may
    /// be running on it and writing. Blocks.
    ///
    /// # Errors
    /// There is no database; `to` exists or cannot be written.
    pub fn copy(data: &Path, to: &Path) -> Result<(), StoreError> {
        let path = data.join("yunti.db");
        let error = |cause: String| StoreError::Open { path: path.clone(), cause };
        let db = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)
            .map_err(|e| error(format!("{e}: is this the data folder of a server?")))?;
        db.busy_timeout(BUSY)?;
        let name = to.to_str().ok_or_else(|| error(format!("{} is not a text: give another folder", to.display())))?;
        // One reading transaction: the server goes on writing to its log meanwhile.
        db.execute("VACUUM INTO ?1", params![name])?;
        File::open(to).and_then(|file| file.sync_all()).map_err(|e| error(e.to_string()))
    }

    /// Makes a restored database newer than every server that devices may have seen: its epoch becomes at least the
    /// Unix time in seconds, from which new databases begin too. Otherwise devices would refuse its orders as late ones.
    /// Blocks.
    ///
    /// # Errors
    /// The file is no database of Yunti, or one of a newer version.
    pub fn outrank(data: &Path) -> Result<Epoch, StoreError> {
        let path = data.join("yunti.db");
        let mut db = connect(&path).map_err(|e| StoreError::Open { path: path.clone(), cause: e.to_string() })?;
        migrate(&mut db, &path)?;
        let Wall(now_ms) = clock::wall();
        let Epoch(stored) = stored_epoch(&db)?;
        let epoch = stored.max((now_ms / 1000).max(1).cast_unsigned());
        db.execute(
            "INSERT INTO meta (name, value) VALUES ('epoch', ?1)
             ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            params![epoch.cast_signed()],
        )?;
        db.close().map_err(|(_, e)| e)?;
        Ok(Epoch(epoch))
    }
}
