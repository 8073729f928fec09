//! `GStreamer`: the receive and the decode pipeline. This file and those below it are the only ones of the room
//! that name its crates. Not here: when to connect, what to do with packets and pictures.

mod decode;
mod errors;
mod receive;

use std::{sync::OnceLock, time::Duration};

use bytes::Bytes;
use gstreamer as gst;
use gstreamer::prelude::*;

pub(super) use decode::{Decode, Picture, Pushed};
pub(super) use receive::{Receive, Signal};

use super::{Codec, Failure, chains::Decoder};
use crate::base::{Mono, Size};

/// One encoded picture as it was received.
#[derive(Clone)]
pub struct AccessUnit {
    pub codec: Codec,
    /// The picture's size, if the stream has told it.
    pub size: Option<Size>,
    /// Annex B byte stream with in-band parameter sets before each key frame; the receiver's own buffer.
    pub data: Bytes,
    /// Presentation time since the start of the connection or clip.
    pub pts: Duration,
    /// Decoding time; differs from `pts` where pictures are reordered.
    pub dts: Duration,
    /// How long it is shown, if the source says.
    pub duration: Option<Duration>,
    /// Decoding can begin here.
    pub key: bool,
    /// When its last byte was at hand.
    pub arrived: Mono,
}

/// Starts `GStreamer`, once per process.
pub(super) fn init() -> Result<(), String> {
    static STARTED: OnceLock<Result<(), String>> = OnceLock::new();
    STARTED.get_or_init(|| gst::init().map_err(|e| e.to_string())).clone()
}

/// Whether a decoder can be used on this machine: its elements exist and it opens its hardware.
pub(super) fn try_decoder(decoder: &Decoder) -> Result<(), String> {
    if let Some(missing) = decoder.elements.iter().find(|e| gst::ElementFactory::find(e).is_none()) {
        return Err(format!("element `{missing}` is not installed, or its hardware is not there"));
    }
    let bin = gst::parse::bin_from_description(&decoder.pipeline, true).map_err(|e| e.message().to_owned())?;
    let ready = bin.set_state(gst::State::Ready);
    let closed = bin.set_state(gst::State::Null);
    match ready.and(closed) {
        Ok(_) => Ok(()),
        Err(_) => Err("it does not open: the driver or the device refuses".to_owned()),
    }
}

/// Reads a whole clip (MP4, Matroska, MPEG-TS, raw H.264 or H.265) into memory without decoding it.
///
/// # Errors
/// The file is missing, holds no H.264 or H.265 video, or is not a clip.
pub fn read_clip(path: &std::path::Path) -> Result<Vec<AccessUnit>, Failure> {
    receive::read_clip(path)
}

fn duration(time: gst::ClockTime) -> Duration {
    Duration::from_nanos(time.nseconds())
}

fn clock_time(duration: Duration) -> gst::ClockTime {
    gst::ClockTime::from_nseconds(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX / 2))
}

/// Makes an element, or says which one is missing.
fn make(name: &str) -> Result<gst::Element, Failure> {
    gst::ElementFactory::make(name)
        .build()
        .map_err(|_| Failure::Other(format!("the GStreamer element `{name}` is not installed; run `make setup`")))
}
