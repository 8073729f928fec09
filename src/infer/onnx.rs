//! Runs models by ONNX Runtime: with its folder the only place that names `ort`. Not here: manifests, batches, reading outputs.
//!
//! The library is loaded at run time, once per process. An engine belongs to one thread; each session has one
//! intra-op thread (the owner's own) and does not spin. On small nets more threads buy nothing; more engines do.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use ort::{
    environment::Environment,
    logging::LogLevel,
    session::{Session, SessionOutputs},
    value::TensorRef,
};

use crate::{
    base::{Size, clock},
    detect::{
        Detection, Detections, Stamps,
        decode::{Decoder, Family, Output, OutputShape},
    },
    frame::{
        Frame,
        letterbox::{Letterbox, TensorSpec, letterbox_into},
    },
    telemetry,
};

use second::Second;
use session::{Net, check_input, declared, open_session};

use super::{Batch, Engine, EngineOptions, EngineReport, InferError, Manifest, Provider};

mod second;
mod session;

/// Batch sizes that calibration tries, as far as they are allowed and still gain.
const BATCH_SIZES: [usize; 6] = [1, 2, 4, 8, 16, 32];
/// A larger batch must save at least this share of the time per picture.
const WORTH_IT: f64 = 0.95;
const CALIBRATION_RUNS: usize = 3;
/// A picture as most cameras make them, for a network's first run.
const BLANK: Size = Size { width: 16, height: 9 };

/// The loaded ONNX Runtime library.
#[derive(Clone)]
pub struct Runtime {
    environment: Environment,
    library: PathBuf,
}

impl Runtime {
    /// Loads the library, once per process: a later call gets the same one, whatever its path.
    ///
    /// Looked for: `library` if given, else `.deps/onnxruntime-current/libonnxruntime.so` under the current directory
    /// and beside the program, else the system's `libonnxruntime.so`.
    ///
    /// # Errors
    /// It is not there, is older than 1.24, or cannot be loaded.
    pub fn load(library: Option<&Path>) -> Result<Self, InferError> {
        static LOADED: Mutex<Option<Runtime>> = Mutex::new(None);
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(runtime) = &*loaded {
            return Ok(runtime.clone());
        }
        let path = match library {
            Some(path) => {
                path.canonicalize().map_err(|e| InferError::Library { reason: format!("{}: {e}", path.display()) })?
            }
            None => {
                usual_places().into_iter().find_map(|p| p.canonicalize().ok()).unwrap_or("libonnxruntime.so".into())
            }
        };
        let failed = |e: &dyn std::fmt::Display| InferError::Library { reason: e.to_string() };
        let environment = ort::init_from(&path)
            .map_err(|e| failed(&e))?
            .with_name("yunti")
            .with_telemetry(false)
            .with_logger(Arc::new(log))
            .build()
            .map_err(|e| failed(&e))?;
        environment.set_log_level(LogLevel::Warning);
        let runtime = Self { environment, library: path };
        *loaded = Some(runtime.clone());
        Ok(runtime)
    }

    /// The file it was loaded from.
    #[must_use]
    pub fn library(&self) -> &Path {
        &self.library
    }

    /// Branch and commit that the library was built from.
    #[must_use]
    pub fn build_info(&self) -> String {
        let info = ort::info().trim_start_matches("ORT Build Info: ");
        info.split(", ").take(2).collect::<Vec<_>>().join(", ")
    }
}

fn usual_places() -> Vec<PathBuf> {
    let file = "onnxruntime-current/libonnxruntime.so";
    let beside = std::env::current_exe().ok().and_then(|exe| Some(exe.parent()?.to_owned()));
    let mut places = vec![PathBuf::from(".deps").join(file)];
    if let Some(beside) = beside {
        places.push(beside.join(".deps").join(file));
        places.push(beside.join("libonnxruntime.so"));
    }
    places
}

fn log(level: LogLevel, category: &str, _id: &str, location: &str, message: &str) {
    match level {
        LogLevel::Verbose | LogLevel::Info => tracing::trace!(category, location, "onnxruntime: {message}"),
        LogLevel::Warning => tracing::debug!(category, location, "onnxruntime: {message}"),
        LogLevel::Error | LogLevel::Fatal => tracing::warn!(category, location, "onnxruntime: {message}"),
    }
}

/// One model on one provider.
pub struct OnnxEngine {
    runtime: Runtime,
    manifest: Manifest,
    decoder: Decoder,
    options: EngineOptions,
    session: Session,
    weights: Arc<[u8]>,
    /// The classifier of the second look, if the model has one, and its weights.
    second: Option<Second>,
    second_weights: Option<Arc<[u8]>>,
    /// Pictures per run that the network allows.
    most: usize,
    /// The batch tensor, kept from run to run.
    tensor: Vec<f32>,
    report: EngineReport,
}

impl OnnxEngine {
    /// Reads the weights, takes the first provider that really runs them, and finds the best batch size.
    ///
    /// # Errors
    /// The weights are missing or have another hash; no provider can run them; inputs or outputs are not what the
    /// manifest promises; the model is no detector.
    pub fn open(runtime: &Runtime, manifest: &Manifest, options: &EngineOptions) -> Result<Self, InferError> {
        if manifest.family == Family::Embedding {
            return Err(InferError::NoDetector { model: manifest.name.clone() });
        }
        Self::open_any(runtime, manifest, options)
    }

    /// Loads, runs and measures a model of any family: what `yunti model check` does.
    ///
    /// # Errors
    /// As [`OnnxEngine::open`], save that embeddings are welcome.
    pub fn check(runtime: &Runtime, manifest: &Manifest, options: &EngineOptions) -> Result<EngineReport, InferError> {
        Self::open_any(runtime, manifest, options).map(|engine| engine.report)
    }

    fn open_any(runtime: &Runtime, manifest: &Manifest, options: &EngineOptions) -> Result<Self, InferError> {
        let weights: Arc<[u8]> = manifest.weights()?.into();
        let second_weights: Option<Arc<[u8]>> = manifest.second_weights()?.map(Into::into);
        let (width, height) = (manifest.tensor.width, manifest.tensor.height);
        let mut decoder = Decoder::new(manifest.family, manifest.classes.clone(), width, height, manifest.thresholds);
        if let Some(second) = &manifest.second {
            decoder = decoder.with_floor(&second.look.candidate, second.look.floor);
        }
        let mut refused = Vec::new();
        let mut wanted: Vec<Provider> = options.providers.iter().copied().filter(|p| *p != Provider::Cpu).collect();
        wanted.push(Provider::Cpu);
        for provider in wanted {
            let session = match open_session(runtime, &Net::of(manifest), options, &weights, provider) {
                Ok(session) => session,
                Err(reason) if provider == Provider::Cpu => {
                    return Err(InferError::Load {
                        model: manifest.name.clone(),
                        weights: manifest.weights.clone(),
                        reason,
                    });
                }
                Err(reason) => {
                    tracing::info!(model = manifest.name, %provider, reason, "provider not used");
                    refused.push((provider, reason));
                    continue;
                }
            };
            let most = check_declared(&session, manifest, &decoder)?.min(options.max_batch.max(1));
            let second = match Second::open(runtime, manifest, options, second_weights.as_deref(), provider) {
                Ok(second) => second,
                Err(e @ (InferError::Input { .. } | InferError::Output { .. })) => return Err(e),
                Err(e) if provider == Provider::Cpu => return Err(e),
                Err(e) => {
                    refused.push((provider, e.to_string()));
                    continue;
                }
            };
            let report = EngineReport {
                model: manifest.name.clone(),
                provider,
                refused: refused.clone(),
                calibration: Vec::new(),
                best_batch: 1,
            };
            let mut engine = Self {
                runtime: runtime.clone(),
                manifest: manifest.clone(),
                decoder: decoder.clone(),
                options: options.clone(),
                session,
                weights: Arc::clone(&weights),
                second,
                second_weights: second_weights.clone(),
                most,
                tensor: Vec::new(),
                report,
            };
            match engine.calibrate() {
                Ok(()) => return Ok(engine),
                Err(e @ InferError::Output { .. }) => return Err(e),
                Err(e) if provider == Provider::Cpu => return Err(e),
                Err(e) => refused.push((provider, e.to_string())),
            }
        }
        Err(InferError::Run { model: manifest.name.clone(), reason: "no provider is left".to_owned() })
    }

    /// Runs blank pictures: one to see that the model works at all (and one on a part of the canvas, where it is given such),
    /// then each batch size as long as it gains.
    fn calibrate(&mut self) -> Result<(), InferError> {
        let begun = clock::mono();
        let whole = self.manifest.tensor;
        self.fill_blank(1);
        self.run_blank(1, &whole)?;
        let part = self.canvas([BLANK]);
        if part != whole {
            self.run_blank(1, &part)?;
        }
        self.report.best_batch = 1;
        let mut best = f64::INFINITY;
        if self.options.calibration.is_zero() {
            return Ok(());
        }
        let most = self.most;
        for size in BATCH_SIZES.into_iter().filter(|size| *size <= most) {
            self.fill_blank(size);
            let mut times = Vec::with_capacity(CALIBRATION_RUNS);
            // The first run of a size pays for its memory.
            for run in 0..=CALIBRATION_RUNS {
                let start = clock::mono();
                if let Err(e) = self.run_blank(size, &whole) {
                    if size == 1 {
                        return Err(e);
                    }
                    tracing::info!(model = self.manifest.name, size, error = %e, "the model does not take this batch size");
                    self.most = self.report.best_batch;
                    return Ok(());
                }
                if run > 0 {
                    times.push(clock::mono().since(start));
                }
            }
            times.sort_unstable();
            let median = times[times.len() / 2];
            self.report.calibration.push((size, median));
            let each = median.as_secs_f64() / f64::from(u32::try_from(size).unwrap_or(u32::MAX));
            if each >= best * WORTH_IT {
                break;
            }
            best = each;
            self.report.best_batch = size;
            // The next size takes about twice this one's four runs.
            if clock::mono().since(begun) + median * 8 > self.options.calibration {
                break;
            }
        }
        Ok(())
    }

    fn fill_blank(&mut self, pictures: usize) {
        self.tensor.resize(pictures * self.manifest.tensor.len(), 0.0);
    }

    fn run_blank(&mut self, pictures: usize, canvas: &TensorSpec) -> Result<(), InferError> {
        let letterbox = Letterbox::of(BLANK, canvas);
        let Self { session, decoder, manifest, tensor, .. } = self;
        let outputs = run(session, canvas, &tensor[..pictures * canvas.len()], pictures)
            .map_err(|reason| InferError::Run { model: manifest.name.clone(), reason })?;
        read(&outputs, manifest, |outputs| decoder.decode(outputs, pictures - 1, canvas, &letterbox)).map(drop)
    }

    /// What the network is given for pictures of these sizes: the whole canvas, or as much of it as they need. Accelerators
    /// build their programs for one shape, so that only the CPU gets a part.
    fn canvas(&self, sizes: impl IntoIterator<Item = Size>) -> TensorSpec {
        if self.manifest.fitted && self.report.provider == Provider::Cpu {
            self.manifest.tensor.fitted(sizes)
        } else {
            self.manifest.tensor
        }
    }

    /// Up to `most` pictures through the network, what is seen in each.
    fn infer_some(&mut self, frames: &[Frame]) -> Result<Vec<Vec<Detection>>, InferError> {
        let canvas = self.canvas(frames.iter().map(|frame| frame.pixels.size));
        let length = canvas.len();
        let start = clock::mono();
        self.tensor.resize(self.tensor.len().max(frames.len() * length), 0.0);
        let letterboxes: Vec<_> = frames
            .iter()
            .zip(self.tensor.chunks_exact_mut(length))
            .map(|(frame, slot)| letterbox_into(&frame.pixels, &canvas, slot))
            .collect();
        telemetry::stage("tensor", clock::mono().since(start));
        loop {
            let start = clock::mono();
            let Self { session, decoder, manifest, tensor, .. } = self;
            let result = run(session, &canvas, &tensor[..frames.len() * length], frames.len()).map(|outputs| {
                telemetry::stage("infer", clock::mono().since(start));
                read(&outputs, manifest, |outputs| {
                    letterboxes.iter().enumerate().map(|(i, l)| decoder.decode(outputs, i, &canvas, l)).collect()
                })
            });
            match result {
                Ok(seen) => return self.look_again(seen?, &canvas, &letterboxes),
                Err(reason) if self.report.provider == Provider::Cpu => {
                    return Err(InferError::Run { model: self.manifest.name.clone(), reason });
                }
                Err(reason) => self.fall_back(&reason)?,
            }
        }
    }

    /// What the second look makes of what the detector saw in the pictures of the tensor.
    fn look_again(
        &mut self,
        mut seen: Vec<Vec<Detection>>,
        canvas: &TensorSpec,
        letterboxes: &[Letterbox],
    ) -> Result<Vec<Vec<Detection>>, InferError> {
        let start = clock::mono();
        loop {
            let Self { second: Some(second), manifest, tensor, .. } = self else { return Ok(seen) };
            match second.look(manifest, canvas, tensor, letterboxes, &mut seen) {
                Ok(()) => {
                    telemetry::stage("second_look", clock::mono().since(start));
                    return Ok(seen);
                }
                Err(e) if self.report.provider == Provider::Cpu => return Err(e),
                Err(e) => self.fall_back(&e.to_string())?,
            }
        }
    }

    /// The accelerator failed while running: from now on the CPU.
    fn fall_back(&mut self, reason: &str) -> Result<(), InferError> {
        let failed = self.report.provider;
        tracing::error!(model = self.manifest.name, provider = %failed, reason, "provider failed, falling back to the CPU");
        self.report.refused.push((failed, format!("failed while running: {reason}")));
        let net = Net::of(&self.manifest);
        self.session = open_session(&self.runtime, &net, &self.options, &self.weights, Provider::Cpu)
            .map_err(|reason| InferError::Run { model: self.manifest.name.clone(), reason })?;
        let weights = self.second_weights.as_deref();
        self.second = Second::open(&self.runtime, &self.manifest, &self.options, weights, Provider::Cpu)?;
        self.report.provider = Provider::Cpu;
        self.report.calibration.clear();
        self.report.best_batch = 1;
        Ok(())
    }
}

impl Engine for OnnxEngine {
    fn infer(&mut self, batch: &Batch) -> Result<Vec<Detections>, InferError> {
        let mut all = Vec::with_capacity(batch.frames().len());
        for frames in batch.frames().chunks(self.most) {
            let seen = self.infer_some(frames)?;
            let inferred = clock::mono();
            all.extend(frames.iter().zip(seen).map(|(frame, items)| Detections {
                camera: frame.camera,
                seq: frame.seq,
                size: frame.pixels.size,
                stamps: Stamps { captured: frame.captured, decoded: frame.decoded, inferred },
                items,
            }));
        }
        Ok(all)
    }

    fn report(&self) -> &EngineReport {
        &self.report
    }
}

/// Compares what the network declares with the manifest; returns the pictures per run that it allows.
fn check_declared(session: &Session, manifest: &Manifest, decoder: &Decoder) -> Result<usize, InferError> {
    let most = check_input(session, &Net::of(manifest)).map_err(|problem| InferError::Input {
        model: manifest.name.clone(),
        manifest: manifest.path.clone(),
        table: "input",
        problem,
    })?;
    let outputs: Vec<(String, Vec<Option<usize>>)> =
        session.outputs().iter().map(|o| (o.name().to_owned(), declared(o.dtype()))).collect();
    decoder.check(&outputs).map_err(|shape| InferError::Output {
        model: manifest.name.clone(),
        manifest: manifest.path.clone(),
        shape: Box::new(shape),
    })?;
    Ok(most)
}

fn run<'s>(
    session: &'s mut Session,
    canvas: &TensorSpec,
    tensor: &[f32],
    pictures: usize,
) -> Result<SessionOutputs<'s>, String> {
    let shape = [pictures, 3, canvas.height, canvas.width];
    let input = TensorRef::from_array_view((shape, tensor)).map_err(|e| e.message().to_owned())?;
    session.run(ort::inputs![input]).map_err(|e| e.message().to_owned())
}

/// Hands a run's outputs to `decode`.
fn read<T>(
    outputs: &SessionOutputs<'_>,
    manifest: &Manifest,
    decode: impl FnOnce(&[Output<'_>]) -> Result<T, OutputShape>,
) -> Result<T, InferError> {
    // An output of another type is not one that a family reads; `decode` tells a missing one by its name.
    let tensors: Vec<(&str, Vec<usize>, &[f32])> = outputs
        .keys()
        .filter_map(|name| {
            let (shape, data) = outputs.get(name)?.try_extract_tensor::<f32>().ok()?;
            let sizes = shape.iter().map(|d| usize::try_from(*d).unwrap_or(0)).collect();
            Some((name, sizes, data))
        })
        .collect();
    let outputs: Vec<Output<'_>> = tensors.iter().map(|(name, shape, data)| Output { name, shape, data }).collect();
    decode(&outputs).map_err(|shape| InferError::Output {
        model: manifest.name.clone(),
        manifest: manifest.path.clone(),
        shape: Box::new(shape),
    })
}
