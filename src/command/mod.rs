//! The command line's subcommands other than `serve` and `demo`, free of argument parsing. Not here: `clap` (main.rs).

pub mod adapt;
pub mod audit;
pub mod backup;
pub mod detect;
pub mod model;
pub mod person;
pub mod token;
