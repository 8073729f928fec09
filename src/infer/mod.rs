//! Models and the engines that run them. Not here: who waits for a batch (`flow`), what detections mean (`rule`).
//!
//! A model is a folder: `model.toml` ([`Manifest`]) and weights. [`ModelLibrary`] lists the folders; an [`Engine`] runs
//! one model on [`Batch`]es. [`onnx`] is the only file that names the inference library.

pub mod batch;
pub mod library;
pub mod manifest;
pub mod onnx;

use std::{fmt, path::PathBuf, str::FromStr, time::Duration};

use crate::detect::{Detections, decode::OutputShape};

pub use batch::{Batch, BatchError};
pub use library::{ModelFolder, ModelLibrary, UnknownModel};
pub use manifest::{Manifest, ManifestError};

/// Runs one model. Owned by one thread.
pub trait Engine {
    /// What the model sees in each picture of the batch, in the batch's order.
    ///
    /// # Errors
    /// The run failed on every provider that was left, or an output's shape is not what the manifest promises.
    fn infer(&mut self, batch: &Batch) -> Result<Vec<Detections>, InferError>;

    /// How it runs, as far as known now.
    fn report(&self) -> &EngineReport;
}

/// What runs the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Provider {
    TensorRt,
    Cuda,
    OpenVino,
    Cpu,
}

impl Provider {
    /// Every provider, the fastest first.
    pub const ALL: [Self; 4] = [Self::TensorRt, Self::Cuda, Self::OpenVino, Self::Cpu];

    /// Whether a picture is worth waiting for company: batches gain nothing on a CPU.
    #[must_use]
    pub const fn is_accelerator(self) -> bool {
        matches!(self, Self::TensorRt | Self::Cuda)
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TensorRt => "tensorrt",
            Self::Cuda => "cuda",
            Self::OpenVino => "openvino",
            Self::Cpu => "cpu",
        })
    }
}

/// A word that names no provider.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no execution provider: choose from tensorrt, cuda, openvino, cpu")]
pub struct UnknownProvider(String);

impl FromStr for Provider {
    type Err = UnknownProvider;

    fn from_str(text: &str) -> Result<Self, UnknownProvider> {
        Self::ALL
            .into_iter()
            .find(|p| p.to_string() == text.to_ascii_lowercase())
            .ok_or_else(|| UnknownProvider(text.to_owned()))
    }
}

/// How an engine is to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineOptions {
    /// In order of preference; CPU is tried last even when it is not named.
    pub providers: Vec<Provider>,
    /// Never more pictures than this in one run.
    pub max_batch: usize,
    /// Time limit for finding the best batch size; zero: one picture at a time, not measured.
    pub calibration: Duration,
    /// Where TensorRT keeps the engines it builds; `None`: nowhere.
    pub cache: Option<PathBuf>,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self { providers: Provider::ALL.to_vec(), max_batch: 16, calibration: Duration::from_millis(1500), cache: None }
    }
}

/// How an engine runs: for `GET /api/v1/system` and the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineReport {
    pub model: String,
    pub provider: Provider,
    /// Providers that were asked for first, each with the reason why it is not used.
    pub refused: Vec<(Provider, String)>,
    /// Measured at start: pictures per run and the time of such a run.
    pub calibration: Vec<(usize, Duration)>,
    /// The batch size with the least time per picture.
    pub best_batch: usize,
}

/// Why a model does not run.
#[derive(Debug, thiserror::Error)]
pub enum InferError {
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    #[error(
        "the ONNX Runtime library cannot be used: {reason}; `make setup` fetches it, or name a libonnxruntime.so (1.24 or later) by ORT_DYLIB_PATH or inference.library"
    )]
    Library { reason: String },
    #[error("model `{model}`: {weights} cannot be loaded: {reason}")]
    Load { model: String, weights: PathBuf, reason: String },
    #[error("model `{model}`: input {problem}; correct [{table}] of {manifest} or export the model again")]
    Input { model: String, manifest: PathBuf, table: &'static str, problem: String },
    #[error("model `{model}`: {shape}; correct [input], [output] of {manifest} or export the model again")]
    Output { model: String, manifest: PathBuf, shape: Box<OutputShape> },
    #[error("model `{model}` gives a vector per picture (family embedding), it cannot look for objects")]
    NoDetector { model: String },
    #[error("model `{model}` failed while running: {reason}")]
    Run { model: String, reason: String },
}
