//! Boxes and labels on an RGB picture, with a small built-in font. Not here: what they mean.

use super::BoxMark;
use crate::base::Size;

/// A glyph's columns and rows.
const GLYPH: (usize, usize) = (5, 7);

/// An RGB picture to draw on.
pub(super) struct Canvas {
    bytes: Vec<u8>,
    width: usize,
    height: usize,
    /// Line width in pixels; letters are drawn this much larger than the font.
    scale: usize,
}

impl Canvas {
    pub(super) fn new(bytes: Vec<u8>, size: Size) -> Self {
        let (width, height) = (size.width as usize, size.height as usize);
        Self { bytes, width, height, scale: (height / 360).clamp(1, 6) + 1 }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Draws the box, and its text on a ground of its colour above it (inside it, at the picture's top).
    pub(super) fn mark(&mut self, mark: &BoxMark) {
        let rect = mark.rect.clamped();
        let (x0, x1) = (place(rect.x0, self.width), place(rect.x1, self.width));
        let (y0, y1) = (place(rect.y0, self.height), place(rect.y1, self.height));
        if x0 >= x1 || y0 >= y1 {
            return;
        }
        let line = self.scale;
        let colour = mark.colour.0;
        self.fill(x0, y0, x1, y0 + line, colour);
        self.fill(x0, y1.saturating_sub(line), x1, y1, colour);
        self.fill(x0, y0, x0 + line, y1, colour);
        self.fill(x1.saturating_sub(line), y0, x1, y1, colour);
        if mark.text.is_empty() {
            return;
        }
        let advance = (GLYPH.0 + 1) * self.scale;
        let high = (GLYPH.1 + 2) * self.scale;
        let letters: Vec<char> = mark.text.chars().take(self.width / advance).collect();
        let wide = letters.len() * advance + self.scale;
        let left = x0.min(self.width.saturating_sub(wide));
        let top = y0.checked_sub(high).unwrap_or(y0);
        self.fill(left, top, left + wide, top + high, colour);
        let ink = if colour.iter().map(|c| u32::from(*c)).sum::<u32>() > 500 { [0; 3] } else { [255; 3] };
        for (at, letter) in letters.into_iter().enumerate() {
            self.letter(left + self.scale + at * advance, top + self.scale, letter, ink);
        }
    }

    fn letter(&mut self, left: usize, top: usize, letter: char, ink: [u8; 3]) {
        let scale = self.scale;
        for (row, bits) in glyph(letter).into_iter().enumerate() {
            for column in (0..GLYPH.0).filter(|c| bits >> (GLYPH.0 - 1 - c) & 1 == 1) {
                let (x, y) = (left + column * scale, top + row * scale);
                self.fill(x, y, x + scale, y + scale, ink);
            }
        }
    }

    /// Fills x0..x1 × y0..y1, as far as it lies in the picture.
    fn fill(&mut self, x0: usize, y0: usize, x1: usize, y1: usize, colour: [u8; 3]) {
        let (x0, x1) = (x0.min(self.width), x1.min(self.width));
        let rows = self.bytes.chunks_exact_mut(3 * self.width.max(1)).take(y1.min(self.height)).skip(y0);
        for row in rows {
            for pixel in row.get_mut(3 * x0..3 * x1).unwrap_or_default().chunks_exact_mut(3) {
                pixel.copy_from_slice(&colour);
            }
        }
    }
}

/// A fraction of the picture's side, in pixels.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "the fraction is in 0..=1 or not a number, which casts to 0; sides are below 2^16"
)]
fn place(fraction: f32, side: usize) -> usize {
    (fraction * side as f32).round() as usize
}

/// Rows of a 5 × 7 letter, five bits each, leftmost highest: the classic dot-matrix shapes. Lower case is drawn as upper.
const fn glyph(letter: char) -> [u8; 7] {
    match letter.to_ascii_uppercase() {
        ' ' => [0; 7],
        '0' => [14, 17, 19, 21, 25, 17, 14],
        '1' => [4, 12, 4, 4, 4, 4, 14],
        '2' => [14, 17, 1, 2, 4, 8, 31],
        '3' => [31, 2, 4, 2, 1, 17, 14],
        '4' => [2, 6, 10, 18, 31, 2, 2],
        '5' => [31, 16, 30, 1, 1, 17, 14],
        '6' => [6, 8, 16, 30, 17, 17, 14],
        '7' => [31, 1, 2, 4, 8, 8, 8],
        '8' => [14, 17, 17, 14, 17, 17, 14],
        '9' => [14, 17, 17, 15, 1, 2, 12],
        'A' => [14, 17, 17, 31, 17, 17, 17],
        'B' => [30, 17, 17, 30, 17, 17, 30],
        'C' => [14, 17, 16, 16, 16, 17, 14],
        'D' => [28, 18, 17, 17, 17, 18, 28],
        'E' => [31, 16, 16, 30, 16, 16, 31],
        'F' => [31, 16, 16, 30, 16, 16, 16],
        'G' => [14, 17, 16, 23, 17, 17, 15],
        'H' => [17, 17, 17, 31, 17, 17, 17],
        'I' => [14, 4, 4, 4, 4, 4, 14],
        'J' => [7, 2, 2, 2, 2, 18, 12],
        'K' => [17, 18, 20, 24, 20, 18, 17],
        'L' => [16, 16, 16, 16, 16, 16, 31],
        'M' => [17, 27, 21, 21, 17, 17, 17],
        'N' => [17, 17, 25, 21, 19, 17, 17],
        'O' => [14, 17, 17, 17, 17, 17, 14],
        'P' => [30, 17, 17, 30, 16, 16, 16],
        'Q' => [14, 17, 17, 17, 21, 18, 13],
        'R' => [30, 17, 17, 30, 20, 18, 17],
        'S' => [15, 16, 16, 14, 1, 1, 30],
        'T' => [31, 4, 4, 4, 4, 4, 4],
        'U' => [17, 17, 17, 17, 17, 17, 14],
        'V' => [17, 17, 17, 17, 17, 10, 4],
        'W' => [17, 17, 17, 21, 21, 21, 10],
        'X' => [17, 17, 10, 4, 10, 17, 17],
        'Y' => [17, 17, 17, 10, 4, 4, 4],
        'Z' => [31, 1, 2, 4, 8, 16, 31],
        '.' => [0, 0, 0, 0, 0, 12, 12],
        ':' => [0, 12, 12, 0, 12, 12, 0],
        '%' => [24, 25, 2, 4, 8, 19, 3],
        '-' => [0, 0, 0, 31, 0, 0, 0],
        '_' => [0, 0, 0, 0, 0, 0, 31],
        '/' => [0, 1, 2, 4, 8, 16, 0],
        '#' => [10, 10, 31, 10, 31, 10, 10],
        _ => [0, 0, 14, 14, 14, 0, 0],
    }
}
