//! Pictures and video over the whole system: real RTSP cameras, the real server, real sockets; what comes out is read
//! back by GStreamer's own demuxer and decoder.

mod clip;
mod cost;
mod live;
mod play;
