//! The command line's subcommands other than `serve` and `demo`, free of argument parsing. Not here: `clap` (main.rs).

pub mod adapt;
pub mod audit;
pub mod backup;
pub mod detect;
pub mod model;
pub mod person;
pub mod token;

use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::fs::DirBuilderExt,
    path::Path,
};

/// Whether a folder is there and holds something already.
fn holds_something(folder: &Path) -> io::Result<bool> {
    Ok(folder.exists() && fs::read_dir(folder)?.next().is_some())
}

/// Makes a folder and those above it, open to their owner alone: what commands write shows residents.
fn private_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}
