//! Runs a simulated device: machine, connection, memory file, standard input and output. Reconnects for ever.
//! Not here: what devices do (`lift`, `timed`), the protocol's frames (`socket`).

use std::{
    collections::VecDeque,
    io::{BufRead, Write},
    path::PathBuf,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde_json::json;
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
    time::{sleep, timeout},
};

use super::{
    dial::Target,
    lift::{LiftMachine, LiftSettings},
    machine::{Control, Input, Machine, Output, Shown},
    memory,
    socket::{Connection, Heard, SocketError},
    timed::TimedMachine,
};
use crate::{
    base::{AlarmId, Mono, Secret, Wall, clock},
    device::{
        DeviceKind,
        protocol::{CallId, DeviceCall, Hello, Welcome},
    },
};

/// Pauses between attempts to connect grow from the first to the second, each halved to fulled by chance.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(10));
/// Calls that wait for the link; beyond it the oldest is lost, and a newer status says more anyway.
const CALLS_KEPT: usize = 64;
/// Changes that a [`SimulatedDevice`] remembers.
const CHANGES_KEPT: usize = 512;
/// Controls that wait; a full channel makes the giver wait.
const CONTROLS: usize = 16;

/// How to simulate a device.
#[derive(Debug, Clone)]
pub struct SimulateArgs {
    /// `http://host:port` or `https://host:port` (the protocol's path is added), or a full `ws://` or `wss://` URL.
    pub server: String,
    /// The certificate (PEM) that a TLS server's own is signed by, or is.
    pub ca: Option<PathBuf>,
    /// The device's token.
    pub token: Secret,
    /// Where the device remembers orders over restarts; without it a restart forgets.
    pub state_file: Option<PathBuf>,
    /// Lifts only.
    pub lift: LiftSettings,
}

impl SimulateArgs {
    /// A device of `server`, otherwise as usual.
    #[must_use]
    pub fn new(server: impl Into<String>, token: Secret) -> Self {
        Self { server: server.into(), ca: None, token, state_file: None, lift: LiftSettings::default() }
    }
}

/// Why a device cannot be simulated.
#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    #[error("--server: {0}")]
    Server(String),
    #[error("--state-file: {0}")]
    Memory(#[from] memory::MemoryError),
    #[error("standard input cannot be read: {0}")]
    Input(std::io::Error),
}

/// A change, with its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub at: Wall,
    pub state: &'static str,
    pub cause: String,
    pub alarm: Option<AlarmId>,
}

impl Change {
    /// The line on standard output.
    #[must_use]
    pub fn line(&self) -> String {
        let alarm = self.alarm.map(|alarm| alarm.to_string());
        json!({ "at_ms": self.at.0, "state": self.state, "cause": self.cause, "alarm_id": alarm }).to_string()
    }
}

/// Runs a device with standard input and output until it is killed: the command `yunti simulate KIND`.
///
/// # Errors
/// The arguments are wrong, or its memory cannot be read or kept.
pub async fn run(kind: DeviceKind, args: SimulateArgs) -> Result<(), SimulateError> {
    let (controls, inbox) = mpsc::channel(CONTROLS);
    let to_device = controls.clone();
    // Blocked in read until the process ends, so no one can join it.
    std::thread::Builder::new()
        .name("simulate-input".to_owned())
        .spawn(move || {
            for line in std::io::stdin().lock().lines() {
                let Ok(line) = line else { return };
                match line.parse::<Control>() {
                    _ if line.trim().is_empty() => {}
                    Ok(control) => {
                        if to_device.blocking_send(control).is_err() {
                            return;
                        }
                    }
                    Err(error) => tracing::warn!(%error, "a line of standard input was passed over"),
                }
            }
        })
        .map_err(SimulateError::Input)?;
    let runner = Runner::new(kind, args, |change: &Change| {
        let mut out = std::io::stdout().lock();
        // No one listens: the device goes on.
        let _ = writeln!(out, "{}", change.line()).and_then(|()| out.flush());
    })?;
    let ended = runner.run(inbox).await;
    drop(controls);
    ended
}

/// A simulated device in this process, for the demo and tests. It ends when this is dropped.
pub struct SimulatedDevice {
    controls: mpsc::Sender<Control>,
    changes: Arc<Mutex<VecDeque<Change>>>,
    newest: watch::Receiver<Change>,
    task: JoinHandle<Result<(), SimulateError>>,
}

impl SimulatedDevice {
    /// Starts a device on the current tokio runtime.
    ///
    /// # Errors
    /// The arguments are wrong, or its memory cannot be read.
    pub fn spawn(kind: DeviceKind, args: SimulateArgs) -> Result<Self, SimulateError> {
        let (controls, inbox) = mpsc::channel(CONTROLS);
        let changes: Arc<Mutex<VecDeque<Change>>> = Arc::default();
        let nothing = Change { at: Wall(0), state: "idle", cause: String::new(), alarm: None };
        let (newest_sender, newest) = watch::channel(nothing);
        let kept = changes.clone();
        let runner = Runner::new(kind, args, move |change: &Change| {
            {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                if kept.len() >= CHANGES_KEPT {
                    kept.pop_front();
                }
                kept.push_back(change.clone());
            }
            newest_sender.send_replace(change.clone());
        })?;
        Ok(Self { controls, changes, newest, task: tokio::spawn(runner.run(inbox)) })
    }

    /// The newest change, to watch.
    #[must_use]
    pub fn newest(&self) -> watch::Receiver<Change> {
        self.newest.clone()
    }

    /// The latest changes, the oldest first.
    #[must_use]
    pub fn changes(&self) -> Vec<Change> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// Waits until the changes so far are as wanted; false when `within` is over first.
    pub async fn wait(&self, within: Duration, wanted: impl Fn(&[Change]) -> bool) -> bool {
        let mut newest = self.newest.clone();
        timeout(within, async {
            while !wanted(&self.changes()) {
                if newest.changed().await.is_err() {
                    return wanted(&self.changes());
                }
            }
            true
        })
        .await
        .unwrap_or(false)
    }

    /// Does something to the device; nothing when it has ended.
    pub async fn control(&self, control: Control) {
        if self.controls.send(control).await.is_err() {
            tracing::warn!("the simulated device has ended");
        }
    }

    /// Ends the device as a power cut would.
    pub async fn kill(mut self) {
        self.task.abort();
        // It was cancelled, which is what was wanted.
        let _ = (&mut self.task).await;
    }
}

impl Drop for SimulatedDevice {
    fn drop(&mut self) {
        self.task.abort();
    }
}

type Dialling = Pin<Box<dyn Future<Output = Result<(Box<Connection>, Welcome), SocketError>> + Send>>;

/// Where the connection stands.
enum Link {
    /// Dials at this time.
    Waiting(Mono),
    Dialling(Dialling),
    Up(Box<Connection>),
    /// Lost on purpose, until this time or for ever.
    Cut(Option<Mono>),
}

/// What came by the link.
enum LinkNews {
    Dial,
    Dialled(Result<(Box<Connection>, Welcome), SocketError>),
    Heard(Result<Heard, SocketError>),
}

struct Runner<F> {
    machine: Box<dyn Machine>,
    target: Target,
    args: SimulateArgs,
    show: F,
    calls: VecDeque<DeviceCall>,
    link: Link,
    frozen: bool,
    failures: u32,
}

impl<F: FnMut(&Change) + Send> Runner<F> {
    fn new(kind: DeviceKind, args: SimulateArgs, show: F) -> Result<Self, SimulateError> {
        let target = Target::new(&args.server, args.ca.as_deref()).map_err(SimulateError::Server)?;
        let memory = match &args.state_file {
            Some(file) => memory::load(file)?,
            None => super::machine::Memory::default(),
        };
        let machine: Box<dyn Machine> = match kind {
            DeviceKind::Lift => Box::new(LiftMachine::new(args.lift.clone(), memory)),
            kind => Box::new(TimedMachine::new(kind, memory)),
        };
        let link = Link::Waiting(clock::mono());
        Ok(Self { machine, target, args, show, calls: VecDeque::new(), link, frozen: false, failures: 0 })
    }

    fn hello(&self) -> Hello {
        let kind = self.machine.kind();
        let capabilities: &[&str] = match kind {
            DeviceKind::Lift => &["lift.stop", "lift.release"],
            DeviceKind::Voice => &["voice.play"],
            DeviceKind::Light => &["light.flash"],
            DeviceKind::Gate => &["gate.open", "gate.deny"],
        };
        Hello {
            vendor: "Yunti".to_owned(),
            model: format!("simulated {}", kind.name()),
            firmware: env!("CARGO_PKG_VERSION").to_owned(),
            capabilities: capabilities.iter().map(|&verb| verb.to_owned()).collect(),
            mode: self.machine.status().mode,
        }
    }

    async fn run(mut self, mut inbox: mpsc::Receiver<Control>) -> Result<(), SimulateError> {
        let state = if self.machine.kind() == DeviceKind::Gate { "closed" } else { "idle" };
        self.shown(Shown { state, cause: "started".to_owned(), alarm: None });
        let mut is_ordered = true;
        loop {
            self.flush().await;
            let now = clock::mono();
            let machine_wakes = self.machine.wake();
            let link_wakes = match &self.link {
                Link::Up(connection) if !self.frozen => Some(connection.wake()),
                Link::Cut(until) => *until,
                _ => None,
            };
            let wake = machine_wakes.into_iter().chain(link_wakes).min();
            let pause = wake.map_or(Duration::from_secs(3600), |at| at.since(now));
            tokio::select! {
                biased;
                control = inbox.recv(), if is_ordered => match control {
                    Some(control) => self.control(control).await?,
                    None => is_ordered = false,
                },
                () = sleep(pause) => {
                    if let Link::Cut(Some(until)) = self.link && clock::mono() >= until {
                        self.link = Link::Waiting(until);
                    }
                    self.step(Input::Tick, None).await?;
                }
                news = news(&mut self.link, self.frozen) => self.news(news).await?,
            }
        }
    }

    async fn control(&mut self, control: Control) -> Result<(), SimulateError> {
        match control {
            Control::DropLink(for_time) => {
                // Dropped without a word, as a cut cable would.
                self.link = Link::Cut(for_time.map(|time| clock::mono() + time));
            }
            Control::RestoreLink => {
                if let Link::Cut(_) = self.link {
                    self.link = Link::Waiting(clock::mono());
                }
            }
            Control::Freeze => self.frozen = true,
            Control::Thaw => self.frozen = false,
            other => self.step(Input::Control(other), None).await?,
        }
        Ok(())
    }

    async fn news(&mut self, news: LinkNews) -> Result<(), SimulateError> {
        match news {
            LinkNews::Dial => {
                let (target, token, hello) = (self.target.clone(), self.args.token.clone(), self.hello());
                self.link = Link::Dialling(Box::pin(Connection::open(target, token, hello)));
            }
            LinkNews::Dialled(Ok((connection, welcome))) => {
                tracing::info!(epoch = welcome.epoch.0, "connected");
                self.failures = 0;
                self.link = Link::Up(connection);
                self.calls.retain(|call| !matches!(call, DeviceCall::State(_)));
                self.calls.push_back(DeviceCall::State(self.machine.status()));
            }
            LinkNews::Dialled(Err(error)) | LinkNews::Heard(Err(error)) => self.lost(&error),
            LinkNews::Heard(Ok(Heard::Nothing)) => {}
            LinkNews::Heard(Ok(Heard::Order(id, received))) => {
                self.step(Input::Order(received), Some(id)).await?;
            }
        }
        Ok(())
    }

    fn lost(&mut self, error: &SocketError) {
        let doubled = BACK_OFF.0.saturating_mul(1 << self.failures.min(8)).min(BACK_OFF.1);
        let pause = doubled.mul_f64(0.5 + 0.5 * chance());
        tracing::info!(%error, pause_ms = pause.as_millis(), "no connection");
        self.failures = self.failures.saturating_add(1);
        self.link = Link::Waiting(clock::mono() + pause);
    }

    /// One step of the machine. What it remembers is kept before anyone is told that an order was accepted.
    async fn step(&mut self, input: Input, answers: Option<CallId>) -> Result<(), SimulateError> {
        let is_order = answers.is_some();
        let outputs = self.machine.step(input, clock::mono());
        if is_order && let Some(file) = &self.args.state_file {
            memory::save(file, self.machine.memory())?;
        }
        let mut answers = answers;
        for output in outputs {
            match output {
                Output::Answer(answer) => {
                    if let (Some(id), Link::Up(connection)) = (answers.take(), &mut self.link)
                        && let Err(error) = connection.answer(id, &answer).await
                    {
                        self.lost(&error);
                    }
                }
                Output::Report { report, seq } => self.keep(DeviceCall::OrderState { report, seq }),
                Output::Status(status) => self.keep(DeviceCall::State(status)),
                Output::Shown(shown) => self.shown(shown),
            }
        }
        Ok(())
    }

    fn keep(&mut self, call: DeviceCall) {
        if self.calls.len() >= CALLS_KEPT {
            self.calls.pop_front();
        }
        self.calls.push_back(call);
    }

    fn shown(&mut self, shown: Shown) {
        let Shown { state, cause, alarm } = shown;
        (self.show)(&Change { at: clock::wall(), state, cause, alarm });
    }

    /// Makes the next call if its turn has come; gives a dead connection up.
    async fn flush(&mut self) {
        if self.frozen {
            return;
        }
        let Link::Up(connection) = &mut self.link else { return };
        let now = clock::mono();
        if connection.is_dead(now) {
            self.lost(&SocketError::Silent);
            return;
        }
        if !connection.is_free() {
            return;
        }
        let call = match self.calls.pop_front() {
            Some(call) => call,
            None if connection.is_heartbeat_due(now) => DeviceCall::Heartbeat,
            None => return,
        };
        if let Err(error) = connection.call(&call).await {
            if call != DeviceCall::Heartbeat {
                self.calls.push_front(call);
            }
            self.lost(&error);
        }
    }
}

/// What the link brings next. Safe to drop while it waits.
async fn news(link: &mut Link, frozen: bool) -> LinkNews {
    match link {
        Link::Waiting(until) => {
            sleep(until.since(clock::mono())).await;
            LinkNews::Dial
        }
        Link::Dialling(dialling) => LinkNews::Dialled(dialling.await),
        Link::Up(connection) if !frozen => LinkNews::Heard(connection.next().await),
        Link::Up(_) | Link::Cut(_) => std::future::pending().await,
    }
}

/// A number from 0 to 1, by chance.
fn chance() -> f64 {
    let mut bytes = [0_u8; 2];
    // Without randomness every device waits equally long, which is worse but no failure.
    let _ = getrandom::fill(&mut bytes);
    f64::from(u16::from_le_bytes(bytes)) / f64::from(u16::MAX)
}
