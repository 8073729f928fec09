//! Where frames wait for an engine: one seat per camera, the newest frame wins. The only place where a frame may be
//! lost, and each loss is counted and returned. Not here: engines, batches' fate.
//!
//! Turn order: the camera whose last turn is longest ago comes first; between equals, the older capture. By the age of
//! the waiting frame alone, a camera whose frames come just before each turn would always have the youngest frame and
//! never a turn (`docs/decisions/0003-turns-by-last-turn.md`).

use std::{
    collections::HashMap,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{
    base::{CameraId, Mono, clock},
    flow::control::FrameCounts,
    frame::Frame,
    infer::Batch,
    telemetry::{self, FrameFate},
};

/// What became of a frame that was put.
#[derive(Debug)]
#[must_use = "a displaced frame is a loss: account for it"]
pub enum Put {
    /// It waits; the seat was free.
    Seated,
    /// It waits; this older one is lost (counted as displaced).
    Displaced(Frame),
    /// The camera has no seat, or the intake is closed: the frame itself comes back.
    Refused(Frame),
}

/// What an engine gets.
#[derive(Debug)]
#[must_use = "expired frames are losses: account for them"]
pub struct Pulled {
    /// `None` when every waiting frame had expired.
    pub batch: Option<Batch>,
    /// Frames older than the deadline when their turn came (counted as expired).
    pub expired: Vec<Frame>,
}

#[derive(Debug, Default)]
struct Seat {
    frame: Option<Frame>,
    /// When a frame of this camera was last taken into a batch.
    last_turn: Option<Mono>,
    /// A frame of this camera is with an engine.
    busy: bool,
    counts: FrameCounts,
}

/// The seats, without threads: a step function of frames and time. At most one frame per camera is with an engine.
#[derive(Debug, Default)]
pub struct Seats {
    seats: HashMap<CameraId, Seat>,
    closed: bool,
}

impl Seats {
    /// Gives `camera` a seat; one that has a seat keeps it.
    pub fn add(&mut self, camera: CameraId) {
        self.seats.entry(camera).or_default();
    }

    /// Takes `camera`'s seat away; the frame that waited in it comes back.
    pub fn remove(&mut self, camera: CameraId) -> Option<Frame> {
        self.seats.remove(&camera)?.frame
    }

    /// Seats a frame; an older one in the seat is displaced.
    pub fn put(&mut self, frame: Frame) -> Put {
        let Some(seat) = self.seats.get_mut(&frame.camera).filter(|_| !self.closed) else {
            return Put::Refused(frame);
        };
        seat.counts.decoded += 1;
        match seat.frame.replace(frame) {
            None => Put::Seated,
            Some(older) => {
                seat.counts.displaced += 1;
                Put::Displaced(older)
            }
        }
    }

    /// Cameras with a frame that may be taken now.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.seats.values().filter(|s| s.frame.is_some() && !s.busy).count()
    }

    /// Cameras that have a frame to take or may get one.
    fn free(&self) -> usize {
        self.seats.values().filter(|s| !s.busy).count()
    }

    /// Takes up to `max` frames, the camera whose last turn is longest ago first; what is older than `deadline` at `now`
    /// expires instead. A camera whose frame is taken has no other turn before [`Seats::finish`].
    pub fn take(&mut self, max: usize, deadline: Duration, now: Mono) -> Pulled {
        let mut expired = Vec::new();
        let mut turns: Vec<(Option<Mono>, Mono, CameraId)> = Vec::new();
        for (camera, seat) in &mut self.seats {
            let Some(frame) = seat.frame.as_ref().filter(|_| !seat.busy) else { continue };
            if now.since(frame.captured) > deadline {
                seat.counts.expired += 1;
                expired.extend(seat.frame.take());
            } else {
                turns.push((seat.last_turn, frame.captured, *camera));
            }
        }
        turns.sort_unstable();
        let frames = turns.iter().take(max.max(1)).filter_map(|(_, _, camera)| {
            let seat = self.seats.get_mut(camera)?;
            seat.last_turn = Some(now);
            seat.busy = true;
            seat.frame.take()
        });
        Pulled { batch: Batch::new(frames.collect()).ok(), expired }
    }

    /// The camera's frame has left its engine, analysed or (counted as expired) not.
    pub fn finish(&mut self, camera: CameraId, analysed: bool) {
        if let Some(seat) = self.seats.get_mut(&camera) {
            seat.busy = false;
            if analysed {
                seat.counts.analysed += 1;
            } else {
                seat.counts.expired += 1;
            }
        }
    }
}

/// [`Seats`] between the decoders' threads and the engines' threads of one model.
///
/// Capacity: one frame per camera. When the seat is taken, [`Intake::put`] does not wait but displaces.
#[derive(Debug, Default)]
pub struct Intake {
    seats: Mutex<Seats>,
    arrived: Condvar,
}

impl Intake {
    /// No seats yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, Seats> {
        // Seats are sound after every statement, also when a thread panicked between two.
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives `camera` a seat.
    pub fn add(&self, camera: CameraId) {
        self.lock().add(camera);
    }

    /// Takes `camera`'s seat away; the frame that waited in it comes back.
    pub fn remove(&self, camera: CameraId) -> Option<Frame> {
        self.lock().remove(camera)
    }

    /// Seats a frame; never waits. Counts the frame and what it displaced, here and in the metrics.
    pub fn put(&self, frame: Frame) -> Put {
        let camera = frame.camera;
        let put = self.lock().put(frame);
        match &put {
            Put::Seated => telemetry::frame(camera, FrameFate::In),
            Put::Displaced(_) => {
                telemetry::frame(camera, FrameFate::In);
                telemetry::frame(camera, FrameFate::Displaced);
            }
            Put::Refused(_) => return put,
        }
        self.arrived.notify_one();
        put
    }

    /// Waits for frames: for the first as long as it takes, for company up to `window`. `None` once it is closed.
    ///
    /// At most `max` frames, one per camera; what is older than `deadline` expires, counted here and in the metrics.
    pub fn next_batch(&self, max: usize, window: Duration, deadline: Duration) -> Option<Pulled> {
        let mut seats = self.lock();
        let mut first = None;
        loop {
            if seats.closed {
                return None;
            }
            let (now, waiting) = (clock::mono(), seats.waiting());
            if waiting > 0 {
                let since = *first.get_or_insert(now);
                let left = window.saturating_sub(now.since(since));
                if waiting >= max.min(seats.free()) || left.is_zero() {
                    let pulled = seats.take(max, deadline, now);
                    let more = seats.waiting() > 0;
                    drop(seats);
                    if more {
                        // The one call that woke this thread may have stood for several frames.
                        self.arrived.notify_one();
                    }
                    for frame in &pulled.expired {
                        telemetry::frame(frame.camera, FrameFate::Expired);
                    }
                    return Some(pulled);
                }
                seats = self.arrived.wait_timeout(seats, left).unwrap_or_else(PoisonError::into_inner).0;
            } else {
                first = None;
                seats = self.arrived.wait(seats).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }

    /// The camera's frame has left its engine and the way is free for its next: analysed, or lost with the engine
    /// (counted as expired), here and in the metrics. Until then no other engine gets a frame of this camera, so that
    /// its frames stay in order.
    pub fn finish(&self, camera: CameraId, analysed: bool) {
        self.lock().finish(camera, analysed);
        telemetry::frame(camera, if analysed { FrameFate::Analysed } else { FrameFate::Expired });
        self.arrived.notify_one();
    }

    /// What became of `camera`'s frames since it got its seat; `None` if it has none.
    #[must_use]
    pub fn counts(&self, camera: CameraId) -> Option<FrameCounts> {
        self.lock().seats.get(&camera).map(|s| s.counts)
    }

    /// Cameras with a seat.
    #[must_use]
    pub fn cameras(&self) -> usize {
        self.lock().seats.len()
    }

    /// Ends every wait; later frames are refused.
    pub fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_all();
    }
}

#[cfg(test)]
mod tests;
