//! `yunti detect`: what a model sees in picture files, without a server. Not here: arguments (`main.rs`).

use std::{
    fmt::Write as _,
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use image::{DynamicImage, ImageDecoder, ImageReader, Limits};
use serde::Serialize;

use crate::{
    base::{CameraId, FrameSeq, Size, clock},
    detect::Detections,
    frame::{Frame, Pixels, still},
    infer::{
        Batch, Engine, EngineOptions, InferError, ModelLibrary, UnknownModel,
        onnx::{OnnxEngine, Runtime},
    },
};

/// The model that is used when none is named.
pub const DEFAULT_MODEL: &str = "ebike";

const MAX_FILE_BYTES: u64 = 128 * 1024 * 1024;
/// Decoded and as I420 such a picture takes some 500 MB.
const MAX_PIXELS: u64 = 100_000_000;
const MAX_SIDE: u32 = 30_000;

/// What to look at, and how.
#[derive(Debug, Clone)]
pub struct DetectRequest {
    /// [`DEFAULT_MODEL`] when `None`.
    pub model: Option<String>,
    pub images: Vec<PathBuf>,
    /// A JSON line per picture instead of text.
    pub json: bool,
    /// Folders of model folders.
    pub models: Vec<PathBuf>,
    /// `libonnxruntime.so`; the usual places when `None`.
    pub library: Option<PathBuf>,
    pub options: EngineOptions,
}

/// Why nothing was looked at, or the result could not be written.
#[derive(Debug, thiserror::Error)]
pub enum DetectError {
    #[error(transparent)]
    Model(#[from] UnknownModel),
    #[error(transparent)]
    Infer(#[from] InferError),
    #[error("cannot write the result: {0}")]
    Output(#[from] io::Error),
}

/// Why one picture was left out.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    #[error("cannot read it: {0}")]
    Read(#[from] io::Error),
    #[error("it is no regular file")]
    NoFile,
    #[error("the file has {bytes} bytes, at most {MAX_FILE_BYTES} are read")]
    LargeFile { bytes: u64 },
    #[error(
        "it is {width}×{height} pixels, at most {MAX_PIXELS} in all and {MAX_SIDE} a side are read: make it smaller"
    )]
    Huge { width: u32, height: u32 },
    #[error("it cannot be decoded ({0}): give a JPEG, PNG or BMP")]
    Decode(#[from] image::ImageError),
    #[error("it has no pixels")]
    Empty,
}

#[derive(Serialize)]
struct PictureWire<'a> {
    image: String,
    width: u32,
    height: u32,
    detections: Vec<DetectionWire<'a>>,
}

#[derive(Serialize)]
struct DetectionWire<'a> {
    label: &'a str,
    score: f64,
    /// Pixels: left, top, right, bottom.
    #[serde(rename = "box")]
    corners: [f64; 4],
}

/// Looks at each picture in turn and writes a line for it to `out`; a picture that cannot be read gets a line on
/// `errors` and the rest are still done. Returns how many could not be read: the exit status is 1 when there are any.
///
/// # Errors
/// The model is unknown or does not run, or `out` cannot be written.
pub fn detect(request: &DetectRequest, out: &mut dyn Write, errors: &mut dyn Write) -> Result<usize, DetectError> {
    let library = ModelLibrary::load(&request.models);
    let manifest = library.get(request.model.as_deref().unwrap_or(DEFAULT_MODEL))?;
    let runtime = Runtime::load(request.library.as_deref())?;
    let mut engine = OnnxEngine::open(&runtime, manifest, &request.options)?;
    let mut failed = 0;
    for path in &request.images {
        let pixels = match read_picture(path) {
            Ok(pixels) => pixels,
            Err(e) => {
                failed += 1;
                writeln!(errors, "{}: {e}", path.display())?;
                continue;
            }
        };
        let now = clock::mono();
        let frame = Frame { camera: CameraId::from_u128(0), seq: FrameSeq(0), captured: now, decoded: now, pixels };
        let seen = engine.infer(&Batch::single(frame))?;
        for detections in &seen {
            writeln!(out, "{}", if request.json { json_line(path, detections) } else { text_line(path, detections) })?;
        }
    }
    out.flush()?;
    Ok(failed)
}

/// Reads a JPEG, PNG or BMP, turned as its EXIF orientation says.
///
/// # Errors
/// The file is missing, broken, of another kind, or larger than a picture should be.
pub fn read_picture(path: &Path) -> Result<Pixels, PictureError> {
    let file = fs::metadata(path)?;
    if !file.is_file() {
        return Err(PictureError::NoFile);
    }
    if file.len() > MAX_FILE_BYTES {
        return Err(PictureError::LargeFile { bytes: file.len() });
    }
    let mut reader = ImageReader::open(path)?.with_guessed_format()?;
    let mut limits = Limits::default();
    limits.max_alloc = Some(8 * MAX_PIXELS);
    reader.limits(limits);
    let mut decoder = reader.into_decoder()?;
    let (width, height) = decoder.dimensions();
    if width > MAX_SIDE || height > MAX_SIDE || u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(PictureError::Huge { width, height });
    }
    let orientation = decoder.orientation()?;
    let mut picture = DynamicImage::from_decoder(decoder)?;
    picture.apply_orientation(orientation);
    let rgb = picture.into_rgb8();
    let size = Size { width: rgb.width(), height: rgb.height() };
    still::from_rgb(size, rgb.as_raw()).ok_or(PictureError::Empty)
}

fn json_line(path: &Path, detections: &Detections) -> String {
    let wire = PictureWire {
        image: path.to_string_lossy().into_owned(),
        width: detections.size.width,
        height: detections.size.height,
        detections: detections
            .items
            .iter()
            .map(|d| {
                let r = d.rect.to_pixels(detections.size);
                DetectionWire {
                    label: d.label.as_str(),
                    score: rounded(d.score, 10_000.0),
                    corners: [r.x0, r.y0, r.x1, r.y1].map(|v| rounded(v, 10.0)),
                }
            })
            .collect(),
    };
    // A struct of texts and finite numbers always has a JSON form.
    serde_json::to_string(&wire).unwrap_or_default()
}

fn rounded(value: f32, steps: f64) -> f64 {
    (f64::from(value) * steps).round() / steps
}

fn text_line(path: &Path, detections: &Detections) -> String {
    let mut line = format!("{}: {}×{}", path.display(), detections.size.width, detections.size.height);
    if detections.items.is_empty() {
        line.push_str(", nothing");
    }
    for d in &detections.items {
        let r = d.rect.to_pixels(detections.size);
        let _ = write!(line, ", {} {:.2} at {:.0},{:.0}–{:.0},{:.0}", d.label, d.score, r.x0, r.y0, r.x1, r.y1);
    }
    line
}
