//! Tables for the tracker: short films of boxes and the tracks they must give.

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;
use crate::{
    base::{FrameSeq, Size},
    detect::Stamps,
};

fn rect(x: f32, y: f32, w: f32, h: f32) -> NormRect {
    NormRect { x0: x, y0: y, x1: x + w, y1: y + h }
}

fn item(label: &str, score: f32, rect: NormRect) -> Detection {
    Detection { label: Label::new(label), score, rect, rivals: Vec::new(), landmarks: None }
}

struct Film {
    tracker: Tracker,
    ms: u64,
    seq: u64,
}

impl Film {
    fn new(settings: TrackerSettings) -> Self {
        Self { tracker: Tracker::new(CameraId::from_u128(1), settings, TrackId(1)), ms: 1000, seq: 0 }
    }

    fn frame(&mut self, after_ms: u64, items: Vec<Detection>) -> Scene {
        self.ms += after_ms;
        self.seq += 1;
        let at = Mono::from_ms(self.ms);
        self.tracker.step(Detections {
            camera: CameraId::from_u128(1),
            seq: FrameSeq(self.seq),
            size: Size { width: 1280, height: 720 },
            stamps: Stamps { captured: at, decoded: at, inferred: at },
            items,
        })
    }
}

fn film() -> Film {
    Film::new(TrackerSettings::default())
}

fn ids(scene: &Scene) -> Vec<u64> {
    scene.tracks.iter().filter(|track| track.seen).map(|track| track.id.0).collect()
}

#[test]
fn one_object_is_one_track_at_any_frame_rate() {
    for (fps, speed) in [(2_u64, 0.15_f32), (4, 0.3), (10, 0.5), (30, 0.5)] {
        let mut film = film();
        let mut seen = HashSet::new();
        let mut x = 0.0;
        while x < 0.6 {
            let scene = film.frame(1000 / fps, vec![item("ebike", 0.8, rect(x, 0.3, 0.3, 0.5))]);
            assert_eq!(scene.tracks.len(), 1, "{fps} fps at {x}");
            seen.extend(ids(&scene));
            x += speed * 1.0 / f32::from(u16::try_from(fps).unwrap());
        }
        assert_eq!(seen.len(), 1, "{fps} fps");
    }
}

#[test]
fn a_flickering_class_stays_one_track_with_both_as_evidence() {
    let mut film = film();
    for i in 0..20 {
        let label = if i % 2 == 0 { "ebike" } else { "bicycle" };
        let scene = film.frame(100, vec![item(label, 0.6, rect(0.3, 0.3, 0.3, 0.5))]);
        assert_eq!((scene.tracks.len(), scene.tracks[0].id), (1, TrackId(1)));
        if i > 8 {
            for (label, score) in &scene.tracks[0].evidence {
                assert!((0.2..0.4).contains(score), "{label} {score}");
            }
        }
    }
}

#[test]
fn one_object_under_two_names_is_one_track() {
    let mut film = film();
    for _ in 0..5 {
        let boxes =
            vec![item("ebike", 0.7, rect(0.3, 0.3, 0.3, 0.5)), item("bicycle", 0.5, rect(0.302, 0.3, 0.3, 0.5))];
        let scene = film.frame(100, boxes);
        assert_eq!(scene.tracks.len(), 1);
        let evidence: Vec<&str> = scene.tracks[0].evidence.iter().map(|(label, _)| label.as_str()).collect();
        assert_eq!(evidence, ["ebike", "bicycle"]);
    }
}

#[test]
fn rivals_of_the_same_box_are_evidence() {
    let mut film = film();
    let mut seen = item("ebike", 0.6, rect(0.3, 0.3, 0.3, 0.5));
    seen.rivals = vec![(Label::new("wheelchair"), 0.4)];
    let scene = film.frame(100, vec![seen.clone()]);
    let scene2 = film.frame(100, vec![seen]);
    for track in [&scene.tracks[0], &scene2.tracks[0]] {
        assert!((track.evidence[0].1 - 0.6).abs() < 1e-5 && (track.evidence[1].1 - 0.4).abs() < 1e-5);
        assert!((track.score - 0.6).abs() < 1e-6);
    }
}

#[test]
fn a_person_hiding_an_ebike_does_not_take_its_number() {
    let mut film = film();
    let bike = |score| item("ebike", score, rect(0.35, 0.4, 0.3, 0.5));
    let person = |x: f32| item("person", 0.9, rect(x, 0.2, 0.25, 0.75));
    let first = film.frame(100, vec![bike(0.8), person(0.0)]);
    let bike_id = first.tracks.iter().find(|track| track.label.as_str() == "ebike").unwrap().id;
    for i in 1..=20_u8 {
        let x = 0.04 * f32::from(i);
        // Hidden while the person stands before it, and doubtful at the edges of that.
        let boxes = match i {
            7..=9 => vec![person(x)],
            5 | 6 | 10 | 11 => vec![person(x), bike(0.25)],
            _ => vec![person(x), bike(0.8)],
        };
        let scene = film.frame(100, boxes);
        let bikes: Vec<TrackId> =
            scene.tracks.iter().filter(|track| track.label.as_str() == "ebike").map(|track| track.id).collect();
        assert_eq!(bikes, [bike_id], "frame {i}");
    }
}

#[test]
fn doubtful_boxes_carry_a_track_but_begin_none() {
    let mut film = film();
    assert!(film.frame(100, vec![item("ebike", 0.2, rect(0.3, 0.3, 0.3, 0.5))]).tracks.is_empty());
    let begun = film.frame(100, vec![item("ebike", 0.7, rect(0.3, 0.3, 0.3, 0.5))]);
    let carried = film.frame(100, vec![item("ebike", 0.2, rect(0.31, 0.3, 0.3, 0.5))]);
    assert_eq!(ids(&begun), ids(&carried));
}

#[test]
fn a_track_lives_by_time() {
    let still = || vec![item("ebike", 0.8, rect(0.3, 0.3, 0.3, 0.5))];
    // Frames unseen before it is gone: as many as fit into 2 s (1 s for a track seen once).
    for (step_ms, sightings, alive) in [(100, 3, 20), (500, 3, 4), (100, 1, 10), (500, 1, 2)] {
        let mut film = film();
        for _ in 0..sightings {
            film.frame(step_ms, still());
        }
        let lived = (0..100).take_while(|_| !film.frame(step_ms, Vec::new()).tracks.is_empty()).count();
        assert_eq!(lived, alive, "{step_ms} ms, seen {sightings} times");
    }
    // Back within its life: the same number; after it: a new one, never an old one.
    let mut film = film();
    film.frame(100, still());
    film.frame(100, still());
    assert_eq!(ids(&film.frame(1900, still())), [1]);
    assert_eq!(ids(&film.frame(7000, still())), [2]);
    assert_eq!(film.tracker.next_id(), TrackId(3));
}

#[test]
fn what_comes_late_or_broken_changes_nothing() {
    let mut film = film();
    film.frame(100, vec![item("ebike", 0.8, rect(0.3, 0.3, 0.3, 0.5))]);
    let late = film.frame(0, vec![item("ebike", 0.8, rect(0.9, 0.3, 0.1, 0.1))]);
    assert_eq!((late.tracks.len(), late.tracks[0].seen), (1, false));
    let broken = vec![
        item("ebike", f32::NAN, rect(0.1, 0.1, 0.1, 0.1)),
        item("ebike", 0.9, rect(f32::NAN, 0.1, 0.1, 0.1)),
        item("ebike", 0.9, rect(0.1, 0.1, f32::INFINITY, 0.1)),
        item("ebike", 0.9, rect(0.5, 0.5, -0.1, 0.1)),
    ];
    assert_eq!(film.frame(100, broken).tracks.len(), 1);
}

#[test]
fn the_number_of_tracks_is_bounded() {
    let mut film = Film::new(TrackerSettings { most_tracks: 8, ..TrackerSettings::default() });
    for i in 0..50_u8 {
        let row = f32::from(i % 10) * 0.1;
        let boxes = (0..10_u8).map(|c| item("x", 0.9, rect(row, f32::from(c) * 0.1, 0.05, 0.05))).collect();
        assert!(film.frame(100, boxes).tracks.len() <= 8);
    }
}

/// A crowded car: rows of neighbours who sway, each of them missing now and then.
#[test]
fn neighbours_in_a_crowd_keep_their_numbers() {
    let mut film = film();
    let mut owner: Vec<HashSet<TrackId>> = vec![HashSet::new(); 12];
    for frame in 0..150_u16 {
        let boxes: Vec<(usize, NormRect)> = (0..12_u16)
            .filter(|i| (frame + i * 5) % 17 != 0)
            .map(|i| {
                let sway = (f32::from(frame) * 0.15 + f32::from(i)).sin() * 0.02;
                let (column, row) = (f32::from(i % 4), f32::from(i / 4));
                (usize::from(i), rect(0.05 + column * 0.2 + sway, 0.05 + row * 0.25, 0.22, 0.35))
            })
            .collect();
        let items = boxes.iter().map(|(_, rect)| item("person", 0.8, *rect)).collect();
        let scene = film.frame(33, items);
        for (i, rect) in boxes {
            let near = |a: &&&Track, b: &&&Track| a.rect.iou(&rect).total_cmp(&b.rect.iou(&rect));
            let seen: Vec<&Track> = scene.tracks.iter().filter(|track| track.seen).collect();
            owner[i].insert(seen.iter().max_by(near).unwrap().id);
        }
    }
    for (i, ids) in owner.iter().enumerate() {
        assert_eq!(ids.len(), 1, "object {i} had {ids:?}");
    }
}

proptest! {
    #[test]
    fn tracks_are_sound_whatever_is_seen(
        frames in prop::collection::vec(
            (1_u64..1500, prop::collection::vec(
                ((0.0_f32..1.0, 0.0_f32..1.0, 0.0_f32..1.0, 0.0_f32..1.0), 0.0_f32..1.0, 0_usize..3), 0..12)),
            1..40),
    ) {
        let mut film = Film::new(TrackerSettings { most_tracks: 10, ..TrackerSettings::default() });
        let mut gone: HashSet<TrackId> = HashSet::new();
        let mut before: HashSet<TrackId> = HashSet::new();
        for (after, boxes) in frames {
            let items: Vec<Detection> = boxes
                .into_iter()
                .map(|((x, y, w, h), score, label)| {
                    item(["ebike", "bicycle", "person"][label], score, rect(x, y, w, h).clamped())
                })
                .collect();
            let count = items.len();
            let scene = film.frame(after, items);
            let now: HashSet<TrackId> = scene.tracks.iter().map(|track| track.id).collect();
            prop_assert_eq!(now.len(), scene.tracks.len(), "a number twice");
            prop_assert!(scene.tracks.len() <= 10);
            prop_assert!(scene.tracks.iter().filter(|track| track.seen).count() <= count);
            gone.extend(before.difference(&now));
            prop_assert!(now.is_disjoint(&gone), "a number was used again");
            for track in &scene.tracks {
                let r = track.rect;
                prop_assert!((0.0..=1.0).contains(&r.x0) && r.x0 <= r.x1 && r.x1 <= 1.0);
                prop_assert!((0.0..=1.0).contains(&r.y0) && r.y0 <= r.y1 && r.y1 <= 1.0);
                prop_assert!(track.evidence.iter().all(|(_, score)| (0.0..=1.0).contains(score)));
                prop_assert!(track.evidence.windows(2).all(|w| w[0].1 >= w[1].1));
                prop_assert!(track.seen == (track.last_seen == scene.stamps.captured));
                prop_assert!(scene.stamps.captured.since(track.last_seen) <= Duration::from_secs(2));
            }
            before = now;
        }
    }
}
