//! Sizes, rectangles and polygons. Units are types: [`NormRect`] is in fractions of the picture,
//! [`PixelRect`] in pixels. Not here: anything about what a rectangle holds.

/// A picture's size in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Size {
    pub width: u32,
    pub height: u32,
}

/// A point in fractions of the picture: (0, 0) top left, (1, 1) bottom right.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NormPoint {
    pub x: f32,
    pub y: f32,
}

/// A rectangle in fractions of the picture, x0 ≤ x1 and y0 ≤ y1, within 0..=1 after [`NormRect::clamped`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NormRect {
    pub x0: f32,
    pub y0: f32,
    pub x1: f32,
    pub y1: f32,
}

/// A rectangle in pixels of the native picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PixelRect {
    pub x0: f32,
    pub y0: f32,
    pub x1: f32,
    pub y1: f32,
}

impl NormRect {
    /// The whole picture.
    pub const FULL: Self = Self { x0: 0.0, y0: 0.0, x1: 1.0, y1: 1.0 };

    /// Width, in fractions of the picture's width.
    #[must_use]
    pub fn width(&self) -> f32 {
        (self.x1 - self.x0).max(0.0)
    }

    /// Height, in fractions of the picture's height.
    #[must_use]
    pub fn height(&self) -> f32 {
        (self.y1 - self.y0).max(0.0)
    }

    /// Area, in fractions of the picture's area.
    #[must_use]
    pub fn area(&self) -> f32 {
        self.width() * self.height()
    }

    /// The middle.
    #[must_use]
    pub fn centre(&self) -> NormPoint {
        NormPoint { x: f32::midpoint(self.x0, self.x1), y: f32::midpoint(self.y0, self.y1) }
    }

    /// The part that both cover; of zero size when they do not meet.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let x0 = self.x0.max(other.x0);
        let y0 = self.y0.max(other.y0);
        Self { x0, y0, x1: self.x1.min(other.x1).max(x0), y1: self.y1.min(other.y1).max(y0) }
    }

    /// Intersection over union, 0..=1; 0 for empty rectangles.
    #[must_use]
    pub fn iou(&self, other: &Self) -> f32 {
        let inter = self.intersection(other).area();
        let union = self.area() + other.area() - inter;
        if union > 0.0 { inter / union } else { 0.0 }
    }

    /// The part inside the picture.
    #[must_use]
    pub fn clamped(&self) -> Self {
        Self {
            x0: self.x0.clamp(0.0, 1.0),
            y0: self.y0.clamp(0.0, 1.0),
            x1: self.x1.clamp(0.0, 1.0),
            y1: self.y1.clamp(0.0, 1.0),
        }
    }

    /// The same rectangle in pixels of a picture of `size`.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "picture sides are far below 2^24")]
    pub fn to_pixels(&self, size: Size) -> PixelRect {
        let (w, h) = (size.width as f32, size.height as f32);
        PixelRect { x0: self.x0 * w, y0: self.y0 * h, x1: self.x1 * w, y1: self.y1 * h }
    }
}

/// Why a polygon was refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PolygonError {
    #[error("a zone needs 3 to 64 points, this one has {0}")]
    Count(usize),
    #[error("point {index} is ({x}, {y}): both must lie in 0..=1, fractions of the picture's width and height")]
    Outside { index: usize, x: f32, y: f32 },
    #[error("the zone's area is nearly zero: give points that enclose the part of the picture to watch")]
    Flat,
}

/// A zone: a simple polygon of 3 to 64 points within the picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Polygon(Vec<NormPoint>);

impl Polygon {
    /// Checks and takes the corner points, in order.
    ///
    /// # Errors
    /// Too few or too many points, points outside the picture or not numbers, no area.
    pub fn new(points: Vec<NormPoint>) -> Result<Self, PolygonError> {
        if !(3..=64).contains(&points.len()) {
            return Err(PolygonError::Count(points.len()));
        }
        for (index, p) in points.iter().enumerate() {
            if !(0.0..=1.0).contains(&p.x) || !(0.0..=1.0).contains(&p.y) {
                return Err(PolygonError::Outside { index, x: p.x, y: p.y });
            }
        }
        let polygon = Self(points);
        if polygon.area() < 1e-4 {
            return Err(PolygonError::Flat);
        }
        Ok(polygon)
    }

    /// The corner points, in order.
    #[must_use]
    pub fn points(&self) -> &[NormPoint] {
        &self.0
    }

    /// Area by the shoelace formula, in fractions of the picture's area.
    #[must_use]
    pub fn area(&self) -> f32 {
        let sum: f32 = self.edges().map(|(a, b)| a.x * b.y - b.x * a.y).sum();
        sum.abs() / 2.0
    }

    /// Whether `p` lies inside: the even-odd rule (ray casting).
    #[must_use]
    pub fn contains(&self, p: NormPoint) -> bool {
        self.edges()
            .filter(|(a, b)| (a.y > p.y) != (b.y > p.y) && p.x < (b.x - a.x) * (p.y - a.y) / (b.y - a.y) + a.x)
            .count()
            % 2
            == 1
    }

    fn edges(&self) -> impl Iterator<Item = (NormPoint, NormPoint)> + '_ {
        (0..self.0.len()).map(|i| (self.0[i], self.0[(i + 1) % self.0.len()]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn polygon(points: &[(f32, f32)]) -> Result<Polygon, PolygonError> {
        Polygon::new(points.iter().map(|&(x, y)| NormPoint { x, y }).collect())
    }

    #[test]
    fn a_polygon_knows_its_inside() {
        let l_shape = polygon(&[(0.0, 0.0), (1.0, 0.0), (1.0, 0.5), (0.5, 0.5), (0.5, 1.0), (0.0, 1.0)]).unwrap();
        for (x, y, inside) in [(0.25, 0.25, true), (0.75, 0.25, true), (0.25, 0.75, true), (0.75, 0.75, false)] {
            assert_eq!(l_shape.contains(NormPoint { x, y }), inside, "({x}, {y})");
        }
        assert!((l_shape.area() - 0.75).abs() < 1e-6);
    }

    #[test]
    fn a_bad_polygon_is_refused_with_its_reason() {
        assert_eq!(polygon(&[(0.0, 0.0), (1.0, 1.0)]), Err(PolygonError::Count(2)));
        assert!(matches!(
            polygon(&[(0.0, 0.0), (1.0, 0.0), (f32::NAN, 1.0)]),
            Err(PolygonError::Outside { index: 2, .. })
        ));
        assert_eq!(polygon(&[(0.0, 0.0), (0.5, 0.5), (1.0, 1.0)]), Err(PolygonError::Flat));
    }

    #[test]
    fn iou_of_known_pairs() {
        let unit = |x0, x1| NormRect { x0, y0: 0.0, x1, y1: 1.0 };
        for (a, b, expected) in [
            (unit(0.0, 0.5), unit(0.0, 0.5), 1.0),
            (unit(0.0, 0.5), unit(0.5, 1.0), 0.0),
            (unit(0.0, 0.5), unit(0.25, 0.75), 1.0 / 3.0),
        ] {
            assert!((a.iou(&b) - expected).abs() < 1e-6);
        }
    }
}
