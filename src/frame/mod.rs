//! Decoded pictures and the one pass from pixels to tensor. Not here: where pictures come from, what is in them.

pub mod letterbox;
pub mod still;

use std::{fmt, sync::Arc};

use crate::base::{CameraId, FrameSeq, Mono, Size};

/// How a decoded picture's planes are laid out (8 bits, 4:2:0).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PixelFormat {
    /// Three planes: Y, then U and V at half width and half height (rounded up).
    I420,
    /// Two planes: Y, then interleaved U and V at half height.
    Nv12,
}

/// YUV → RGB coefficients and range of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Colorimetry {
    /// ITU-R BT.601, 16–235.
    Bt601Limited,
    /// ITU-R BT.601, 0–255 (JPEG).
    Bt601Full,
    /// ITU-R BT.709, 16–235.
    Bt709Limited,
    /// ITU-R BT.709, 0–255.
    Bt709Full,
}

/// Bytes of a decoder's own buffer, mapped and not copied.
pub trait PixelBuffer: Send + Sync {
    /// The bytes of plane `index` (0 = Y) and its stride in bytes; empty for a plane the format lacks.
    fn plane(&self, index: usize) -> (&[u8], usize);
}

/// A decoded picture of native size, reference-counted.
#[derive(Clone)]
pub struct Pixels {
    pub format: PixelFormat,
    pub colorimetry: Colorimetry,
    pub size: Size,
    buffer: Arc<dyn PixelBuffer>,
}

/// A buffer whose planes are smaller than its picture's size needs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("plane {plane} of a {width}×{height} picture holds {actual} bytes, at least {needed} are needed")]
pub struct ShortPlane {
    plane: usize,
    width: u32,
    height: u32,
    actual: usize,
    needed: usize,
}

impl Pixels {
    /// Checks that every plane holds what `size` and `format` need, so that later passes may index freely.
    ///
    /// # Errors
    /// A plane too short for its size and stride, or a stride shorter than a row.
    pub fn new(
        format: PixelFormat,
        colorimetry: Colorimetry,
        size: Size,
        buffer: Arc<dyn PixelBuffer>,
    ) -> Result<Self, ShortPlane> {
        let (width, height) = (size.width as usize, size.height as usize);
        let chroma = (width.div_ceil(2), height.div_ceil(2));
        let rows: &[(usize, usize)] = match format {
            PixelFormat::I420 => &[(width, height), chroma, chroma],
            PixelFormat::Nv12 => &[(width, height), (2 * chroma.0, chroma.1)],
        };
        for (plane, &(row, count)) in rows.iter().enumerate() {
            let (bytes, stride) = buffer.plane(plane);
            let needed = if count == 0 { 0 } else { stride.max(row) * (count - 1) + row };
            if stride < row || bytes.len() < needed {
                return Err(ShortPlane { plane, width: size.width, height: size.height, actual: bytes.len(), needed });
            }
        }
        Ok(Self { format, colorimetry, size, buffer })
    }

    /// The bytes of plane `index` (0 = Y) and its stride in bytes.
    #[must_use]
    pub fn plane(&self, index: usize) -> (&[u8], usize) {
        self.buffer.plane(index)
    }
}

impl fmt::Debug for Pixels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}×{}", self.format, self.size.width, self.size.height)
    }
}

/// Planes in plain memory: for still pictures and tests.
pub struct OwnedPlanes(pub Vec<(Vec<u8>, usize)>);

impl PixelBuffer for OwnedPlanes {
    fn plane(&self, index: usize) -> (&[u8], usize) {
        self.0.get(index).map_or((&[], 0), |(bytes, stride)| (bytes, *stride))
    }
}

/// One decoded frame of one camera.
#[derive(Debug, Clone)]
pub struct Frame {
    pub camera: CameraId,
    pub seq: FrameSeq,
    /// When the last packet of this frame arrived from the camera.
    pub captured: Mono,
    /// When the decoder handed it over.
    pub decoded: Mono,
    pub pixels: Pixels,
}
