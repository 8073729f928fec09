//! Model outputs to detections: decoding and suppression of a 416 × 416 picture's 3549 anchors, for 7 and 80 classes.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use yunti::{
    base::Size,
    detect::{
        Label,
        decode::{Decoder, Family, Output, Thresholds},
        nms::{Candidate, suppress},
    },
    frame::letterbox::{Letterbox, TensorSpec},
};

const ANCHORS: usize = 3549;

/// Quiet output with `busy` anchors above the threshold, in heaps of eight as detectors give them.
fn values(row: usize, busy: usize) -> Vec<f32> {
    let mut data = vec![0.02; ANCHORS * row];
    for (i, better) in (0..busy).zip((0..8_u8).cycle()) {
        let at = ((i / 8) * 8 * (ANCHORS / (busy + 8)) + i % 8) * row;
        data[at..at + 5].copy_from_slice(&[0.5, 0.5, 1.0, 1.2, 0.6 + 0.01 * f32::from(better)]);
        data[at + 5 + i / 8 % (row - 5)] = 0.9;
    }
    data
}

fn decode(c: &mut Criterion) {
    let spec = TensorSpec::yolox(416, 416);
    let letterbox = Letterbox::of(Size { width: 1280, height: 720 }, &spec);
    let mut group = c.benchmark_group("decode 3549 anchors");
    for (family, name, fixed) in [(Family::Yolox, "yolox", 5), (Family::Yolov8, "yolov8", 4)] {
        for classes in [7, 80] {
            let labels = (0..classes).map(|i| Label::new(&format!("class {i}"))).collect();
            let decoder = Decoder::new(family, labels, 416, 416, Thresholds { score: 0.35, nms_iou: 0.5 });
            let data = values(fixed + classes, 80);
            let shape = [1, ANCHORS, fixed + classes];
            let output = Output { name: "output", shape: &shape, data: &data };
            group.bench_function(format!("{name}, {classes} classes, 80 busy anchors"), |b| {
                b.iter(|| decoder.decode(black_box(&[output]), 0, &spec, &letterbox));
            });
        }
    }
    group.finish();
    let heap: Vec<Candidate> = (0..1000u16)
        .filter_map(|i| {
            let (x, y) = (f32::from(i % 40) * 10.0, f32::from(i / 40) * 16.0);
            Candidate::new(usize::from(i % 7), f32::from(i) / 1000.0 + 0.001, [x, y, x + 30.0, y + 40.0], i.into())
        })
        .collect();
    c.bench_function("suppress 1000 candidates", |b| {
        b.iter_batched(|| heap.clone(), |heap| suppress(black_box(heap), 0.5), BatchSize::SmallInput);
    });
}

criterion_group!(benches, decode);
criterion_main!(benches);
