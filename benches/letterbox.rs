//! Pixels to tensor: a 720p or 1080p picture to 416 × 416 in one pass. Budget: 720p I420 in at most 0.6 ms on one core.

use std::{hint::black_box, sync::Arc};

use criterion::{Criterion, criterion_group, criterion_main};
use yunti::{
    base::Size,
    frame::{
        Colorimetry, OwnedPlanes, PixelFormat, Pixels,
        letterbox::{TensorSpec, letterbox_into},
    },
};

fn picture(format: PixelFormat, width: u32, height: u32) -> Pixels {
    let (w, h) = (width as usize, height as usize);
    let plane = |row: usize, rows: usize| {
        ((0..row * rows).map(|i| u8::try_from((i * 7 + i / row * 3) % 256).unwrap_or(0)).collect(), row)
    };
    let planes = match format {
        PixelFormat::I420 => vec![plane(w, h), plane(w / 2, h / 2), plane(w / 2, h / 2)],
        PixelFormat::Nv12 => vec![plane(w, h), plane(w, h / 2)],
    };
    Pixels::new(format, Colorimetry::Bt709Limited, Size { width, height }, Arc::new(OwnedPlanes(planes)))
        .expect("planes are as large as they need to be")
}

fn letterbox(c: &mut Criterion) {
    let spec = TensorSpec::yolox(416, 416);
    let mut out = vec![0.0; spec.len()];
    let mut group = c.benchmark_group("letterbox to 416×416");
    for (name, format, width, height) in [
        ("720p I420", PixelFormat::I420, 1280, 720),
        ("720p NV12", PixelFormat::Nv12, 1280, 720),
        ("1080p I420", PixelFormat::I420, 1920, 1080),
    ] {
        let pixels = picture(format, width, height);
        group.bench_function(name, |b| b.iter(|| letterbox_into(black_box(&pixels), &spec, black_box(&mut out))));
    }
    group.finish();
}

criterion_group!(benches, letterbox);
criterion_main!(benches);
