//! One step of the tracker and of the rule for a crowded lift car: 12 objects at 30 frames a second.

use std::{hint::black_box, time::Duration};

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use yunti::{
    base::{CameraId, FrameSeq, Mono, NormRect, Now, Size, TrackId},
    detect::{Detection, Detections, Label, Stamps},
    rule::{Inside, Rule, RuleSettings, VehicleSettings, Watch},
    track::{Tracker, TrackerSettings},
};

const CAMERA: CameraId = CameraId::from_u128(1);

/// Frame `n` of `count` neighbours who sway, every 17th box missing.
fn crowd(n: u64, count: u16) -> Detections {
    let at = Mono::from_ms(1000 + n * 33);
    let names = ["person", "ebike", "bicycle"].map(Label::new);
    let items = (0..count)
        .filter(|i| !(n + u64::from(*i) * 5).is_multiple_of(17))
        .map(|i| {
            let (x, y) = (f32::from(i % 8) * 0.11, f32::from(i / 8) * 0.2);
            let phase = f32::from(u16::try_from(n % 1000).unwrap_or_default()) * 0.15;
            let sway = (phase + f32::from(i)).sin() * 0.01;
            Detection {
                label: names[usize::from(i % 3)].clone(),
                score: 0.4 + f32::from(i % 5) * 0.1,
                rect: NormRect { x0: x + sway, y0: y, x1: x + sway + 0.15, y1: y + 0.3 },
                rivals: vec![(names[usize::from((i + 1) % 3)].clone(), 0.2)],
                landmarks: None,
            }
        })
        .collect();
    let stamps = Stamps { captured: at, decoded: at, inferred: at };
    Detections { camera: CAMERA, seq: FrameSeq(n), size: Size { width: 1280, height: 720 }, stamps, items }
}

fn track(c: &mut Criterion) {
    for count in [1_u16, 12, 48] {
        let mut tracker = Tracker::new(CAMERA, TrackerSettings::default(), TrackId(1));
        let mut n = 0;
        c.bench_function(&format!("track step, {count} objects"), |b| {
            b.iter_batched(
                || {
                    n += 1;
                    crowd(n, count)
                },
                |detections| black_box(tracker.step(detections)),
                BatchSize::PerIteration,
            );
        });
    }
}

fn rule(c: &mut Criterion) {
    let settings = RuleSettings {
        name: Label::new("ebike_in_lift"),
        zone: None,
        inside: Inside::Foot,
        schedule: None,
        watch: Watch::Vehicle(VehicleSettings {
            targets: vec![Label::new("ebike")],
            rivals: vec![Label::new("bicycle")],
            suspect_score: 0.25,
            min_score: 0.5,
            hold_score: 0.5,
            keep_score: 0.35,
            margin: 0.15,
            need: 3,
            of: 5,
            clear_after: Duration::from_secs(3),
        }),
    };
    let mut tracker = Tracker::new(CAMERA, TrackerSettings::default(), TrackId(1));
    let mut rule = Rule::new(CAMERA, settings);
    let mut n = 0;
    c.bench_function("rule step, 12 objects", |b| {
        b.iter_batched(
            || {
                n += 1;
                tracker.step(crowd(n, 12))
            },
            |scene| black_box(rule.step(&scene, Now::from_ms(scene.stamps.captured.0 / 1000))),
            BatchSize::PerIteration,
        );
    });
}

criterion_group!(benches, track, rule);
criterion_main!(benches);
