//! Tracing set-up: where log lines go and how they look.

use std::io;

use tracing_subscriber::{EnvFilter, fmt};

/// Writes log lines to standard error, as JSON objects when `json`. The filter comes from `RUST_LOG`
/// (default `info`). A second call changes nothing.
pub fn to_stderr(json: bool) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = fmt().with_env_filter(filter).with_writer(io::stderr);
    // Fails only when a subscriber is set already, which then stays.
    let _ = if json { builder.json().try_init() } else { builder.try_init() };
}
