//! The decode pipeline: from packets to pictures in the decoder's own buffers. Not here: which packets, which pictures.

use std::{sync::Arc, time::Duration};

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::{AppSink, AppSinkCallbacks, AppSrc};
use gstreamer_video::{self as video, VideoFrame, VideoFrameExt, VideoInfo};

use super::{clock_time, duration};
use crate::{
    base::Size,
    camera::{Packet, chains::Decoder},
    frame::{Colorimetry, PixelBuffer, PixelFormat, Pixels},
};

/// Packets that may wait for the decoder: over a second of video. A full queue refuses the packet ([`Pushed::Full`]).
const QUEUE: u64 = 32;

/// A running decode pipeline; dropping it stops it and returns only when none of its threads runs any more.
pub(in crate::camera) struct Decode {
    pipeline: gst::Pipeline,
    source: AppSrc,
}

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(in crate::camera) enum Pushed {
    Taken,
    /// The decoder is behind by a whole queue: the packet was dropped.
    Full,
    /// The pipeline has stopped.
    Broken,
}

/// A picture as it comes out of the decoder; its pixels are mapped only when asked for.
pub(in crate::camera) struct Picture {
    sample: gst::Sample,
    /// Presentation time of the packet it was made from.
    pub(in crate::camera) pts: Duration,
    /// The decoder itself says that it is not whole.
    pub(in crate::camera) damaged: bool,
}

impl Decode {
    /// Starts `decoder`. `on_picture` is called on the decoder's thread, `on_error` on any.
    pub(in crate::camera) fn start(
        decoder: &Decoder,
        mut on_picture: impl FnMut(Picture) + Send + 'static,
        on_error: impl Fn(String) + Send + Sync + 'static,
    ) -> Result<Self, String> {
        let caps = gst::Caps::builder(format!("video/x-{}", decoder.codec))
            .field("stream-format", "byte-stream")
            .field("alignment", "au")
            .build();
        let source = AppSrc::builder()
            .caps(&caps)
            .format(gst::Format::Time)
            .is_live(true)
            .block(false)
            .max_bytes(0)
            .max_buffers(QUEUE)
            .build();
        let chain = gst::parse::bin_from_description(&decoder.pipeline, true).map_err(|e| e.message().to_owned())?;
        let raw = gst::Caps::builder("video/x-raw").field("format", gst::List::new(["I420", "NV12"])).build();
        // The callback takes each picture at once. A full queue blocks the decoder's own thread.
        let sink = AppSink::builder().caps(&raw).max_buffers(2).drop(false).sync(false).async_(false).build();
        sink.set_enable_last_sample(false);
        sink.set_qos(false);
        sink.set_callbacks(
            AppSinkCallbacks::builder()
                .new_sample(move |sink| {
                    let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
                    let Some(buffer) = sample.buffer() else { return Ok(gst::FlowSuccess::Ok) };
                    let pts = duration(buffer.pts().unwrap_or_default());
                    let damaged = buffer.flags().contains(gst::BufferFlags::CORRUPTED);
                    on_picture(Picture { sample, pts, damaged });
                    Ok(gst::FlowSuccess::Ok)
                })
                .build(),
        );
        allow_strides(&sink);
        let pipeline = gst::Pipeline::new();
        let elements = [source.upcast_ref::<gst::Element>(), chain.upcast_ref(), sink.upcast_ref()];
        pipeline.add_many(elements).map_err(|e| e.to_string())?;
        gst::Element::link_many(elements).map_err(|e| e.to_string())?;
        let bus = pipeline.bus().ok_or("a pipeline without a bus")?;
        bus.set_sync_handler(move |_, message| {
            if let gst::MessageView::Error(e) = message.view() {
                on_error(e.error().message().to_owned());
            }
            gst::BusSyncReply::Drop
        });
        let decode = Self { pipeline, source };
        decode.pipeline.set_state(gst::State::Playing).map_err(|_| "the decoder does not start".to_owned())?;
        Ok(decode)
    }

    /// Whether every packet was taken by the decoder.
    pub(in crate::camera) fn idle(&self) -> bool {
        self.source.current_level_buffers() == 0
    }

    /// Gives a packet to the decoder; never blocks, never copies.
    pub(in crate::camera) fn push(&self, packet: &Packet) -> Pushed {
        if self.source.current_level_buffers() >= QUEUE {
            return Pushed::Full;
        }
        let mut buffer = gst::Buffer::from_slice(packet.data.clone());
        {
            // Just made, so nobody else holds it.
            let buffer = buffer.make_mut();
            buffer.set_pts(clock_time(packet.pts));
            if !packet.key {
                buffer.set_flags(gst::BufferFlags::DELTA_UNIT);
            }
        }
        match self.source.push_buffer(buffer) {
            Ok(_) => Pushed::Taken,
            Err(_) => Pushed::Broken,
        }
    }
}

impl Drop for Decode {
    fn drop(&mut self) {
        if self.pipeline.set_state(gst::State::Null).is_err() {
            tracing::warn!("a decode pipeline did not stop cleanly");
        }
        if let Some(bus) = self.pipeline.bus() {
            bus.unset_sync_handler();
        }
    }
}

/// Tells the decoder that we read strides and offsets from its buffers: without it, it would copy each picture into
/// a packed one. (appsink's own `propose-allocation` came with GStreamer 1.24; this does the same for 1.22.)
fn allow_strides(sink: &AppSink) {
    let Some(pad) = sink.static_pad("sink") else { return };
    pad.add_probe(gst::PadProbeType::QUERY_DOWNSTREAM, |_, info| {
        if let Some(query) = info.query_mut()
            && let gst::QueryViewMut::Allocation(allocation) = query.view_mut()
        {
            allocation.add_allocation_meta::<video::VideoMeta>(None);
            return gst::PadProbeReturn::Handled;
        }
        gst::PadProbeReturn::Ok
    });
}

/// A decoder's buffer, mapped for as long as anybody holds the picture.
struct Mapped(VideoFrame<video::video_frame::Readable>);

impl PixelBuffer for Mapped {
    fn plane(&self, index: usize) -> (&[u8], usize) {
        let Ok(plane) = u32::try_from(index) else { return (&[], 0) };
        let stride = self.0.plane_stride().get(index).and_then(|s| usize::try_from(*s).ok());
        match (self.0.plane_data(plane), stride) {
            (Ok(bytes), Some(stride)) => (bytes, stride),
            _ => (&[], 0),
        }
    }
}

impl Picture {
    /// Maps the decoder's buffer; nothing is copied.
    pub(in crate::camera) fn pixels(&self) -> Result<Pixels, String> {
        let caps = self.sample.caps().ok_or("a picture without a format")?;
        let info = VideoInfo::from_caps(caps).map_err(|e| e.to_string())?;
        let format = match info.format() {
            video::VideoFormat::I420 => PixelFormat::I420,
            video::VideoFormat::Nv12 => PixelFormat::Nv12,
            other => return Err(format!("pictures in {other:?} instead of I420 or NV12")),
        };
        let buffer = self.sample.buffer_owned().ok_or("a picture without pixels")?;
        let frame = VideoFrame::from_buffer_readable(buffer, &info).map_err(|_| "its buffer cannot be mapped")?;
        let size = Size { width: info.width(), height: info.height() };
        Pixels::new(format, colorimetry(&info), size, Arc::new(Mapped(frame))).map_err(|e| e.to_string())
    }
}

/// The nearest of the four matrix and range pairs we convert; unknown ones as by height, as players do.
fn colorimetry(info: &VideoInfo) -> Colorimetry {
    let given = info.colorimetry();
    let full = given.range() == video::VideoColorRange::Range0_255;
    let bt709 = match given.matrix() {
        video::VideoColorMatrix::Bt601 | video::VideoColorMatrix::Fcc => false,
        video::VideoColorMatrix::Unknown => info.height() >= 720,
        _ => true,
    };
    match (bt709, full) {
        (false, false) => Colorimetry::Bt601Limited,
        (false, true) => Colorimetry::Bt601Full,
        (true, false) => Colorimetry::Bt709Limited,
        (true, true) => Colorimetry::Bt709Full,
    }
}
