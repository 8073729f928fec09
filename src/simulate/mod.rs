//! Loopback camera, lift, voice box, light and gate: for the demo, the tests and device vendors.
