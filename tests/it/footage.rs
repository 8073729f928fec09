//! Small clips, drawn by the tests and encoded by GStreamer (`x264enc` of gstreamer1.0-plugins-ugly, `x265enc` of
//! gstreamer1.0-plugins-bad). No footage comes from outside.

use std::path::Path;

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::AppSrc;

/// A picture to draw on: I420, planes without padding.
pub(crate) struct Canvas {
    pub(crate) width: usize,
    pub(crate) height: usize,
    bytes: Vec<u8>,
}

impl Canvas {
    /// A grey picture; sides must be multiples of 16.
    pub(crate) fn grey(width: usize, height: usize) -> Self {
        assert!(width.is_multiple_of(16) && height.is_multiple_of(16), "sides must be multiples of 16");
        Self { width, height, bytes: [vec![126; width * height], vec![128; width * height / 2]].concat() }
    }

    /// Its planes, one after the other.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Noise over the whole picture, of which encoders make much.
    pub(crate) fn noise(&mut self, seed: usize) {
        let mut state = u32::try_from(seed).expect("small") * 7919 + 1;
        for byte in &mut self.bytes {
            // xorshift32 (Marsaglia, 2003).
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            *byte = state.to_le_bytes()[0];
        }
    }

    /// Fills x0..x1 × y0..y1 (cut at the picture, rounded to even) with a colour in Y, U, V.
    pub(crate) fn fill(&mut self, x0: usize, y0: usize, x1: usize, y1: usize, yuv: [u8; 3]) {
        let (x0, x1) = (x0.min(self.width) & !1, x1.min(self.width) & !1);
        let (y0, y1) = (y0.min(self.height) & !1, y1.min(self.height) & !1);
        for y in y0..y1 {
            self.bytes[y * self.width + x0..y * self.width + x1].fill(yuv[0]);
        }
        let half = self.width / 2;
        for (plane, value) in [(0, yuv[1]), (1, yuv[2])] {
            let base = self.width * self.height + plane * half * self.height / 2;
            for y in y0 / 2..y1 / 2 {
                self.bytes[base + y * half + x0 / 2..base + y * half + x1 / 2].fill(value);
            }
        }
    }
}

/// Magenta in BT.601 Y, U, V: nothing in a grey picture comes near it.
pub(crate) const MAGENTA: [u8; 3] = [106, 202, 222];

/// Encodes `seconds` of what `draw` makes of each grey picture, with a key frame each half second, to `path`. The
/// ending names container and codec: `.mp4`, `.mkv`, `.h264`, or the same before `.h265`, as in `clip.h265.mkv`.
pub(crate) fn clip(
    path: &Path,
    (width, height): (usize, usize),
    fps: u32,
    seconds: f32,
    draw: impl Fn(usize, &mut Canvas),
) {
    let every = (fps / 2).max(1);
    let encoder = if path.to_string_lossy().contains(".h265") {
        format!("x265enc speed-preset=ultrafast tune=zerolatency key-int-max={every} bitrate=300")
    } else {
        format!("x264enc speed-preset=ultrafast tune=zerolatency key-int-max={every} bitrate=300 threads=1")
    };
    encode(path, (width, height), fps, seconds, &encoder, draw);
}

/// As [`clip`], by an encoder of one's own.
pub(crate) fn encode(
    path: &Path,
    (width, height): (usize, usize),
    fps: u32,
    seconds: f32,
    encoder: &str,
    draw: impl Fn(usize, &mut Canvas),
) {
    gst::init().expect("gstreamer starts");
    let name = path.file_name().and_then(|n| n.to_str()).expect("a file name");
    let codec = if name.contains(".h265") { "h265" } else { "h264" };
    let muxer = match name.rsplit('.').next() {
        Some("mp4") => "! mp4mux",
        Some("mkv") => "! matroskamux",
        Some("h265") => "! video/x-h265,stream-format=byte-stream,alignment=au",
        _ => "! video/x-h264,stream-format=byte-stream,alignment=au",
    };
    let pipeline = gst::parse::launch(&format!(
        "appsrc name=in format=time block=true max-bytes=4000000 \
         caps=video/x-raw,format=I420,width={width},height={height},framerate={fps}/1,colorimetry=bt601 \
         ! {encoder} ! {codec}parse {muxer} ! filesink name=out"
    ))
    .expect("the encoder is installed")
    .downcast::<gst::Pipeline>()
    .expect("a pipeline");
    pipeline.by_name("out").expect("the sink").set_property("location", path.to_str().expect("a path in UTF-8"));
    let source = pipeline.by_name("in").and_downcast::<AppSrc>().expect("the source");
    pipeline.set_state(gst::State::Playing).expect("the encoder starts");
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "small")]
    let count = (seconds * fps as f32) as usize;
    let step = gst::ClockTime::SECOND / u64::from(fps);
    for index in 0..count {
        let mut canvas = Canvas::grey(width, height);
        draw(index, &mut canvas);
        let mut buffer = gst::Buffer::from_mut_slice(canvas.bytes);
        let fields = buffer.make_mut();
        fields.set_pts(step * index as u64);
        fields.set_duration(step);
        source.push_buffer(buffer).expect("the encoder takes the picture");
    }
    source.end_of_stream().expect("the encoder takes the end");
    let bus = pipeline.bus().expect("a bus");
    let end =
        bus.timed_pop_filtered(gst::ClockTime::from_seconds(60), &[gst::MessageType::Eos, gst::MessageType::Error]);
    let end = end.expect("the clip is written within a minute");
    pipeline.set_state(gst::State::Null).expect("the encoder stops");
    assert!(matches!(end.view(), gst::MessageView::Eos(_)), "{end:?}");
}

/// A clip of a magenta square that moves over grey: 320 × 240, 15 fps.
pub(crate) fn moving_square(path: &Path, seconds: f32) {
    clip(path, (320, 240), 15, seconds, |index, canvas| {
        let x = index * 8 % 256;
        canvas.fill(x, 96, x + 64, 160, MAGENTA);
    });
}
