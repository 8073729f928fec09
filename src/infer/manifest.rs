//! `model.toml`: what a model's weights are, what they take and what they give. Not here: running them.
//! The format is described for users in `docs/models.md`.

use std::{
    fs, io,
    ops::Range,
    path::{Component, Path, PathBuf},
};

use serde::Deserialize;
use sha2::{Digest, Sha256};
use toml::Spanned;

use crate::{
    detect::{
        Label,
        decode::{Family, Thresholds},
    },
    frame::letterbox::{CUT, ColourOrder, Placement, TensorSpec},
};

mod second;

pub use second::SecondModel;

/// The manifest's name in a model's folder.
pub const FILE_NAME: &str = "model.toml";

const MAX_MANIFEST_BYTES: u64 = 64 * 1024;
const MAX_WEIGHTS_BYTES: u64 = 2 * 1024 * 1024 * 1024;
const MAX_SIDE: usize = 4096;
const MAX_CLASSES: usize = 1000;

/// A model folder's contents, checked; weights are read by [`Manifest::weights`] and [`Manifest::second_weights`].
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    pub name: String,
    pub description: String,
    pub licence: String,
    pub origin: String,
    /// The `model.toml` this was read from.
    pub path: PathBuf,
    /// The weights file, inside the model's folder.
    pub weights: PathBuf,
    /// Of the weights file, 64 lower-case hexadecimal digits.
    pub sha256: String,
    /// Where `yunti model fetch` gets the weights.
    pub url: Option<String>,
    /// Name of the network's input.
    pub input: String,
    pub tensor: TensorSpec,
    /// Whether the network may be given less of the canvas than `tensor` says, as much as the pictures need.
    pub fitted: bool,
    pub family: Family,
    pub classes: Vec<Label>,
    pub thresholds: Thresholds,
    /// A classifier that looks again at what the detector takes for a candidate.
    pub second: Option<SecondModel>,
    /// Line of `[file] path`, for messages.
    line: usize,
}

/// Why a model folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    #[error("cannot read {path}: {source}")]
    Read { path: PathBuf, source: io::Error },
    #[error("{path} is larger than {limit} bytes: this is no {what}")]
    TooLarge { path: PathBuf, limit: u64, what: &'static str },
    #[error("{path}: {message}")]
    Parse { path: PathBuf, message: String },
    #[error("{path}, line {line}: {field} {problem}")]
    Field { path: PathBuf, line: usize, field: &'static str, problem: String },
    #[error(
        "{weights}, named in line {line} of {manifest}, does not exist: put the file there, or run `yunti model fetch` if the manifest has a url"
    )]
    NoWeights { manifest: PathBuf, line: usize, weights: PathBuf },
    #[error(
        "{weights} has the SHA-256 {actual}, {manifest} promises {expected}: the file is damaged or another version; fetch it again or correct sha256 in [file]"
    )]
    Hash { manifest: PathBuf, weights: PathBuf, expected: String, actual: String },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ManifestWire {
    name: Spanned<String>,
    #[serde(default)]
    description: String,
    licence: String,
    origin: String,
    file: FileWire,
    input: InputWire,
    output: OutputWire,
    #[serde(default)]
    thresholds: ThresholdsWire,
    second: Option<second::SecondWire>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileWire {
    path: Spanned<String>,
    sha256: Spanned<String>,
    url: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InputWire {
    name: String,
    width: Spanned<usize>,
    height: Spanned<usize>,
    #[serde(default)]
    #[expect(dead_code, reason = "nchw is the only layout so far; the word is checked by its type")]
    layout: LayoutWire,
    colour: ColourWire,
    #[serde(default = "one")]
    scale: Spanned<f32>,
    #[serde(default = "zeros")]
    mean: Spanned<[f32; 3]>,
    #[serde(default = "ones")]
    std: Spanned<[f32; 3]>,
    letterbox: LetterboxWire,
    canvas: Option<Spanned<CanvasWire>>,
    #[serde(default = "grey")]
    pad: u8,
}

fn one() -> Spanned<f32> {
    Spanned::new(0..0, 1.0)
}

fn zeros() -> Spanned<[f32; 3]> {
    Spanned::new(0..0, [0.0; 3])
}

fn ones() -> Spanned<[f32; 3]> {
    Spanned::new(0..0, [1.0; 3])
}

const fn grey() -> u8 {
    114
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "lowercase")]
enum LayoutWire {
    #[default]
    Nchw,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum ColourWire {
    Bgr,
    Rgb,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum LetterboxWire {
    TopLeft,
    Centre,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum CanvasWire {
    Whole,
    Fitted,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OutputWire {
    family: Spanned<FamilyWire>,
    #[serde(default = "no_classes")]
    classes: Spanned<Vec<String>>,
}

fn no_classes() -> Spanned<Vec<String>> {
    Spanned::new(0..0, Vec::new())
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum FamilyWire {
    Yolox,
    Yolov8,
    Yunet,
    Embedding,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ThresholdsWire {
    score: Spanned<f32>,
    nms_iou: Spanned<f32>,
}

impl Default for ThresholdsWire {
    fn default() -> Self {
        Self { score: Spanned::new(0..0, 0.35), nms_iou: Spanned::new(0..0, 0.5) }
    }
}

/// The manifest being checked: where a field stands, for messages.
struct Text<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Text<'_> {
    fn line(&self, span: &Range<usize>) -> usize {
        self.text.as_bytes().iter().take(span.start).filter(|b| **b == b'\n').count() + 1
    }

    fn check<T>(
        &self,
        good: bool,
        field: &'static str,
        at: &Spanned<T>,
        problem: impl FnOnce() -> String,
    ) -> Result<(), ManifestError> {
        if good {
            return Ok(());
        }
        Err(ManifestError::Field { path: self.path.to_owned(), line: self.line(&at.span()), field, problem: problem() })
    }
}

impl Manifest {
    /// Reads and checks `model.toml` in `folder`; does not open the weights.
    ///
    /// # Errors
    /// The file cannot be read, is not TOML, or a field is missing, unknown or out of range.
    pub fn load(folder: &Path) -> Result<Self, ManifestError> {
        let path = folder.join(FILE_NAME);
        let read = |source| ManifestError::Read { path: path.clone(), source };
        if fs::metadata(&path).map_err(read)?.len() > MAX_MANIFEST_BYTES {
            return Err(ManifestError::TooLarge { path, limit: MAX_MANIFEST_BYTES, what: "model manifest" });
        }
        let text = fs::read_to_string(&path).map_err(read)?;
        Self::parse(&path, &text)
    }

    /// Checks the text of the manifest at `path`.
    ///
    /// # Errors
    /// As [`Manifest::load`].
    pub fn parse(path: &Path, text: &str) -> Result<Self, ManifestError> {
        let wire: ManifestWire = toml::from_str(text).map_err(|e| ManifestError::Parse {
            path: path.to_owned(),
            message: e.to_string().trim_end().to_owned(),
        })?;
        let text = Text { path, text };
        let name = wire.name.get_ref();
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
        let named = (1..=64).contains(&name.len()) && name.chars().all(plain);
        text.check(named, "name", &wire.name, || "must be 1 to 64 of a-z, 0-9, `-`, `_` and `.`".to_owned())?;

        let file = &wire.file;
        let (weights, sha256) = weights_file(&text, ["file.path", "file.sha256"], &file.path, &file.sha256)?;
        if let Some(url) = &file.url {
            let secure = url::Url::parse(url.get_ref()).is_ok_and(|u| u.scheme() == "https" && u.has_host());
            text.check(secure, "file.url", url, || "must be an https:// address".to_owned())?;
        }

        let family = *wire.output.family.get_ref();
        let tensor = tensor(&text, &wire.input, family)?;
        let fitted = fitted(&text, &wire.input, family)?;
        let classes = classes(&text, &wire.output)?;
        for (field, value) in
            [("thresholds.score", &wire.thresholds.score), ("thresholds.nms_iou", &wire.thresholds.nms_iou)]
        {
            let within = *value.get_ref() > 0.0 && *value.get_ref() < 1.0;
            text.check(within, field, value, || "must lie between 0 and 1".to_owned())?;
        }
        let second =
            wire.second.as_ref().map(|s| second::checked(&text, s, family, &classes, &wire.thresholds)).transpose()?;
        Ok(Self {
            name: name.clone(),
            description: wire.description,
            licence: wire.licence,
            origin: wire.origin,
            path: path.to_owned(),
            weights,
            sha256,
            url: wire.file.url.map(Spanned::into_inner),
            input: wire.input.name,
            tensor,
            fitted,
            family: match family {
                FamilyWire::Yolox => Family::Yolox,
                FamilyWire::Yolov8 => Family::Yolov8,
                FamilyWire::Yunet => Family::Yunet,
                FamilyWire::Embedding => Family::Embedding,
            },
            classes,
            thresholds: Thresholds {
                score: wire.thresholds.score.into_inner(),
                nms_iou: wire.thresholds.nms_iou.into_inner(),
            },
            second,
            line: text.line(&wire.file.path.span()),
        })
    }

    /// Reads the weights and compares them with the promised SHA-256.
    ///
    /// # Errors
    /// The file is missing, leads out of the folder, is too large, or has another hash.
    pub fn weights(&self) -> Result<Vec<u8>, ManifestError> {
        self.read(&self.weights, &self.sha256, self.line, "file.path")
    }

    /// As [`Manifest::weights`], of the second look's classifier; `None` where the model has none.
    ///
    /// # Errors
    /// As [`Manifest::weights`].
    pub fn second_weights(&self) -> Result<Option<Vec<u8>>, ManifestError> {
        self.second.as_ref().map(|s| self.read(&s.weights, &s.sha256, s.line, "second.path")).transpose()
    }

    /// Whether every file that the manifest names is there; they are not opened.
    #[must_use]
    pub fn complete(&self) -> bool {
        self.weights.is_file() && self.second.as_ref().is_none_or(|s| s.weights.is_file())
    }

    fn read(&self, weights: &Path, sha256: &str, line: usize, field: &'static str) -> Result<Vec<u8>, ManifestError> {
        let read = |source: io::Error| {
            if source.kind() == io::ErrorKind::NotFound {
                ManifestError::NoWeights { manifest: self.path.clone(), line, weights: weights.to_owned() }
            } else {
                ManifestError::Read { path: weights.to_owned(), source }
            }
        };
        let folder = self.path.parent().map_or_else(|| Path::new(".").to_owned(), Path::to_owned);
        let folder = if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder };
        let resolved = weights.canonicalize().map_err(read)?;
        if !resolved.starts_with(folder.canonicalize().map_err(read)?) {
            return Err(ManifestError::Field {
                path: self.path.clone(),
                line,
                field,
                problem: "leads out of the model's folder by a link: copy the file there".to_owned(),
            });
        }
        if fs::metadata(&resolved).map_err(read)?.len() > MAX_WEIGHTS_BYTES {
            return Err(ManifestError::TooLarge { path: resolved, limit: MAX_WEIGHTS_BYTES, what: "model file" });
        }
        let bytes = fs::read(&resolved).map_err(read)?;
        let actual = sha256_hex(&bytes);
        if actual == sha256 {
            return Ok(bytes);
        }
        Err(ManifestError::Hash {
            manifest: self.path.clone(),
            weights: weights.to_owned(),
            expected: sha256.to_owned(),
            actual,
        })
    }
}

/// A weights file's path, inside the manifest's folder, and its hash in lower case.
fn weights_file(
    text: &Text<'_>,
    [path_field, hash_field]: [&'static str; 2],
    path: &Spanned<String>,
    sha256: &Spanned<String>,
) -> Result<(PathBuf, String), ManifestError> {
    let relative = Path::new(path.get_ref());
    let inside = !path.get_ref().is_empty() && relative.components().all(|c| matches!(c, Component::Normal(_)));
    text.check(inside, path_field, path, || "must name a file inside the model's folder".to_owned())?;
    let lower = sha256.get_ref().to_ascii_lowercase();
    let hexadecimal = lower.len() == 64 && lower.bytes().all(|b| b.is_ascii_hexdigit());
    text.check(hexadecimal, hash_field, sha256, || {
        "must be 64 hexadecimal digits, as `sha256sum` prints them".to_owned()
    })?;
    Ok((text.path.parent().unwrap_or(Path::new("")).join(relative), lower))
}

/// SHA-256 as 64 lower-case hexadecimal digits.
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn tensor(text: &Text<'_>, input: &InputWire, family: FamilyWire) -> Result<TensorSpec, ManifestError> {
    for (field, side) in [("input.width", &input.width), ("input.height", &input.height)] {
        let step = if matches!(family, FamilyWire::Embedding) { 1 } else { CUT };
        let good = (1..=MAX_SIDE).contains(side.get_ref()) && side.get_ref() % step == 0;
        text.check(good, field, side, || format!("must be a multiple of {step}, at most {MAX_SIDE}"))?;
    }
    let scale = *input.scale.get_ref();
    text.check(scale.is_finite() && scale != 0.0, "input.scale", &input.scale, || {
        "must be a number other than 0".to_owned()
    })?;
    text.check(input.mean.get_ref().iter().all(|v| v.is_finite()), "input.mean", &input.mean, || {
        "must hold numbers".to_owned()
    })?;
    text.check(input.std.get_ref().iter().all(|v| v.is_finite() && *v != 0.0), "input.std", &input.std, || {
        "must hold numbers other than 0".to_owned()
    })?;
    Ok(TensorSpec {
        width: *input.width.get_ref(),
        height: *input.height.get_ref(),
        colour: match input.colour {
            ColourWire::Bgr => ColourOrder::Bgr,
            ColourWire::Rgb => ColourOrder::Rgb,
        },
        scale,
        mean: *input.mean.get_ref(),
        std: *input.std.get_ref(),
        placement: match input.letterbox {
            LetterboxWire::TopLeft => Placement::TopLeft,
            LetterboxWire::Centre => Placement::Centre,
        },
        pad: input.pad,
    })
}

/// Whether the canvas may be cut to what pictures need.
fn fitted(text: &Text<'_>, input: &InputWire, family: FamilyWire) -> Result<bool, ManifestError> {
    let Some(canvas) = &input.canvas else { return Ok(false) };
    let fitted = matches!(canvas.get_ref(), CanvasWire::Fitted);
    text.check(!fitted || matches!(input.letterbox, LetterboxWire::TopLeft), "input.canvas", canvas, || {
        "can be \"fitted\" only where letterbox is \"top-left\"".to_owned()
    })?;
    text.check(!fitted || !matches!(family, FamilyWire::Embedding), "input.canvas", canvas, || {
        "can be \"fitted\" only for a detector, not for an embedding".to_owned()
    })?;
    Ok(fitted)
}

fn classes(text: &Text<'_>, output: &OutputWire) -> Result<Vec<Label>, ManifestError> {
    let given = output.classes.get_ref();
    let at = if given.is_empty() { &Spanned::new(output.family.span(), Vec::new()) } else { &output.classes };
    let (fits, problem) = match output.family.get_ref() {
        FamilyWire::Yolox | FamilyWire::Yolov8 => (
            (1..=MAX_CLASSES).contains(&given.len()),
            format!("must list 1 to {MAX_CLASSES} names in the model's order"),
        ),
        FamilyWire::Yunet => (given.len() == 1, "must list one name, e.g. [\"face\"]".to_owned()),
        FamilyWire::Embedding => (given.is_empty(), "must be left out: an embedding has no classes".to_owned()),
    };
    text.check(fits, "output.classes", at, || problem)?;
    for (i, name) in given.iter().enumerate() {
        text.check((1..=64).contains(&name.len()), "output.classes", at, || {
            format!("has a name that is empty or longer than 64 bytes at place {i}")
        })?;
        text.check(!given[..i].contains(name), "output.classes", at, || format!("lists `{name}` twice"))?;
    }
    Ok(given.iter().map(|name| Label::new(name)).collect())
}

#[cfg(test)]
pub(crate) mod tests;
