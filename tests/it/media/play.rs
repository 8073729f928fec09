//! Plays MP4 as any player would: GStreamer's qtdemux and a decoder.

use std::{path::Path, time::Duration};

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::AppSink;

/// A decoded picture.
#[derive(Debug, Clone)]
pub(super) struct Picture {
    /// When it is shown.
    pub(super) at: Duration,
    pub(super) width: usize,
    pub(super) height: usize,
    /// Packed I420.
    planes: Vec<u8>,
}

impl Picture {
    /// How bright the picture is at a pixel.
    pub(super) fn luma(&self, x: usize, y: usize) -> u8 {
        self.planes[y * self.width + x]
    }

    /// Whether the picture is magenta at a place in fractions of its sides.
    pub(super) fn is_magenta(&self, x: f32, y: f32) -> bool {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "small"
        )]
        let place = |fraction: f32, side: usize| (fraction * side as f32) as usize;
        let (x, y) = (place(x, self.width), place(y, self.height));
        let chroma = self.width * self.height + y / 2 * (self.width / 2) + x / 2;
        let (u, v) = (self.planes[chroma], self.planes[chroma + self.width * self.height / 4]);
        u > 165 && v > 175
    }
}

/// Every picture of an MP4, from the first to the last; fails on what a player would stumble over.
pub(super) fn pictures(bytes: &[u8]) -> Vec<Picture> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("played.mp4");
    std::fs::write(&path, bytes).expect("written");
    play(&path, None, |sample| sample.buffer().and_then(gstreamer::BufferRef::pts))
}

/// Every picture of a file, from a place in it on if one is asked for; their times are those that a player shows.
pub(super) fn pictures_of(path: &Path, seek: Option<Duration>) -> Vec<Picture> {
    play(path, seek, |sample| {
        let segment = sample.segment()?.downcast_ref::<gst::ClockTime>()?;
        segment.to_stream_time(sample.buffer()?.pts()?)
    })
}

fn play(path: &Path, seek: Option<Duration>, time: impl Fn(&gst::Sample) -> Option<gst::ClockTime>) -> Vec<Picture> {
    gst::init().expect("gstreamer starts");
    let pipeline = gst::parse::launch(
        "filesrc name=in ! qtdemux ! decodebin ! videoconvert ! video/x-raw,format=I420 ! appsink name=out sync=false",
    )
    .expect("the elements are installed")
    .downcast::<gst::Pipeline>()
    .expect("a pipeline");
    pipeline.by_name("in").expect("the source").set_property("location", path.to_str().expect("UTF-8"));
    let sink = pipeline.by_name("out").and_downcast::<AppSink>().expect("the sink");
    if let Some(to) = seek {
        pipeline.set_state(gst::State::Paused).expect("it begins");
        pipeline.state(gst::ClockTime::from_seconds(20)).0.expect("a first picture");
        let to = gst::ClockTime::from_nseconds(u64::try_from(to.as_nanos()).expect("small"));
        pipeline.seek_simple(gst::SeekFlags::FLUSH | gst::SeekFlags::ACCURATE, to).expect("it can be sought in");
    }
    pipeline.set_state(gst::State::Playing).expect("it plays");
    let mut pictures = Vec::new();
    while let Some(sample) = sink.try_pull_sample(gst::ClockTime::from_seconds(20)) {
        let caps = sample.caps().and_then(|c| c.structure(0)).expect("a format");
        let side = |name| usize::try_from(caps.get::<i32>(name).expect("a side")).expect("positive");
        let buffer = sample.buffer().expect("pixels");
        let at = Duration::from_nanos(time(&sample).expect("a time").nseconds());
        let planes = buffer.map_readable().expect("readable").to_vec();
        let (width, height) = (side("width"), side("height"));
        // Sides are multiples of 16 here: no padding.
        assert_eq!(planes.len(), width * height * 3 / 2);
        pictures.push(Picture { at, width, height, planes });
    }
    let ended = sink.is_eos();
    let bus = pipeline.bus().expect("a bus");
    let wrong: Vec<String> = bus
        .iter_filtered(&[gst::MessageType::Error, gst::MessageType::Warning])
        .map(|message| format!("{:?}", message.view()))
        .collect();
    pipeline.set_state(gst::State::Null).expect("it stops");
    assert!(ended && wrong.is_empty(), "ended: {ended}, {wrong:#?}");
    pictures
}
