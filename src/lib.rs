//! Yunti (云梯): real-time video analytics for residential compounds.
//!
//! Cameras in lift cars and at gates send RTSP; an e-bike pushed into a lift raises an alarm, sounds a
//! voice prompt and has the lift stay at its landing, doors open, until the e-bike is out.
//!
//! One datum runs one way through the rooms below, in reading order; a room may use the rooms before it,
//! never one after it (`tests/it/house.rs` holds this):
//!
//! ```text
//! camera ──Packet──▶ decode ──Frame──▶ infer ──Detections──▶ track ──Scene──▶ rule ──Finding──▶ alarm ──Order──▶ device
//! ```
//!
//! Start with [`base`], [`frame`], [`detect`], [`track`], [`rule`], [`device`] and [`alarm`]: pure step
//! functions without clock, I/O or threads. [`flow`] puts them on threads; [`server`] composes everything.

pub mod base;
pub mod telemetry;
pub mod frame;
pub mod detect;
pub mod infer;
pub mod track;
pub mod rule;
pub mod device;
pub mod alarm;
pub mod access;
pub mod camera;
pub mod media;
pub mod store;
pub mod flow;
pub mod simulate;
pub mod api;
pub mod dashboard;
pub mod command;
pub mod config;
pub mod server;
pub mod demo;
