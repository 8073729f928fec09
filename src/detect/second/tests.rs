//! Crops against values computed by hand; scores at their limits.

#![expect(clippy::float_cmp, reason = "whole numbers and copies come out exactly")]

use super::*;
use crate::base::Size;

const SPEC: TensorSpec = TensorSpec::yolox(64, 32);

fn look(size: usize, margin: f32) -> SecondLook {
    SecondLook { candidate: Label::new("ebike"), floor: 0.3, weight: 0.25, most: 2, size, margin }
}

/// Value of channel c at (x, y): 1000·c + 100·y + x, so that a sum tells where it came from.
#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn tensor(spec: &TensorSpec) -> Vec<f32> {
    let at = |i: usize| {
        let (c, rest) = (i / (spec.width * spec.height), i % (spec.width * spec.height));
        1000.0 * c as f32 + 100.0 * (rest / spec.width) as f32 + (rest % spec.width) as f32
    };
    (0..spec.len()).map(at).collect()
}

fn crop(look: &SecondLook, corners: [f32; 4]) -> Vec<f32> {
    let letterbox = Letterbox::of(Size { width: 64, height: 32 }, &SPEC);
    let rect = NormRect { x0: corners[0] / 64.0, y0: corners[1] / 32.0, x1: corners[2] / 64.0, y1: corners[3] / 32.0 };
    let mut out = vec![0.0; look.crop_len()];
    look.crop_into(&tensor(&SPEC), &SPEC, &letterbox, rect, &mut out);
    out
}

#[test]
fn a_crop_of_its_own_size_is_a_copy() {
    let out = crop(&look(16, 1.0), [8.0, 4.0, 24.0, 20.0]);
    assert_eq!(out[0], 408.0);
    assert_eq!(out[15], 423.0);
    assert_eq!(out[16 * 15], 1908.0);
    assert_eq!(out[16 * 16], 1408.0, "the second channel follows");
}

#[test]
fn a_crop_is_square_about_the_boxs_centre_and_padded_beyond_the_tensor() {
    // 16 × 8 about (8, 4): the square reaches from (0, -4) to (16, 12).
    let out = crop(&look(16, 1.0), [0.0, 0.0, 16.0, 8.0]);
    assert!(out[..4 * 16].iter().all(|v| *v == 114.0));
    assert_eq!(out[4 * 16], 0.0);
    assert_eq!(out[5 * 16 + 3], 103.0);
}

#[test]
fn scaling_interpolates_between_pixel_centres() {
    let half = crop(&look(8, 1.0), [8.0, 4.0, 24.0, 20.0]);
    // The first output pixel lies between source pixels 0 and 1 of both axes: 408.5 + 50.
    assert!((half[0] - 458.5).abs() < 1e-3, "{}", half[0]);
    let double = crop(&look(32, 1.0), [8.0, 4.0, 24.0, 20.0]);
    assert_eq!(double[0], 408.0, "nothing before the first centre");
    assert!((double[1] - 408.25).abs() < 1e-3, "{}", double[1]);
}

#[test]
fn the_margin_widens_and_a_speck_is_no_smaller_than_eight_pixels() {
    assert_eq!(Square::around([10.0, 10.0, 20.0, 14.0], 1.2), Square { left: 9, top: 6, side: 12 });
    assert_eq!(Square::around([10.0, 10.0, 11.0, 11.0], 1.0), Square { left: 6, top: 6, side: 8 });
}

#[test]
fn both_opinions_make_the_score_and_reorder_the_rivals() {
    let classes = ["ebike", "bicycle", "wheelchair"].map(Label::new);
    let mut detection = Detection {
        label: Label::new("ebike"),
        score: 0.5,
        rect: NormRect { x0: 0.0, y0: 0.0, x1: 1.0, y1: 1.0 },
        rivals: vec![(Label::new("bicycle"), 0.3), (Label::new("wheelchair"), 0.2)],
        landmarks: None,
    };
    look(16, 1.0).combine(&mut detection, &classes, &[0.1, 0.01, 0.8, 0.09]);
    assert!((detection.score - 0.5_f32.powf(0.75) * 0.1_f32.powf(0.25)).abs() < 1e-6);
    assert_eq!(detection.rivals[0].0.as_str(), "wheelchair", "{:?}", detection.rivals);
}

#[test]
fn an_opinion_that_is_no_number_changes_nothing_and_certainty_is_kept() {
    let look = look(16, 1.0);
    for (first, second, expected) in
        [(0.6, f32::NAN, 0.6), (0.6, f32::INFINITY, 0.6), (1.0, 1.0, 1.0), (0.6, 0.0, 0.0), (0.0, 1.0, 0.0)]
    {
        assert!((look.combined(first, second) - expected).abs() < 1e-6, "{first} and {second}");
    }
    assert!(look.combined(0.6, 7.0) <= 1.0);
}
