//! What the live view costs: time from a camera's picture to its fragment and to a real browser's screen, and the server's
//! work per viewer. The picture itself says when it was taken: a row of grey and white blocks.

use std::{
    fs,
    net::SocketAddr,
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use gstreamer as gst;
use gstreamer::{glib, prelude::*};
use gstreamer_app::{AppSrc, AppSrcCallbacks};
use gstreamer_rtsp_server::{RTSPFilterResult, RTSPMediaFactory, RTSPServer, prelude::*};
use serde_json::json;
use yunti::base::clock;

use super::{
    live::{Viewer, appended, fragments},
    play::pictures,
};
use crate::{footage::Canvas, world::World};

const SIDES: (usize, usize) = (640, 480);
const FPS: u64 = 25;

/// Side of a block, in pixels; one per bit.
const BLOCK: usize = 16;
const BITS: usize = 24;

/// A camera whose pictures say at which millisecond of the calendar they were taken, by its last bits.
struct ClockCamera {
    server: RTSPServer,
    context: glib::MainContext,
    ending: glib::MainLoop,
    thread: Option<thread::JoinHandle<()>>,
    address: SocketAddr,
}

impl ClockCamera {
    fn start() -> Self {
        gst::init().expect("gstreamer starts");
        let factory = RTSPMediaFactory::new();
        let (width, height) = SIDES;
        factory.set_launch(&format!(
            "( appsrc name=in is-live=true format=time do-timestamp=true block=false \
             caps=video/x-raw,format=I420,width={width},height={height},framerate={FPS}/1 \
             ! x264enc speed-preset=ultrafast tune=zerolatency key-int-max=25 bitrate=2000 threads=1 \
             ! rtph264pay name=pay0 pt=96 config-interval=-1 )"
        ));
        factory.set_shared(true);
        factory.connect_media_configure(move |_, media| {
            let bin = media.element().downcast::<gst::Bin>().expect("a bin");
            let source = bin.by_name("in").and_downcast::<AppSrc>().expect("the source");
            // Each connection's media counts for itself: one that began late must not hurry.
            let mut first = None;
            let mut taken = 0;
            let push = move |source: &AppSrc, _| {
                let due = Duration::from_micros(taken * 1_000_000 / FPS);
                taken += 1;
                let first = *first.get_or_insert_with(Instant::now);
                // Pacing, as a camera does.
                thread::sleep((first + due).saturating_duration_since(Instant::now()));
                let mut canvas = Canvas::grey(width, height);
                let now = clock::wall().0;
                for bit in (0..BITS).filter(|bit| now >> bit & 1 == 1) {
                    canvas.fill(bit * BLOCK, 0, (bit + 1) * BLOCK, BLOCK, [235, 128, 128]);
                }
                // Something that moves, for the encoder.
                let x = usize::try_from(taken * 8).expect("small") % width;
                canvas.fill(x, 200, x + 64, 264, [60, 90, 160]);
                let _ = source.push_buffer(gst::Buffer::from_mut_slice(canvas.into_bytes()));
            };
            source.set_callbacks(AppSrcCallbacks::builder().need_data(push).build());
        });
        let server = RTSPServer::new();
        server.set_address("127.0.0.1");
        server.set_service("0");
        server.mount_points().expect("mounts").add_factory("/live", factory);
        let context = glib::MainContext::new();
        server.attach(Some(&context)).expect("it listens");
        let port = u16::try_from(server.bound_port()).expect("a port");
        let ending = glib::MainLoop::new(Some(&context), false);
        let (running, on) = (ending.clone(), context.clone());
        let run = move || drop(on.with_thread_default(|| running.run()));
        let thread = thread::Builder::new().name("clock-camera".to_owned()).spawn(run).expect("a thread");
        Self { server, context, ending, thread: Some(thread), address: SocketAddr::from(([127, 0, 0, 1], port)) }
    }
}

impl Drop for ClockCamera {
    fn drop(&mut self) {
        self.server.client_filter(Some(&mut |_, _| RTSPFilterResult::Remove));
        let ending = self.ending.clone();
        let quit = glib::idle_source_new(None, glib::Priority::DEFAULT, move || {
            ending.quit();
            glib::ControlFlow::Break
        });
        quit.attach(Some(&self.context));
        let _ = self.thread.take().map(thread::JoinHandle::join);
    }
}

/// User and system time of a process so far, in hundredths of a second.
fn worked(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
    let after = stat.rsplit_once(')').expect("its name").1;
    after.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<u64>().expect("ticks")).sum()
}

/// The share of a core that the server takes over `span`, while the viewers take what comes.
async fn share(world: &World, viewers: &mut [Viewer], span: Duration) -> f64 {
    let (from, began) = (worked(world.server.id()), Instant::now());
    let take = async |viewer: &mut Viewer| {
        while tokio::time::timeout_at((began + span).into(), viewer.next()).await.is_ok() {}
    };
    futures_util::future::join_all(viewers.iter_mut().map(take)).await;
    tokio::time::sleep(span.saturating_sub(began.elapsed())).await;
    #[expect(clippy::cast_precision_loss, reason = "small")]
    let share = (worked(world.server.id()) - from) as f64 / 100.0 / began.elapsed().as_secs_f64();
    share
}

#[tokio::test]
async fn the_live_view_is_prompt_and_costs_little() {
    const VIEWERS: usize = 20;
    let source = ClockCamera::start();
    let world = World::start("");
    let camera = world.camera(&format!("rtsp://{}/live", source.address), &[], json!({})).await;
    let span = Duration::from_secs(6);
    let mut first = Viewer::connect(&world, &camera).await;
    first.until("a second of pictures", |got| fragments(got).len() >= 25).await;
    drop(first);
    let mut alone = share(&world, &mut [], span).await;
    let mut viewers = Vec::new();
    for _ in 0..VIEWERS {
        viewers.push(Viewer::connect(&world, &camera).await);
    }
    let together = share(&world, &mut viewers, span).await;
    drop(viewers);
    alone = f64::midpoint(alone, share(&world, &mut [], span).await);
    #[expect(clippy::cast_precision_loss, reason = "small")]
    let each = (together - alone) / VIEWERS as f64;
    eprintln!("server: {alone:.3} of a core, with {VIEWERS} viewers {together:.3}: {:.2} % each", each * 100.0);

    // A fresh viewer: what it gets first is the past, so it does not count.
    let mut viewer = Viewer::connect(&world, &camera).await;
    viewer.until("eight seconds", |got| fragments(got).len() >= 200).await;
    let played = pictures(&appended(&viewer.got));
    let got = fragments(&viewer.got);
    assert_eq!(played.len(), got.len());
    let (began, wall) = (Instant::now(), clock::wall().0);
    let mut late: Vec<i64> = played
        .iter()
        .zip(&got)
        .skip(50)
        .map(|(picture, got)| {
            let bright = |bit: usize| picture.luma(bit * BLOCK + BLOCK / 2, BLOCK / 2) > 180;
            let taken: i64 = (0..BITS).filter(|bit| bright(*bit)).map(|bit| 1 << bit).sum();
            let ago = i64::try_from(began.duration_since(got.at.into_std()).as_millis()).expect("small");
            (wall - ago - taken).rem_euclid(1 << BITS)
        })
        .collect();
    let (p50, p95) = percentiles("picture to fragment", &mut late);
    assert!(p50 < 500 && p95 < 1000, "{late:?}");
    // One percent is what is promised of a release build; the tests' own is several times slower.
    assert!(each < if cfg!(debug_assertions) { 0.03 } else { 0.01 }, "{each}");
}

/// The 50th and the 95th of a hundred; says them.
fn percentiles(what: &str, ms: &mut [i64]) -> (i64, i64) {
    ms.sort_unstable();
    let at = |share: usize| ms[(ms.len() - 1) * share / 100];
    eprintln!("{what}, ms: p50 {} p95 {} most {}", at(50), at(95), at(100));
    (at(50), at(95))
}

#[tokio::test]
async fn a_real_browser_shows_a_picture_within_a_second() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let modules = here.join("web/node_modules");
    assert!(
        modules.join("playwright-core").exists(),
        "no web/node_modules: run `make test`, or `scripts/setup web` once"
    );
    let source = ClockCamera::start();
    let world = World::start("");
    let camera = world.camera(&format!("rtsp://{}/live", source.address), &[], json!({})).await;
    let mut browser = Command::new("node");
    browser.arg(here.join("tests/it/media/browser.mjs")).arg(modules).args([&world.base, &camera, &world.token]);
    browser.args(["200".to_owned(), BITS.to_string(), BLOCK.to_string()]);
    let shown = tokio::task::spawn_blocking(move || browser.output().expect("node runs")).await.expect("it ends");
    let said = String::from_utf8_lossy(&shown.stdout);
    assert!(shown.status.success(), "{said} {}", String::from_utf8_lossy(&shown.stderr));
    let ages: Vec<i64> = serde_json::from_str(said.trim()).expect("ages");
    // It begins with the past.
    let (p50, p95) = percentiles("picture to browser", &mut ages[50..].to_vec());
    assert!(p50 < 1000 && p95 < 2000, "{ages:?}");
}
