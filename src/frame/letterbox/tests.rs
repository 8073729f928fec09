//! The fast pass against a slow, plain reference.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::many_single_char_names,
    reason = "numbers in tests are small"
)]

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::frame::OwnedPlanes;

/// A picture whose samples come from `sample(plane, x, y)`, rows `extra` bytes longer than needed and the rest garbage.
fn picture(
    format: PixelFormat,
    colorimetry: Colorimetry,
    (width, height): (u32, u32),
    extra: usize,
    sample: impl Fn(usize, usize, usize) -> u8,
) -> Pixels {
    let (w, h) = (width as usize, height as usize);
    let (cw, ch) = (w.div_ceil(2), h.div_ceil(2));
    let sizes = match format {
        PixelFormat::I420 => vec![(w, h), (cw, ch), (cw, ch)],
        PixelFormat::Nv12 => vec![(w, h), (2 * cw, ch)],
    };
    let planes = sizes
        .into_iter()
        .enumerate()
        .map(|(plane, (row, count))| {
            let stride = row + extra;
            let mut bytes = vec![0xAA; stride * (count - 1) + row];
            for y in 0..count {
                for x in 0..row {
                    let (plane, x_in) =
                        if format == PixelFormat::Nv12 && plane == 1 { (1 + x % 2, x / 2) } else { (plane, x) };
                    bytes[y * stride + x] = sample(plane, x_in, y);
                }
            }
            (bytes, stride)
        })
        .collect();
    Pixels::new(format, colorimetry, Size { width, height }, Arc::new(OwnedPlanes(planes))).unwrap()
}

/// One sample of `plane` at pixel position (x, y) of the picture, by the textbook, in f64.
fn reference_sample(pixels: &Pixels, plane: usize, x: f64, y: f64) -> f64 {
    let (w, h) = (pixels.size.width as usize, pixels.size.height as usize);
    let (step, cols, rows) = if plane == 0 { (1.0, w, h) } else { (2.0, w.div_ceil(2), h.div_ceil(2)) };
    let at = |v: f64, n: usize| ((v / step) - 0.5).clamp(0.0, (n - 1) as f64);
    let (cx, cy) = (at(x, cols), at(y, rows));
    let get = |ix: usize, iy: usize| {
        let (ix, iy) = (ix.min(cols - 1), iy.min(rows - 1));
        f64::from(if pixels.format == PixelFormat::Nv12 && plane > 0 {
            let (bytes, stride) = pixels.plane(1);
            bytes[iy * stride + 2 * ix + plane - 1]
        } else {
            let (bytes, stride) = pixels.plane(plane);
            bytes[iy * stride + ix]
        })
    };
    let (x0, y0) = (cx.floor() as usize, cy.floor() as usize);
    let (fx, fy) = (cx - cx.floor(), cy - cy.floor());
    let top = get(x0, y0) * (1.0 - fx) + get(x0 + 1, y0) * fx;
    let bottom = get(x0, y0 + 1) * (1.0 - fx) + get(x0 + 1, y0 + 1) * fx;
    top * (1.0 - fy) + bottom * fy
}

fn reference(pixels: &Pixels, spec: &TensorSpec) -> Vec<f64> {
    let box_ = Letterbox::of(pixels.size, spec);
    let (kr, kb) = match pixels.colorimetry {
        Colorimetry::Bt601Limited | Colorimetry::Bt601Full => (0.299, 0.114),
        _ => (0.2126, 0.0722),
    };
    let limited = matches!(pixels.colorimetry, Colorimetry::Bt601Limited | Colorimetry::Bt709Limited);
    let mut out = vec![0.0; spec.len()];
    for row in 0..spec.height {
        for col in 0..spec.width {
            let (x, y) = (col as f64 + 0.5 - f64::from(box_.x), row as f64 + 0.5 - f64::from(box_.y));
            let inside = x > 0.0 && y > 0.0 && x < f64::from(box_.width) && y < f64::from(box_.height);
            let rgb = if inside {
                let sx = x * f64::from(pixels.size.width) / f64::from(box_.width);
                let sy = y * f64::from(pixels.size.height) / f64::from(box_.height);
                let mut luma = reference_sample(pixels, 0, sx, sy);
                let mut cb = reference_sample(pixels, 1, sx, sy) - 128.0;
                let mut cr = reference_sample(pixels, 2, sx, sy) - 128.0;
                if limited {
                    luma = (luma - 16.0) * 255.0 / 219.0;
                    cb *= 255.0 / 224.0;
                    cr *= 255.0 / 224.0;
                }
                let r = luma + 2.0 * (1.0 - kr) * cr;
                let b = luma + 2.0 * (1.0 - kb) * cb;
                let g = (luma - kr * r - kb * b) / (1.0 - kr - kb);
                [r, g, b].map(|v| v.clamp(0.0, 255.0))
            } else {
                [f64::from(spec.pad); 3]
            };
            for c in 0..3 {
                let value = if spec.colour == ColourOrder::Rgb { rgb[c] } else { rgb[2 - c] };
                out[c * spec.width * spec.height + row * spec.width + col] =
                    (value * f64::from(spec.scale) - f64::from(spec.mean[c])) / f64::from(spec.std[c]);
            }
        }
    }
    out
}

/// Largest difference in channel values 0..=255.
fn difference(pixels: &Pixels, spec: &TensorSpec) -> f64 {
    let mut fast = vec![f32::NAN; spec.len()];
    letterbox_into(pixels, spec, &mut fast);
    let slow = reference(pixels, spec);
    let area = spec.width * spec.height;
    fast.iter()
        .zip(&slow)
        .enumerate()
        .map(|(i, (f, s))| {
            assert!(f.is_finite(), "value {i} was never written");
            (f64::from(*f) - s).abs() * f64::from(spec.std[i / area]) / f64::from(spec.scale)
        })
        .fold(0.0, f64::max)
}

/// A cheap hash, so that neighbours differ as much as they can.
fn noise(seed: u32) -> impl Fn(usize, usize, usize) -> u8 {
    move |plane, x, y| {
        let mut v = seed
            ^ (plane as u32).wrapping_mul(0x9E37_79B9)
            ^ (x as u32).wrapping_mul(0x85EB_CA6B)
            ^ (y as u32).wrapping_mul(0xC2B2_AE35);
        v ^= v >> 15;
        v = v.wrapping_mul(0x2C1B_3C6D);
        (v >> 12) as u8
    }
}

const ALL: [Colorimetry; 4] =
    [Colorimetry::Bt601Limited, Colorimetry::Bt601Full, Colorimetry::Bt709Limited, Colorimetry::Bt709Full];

proptest! {
    // Row weights in steps of 1/256 are off by at most 1/512 of a difference of at most 255 in Y, U and V alike,
    // which the colour matrix adds up to at most (1.17 + 2.12) × 0.5.
    #[test]
    fn the_fast_pass_equals_the_reference(
        width in 1u32..70, height in 1u32..70, extra in 0usize..9, nv12: bool, colour in 0usize..4,
        out_width in 1usize..50, out_height in 1usize..50, rgb: bool, centre: bool, seed: u32,
    ) {
        let format = if nv12 { PixelFormat::Nv12 } else { PixelFormat::I420 };
        let pixels = picture(format, ALL[colour], (width, height), extra, noise(seed));
        let spec = TensorSpec {
            colour: if rgb { ColourOrder::Rgb } else { ColourOrder::Bgr },
            placement: if centre { Placement::Centre } else { Placement::TopLeft },
            scale: 1.0 / 255.0,
            mean: [0.485, 0.456, 0.406],
            std: [0.229, 0.224, 0.225],
            ..TensorSpec::yolox(out_width, out_height)
        };
        let worst = difference(&pixels, &spec);
        prop_assert!(worst <= 1.65, "off by {worst} levels");
    }

    // Without the fraction between rows the weights are exact, and so is the result.
    #[test]
    fn at_native_size_it_is_exact(width in 1u32..50, height in 1u32..50, nv12: bool, seed: u32) {
        let format = if nv12 { PixelFormat::Nv12 } else { PixelFormat::I420 };
        let pixels = picture(format, Colorimetry::Bt709Limited, (width, height), 3, noise(seed));
        let worst = difference(&pixels, &TensorSpec::yolox(width as usize, height as usize));
        prop_assert!(worst <= 0.01, "off by {worst} levels");
    }

    #[test]
    fn a_fitted_canvas_loses_padding_and_nothing_else(
        width in 1u32..5000, height in 1u32..5000, beside in (1u32..5000, 1u32..5000), whole in (1usize..30, 1usize..30),
    ) {
        let spec = TensorSpec::yolox(whole.0 * CUT, whole.1 * CUT);
        let (size, beside) = (Size { width, height }, Size { width: beside.0, height: beside.1 });
        let (alone, both) = (spec.fitted([size]), spec.fitted([size, beside]));
        let place = Letterbox::of(size, &spec);
        for fitted in [alone, both] {
            prop_assert_eq!(Letterbox::of(size, &fitted), place);
            prop_assert!(fitted.width % CUT == 0 && fitted.height % CUT == 0);
            prop_assert!(fitted.width <= spec.width && fitted.height <= spec.height);
        }
        prop_assert_eq!(Letterbox::of(beside, &both), Letterbox::of(beside, &spec));
        // Less would not do: a picture begun in one more step of pixels needs that step.
        prop_assert!(alone.width as f32 - place.width < CUT as f32 + 1.0 && alone.height as f32 - place.height < CUT as f32 + 1.0);
        let centred = TensorSpec { placement: Placement::Centre, ..spec };
        prop_assert_eq!(centred.fitted([size]), centred);
    }

    #[test]
    fn a_box_comes_back_from_the_model(
        width in 1u32..5000, height in 1u32..5000, centre: bool,
        x0 in 0.0f32..1.0, y0 in 0.0f32..1.0, x1 in 0.0f32..1.0, y1 in 0.0f32..1.0,
    ) {
        let spec = TensorSpec { placement: if centre { Placement::Centre } else { Placement::TopLeft }, ..TensorSpec::yolox(416, 320) };
        let b = Letterbox::of(Size { width, height }, &spec);
        let rect = b.rect([x0 * b.width + b.x, y0 * b.height + b.y, x1 * b.width + b.x, y1 * b.height + b.y]);
        for (got, expected) in [(rect.x0, x0), (rect.y0, y0), (rect.x1, x1), (rect.y1, y1)] {
            prop_assert!((got - expected).abs() < 1e-3 / b.width.min(b.height).min(1.0), "{got} {expected}");
        }
    }
}

#[test]
fn known_colours_arrive_in_every_colorimetry() {
    // Y, U, V of pure red by each standard's own equations.
    for (colorimetry, yuv) in [
        (Colorimetry::Bt601Limited, [81, 90, 240]),
        (Colorimetry::Bt601Full, [76, 85, 255]),
        (Colorimetry::Bt709Limited, [63, 102, 240]),
        (Colorimetry::Bt709Full, [54, 99, 255]),
    ] {
        let pixels = picture(PixelFormat::I420, colorimetry, (16, 16), 0, |plane, _, _| yuv[plane]);
        let mut out = vec![0.0; 3 * 8 * 8];
        letterbox_into(&pixels, &TensorSpec::yolox(8, 8), &mut out);
        for (value, expected) in [(out[0], 0.0), (out[64], 0.0), (out[128], 255.0)] {
            assert!((value - expected).abs() < 2.5, "{colorimetry:?}: {value} instead of {expected}");
        }
    }
}

#[test]
fn a_hd_picture_lies_top_left_above_its_padding() {
    let pixels = picture(PixelFormat::I420, Colorimetry::Bt709Limited, (1280, 720), 0, noise(7));
    let spec = TensorSpec::yolox(416, 416);
    let letterbox = Letterbox::of(pixels.size, &spec);
    assert_eq!(letterbox, Letterbox { x: 0.0, y: 0.0, width: 416.0, height: 234.0 });
    assert!(difference(&pixels, &spec) <= 1.65);
    let mut out = vec![0.0; spec.len()];
    letterbox_into(&pixels, &spec, &mut out);
    assert!(out[234 * 416..416 * 416].iter().all(|v| (v - 114.0).abs() < 1e-3));
    let fitted = spec.fitted([pixels.size]);
    assert_eq!((fitted.width, fitted.height), (416, 256));
    let mut part = vec![0.0; fitted.len()];
    assert_eq!(letterbox_into(&pixels, &fitted, &mut part), letterbox);
    for (plane, whole) in part.chunks_exact(416 * 256).zip(out.chunks_exact(416 * 416)) {
        assert_eq!(plane, &whole[..416 * 256], "what is left is as it was");
    }
}

#[test]
fn an_empty_picture_is_all_padding() {
    let pixels = Pixels::new(
        PixelFormat::I420,
        Colorimetry::Bt601Full,
        Size { width: 0, height: 0 },
        Arc::new(OwnedPlanes(vec![(vec![], 0), (vec![], 0), (vec![], 0)])),
    )
    .unwrap();
    let mut out = vec![0.0; 3 * 4 * 4];
    letterbox_into(&pixels, &TensorSpec::yolox(4, 4), &mut out);
    assert!(out.iter().all(|v| (v - 114.0).abs() < 1e-3));
}
