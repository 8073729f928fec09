//! The live view and the snapshot.

use std::{path::Path, time::Duration};

use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::Instant};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, client::IntoClientRequest},
};

use super::play::pictures;
use crate::{
    footage,
    world::{PATIENCE, World, create_token, ebike_clip, text},
};

/// One who watches a camera live.
pub(super) struct Viewer {
    socket: WebSocketStream<TcpStream>,
    pub(super) got: Vec<Got>,
}

/// A message and when it came.
#[derive(Debug, Clone)]
pub(super) struct Got {
    pub(super) at: Instant,
    pub(super) what: What,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum What {
    Text(Value),
    Binary(Vec<u8>),
    Closed(Option<u16>),
}

impl Viewer {
    pub(super) async fn connect(world: &World, camera: &str) -> Self {
        Self::connect_with(world, camera, "", None).await
    }

    /// With a query, and with a receive buffer of so many bytes.
    async fn connect_with(world: &World, camera: &str, query: &str, buffer: Option<u32>) -> Self {
        let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
        if let Some(bytes) = buffer {
            socket.set_recv_buffer_size(bytes).expect("a small buffer");
        }
        let address = world.base.trim_start_matches("http://").parse().expect("an address");
        let stream = socket.connect(address).await.expect("it listens");
        let mut request =
            format!("ws://{address}/api/v1/cameras/{camera}/live{query}").into_client_request().expect("a request");
        let protocols = format!("yunti.live.v1, yunti.token.{}", world.token);
        request.headers_mut().insert("sec-websocket-protocol", protocols.parse().expect("a header"));
        let (socket, answer) = client_async(request, stream).await.expect("it upgrades");
        assert_eq!(answer.headers()["sec-websocket-protocol"], "yunti.live.v1");
        Self { socket, got: Vec::new() }
    }

    /// The next message that is no ping.
    pub(super) async fn next(&mut self) -> Got {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.socket.next()).await.expect("a message in time");
            let what = match message {
                Some(Ok(Message::Text(text))) => What::Text(serde_json::from_str(&text).expect("JSON")),
                Some(Ok(Message::Binary(bytes))) => What::Binary(bytes.to_vec()),
                Some(Ok(Message::Close(frame))) => What::Closed(frame.map(|f| f.code.into())),
                Some(Ok(_)) => continue,
                None | Some(Err(_)) => What::Closed(None),
            };
            let got = Got { at: Instant::now(), what };
            self.got.push(got.clone());
            return got;
        }
    }

    /// Takes messages until `enough` of all that came.
    pub(super) async fn until(&mut self, what: &str, mut enough: impl FnMut(&[Got]) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !enough(&self.got) {
            assert!(Instant::now() < deadline, "waited for {what}: {:?}", self.texts());
            let got = self.next().await;
            assert!(!matches!(got.what, What::Closed(_)), "closed while waiting for {what}: {:?}", self.texts());
        }
    }

    fn texts(&self) -> Vec<Value> {
        self.got
            .iter()
            .filter_map(|got| match &got.what {
                What::Text(value) => Some(value.clone()),
                _ => None,
            })
            .collect()
    }

    fn of_kind(&self, kind: &str) -> Vec<Value> {
        self.texts().into_iter().filter(|text| text["kind"] == kind).collect()
    }
}

/// The fragments that came so far.
pub(super) fn fragments(got: &[Got]) -> Vec<&Got> {
    got.iter().filter(|got| matches!(&got.what, What::Binary(bytes) if bytes.get(4..8) == Some(b"moof"))).collect()
}

/// Init and fragments, one after the other, as a browser appends them: from the first init to the next or the end.
pub(super) fn appended(got: &[Got]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for got in got {
        let What::Binary(more) = &got.what else { continue };
        if more.get(4..8) == Some(b"ftyp") && !bytes.is_empty() {
            break;
        }
        bytes.extend_from_slice(more);
    }
    bytes
}

fn is_text(got: &Got, kind: &str) -> bool {
    matches!(&got.what, What::Text(text) if text["kind"] == kind)
}

#[tokio::test]
async fn the_live_view_plays_without_gaps_and_its_boxes_lie_on_what_they_name() {
    let world = World::start("");
    let clip = world.dir.path().join("ebike.mp4");
    // In the second half of each 12 s.
    ebike_clip(&clip, |picture| picture % 120 >= 60);
    let (_camera, uri) = world.rtsp(&clip, "127.0.0.1:0");
    let camera = world.camera(&uri, &[], json!({})).await;
    let mut viewer = Viewer::connect(&world, &camera).await;
    // From a time without to a time with, whichever part of the clip it began in.
    let has = |got: &Got, some: bool| matches!(&got.what, What::Text(text) if text["kind"] == "boxes" && text["tracks"].as_array().is_some_and(|t| t.is_empty() != some));
    viewer
        .until("boxes after none, and two seconds more", |got| {
            let none = got.iter().position(|g| has(g, false));
            let some = none.and_then(|from| got[from..].iter().position(|g| has(g, true)).map(|at| from + at));
            some.is_some_and(|at| fragments(&got[at..]).len() >= 20)
        })
        .await;

    let What::Text(init) = &viewer.got[0].what else { panic!("{:?}", viewer.got[0]) };
    assert_eq!((&init["kind"], &init["width"], &init["height"]), (&json!("init"), &json!(640), &json!(480)));
    assert!(text(&init["codec"]).starts_with("avc1."), "{init}");
    assert_eq!(init["mime"], format!("video/mp4; codecs=\"{}\"", text(&init["codec"])));
    assert!(matches!(&viewer.got[1].what, What::Binary(bytes) if &bytes[4..8] == b"ftyp"));
    assert_eq!(viewer.of_kind("init").len(), 1);
    assert_eq!(viewer.of_kind("skipped"), [Value::Null; 0]);

    let played = pictures(&appended(&viewer.got));
    assert_eq!(played.len(), fragments(&viewer.got).len(), "each fragment is a picture");
    assert!(played[0].at < Duration::from_millis(200), "{:?}", played[0].at);
    let steps: Vec<Duration> = played.windows(2).map(|w| w[1].at.checked_sub(w[0].at).expect("in order")).collect();
    let even = |step: &&Duration| (Duration::from_millis(1)..Duration::from_secs(1)).contains(*step);
    assert_eq!(steps.iter().filter(even).count(), steps.len(), "no gap: {steps:?}");

    let boxes = viewer.of_kind("boxes");
    let places: Vec<(f64, &Value)> = boxes.iter().map(|b| (b["pts_s"].as_f64().expect("a time"), b)).collect();
    assert!(places.windows(2).all(|w| w[0].0 < w[1].0), "in order");
    let picture = |place: f64| {
        let found = played.iter().find(|p| (p.at.as_secs_f64() - place).abs() < 0.000_1);
        found.unwrap_or_else(|| panic!("no picture at {place}: {:?}", played.iter().map(|p| p.at).collect::<Vec<_>>()))
    };
    let none = places.iter().position(|(_, b)| b["tracks"] == json!([])).expect("a time without");
    let first = none + places[none..].iter().position(|(_, b)| b["tracks"] != json!([])).expect("a time with");
    let track = &places[first].1["tracks"][0];
    assert_eq!((&track["label"], track["id"].is_string()), (&json!("ebike"), true));
    assert!(track["score"].as_f64().expect("a score") > 0.5, "{track}");
    for (got, expected) in track["rect"].as_array().expect("a box").iter().zip([0.375, 1.0 / 3.0, 0.5, 0.5]) {
        assert!((got.as_f64().expect("a side") - expected).abs() < 0.02, "{track}");
    }
    assert!(picture(places[first].0).is_magenta(0.44, 0.42), "the box lies on what it names");
    assert!(!picture(places[none].0).is_magenta(0.44, 0.42), "nothing there, nothing named");
}

#[tokio::test]
async fn the_snapshot_is_the_newest_picture() {
    let world = World::start("");
    let clip = world.dir.path().join("ebike.mp4");
    ebike_clip(&clip, |_| true);
    let (_camera, uri) = world.rtsp(&clip, "127.0.0.1:0");
    let off =
        world.post("/cameras", json!({ "name": "off", "uri": uri, "pipeline": "elevator", "enabled": false })).await;
    let off = text(&off["id"]);
    let (status, problem) = world.call("GET", &format!("/cameras/{off}/snapshot"), None).await;
    assert_eq!(status, 404, "{problem}");
    assert!(text(&problem["detail"]).contains("no picture"), "{problem}");
    let camera = world.camera(&uri, &[], json!({})).await;
    let address = format!("{}/api/v1/cameras/{camera}/snapshot", world.base);
    let ask =
        async |token: &str| reqwest::Client::new().get(&address).bearer_auth(token).send().await.expect("an answer");
    let answer = crate::world::until("a snapshot", async || {
        let answer = ask(&world.token).await;
        answer.status().is_success().then_some(answer)
    })
    .await;
    let captured: jiff::Timestamp =
        answer.headers()["x-yunti-captured-at"].to_str().expect("text").parse().expect("RFC 3339");
    let age = jiff::Timestamp::now().duration_since(captured);
    assert!(age.is_positive() && age < jiff::SignedDuration::from_secs(3), "taken {age} ago");
    assert_eq!(answer.headers()["content-type"], "image/jpeg");
    let image = image::load_from_memory(&answer.bytes().await.expect("a body")).expect("a JPEG").to_rgb8();
    assert_eq!(image.dimensions(), (640, 480));
    let [red, green, blue] = image.get_pixel(280, 200).0;
    assert!(red > 180 && green < 90 && blue > 180, "{red} {green} {blue}");
    // Watching is seeing pictures: a viewer may, a stranger may not.
    assert!(ask(&create_token(world.dir.path(), "viewer")).await.status().is_success());
    assert_eq!(ask("yt_nobody").await.status(), 401);
    let (status, _) = world.call("GET", "/cameras/cam-00000000000000000000000000000001/snapshot", None).await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn a_camera_that_comes_back_goes_on_with_a_new_init_on_the_same_time_line() {
    let world = World::start("[cameras]\nback_off_max_s = 0.5\n");
    let clip = world.dir.path().join("ebike.mp4");
    ebike_clip(&clip, |_| false);
    let (server, uri) = world.rtsp(&clip, "127.0.0.1:0");
    let camera = world.camera(&uri, &[], json!({})).await;
    let mut viewer = Viewer::connect(&world, &camera).await;
    viewer.until("ten pictures", |got| fragments(got).len() >= 10).await;
    drop(server);
    viewer.until("the reason", |got| got.iter().any(|g| is_text(g, "frames"))).await;
    let reason = text(&viewer.of_kind("frames")[0]["reason"]);
    assert!(reason.starts_with("back_off: ") || reason.starts_with("connecting: "), "{reason}");
    viewer
        .until("the last picture", |got| {
            got.iter().any(|g| matches!(&g.what, What::Binary(b) if b.starts_with(&[0xFF, 0xD8])))
        })
        .await;
    let listen = uri.trim_start_matches("rtsp://").trim_end_matches("/live");
    let (_server, _) = world.rtsp(&clip, listen);
    viewer.until("an init again", |got| got.iter().filter(|g| is_text(g, "init")).count() == 2).await;
    let again = viewer.got.len();
    viewer.until("ten pictures more", |got| fragments(&got[again..]).len() >= 10).await;
    let before = pictures(&appended(&viewer.got));
    let after = pictures(&appended(&viewer.got[again..]));
    let gap = after[0].at.checked_sub(before[before.len() - 1].at).expect("the line goes on");
    assert!(gap < Duration::from_millis(200), "a gap of {gap:?}");

    // A camera that is removed takes its viewers with it.
    assert_eq!(world.call("DELETE", &format!("/cameras/{camera}"), None).await.0, 204);
    let end = loop {
        if let What::Closed(code) = viewer.next().await.what {
            break code;
        }
    };
    assert_eq!(end, Some(1000));
}

#[tokio::test]
async fn what_a_browser_cannot_play_comes_as_pictures_twice_a_second() {
    let world = World::start("");
    let clip = world.dir.path().join("clip.h265.mp4");
    footage::moving_square(&clip, 2.0);
    let (_camera, uri) = world.rtsp(&clip, "127.0.0.1:0");
    let camera = world.camera(&uri, &[], json!({})).await;
    let mut viewer = Viewer::connect(&world, &camera).await;
    let jpegs = |got: &[Got]| -> Vec<Instant> {
        got.iter()
            .filter(|g| matches!(&g.what, What::Binary(b) if b.starts_with(&[0xFF, 0xD8])))
            .map(|g| g.at)
            .collect()
    };
    viewer.until("six pictures", |got| jpegs(got).len() >= 6).await;
    assert_eq!(viewer.of_kind("frames").len(), 1, "told once");
    assert!(text(&viewer.of_kind("frames")[0]["reason"]).contains("H.265"));
    let times = jpegs(&viewer.got);
    // Five beats of half a second, less what a busy machine makes of them.
    assert!(times[5].duration_since(times[0]) >= Duration::from_millis(1800), "more than two a second");
}

#[tokio::test]
async fn who_asks_for_single_pictures_gets_them_from_the_start_each_after_its_boxes() {
    let world = World::start("");
    let clip = world.dir.path().join("ebike.mp4");
    ebike_clip(&clip, |_| true);
    let (_camera, uri) = world.rtsp(&clip, "127.0.0.1:0");
    let camera = world.camera(&uri, &[], json!({})).await;
    let mut viewer = Viewer::connect_with(&world, &camera, "?as=frames", None).await;
    let is_jpeg = |got: &Got| matches!(&got.what, What::Binary(bytes) if bytes.starts_with(&[0xFF, 0xD8]));
    let shows = |got: &Got| matches!(&got.what, What::Text(text) if text["tracks"][0]["label"] == "ebike");
    viewer
        .until("pictures with the e-bike", |got| got.windows(2).filter(|w| shows(&w[0]) && is_jpeg(&w[1])).count() >= 3)
        .await;
    assert!(is_text(&viewer.got[0], "frames"), "{:?}", viewer.got[0]);
    assert_eq!(viewer.of_kind("frames").len(), 1, "told once");
    assert_eq!(viewer.of_kind("init"), [Value::Null; 0]);
    for pair in viewer.got.windows(2).filter(|pair| is_jpeg(&pair[1])) {
        let What::Text(boxes) = &pair[0].what else { panic!("no boxes before a picture: {:?}", pair[0].what) };
        assert_eq!((&boxes["kind"], boxes.get("pts_s")), (&json!("boxes"), None));
    }
    let (status, problem) = world.call("GET", &format!("/cameras/{camera}/live?as=film"), None).await;
    assert_eq!(status, 400, "{problem}");
}

/// A noisy clip of about 6 Mbit/s, so that a stalled reader's buffers are full within a second.
fn noisy_clip(path: &Path) {
    let encoder = "x264enc speed-preset=ultrafast tune=zerolatency key-int-max=5 bitrate=6000 threads=1";
    footage::encode(path, (640, 480), 10, 6.0, encoder, |picture, canvas| canvas.noise(picture));
}

#[tokio::test]
async fn a_slow_viewer_skips_to_a_key_frame_is_told_and_slows_nobody() {
    let world = World::start("");
    let clip = world.dir.path().join("noise.mp4");
    noisy_clip(&clip);
    let (_camera, uri) = world.rtsp(&clip, "127.0.0.1:0");
    let camera = world.camera(&uri, &[], json!({})).await;
    let mut slow = Viewer::connect_with(&world, &camera, "", Some(16 << 10)).await;
    slow.until("its first pictures", |got| fragments(got).len() >= 2).await;
    let mut quick = Viewer::connect(&world, &camera).await;
    // The slow one takes nothing while the quick one sees eight seconds.
    quick.until("eight seconds", |got| fragments(got).len() >= 80).await;
    assert_eq!(quick.of_kind("skipped"), [Value::Null; 0]);
    let times: Vec<Instant> = fragments(&quick.got).iter().skip(10).map(|g| g.at).collect();
    let pause = times.windows(2).map(|w| w[1].duration_since(w[0])).max().expect("many");
    // One that waited for the slow one would wait all the time; a busy machine pauses too.
    assert!(pause < Duration::from_secs(3), "the quick viewer waited {pause:?}");
    slow.until("the skip", |got| got.iter().any(|g| is_text(g, "skipped"))).await;
    let at = slow.got.len();
    slow.until("ten pictures after it", |got| fragments(&got[at..]).len() >= 10).await;
    let skipped = slow.of_kind("skipped")[0]["frames"].as_u64().expect("a number");
    assert!((10..200).contains(&skipped), "{skipped} skipped");
    assert_eq!(slow.of_kind("init").len(), 1, "the stream goes on");
    // All that it got can be played, the jump included: on one time line.
    let played = pictures(&appended(&slow.got));
    assert_eq!(played.len(), fragments(&slow.got).len());
    assert!(
        played.windows(2).all(|w| w[1].at > w[0].at && w[1].at.saturating_sub(w[0].at) < Duration::from_millis(200))
    );
}

#[tokio::test]
async fn pictures_that_change_their_order_are_shown_in_theirs() {
    let world = World::start("");
    let clip = world.dir.path().join("b-frames.mp4");
    let encoder = "x264enc speed-preset=fast bframes=2 b-adapt=false key-int-max=15 bitrate=300 threads=1";
    footage::encode(&clip, (320, 240), 15, 4.0, encoder, |picture, canvas| {
        let x = picture * 4;
        canvas.fill(x, 96, x + 64, 160, footage::MAGENTA);
    });
    // From disk: over RTSP, GStreamer 1.22 guesses such pictures' times from their arrival and may swap two.
    let camera = world.camera(&format!("file://{}", clip.display()), &[], json!({})).await;
    let mut viewer = Viewer::connect(&world, &camera).await;
    viewer.until("three seconds", |got| fragments(got).len() >= 45).await;
    let played = pictures(&appended(&viewer.got));
    assert!(played.len() + 3 >= fragments(&viewer.got).len(), "{} of {}", played.len(), fragments(&viewer.got).len());
    assert!(played.windows(2).all(|w| w[1].at > w[0].at), "in order");
    // The square moves right from picture to picture, but where the clip begins anew.
    let edge = |p: &super::play::Picture| (0_u16..80).find(|x| p.is_magenta(f32::from(*x) / 80.0 + 0.005, 0.53));
    let edges: Vec<Option<u16>> = played.iter().map(edge).collect();
    let back = edges.windows(2).filter(|w| w[0].is_some() && w[1] < w[0]).count();
    assert!(back <= 1, "{back} steps back: {edges:?}");
}
