//! Pictures and video for people: a JPEG of a frame with boxes and labels drawn on it, the live view's stream, an
//! alarm's clip; the folder that holds them. Not here: which frame, which packets, when.

mod annexb;
mod clip;
mod draw;
mod folder;
mod live;
mod mp4;
mod order;
mod rgb;
mod surplus;

use image::{ExtendedColorType, ImageFormat, codecs::jpeg::JpegEncoder};

use crate::{
    base::{NormRect, Size},
    frame::Pixels,
};

pub use clip::{Clip, ClipError, clip};
pub use folder::{alarm_clip, alarm_media, alarm_picture, keep, sweep};
pub use live::{LiveStream, Piece};
pub use mp4::BoxError;
pub use rgb::to_rgb;
pub use surplus::{MediaFile, MediaLimits, surplus};

/// JPEG quality, 1..=100: at 85 the boxes' edges stay clean and a 720p picture is about 150 kB.
const QUALITY: u8 = 85;

/// A colour, red, green, blue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colour(pub [u8; 3]);

impl Colour {
    pub const RED: Self = Self([230, 30, 30]);
    pub const AMBER: Self = Self([240, 160, 0]);
    pub const GREEN: Self = Self([20, 170, 60]);
    pub const WHITE: Self = Self([255, 255, 255]);
}

/// A box to be drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct BoxMark {
    /// In fractions of the picture.
    pub rect: NormRect,
    /// Letters, digits and ` .%-_/:#` are drawn; other characters as a small block. Cut at the picture's edge.
    pub text: String,
    pub colour: Colour,
}

/// Why there is no JPEG.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    #[error("a picture of {width}×{height} cannot be a JPEG: sides are 1 to 65535 pixels")]
    Size { width: u32, height: u32 },
    #[error("cannot encode the picture: {0}")]
    Encode(#[from] image::ImageError),
    #[error("the kept picture is damaged: {0}")]
    Damaged(image::ImageError),
}

/// A JPEG of the picture in its native size, with the boxes drawn.
///
/// # Errors
/// A picture without pixels, or too large for JPEG.
pub fn snapshot(pixels: &Pixels, marks: &[BoxMark]) -> Result<Vec<u8>, SnapshotError> {
    let (width, height) = (pixels.size.width, pixels.size.height);
    if !(1..=65_535).contains(&width) || !(1..=65_535).contains(&height) {
        return Err(SnapshotError::Size { width, height });
    }
    encoded(to_rgb(pixels), pixels.size, marks)
}

/// A kept JPEG with boxes drawn on it.
///
/// # Errors
/// The bytes are no JPEG.
pub fn marked(jpeg: &[u8], marks: &[BoxMark]) -> Result<Vec<u8>, SnapshotError> {
    let picture =
        image::load_from_memory_with_format(jpeg, ImageFormat::Jpeg).map_err(SnapshotError::Damaged)?.into_rgb8();
    let size = Size { width: picture.width(), height: picture.height() };
    encoded(picture.into_raw(), size, marks)
}

fn encoded(rgb: Vec<u8>, size: Size, marks: &[BoxMark]) -> Result<Vec<u8>, SnapshotError> {
    let (width, height) = (size.width, size.height);
    let mut canvas = draw::Canvas::new(rgb, size);
    for mark in marks {
        canvas.mark(mark);
    }
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, QUALITY).encode(canvas.bytes(), width, height, ExtendedColorType::Rgb8)?;
    Ok(jpeg)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::frame::{Colorimetry, OwnedPlanes, PixelFormat};

    /// A picture of one colour, given as Y, U, V.
    fn plain(size: Size, format: PixelFormat, yuv: [u8; 3]) -> Pixels {
        let (w, h) = (size.width as usize, size.height as usize);
        let (cw, ch) = (w.div_ceil(2), h.div_ceil(2));
        // Strides wider than the rows, as decoders have them.
        let luma = (vec![yuv[0]; (w + 16) * h], w + 16);
        let planes = match format {
            PixelFormat::I420 => {
                vec![luma, (vec![yuv[1]; (cw + 8) * ch], cw + 8), (vec![yuv[2]; (cw + 8) * ch], cw + 8)]
            }
            PixelFormat::Nv12 => vec![luma, ([yuv[1], yuv[2]].repeat((cw + 4) * ch), 2 * cw + 8)],
        };
        Pixels::new(format, Colorimetry::Bt709Limited, size, Arc::new(OwnedPlanes(planes))).unwrap()
    }

    fn pixel(image: &image::RgbImage, x: u32, y: u32) -> [u8; 3] {
        image.get_pixel(x, y).0
    }

    fn near(a: [u8; 3], b: [u8; 3]) -> bool {
        a.iter().zip(b).all(|(a, b)| a.abs_diff(b) < 40)
    }

    #[test]
    fn a_snapshot_is_a_jpeg_of_the_picture_with_its_boxes() {
        for format in [PixelFormat::I420, PixelFormat::Nv12] {
            for (width, height) in [(320, 240), (321, 241)] {
                let grey = plain(Size { width, height }, format, [126, 128, 128]);
                let rect = NormRect { x0: 0.25, y0: 0.25, x1: 0.75, y1: 0.75 };
                let mark = BoxMark { rect, text: "ebike 0.93".to_owned(), colour: Colour::RED };
                let jpeg = snapshot(&grey, &[mark]).unwrap();
                let image = image::load_from_memory(&jpeg).unwrap().to_rgb8();
                assert_eq!(image.dimensions(), (width, height));
                let middle = pixel(&image, width / 2, height / 2);
                assert!(near(middle, [128; 3]), "{middle:?}");
                let edge = pixel(&image, width / 4 + 1, height / 2);
                assert!(near(edge, Colour::RED.0), "{edge:?}");
                let corner = pixel(&image, 5, 5);
                assert!(near(corner, [128; 3]), "{corner:?}");
                // The label stands above the box: red ground with white letters.
                let label: Vec<_> = (0..60).map(|dx| pixel(&image, width / 4 + dx, height / 4 - 8)).collect();
                assert!(label.iter().any(|p| near(*p, Colour::RED.0)), "{label:?}");
                assert!(label.iter().any(|p| p.iter().all(|c| *c > 180)), "{label:?}");
            }
        }
    }

    #[test]
    fn boxes_outside_or_upside_down_do_no_harm() {
        let tiny = plain(Size { width: 3, height: 3 }, PixelFormat::I420, [16, 128, 128]);
        let marks: Vec<_> = [(-5.0, -5.0, 9.0, 9.0), (0.9, 0.9, 0.1, 0.1), (f32::NAN, 0.0, f32::INFINITY, 1.0)]
            .map(|(x0, y0, x1, y1)| BoxMark {
                rect: NormRect { x0, y0, x1, y1 },
                text: "电动车 long label %".repeat(20),
                colour: Colour::AMBER,
            })
            .into();
        assert!(snapshot(&tiny, &marks).is_ok());
        let none = plain(Size { width: 0, height: 3 }, PixelFormat::I420, [16, 128, 128]);
        assert!(matches!(snapshot(&none, &[]), Err(SnapshotError::Size { .. })));
    }
}
