//! Integration tests: real RTSP servers, real sockets, real processes, on loopback. One binary, so that it links once.

mod api;
mod camera;
mod command_detect;
mod device;
mod footage;
mod house;
mod infer;
mod safety;
mod server;
mod tiny_onnx;
mod world;
