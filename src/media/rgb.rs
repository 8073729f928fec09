//! YUV 4:2:0 to RGB in native size, for pictures that people look at. Not here: tensors (`frame::letterbox` has its
//! own pass).

use crate::frame::{Colorimetry, PixelFormat, Pixels};

/// Fixed point: 1.0 is 1 << 14.
const ONE: f32 = 16_384.0;

/// Coefficients of ITU-R BT.601-7 and BT.709-6: R = Y + r·V, G = Y − gu·U − gv·V, B = Y + b·U.
struct Matrix {
    /// Black level, and gain of Y.
    black: i32,
    gain: i32,
    red_v: i32,
    green_u: i32,
    green_v: i32,
    blue_u: i32,
}

#[expect(clippy::cast_possible_truncation, reason = "coefficients are below 4, so the products are below 2^16")]
fn matrix(colorimetry: Colorimetry) -> Matrix {
    let ((kr, kb), full) = match colorimetry {
        Colorimetry::Bt601Limited => ((0.299_f32, 0.114_f32), false),
        Colorimetry::Bt601Full => ((0.299, 0.114), true),
        Colorimetry::Bt709Limited => ((0.2126, 0.0722), false),
        Colorimetry::Bt709Full => ((0.2126, 0.0722), true),
    };
    let kg = 1.0 - kr - kb;
    let (luma, chroma) = if full { (1.0, 1.0) } else { (255.0 / 219.0, 255.0 / 224.0) };
    let fixed = |x: f32| (x * ONE).round() as i32;
    Matrix {
        black: if full { 0 } else { 16 },
        gain: fixed(luma),
        red_v: fixed(2.0 * (1.0 - kr) * chroma),
        green_u: fixed(2.0 * (1.0 - kb) * kb / kg * chroma),
        green_v: fixed(2.0 * (1.0 - kr) * kr / kg * chroma),
        blue_u: fixed(2.0 * (1.0 - kb) * chroma),
    }
}

fn to_byte(fixed: i32) -> u8 {
    u8::try_from(((fixed + (1 << 13)) >> 14).clamp(0, 255)).unwrap_or(0)
}

/// The picture as packed RGB, 3 bytes a pixel, rows without padding. Chroma is taken from the nearest sample.
#[must_use]
pub fn to_rgb(pixels: &Pixels) -> Vec<u8> {
    let m = matrix(pixels.colorimetry);
    let (width, height) = (pixels.size.width as usize, pixels.size.height as usize);
    let mut rgb = Vec::with_capacity(width * height * 3);
    let (luma, luma_stride) = pixels.plane(0);
    let (first, first_stride) = pixels.plane(1);
    let (second, second_stride) = pixels.plane(2);
    let chroma_width = width.div_ceil(2);
    for y in 0..height {
        // `Pixels::new` has checked that every row is there.
        let row = luma.get(y * luma_stride..).and_then(|r| r.get(..width)).unwrap_or_default();
        let half = y / 2;
        let from = |plane: &'_ [u8], stride: usize| {
            plane.get(half * stride..).map_or(0..0, |r| half * stride..half * stride + r.len())
        };
        let (us, vs, step) = match pixels.format {
            PixelFormat::I420 => (&first[from(first, first_stride)], &second[from(second, second_stride)], 1),
            PixelFormat::Nv12 => {
                let both = &first[from(first, first_stride)];
                (both, both.get(1..).unwrap_or_default(), 2)
            }
        };
        let chroma = us.iter().step_by(step).zip(vs.iter().step_by(step)).take(chroma_width);
        for ((u, v), pair) in chroma.zip(row.chunks(2)) {
            let (u, v) = (i32::from(*u) - 128, i32::from(*v) - 128);
            let (red, green, blue) = (m.red_v * v, -m.green_u * u - m.green_v * v, m.blue_u * u);
            for luma in pair {
                let y = (i32::from(*luma) - m.black) * m.gain;
                rgb.extend([to_byte(y + red), to_byte(y + green), to_byte(y + blue)]);
            }
        }
    }
    rgb
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{base::Size, frame::OwnedPlanes};

    /// One pixel of known colour; the values are those of the standards' own formulas.
    fn check(colorimetry: Colorimetry, yuv: [u8; 3], expected: [u8; 3]) {
        let size = Size { width: 1, height: 1 };
        let i420 = OwnedPlanes(yuv.map(|v| (vec![v], 1)).into());
        let nv12 = OwnedPlanes(vec![(vec![yuv[0]], 1), (vec![yuv[1], yuv[2]], 2)]);
        for (format, planes) in [(PixelFormat::I420, i420), (PixelFormat::Nv12, nv12)] {
            let pixels = Pixels::new(format, colorimetry, size, Arc::new(planes)).unwrap();
            let rgb = to_rgb(&pixels);
            assert!(rgb.len() == 3 && rgb.iter().zip(expected).all(|(a, b)| a.abs_diff(b) <= 2), "{yuv:?}: {rgb:?}");
        }
    }

    #[test]
    fn known_colours_come_out() {
        use Colorimetry::{Bt601Full, Bt601Limited, Bt709Full, Bt709Limited};
        check(Bt601Limited, [16, 128, 128], [0, 0, 0]);
        check(Bt601Limited, [235, 128, 128], [255, 255, 255]);
        check(Bt601Limited, [81, 90, 240], [255, 0, 0]);
        check(Bt601Limited, [145, 54, 34], [0, 255, 0]);
        check(Bt601Limited, [41, 240, 110], [0, 0, 255]);
        check(Bt709Limited, [63, 102, 240], [255, 0, 0]);
        check(Bt709Limited, [173, 42, 26], [0, 255, 0]);
        check(Bt709Limited, [32, 240, 118], [0, 0, 255]);
        check(Bt601Full, [76, 85, 255], [254, 0, 0]);
        check(Bt709Full, [128, 128, 128], [128, 128, 128]);
    }
}
