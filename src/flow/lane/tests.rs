//! The lane, run on its own thread.
