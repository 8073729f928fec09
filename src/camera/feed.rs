//! Between receive and decode: each packet goes into the ring and, through the gate, into the decoder; each
//! picture comes out through the gate and the sampler. Not here: connecting, judging a connection.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use super::{
    AccessUnit, CameraSpec, Codec, DecodeChains, Failure, Packet,
    chains::Decoder,
    gate::Gate,
    gst::{Decode, Picture, Pushed},
    sampling::{Rate, Sampler},
    tap::Tap,
    watch::Seen,
};
use crate::{
    base::{CameraId, FrameSeq, Mono, Size, clock},
    frame::Frame,
    telemetry::{self, FrameFate},
};

/// At most one log line about damage per camera in this time; the counters know all.
const LOG_GAP: Duration = Duration::from_secs(10);

/// Shown for this long when a clip does not say how long its last picture is.
const DEFAULT_DURATION: Duration = Duration::from_millis(40);

/// What a camera's threads and its owner share.
pub(super) struct Common {
    pub(super) id: CameraId,
    pub(super) active: AtomicBool,
    idle_fps: f32,
    active_fps: f32,
    /// The decoder must be replaced before the next packet.
    pub(super) broken: AtomicBool,
    pub(super) decoded: AtomicU64,
    pub(super) corrupt: AtomicU64,
    pub(super) reconnects: AtomicU64,
    last_packet: AtomicU64,
    last_frame: AtomicU64,
    pub(super) stream: Mutex<Stream>,
    /// Grows with each connection.
    connection: AtomicU64,
    pub(super) tap: Tap,
}

/// What is known of the stream.
#[derive(Debug, Clone, Default)]
pub(super) struct Stream {
    pub(super) chain: Option<String>,
    pub(super) pipeline: Option<String>,
    pub(super) codec: Option<Codec>,
    pub(super) size: Option<Size>,
    pub(super) rate: Rate,
}

/// Taken over even when a thread that held it has panicked: what it guards is replaced at the next connection.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn seen(at: &AtomicU64) -> Option<Mono> {
    Some(at.load(Relaxed)).filter(|us| *us > 0).map(Mono)
}

impl Common {
    /// A ring of `ring_span` in at most `ring_bytes`; see [`CameraLimits`](super::CameraLimits).
    pub(super) fn new(spec: &CameraSpec, ring_span: Duration, ring_bytes: usize) -> Self {
        Self {
            id: spec.id,
            active: AtomicBool::new(false),
            idle_fps: spec.idle_fps,
            active_fps: spec.active_fps,
            broken: AtomicBool::new(false),
            decoded: AtomicU64::new(0),
            corrupt: AtomicU64::new(0),
            reconnects: AtomicU64::new(0),
            last_packet: AtomicU64::new(0),
            last_frame: AtomicU64::new(0),
            stream: Mutex::default(),
            connection: AtomicU64::new(0),
            tap: Tap::new(ring_span, ring_bytes),
        }
    }

    /// A new connection begins: what was seen of the last one does not count.
    pub(super) fn begin(&self) {
        self.last_packet.store(0, Relaxed);
        self.last_frame.store(0, Relaxed);
        self.broken.store(false, Relaxed);
        self.connection.fetch_add(1, Relaxed);
        self.tap.clear();
        lock(&self.stream).rate = Rate::default();
    }

    pub(super) fn seen(&self) -> Seen {
        Seen { packet: seen(&self.last_packet), frame: seen(&self.last_frame) }
    }
}

/// What the decoder's side keeps across decoders.
struct Out {
    gate: Gate,
    sampler: Sampler,
    seq: u64,
    /// Pictures of the current decoder.
    produced: u64,
    logged: Option<Mono>,
    unlogged: u64,
}

type FrameSink = Arc<dyn Fn(Frame) + Send + Sync>;

/// Feeds one connection's packets to a decoder, and replaces the decoder when it must.
pub(super) struct Feed {
    common: Arc<Common>,
    chains: Arc<DecodeChains>,
    preferred: Option<String>,
    sink: FrameSink,
    out: Arc<Mutex<Out>>,
    decode: Option<Decode>,
    candidates: Vec<Arc<Decoder>>,
    chosen: usize,
    codec: Option<Codec>,
    /// The decoder fell behind by a whole queue: let it finish before the next key frame.
    draining: bool,
    /// Added to each pts: where this pass of a looped clip begins.
    offset: Duration,
    end: Duration,
}

impl Feed {
    pub(super) fn new(
        common: Arc<Common>,
        chains: Arc<DecodeChains>,
        preferred: Option<String>,
        sink: FrameSink,
    ) -> Self {
        // Numbers go on growing when a camera is stopped and started again: a camera has fewer than 1000 frames a second.
        let seq = clock::mono().0 / 1000;
        let out =
            Out { gate: Gate::default(), sampler: Sampler::default(), seq, produced: 0, logged: None, unlogged: 0 };
        Self {
            common,
            chains,
            preferred,
            sink,
            out: Arc::new(Mutex::new(out)),
            decode: None,
            candidates: Vec::new(),
            chosen: 0,
            codec: None,
            draining: false,
            offset: Duration::ZERO,
            end: Duration::ZERO,
        }
    }

    /// A clip begins anew: its times go on where they ended.
    pub(super) fn next_pass(&mut self) {
        self.offset = self.end;
    }

    /// The connection ended: stop the decoder. What is learnt of decoders stays for the next connection.
    pub(super) fn end_connection(&mut self) {
        self.decode = None;
        self.offset = Duration::ZERO;
        self.end = Duration::ZERO;
        self.draining = false;
        lock(&self.out).gate.shut();
    }

    /// Takes the next packet; never blocks for longer than it takes to replace a decoder.
    ///
    /// # Errors
    /// Nothing on this machine decodes the stream.
    pub(super) fn packet(&mut self, unit: AccessUnit) -> Result<(), Failure> {
        let pts = unit.pts + self.offset;
        self.end = self.end.max(pts + unit.duration.unwrap_or(DEFAULT_DURATION));
        let packet = Packet {
            camera: self.common.id,
            codec: unit.codec,
            connection: self.common.connection.load(Relaxed),
            size: unit.size,
            data: unit.data,
            pts,
            key: unit.key,
            arrived: unit.arrived,
        };
        self.common.last_packet.store(packet.arrived.0, Relaxed);
        lock(&self.common.stream).rate.packet(pts);
        self.common.tap.push(packet.clone());

        if self.common.broken.swap(false, Relaxed) || self.codec != Some(packet.codec) {
            self.discard(packet.codec);
        }
        if self.draining && self.decode.as_ref().is_some_and(|d| !d.idle()) {
            return Ok(());
        }
        self.draining = false;
        if !lock(&self.out).gate.admits(pts, packet.key, packet.arrived) {
            return Ok(());
        }
        if self.decode.is_none() {
            self.decode = Some(self.begin(packet.codec)?);
        }
        match self.decode.as_ref().map(|d| d.push(&packet)) {
            Some(Pushed::Taken) | None => {}
            Some(Pushed::Full) => {
                tracing::warn!(camera = %self.common.id, "the decoder is behind: packets are dropped until the next key frame");
                self.draining = true;
                lock(&self.out).gate.shut();
            }
            Some(Pushed::Broken) => self.common.broken.store(true, Relaxed),
        }
        let lost = lock(&self.out).gate.overdue(packet.arrived);
        count_corrupt(&self.common, &self.out, lost, packet.arrived);
        Ok(())
    }

    /// Drops the decoder; one that never gave a picture makes way for the next candidate.
    fn discard(&mut self, codec: Codec) {
        let had = self.decode.take().is_some();
        let produced = {
            let mut out = lock(&self.out);
            out.gate.shut();
            std::mem::take(&mut out.produced)
        };
        if self.codec != Some(codec) {
            self.codec = Some(codec);
            self.candidates = self.chains.candidates(codec, self.preferred.as_deref());
            self.chosen = 0;
        } else if had && produced == 0 && !self.candidates.is_empty() {
            self.chosen = (self.chosen + 1) % self.candidates.len();
        }
    }

    /// Starts the chosen decoder, or the next one that starts.
    fn begin(&mut self, codec: Codec) -> Result<Decode, Failure> {
        let mut reasons = Vec::new();
        for _ in 0..self.candidates.len() {
            let Some(decoder) = self.candidates.get(self.chosen).cloned() else { break };
            match self.start(&decoder) {
                Ok(decode) => {
                    let mut stream = lock(&self.common.stream);
                    stream.chain = Some(decoder.chain.clone());
                    stream.pipeline = Some(decoder.pipeline.clone());
                    stream.codec = Some(codec);
                    return Ok(decode);
                }
                Err(reason) => {
                    tracing::warn!(camera = %self.common.id, chain = decoder.chain, reason, "a decoder does not start");
                    reasons.push(reason);
                    self.chosen = (self.chosen + 1) % self.candidates.len();
                }
            }
        }
        let reason = if reasons.is_empty() { self.chains.why_not(codec) } else { reasons.join("; ") };
        Err(Failure::NoDecoder { codec: codec.to_string(), reason })
    }

    fn start(&self, decoder: &Decoder) -> Result<Decode, String> {
        let (common, out, sink) = (Arc::clone(&self.common), Arc::clone(&self.out), Arc::clone(&self.sink));
        let (failed, chain) = (Arc::clone(&self.common), decoder.chain.clone());
        Decode::start(
            decoder,
            move |picture| take(&common, &out, &sink, &picture),
            move |reason| {
                tracing::warn!(camera = %failed.id, chain, reason, "the decoder failed and is replaced");
                failed.corrupt.fetch_add(1, Relaxed);
                failed.broken.store(true, Relaxed);
            },
        )
    }
}

/// A picture came out, on the decoder's thread.
fn take(common: &Common, state: &Mutex<Out>, sink: &FrameSink, picture: &Picture) {
    let now = clock::mono();
    let mut out = lock(state);
    let result = out.gate.came_out(picture.pts, picture.damaged, now);
    let Some(captured) = result.arrived.filter(|_| result.good) else {
        drop(out);
        count_corrupt(common, state, result.corrupt, now);
        return;
    };
    out.produced += 1;
    out.seq += 1;
    let seq = FrameSeq(out.seq);
    let fps = if common.active.load(Relaxed) { common.active_fps } else { common.idle_fps };
    let offered = out.sampler.offers(captured, fps);
    drop(out);
    count_corrupt(common, state, result.corrupt, now);
    common.decoded.fetch_add(1, Relaxed);
    let last = common.last_frame.swap(now.0, Relaxed);
    if last > 0 {
        telemetry::frame_gap(common.id, now.since(Mono(last)));
    }
    if !offered {
        return;
    }
    match picture.pixels() {
        Ok(pixels) => {
            lock(&common.stream).size = Some(pixels.size);
            sink(Frame { camera: common.id, seq, captured, decoded: now, pixels });
        }
        Err(reason) => {
            tracing::warn!(camera = %common.id, frame = seq.0, reason, "a decoded picture cannot be used");
            count_corrupt(common, state, 1, now);
        }
    }
}

fn count_corrupt(common: &Common, state: &Mutex<Out>, count: u64, now: Mono) {
    if count == 0 {
        return;
    }
    common.corrupt.fetch_add(count, Relaxed);
    for _ in 0..count {
        telemetry::frame(common.id, FrameFate::Corrupt);
    }
    let mut out = lock(state);
    out.unlogged += count;
    if out.logged.is_none_or(|at| now.since(at) >= LOG_GAP) {
        tracing::warn!(
            camera = %common.id, frame = out.seq, frames = out.unlogged,
            "damaged pictures: nothing is shown until the next key frame"
        );
        out.logged = Some(now);
        out.unlogged = 0;
    }
}
