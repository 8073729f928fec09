//! Tables for pipeline files.
