//! Cameras over real RTSP on loopback: coming up, going, being killed, frozen, damaged, refused.

use std::{
    collections::HashMap,
    env, fs,
    io::{BufRead as _, BufReader},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Condvar, Mutex},
    time::Duration,
};

use nix::{
    sys::signal::{self, Signal},
    unistd::Pid,
};
use yunti::{
    base::{CameraId, Mono, Secret, clock},
    camera::{
        Camera, CameraLimits, CameraSink, CameraSpec, CameraUri, Codec, DecodeChains, Failure, Phase, PhaseReport,
        Transport, probe,
    },
    frame::Frame,
    media,
    simulate::camera::{CameraOptions, SimulatedCamera},
};

use crate::footage;

const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

const LIMITS: CameraLimits = CameraLimits {
    ring_span: Duration::from_secs(6),
    ring_bytes: 16 << 20,
    watchdog: Duration::from_secs(2),
    connect: Duration::from_secs(10),
    back_off_max: Duration::from_millis(400),
};

/// Everything that cameras said.
#[derive(Default)]
struct Recorder {
    seen: Mutex<Seen>,
    changed: Condvar,
}

#[derive(Default)]
struct Seen {
    frames: HashMap<CameraId, Vec<(u64, Mono, Mono)>>,
    last: HashMap<CameraId, Frame>,
    phases: Vec<PhaseReport>,
}

impl Seen {
    fn count(&self, camera: CameraId) -> usize {
        self.frames.get(&camera).map_or(0, Vec::len)
    }

    fn phase(&self, camera: CameraId) -> Option<(Phase, String)> {
        self.phases.iter().rev().find(|p| p.camera == camera).map(|p| (p.phase, p.reason.clone()))
    }

    fn was(&self, camera: CameraId, phase: Phase) -> usize {
        self.phases.iter().filter(|p| p.camera == camera && p.phase == phase).count()
    }
}

impl CameraSink for Recorder {
    fn frame(&self, frame: Frame) {
        let mut seen = self.seen.lock().expect("no test has panicked");
        seen.frames.entry(frame.camera).or_default().push((frame.seq.0, frame.captured, frame.decoded));
        seen.last.insert(frame.camera, frame);
        self.changed.notify_all();
    }

    fn phase(&self, report: PhaseReport) {
        self.seen.lock().expect("no test has panicked").phases.push(report);
        self.changed.notify_all();
    }
}

impl Recorder {
    /// Waits until `is` holds; fails after `within`, saying what was awaited and what was seen.
    fn until(&self, what: &str, within: Duration, mut is: impl FnMut(&Seen) -> bool) {
        let seen = self.seen.lock().expect("no test has panicked");
        let (seen, late) =
            self.changed.wait_timeout_while(seen, within, |seen| !is(seen)).expect("no test has panicked");
        assert!(!late.timed_out(), "not within {within:?}: {what}; phases: {:#?}", seen.phases);
    }

    fn live(&self, camera: CameraId) {
        self.until("live, with a frame", Duration::from_secs(20), |s| {
            s.phase(camera).is_some_and(|(p, _)| p == Phase::Live) && s.count(camera) > 0
        });
    }
}

fn spec(uri: &str) -> CameraSpec {
    CameraSpec {
        id: CameraId::fresh(),
        uri: CameraUri::parse(uri).expect("a good address"),
        transport: Transport::Tcp,
        decode: None,
        idle_fps: 100.0,
        active_fps: 100.0,
        enabled: true,
    }
}

fn chains() -> Arc<DecodeChains> {
    Arc::new(DecodeChains::load(None).expect("the built-in chains are good"))
}

fn start(spec: &CameraSpec, recorder: &Arc<Recorder>) -> Camera {
    let sink = Arc::clone(recorder);
    Camera::start(spec.clone(), LIMITS, chains(), sink).expect("a thread")
}

/// A folder with one clip in it.
fn clip(name: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(name);
    footage::moving_square(&path, 2.0);
    (folder, path)
}

fn stop_within_a_second(camera: Camera, when: &str) {
    let began = clock::mono();
    drop(camera);
    let took = clock::mono().since(began);
    assert!(took < Duration::from_secs(1), "stopping {when} took {took:?}");
}

/// A simulated camera in a process of its own, to be killed and frozen.
struct Server(Child, SocketAddr);

impl Server {
    fn spawn(clip: &Path, listen: SocketAddr) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_yunti"))
            .args(["simulate", "camera", "--clip"])
            .arg(clip)
            .args(["--listen", &listen.to_string()])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the server's process starts");
        let mut line = String::new();
        let mut lines = BufReader::new(child.stdout.take().expect("its output"));
        lines.read_line(&mut line).expect("a line when it listens");
        let line: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        let addr = line["addr"].as_str().expect("an address").parse().expect("an address");
        Self(child, addr)
    }

    fn uri(&self) -> String {
        format!("rtsp://{}/live", self.1)
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.0.id()).expect("a pid"));
        signal::kill(pid, signal).expect("the process is there");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_camera_comes_up_by_either_codec_and_transport_and_stops_at_once() {
    for (name, codec, transport) in [
        ("clip.mp4", Codec::H264, Transport::Tcp),
        ("clip.h264", Codec::H264, Transport::Udp),
        ("clip.h265.mkv", Codec::H265, Transport::Tcp),
        ("clip.h265.mp4", Codec::H265, Transport::Udp),
    ] {
        let (_folder, clip) = clip(name);
        let server = SimulatedCamera::start(&clip, LOOPBACK).expect("it serves");
        let recorder = Arc::new(Recorder::default());
        let spec = CameraSpec { transport, ..spec(&server.uri()) };
        let camera = start(&spec, &recorder);
        recorder.live(spec.id);
        // More than the clip holds: it loops.
        recorder.until("50 frames", Duration::from_secs(15), |s| s.count(spec.id) >= 50);
        let stats = camera.stats();
        assert_eq!((stats.codec, stats.chain.as_deref()), (Some(codec), Some("software")), "{name}");
        assert!(stats.size.is_some_and(|s| (s.width, s.height) == (320, 240)), "{name}: {stats:?}");
        assert!((stats.fps - 15.0).abs() < 2.0, "{name}: {stats:?}");
        assert_eq!((stats.corrupt, stats.reconnects), (0, 0), "{name}: {stats:?}");
        assert!(camera.recent_packets().first().is_some_and(|p| p.key), "{name}: the ring begins at a key frame");
        stop_within_a_second(camera, "a live camera");
        let seen = recorder.seen.lock().expect("no test has panicked");
        let frames = &seen.frames[&spec.id];
        assert!(frames.windows(2).all(|w| w[1].0 == w[0].0 + 1 && w[1].1 >= w[0].1), "{name}: {frames:?}");
        assert!(frames.iter().all(|f| f.1 <= f.2), "{name}: captured before decoded");
        let phases: Vec<_> = seen.phases.iter().map(|p| p.phase).collect();
        assert_eq!(phases, [Phase::Connecting, Phase::Live], "{name}");
        assert_magenta(&seen.last[&spec.id]);
    }
}

/// The square is where a moving square can be: somewhere in the middle rows, of its colour.
fn assert_magenta(frame: &Frame) {
    // Padded rows: it is the decoder's own buffer, not a packed copy of it.
    assert!(frame.pixels.plane(0).1 > 320, "stride {}", frame.pixels.plane(0).1);
    let rgb = media::to_rgb(&frame.pixels);
    let row = &rgb[320 * 3 * 128..320 * 3 * 129];
    let hits = row.chunks(3).filter(|p| p[0] > 180 && p[1] < 90 && p[2] > 180).count();
    assert!((40..=80).contains(&hits), "{hits} magenta pixels in the middle row, 64 expected");
}

#[test]
fn a_clip_on_disk_plays_in_real_time_and_again() {
    for name in ["clip.mp4", "clip.h265.mkv", "clip.h264"] {
        let (_folder, clip) = clip(name);
        let recorder = Arc::new(Recorder::default());
        let spec = spec(&format!("file://{}", clip.display()));
        let camera = start(&spec, &recorder);
        recorder.live(spec.id);
        let began = clock::mono();
        recorder.until("75 frames of a clip of 30", Duration::from_secs(20), |s| s.count(spec.id) >= 75);
        let took = clock::mono().since(began);
        assert!(took > Duration::from_secs(4), "{name}: 5 s of pictures in {took:?}");
        assert_eq!(camera.stats().corrupt, 0, "{name}");
        assert_eq!(recorder.seen.lock().expect("no test has panicked").was(spec.id, Phase::BackOff), 0, "{name}");
    }
}

#[test]
fn credentials_are_asked_for_and_never_shown() {
    let (_folder, clip) = clip("clip.mp4");
    let credentials = Some(("lift".to_owned(), Secret::new("p@ss:w/rd")));
    let options = CameraOptions { clip, listen: LOOPBACK, credentials, damage: None };
    let server = SimulatedCamera::with(&options).expect("it serves");
    for (login, expected) in [("", "unauthorised"), ("lift:wrong-one@", "unauthorised"), ("lift:p%40ss%3Aw%2Frd@", "")]
    {
        let recorder = Arc::new(Recorder::default());
        let spec = spec(&format!("rtsp://{login}{}/live", server.addr()));
        let camera = start(&spec, &recorder);
        if expected.is_empty() {
            recorder.live(spec.id);
        } else {
            recorder.until(expected, Duration::from_secs(10), |s| {
                s.phase(spec.id).is_some_and(|(p, r)| p == Phase::BackOff && r.starts_with(expected))
            });
        }
        let said =
            format!("{:?} {:?} {spec:?}", recorder.seen.lock().expect("no test has panicked").phases, camera.stats());
        for secret in ["wrong-one", "p@ss", "p%40ss"] {
            assert!(!said.contains(secret), "{said}");
        }
    }
}

#[test]
fn a_camera_that_is_off_comes_up_when_it_comes_up() {
    let (_folder, clip) = clip("clip.mp4");
    let address = SimulatedCamera::start(&clip, LOOPBACK).expect("it serves").addr();
    let recorder = Arc::new(Recorder::default());
    let spec = spec(&format!("rtsp://{address}/live"));
    let camera = start(&spec, &recorder);
    recorder.until("refused, twice", Duration::from_secs(10), |s| {
        s.was(spec.id, Phase::BackOff) >= 2 && s.phase(spec.id).is_some_and(|(_, r)| r.starts_with("refused"))
    });
    let _server = SimulatedCamera::start(&clip, address).expect("it serves again");
    recorder.live(spec.id);
    assert!(camera.stats().reconnects >= 2);
}

#[test]
fn stopping_is_prompt_whatever_the_camera_does() {
    let recorder = Arc::new(Recorder::default());
    // It accepts, and never says a word.
    let silent = TcpListener::bind(LOOPBACK).expect("a port");
    let connecting = spec(&format!("rtsp://{}/live", silent.local_addr().expect("its port")));
    let camera = start(&connecting, &recorder);
    let (_stream, _) = silent.accept().expect("it connects");
    stop_within_a_second(camera, "while connecting");
    // Nothing listens there any more.
    let gone = TcpListener::bind(LOOPBACK).and_then(|l| l.local_addr()).expect("a port");
    let waiting = spec(&format!("rtsp://{gone}/live"));
    let limits = CameraLimits { back_off_max: Duration::from_secs(30), ..LIMITS };
    let sink = Arc::clone(&recorder);
    let camera = Camera::start(waiting.clone(), limits, chains(), sink).expect("a thread");
    recorder.until("backing off, again", Duration::from_secs(15), |s| s.was(waiting.id, Phase::BackOff) >= 3);
    stop_within_a_second(camera, "while backing off");
    // A disabled one does nothing at all.
    let disabled = CameraSpec { enabled: false, ..spec("rtsp://192.0.2.1/live") };
    let camera = start(&disabled, &recorder);
    assert_eq!(camera.phase().phase, Phase::Disabled);
    stop_within_a_second(camera, "a disabled one");
}

/// Threads, open files and resident memory in MiB of this process.
fn footprint() -> (usize, usize, usize) {
    let count = |path: &str| fs::read_dir(path).expect("/proc is there").count();
    let status = fs::read_to_string("/proc/self/statm").expect("/proc is there");
    let pages: usize = status.split_whitespace().nth(1).and_then(|p| p.parse().ok()).expect("resident pages");
    (count("/proc/self/task"), count("/proc/self/fd"), pages / 256)
}

#[test]
fn a_camera_killed_twenty_times_comes_back_each_time_and_leaks_nothing() {
    // Its own process, so that no other test's threads are counted.
    if env::var_os("YUNTI_TEST_ALONE").is_none() {
        let status = Command::new(env::current_exe().expect("own path"))
            .args([
                "camera::a_camera_killed_twenty_times_comes_back_each_time_and_leaks_nothing",
                "--exact",
                "--nocapture",
            ])
            .env("YUNTI_TEST_ALONE", "1")
            .status()
            .expect("it runs");
        assert!(status.success(), "see above");
        return;
    }
    let (_folder, clip) = clip("clip.mp4");
    let mut server = Server::spawn(&clip, LOOPBACK);
    let address = server.1;
    let recorder = Arc::new(Recorder::default());
    let spec = spec(&server.uri());
    let camera = start(&spec, &recorder);
    recorder.live(spec.id);
    let mut early = None;
    for round in 1..=20 {
        drop(server);
        recorder.until("the loss is noticed", Duration::from_secs(10), |s| s.was(spec.id, Phase::BackOff) >= round);
        server = Server::spawn(&clip, address);
        recorder.until("live again", Duration::from_secs(20), |s| {
            s.was(spec.id, Phase::Live) > round && s.phase(spec.id).is_some_and(|(p, _)| p == Phase::Live)
        });
        if round == 4 {
            early = Some(footprint());
        }
    }
    let (early, late) = (early.expect("20 rounds"), footprint());
    eprintln!("threads, fds, MiB after 4 rounds: {early:?}, after 20: {late:?}");
    assert!(late.0 <= early.0 + 2 && late.1 <= early.1 + 4, "threads, fds: {early:?} → {late:?}");
    assert!(late.2 <= early.2 + 12, "MiB: {early:?} → {late:?}");
    assert!(camera.stats().reconnects >= 20);
    stop_within_a_second(camera, "after it all");
    let (threads, _, _) = footprint();
    assert!(threads < late.0, "{threads} threads after stopping, {} before", late.0);
}

#[test]
fn a_frozen_camera_is_stalled_within_the_watchdog_and_comes_back_when_it_thaws() {
    let (_folder, clip) = clip("clip.mp4");
    let server = Server::spawn(&clip, LOOPBACK);
    let recorder = Arc::new(Recorder::default());
    let spec = spec(&server.uri());
    let _camera = start(&spec, &recorder);
    recorder.live(spec.id);
    server.signal(Signal::SIGSTOP);
    let frozen = clock::mono();
    recorder.until("stalled", Duration::from_secs(10), |s| s.was(spec.id, Phase::Stalled) == 1);
    let took = clock::mono().since(frozen);
    assert!(took <= LIMITS.watchdog + Duration::from_millis(700), "stalled after {took:?}");
    recorder.until("backing off", Duration::from_secs(10), |s| s.was(spec.id, Phase::BackOff) == 1);
    server.signal(Signal::SIGCONT);
    recorder.until("live again", Duration::from_secs(25), |s| s.was(spec.id, Phase::Live) == 2);
}

#[test]
fn a_damaged_stream_is_counted_and_harms_no_other_camera() {
    let (_folder, clip) = clip("clip.mp4");
    let good = SimulatedCamera::start(&clip, LOOPBACK).expect("it serves");
    let options = CameraOptions { clip, listen: LOOPBACK, credentials: None, damage: Some(4) };
    let bad = SimulatedCamera::with(&options).expect("it serves");
    let recorder = Arc::new(Recorder::default());
    let (well, ill) = (spec(&good.uri()), spec(&bad.uri()));
    let _well = start(&well, &recorder);
    recorder.live(well.id);
    let camera = start(&ill, &recorder);
    recorder.until("60 good frames and some of the damaged camera", Duration::from_secs(30), |s| {
        s.count(well.id) >= 60 && s.count(ill.id) >= 10 && camera.stats().corrupt >= 5
    });
    let seen = recorder.seen.lock().expect("no test has panicked");
    let frames = &seen.frames[&well.id];
    let gap = frames.windows(2).map(|w| w[1].1.since(w[0].1)).max().expect("frames");
    // 200 ms is what is promised; a busy machine that runs the tests gets some more.
    assert!(gap < Duration::from_millis(500), "a gap of {gap:?} in the other camera");
    assert_eq!((seen.was(well.id, Phase::BackOff), seen.was(well.id, Phase::Stalled)), (0, 0));
}

#[test]
fn frames_that_are_held_starve_no_decoder() {
    let (_folder, clip) = clip("clip.mp4");
    let recorder = Arc::new(Recorder::default());
    let spec = spec(&format!("file://{}", clip.display()));
    let _camera = start(&spec, &recorder);
    let mut held = Vec::new();
    // Far more than a decoder's own pictures of reference; the snapshot holds one.
    while held.len() < 40 {
        let count = recorder.seen.lock().expect("no test has panicked").count(spec.id);
        recorder.until("one more frame", Duration::from_secs(20), |s| s.count(spec.id) > count);
        held.push(recorder.seen.lock().expect("no test has panicked").last[&spec.id].clone());
    }
    let seen = recorder.seen.lock().expect("no test has panicked");
    assert_eq!(seen.was(spec.id, Phase::BackOff) + seen.was(spec.id, Phase::Stalled), 0, "{:?}", seen.phases);
    assert!(held.windows(2).all(|w| w[0].seq < w[1].seq));
}

#[test]
fn frames_are_offered_at_the_idle_rate_until_the_camera_is_told_to_hurry() {
    let (_folder, clip) = clip("clip.mp4");
    let recorder = Arc::new(Recorder::default());
    let spec = CameraSpec { idle_fps: 3.0, active_fps: 15.0, ..spec(&format!("file://{}", clip.display())) };
    let camera = start(&spec, &recorder);
    recorder.live(spec.id);
    let rate = |from: usize, count: usize| {
        recorder.until("frames", Duration::from_secs(20), |s| s.count(spec.id) >= from + count);
        let seen = recorder.seen.lock().expect("no test has panicked");
        let frames = &seen.frames[&spec.id][from..from + count];
        let span = frames[count - 1].1.since(frames[0].1).as_secs_f32();
        f32::from(u16::try_from(count - 1).expect("few")) / span
    };
    let idle = rate(1, 7);
    assert!((2.0..=4.0).contains(&idle), "{idle} fps while idle");
    camera.set_active(true);
    let now = recorder.seen.lock().expect("no test has panicked").count(spec.id);
    let active = rate(now + 1, 25);
    assert!((11.0..=18.0).contains(&active), "{active} fps while active");
}

#[test]
fn a_probe_tells_what_a_camera_sends_or_why_not() {
    let (folder, clip) = clip("clip.h265.mkv");
    let chains = chains();
    let ask = |uri: &str, timeout: u64| {
        let uri = CameraUri::parse(uri).expect("a good address");
        probe(&uri, Transport::Tcp, Duration::from_secs(timeout), &chains)
    };
    let server = SimulatedCamera::start(&clip, LOOPBACK).expect("it serves");
    let found = ask(&server.uri(), 10).expect("it sends");
    assert_eq!(found.codec, Codec::H265);
    assert_eq!((found.picture.size.width, found.picture.size.height), (320, 240));
    assert!((found.fps - 15.0).abs() < 2.0, "{}", found.fps);
    let jpeg = media::snapshot(&found.picture, &[]).expect("a JPEG");
    assert!(jpeg.starts_with(&[0xFF, 0xD8]));

    let options = CameraOptions {
        clip,
        listen: LOOPBACK,
        credentials: Some(("lift".to_owned(), Secret::new("secret-word"))),
        damage: None,
    };
    let locked = SimulatedCamera::with(&options).expect("it serves");
    let silent = TcpListener::bind(LOOPBACK).expect("a port");
    let quiet = silent.local_addr().expect("its port");
    let gone = TcpListener::bind(LOOPBACK).and_then(|l| l.local_addr()).expect("a port");
    let text = folder.path().join("not-a-clip.mp4");
    fs::write(&text, "this is no clip at all, whatever its name says").expect("written");
    for (uri, timeout, code) in [
        (format!("rtsp://{gone}/live"), 5, "refused"),
        (locked.uri(), 5, "unauthorised"),
        (format!("rtsp://lift:wrong-word@{}/live", locked.addr()), 5, "unauthorised"),
        (format!("rtsp://{}/elsewhere", server.addr()), 5, "not_found"),
        (format!("rtsp://{quiet}/live"), 1, "timeout"),
        (format!("file://{}", folder.path().join("none.mp4").display()), 5, "not_found"),
        (format!("file://{}", text.display()), 5, "no_video"),
        ("rtsp://no-such-host.invalid/live".to_owned(), 10, "unreachable"),
        (format!("rtsps://{}/live", server.addr()), 5, "tls"),
    ] {
        let failure: Failure = ask(&uri, timeout).err().unwrap_or_else(|| panic!("{uri} sends"));
        assert_eq!(failure.code(), code, "{uri}: {failure}");
        assert!(!failure.to_string().contains("-word"), "{failure}");
    }
}
