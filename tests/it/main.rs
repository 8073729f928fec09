//! Integration tests: real RTSP servers, real sockets, real processes, on loopback. One binary, so that it links once.

#![expect(
    clippy::disallowed_methods,
    reason = "tests wait and measure in real time, and take their filter from the environment"
)]

mod adapt;
mod api;
mod audit;
mod backup;
mod camera;
mod command_detect;
mod device;
mod escalation;
mod footage;
mod house;
mod infer;
mod media;
mod readme;
mod safety;
mod server;
mod stall;
mod tiny_onnx;
mod tls;
mod watchers;
mod world;
