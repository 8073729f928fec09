//! A camera's life: one supervising thread that connects, watches, tears down, waits, and connects again.
//! Not here: what the connection carries.

use std::{
    convert::Infallible,
    io,
    ops::ControlFlow,
    sync::{Arc, Mutex, atomic::Ordering::Relaxed},
    thread,
    time::Duration,
};

use crossbeam::channel::{self, Receiver, Sender};

use super::{
    CameraLimits, CameraSpec, Codec, DecodeChains, Failure, Packet, Phase, PhaseReport, Scheme, SharedSink,
    back_off::BackOff,
    diagnose::diagnose,
    feed::{Common, Feed, lock},
    gst::{Receive, Signal},
    tap::Tap,
    watch::{Verdict, Watch},
};
use crate::base::{Mono, Size, clock};

/// A running camera. Dropping it stops it, promptly also while it connects or waits.
pub struct Camera {
    common: Arc<Common>,
    phase: Arc<Mutex<PhaseReport>>,
    /// Nothing is ever sent: its end is the order to stop.
    stop: Option<Sender<Infallible>>,
    thread: Option<thread::JoinHandle<()>>,
}

/// What a camera has done so far.
#[derive(Debug, Clone, PartialEq)]
pub struct CameraStats {
    /// The decode chain in use, and its pipeline.
    pub chain: Option<String>,
    pub pipeline: Option<String>,
    pub codec: Option<Codec>,
    pub size: Option<Size>,
    /// The stream's own rate; 0 when not known yet.
    pub fps: f32,
    /// Connections after the first.
    pub reconnects: u64,
    /// Good pictures decoded, offered or not.
    pub decoded: u64,
    /// Pictures lost to damage.
    pub corrupt: u64,
    /// When the newest good picture of this connection was decoded.
    pub last_frame: Option<Mono>,
}

impl Camera {
    /// Starts a camera; it comes up whenever it comes up. Frames and phases go to `sink`. A disabled camera only
    /// reports that it is.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(
        spec: CameraSpec,
        limits: CameraLimits,
        chains: Arc<DecodeChains>,
        sink: SharedSink,
    ) -> io::Result<Self> {
        let common = Arc::new(Common::new(&spec, limits.ring_span, limits.ring_bytes));
        let (first, reason) = if spec.enabled {
            (Phase::Connecting, format!("connecting to {}", spec.uri))
        } else {
            (Phase::Disabled, "switched off".to_owned())
        };
        let report = PhaseReport { camera: spec.id, phase: first, reason, since: clock::wall() };
        let phase = Arc::new(Mutex::new(report.clone()));
        sink.phase(report);
        if !spec.enabled {
            return Ok(Self { common, phase, stop: None, thread: None });
        }
        // No capacity: it carries no message.
        let (stop, stopped) = channel::bounded(0);
        let frames = Arc::clone(&sink);
        let feed =
            Feed::new(Arc::clone(&common), chains, spec.decode.clone(), Arc::new(move |frame| frames.frame(frame)));
        let supervisor = Supervisor {
            common: Arc::clone(&common),
            phase: Arc::clone(&phase),
            feed: Arc::new(Mutex::new(feed)),
            spec,
            limits,
            sink,
            stopped,
        };
        // 15 characters are what Linux shows of a name.
        let thread = thread::Builder::new().name("camera".to_owned()).spawn(move || supervisor.run())?;
        Ok(Self { common, phase, stop: Some(stop), thread: Some(thread) })
    }

    /// Frames are offered at the spec's `active_fps` instead of its `idle_fps`, from the next frame on.
    pub fn set_active(&self, active: bool) {
        self.common.active.store(active, Relaxed);
    }

    /// The phase now.
    #[must_use]
    pub fn phase(&self) -> PhaseReport {
        lock(&self.phase).clone()
    }

    /// What it has done so far.
    #[must_use]
    pub fn stats(&self) -> CameraStats {
        let stream = lock(&self.common.stream).clone();
        CameraStats {
            chain: stream.chain,
            pipeline: stream.pipeline,
            codec: stream.codec,
            size: stream.size,
            fps: stream.rate.fps(),
            reconnects: self.common.reconnects.load(Relaxed),
            decoded: self.common.decoded.load(Relaxed),
            corrupt: self.common.corrupt.load(Relaxed),
            last_frame: self.common.seen().frame,
        }
    }

    /// The encoded packets of the last seconds, beginning at a key frame; they share the receiver's buffers.
    #[must_use]
    pub fn recent_packets(&self) -> Vec<Packet> {
        self.common.tap.recent()
    }

    /// The encoded packets as they come, for those who read along.
    #[must_use]
    pub fn tap(&self) -> Tap {
        self.common.tap.clone()
    }
}

impl Drop for Camera {
    fn drop(&mut self) {
        drop(self.stop.take());
        if self.thread.take().is_some_and(|t| t.join().is_err()) {
            tracing::error!(camera = %self.common.id, "the camera's thread panicked");
        }
        self.common.tap.stop();
    }
}

struct Supervisor {
    common: Arc<Common>,
    phase: Arc<Mutex<PhaseReport>>,
    feed: Arc<Mutex<Feed>>,
    spec: CameraSpec,
    limits: CameraLimits,
    sink: SharedSink,
    stopped: Receiver<Infallible>,
}

/// How a connection ended: by order, or by a failure after some time of pictures.
type Ended = ControlFlow<(), (Failure, Duration)>;

impl Supervisor {
    fn run(self) {
        let mut back_off = BackOff::default();
        while let ControlFlow::Continue((failure, live)) = self.run_once() {
            let failure = diagnose(failure, &self.spec.uri);
            let (next, pause) = back_off.failed(live, self.limits.back_off_max, random());
            back_off = next;
            self.report(Phase::BackOff, failure.to_string());
            tracing::info!(camera = %self.spec.id, reason = %failure, pause_ms = pause.as_millis(), "camera lost");
            if self.stopped.recv_timeout(pause) == Err(channel::RecvTimeoutError::Disconnected) {
                break;
            }
            self.common.reconnects.fetch_add(1, Relaxed);
            self.report(Phase::Connecting, format!("connecting to {}", self.spec.uri));
        }
    }

    /// One connection, from its beginning to its end; all it made is gone when this returns.
    fn run_once(&self) -> Ended {
        self.common.begin();
        // The first signal decides; a full channel means that enough were told already.
        let (tell, told) = channel::bounded(8);
        let ended = self.watch(&tell, &told);
        lock(&self.feed).end_connection();
        ended
    }

    fn watch(&self, tell: &Sender<Signal>, told: &Receiver<Signal>) -> Ended {
        let mut watch = Watch::new(self.limits, clock::mono());
        let live = |watch: &Watch| watch.live_since().map_or(Duration::ZERO, |since| clock::mono().since(since));
        let mut receive = match self.receive(tell) {
            Ok(receive) => receive,
            Err(failure) => return Ended::Continue((failure, Duration::ZERO)),
        };
        let tick = (self.limits.watchdog / 20).clamp(Duration::from_millis(10), Duration::from_millis(100));
        let mut pass_began = clock::mono();
        loop {
            crossbeam::select! {
                recv(self.stopped) -> _ => return Ended::Break(()),
                recv(told) -> signal => match signal {
                    // A clip is over: play it again. One without a single packet would spin: that is a failure.
                    Ok(Signal::Ended)
                        if self.spec.uri.scheme() == Scheme::File && self.common.seen().packet > Some(pass_began) =>
                    {
                        drop(receive);
                        lock(&self.feed).next_pass();
                        pass_began = clock::mono();
                        receive = match self.receive(tell) {
                            Ok(receive) => receive,
                            Err(failure) => return Ended::Continue((failure, live(&watch))),
                        };
                    }
                    Ok(Signal::Ended) if self.spec.uri.scheme() == Scheme::File => {
                        return Ended::Continue((Failure::NoVideo, live(&watch)));
                    }
                    Ok(Signal::Ended) | Err(_) => return Ended::Continue((Failure::Ended, live(&watch))),
                    Ok(Signal::Failed(failure)) => return Ended::Continue((failure, live(&watch))),
                },
                default(tick) => {}
            }
            match watch.step(self.common.seen(), clock::mono()) {
                Verdict::Wait => {}
                Verdict::Live => self.report(Phase::Live, "pictures come".to_owned()),
                Verdict::Rebuild(failure) => {
                    self.report(Phase::Stalled, failure.to_string());
                    self.common.broken.store(true, Relaxed);
                }
                Verdict::GiveUp(failure) => {
                    if watch.phase() == Phase::Stalled {
                        self.report(Phase::Stalled, failure.to_string());
                    }
                    return Ended::Continue((failure, live(&watch)));
                }
            }
        }
    }

    fn receive(&self, tell: &Sender<Signal>) -> Result<Receive, Failure> {
        let (feed, failed, tell) = (Arc::clone(&self.feed), tell.clone(), tell.clone());
        Receive::start(
            &self.spec.uri,
            self.spec.transport,
            self.limits.connect,
            move |unit| {
                if let Err(failure) = lock(&feed).packet(unit) {
                    drop(failed.try_send(Signal::Failed(failure)));
                }
            },
            move |signal| drop(tell.try_send(signal)),
        )
    }

    fn report(&self, phase: Phase, reason: String) {
        let report = {
            let mut current = lock(&self.phase);
            if current.phase == phase && current.reason == reason {
                return;
            }
            let since = if current.phase == phase { current.since } else { clock::wall() };
            *current = PhaseReport { camera: self.spec.id, phase, reason, since };
            current.clone()
        };
        self.sink.phase(report);
    }
}

/// A number in 0..=1 for jitter.
fn random() -> f64 {
    getrandom::u32().map_or(0.5, |n| f64::from(n) / f64::from(u32::MAX))
}
