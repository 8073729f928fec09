//! Pixels to tensor in one pass.
