//! Still pictures as [`Pixels`]: 8-bit RGB to I420 (BT.601, full range, as in JPEG). Not here: file formats.

use std::sync::Arc;

use crate::base::Size;

use super::{Colorimetry, OwnedPlanes, PixelFormat, Pixels};

/// The picture as I420; `rgb` holds `3 × width × height` bytes, `None` when it holds fewer.
///
/// Chroma is averaged over 2×2 pixels, as every JPEG and camera does.
#[must_use]
pub fn from_rgb(size: Size, rgb: &[u8]) -> Option<Pixels> {
    let (width, height) = (size.width as usize, size.height as usize);
    let rgb = rgb.get(..width.checked_mul(height)?.checked_mul(3)?)?;
    if rgb.is_empty() {
        return None;
    }
    let (chroma_width, chroma_height) = (width.div_ceil(2), height.div_ceil(2));
    let mut luma = vec![0; width * height];
    for (y, pixel) in luma.iter_mut().zip(rgb.as_chunks::<3>().0) {
        *y = level(weigh(*pixel, [0.299, 0.587, 0.114]));
    }
    let mut blue = Vec::with_capacity(chroma_width * chroma_height);
    let mut red = Vec::with_capacity(chroma_width * chroma_height);
    for top in rgb.chunks(2 * 3 * width) {
        for column in 0..chroma_width {
            let (mut cb, mut cr, mut count) = (0.0, 0.0, 0.0);
            for line in top.chunks_exact(3 * width) {
                for pixel in line.as_chunks::<3>().0.iter().skip(2 * column).take(2) {
                    cb += weigh(*pixel, [-0.168_736, -0.331_264, 0.5]);
                    cr += weigh(*pixel, [0.5, -0.418_688, -0.081_312]);
                    count += 1.0;
                }
            }
            blue.push(level(128.0 + cb / count));
            red.push(level(128.0 + cr / count));
        }
    }
    let planes = OwnedPlanes(vec![(luma, width), (blue, chroma_width), (red, chroma_width)]);
    Pixels::new(PixelFormat::I420, Colorimetry::Bt601Full, size, Arc::new(planes)).ok()
}

fn weigh(pixel: [u8; 3], weights: [f32; 3]) -> f32 {
    pixel.iter().zip(weights).map(|(&v, w)| f32::from(v) * w).sum()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to a byte's range")]
fn level(value: f32) -> u8 {
    value.round().clamp(0.0, 255.0) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::letterbox::{ColourOrder, TensorSpec, letterbox_into};

    #[test]
    fn a_flat_colour_comes_back_whatever_the_size() {
        for (width, height) in [(1_u32, 1), (2, 2), (3, 5), (16, 9)] {
            for colour in [[255, 0, 255], [0, 255, 0], [12, 200, 99], [0, 0, 0], [255, 255, 255]] {
                let rgb: Vec<u8> = colour.iter().copied().cycle().take(3 * (width * height) as usize).collect();
                let size = Size { width, height };
                let pixels = from_rgb(size, &rgb).unwrap();
                let spec = TensorSpec { colour: ColourOrder::Rgb, pad: 0, ..TensorSpec::yolox(2, 2) };
                let mut out = [0.0; 12];
                letterbox_into(&pixels, &spec, &mut out);
                for (plane, expected) in out.chunks(4).zip(colour) {
                    assert!((plane[0] - f32::from(expected)).abs() < 2.0, "{colour:?} {width}×{height}: {out:?}");
                }
            }
        }
    }

    #[test]
    fn too_few_bytes_are_no_picture() {
        assert!(from_rgb(Size { width: 4, height: 4 }, &[0; 47]).is_none());
        assert!(from_rgb(Size { width: 0, height: 4 }, &[]).is_none());
        assert!(from_rgb(Size { width: u32::MAX, height: u32::MAX }, &[0; 3]).is_none());
    }
}
