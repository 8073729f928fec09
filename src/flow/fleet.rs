//! The fleet: every camera that runs, its seat at an intake and its place in the lane. Cameras are added, changed and
//! removed one at a time on the fleet's own thread, because stopping one waits for its threads; the others run on.
//! Not here: what a camera is (`camera`), what is registered (`store`).

use std::{
    collections::{HashMap, VecDeque},
    io,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    thread::{self, JoinHandle},
};

use crossbeam::channel::{Receiver, Sender, bounded};
use tokio::sync::{Notify, oneshot};
use tracing::{error, warn};

use super::{
    Analysed,
    control::{CameraStatus, CameraView, ControlError, FrameCounts},
    engine::{EnginePool, PoolSettings, PoolState, PoolStatus},
    intake::Intake,
    lane::Lane,
    pipeline::Pipeline,
    sights::Sights,
};
use crate::{
    base::{CameraId, clock},
    camera::{Camera, CameraLimits, CameraSink, CameraSpec, DecodeChains, Phase, PhaseReport, Tap},
    frame::Frame,
    infer::{EngineOptions, ModelLibrary},
    store::CameraRecord,
    telemetry,
};

/// Changes of cameras that wait their turn; a full channel makes the asker wait.
const COMMANDS: usize = 64;
/// Phase reports that wait for the desk. Beyond this the oldest are dropped, with a warning: cameras flapping for
/// minutes while the desk stands still.
const PHASES: usize = 4096;

/// What every camera of the fleet shares.
pub(super) struct FleetParts {
    pub limits: CameraLimits,
    pub chains: Arc<DecodeChains>,
    pub inference: InferenceParts,
    /// Ended by the fleet, after its last camera and engine.
    pub lane: Lane,
    /// Where engines put what they saw; bounded, blocks.
    pub analysed: Sender<Analysed>,
}

/// How models are found and run.
#[derive(Clone)]
pub struct InferenceParts {
    pub models: Arc<ModelLibrary>,
    /// Where a model that is not there yet is looked for again.
    pub folder: PathBuf,
    /// ONNX Runtime's library; the usual places when `None`.
    pub library: Option<PathBuf>,
    pub options: EngineOptions,
    pub pool: PoolSettings,
}

/// Owner of the fleet's thread; dropping it stops every camera, then every engine.
pub(super) struct Fleet {
    handle: FleetHandle,
    thread: Option<JoinHandle<()>>,
}

/// Asks the fleet; cheap to clone.
#[derive(Clone)]
pub(super) struct FleetHandle {
    commands: Sender<Command>,
    shared: Arc<Shared>,
    sights: Sights,
}

enum Command {
    Apply { record: Box<CameraRecord>, pipeline: Arc<Pipeline>, reply: oneshot::Sender<Result<(), ControlError>> },
    Remove { camera: CameraId, reply: oneshot::Sender<()> },
    Close,
}

/// What the fleet's thread, its askers, the cameras and the lane see of each other.
#[derive(Default)]
pub(super) struct Shared {
    running: Mutex<HashMap<CameraId, Running>>,
    phases: Mutex<VecDeque<PhaseReport>>,
    phase_news: Notify,
    engines: Mutex<HashMap<String, EnginePool>>,
}

struct Running {
    camera: Camera,
    spec: CameraSpec,
    model: String,
    /// Where its frames go; `None` while it is disabled.
    seat: Option<Arc<Intake>>,
}

impl Fleet {
    /// Starts the fleet's thread, with no camera. `shared` is empty, or known to the lane's `set_active`.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(super) fn start(parts: FleetParts, shared: Arc<Shared>) -> io::Result<Self> {
        let (commands, asked) = bounded(COMMANDS);
        let handle = FleetHandle { commands, shared: Arc::clone(&shared), sights: parts.lane.sights() };
        let thread = thread::Builder::new().name("fleet".to_owned()).spawn(move || serve(parts, &shared, &asked))?;
        Ok(Self { handle, thread: Some(thread) })
    }

    pub(super) fn handle(&self) -> FleetHandle {
        self.handle.clone()
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        // Fails only when the thread is gone already.
        let _ = self.handle.commands.send(Command::Close);
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            error!("the fleet's thread panicked");
        }
    }
}

impl FleetHandle {
    /// Starts or changes a camera; answers when it has been started (not: when it is live).
    ///
    /// # Errors
    /// The rule's settings are refused; the system gives no thread; shutting down.
    pub(super) async fn apply(&self, record: CameraRecord, pipeline: Arc<Pipeline>) -> Result<(), ControlError> {
        let (reply, answer) = oneshot::channel();
        self.ask(Command::Apply { record: Box::new(record), pipeline, reply }).await?;
        answer.await.map_err(|_| ControlError::Closing)?
    }

    /// Stops a camera; answers when its threads have ended.
    ///
    /// # Errors
    /// Shutting down.
    pub(super) async fn remove(&self, camera: CameraId) -> Result<(), ControlError> {
        let (reply, answer) = oneshot::channel();
        self.ask(Command::Remove { camera, reply }).await?;
        answer.await.map_err(|_| ControlError::Closing)
    }

    async fn ask(&self, command: Command) -> Result<(), ControlError> {
        let commands = self.commands.clone();
        // The channel is a thread's: a full one must not hold up the runtime.
        let sent = tokio::task::spawn_blocking(move || commands.send(command).is_ok()).await;
        if sent.unwrap_or(false) { Ok(()) } else { Err(ControlError::Closing) }
    }

    /// A camera's live state.
    pub(super) fn status(&self, camera: CameraId) -> Option<CameraStatus> {
        let running = lock(&self.shared.running);
        let Running { camera: life, seat, model, .. } = running.get(&camera)?;
        let stats = life.stats();
        let seen = seat.as_ref().and_then(|intake| intake.counts(camera)).unwrap_or_default();
        let blind = match lock(&self.shared.engines).get(model).map(EnginePool::status).map(|pool| pool.state) {
            Some(PoolState::Failed { reason }) if seat.is_some() => Some(reason),
            _ => None,
        };
        Some(CameraStatus {
            phase: life.phase(),
            last_frame_age: stats.last_frame.map(|then| clock::mono().since(then)),
            frames: FrameCounts { decoded: stats.decoded, ..seen },
            decode: stats.chain,
            reconnects: stats.reconnects,
            blind,
        })
    }

    /// What a camera sends, encoded; `None` if it does not run.
    pub(super) fn tap(&self, camera: CameraId) -> Option<Tap> {
        lock(&self.shared.running).get(&camera).map(|running| running.camera.tap())
    }

    /// What a camera sends and what is seen in it, for those who watch; `None` if it does not run.
    pub(super) fn view(&self, camera: CameraId) -> Option<CameraView> {
        let packets = self.tap(camera)?;
        Some(CameraView { packets, sights: self.sights.follow(camera) })
    }

    /// How each model that a camera needs runs, or why it does not.
    pub(super) fn engines(&self) -> Vec<PoolStatus> {
        let mut all: Vec<_> = lock(&self.shared.engines).values().map(EnginePool::status).collect();
        all.sort_by(|a, b| a.model.cmp(&b.model));
        all
    }

    /// The phase reports since the last call; waits for the first.
    pub(super) async fn phases(&self) -> Vec<PhaseReport> {
        loop {
            let news = self.shared.phase_news.notified();
            let waiting: Vec<_> = lock(&self.shared.phases).drain(..).collect();
            if !waiting.is_empty() {
                return waiting;
            }
            news.await;
        }
    }
}

impl Shared {
    /// A rule's first suspicion, or its end: how often the camera's frames are analysed.
    pub(super) fn set_active(&self, camera: CameraId, active: bool) {
        if let Some(running) = lock(&self.running).get(&camera) {
            running.camera.set_active(active);
        }
    }
}

fn serve(parts: FleetParts, shared: &Arc<Shared>, asked: &Receiver<Command>) {
    for command in asked {
        match command {
            // The asker may be gone; then nobody wants the answer.
            Command::Apply { record, pipeline, reply } => drop(reply.send(apply(&parts, shared, &record, &pipeline))),
            Command::Remove { camera, reply } => {
                parts.lane.forget(camera);
                stop(shared, camera);
                let _ = reply.send(());
            }
            Command::Close => break,
        }
    }
    let cameras: Vec<Running> = lock(&shared.running).drain().map(|(_, running)| running).collect();
    drop(cameras);
    let engines = std::mem::take(&mut *lock(&shared.engines));
    drop(engines);
    let FleetParts { lane, analysed, .. } = parts;
    drop(analysed);
    lane.finish();
}

fn apply(
    parts: &FleetParts,
    shared: &Arc<Shared>,
    record: &CameraRecord,
    pipeline: &Pipeline,
) -> Result<(), ControlError> {
    let rule = pipeline.rule_for(record).map_err(|e| ControlError::Camera(e.to_string()))?;
    let spec = CameraSpec {
        id: record.id,
        uri: record.uri.clone(),
        transport: record.transport,
        decode: record.decode.clone(),
        idle_fps: pipeline.idle_fps,
        active_fps: pipeline.active_fps,
        enabled: record.enabled,
    };
    if record.enabled {
        parts.lane.watch(record.id, rule);
    } else {
        // Its rule forgets what it was sure of: nothing more will come.
        parts.lane.forget(record.id);
    }
    let unchanged = lock(&shared.running).get(&record.id).is_some_and(|r| r.spec == spec && r.model == pipeline.model);
    if unchanged {
        return Ok(());
    }
    stop(shared, record.id);
    let seat = record.enabled.then(|| seat(parts, shared, &pipeline.model)).transpose();
    let seat = seat.map_err(|e| ControlError::Camera(e.to_string()))?;
    if let Some(intake) = &seat {
        intake.add(record.id);
    }
    let sink = Arc::new(Sink { intake: seat.clone(), shared: Arc::downgrade(shared) });
    let camera = Camera::start(spec.clone(), parts.limits, Arc::clone(&parts.chains), sink)
        .map_err(|e| ControlError::Camera(e.to_string()))?;
    lock(&shared.running).insert(record.id, Running { camera, spec, model: pipeline.model.clone(), seat });
    Ok(())
}

/// Stops a camera's threads, outside the lock: the others' state can be read meanwhile.
fn stop(shared: &Arc<Shared>, camera: CameraId) {
    let running = lock(&shared.running).remove(&camera);
    if let Some(Running { camera: life, seat, .. }) = running {
        drop(life);
        if let Some(intake) = seat {
            // The frame that waited in its seat goes with it.
            drop(intake.remove(camera));
        }
    }
}

/// The intake of `model`'s engines, which are started at the first need and try again by themselves.
fn seat(parts: &FleetParts, shared: &Arc<Shared>, model: &str) -> io::Result<Arc<Intake>> {
    let mut engines = lock(&shared.engines);
    if let Some(pool) = engines.get(model) {
        return Ok(Arc::clone(pool.intake()));
    }
    let InferenceParts { models, folder, library, options, pool } = parts.inference.clone();
    let known = models.folders().iter().find(|f| f.name() == model).map(|f| f.folder.clone());
    let folder = known.unwrap_or_else(|| folder.join(model));
    let intake = Arc::new(Intake::new());
    let pool = EnginePool::start_onnx(model, &folder, library, options, &intake, &parts.analysed, pool)?;
    engines.insert(model.to_owned(), pool);
    Ok(intake)
}

/// Where a camera's frames and phases go; called on its threads, never blocks.
struct Sink {
    intake: Option<Arc<Intake>>,
    shared: Weak<Shared>,
}

impl CameraSink for Sink {
    fn frame(&self, frame: Frame) {
        telemetry::stage("decode", frame.decoded.since(frame.captured));
        if let Some(intake) = &self.intake {
            // The intake counts what it displaces; a refused frame's camera is being removed.
            drop(intake.put(frame));
        }
    }

    fn phase(&self, report: PhaseReport) {
        telemetry::camera_phase(report.camera, report.phase.name(), &Phase::NAMES);
        let Some(shared) = self.shared.upgrade() else { return };
        let mut phases = lock(&shared.phases);
        if phases.len() == PHASES {
            phases.pop_front();
            warn!(camera = %report.camera, "phase reports pile up: the oldest was dropped");
        }
        phases.push_back(report);
        drop(phases);
        shared.phase_news.notify_one();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is behind these locks is whole after every step: a panic elsewhere leaves it usable.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
