//! A simulated device's memory as a small JSON file, replaced whole: after a power cut it is the old one or the new.
//! Not here: what is remembered (`machine`).

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::machine::{KEYS_KEPT, Memory};
use crate::device::{Epoch, OrderSeq};

/// Why a memory file is of no use.
#[derive(Debug, thiserror::Error)]
pub enum MemoryError {
    #[error("{path} cannot be read: {source}")]
    Read { path: PathBuf, source: io::Error },
    #[error("{path} cannot be written: {source}")]
    Write { path: PathBuf, source: io::Error },
    #[error("{path} is not a device's memory ({text}): remove it if the device shall forget")]
    Broken { path: PathBuf, text: String },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MemoryWire {
    epoch: u64,
    seq: u64,
    keys: Vec<String>,
}

/// Reads a memory; a file that is not there yet is an empty one.
pub(super) fn load(path: &Path) -> Result<Memory, MemoryError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Memory::default()),
        Err(source) => return Err(MemoryError::Read { path: path.to_owned(), source }),
    };
    let broken = |text: String| MemoryError::Broken { path: path.to_owned(), text };
    let wire: MemoryWire = serde_json::from_str(&text).map_err(|e| broken(e.to_string()))?;
    let keys: Result<_, _> = wire.keys.iter().rev().take(KEYS_KEPT).rev().map(|key| key.parse()).collect();
    Ok(Memory {
        newest: Some((Epoch(wire.epoch), OrderSeq(wire.seq))),
        keys: keys.map_err(|_| broken("a key is no UUID".to_owned()))?,
    })
}

/// Keeps a memory; it is on the disk when this returns.
pub(super) fn save(path: &Path, memory: &Memory) -> Result<(), MemoryError> {
    let Some((epoch, seq)) = memory.newest else { return Ok(()) };
    let wire = MemoryWire { epoch: epoch.0, seq: seq.0, keys: memory.keys.iter().map(ToString::to_string).collect() };
    let write = || -> io::Result<()> {
        let beside = path.with_extension("new");
        let mut file = File::create(&beside)?;
        serde_json::to_writer(&file, &wire)?;
        file.flush()?;
        file.sync_data()?;
        fs::rename(&beside, path)
    };
    write().map_err(|source| MemoryError::Write { path: path.to_owned(), source })
}
