//! `yunti backup` and `yunti restore`: a whole copy of a data folder, taken while its server runs.
//!
//! A backup is a folder: the database, the media files, and `manifest.json` with the size and SHA-256 of each. It is
//! written under another name and renamed when it is whole. Not here: how the database is copied (`store`).

use std::{
    fs::{self, File},
    io::{self, Read},
    os::unix::fs::OpenOptionsExt,
    path::{Component, Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{holds_something, private_folder};
use crate::{
    base::{Wall, clock},
    store::{Store, StoreError},
};

const MANIFEST: &str = "manifest.json";
const DATABASE: &str = "yunti.db";
/// The form of a backup folder.
const FORM: u32 = 1;

/// Why there is no backup, or why it was not restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error("{0} exists and is not empty: give a new folder")]
    NotEmpty(PathBuf),
    #[error("{0} holds a database already: give an empty folder, or move the old one away first")]
    HasData(PathBuf),
    #[error("{path} is no backup of Yunti: {cause}")]
    NoBackup { path: PathBuf, cause: String },
    #[error("the backup is damaged: {path} {what}; nothing was restored")]
    Damaged { path: PathBuf, what: String },
    #[error("{path}: {source}")]
    File { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    form: u32,
    /// Milliseconds since the Unix epoch.
    made_at: i64,
    files: Vec<Kept>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    /// Below the backup's folder.
    path: PathBuf,
    bytes: u64,
    sha256: String,
}

impl Manifest {
    /// How many files, and their bytes.
    #[must_use]
    pub fn size(&self) -> (usize, u64) {
        (self.files.len(), self.files.iter().map(|file| file.bytes).sum())
    }

    /// When it was made.
    #[must_use]
    pub fn made_at(&self) -> Wall {
        Wall(self.made_at)
    }
}

/// Copies the data folder `data`, whose server may be running, to the new folder `to`.
///
/// # Errors
/// There is no database in `data`; `to` is not empty; something cannot be read or written. Then `to` is not there.
pub fn backup(data: &Path, to: &Path) -> Result<Manifest, BackupError> {
    if holds_something(to).map_err(at(to))? {
        return Err(BackupError::NotEmpty(to.to_owned()));
    }
    let part = beside(to);
    let made = fill(data, &part).and_then(|manifest| {
        if to.exists() {
            fs::remove_dir(to).map_err(at(to))?;
        }
        fs::rename(&part, to).map_err(at(to))?;
        Ok(manifest)
    });
    if made.is_err() {
        // Half a backup is worse than none; if even this fails, its name says what it is.
        let _ = fs::remove_dir_all(&part);
    }
    made
}

/// Puts the backup in the folder `from` into `data`, which must hold no database; every file is compared with the
/// manifest before anything appears there.
///
/// # Errors
/// `data` holds a database; the backup is damaged or none; something cannot be read or written. Then `data` is as it was.
pub fn restore(from: &Path, data: &Path) -> Result<Manifest, BackupError> {
    if data.join(DATABASE).exists() {
        return Err(BackupError::HasData(data.to_owned()));
    }
    if holds_something(data).map_err(at(data))? {
        return Err(BackupError::NotEmpty(data.to_owned()));
    }
    let manifest = read_manifest(from)?;
    let part = beside(data);
    let done = refill(from, &manifest, &part).and_then(|()| {
        if data.exists() {
            fs::remove_dir(data).map_err(at(data))?;
        }
        fs::rename(&part, data).map_err(at(data))
    });
    if done.is_err() {
        let _ = fs::remove_dir_all(&part);
    }
    done.map(|()| manifest)
}

fn fill(data: &Path, part: &Path) -> Result<Manifest, BackupError> {
    fresh_folder(part)?;
    Store::copy(data, &part.join(DATABASE))?;
    let mut files = vec![kept(part, PathBuf::from(DATABASE))?];
    // After the database: every picture that it names is there, unless it was removed for its age meanwhile.
    let mut below = Vec::new();
    list(&data.join("media"), Path::new("media"), &mut below)?;
    below.sort();
    for path in below {
        match copy(&data.join(&path), &part.join(&path)) {
            Ok(()) => files.push(kept(part, path)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(BackupError::File { path: data.join(path), source }),
        }
    }
    let manifest = Manifest { form: FORM, made_at: clock::wall().0, files };
    let path = part.join(MANIFEST);
    let text = serde_json::to_vec_pretty(&manifest).map_err(io::Error::from).map_err(at(&path))?;
    fs::write(&path, text).map_err(at(&path))?;
    sync(&path)?;
    sync(part)?;
    Ok(manifest)
}

fn refill(from: &Path, manifest: &Manifest, part: &Path) -> Result<(), BackupError> {
    fresh_folder(part)?;
    for file in &manifest.files {
        let (source, target) = (from.join(&file.path), part.join(&file.path));
        copy(&source, &target).map_err(|e| damaged(&source, &e))?;
        let copied = kept(part, file.path.clone())?;
        if copied != *file {
            let what = format!("is not what was backed up ({} bytes, {} expected)", copied.bytes, file.bytes);
            return Err(BackupError::Damaged { path: source, what });
        }
    }
    Store::outrank(part)?;
    sync(part)
}

fn read_manifest(from: &Path) -> Result<Manifest, BackupError> {
    let none = |cause: String| BackupError::NoBackup { path: from.to_owned(), cause };
    let text = fs::read(from.join(MANIFEST)).map_err(|e| none(format!("{MANIFEST}: {e}")))?;
    let manifest: Manifest = serde_json::from_slice(&text).map_err(|e| none(format!("{MANIFEST}: {e}")))?;
    if manifest.form != FORM {
        return Err(none(format!("its form is {}, this version knows {FORM}", manifest.form)));
    }
    let inside = |path: &Path| path.components().all(|part| matches!(part, Component::Normal(_)));
    if let Some(file) = manifest.files.iter().find(|file| !inside(&file.path)) {
        return Err(none(format!("{} lies outside of it", file.path.display())));
    }
    if !manifest.files.iter().any(|file| file.path == Path::new(DATABASE)) {
        return Err(none("it has no database".to_owned()));
    }
    Ok(manifest)
}

/// Paths below `root` of every whole file in `folder` and its folders; files that are still being written are left out.
fn list(folder: &Path, root: &Path, into: &mut Vec<PathBuf>) -> Result<(), BackupError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(BackupError::File { path: folder.to_owned(), source }),
    };
    for entry in entries {
        let entry = entry.map_err(at(folder))?;
        let kind = entry.file_type().map_err(at(&entry.path()))?;
        let below = root.join(entry.file_name());
        if kind.is_dir() {
            list(&entry.path(), &below, into)?;
        } else if kind.is_file() && below.extension().is_none_or(|extension| extension != "part") {
            into.push(below);
        }
    }
    Ok(())
}

fn fresh_folder(path: &Path) -> Result<(), BackupError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(BackupError::File { path: path.to_owned(), source: error });
        }
        _ => {}
    }
    private_folder(path).map_err(at(path))
}

/// Copies a file, durably and open to its owner alone; makes its folder.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let mut source = File::open(from)?;
    if let Some(folder) = to.parent() {
        private_folder(folder)?;
    }
    let mut target = File::options().write(true).create_new(true).mode(0o600).open(to)?;
    io::copy(&mut source, &mut target)?;
    target.sync_all()
}

fn kept(folder: &Path, path: PathBuf) -> Result<Kept, BackupError> {
    let whole = folder.join(&path);
    let mut file = File::open(&whole).map_err(at(&whole))?;
    let (mut hash, mut bytes, mut chunk) = (Sha256::new(), 0, vec![0; 1 << 16]);
    loop {
        let read = file.read(&mut chunk).map_err(at(&whole))?;
        if read == 0 {
            break;
        }
        hash.update(&chunk[..read]);
        bytes += read as u64;
    }
    let sha256 = hash.finalize().iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    Ok(Kept { path, bytes, sha256 })
}

fn sync(path: &Path) -> Result<(), BackupError> {
    File::open(path).and_then(|file| file.sync_all()).map_err(at(path))
}

/// The name under which a folder is filled, on the same file system.
fn beside(folder: &Path) -> PathBuf {
    let mut name = folder.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    folder.with_file_name(name)
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> BackupError + use<> {
    let path = path.to_owned();
    move |source| BackupError::File { path, source }
}

fn damaged(path: &Path, error: &io::Error) -> BackupError {
    BackupError::Damaged { path: path.to_owned(), what: format!("cannot be read: {error}") }
}
