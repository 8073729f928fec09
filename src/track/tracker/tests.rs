//! Tables for the tracker.
