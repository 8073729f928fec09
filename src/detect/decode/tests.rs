//! Outputs made by hand, and floods of arbitrary numbers.

use proptest::prelude::*;

use super::*;
use crate::{base::Size, frame::letterbox::TensorSpec};

const THRESHOLDS: Thresholds = Thresholds { score: 0.3, nms_iou: 0.5 };

const SPEC: TensorSpec = TensorSpec::yolox(64, 64);

/// A 128 × 64 picture in a 64 × 64 model: half size, top left.
fn half() -> Letterbox {
    Letterbox::of(Size { width: 128, height: 64 }, &SPEC)
}

fn decoder(family: Family, classes: &[&str]) -> Decoder {
    Decoder::new(family, classes.iter().map(|c| Label::new(c)).collect(), 64, 64, THRESHOLDS)
}

/// 64 + 16 + 4 anchors.
const ANCHORS: usize = 84;

fn one(detections: Vec<Detection>) -> Detection {
    assert_eq!(detections.len(), 1, "{detections:?}");
    detections.into_iter().next().unwrap()
}

fn near(a: f32, b: f32) -> bool {
    (a - b).abs() < 1e-4
}

#[test]
fn yolox_offsets_and_logarithms_become_a_box() {
    let mut data = vec![0.0; 2 * ANCHORS * 8];
    // Second picture, stride 16, row 1, column 2: anchor 64 + 1 · 4 + 2; a box two strides wide, one high.
    let anchor = ANCHORS + 64 + 6;
    data[anchor * 8..][..8].copy_from_slice(&[0.5, 0.5, 2f32.ln(), 0.0, 0.9, 0.2, 1.0, 0.5]);
    let output = Output { name: "output", shape: &[2, ANCHORS, 8], data: &data };
    let decoder = decoder(Family::Yolox, &["a", "b", "c"]);
    assert!(decoder.decode(&[output], 0, &SPEC, &half()).unwrap().is_empty());
    let d = one(decoder.decode(&[output], 1, &SPEC, &half()).unwrap());
    assert_eq!(d.label, Label::new("b"));
    assert!(near(d.score, 0.9));
    assert_eq!(d.rivals.iter().map(|(l, _)| l.as_str()).collect::<Vec<_>>(), ["c", "a"]);
    assert!(near(d.rivals[0].1, 0.45) && near(d.rivals[1].1, 0.18));
    // Centre (40, 24), size 32 × 16 in a picture that is 64 × 32 in the model.
    let r = d.rect;
    assert!(near(r.x0, 24.0 / 64.0) && near(r.x1, 56.0 / 64.0) && near(r.y0, 0.5) && near(r.y1, 1.0), "{r:?}");
}

#[test]
fn yolox_rows_of_a_part_of_the_canvas_are_those_of_its_own_cells() {
    // 64 × 32 of 64 × 64: 32 + 8 + 2 anchors. Stride 16, row 1, column 2, and stride 32, column 1.
    let canvas = SPEC.fitted([Size { width: 128, height: 64 }]);
    let mut data = vec![0.0; 42 * 6];
    data[(32 + 6) * 6..][..6].copy_from_slice(&[0.5, 0.5, 0.0, 0.0, 1.0, 0.9]);
    data[(32 + 8 + 1) * 6..][..6].copy_from_slice(&[0.5, 0.5, -1.0, -1.0, 1.0, 0.8]);
    let output = Output { name: "output", shape: &[1, 42, 6], data: &data };
    let decoder = decoder(Family::Yolox, &["a"]);
    let seen = decoder.decode(&[output], 0, &canvas, &half()).unwrap();
    let centres: Vec<(f32, f32)> =
        seen.iter().map(|d| ((d.rect.x0 + d.rect.x1) * 32.0, (d.rect.y0 + d.rect.y1) * 16.0)).collect();
    assert_eq!(centres, [(40.0, 24.0), (48.0, 16.0)]);
    let message = decoder.decode(&[output], 0, &SPEC, &half()).unwrap_err().to_string();
    assert!(message.contains("[N,84,6]") && message.contains("64×64"), "{message}");
}

#[test]
fn yolov8_reads_both_ways_round() {
    let values = [32.0, 16.0, 8.0, 8.0, 0.1, 0.8];
    for columns in [true, false] {
        let mut data = vec![0.0; 6 * ANCHORS];
        for (i, v) in values.iter().enumerate() {
            data[if columns { i * ANCHORS + 70 } else { 70 * 6 + i }] = *v;
        }
        let shape = if columns { [1, 6, ANCHORS] } else { [1, ANCHORS, 6] };
        let output = Output { name: "output0", shape: &shape, data: &data };
        let d = one(decoder(Family::Yolov8, &["a", "b"]).decode(&[output], 0, &SPEC, &half()).unwrap());
        assert_eq!(d.label, Label::new("b"));
        assert_eq!(d.rivals, [(Label::new("a"), 0.1)]);
        assert!(near(d.rect.x0, 28.0 / 64.0) && near(d.rect.y1, 20.0 / 32.0), "{:?}", d.rect);
    }
}

fn yunet_buffers() -> Vec<(String, Vec<usize>, Vec<f32>)> {
    let mut all = Vec::new();
    for stride in STRIDES {
        let cells = (64 / stride) * (64 / stride);
        for (kind, n) in [("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10)] {
            all.push((format!("{kind}_{stride}"), vec![1, cells, n], vec![0.0; cells * n]));
        }
    }
    all
}

fn outputs(buffers: &[(String, Vec<usize>, Vec<f32>)]) -> Vec<Output<'_>> {
    buffers.iter().map(|(name, shape, data)| Output { name, shape, data }).collect()
}

#[test]
fn yunet_finds_a_face_with_its_landmarks() {
    let mut buffers = yunet_buffers();
    // Stride 32, row 0, column 1.
    for (name, _, data) in &mut buffers {
        match name.as_str() {
            "cls_32" => data[1] = 0.64,
            "obj_32" => data[1] = 1.0,
            "kps_32" => data[10..20].copy_from_slice(&[0.25; 10]),
            _ => {}
        }
    }
    let d = one(decoder(Family::Yunet, &["face"]).decode(&outputs(&buffers), 0, &SPEC, &half()).unwrap());
    assert!(near(d.score, 0.8));
    // Centre (32, 0), size 32 × 32, cut off at the top.
    assert!(near(d.rect.x0, 0.25) && near(d.rect.x1, 0.75) && near(d.rect.y0, 0.0) && near(d.rect.y1, 0.5));
    let eye = d.landmarks.unwrap()[0];
    assert!(near(eye.x, 40.0 / 64.0) && near(eye.y, 8.0 / 32.0), "{eye:?}");
}

#[test]
fn a_wrong_shape_is_told_with_what_is_needed() {
    let yolox = decoder(Family::Yolox, &["a", "b", "c"]);
    let check = |shape: &[Option<usize>]| yolox.check(&[("output".to_owned(), shape.to_vec())]);
    assert_eq!(check(&[None, Some(84), Some(8)]), Ok(()));
    assert_eq!(check(&[None, None, Some(8)]), Ok(()));
    assert_eq!(check(&[]), Ok(()));
    for shape in [[None, Some(84), Some(9)], [None, Some(85), Some(8)]] {
        let message = check(&shape).unwrap_err().to_string();
        assert!(message.contains("[N,84,8]") && message.contains("3 classes"), "{message}");
    }
    assert!(check(&[Some(84), Some(8)]).is_err());
    assert!(yolox.check(&[]).unwrap_err().to_string().contains("missing"));
    let faces = decoder(Family::Yunet, &["face"]);
    assert!(faces.check(&[("cls_8".to_owned(), vec![None, Some(64), Some(1)])]).unwrap_err().name == "obj_8");

    let short = Output { name: "output", shape: &[2, ANCHORS, 8], data: &[0.0; ANCHORS * 8] };
    assert!(yolox.decode(&[short], 1, &SPEC, &half()).is_err(), "the second picture's values are not there");
    let flat = Output { name: "output", shape: &[], data: &[] };
    assert!(yolox.decode(&[flat], 0, &SPEC, &half()).is_err());
    assert!(yolox.decode(&[], 0, &SPEC, &half()).is_err());
}

/// Any number at all, the odd ones often.
fn any_value() -> impl Strategy<Value = f32> {
    prop_oneof![
        4 => -5.0f32..5.0,
        4 => 0.0f32..1.0,
        1 => prop::num::f32::ANY,
        1 => prop::sample::select(vec![f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN, 1e30]),
    ]
}

fn sound(detections: &[Detection]) -> Result<(), TestCaseError> {
    for d in detections {
        prop_assert!((0.0..=1.0).contains(&d.score), "{d:?}");
        let r = d.rect;
        prop_assert!(0.0 <= r.x0 && r.x0 < r.x1 && r.x1 <= 1.0 && 0.0 <= r.y0 && r.y0 < r.y1 && r.y1 <= 1.0, "{d:?}");
        prop_assert!(d.rivals.iter().all(|(l, s)| *l != d.label && (0.0..=1.0).contains(s)), "{d:?}");
        prop_assert!(d.rivals.is_sorted_by(|a, b| a.1 >= b.1) && d.rivals.len() <= RIVALS);
    }
    prop_assert!(detections.is_sorted_by(|a, b| a.score >= b.score));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_numbers_break_yolox(data in prop::collection::vec(any_value(), ANCHORS * 8)) {
        let output = Output { name: "output", shape: &[1, ANCHORS, 8], data: &data };
        sound(&decoder(Family::Yolox, &["a", "b", "c"]).decode(&[output], 0, &SPEC, &half()).unwrap())?;
    }

    #[test]
    fn no_numbers_break_yolov8(data in prop::collection::vec(any_value(), ANCHORS * 7), columns: bool) {
        let shape = if columns { [1, 7, ANCHORS] } else { [1, ANCHORS, 7] };
        let output = Output { name: "output0", shape: &shape, data: &data };
        sound(&decoder(Family::Yolov8, &["a", "b", "c"]).decode(&[output], 0, &SPEC, &half()).unwrap())?;
    }

    #[test]
    fn no_numbers_break_yunet(values in prop::collection::vec(any_value(), ANCHORS * 16)) {
        let mut buffers = yunet_buffers();
        let mut values = values.into_iter();
        for (_, _, data) in &mut buffers {
            data.fill_with(|| values.next().unwrap_or(0.0));
        }
        sound(&decoder(Family::Yunet, &["face"]).decode(&outputs(&buffers), 0, &SPEC, &half()).unwrap())?;
    }
}
