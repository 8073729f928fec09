//! Tables for the alarm book.
