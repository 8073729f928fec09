//! Seats by tables, the intake with real threads.

use std::{sync::Arc, thread};

use proptest::prelude::*;

use super::*;
use crate::{
    base::{FrameSeq, Size},
    frame::{Pixels, still},
};

fn pixels() -> Pixels {
    still::from_rgb(Size { width: 1, height: 1 }, &[0; 3]).unwrap()
}

fn camera(n: u64) -> CameraId {
    CameraId::from_u128(u128::from(n))
}

/// Camera `n`'s frame captured at `ms`; its number is the time, so that it is known again.
fn frame(n: u64, ms: u64) -> Frame {
    let captured = Mono::from_ms(ms);
    Frame { camera: camera(n), seq: FrameSeq(ms), captured, decoded: captured, pixels: pixels() }
}

fn seats(cameras: u64) -> Seats {
    let mut seats = Seats::default();
    (1..=cameras).for_each(|n| seats.add(camera(n)));
    seats
}

fn numbers(frames: &[Frame]) -> Vec<u64> {
    frames.iter().map(|f| f.seq.0).collect()
}

// The process clock begins at an hour, and these frames were captured at its zero: longer than any run of the tests.
const LONG: Duration = Duration::from_secs(1_000_000);

#[test]
fn the_newest_frame_wins_and_the_loss_comes_back() {
    let mut seats = seats(1);
    assert!(matches!(seats.put(frame(1, 10)), Put::Seated));
    let Put::Displaced(lost) = seats.put(frame(1, 20)) else { panic!("nothing was displaced") };
    assert_eq!(lost.seq, FrameSeq(10));
    let Put::Refused(refused) = seats.put(frame(9, 30)) else { panic!("a camera without a seat was seated") };
    assert_eq!(refused.seq, FrameSeq(30));
    let pulled = seats.take(8, LONG, Mono::from_ms(30));
    assert_eq!(numbers(pulled.batch.unwrap().frames()), [20]);
    seats.finish(camera(1), true);
    let counts = seats.seats[&camera(1)].counts;
    assert_eq!(counts, FrameCounts { decoded: 2, analysed: 1, displaced: 1, expired: 0 });
}

#[test]
fn between_equals_the_oldest_capture_goes_first_and_the_late_expire() {
    let check = |puts: &[(u64, u64)], max, deadline_ms, now_ms, batch: &[u64], expired: &[u64]| {
        let mut seats = seats(4);
        for &(n, ms) in puts {
            let _ = seats.put(frame(n, ms));
        }
        let pulled = seats.take(max, Duration::from_millis(deadline_ms), Mono::from_ms(now_ms));
        assert_eq!(numbers(pulled.batch.as_ref().map_or(&[], |b| b.frames())), batch, "{puts:?}");
        let mut gone = numbers(&pulled.expired);
        gone.sort_unstable();
        assert_eq!(gone, expired, "{puts:?}");
    };
    check(&[], 4, 500, 1000, &[], &[]);
    check(&[(1, 30), (2, 10), (3, 20)], 4, 500, 40, &[10, 20, 30], &[]);
    check(&[(1, 30), (2, 10), (3, 20)], 2, 500, 40, &[10, 20], &[]);
    // Exactly the deadline is still good.
    check(&[(1, 100), (2, 101)], 4, 500, 601, &[101], &[100]);
    check(&[(1, 100), (2, 101)], 4, 10, 601, &[], &[100, 101]);
    // No room for nothing: a maximum of 0 counts as 1.
    check(&[(1, 100)], 0, 500, 101, &[100], &[]);
}

#[test]
fn the_camera_whose_turn_is_longest_ago_goes_first() {
    let mut seats = seats(3);
    let mut take = |puts: &[(u64, u64)], now_ms, expected: u64| {
        for &(n, ms) in puts {
            let _ = seats.put(frame(n, ms));
        }
        let pulled = seats.take(1, LONG, Mono::from_ms(now_ms));
        let frames = pulled.batch.unwrap().into_frames();
        assert_eq!(numbers(&frames), [expected]);
        seats.finish(frames[0].camera, true);
    };
    take(&[(1, 10), (2, 11)], 20, 10);
    // Camera 1's next frame is older than camera 3's first, but camera 1 had its turn.
    take(&[(1, 12), (3, 15)], 21, 11);
    take(&[], 22, 15);
    take(&[(3, 30), (2, 31)], 32, 12);
    take(&[], 33, 31);
}

#[test]
fn a_camera_with_a_frame_at_an_engine_waits_so_that_its_frames_stay_in_order() {
    let mut seats = seats(2);
    let _ = seats.put(frame(1, 10));
    assert!(seats.take(8, LONG, Mono::from_ms(10)).batch.is_some());
    let _ = seats.put(frame(1, 20));
    assert!(seats.take(8, LONG, Mono::from_ms(20)).batch.is_none());
    let _ = seats.put(frame(2, 21));
    assert_eq!(numbers(seats.take(8, LONG, Mono::from_ms(22)).batch.unwrap().frames()), [21]);
    seats.finish(camera(1), false);
    assert_eq!(numbers(seats.take(8, LONG, Mono::from_ms(23)).batch.unwrap().frames()), [20]);
    assert_eq!(seats.seats[&camera(1)].counts, FrameCounts { decoded: 2, analysed: 0, displaced: 0, expired: 1 });
}

#[test]
fn a_removed_camera_leaves_its_frame_and_a_closed_intake_takes_none() {
    let mut seats = seats(2);
    let _ = seats.put(frame(1, 10));
    assert_eq!(seats.remove(camera(1)).unwrap().seq, FrameSeq(10));
    assert!(seats.remove(camera(1)).is_none());
    assert!(matches!(seats.put(frame(1, 20)), Put::Refused(_)));
    let intake = Intake::new();
    intake.add(camera(1));
    intake.close();
    assert!(matches!(intake.put(frame(1, 10)), Put::Refused(_)));
    assert!(intake.next_batch(1, Duration::ZERO, LONG).is_none());
}

/// Cameras of 25 frames a second, one engine that takes one picture in `busy_ms`; turns of each camera in a minute.
fn turns(cameras: u64, busy_ms: u64) -> Vec<u64> {
    let mut seats = seats(cameras);
    let mut turns: Vec<u64> = (0..cameras).map(|_| 0).collect();
    let mut free_at = 0;
    for ms in 0..60_000 {
        for n in 1..=cameras {
            if ms % 40 == n * 3 % 40 {
                let _ = seats.put(frame(n, ms));
            }
        }
        if ms >= free_at {
            let pulled = seats.take(1, Duration::from_millis(500), Mono::from_ms(ms));
            if let Some(batch) = pulled.batch {
                seats.finish(batch.frames()[0].camera, true);
                let taken = batch.frames()[0].camera;
                let at = (1..=cameras).position(|n| camera(n) == taken).unwrap();
                turns[at] += 1;
                free_at = ms + busy_ms;
            }
        }
    }
    turns
}

#[test]
fn under_overload_every_camera_has_its_share_even_when_the_engine_keeps_step_with_a_camera() {
    // 40 ms per picture is exactly a frame's time: by the age of the waiting frame one camera would get every turn.
    for (cameras, busy_ms) in [(4, 40), (8, 40), (8, 80), (3, 13), (8, 7)] {
        let turns = turns(cameras, busy_ms);
        let (least, most) = (turns.iter().min().unwrap(), turns.iter().max().unwrap());
        assert!(most - least <= 2, "{cameras} cameras, {busy_ms} ms: {turns:?}");
        assert!(*least >= 60_000 / busy_ms.max(40) / cameras - 2, "{cameras} cameras, {busy_ms} ms: {turns:?}");
    }
}

proptest! {
    // Whatever happens: every frame put is in a seat, in a batch, displaced, expired or refused, exactly once.
    #[test]
    fn no_frame_is_lost_unseen(steps in prop::collection::vec((0u64..6, 0u64..50, 1usize..4, 0u64..60), 1..200)) {
        let mut seats = seats(4);
        let (mut now, mut put, mut out) = (0, 0usize, 0usize);
        for (n, pass, max, deadline) in steps {
            now += pass;
            if n == 0 {
                let pulled = seats.take(max, Duration::from_millis(deadline), Mono::from_ms(now));
                let batch = pulled.batch.map_or(vec![], Batch::into_frames);
                prop_assert!(batch.len() <= max);
                prop_assert!(batch.iter().all(|f| now - f.captured.0 / 1000 <= deadline));
                out += batch.len() + pulled.expired.len();
                for taken in &batch {
                    seats.finish(taken.camera, max > 1);
                }
            } else {
                put += 1;
                match seats.put(frame(n, now)) {
                    Put::Seated => {}
                    Put::Displaced(old) => { prop_assert!(old.captured <= Mono::from_ms(now)); out += 1; }
                    Put::Refused(_) => { prop_assert!(n > 4); out += 1; }
                }
            }
            prop_assert_eq!(put, out + seats.seats.values().filter(|s| s.frame.is_some()).count());
        }
    }
}

#[test]
fn an_engine_waits_for_the_first_frame_and_takes_it_at_once_without_a_window() {
    let intake = Arc::new(Intake::new());
    for n in 1..=2 {
        intake.add(camera(n));
    }
    let engine = {
        let intake = Arc::clone(&intake);
        thread::Builder::new().spawn(move || {
            let mut seen = Vec::new();
            while let Some(pulled) = intake.next_batch(8, Duration::ZERO, LONG) {
                for frame in pulled.batch.map_or(vec![], Batch::into_frames) {
                    intake.finish(frame.camera, true);
                    seen.push(frame.seq.0);
                }
            }
            seen
        })
    }
    .unwrap();
    for ms in 1..=50 {
        let _ = intake.put(frame(1, ms));
        let _ = intake.put(frame(2, 1000 + ms));
    }
    let last = |n| intake.counts(camera(n)).is_some_and(|c| c.analysed + c.displaced == 50);
    while !(last(1) && last(2)) {
        thread::yield_now();
    }
    intake.close();
    let seen = engine.join().unwrap();
    for newest in [50, 1050] {
        assert!(seen.contains(&newest), "the newest frame {newest} was never analysed: {seen:?}");
    }
}

#[test]
fn a_window_gathers_company_and_ends_early_when_all_are_there() {
    let intake = Intake::new();
    for n in 1..=3 {
        intake.add(camera(n));
    }
    thread::scope(|scope| {
        scope.spawn(|| {
            for n in 1..=3 {
                let _ = intake.put(frame(n, n));
            }
        });
        // All three are there long before the hour is over.
        let pulled = intake.next_batch(8, LONG, LONG).unwrap();
        assert_eq!(pulled.batch.unwrap().frames().len(), 3);
        for n in 1..=3 {
            intake.finish(camera(n), true);
        }
    });
    let _ = intake.put(frame(1, 10));
    let pulled = intake.next_batch(8, Duration::from_millis(5), LONG).unwrap();
    assert_eq!(pulled.batch.unwrap().frames().len(), 1, "the window ends although the others stay away");
}
