//! Whether a box is inside a zone. Not here: polygons themselves (`base`).

use crate::base::{NormPoint, NormRect, Polygon};

/// When a box counts as inside a zone.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Inside {
    /// The middle of its lower edge is: where it stands on the floor. For zones drawn on the floor.
    #[default]
    Foot,
    /// At least this share of its area is, 0..=1. For zones drawn over what is seen, cameras straight from above.
    Share(f32),
}

impl Inside {
    /// Whether `rect` is inside `zone`.
    pub fn holds(self, rect: &NormRect, zone: &Polygon) -> bool {
        match self {
            Self::Foot => {
                // A box cut off by the picture's lower edge stands just inside of it.
                let inner = |v: f32| v.clamp(1e-4, 1.0 - 1e-4);
                zone.contains(NormPoint { x: inner(rect.centre().x), y: inner(rect.y1) })
            }
            Self::Share(least) => rect.area() > 0.0 && overlap(rect, zone) / rect.area() >= least,
        }
    }
}

/// Area of the part of `zone` within `rect`: Sutherland and Hodgman's clipping by the rectangle's four sides,
/// then the shoelace formula. Exact for concave zones too: the bridges that clipping leaves have no area.
fn overlap(rect: &NormRect, zone: &Polygon) -> f32 {
    let mut points: Vec<NormPoint> = zone.points().to_vec();
    let sides: [(bool, f32, f32); 4] =
        [(true, rect.x0, 1.0), (true, rect.x1, -1.0), (false, rect.y0, 1.0), (false, rect.y1, -1.0)];
    for (along_x, at, sign) in sides {
        let depth = |p: &NormPoint| sign * (if along_x { p.x } else { p.y } - at);
        let mut kept = Vec::with_capacity(points.len() + 4);
        for (i, b) in points.iter().enumerate() {
            let a = points[(i + points.len() - 1) % points.len()];
            let (da, db) = (depth(&a), depth(b));
            if (da >= 0.0) != (db >= 0.0) {
                let t = da / (da - db);
                kept.push(NormPoint { x: a.x + t * (b.x - a.x), y: a.y + t * (b.y - a.y) });
            }
            if db >= 0.0 {
                kept.push(*b);
            }
        }
        points = kept;
    }
    let twice: f32 = points
        .iter()
        .enumerate()
        .map(|(i, a)| {
            let b = points[(i + 1) % points.len()];
            a.x * b.y - b.x * a.y
        })
        .sum();
    twice.abs() / 2.0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn zone(points: &[(f32, f32)]) -> Polygon {
        Polygon::new(points.iter().map(|&(x, y)| NormPoint { x, y }).collect()).unwrap()
    }

    fn rect(x0: f32, y0: f32, x1: f32, y1: f32) -> NormRect {
        NormRect { x0, y0, x1, y1 }
    }

    #[test]
    fn boxes_against_zones() {
        let full = zone(&[(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)]);
        let left = zone(&[(0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)]);
        let l_shape = zone(&[(0.0, 0.0), (1.0, 0.0), (1.0, 0.5), (0.5, 0.5), (0.5, 1.0), (0.0, 1.0)]);
        for (inside, zone, rect, expected) in [
            (Inside::Foot, &full, rect(0.2, 0.2, 0.6, 1.0), true),
            (Inside::Foot, &full, rect(0.9, 0.2, 1.0, 1.0), true),
            (Inside::Foot, &left, rect(0.2, 0.2, 0.6, 1.0), true),
            (Inside::Foot, &left, rect(0.4, 0.2, 0.8, 1.0), false),
            (Inside::Foot, &l_shape, rect(0.5, 0.1, 0.9, 0.9), false),
            (Inside::Share(0.5), &left, rect(0.2, 0.2, 0.6, 1.0), true),
            (Inside::Share(0.8), &left, rect(0.2, 0.2, 0.6, 1.0), false),
            (Inside::Share(0.5), &left, rect(0.4, 0.2, 0.8, 1.0), false),
            (Inside::Share(0.74), &l_shape, rect(0.0, 0.0, 1.0, 1.0), true),
            (Inside::Share(0.76), &l_shape, rect(0.0, 0.0, 1.0, 1.0), false),
            (Inside::Share(0.1), &l_shape, rect(0.6, 0.6, 0.9, 0.9), false),
            (Inside::Share(0.1), &full, rect(0.5, 0.5, 0.5, 0.9), false),
        ] {
            assert_eq!(inside.holds(&rect, zone), expected, "{inside:?} {rect:?} {zone:?}");
        }
    }

    proptest! {
        #[test]
        fn overlap_is_what_counting_points_says(
            points in prop::collection::vec((0.0_f32..1.0, 0.0_f32..1.0), 3),
            x0 in 0.0_f32..0.6, y0 in 0.0_f32..0.6, w in 0.1_f32..0.4, h in 0.1_f32..0.4,
        ) {
            let points = points.into_iter().map(|(x, y)| NormPoint { x, y }).collect();
            let Ok(zone) = Polygon::new(points) else { return Ok(()) };
            let rect = rect(x0, y0, x0 + w, y0 + h);
            let mut hits = 0_u16;
            for i in 0_u16..100 {
                for j in 0_u16..100 {
                    let at = |k: u16| (f32::from(k) + 0.5) / 100.0;
                    hits += u16::from(zone.contains(NormPoint { x: x0 + w * at(i), y: y0 + h * at(j) }));
                }
            }
            let counted = f32::from(hits) / 10_000.0;
            prop_assert!((overlap(&rect, &zone) / rect.area() - counted).abs() < 0.02);
        }
    }
}
