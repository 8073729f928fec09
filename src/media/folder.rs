//! The folder of pictures: where an alarm's picture lies, and putting it there whole or not at all.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::base::AlarmId;

/// Where the picture of `alarm` lies below `media`.
#[must_use]
pub fn alarm_picture(media: &Path, alarm: AlarmId) -> PathBuf {
    media.join("alarms").join(format!("{alarm}.jpg"))
}

/// Writes a file so that a reader sees all of it or nothing; makes its folder.
///
/// # Errors
/// The folder or the file cannot be written.
pub fn keep(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let part = path.with_extension("part");
    fs::write(&part, bytes)?;
    fs::rename(&part, path)
}
