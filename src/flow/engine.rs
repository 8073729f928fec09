//! Engine threads: pull a batch from the intake, run the model, hand on what it saw. A panic or an error costs the
//! batch at hand; the engine is made anew after a pause. Not here: how a model is run (`infer`), turns (`intake`).

use std::{
    io,
    num::NonZero,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, bounded};

use super::{Analysed, intake::Intake};
use crate::{
    base::{CameraId, Wall, clock},
    infer::{
        Engine, EngineOptions, EngineReport, InferError, Manifest,
        onnx::{OnnxEngine, Runtime},
    },
    telemetry,
};

const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How an engine pool takes its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolSettings {
    /// Threads, each with its own engine; 0: one per core on a CPU, one on an accelerator.
    pub threads: usize,
    /// How long a frame may wait for company on an accelerator; on a CPU it never does.
    pub window: Duration,
    /// A frame older than this is dropped and counted, never inferred.
    pub deadline: Duration,
}

/// Where a model's engines stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PoolState {
    /// The first engine is being made and measured.
    Starting,
    Running(EngineReport),
    /// The first engine could not be made, or failed; it is tried again.
    Failed {
        reason: String,
    },
    Stopped,
}

/// A model's engines, as REST and the log show them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolStatus {
    pub model: String,
    pub state: PoolState,
    /// When `state` began.
    pub since: Wall,
    /// Threads with a working engine.
    pub engines: usize,
    /// Times an engine was made anew after a panic or an error.
    pub restarts: u64,
    /// The last such failure, also after it has passed.
    pub last_failure: Option<String>,
}

/// Reads a pool's status while it runs and after.
#[derive(Debug, Clone)]
pub struct PoolWatch(Arc<Shared>);

impl PoolWatch {
    /// The status now.
    #[must_use]
    pub fn status(&self) -> PoolStatus {
        self.0.lock().clone()
    }
}

#[derive(Debug)]
struct Shared {
    status: Mutex<PoolStatus>,
    /// The state has changed.
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, PoolStatus> {
        // The status is sound after every statement.
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, state: PoolState) {
        let mut status = self.lock();
        if status.state != state {
            status.state = state;
            status.since = clock::wall();
        }
        self.changed.notify_all();
    }

    /// The first engine's report, as soon as it runs; `None` when the pool stops first.
    fn first_report(&self) -> Option<EngineReport> {
        let mut status = self.lock();
        loop {
            match &status.state {
                PoolState::Running(report) => return Some(report.clone()),
                PoolState::Stopped => return None,
                _ => status = self.changed.wait(status).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}

/// The engines of one model. Dropping it closes the intake, ends the threads and joins them.
#[derive(Debug)]
pub struct EnginePool {
    shared: Arc<Shared>,
    intake: Arc<Intake>,
    /// Dropped to end a pause.
    stop: Option<Sender<()>>,
    threads: Vec<JoinHandle<()>>,
}

impl EnginePool {
    /// Starts the threads and returns; engines are made on their threads by `make`, which is given the thread's number
    /// (0 is the one that measures) and is called again after a failure.
    ///
    /// What was seen goes to `out`, together with the frame. When `out` is full the engine waits (and frames displace
    /// each other in the intake); when its receiver is gone the thread ends.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start<E: Engine + 'static>(
        model: &str,
        make: impl Fn(usize) -> Result<E, InferError> + Send + Sync + 'static,
        intake: &Arc<Intake>,
        out: &Sender<Analysed>,
        settings: PoolSettings,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            status: Mutex::new(PoolStatus {
                model: model.to_owned(),
                state: PoolState::Starting,
                since: clock::wall(),
                engines: 0,
                restarts: 0,
                last_failure: None,
            }),
            changed: Condvar::new(),
        });
        // Nothing is ever sent: its end is the signal.
        let (stop, stopped) = bounded(0);
        let mut pool =
            Self { shared: Arc::clone(&shared), intake: Arc::clone(intake), stop: Some(stop), threads: Vec::new() };
        let make = Arc::new(make);
        let count = if settings.threads == 0 {
            thread::available_parallelism().map_or(1, NonZero::get)
        } else {
            settings.threads
        };
        for number in 0..count {
            let worker = Worker {
                number,
                make: Arc::clone(&make),
                intake: Arc::clone(intake),
                out: out.clone(),
                settings,
                shared: Arc::clone(&shared),
                stopped: stopped.clone(),
            };
            let name = format!("engine-{model}-{number}");
            pool.threads.push(thread::Builder::new().name(name).spawn(move || worker.run())?);
        }
        Ok(pool)
    }

    /// Engines that run the model in `folder` by ONNX Runtime. The library, the manifest and the weights are read on the
    /// engine's thread, again at each new start: what is missing shows in the status, and may be put right meanwhile.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start_onnx(
        model: &str,
        folder: &Path,
        library: Option<PathBuf>,
        options: EngineOptions,
        intake: &Arc<Intake>,
        out: &Sender<Analysed>,
        settings: PoolSettings,
    ) -> io::Result<Self> {
        let folder = folder.to_owned();
        let make = move |number| {
            let manifest = Manifest::load(&folder)?;
            let runtime = Runtime::load(library.as_deref())?;
            let calibration = if number == 0 { options.calibration } else { Duration::ZERO };
            OnnxEngine::open(&runtime, &manifest, &EngineOptions { calibration, ..options.clone() })
        };
        Self::start(model, make, intake, out, settings)
    }

    /// The status now.
    #[must_use]
    pub fn status(&self) -> PoolStatus {
        self.shared.lock().clone()
    }

    /// Reads the status from elsewhere.
    #[must_use]
    pub fn watch(&self) -> PoolWatch {
        PoolWatch(Arc::clone(&self.shared))
    }

    /// The intake that feeds this pool.
    #[must_use]
    pub fn intake(&self) -> &Arc<Intake> {
        &self.intake
    }

    /// Closes the intake, lets each engine hand on its last batch, and joins the threads. Keep `out` read meanwhile.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.intake.close();
        self.stop = None;
        self.shared.set(PoolState::Stopped);
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("an engine's thread panicked outside of the engine");
            }
        }
        self.shared.lock().engines = 0;
    }
}

impl Drop for EnginePool {
    fn drop(&mut self) {
        self.end();
    }
}

/// Why a thread's work with one engine ended.
enum End {
    Closed,
    Failed(String),
}

struct Worker<M> {
    number: usize,
    make: Arc<M>,
    intake: Arc<Intake>,
    out: Sender<Analysed>,
    settings: PoolSettings,
    shared: Arc<Shared>,
    stopped: Receiver<()>,
}

impl<E: Engine, M: Fn(usize) -> Result<E, InferError>> Worker<M> {
    fn run(self) {
        let mut size = None;
        if self.number > 0 {
            let Some(first) = self.shared.first_report() else { return };
            if self.settings.threads == 0 && first.provider.is_accelerator() {
                return;
            }
            size = Some(first.best_batch);
        }
        let mut pause = FIRST_PAUSE;
        loop {
            let mut served = 0_u64;
            let end = match guarded(|| (self.make)(self.number)) {
                Ok(engine) => self.serve(engine, size, &mut served),
                Err(reason) => End::Failed(reason),
            };
            let End::Failed(reason) = end else { return };
            if served > 0 {
                pause = FIRST_PAUSE;
            }
            self.failed(&reason, pause);
            // Only a signal to stop ends the pause early.
            if !matches!(self.stopped.recv_timeout(pause), Err(RecvTimeoutError::Timeout)) {
                return;
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn failed(&self, reason: &str, pause: Duration) {
        let model = {
            let mut status = self.shared.lock();
            status.restarts += 1;
            status.last_failure = Some(reason.to_owned());
            status.model.clone()
        };
        tracing::error!(model, engine = self.number, reason, again_in_ms = pause.as_millis(), "engine failed");
        if self.number == 0 && !matches!(self.shared.lock().state, PoolState::Stopped) {
            self.shared.set(PoolState::Failed { reason: reason.to_owned() });
        }
    }

    /// Batches through one engine until it fails or the intake closes.
    fn serve(&self, mut engine: E, size: Option<usize>, served: &mut u64) -> End {
        self.shared.lock().engines += 1;
        self.report(engine.report());
        let end = loop {
            let provider = engine.report().provider;
            let window = if provider.is_accelerator() { self.settings.window } else { Duration::ZERO };
            let size = size.unwrap_or(engine.report().best_batch);
            let Some(pulled) = self.intake.next_batch(size, window, self.settings.deadline) else { break End::Closed };
            let Some(batch) = pulled.batch else { continue };
            let now = clock::mono();
            telemetry::batch(batch.frames().len());
            batch.frames().iter().for_each(|frame| telemetry::stage("wait", now.since(frame.decoded)));
            let mut turn = Turn { intake: &self.intake, cameras: batch.frames().iter().map(|f| f.camera).collect() };
            let seen = match guarded(|| engine.infer(&batch)) {
                Ok(seen) => seen,
                Err(reason) => break End::Failed(reason),
            };
            *served += 1;
            if engine.report().provider != provider {
                self.report(engine.report());
            }
            for (frame, detections) in batch.into_frames().into_iter().zip(seen) {
                let camera = frame.camera;
                if self.out.send(Analysed { frame, detections }).is_err() {
                    self.shared.lock().engines -= 1;
                    return End::Closed;
                }
                turn.done(camera);
            }
        };
        self.shared.lock().engines -= 1;
        end
    }

    fn report(&self, report: &EngineReport) {
        if self.number == 0 && !matches!(self.shared.lock().state, PoolState::Stopped) {
            tracing::info!(
                model = report.model,
                provider = %report.provider,
                best_batch = report.best_batch,
                calibration = ?report.calibration,
                "model runs"
            );
            self.shared.set(PoolState::Running(report.clone()));
        }
    }
}

/// Cameras whose frames are with an engine; those not done when it ends were lost with it.
struct Turn<'a> {
    intake: &'a Intake,
    cameras: Vec<CameraId>,
}

impl Turn<'_> {
    fn done(&mut self, camera: CameraId) {
        self.cameras.retain(|c| *c != camera);
        self.intake.finish(camera, true);
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        for camera in self.cameras.drain(..) {
            self.intake.finish(camera, false);
        }
    }
}

/// An error's or a panic's text.
fn guarded<T>(step: impl FnOnce() -> Result<T, InferError>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(step)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(e)) => Err(e.to_string()),
        Err(panic) => {
            let text = panic.downcast_ref::<&str>().map(|t| (*t).to_owned()).or_else(|| panic.downcast_ref().cloned());
            Err(format!("panicked: {}", text.unwrap_or_else(|| "(no message)".to_owned())))
        }
    }
}

#[cfg(test)]
mod tests;
