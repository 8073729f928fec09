//! Non-maximum suppression: of boxes of one class that overlap, the best stays. Not here: where boxes come from.

/// Anchors looked at after the threshold, best first; more than any real scene has.
pub const MAX_CANDIDATES: usize = 1024;

/// Detections of one picture; a crowded lift car has some twenty.
pub const MAX_DETECTIONS: usize = 200;

/// One anchor's best class and box, in the model's pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// Index into the model's classes.
    pub class: usize,
    /// 0..=1.
    pub score: f32,
    /// x0, y0, x1, y1.
    pub corners: [f32; 4],
    /// Where the model's output holds it.
    pub anchor: usize,
}

impl Candidate {
    /// `None` unless the box is finite with some area and the score a number in 0..=1 (slightly above is clamped).
    #[must_use]
    pub fn new(class: usize, score: f32, corners: [f32; 4], anchor: usize) -> Option<Self> {
        let whole = corners.iter().all(|v| v.is_finite() && v.abs() < 1e6);
        let sound = whole && corners[2] > corners[0] && corners[3] > corners[1] && score.is_finite() && score > 0.0;
        sound.then_some(Self { class, score: score.min(1.0), corners, anchor })
    }

    fn area(&self) -> f32 {
        (self.corners[2] - self.corners[0]) * (self.corners[3] - self.corners[1])
    }
}

/// Greedy suppression within each class: best score first (ties: the earlier anchor), a box goes when its
/// intersection over union with a kept one of its class is above `iou`. At most [`MAX_DETECTIONS`] come back, best first.
#[must_use]
pub fn suppress(mut candidates: Vec<Candidate>, iou: f32) -> Vec<Candidate> {
    let order = |a: &Candidate, b: &Candidate| b.score.total_cmp(&a.score).then(a.anchor.cmp(&b.anchor));
    if candidates.len() > MAX_CANDIDATES {
        candidates.select_nth_unstable_by(MAX_CANDIDATES, order);
        candidates.truncate(MAX_CANDIDATES);
    }
    candidates.sort_unstable_by(order);
    let mut kept: Vec<(Candidate, f32)> = Vec::new();
    for candidate in candidates {
        let area = candidate.area();
        let covered = |(other, other_area): &(Candidate, f32)| {
            let [x0, y0, x1, y1] = candidate.corners;
            let [u0, v0, u1, v1] = other.corners;
            let inter = (x1.min(u1) - x0.max(u0)).max(0.0) * (y1.min(v1) - y0.max(v0)).max(0.0);
            other.class == candidate.class && inter > iou * (area + other_area - inter)
        };
        if !kept.iter().any(covered) {
            kept.push((candidate, area));
            if kept.len() == MAX_DETECTIONS {
                break;
            }
        }
    }
    kept.into_iter().map(|(candidate, _)| candidate).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn candidate(class: usize, score: f32, x: f32, anchor: usize) -> Candidate {
        Candidate { class, score, corners: [x, 0.0, x + 10.0, 10.0], anchor }
    }

    #[test]
    fn the_best_of_a_heap_stays_and_other_classes_are_not_touched() {
        let check = |given: &[(usize, f32, f32)], expected: &[usize]| {
            let candidates = given.iter().enumerate().map(|(i, &(c, s, x))| candidate(c, s, x, i)).collect();
            let kept: Vec<usize> = suppress(candidates, 0.5).iter().map(|c| c.anchor).collect();
            assert_eq!(kept, expected, "{given:?}");
        };
        check(&[], &[]);
        check(&[(0, 0.5, 0.0), (0, 0.9, 1.0), (0, 0.7, 2.0)], &[1]);
        check(&[(0, 0.5, 0.0), (1, 0.9, 1.0)], &[1, 0]);
        check(&[(0, 0.5, 0.0), (0, 0.9, 5.0)], &[1, 0]);
        check(&[(0, 0.5, 0.0), (0, 0.5, 0.0)], &[0]);
    }

    #[test]
    fn what_is_no_box_is_no_candidate() {
        for (score, corners) in [
            (f32::NAN, [0.0, 0.0, 1.0, 1.0]),
            (f32::INFINITY, [0.0, 0.0, 1.0, 1.0]),
            (0.5, [0.0, 0.0, f32::NAN, 1.0]),
            (0.5, [0.0, 0.0, f32::INFINITY, 1.0]),
            (0.5, [1.0, 0.0, 1.0, 1.0]),
            (0.5, [2.0, 0.0, 1.0, 1.0]),
            (-0.5, [0.0, 0.0, 1.0, 1.0]),
        ] {
            assert_eq!(Candidate::new(0, score, corners, 0), None, "{score} {corners:?}");
        }
    }

    proptest! {
        #[test]
        fn what_stays_is_sorted_does_not_overlap_and_covers_what_went(
            given in prop::collection::vec((0usize..3, 0.01f32..1.0, 0.0f32..50.0, 0.0f32..50.0, 1.0f32..30.0, 1.0f32..30.0), 0..80),
            limit in 0.1f32..0.9,
        ) {
            let all: Vec<Candidate> = given.iter().enumerate()
                .filter_map(|(i, &(class, score, x, y, w, h))| Candidate::new(class, score, [x, y, x + w, y + h], i))
                .collect();
            let iou = |a: &Candidate, b: &Candidate| {
                let w = (a.corners[2].min(b.corners[2]) - a.corners[0].max(b.corners[0])).max(0.0);
                let h = (a.corners[3].min(b.corners[3]) - a.corners[1].max(b.corners[1])).max(0.0);
                w * h / (a.area() + b.area() - w * h)
            };
            let kept = suppress(all.clone(), limit);
            prop_assert!(kept.windows(2).all(|w| w[0].score >= w[1].score));
            for (i, a) in kept.iter().enumerate() {
                for b in &kept[i + 1..] {
                    prop_assert!(a.class != b.class || iou(a, b) <= limit + 1e-4);
                }
            }
            for gone in all.iter().filter(|c| kept.iter().all(|k| k.anchor != c.anchor)) {
                prop_assert!(kept.iter().any(|k| k.class == gone.class && k.score >= gone.score && iou(k, gone) > limit - 1e-4));
            }
        }

        #[test]
        fn a_flood_is_cut_to_the_best(count in 1024u16..4096) {
            let best = f32::from(count);
            let at = |i: u16| candidate(0, (f32::from(i) + 1.0) / best, 20.0 * f32::from(i), i.into());
            let all = (0..count).map(at).collect();
            let kept = suppress(all, 0.5);
            prop_assert_eq!(kept.len(), MAX_DETECTIONS);
            prop_assert_eq!(kept[0].anchor, usize::from(count) - 1);
        }
    }
}
