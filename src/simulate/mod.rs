//! Loopback camera, lift, voice box, light and gate: for the demo, the tests and device vendors.
//!
//! A vendor reads [`machine`] and [`lift`] first: pure step functions that hold every rule of
//! docs/device-protocol.md. `device` puts them on a real connection.

pub mod camera;
pub mod device;
mod dial;
pub mod lift;
pub mod machine;
mod memory;
mod socket;
pub mod timed;

pub use device::{Change, SimulateArgs, SimulateError, SimulatedDevice, run};
pub use lift::LiftSettings;
pub use machine::Control;
pub use memory::MemoryError;
