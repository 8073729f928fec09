//! Pools of engines that are told how to behave by the frames they get.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::{
    base::{FrameSeq, Size},
    detect::{Detections, Stamps},
    flow::{control::FrameCounts, intake::Put},
    frame::{Frame, still},
    infer::{Batch, Provider},
};

/// Panics at frame 666, fails at frame 404, else sees nothing.
struct Scripted(EngineReport);

impl Scripted {
    fn new(provider: Provider) -> Self {
        Self(EngineReport {
            model: "scripted".to_owned(),
            provider,
            refused: Vec::new(),
            calibration: Vec::new(),
            best_batch: 4,
        })
    }
}

impl Engine for Scripted {
    fn infer(&mut self, batch: &Batch) -> Result<Vec<Detections>, InferError> {
        let detections = |frame: &Frame| Detections {
            camera: frame.camera,
            seq: frame.seq,
            size: frame.pixels.size,
            stamps: Stamps { captured: frame.captured, decoded: frame.decoded, inferred: clock::mono() },
            items: Vec::new(),
        };
        for frame in batch.frames() {
            assert_ne!(frame.seq, FrameSeq(666), "frame 666");
            if frame.seq == FrameSeq(404) {
                return Err(InferError::Run { model: "scripted".to_owned(), reason: "frame 404".to_owned() });
            }
        }
        Ok(batch.frames().iter().map(detections).collect())
    }

    fn report(&self) -> &EngineReport {
        &self.0
    }
}

const SETTINGS: PoolSettings = PoolSettings { threads: 1, window: Duration::ZERO, deadline: Duration::from_secs(3600) };

fn camera(n: u128) -> CameraId {
    CameraId::from_u128(n)
}

fn frame(n: u128, seq: u64) -> Frame {
    let now = clock::mono();
    let pixels = still::from_rgb(Size { width: 1, height: 1 }, &[0; 3]).unwrap();
    Frame { camera: camera(n), seq: FrameSeq(seq), captured: now, decoded: now, pixels }
}

fn intake(cameras: u128) -> Arc<Intake> {
    let intake = Arc::new(Intake::new());
    (1..=cameras).for_each(|n| intake.add(camera(n)));
    intake
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let begun = clock::mono();
    while !done() {
        assert!(clock::mono().since(begun) < Duration::from_secs(20), "waited too long until {what}");
        thread::yield_now();
    }
}

#[test]
fn frames_come_out_with_what_was_seen_and_a_stop_joins_all_threads() {
    let (out, seen) = bounded(8);
    let pool = EnginePool::start("scripted", |_| Ok(Scripted::new(Provider::Cpu)), &intake(2), &out, SETTINGS).unwrap();
    for (n, seq) in [(1, 1), (2, 2), (1, 3)] {
        assert!(matches!(pool.intake().put(frame(n, seq)), Put::Seated));
        let analysed: Analysed = seen.recv_timeout(Duration::from_secs(20)).unwrap();
        assert_eq!((analysed.frame.camera, analysed.frame.seq), (camera(n), FrameSeq(seq)));
        assert_eq!(analysed.detections.seq, FrameSeq(seq));
        assert!(analysed.detections.stamps.inferred >= analysed.frame.captured);
    }
    until("both are counted", || pool.intake().counts(camera(1)).unwrap().analysed == 2);
    assert!(matches!(pool.status().state, PoolState::Running(_)));
    let (watch, intake) = (pool.watch(), Arc::clone(pool.intake()));
    pool.stop();
    assert_eq!((watch.status().state, watch.status().engines), (PoolState::Stopped, 0));
    assert!(matches!(intake.put(frame(1, 9)), Put::Refused(_)));
}

#[test]
fn a_panic_or_an_error_costs_its_batch_and_the_engine_comes_back() {
    for (poison, word) in [(666, "666"), (404, "404")] {
        let made = Arc::new(AtomicUsize::new(0));
        let (out, seen) = bounded(8);
        let count = Arc::clone(&made);
        let maker = move |_| {
            count.fetch_add(1, Ordering::SeqCst);
            Ok(Scripted::new(Provider::Cpu))
        };
        let pool = EnginePool::start("scripted", maker, &intake(1), &out, SETTINGS).unwrap();
        let _ = pool.intake().put(frame(1, poison));
        until("the failure is known", || pool.status().last_failure.is_some_and(|f| f.contains(word)));
        let _ = pool.intake().put(frame(1, 2));
        assert_eq!(seen.recv_timeout(Duration::from_secs(20)).unwrap().frame.seq, FrameSeq(2));
        until("the frame is counted", || pool.intake().counts(camera(1)).unwrap().analysed == 1);
        let counts = FrameCounts { decoded: 2, analysed: 1, displaced: 0, expired: 1 };
        assert_eq!(pool.intake().counts(camera(1)), Some(counts));
        assert_eq!((made.load(Ordering::SeqCst), pool.status().restarts), (2, 1));
        assert!(matches!(pool.status().state, PoolState::Running(_)));
    }
}

#[test]
fn a_model_that_fails_at_start_keeps_its_reason_is_tried_again_and_stops_at_once() {
    let tries = Arc::new(AtomicUsize::new(0));
    let (out, _seen) = bounded(8);
    let count = Arc::clone(&tries);
    let make = move |_| -> Result<Scripted, InferError> {
        count.fetch_add(1, Ordering::SeqCst);
        Err(InferError::Library { reason: "not here".to_owned() })
    };
    let settings = PoolSettings { threads: 3, ..SETTINGS };
    let pool = EnginePool::start("absent", make, &intake(1), &out, settings).unwrap();
    until("it was tried again", || tries.load(Ordering::SeqCst) >= 2);
    let PoolState::Failed { reason } = pool.status().state else { panic!("{:?}", pool.status()) };
    assert!(reason.contains("not here") && reason.contains("make setup"), "{reason}");
    pool.stop();
}

#[test]
fn missing_files_show_in_the_status() {
    let (out, _seen) = bounded(8);
    let folder = tempfile::tempdir().unwrap();
    let pool =
        EnginePool::start_onnx("nothing", folder.path(), None, EngineOptions::default(), &intake(1), &out, SETTINGS)
            .unwrap();
    until("it has failed", || matches!(pool.status().state, PoolState::Failed { .. }));
    assert!(pool.status().last_failure.unwrap().contains("model.toml"));
}

#[test]
fn an_accelerator_has_one_engine_and_a_cpu_one_per_core_unless_told() {
    let cores = thread::available_parallelism().unwrap().get();
    for (provider, threads, expected) in
        [(Provider::Cuda, 0, 1), (Provider::Cpu, 0, cores), (Provider::Cpu, 3, 3), (Provider::Cuda, 2, 2)]
    {
        let (out, _seen) = bounded(8);
        let settings = PoolSettings { threads, ..SETTINGS };
        let make = move |_| Ok(Scripted::new(provider));
        let pool = EnginePool::start("scripted", make, &intake(1), &out, settings).unwrap();
        until("all engines are there", || pool.status().engines == expected);
    }
}

#[test]
fn many_engines_keep_every_cameras_order() {
    let (out, seen) = bounded(4);
    let settings = PoolSettings { threads: 4, ..SETTINGS };
    let pool = EnginePool::start("scripted", |_| Ok(Scripted::new(Provider::Cpu)), &intake(3), &out, settings).unwrap();
    drop(out);
    let feeder = Arc::clone(pool.intake());
    let feed = thread::Builder::new()
        .spawn(move || {
            for seq in 1..=2000 {
                // Not the two numbers that are told to fail.
                let seq = if [404, 666].contains(&seq) { 1 } else { seq };
                if seq > 1 {
                    (1..=3).for_each(|n| drop(feeder.put(frame(n, seq))));
                }
                thread::yield_now();
            }
            until("the last frame is through", || {
                (1..=3).all(|n| {
                    let c = feeder.counts(camera(n)).unwrap();
                    c.decoded == c.analysed + c.displaced
                })
            });
            pool.stop();
        })
        .unwrap();
    let mut last = [0; 4];
    let mut count = 0;
    for analysed in seen {
        let n = (1..=3).find(|n| camera(*n as u128) == analysed.frame.camera).unwrap();
        assert!(analysed.frame.seq.0 > last[n], "camera {n}: {} after {}", analysed.frame.seq.0, last[n]);
        last[n] = analysed.frame.seq.0;
        count += 1;
    }
    feed.join().unwrap();
    assert_eq!(&last[1..], [2000; 3], "after {count} frames");
}
