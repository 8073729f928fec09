//! Connecting once, to say what a camera sends or why it sends nothing. Not here: staying connected.

use std::{
    sync::{Arc, Mutex, atomic::Ordering::Relaxed},
    time::Duration,
};

use crossbeam::channel;

use super::{
    CameraSpec, CameraUri, Codec, DecodeChains, Failure, Scheme, Transport,
    diagnose::diagnose,
    feed::{Common, Feed, lock},
    gst::{Receive, Signal},
};
use crate::{
    base::{CameraId, Mono, clock},
    frame::Pixels,
};

/// What a camera sends.
#[derive(Debug, Clone)]
pub struct Probe {
    pub codec: Codec,
    /// The first picture, of native size; `media::snapshot` makes a JPEG of it.
    pub picture: Pixels,
    /// Frames per second; 0 when too few came to tell.
    pub fps: f32,
}

/// Pictures after the first that are awaited for the frame rate, and for how long.
const RATE_FRAMES: u64 = 12;
const RATE_WAIT: Duration = Duration::from_millis(800);

/// Connects once, waits for one picture (and a moment for the frame rate), and disconnects. Blocks for up to
/// `timeout`: call it on a thread that may wait.
///
/// # Errors
/// Why no picture came, as [`Failure`] names it: refused, unauthorised, not found, no video, timeout, …
pub fn probe(
    uri: &CameraUri,
    transport: Transport,
    timeout: Duration,
    chains: &Arc<DecodeChains>,
) -> Result<Probe, Failure> {
    let spec = CameraSpec {
        id: CameraId::fresh(),
        uri: uri.clone(),
        transport,
        decode: None,
        idle_fps: 1000.0,
        active_fps: 1000.0,
        enabled: true,
    };
    let common = Arc::new(Common::new(&spec, Duration::from_secs(1), 16 << 20));
    common.begin();
    // One place each: the first picture and the first signal are all that is asked for, later ones are dropped.
    let (show, shown) = channel::bounded(1);
    let (tell, told) = channel::bounded(1);
    let sink = Arc::new(move |frame: crate::frame::Frame| drop(show.try_send(frame.pixels)));
    let feed = Arc::new(Mutex::new(Feed::new(Arc::clone(&common), Arc::clone(chains), None, sink)));
    let (taker, failed) = (Arc::clone(&feed), tell.clone());
    let deadline = clock::mono() + timeout;
    let receive = Receive::start(
        uri,
        transport,
        timeout,
        move |unit| {
            if let Err(failure) = lock(&taker).packet(unit) {
                drop(failed.try_send(Signal::Failed(failure)));
            }
        },
        move |signal| drop(tell.try_send(signal)),
    )?;
    let left = |until: Mono| until.since(clock::mono());
    let picture = crossbeam::select! {
        recv(shown) -> picture => picture.map_err(|_| Failure::NoVideo),
        recv(told) -> signal => match signal {
            Ok(Signal::Failed(failure)) => Err(diagnose(failure, uri)),
            // A clip may be over before its first picture is out of the decoder.
            Ok(Signal::Ended) if uri.scheme() == Scheme::File =>
                shown.recv_timeout(RATE_WAIT).map_err(|_| Failure::NoVideo),
            Ok(Signal::Ended) | Err(_) => Err(Failure::Ended),
        },
        default(left(deadline)) => {
            let packets = common.seen().packet.is_some();
            Err(if packets { Failure::Damaged(timeout) } else { Failure::Timeout(timeout) })
        }
    }?;
    let until = (clock::mono() + RATE_WAIT).min(deadline);
    while common.decoded.load(Relaxed) < RATE_FRAMES && left(until) > Duration::ZERO && told.is_empty() {
        // Not a wait for a state: a bounded time to count frames in, cut short by the end of the stream.
        let _ = told.recv_timeout(left(until).min(Duration::from_millis(20)));
    }
    drop(receive);
    lock(&feed).end_connection();
    let stream = lock(&common.stream).clone();
    Ok(Probe { codec: stream.codec.unwrap_or(Codec::H264), picture, fps: stream.rate.fps() })
}
