//! Pixels to tensor in one pass: scaling, colour conversion and normalisation of a 4:2:0 picture straight into its
//! slot of a batch tensor. Not here: whose picture it is, what the tensor is for.
//!
//! Sampling is bilinear with pixel centres at half integers (the convention of `OpenCV`'s `INTER_LINEAR`), chroma
//! sited at the middle of its 2×2 pixels. Weights between rows are in steps of 1/256, those within a row in `f32`.
//!
//! The work is done row by row, each step over whole slices, so that the compiler can use vector instructions:
//! blend two source rows, pick the two neighbours of each output pixel, then interpolate and convert.

use crate::base::{NormPoint, NormRect, Size};

use super::{Colorimetry, PixelFormat, Pixels};

/// A detector's canvas, whole or fitted, has sides of so many pixels or a multiple: the largest stride of the families.
pub const CUT: usize = 32;

/// Which of red, green and blue comes first in the tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColourOrder {
    Bgr,
    Rgb,
}

/// Where the picture lies in the tensor; the rest is padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    TopLeft,
    Centre,
}

/// What a model wants to be given: one picture of `3 × height × width` values, channel planes one after another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TensorSpec {
    /// Pixels.
    pub width: usize,
    /// Pixels.
    pub height: usize,
    pub colour: ColourOrder,
    /// A channel's value 0..=255 is multiplied by this first …
    pub scale: f32,
    /// … then this is subtracted (per channel, in the tensor's order) …
    pub mean: [f32; 3],
    /// … then it is divided by this.
    pub std: [f32; 3],
    pub placement: Placement,
    /// Channel value of the padding before normalisation, 0..=255.
    pub pad: u8,
}

impl TensorSpec {
    /// What YOLOX takes: BGR 0..=255 as they are, top left, the rest 114 (Megvii YOLOX, `preproc` in `data_augment.py`).
    #[must_use]
    pub const fn yolox(width: usize, height: usize) -> Self {
        Self {
            width,
            height,
            colour: ColourOrder::Bgr,
            scale: 1.0,
            mean: [0.0; 3],
            std: [1.0; 3],
            placement: Placement::TopLeft,
            pad: 114,
        }
    }

    /// The part of the canvas that pictures of these sizes need, each at the scale it has on the whole of it: only padding
    /// goes. Its sides are multiples of [`CUT`], or those of the whole. A 16:9 picture needs 416 × 256 of 416 × 416.
    ///
    /// Where pictures do not lie top left, nothing is cut off.
    #[must_use]
    pub fn fitted(&self, sizes: impl IntoIterator<Item = Size>) -> Self {
        if self.placement != Placement::TopLeft {
            return *self;
        }
        let (width, height) = sizes
            .into_iter()
            .map(|size| self.needed(size))
            .fold((1, 1), |(width, height), (w, h)| (width.max(w), height.max(h)));
        Self {
            width: width.next_multiple_of(CUT).min(self.width),
            height: height.next_multiple_of(CUT).min(self.height),
            ..*self
        }
    }

    /// Width and height that a picture takes, pixels begun counted as whole ones.
    fn needed(&self, size: Size) -> (usize, usize) {
        let (w, h) = (size.width.max(1) as usize, size.height.max(1) as usize);
        if h * self.width <= w * self.height {
            (self.width, (h * self.width).div_ceil(w))
        } else {
            ((w * self.height).div_ceil(h), self.height)
        }
    }

    /// Values of one picture: 3 × height × width.
    #[must_use]
    pub const fn len(&self) -> usize {
        3 * self.width * self.height
    }

    /// Whether a picture has no values at all.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What the padding of channel `c` is in the tensor.
    #[must_use]
    pub fn padding(&self, c: usize) -> f32 {
        let (factor, offset) = self.affine(c);
        f32::from(self.pad) * factor + offset
    }

    /// Factor and offset that take channel `c`'s value 0..=255 to the tensor's.
    fn affine(&self, c: usize) -> (f32, f32) {
        (self.scale / self.std[c], -self.mean[c] / self.std[c])
    }
}

/// Where a picture lies in its tensor, for the way back from the model's coordinates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Letterbox {
    /// Left edge of the picture in the tensor, pixels.
    pub x: f32,
    /// Upper edge of the picture in the tensor, pixels.
    pub y: f32,
    /// Width of the picture in the tensor, pixels.
    pub width: f32,
    /// Height of the picture in the tensor, pixels.
    pub height: f32,
}

impl Letterbox {
    /// Where a picture of `size` lies in a tensor of `spec`: as large as fits, in its own proportions.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "picture sides are far below 2^24")]
    pub fn of(size: Size, spec: &TensorSpec) -> Self {
        let place = Place::of(size, spec);
        Self { x: place.x as f32, y: place.y as f32, width: place.width as f32, height: place.height as f32 }
    }

    /// A point in the model's pixels, in fractions of the native picture; not clamped.
    #[must_use]
    pub fn point(&self, x: f32, y: f32) -> NormPoint {
        NormPoint { x: (x - self.x) / self.width, y: (y - self.y) / self.height }
    }

    /// A box in fractions of the native picture, in the model's pixels (corners).
    #[must_use]
    pub fn corners(&self, rect: NormRect) -> [f32; 4] {
        let (x, y) = (|v: f32| v * self.width + self.x, |v: f32| v * self.height + self.y);
        [x(rect.x0), y(rect.y0), x(rect.x1), y(rect.y1)]
    }

    /// A box in the model's pixels (corners), in fractions of the native picture, clamped to it.
    #[must_use]
    pub fn rect(&self, corners: [f32; 4]) -> NormRect {
        let (a, b) = (self.point(corners[0], corners[1]), self.point(corners[2], corners[3]));
        NormRect { x0: a.x, y0: a.y, x1: b.x, y1: b.y }.clamped()
    }
}

/// [`Letterbox`] in whole pixels.
#[derive(Debug, Clone, Copy)]
struct Place {
    x: usize,
    y: usize,
    width: usize,
    height: usize,
}

impl Place {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "sides are positive and far below 2^52"
    )]
    fn of(size: Size, spec: &TensorSpec) -> Self {
        let (w, h) = (f64::from(size.width.max(1)), f64::from(size.height.max(1)));
        let ratio = (spec.width as f64 / w).min(spec.height as f64 / h);
        let width = ((w * ratio).round() as usize).clamp(1, spec.width.max(1));
        let height = ((h * ratio).round() as usize).clamp(1, spec.height.max(1));
        let (x, y) = match spec.placement {
            Placement::TopLeft => (0, 0),
            Placement::Centre => (spec.width.saturating_sub(width) / 2, spec.height.saturating_sub(height) / 2),
        };
        Self { x, y, width, height }
    }
}

/// Scales, pads, converts and normalises `pixels` into `out`, one picture's slot of the batch tensor.
/// Returns where the picture lies in it.
///
/// # Panics
/// When `out` does not hold exactly [`TensorSpec::len`] values: the caller's slot is wrong.
pub fn letterbox_into(pixels: &Pixels, spec: &TensorSpec, out: &mut [f32]) -> Letterbox {
    assert_eq!(out.len(), spec.len(), "the slot holds one picture of the tensor");
    let letterbox = Letterbox::of(pixels.size, spec);
    if spec.is_empty() {
        return letterbox;
    }
    let place = Place::of(pixels.size, spec);
    let area = spec.width * spec.height;
    let (first, rest) = out.split_at_mut(area);
    let (second, third) = rest.split_at_mut(area);
    let mut planes = [first, second, third];
    for (c, plane) in planes.iter_mut().enumerate() {
        let pad = spec.padding(c);
        let blank = pixels.size.width == 0 || pixels.size.height == 0;
        fill_padding(plane, spec.width, if blank { None } else { Some(place) }, pad);
    }
    if pixels.size.width > 0 && pixels.size.height > 0 {
        convert(pixels, spec, place, planes);
    }
    letterbox
}

fn fill_padding(plane: &mut [f32], width: usize, picture: Option<Place>, pad: f32) {
    let Some(picture) = picture else { return plane.fill(pad) };
    let (above, rest) = plane.split_at_mut(picture.y * width);
    let (middle, below) = rest.split_at_mut(picture.height * width);
    above.fill(pad);
    below.fill(pad);
    if picture.width < width {
        for row in middle.chunks_exact_mut(width) {
            row[..picture.x].fill(pad);
            row[picture.x + picture.width..].fill(pad);
        }
    }
}

/// For each output pixel along one axis: the first of its two neighbours and the second one's weight.
struct Taps {
    first: Vec<u32>,
    weight: Vec<f32>,
}

impl Taps {
    /// `count` output pixels over `source` input samples, each sample `step` pixels of a picture `length` long.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "positions are non-negative and far below 2^32"
    )]
    fn new(count: usize, length: usize, source: usize, step: usize) -> Self {
        let ratio = length as f64 / count as f64;
        let last = (source - 1) as f64;
        let (mut first, mut weight) = (Vec::with_capacity(count), Vec::with_capacity(count));
        for i in 0..count {
            let at = (((i as f64 + 0.5) * ratio) / step as f64 - 0.5).clamp(0.0, last);
            first.push(at.floor() as u32);
            weight.push((at - at.floor()) as f32);
        }
        Self { first, weight }
    }

    /// Source rows and the second one's weight in 1/256 for output row `i` of `source` rows.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a weight is within 0..=1, so the product is within 0..=256"
    )]
    fn rows(&self, i: usize, source: usize) -> (usize, usize, u16) {
        let first = self.first[i] as usize;
        (first, (first + 1).min(source - 1), (self.weight[i] * 256.0).round() as u16)
    }
}

/// Output channel = y·a + u·b + v·c + d, of samples that are 256 times too large.
#[derive(Clone, Copy)]
struct Mix {
    y: f32,
    u: f32,
    v: f32,
    constant: f32,
}

/// Red, green and blue 0..=255 from Y, U and V (ITU-R BT.601 and BT.709: Kr and Kb; 8-bit ranges of BT.709 §3.5).
fn mixes(colorimetry: Colorimetry) -> [Mix; 3] {
    let (kr, kb) = match colorimetry {
        Colorimetry::Bt601Limited | Colorimetry::Bt601Full => (0.299, 0.114),
        Colorimetry::Bt709Limited | Colorimetry::Bt709Full => (0.2126, 0.0722),
    };
    let (luma, black, chroma) = match colorimetry {
        Colorimetry::Bt601Limited | Colorimetry::Bt709Limited => (255.0 / 219.0, 16.0, 255.0 / 224.0),
        Colorimetry::Bt601Full | Colorimetry::Bt709Full => (1.0, 0.0, 1.0),
    };
    let kg: f32 = 1.0 - kr - kb;
    let mix = |u: f32, v: f32| Mix {
        y: luma / 256.0,
        u: u * chroma / 256.0,
        v: v * chroma / 256.0,
        constant: -luma * black - 128.0 * chroma * (u + v),
    };
    [
        mix(0.0, 2.0 * (1.0 - kr)),
        mix(-2.0 * kb * (1.0 - kb) / kg, -2.0 * kr * (1.0 - kr) / kg),
        mix(2.0 * (1.0 - kb), 0.0),
    ]
}

/// Scratch rows: blended source rows (one sample longer than the source, the last repeated) and picked neighbours.
struct Rows {
    luma: Vec<u16>,
    /// U and V side by side.
    chroma: Vec<[u16; 2]>,
    /// The two luma neighbours of each output pixel.
    y: Vec<[u16; 2]>,
    /// U, V of the first and U, V of the second chroma neighbour.
    uv: Vec<[[u16; 2]; 2]>,
}

fn convert(pixels: &Pixels, spec: &TensorSpec, place: Place, mut planes: [&mut [f32]; 3]) {
    let (width, height) = (pixels.size.width as usize, pixels.size.height as usize);
    let (chroma_width, chroma_height) = (width.div_ceil(2), height.div_ceil(2));
    let columns = Taps::new(place.width, width, width, 1);
    let chroma_columns = Taps::new(place.width, width, chroma_width, 2);
    let lines = Taps::new(place.height, height, height, 1);
    let chroma_lines = Taps::new(place.height, height, chroma_height, 2);
    let mut rows = Rows {
        luma: vec![0; width + 1],
        chroma: vec![[0; 2]; chroma_width + 1],
        y: vec![[0; 2]; place.width],
        uv: vec![[[0; 2]; 2]; place.width],
    };
    let mut colours = mixes(pixels.colorimetry);
    if spec.colour == ColourOrder::Bgr {
        colours.reverse();
    }
    let affine = [spec.affine(0), spec.affine(1), spec.affine(2)];
    for line in 0..place.height {
        let (a, b, weight) = lines.rows(line, height);
        blend(row(pixels, 0, a, width), row(pixels, 0, b, width), weight, &mut rows.luma);
        let (a, b, weight) = chroma_lines.rows(line, chroma_height);
        match pixels.format {
            PixelFormat::I420 => blend_planar(
                [row(pixels, 1, a, chroma_width), row(pixels, 1, b, chroma_width)],
                [row(pixels, 2, a, chroma_width), row(pixels, 2, b, chroma_width)],
                weight,
                &mut rows.chroma,
            ),
            PixelFormat::Nv12 => blend_pairs(
                row(pixels, 1, a, 2 * chroma_width),
                row(pixels, 1, b, 2 * chroma_width),
                weight,
                &mut rows.chroma,
            ),
        }
        pick(&rows.luma, &columns.first, &mut rows.y);
        pick(&rows.chroma, &chroma_columns.first, &mut rows.uv);
        let start = (place.y + line) * spec.width + place.x;
        let [first, second, third] = &mut planes;
        let out = [
            &mut first[start..start + place.width],
            &mut second[start..start + place.width],
            &mut third[start..start + place.width],
        ];
        mix(&rows, &columns.weight, &chroma_columns.weight, &colours, &affine, out);
    }
}

fn row(pixels: &Pixels, plane: usize, line: usize, width: usize) -> &[u8] {
    let (bytes, stride) = pixels.plane(plane);
    &bytes[line * stride..][..width]
}

/// Two rows into one, 256 times as large: at most 255 × 256, which fits.
fn blend(a: &[u8], b: &[u8], weight: u16, out: &mut [u16]) {
    let n = a.len();
    let keep = 256 - weight;
    for ((o, &a), &b) in out[..n].iter_mut().zip(a).zip(b) {
        *o = u16::from(a) * keep + u16::from(b) * weight;
    }
    out[n] = out[n - 1];
}

fn blend_planar(u: [&[u8]; 2], v: [&[u8]; 2], weight: u16, out: &mut [[u16; 2]]) {
    let n = u[0].len();
    let keep = 256 - weight;
    for ((((o, &u0), &u1), &v0), &v1) in out[..n].iter_mut().zip(u[0]).zip(u[1]).zip(v[0]).zip(v[1]) {
        *o = [u16::from(u0) * keep + u16::from(u1) * weight, u16::from(v0) * keep + u16::from(v1) * weight];
    }
    out[n] = out[n - 1];
}

fn blend_pairs(a: &[u8], b: &[u8], weight: u16, out: &mut [[u16; 2]]) {
    let n = a.len() / 2;
    blend(a, b, weight, {
        let flat = out.as_flattened_mut();
        &mut flat[..=2 * n]
    });
    out[n] = out[n - 1];
}

/// The two neighbours of each output pixel.
fn pick<T: Copy>(source: &[T], first: &[u32], out: &mut [[T; 2]]) {
    for (o, &i) in out.iter_mut().zip(first) {
        if let [a, b] = source[i as usize..][..2] {
            *o = [a, b];
        }
    }
}

/// Interpolates within the row, converts to red, green and blue, clamps, normalises.
fn mix(
    rows: &Rows,
    weights: &[f32],
    chroma_weights: &[f32],
    colours: &[Mix; 3],
    affine: &[(f32, f32); 3],
    [first, second, third]: [&mut [f32]; 3],
) {
    let count = first.len();
    let (lumas, chromas) = (&rows.y[..count], &rows.uv[..count]);
    let (weights, chroma_weights) = (&weights[..count], &chroma_weights[..count]);
    let (second, third) = (&mut second[..count], &mut third[..count]);
    for i in 0..count {
        let between = |from: u16, to: u16, weight: f32| f32::from(from) + (f32::from(to) - f32::from(from)) * weight;
        let luma = between(lumas[i][0], lumas[i][1], weights[i]);
        let [[u0, v0], [u1, v1]] = chromas[i];
        let u = between(u0, u1, chroma_weights[i]);
        let v = between(v0, v1, chroma_weights[i]);
        let channel = |c: usize| {
            let by = colours[c];
            let value = (luma * by.y + u * by.u + v * by.v + by.constant).clamp(0.0, 255.0);
            value * affine[c].0 + affine[c].1
        };
        first[i] = channel(0);
        second[i] = channel(1);
        third[i] = channel(2);
    }
}

#[cfg(test)]
mod tests;
