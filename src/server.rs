//! Composition root: build, connect, run, shut down.
