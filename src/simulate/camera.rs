//! A simulated camera: serves a clip as `rtsp://ADDR/live`, in a loop, without re-encoding; its times go on growing
//! across the loop. With `user` and `password` it asks for them; with `damage` it sends broken pictures.
//! Not here: receiving.

use std::{
    io::Write,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};

use gstreamer as gst;
use gstreamer::{glib, prelude::*};
use gstreamer_app::{AppSrc, AppSrcCallbacks};
use gstreamer_rtsp_server as rtsp;
use gstreamer_rtsp_server::prelude::*;

use crate::{
    base::{Mono, Secret, clock},
    camera::{AccessUnit, Codec, Failure, read_clip},
};

/// Where the stream is on the server.
const MOUNT: &str = "/live";

/// The role that may watch, where a password is asked for.
const VIEWER: &str = "viewer";

/// How long a picture is shown when the clip does not say.
const DEFAULT_DURATION: Duration = Duration::from_millis(40);

/// A pause between two pictures longer than this is cut, so that stopping is prompt.
const LONGEST_GAP: Duration = Duration::from_secs(1);

/// What a simulated camera does.
#[derive(Debug, Clone)]
pub struct CameraOptions {
    /// MP4, Matroska or raw; H.264 or H.265. It is held in memory.
    pub clip: PathBuf,
    /// Port 0: the system chooses one.
    pub listen: SocketAddr,
    /// User and password it asks for, by digest or basic authentication.
    pub credentials: Option<(String, Secret)>,
    /// Damages every n-th picture that is not a key frame.
    pub damage: Option<u32>,
}

/// Why there is no simulated camera.
#[derive(Debug, thiserror::Error)]
pub enum SimulateCameraError {
    #[error("cannot play {clip}: {source}")]
    Clip { clip: PathBuf, source: Failure },
    #[error("cannot listen at {0}: the address is in use or not this machine's")]
    Listen(SocketAddr),
    #[error("cannot serve: {0}")]
    Serve(String),
}

/// A running simulated camera; dropping it closes its connections and its port.
pub struct SimulatedCamera {
    server: rtsp::RTSPServer,
    context: glib::MainContext,
    source: Option<glib::SourceId>,
    main_loop: glib::MainLoop,
    thread: Option<thread::JoinHandle<()>>,
    address: SocketAddr,
}

impl SimulatedCamera {
    /// Serves `clip` at `listen`, without a password.
    ///
    /// # Errors
    /// A clip that cannot be read; an address that cannot be listened at.
    pub fn start(clip: &Path, listen: SocketAddr) -> Result<Self, SimulateCameraError> {
        Self::with(&CameraOptions { clip: clip.to_owned(), listen, credentials: None, damage: None })
    }

    /// Serves as `options` say.
    ///
    /// # Errors
    /// A clip that cannot be read; an address that cannot be listened at.
    pub fn with(options: &CameraOptions) -> Result<Self, SimulateCameraError> {
        let serve = |e: &dyn std::fmt::Display| SimulateCameraError::Serve(e.to_string());
        gst::init().map_err(|e| serve(&e))?;
        let mut units = read_clip(&options.clip)
            .map_err(|source| SimulateCameraError::Clip { clip: options.clip.clone(), source })?;
        if let Some(every) = options.damage {
            damage(&mut units, every.max(1));
        }
        let server = rtsp::RTSPServer::new();
        server.set_address(&options.listen.ip().to_string());
        server.set_service(&options.listen.port().to_string());
        let factory = factory(units);
        if let Some((user, password)) = &options.credentials {
            server.set_auth(Some(&authentication(user, password)));
            let role = gst::Structure::builder(VIEWER)
                .field("media.factory.access", true)
                .field("media.factory.construct", true)
                .build();
            factory.add_role_from_structure(&role);
        }
        server.mount_points().ok_or_else(|| serve(&"no mount points"))?.add_factory(MOUNT, factory);

        let context = glib::MainContext::new();
        let source = server.attach(Some(&context)).map_err(|_| SimulateCameraError::Listen(options.listen))?;
        let port = u16::try_from(server.bound_port()).map_err(|_| SimulateCameraError::Listen(options.listen))?;
        let main_loop = glib::MainLoop::new(Some(&context), false);
        let (running, on) = (main_loop.clone(), context.clone());
        let thread = thread::Builder::new()
            .name("sim-camera".to_owned())
            .spawn(move || drop(on.with_thread_default(|| running.run())))
            .map_err(|e| serve(&e))?;
        let address = SocketAddr::new(options.listen.ip(), port);
        Ok(Self { server, context, source: Some(source), main_loop, thread: Some(thread), address })
    }

    /// Where it listens.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.address
    }

    /// Its stream's address, without user and password.
    #[must_use]
    pub fn uri(&self) -> String {
        format!("rtsp://{}{MOUNT}", self.address)
    }
}

impl Drop for SimulatedCamera {
    fn drop(&mut self) {
        if let Some(source) = self.source.take().and_then(|id| self.context.find_source_by_id(&id)) {
            source.destroy();
        }
        // Closes every client's connection; its media ends with its last client.
        self.server.client_filter(Some(&mut |_, _| rtsp::RTSPFilterResult::Remove));
        // By a source of the loop itself: a loop that has not begun yet would miss a plain `quit`.
        let ending = self.main_loop.clone();
        let quit = glib::idle_source_new(Some("quit"), glib::Priority::DEFAULT, move || {
            ending.quit();
            glib::ControlFlow::Break
        });
        quit.attach(Some(&self.context));
        if self.thread.take().is_some_and(|t| t.join().is_err()) {
            tracing::error!("the simulated camera's thread panicked");
        }
    }
}

/// Serves until the process ends: `yunti simulate camera`. Writes one JSON line to `out` when it listens.
///
/// # Errors
/// As [`SimulatedCamera::with`]; or the server's loop ended.
pub fn run(options: &CameraOptions, out: &mut impl Write) -> Result<(), SimulateCameraError> {
    let mut camera = SimulatedCamera::with(options)?;
    let line = serde_json::json!({ "uri": camera.uri(), "addr": camera.addr().to_string() });
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(|e| SimulateCameraError::Serve(e.to_string()))?;
    match camera.thread.take().map(thread::JoinHandle::join) {
        Some(Err(_)) => Err(SimulateCameraError::Serve("the server's thread panicked".to_owned())),
        _ => Ok(()),
    }
}

fn authentication(user: &str, password: &Secret) -> rtsp::RTSPAuth {
    let auth = rtsp::RTSPAuth::new();
    let token = rtsp::RTSPToken::builder().field(rtsp::RTSP_TOKEN_MEDIA_FACTORY_ROLE, VIEWER).build();
    auth.set_supported_methods(rtsp::gst_rtsp::RTSPAuthMethod::Digest);
    auth.add_digest(user, password.expose(), &token);
    auth
}

/// One media for all who watch, fed from memory.
fn factory(units: Vec<AccessUnit>) -> rtsp::RTSPMediaFactory {
    let codec = units.first().map_or(Codec::H264, |u| u.codec);
    let factory = rtsp::RTSPMediaFactory::new();
    factory.set_launch(&format!(
        "( appsrc name=clip is-live=true format=time block=false \
         caps=video/x-{codec},stream-format=byte-stream,alignment=au \
         ! rtp{codec}pay name=pay0 pt=96 config-interval=-1 )"
    ));
    factory.set_shared(true);
    let units: Arc<[AccessUnit]> = units.into();
    factory.connect_media_configure(move |_, media| {
        let source = media.element().downcast::<gst::Bin>().ok().and_then(|bin| bin.by_name("clip"));
        let Some(source) = source.and_then(|s| s.downcast::<AppSrc>().ok()) else {
            tracing::error!("the simulated camera's media has no source");
            return;
        };
        let mut player = Player::new(Arc::clone(&units));
        source.set_callbacks(AppSrcCallbacks::builder().need_data(move |source, _| player.play_one(source)).build());
    });
    factory
}

/// Plays the clip in real time, again and again.
struct Player {
    units: Arc<[AccessUnit]>,
    next: usize,
    /// Length of one pass.
    length: Duration,
    /// Where this pass begins.
    offset: Duration,
    /// When the first picture was played, and the media's time then.
    began: Option<(Mono, Duration)>,
}

impl Player {
    fn new(units: Arc<[AccessUnit]>) -> Self {
        let first = units.iter().map(|u| u.pts).min().unwrap_or_default();
        let end = units.iter().map(|u| u.pts + u.duration.unwrap_or(DEFAULT_DURATION)).max().unwrap_or_default();
        let length = end.saturating_sub(first).max(DEFAULT_DURATION);
        Self { units, next: 0, length, offset: Duration::ZERO, began: None }
    }

    /// Waits until the next picture is due and hands it over; on the media's own streaming thread.
    fn play_one(&mut self, source: &AppSrc) {
        let Some(unit) = self.units.get(self.next) else { return };
        let now = clock::mono();
        let (began, base) = *self.began.get_or_insert_with(|| {
            let running = source.current_running_time().map_or(Duration::ZERO, |t| Duration::from_nanos(t.nseconds()));
            (now, running)
        });
        let due = began + self.offset + unit.dts;
        // Pacing, not waiting for a state: this is what a camera does.
        thread::sleep(due.since(now).min(LONGEST_GAP));
        let mut buffer = gst::Buffer::from_slice(unit.data.clone());
        {
            let time = |t: Duration| {
                let nanos = (base + self.offset + t).as_nanos();
                gst::ClockTime::from_nseconds(u64::try_from(nanos).unwrap_or(u64::MAX / 2))
            };
            let buffer = buffer.make_mut();
            buffer.set_pts(time(unit.pts));
            buffer.set_dts(time(unit.dts));
            if !unit.key {
                buffer.set_flags(gst::BufferFlags::DELTA_UNIT);
            }
        }
        // An error means that the media is being stopped.
        let _ = source.push_buffer(buffer);
        self.next += 1;
        if self.next == self.units.len() {
            self.next = 0;
            self.offset += self.length;
        }
    }
}

/// Flips bytes in the middle of every `every`-th picture that is not a key frame: start codes and headers stay.
fn damage(units: &mut [AccessUnit], every: u32) {
    let mut seed = 0x9E37_79B9_u32;
    let every = usize::try_from(every).unwrap_or(usize::MAX);
    for unit in units.iter_mut().filter(|u| !u.key).skip(every - 1).step_by(every) {
        let mut bytes = unit.data.to_vec();
        let from = (bytes.len() / 4).max(12).min(bytes.len());
        for byte in &mut bytes[from..] {
            // xorshift32 (Marsaglia, 2003).
            seed ^= seed << 13;
            seed ^= seed >> 17;
            seed ^= seed << 5;
            *byte ^= seed.to_le_bytes()[0];
        }
        unit.data = bytes.into();
    }
}
