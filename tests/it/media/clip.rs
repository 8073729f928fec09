//! Alarms' clips.

use std::{fs, path::PathBuf, time::Duration};

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::play::pictures_of;
use crate::{
    footage,
    world::{World, create_token, ebike_clip, text, until},
};

/// A GET with headers; status, headers and body.
async fn fetch(world: &World, path: &str, range: Option<&str>) -> (u16, reqwest::header::HeaderMap, Vec<u8>) {
    let mut request = reqwest::Client::new().get(format!("{}{path}", world.base)).bearer_auth(&world.token);
    if let Some(range) = range {
        request = request.header("range", range);
    }
    let answer = request.send().await.expect("an answer");
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    (status, headers, answer.bytes().await.expect("a body").to_vec())
}

/// Waits until the alarm's clip is there; where.
async fn clip_of(world: &World, alarm: &str) -> String {
    until("the clip", async || world.get(&format!("/alarms/{alarm}")).await["clip"].as_str().map(str::to_owned)).await
}

fn path_of(world: &World, alarm: &str) -> PathBuf {
    world.dir.path().join("data/media/alarms").join(format!("{alarm}.mp4"))
}

#[tokio::test]
async fn a_clip_shows_five_seconds_before_the_alarm_and_five_after() {
    let mut world = World::start("");
    let clip = world.dir.path().join("ebike.mp4");
    // The e-bike comes in the seventh second of each twelve, so that there is a past.
    ebike_clip(&clip, |picture| (70..110).contains(&(picture % 120)));
    let (_camera, uri) = world.rtsp(&clip, "127.0.0.1:0");
    world.camera(&uri, &[], json!({})).await;
    let alarm = world.alarm("an alarm", |a| a["kind"] == "ebike_in_lift").await;
    let id = text(&alarm["id"]);
    let (status, _, body) = fetch(&world, &format!("/api/v1/alarms/{id}/clip"), None).await;
    assert_eq!(status, 404, "it comes when the five seconds are over");
    assert!(String::from_utf8_lossy(&body).contains("no clip (yet)"));
    assert_eq!(world.get(&format!("/alarms/{id}")).await["clip"], Value::Null);

    let path = clip_of(&world, &id).await;
    assert_eq!(path, format!("/api/v1/alarms/{id}/clip"));
    let (status, headers, whole) = fetch(&world, &path, None).await;
    assert_eq!(
        (status, &headers["content-type"], &headers["accept-ranges"]),
        (200, &"video/mp4".parse().unwrap(), &"bytes".parse().unwrap())
    );
    // Playable while it loads: the head comes before the pictures.
    let place = |name: &[u8]| whole.windows(4).position(|w| w == name).expect("the box is there");
    assert!(place(b"moov") < place(b"mdat"));
    let (status, headers, part) = fetch(&world, &path, Some("bytes=100-199")).await;
    assert_eq!((status, part.as_slice()), (206, &whole[100..200]));
    assert_eq!(headers["content-range"], format!("bytes 100-199/{}", whole.len()));
    let (status, ..) = fetch(&world, &path, Some(&format!("bytes={}-", whole.len() + 5))).await;
    assert_eq!(status, 416);

    // 5 s before, at most a group of pictures (half a second) more, and 5 s after, at 10 pictures a second.
    let played = pictures_of(&path_of(&world, &id), None);
    let (first, last) = (played[0].at, played[played.len() - 1].at);
    assert_eq!(first, Duration::ZERO, "it begins with its first picture");
    let length = last.saturating_sub(first);
    let usual = Duration::from_millis(9700)..Duration::from_millis(10_800);
    assert!(usual.contains(&length), "{length:?}, {} pictures", played.len());
    assert!((97..=108).contains(&played.len()), "{} pictures", played.len());
    // The camera's own pace, which a busy machine makes uneven.
    let even = |w: &[super::play::Picture]| (1..1000).contains(&w[1].at.saturating_sub(w[0].at).as_millis());
    assert!(played.windows(2).all(even), "in order, without a gap");
    // The e-bike was confirmed within the second before the alarm, and stays 4 s.
    let seen: Vec<Duration> = played.iter().filter(|p| p.is_magenta(0.44, 0.42)).map(|p| p.at).collect();
    let came = *seen.first().expect("the e-bike is in it");
    assert!((Duration::from_secs(3)..=Duration::from_millis(5600)).contains(&came), "it comes at {came:?}");
    // And it can be sought in.
    let tail = pictures_of(&path_of(&world, &id), Some(Duration::from_secs(8)));
    assert!(tail[0].at >= Duration::from_millis(7900) && tail.len() < played.len() / 2, "{:?}", tail[0].at);

    // Seeing pictures is needed; a viewer may.
    let viewer = create_token(world.dir.path(), "viewer");
    let ask = |token: String| reqwest::Client::new().get(format!("{}{path}", world.base)).bearer_auth(token).send();
    assert_eq!(ask(viewer).await.expect("an answer").status(), 200);
    assert_eq!(ask("yt_nobody".to_owned()).await.expect("an answer").status(), 401);

    // What a killed server had half written is gone when it is back; what was whole is there.
    world.server.signal(Signal::SIGKILL);
    world.server.wait();
    let half = path_of(&world, &id).with_extension("mp4.part");
    fs::write(&half, &whole[..whole.len() / 2]).expect("written");
    world.restart();
    assert!(!half.exists(), "swept");
    assert_eq!(fetch(&world, &path, None).await.2, whole);
}

#[tokio::test]
async fn a_camera_that_is_lost_after_the_alarm_leaves_what_it_has_shown() {
    let world = World::start("");
    let clip = world.dir.path().join("ebike.mp4");
    ebike_clip(&clip, |picture| picture % 120 >= 40);
    let (camera, uri) = world.rtsp(&clip, "127.0.0.1:0");
    world.camera(&uri, &[], json!({})).await;
    let alarm = world.alarm("an alarm", |a| a["kind"] == "ebike_in_lift").await;
    drop(camera);
    let id = text(&alarm["id"]);
    clip_of(&world, &id).await;
    let played = pictures_of(&path_of(&world, &id), None);
    assert!(played.len() >= 5 && played.iter().any(|p| p.is_magenta(0.44, 0.42)), "{} pictures", played.len());
}

#[tokio::test]
async fn a_clip_that_is_being_taken_is_kept_when_the_server_ends() {
    let mut world = World::start("");
    let clip = world.dir.path().join("ebike.mp4");
    ebike_clip(&clip, |_| true);
    let (_camera, uri) = world.rtsp(&clip, "127.0.0.1:0");
    world.camera(&uri, &[], json!({})).await;
    let alarm = world.alarm("an alarm", |a| a["kind"] == "ebike_in_lift").await;
    world.server.signal(Signal::SIGTERM);
    assert_eq!(world.server.wait(), Some(0));
    let played = pictures_of(&path_of(&world, &text(&alarm["id"])), None);
    assert!(played.len() >= 3, "{} pictures", played.len());
}

#[tokio::test]
async fn an_h265_camera_has_clips_too() {
    let world = World::start("");
    let clip = world.dir.path().join("ebike.h265.mp4");
    ebike_clip(&clip, |_| true);
    let (_camera, uri) = world.rtsp(&clip, "127.0.0.1:0");
    world.camera(&uri, &[], json!({})).await;
    let alarm = world.alarm("an alarm", |a| a["kind"] == "ebike_in_lift").await;
    let id = text(&alarm["id"]);
    clip_of(&world, &id).await;
    let bytes = fs::read(path_of(&world, &id)).expect("a file");
    assert!(bytes.windows(4).any(|w| w == b"hvc1"));
    let played = pictures_of(&path_of(&world, &id), None);
    assert!(played.len() >= 40 && played.iter().all(|p| p.is_magenta(0.44, 0.42)), "{} pictures", played.len());
}

#[tokio::test]
async fn a_clip_with_reordered_pictures_begins_at_zero() {
    let world = World::start("");
    let clip = world.dir.path().join("b-frames.mp4");
    let encoder = "x264enc speed-preset=fast bframes=2 b-adapt=false key-int-max=10 bitrate=300 threads=1";
    footage::encode(&clip, (640, 480), 10, 12.0, encoder, |_, canvas| {
        canvas.fill(240, 160, 320, 240, footage::MAGENTA);
    });
    world.camera(&format!("file://{}", clip.display()), &[], json!({})).await;
    let alarm = world.alarm("an alarm", |a| a["kind"] == "ebike_in_lift").await;
    let id = text(&alarm["id"]);
    clip_of(&world, &id).await;
    let played = pictures_of(&path_of(&world, &id), None);
    assert_eq!(played[0].at, Duration::ZERO);
    assert!(played.windows(2).all(|w| w[1].at > w[0].at), "in order");
    assert!(played.len() >= 45, "{} pictures", played.len());
}
