//! The second look: what a detector takes for a candidate is cropped, a classifier names the crop, and both opinions
//! make the score. Small detectors find well and name badly; the crop is larger and better centred than what they saw.
//! Not here: running the classifier (`infer`). `models/ebike/evaluate.py` and `decode.py` hold the same arithmetic.

use crate::{
    base::NormRect,
    frame::letterbox::{Letterbox, TensorSpec},
};

use super::{Detection, Label};

/// A crop is never cut smaller than this, in the model's pixels.
const LEAST_SIDE: f32 = 8.0;

/// Which detections are looked at again, and how much the second opinion counts.
#[derive(Debug, Clone, PartialEq)]
pub struct SecondLook {
    /// The class whose boxes are candidates.
    pub candidate: Label,
    /// Least score of a candidate, 0..=1; below the model's threshold, so that a good second opinion can raise it.
    pub floor: f32,
    /// The second opinion's share: score = detector^(1 − weight) · second^weight, 0..=1.
    pub weight: f32,
    /// The classifier is asked about this many candidates of a picture, the best ones; the others are not reported.
    pub most: usize,
    /// Side of the classifier's square input, pixels.
    pub size: usize,
    /// The crop's side is the box's longer side times this.
    pub margin: f32,
}

impl SecondLook {
    /// Values of one crop: 3 × size × size.
    #[must_use]
    pub const fn crop_len(&self) -> usize {
        3 * self.size * self.size
    }

    /// Cuts the crop around `rect` out of one picture's part of the batch tensor, scales it bilinearly (pixel centres at
    /// half integers) and writes it to `out`, channel planes one after another. Beyond the tensor it is padding.
    ///
    /// # Panics
    /// When `tensor` does not hold one picture of `spec` or `out` not one crop: the caller's slots are wrong.
    pub fn crop_into(&self, tensor: &[f32], spec: &TensorSpec, letterbox: &Letterbox, rect: NormRect, out: &mut [f32]) {
        assert_eq!(tensor.len(), spec.len(), "one picture of the tensor");
        assert_eq!(out.len(), self.crop_len(), "one crop");
        let square = Square::around(letterbox.corners(rect), self.margin);
        let taps = taps(square.side, self.size);
        let area = spec.width * spec.height;
        for (c, (plane, target)) in
            tensor.chunks_exact(area).zip(out.chunks_exact_mut(self.size * self.size)).enumerate()
        {
            let pad = spec.padding(c);
            let value = |x: i64, y: i64| match (usize::try_from(x), usize::try_from(y)) {
                (Ok(x), Ok(y)) if x < spec.width && y < spec.height => plane[y * spec.width + x],
                _ => pad,
            };
            for (row, &(y, down)) in target.chunks_exact_mut(self.size).zip(&taps) {
                let (upper, lower) = (square.top + y, square.top + (y + 1).min(square.side - 1));
                for (out, &(x, right)) in row.iter_mut().zip(&taps) {
                    let (near, far) = (square.left + x, square.left + (x + 1).min(square.side - 1));
                    let above = between(value(near, upper), value(far, upper), right);
                    let below = between(value(near, lower), value(far, lower), right);
                    *out = between(above, below, down);
                }
            }
        }
    }

    /// The score that both opinions make. A second opinion that is no number leaves the first as it is.
    #[must_use]
    pub fn combined(&self, detector: f32, second: f32) -> f32 {
        if second.is_finite() {
            detector.clamp(0.0, 1.0).powf(1.0 - self.weight) * second.clamp(0.0, 1.0).powf(self.weight)
        } else {
            detector
        }
    }

    /// Gives a candidate and its rivals their new scores. `opinion` holds the classifier's probabilities, its first ones
    /// in the order of `classes`.
    pub fn combine(&self, detection: &mut Detection, classes: &[Label], opinion: &[f32]) {
        let second = |label: &Label| {
            classes.iter().position(|c| c == label).and_then(|i| opinion.get(i)).copied().unwrap_or(f32::NAN)
        };
        detection.score = self.combined(detection.score, second(&detection.label));
        for (label, score) in &mut detection.rivals {
            *score = self.combined(*score, second(label));
        }
        detection.rivals.sort_by(|a, b| b.1.total_cmp(&a.1));
    }
}

/// A square in the model's pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Square {
    left: i64,
    top: i64,
    side: i64,
}

impl Square {
    #[expect(clippy::cast_possible_truncation, reason = "boxes lie in the tensor, whose sides are at most 4096")]
    fn around([x0, y0, x1, y1]: [f32; 4], margin: f32) -> Self {
        let side = (x1 - x0).max(y1 - y0).max(LEAST_SIDE) * margin;
        Self {
            left: ((x0 + x1 - side) / 2.0).round_ties_even() as i64,
            top: ((y0 + y1 - side) / 2.0).round_ties_even() as i64,
            side: (side.round_ties_even() as i64).max(8),
        }
    }
}

/// For each output pixel the first of its two source pixels and the second one's weight.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "sides are far below 2^24, positions are not negative"
)]
fn taps(source: i64, count: usize) -> Vec<(i64, f32)> {
    let ratio = source as f64 / count as f64;
    (0..count)
        .map(|i| {
            let at = ((i as f64 + 0.5) * ratio - 0.5).clamp(0.0, (source - 1) as f64);
            (at.floor() as i64, (at - at.floor()) as f32)
        })
        .collect()
}

fn between(from: f32, to: f32, weight: f32) -> f32 {
    from + (to - from) * weight
}

#[cfg(test)]
mod tests;
