//! The folder of pictures and clips: where an alarm's lie, and putting them there whole or not at all.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use crate::base::AlarmId;

/// A file that is being written has this after its name.
const PART: &str = "part";

/// The folder of the alarms' pictures and clips below `media`.
#[must_use]
pub fn alarm_media(media: &Path) -> PathBuf {
    media.join("alarms")
}

/// Where the picture of `alarm` lies below `media`.
#[must_use]
pub fn alarm_picture(media: &Path, alarm: AlarmId) -> PathBuf {
    alarm_media(media).join(format!("{alarm}.jpg"))
}

/// Where the clip of `alarm` lies below `media`.
#[must_use]
pub fn alarm_clip(media: &Path, alarm: AlarmId) -> PathBuf {
    alarm_media(media).join(format!("{alarm}.mp4"))
}

/// Writes a file so that a reader sees all of it or nothing, and so that it is still there after the power fails; makes
/// its folder.
///
/// # Errors
/// The folder or the file cannot be written.
pub fn keep(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    // Beside the whole name: the picture and the clip of one alarm are written at the same time.
    let mut part = path.as_os_str().to_owned();
    part.push(".");
    part.push(PART);
    let part = PathBuf::from(part);
    let written = File::create(&part).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    let kept = written.and_then(|()| fs::rename(&part, path)).and_then(|()| File::open(folder)?.sync_all());
    if kept.is_err() {
        // A full disk must not keep what nobody can read.
        drop(fs::remove_file(&part));
    }
    kept
}

/// Removes what a server that was killed had half written; gives how many files. Call it before anything is written.
///
/// # Errors
/// The folder cannot be read, or a file in it not removed.
pub fn sweep(media: &Path) -> io::Result<usize> {
    let entries = match fs::read_dir(alarm_media(media)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    };
    let mut swept = 0;
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == PART) {
            fs::remove_file(path)?;
            swept += 1;
        }
    }
    Ok(swept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_there_whole_and_half_ones_are_swept() {
        let media = tempfile::tempdir().unwrap();
        assert_eq!(sweep(media.path()).unwrap(), 0, "no folder yet");
        let alarm = AlarmId::from_u128(1);
        let (picture, clip) = (alarm_picture(media.path(), alarm), alarm_clip(media.path(), alarm));
        keep(&picture, b"picture").unwrap();
        keep(&clip, b"old").unwrap();
        keep(&clip, b"clip").unwrap();
        fs::write(picture.with_extension("jpg.part"), b"half").unwrap();
        assert_eq!(sweep(media.path()).unwrap(), 1);
        assert_eq!((fs::read(&picture).unwrap(), fs::read(&clip).unwrap()), (b"picture".to_vec(), b"clip".to_vec()));
        assert_eq!(fs::read_dir(picture.parent().unwrap()).unwrap().count(), 2);
    }
}
