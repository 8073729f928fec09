//! The receive pipeline: from the wire or a clip to whole access units. Not here: decoding, retrying.

use std::{
    fmt::Write as _,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use crossbeam::channel;
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::{AppSink, AppSinkCallbacks};

use super::{AccessUnit, clock_time, duration, errors, init, make};
use crate::{
    base::{Size, clock},
    camera::{CameraUri, Codec, Failure, Scheme, Transport},
};

/// How long the jitter buffer waits for what is missing; what comes in order is not delayed (measured, DESIGN 3).
const LATENCY_MS: u32 = 200;

/// The largest clip read into memory.
const MAX_CLIP_BYTES: usize = 512 << 20;

/// What a receive pipeline says besides access units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::camera) enum Signal {
    Failed(Failure),
    /// End of stream: the camera closed the connection, or the clip is over.
    Ended,
}

type UnitSink = Box<dyn FnMut(AccessUnit) + Send>;
type Slot = Arc<Mutex<Option<UnitSink>>>;

/// A running receive pipeline; dropping it stops it and returns only when none of its threads runs any more.
pub(in crate::camera) struct Receive {
    pipeline: gst::Pipeline,
    slot: Slot,
}

/// The streams that a camera offered, by encoding.
#[derive(Default)]
struct Offer {
    chosen: Option<u32>,
    refused: Vec<String>,
}

impl Receive {
    /// Begins to connect; returns at once. `on_unit` is called on a streaming thread, `on_signal` on any.
    pub(in crate::camera) fn start(
        uri: &CameraUri,
        transport: Transport,
        connect: Duration,
        on_unit: impl FnMut(AccessUnit) + Send + 'static,
        on_signal: impl Fn(Signal) + Send + Sync + 'static,
    ) -> Result<Self, Failure> {
        init().map_err(Failure::Other)?;
        let pipeline = gst::Pipeline::new();
        let slot: Slot = Arc::new(Mutex::new(Some(Box::new(on_unit))));
        let offer = Arc::new(Mutex::new(Offer::default()));
        let on_signal = Arc::new(on_signal);
        let source = match uri.scheme() {
            Scheme::Rtsp | Scheme::Rtsps => rtsp_source(uri, transport, connect, &offer)?,
            Scheme::File => {
                let path = uri.file().filter(|p| p.is_file()).ok_or_else(|| Failure::NoFile(uri.shown()))?;
                clip_source(&pipeline, &path)?
            }
        };
        pipeline.add(&source).map_err(internal)?;
        if let Some(before) = pipeline.by_name("clip") {
            before.link(&source).map_err(internal)?;
        }
        let paced = uri.scheme() == Scheme::File;
        on_new_pad(&source, &pipeline, &slot, &offer, &on_signal, paced);

        let bus = pipeline.bus().ok_or_else(|| Failure::Other("a pipeline without a bus".to_owned()))?;
        let uri = uri.clone();
        // Nothing is ever queued on the bus: each message is judged where it is made.
        bus.set_sync_handler(move |_, message| {
            match message.view() {
                gst::MessageView::Error(e) => {
                    let details = e.debug();
                    let details = details.as_deref().unwrap_or_default();
                    let failure = refused_all(&offer).unwrap_or_else(|| errors::classify(&e.error(), details, &uri));
                    tracing::debug!(
                        uri = %uri, failure = failure.code(),
                        detail = uri.redact(&format!("{}: {details}", e.error())),
                        "receive pipeline failed"
                    );
                    on_signal(Signal::Failed(failure));
                }
                gst::MessageView::Eos(_) => on_signal(Signal::Ended),
                _ => {}
            }
            gst::BusSyncReply::Drop
        });
        let receive = Self { pipeline, slot };
        // An error while starting is also on the bus, with its reason.
        if receive.pipeline.set_state(gst::State::Playing).is_err() {
            tracing::debug!("the receive pipeline did not start");
        }
        Ok(receive)
    }
}

impl Drop for Receive {
    fn drop(&mut self) {
        // To NULL: closes sockets and joins streaming threads; flushing wakes those that wait on the network.
        if self.pipeline.set_state(gst::State::Null).is_err() {
            tracing::warn!("a receive pipeline did not stop cleanly");
        }
        if let Some(bus) = self.pipeline.bus() {
            bus.unset_sync_handler();
        }
        self.slot.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

fn internal(error: impl std::fmt::Display) -> Failure {
    Failure::Other(format!("cannot build the receive pipeline: {error}"))
}

fn rtsp_source(
    uri: &CameraUri,
    transport: Transport,
    connect: Duration,
    offer: &Arc<Mutex<Offer>>,
) -> Result<gst::Element, Failure> {
    let source = make("rtspsrc")?;
    source.set_property("location", uri.location());
    source.set_property("user-id", uri.user());
    source.set_property("user-pw", uri.password().map(crate::base::Secret::expose));
    source.set_property("latency", LATENCY_MS);
    source.set_property("tcp-timeout", u64::try_from(connect.as_micros()).unwrap_or(u64::MAX));
    source.set_property_from_str(
        "protocols",
        match transport {
            Transport::Tcp => "tcp",
            Transport::Udp => "udp+udp-mcast",
        },
    );
    let offer = Arc::clone(offer);
    // Only one stream is set up: the first video in a codec we know.
    source.connect("select-stream", false, move |args| {
        let number = args.get(1).and_then(|v| v.get::<u32>().ok()).unwrap_or(u32::MAX);
        let caps = args.get(2).and_then(|v| v.get::<gst::Caps>().ok());
        let mut offer = offer.lock().unwrap_or_else(PoisonError::into_inner);
        let media = caps.as_ref().and_then(|c| c.structure(0)).and_then(|s| s.get::<&str>("media").ok());
        let take = caps.as_ref().and_then(rtp_codec).is_some() && *offer.chosen.get_or_insert(number) == number;
        if media == Some("video") && caps.as_ref().and_then(rtp_codec).is_none() {
            offer.refused.push(encoding(caps.as_ref()));
        }
        Some(take.to_value())
    });
    Ok(source)
}

fn encoding(caps: Option<&gst::Caps>) -> String {
    caps.and_then(|c| c.structure(0))
        .and_then(|s| s.get::<String>("encoding-name").ok())
        .unwrap_or_else(|| "an unnamed codec".to_owned())
}

fn rtp_codec(caps: &gst::Caps) -> Option<Codec> {
    match caps.structure(0)?.get::<&str>("encoding-name").ok()? {
        "H264" => Some(Codec::H264),
        "H265" => Some(Codec::H265),
        _ => None,
    }
}

/// The failure of a camera that offered only video in other codecs, if that is what happened.
fn refused_all(offer: &Mutex<Offer>) -> Option<Failure> {
    let offer = offer.lock().unwrap_or_else(PoisonError::into_inner);
    if offer.chosen.is_some() || offer.refused.is_empty() {
        return None;
    }
    Some(Failure::UnsupportedCodec(offer.refused.join(", ")))
}

fn clip_source(pipeline: &gst::Pipeline, path: &Path) -> Result<gst::Element, Failure> {
    let file = gst::ElementFactory::make("filesrc")
        .name("clip")
        .property("location", path.to_string_lossy().as_ref())
        .build()
        .map_err(internal)?;
    pipeline.add(&file).map_err(internal)?;
    // A raw stream is no container: parsebin of 1.22 fails on some of them.
    match path.extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase).as_deref() {
        Some("h264" | "264") => make("h264parse"),
        Some("h265" | "265" | "hevc") => make("h265parse"),
        _ => make("parsebin"),
    }
}

/// Links the first video pad to `depay ! parse ! appsink`, when it appears.
fn on_new_pad(
    source: &gst::Element,
    pipeline: &gst::Pipeline,
    slot: &Slot,
    offer: &Arc<Mutex<Offer>>,
    on_signal: &Arc<impl Fn(Signal) + Send + Sync + 'static>,
    paced: bool,
) {
    let linked = Arc::new(Mutex::new(false));
    // Weak: a closure on an element must not keep its own pipeline alive.
    let weak = pipeline.downgrade();
    let (slot, tell, seen, offered) = (Arc::clone(slot), Arc::clone(on_signal), Arc::clone(&linked), Arc::clone(offer));
    let take = move |pad: &gst::Pad| {
        let Some(pipeline) = weak.upgrade() else { return };
        let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
        let name = caps.structure(0).map(|s| s.name().to_string()).unwrap_or_default();
        let (codec, depay) = match (name.as_str(), rtp_codec(&caps)) {
            ("application/x-rtp", Some(Codec::H264)) => (Codec::H264, Some("rtph264depay")),
            ("application/x-rtp", Some(Codec::H265)) => (Codec::H265, Some("rtph265depay")),
            ("video/x-h264", _) => (Codec::H264, None),
            ("video/x-h265", _) => (Codec::H265, None),
            _ => {
                if let Some(other) = name.strip_prefix("video/x-") {
                    offered.lock().unwrap_or_else(PoisonError::into_inner).refused.push(other.to_owned());
                }
                return;
            }
        };
        let Some(sink) = slot.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        if let Err(failure) = link_video(&pipeline, pad, codec, depay, sink, paced) {
            tell(Signal::Failed(failure));
            return;
        }
        *seen.lock().unwrap_or_else(PoisonError::into_inner) = true;
    };
    if let Some(pad) = source.static_pad("src") {
        take(&pad);
        return;
    }
    source.connect_pad_added(move |_, pad| take(pad));
    let (tell, offer) = (Arc::clone(on_signal), Arc::clone(offer));
    source.connect_no_more_pads(move |_| {
        if !*linked.lock().unwrap_or_else(PoisonError::into_inner) {
            tell(Signal::Failed(refused_all(&offer).unwrap_or(Failure::NoVideo)));
        }
    });
}

fn link_video(
    pipeline: &gst::Pipeline,
    pad: &gst::Pad,
    codec: Codec,
    depay: Option<&str>,
    mut sink: UnitSink,
    paced: bool,
) -> Result<(), Failure> {
    // Parameter sets are repeated before each key frame, so that decoding can begin at any of them.
    let parse = make(match codec {
        Codec::H264 => "h264parse",
        Codec::H265 => "h265parse",
    })?;
    parse.set_property("config-interval", -1_i32);
    let caps = gst::Caps::builder(format!("video/x-{codec}"))
        .field("stream-format", "byte-stream")
        .field("alignment", "au")
        .build();
    // The callback takes each unit at once; the queue is there for form only. A full one blocks the streaming thread.
    let appsink = AppSink::builder().caps(&caps).max_buffers(4).drop(false).sync(paced).async_(false).build();
    appsink.set_enable_last_sample(false);
    appsink.set_qos(false);
    appsink.set_callbacks(
        AppSinkCallbacks::builder()
            .new_sample(move |appsink| {
                let sample = appsink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
                if let Some(unit) = unit(&sample, codec) {
                    sink(unit);
                }
                Ok(gst::FlowSuccess::Ok)
            })
            .build(),
    );
    let mut chain = depay.map(make).transpose()?.into_iter().collect::<Vec<_>>();
    chain.extend([parse, appsink.upcast()]);
    pipeline.add_many(&chain).map_err(internal)?;
    gst::Element::link_many(&chain).map_err(internal)?;
    for element in chain.iter().rev() {
        element.sync_state_with_parent().map_err(internal)?;
    }
    let first = chain.first().and_then(|e| e.static_pad("sink")).ok_or_else(|| internal("no sink pad"))?;
    pad.link(&first).map_err(internal)?;
    Ok(())
}

fn unit(sample: &gst::Sample, codec: Codec) -> Option<AccessUnit> {
    let arrived = clock::mono();
    let buffer = sample.buffer_owned()?;
    let time = |t: gst::ClockTime| {
        let segment = sample.segment().and_then(|s| s.downcast_ref::<gst::ClockTime>());
        segment.and_then(|s| s.to_running_time(t)).unwrap_or(t)
    };
    let dts = buffer.dts().map(time);
    // A stream without any time stamps is stamped by its arrival.
    let pts = buffer.pts().map(time).or(dts).unwrap_or_else(|| clock_time(Duration::from_micros(arrived.0)));
    let key = !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT);
    let shown = buffer.duration().map(duration);
    let pixels = |name| sample.caps()?.structure(0)?.get::<i32>(name).ok().and_then(|side| u32::try_from(side).ok());
    let size = pixels("width").zip(pixels("height")).map(|(width, height)| Size { width, height });
    let data = Bytes::from_owner(buffer.into_mapped_buffer_readable().ok()?);
    Some(AccessUnit {
        codec,
        size,
        data,
        pts: duration(pts),
        dts: duration(dts.unwrap_or(pts)),
        duration: shown,
        key,
        arrived,
    })
}

/// See [`super::read_clip`].
pub(super) fn read_clip(path: &Path) -> Result<Vec<AccessUnit>, Failure> {
    init().map_err(Failure::Other)?;
    let shown = path.display().to_string();
    if !path.is_file() {
        return Err(Failure::NoFile(shown));
    }
    let pipeline = gst::Pipeline::new();
    let units = Arc::new(Mutex::new((Vec::new(), 0_usize)));
    // One place: the first failure or the end is all that is asked for; what comes later is dropped.
    let (tell, told) = channel::bounded(1);
    let tell_later = tell.clone();
    let on_signal = Arc::new(move |signal| drop(tell.try_send(signal)));
    let slot: Slot = Arc::new(Mutex::new(Some(Box::new({
        let units = Arc::clone(&units);
        move |unit: AccessUnit| {
            let mut units = units.lock().unwrap_or_else(PoisonError::into_inner);
            units.1 += unit.data.len();
            if units.1 > MAX_CLIP_BYTES {
                let mut text = String::new();
                let _ = write!(text, "the clip is larger than {} MiB", MAX_CLIP_BYTES >> 20);
                drop(tell_later.try_send(Signal::Failed(Failure::Other(text))));
            } else {
                units.0.push(unit);
            }
        }
    }))));
    let source = clip_source(&pipeline, path)?;
    pipeline.add(&source).map_err(internal)?;
    pipeline.by_name("clip").ok_or_else(|| internal("no source"))?.link(&source).map_err(internal)?;
    let offer = Arc::default();
    on_new_pad(&source, &pipeline, &slot, &offer, &on_signal, false);
    let bus = pipeline.bus().ok_or_else(|| internal("no bus"))?;
    bus.set_sync_handler(move |_, message| {
        match message.view() {
            gst::MessageView::Error(e) => {
                let failure = refused_all(&offer).unwrap_or_else(|| Failure::Other(e.error().message().to_owned()));
                on_signal(Signal::Failed(failure));
            }
            gst::MessageView::Eos(_) => on_signal(Signal::Ended),
            _ => {}
        }
        gst::BusSyncReply::Drop
    });
    let receive = Receive { pipeline, slot };
    if receive.pipeline.set_state(gst::State::Playing).is_err() {
        tracing::debug!("the clip's pipeline did not start");
    }
    let end = told.recv_timeout(Duration::from_secs(60));
    drop(receive);
    match end {
        Ok(Signal::Ended) => {}
        Ok(Signal::Failed(failure)) => return Err(failure),
        Err(_) => return Err(Failure::Timeout(Duration::from_secs(60))),
    }
    let units = std::mem::take(&mut units.lock().unwrap_or_else(PoisonError::into_inner).0);
    if units.is_empty() { Err(Failure::NoVideo) } else { Ok(units) }
}
