//! Tables for the rules: scenes in, findings out.

use std::time::Duration;

use super::*;
use crate::{
    base::{Mono, NormPoint, NormRect, Polygon, Size, TrackId, Wall},
    detect::Label,
    rule::{
        FaceSettings, Inside, Sighting, VehicleSettings,
        schedule::{Interval, Schedule},
    },
    track::Track,
};

const SPOT: NormRect = NormRect { x0: 0.3, y0: 0.3, x1: 0.6, y1: 0.8 };
const ELSEWHERE: NormRect = NormRect { x0: 0.7, y0: 0.1, x1: 0.95, y1: 0.4 };

fn vehicle() -> RuleSettings {
    RuleSettings {
        name: Label::new("ebike_in_lift"),
        zone: None,
        inside: Inside::Foot,
        schedule: None,
        watch: Watch::Vehicle(VehicleSettings {
            targets: vec![Label::new("ebike")],
            rivals: vec![Label::new("bicycle"), Label::new("wheelchair")],
            suspect_score: 0.25,
            min_score: 0.5,
            hold_score: 0.5,
            keep_score: 0.35,
            margin: 0.15,
            need: 3,
            of: 5,
            clear_after: Duration::from_secs(3),
        }),
    }
}

fn track(id: u64, rect: NormRect, evidence: &[(&str, f32)]) -> Track {
    let evidence: Vec<(Label, f32)> = evidence.iter().map(|(label, score)| (Label::new(label), *score)).collect();
    Track {
        id: TrackId(id),
        label: evidence[0].0.clone(),
        score: evidence[0].1,
        rect,
        seen: true,
        first_seen: Mono(0),
        last_seen: Mono(0),
        evidence,
        landmarks: None,
    }
}

fn ebike(id: u64, score: f32) -> Track {
    track(id, SPOT, &[("ebike", score)])
}

/// Marks a sighting of a stay that is not certain.
fn doubt(s: &Sighting) -> &'static str {
    if s.certain { "" } else { "?" }
}

struct Film {
    rule: Rule,
    ms: u64,
    seq: u64,
    log: Vec<String>,
}

impl Film {
    fn new(settings: RuleSettings) -> Self {
        Self { rule: Rule::new(CameraId::from_u128(1), settings), ms: 1_000_000, seq: 0, log: Vec::new() }
    }

    /// Takes note of what was found, as `frame what track`.
    fn note(&mut self, found: &[Finding]) {
        for finding in found {
            let what = match &finding.kind {
                FindingKind::Suspected => "suspected".to_owned(),
                FindingKind::Calm => "calm".to_owned(),
                FindingKind::Confirmed(s) => format!("confirmed {}{}", s.track.0, doubt(s)),
                FindingKind::Present(s) => format!("present {}{}", s.track.0, doubt(s)),
                FindingKind::Cleared { track } => format!("cleared {}", track.0),
                FindingKind::Face(s) => format!("face {}", s.track.0),
            };
            self.log.push(format!("{} {what}", self.seq));
        }
    }

    fn frame(&mut self, after_ms: u64, tracks: Vec<Track>) {
        self.ms += after_ms;
        self.seq += 1;
        let at = Mono::from_ms(self.ms);
        let scene = Scene {
            camera: CameraId::from_u128(1),
            seq: FrameSeq(self.seq),
            size: Size { width: 1000, height: 500 },
            stamps: Stamps { captured: at, decoded: at, inferred: at },
            tracks,
        };
        let found = self.rule.step(&scene, Now::from_ms(self.ms));
        self.note(&found);
    }

    fn tick(&mut self, after_ms: u64) {
        self.ms += after_ms;
        let found = self.rule.tick(Now::from_ms(self.ms));
        self.note(&found);
    }
}

/// Frames 100 ms apart.
#[track_caller]
fn check(settings: RuleSettings, frames: Vec<Vec<Track>>, expected: &[&str]) -> Film {
    let mut film = Film::new(settings);
    for tracks in frames {
        film.frame(100, tracks);
    }
    assert_eq!(film.log, expected);
    film
}

fn with(change: impl FnOnce(&mut VehicleSettings)) -> RuleSettings {
    let mut settings = vehicle();
    if let Watch::Vehicle(vehicle) = &mut settings.watch {
        change(vehicle);
    }
    settings
}

#[test]
fn certain_when_seen_surely_in_three_of_five_and_as_long_as_it_is_the_same_thing() {
    let settings = || with(|v| v.hold_score = 0.7);
    let (sure, likely) = (|| vec![ebike(1, 0.75)], || vec![ebike(1, 0.6)]);
    let frames = vec![likely(), sure(), likely(), sure(), sure(), likely(), likely(), likely()];
    let seen =
        ["1 suspected", "3 confirmed 1?", "4 present 1?", "5 present 1", "6 present 1", "7 present 1", "8 present 1"];
    let mut film = check(settings(), frames, &seen);
    // The same thing under another track is as certain as it was; what is elsewhere earns it anew.
    film.frame(100, vec![track(2, SPOT, &[("ebike", 0.6)])]);
    film.frame(100, vec![track(3, ELSEWHERE, &[("ebike", 0.6)])]);
    for _ in 0..3 {
        film.frame(100, vec![track(3, ELSEWHERE, &[("ebike", 0.75)])]);
    }
    assert_eq!(film.log[7..], ["9 present 2", "10 present 3?", "11 present 3?", "12 present 3?", "13 present 3"]);
    // The next stay begins without it.
    film.tick(4000);
    for _ in 0..3 {
        film.frame(100, likely());
    }
    assert_eq!(film.log[film.log.len() - 2..], ["14 suspected", "16 confirmed 1?"]);
    // It may be certain at once; a rival close behind keeps a frame from counting for either.
    check(settings(), vec![sure(), sure(), sure()], &["1 suspected", "3 confirmed 1"]);
    let contested = || vec![track(1, SPOT, &[("ebike", 0.75), ("wheelchair", 0.7)])];
    check(
        settings(),
        vec![likely(), likely(), likely(), contested(), contested(), sure()],
        &["1 suspected", "3 confirmed 1?", "6 present 1?"],
    );
}

#[test]
fn confirmed_when_seen_in_three_of_five() {
    let (yes, no) = (|| vec![ebike(1, 0.8)], Vec::new);
    check(vehicle(), vec![yes(), yes()], &["1 suspected"]);
    check(vehicle(), vec![yes(), yes(), yes(), yes()], &["1 suspected", "3 confirmed 1", "4 present 1"]);
    check(vehicle(), vec![yes(), no(), yes(), no(), yes()], &["1 suspected", "5 confirmed 1"]);
    // Frames without it count against it.
    check(vehicle(), vec![yes(), no(), no(), yes(), no(), yes(), no()], &["1 suspected"]);
    check(with(|v| (v.need, v.of) = (1, 1)), vec![yes()], &["1 suspected", "1 confirmed 1"]);
    // Coasting is not seen.
    let coasting = || vec![Track { seen: false, ..ebike(1, 0.8) }];
    check(vehicle(), vec![yes(), yes(), coasting(), coasting()], &["1 suspected"]);
    // Flashes in different places are not one thing.
    let other = || vec![track(2, ELSEWHERE, &[("ebike", 0.8)])];
    let third = || vec![track(3, NormRect { x0: 0.0, y0: 0.0, x1: 0.2, y1: 0.2 }, &[("ebike", 0.8)])];
    check(vehicle(), vec![yes(), other(), third()], &["1 suspected"]);
    // One thing whose number changes is one thing.
    check(vehicle(), vec![yes(), vec![ebike(2, 0.8)], vec![ebike(3, 0.8)]], &["1 suspected", "3 confirmed 3"]);
}

#[test]
fn scores_and_rivals_decide() {
    let film = |tracks: Vec<Track>| vec![tracks.clone(), tracks.clone(), tracks];
    let yes: &[&str] = &["1 suspected", "3 confirmed 1"];
    let suspected: &[&str] = &["1 suspected"];
    for (tracks, expected) in [
        (vec![ebike(1, 0.5)], yes),
        (vec![ebike(1, 0.45)], suspected),
        (vec![ebike(1, 0.2)], &[]),
        (vec![track(1, SPOT, &[("ebike", 0.6), ("bicycle", 0.4)])], yes),
        (vec![track(1, SPOT, &[("ebike", 0.6), ("bicycle", 0.5)])], suspected),
        (vec![track(1, SPOT, &[("bicycle", 0.6), ("ebike", 0.55)])], suspected),
        // What is no rival may score what it likes.
        (vec![track(1, SPOT, &[("person", 0.9), ("ebike", 0.6)])], yes),
        // Another track on the same spot is a rival, one beside it is not.
        (vec![ebike(1, 0.6), track(2, SPOT, &[("wheelchair", 0.6)])], suspected),
        (vec![ebike(1, 0.6), track(2, ELSEWHERE, &[("wheelchair", 0.9)])], yes),
        (vec![track(1, SPOT, &[("wheelchair", 0.9)])], &[]),
    ] {
        check(vehicle(), film(tracks), expected);
    }
}

#[test]
fn only_inside_the_zone() {
    let zone = |points: [(f32, f32); 4]| {
        let mut settings = vehicle();
        settings.zone = Polygon::new(points.map(|(x, y)| NormPoint { x, y }).to_vec()).ok();
        settings
    };
    let film = || vec![vec![ebike(1, 0.8)]; 3];
    check(zone([(0.0, 0.5), (1.0, 0.5), (1.0, 1.0), (0.0, 1.0)]), film(), &["1 suspected", "3 confirmed 1"]);
    // It stands at (0.45, 0.8): above the zone's lower half it is not inside.
    check(zone([(0.0, 0.0), (1.0, 0.0), (1.0, 0.7), (0.0, 0.7)]), film(), &[]);
}

#[test]
fn a_stay_is_one_however_long_and_clears_after_its_delay() {
    let mut film = check(vehicle(), vec![vec![ebike(1, 0.8)]; 3], &["1 suspected", "3 confirmed 1"]);
    film.log.clear();
    // Half hidden it is still there; what scores less is not.
    film.frame(100, vec![ebike(1, 0.36)]);
    film.frame(100, vec![ebike(1, 0.3)]);
    assert_eq!(film.log, ["4 present 1"]);
    for _ in 0..28 {
        film.frame(100, Vec::new());
    }
    film.frame(99, vec![ebike(1, 0.8)]);
    assert_eq!(film.log, ["4 present 1", "34 present 1"]);
    film.log.clear();
    // 3 s without it, by frames or by ticks.
    for _ in 0..40 {
        film.frame(100, Vec::new());
    }
    assert_eq!(film.log, ["64 cleared 1", "64 calm"]);
    film.log.clear();
    for _ in 0..3 {
        film.frame(100, vec![ebike(2, 0.8)]);
    }
    film.tick(2999);
    assert_eq!(film.log, ["75 suspected", "77 confirmed 2"]);
    film.tick(1);
    film.tick(5000);
    assert_eq!(film.log[2..], ["77 cleared 2", "77 calm"]);
}

#[test]
fn a_stay_passes_from_track_to_track() {
    let mut film = check(vehicle(), vec![vec![ebike(1, 0.8)]; 3], &["1 suspected", "3 confirmed 1"]);
    film.log.clear();
    // On its spot under a new number, even doubtful.
    film.frame(1000, vec![ebike(2, 0.4)]);
    // From elsewhere only with the marks of a confirmation.
    film.frame(100, vec![track(3, ELSEWHERE, &[("ebike", 0.4)])]);
    film.frame(100, vec![track(3, ELSEWHERE, &[("ebike", 0.8)])]);
    // Its own track before a surer one elsewhere.
    film.frame(100, vec![track(3, ELSEWHERE, &[("ebike", 0.4)]), ebike(4, 0.9)]);
    assert_eq!(film.log, ["4 present 2", "6 present 3?", "7 present 3?"]);
}

#[test]
fn frames_from_before_a_gap_confirm_nothing() {
    let mut film = Film::new(vehicle());
    film.frame(100, vec![ebike(1, 0.8)]);
    film.frame(100, vec![ebike(1, 0.8)]);
    film.frame(4000, vec![ebike(1, 0.8)]);
    assert_eq!(film.log, ["1 suspected", "3 calm", "3 suspected"]);
    // A stay ends over a gap, and begins anew by the full count.
    for _ in 0..2 {
        film.frame(100, vec![ebike(1, 0.8)]);
    }
    film.log.clear();
    film.frame(4000, vec![ebike(1, 0.8)]);
    film.frame(100, vec![ebike(1, 0.8)]);
    film.frame(100, vec![ebike(1, 0.8)]);
    assert_eq!(film.log, ["6 cleared 1", "6 calm", "6 suspected", "8 confirmed 1"]);
}

#[test]
fn suspicion_calms_down() {
    let mut film = check(vehicle(), vec![vec![ebike(1, 0.3)]], &["1 suspected"]);
    film.tick(2900);
    film.tick(200);
    film.tick(200);
    assert_eq!(film.log, ["1 suspected", "1 calm"]);
}

#[test]
fn outside_its_hours_a_rule_finds_nothing_and_ends_what_was() {
    let scheduled = |from, until| {
        let days = std::array::from_fn(|_| vec![Interval::new(from, until).unwrap()]);
        RuleSettings { schedule: Some(Schedule::new("UTC", days).unwrap()), ..vehicle() }
    };
    // The film begins at 00:16:40 UTC.
    check(scheduled("01:00", "02:00"), vec![vec![ebike(1, 0.8)]; 4], &[]);
    let mut film = Film::new(scheduled("00:00", "00:17"));
    for _ in 0..3 {
        film.frame(100, vec![ebike(1, 0.8)]);
    }
    film.frame(25_000, vec![ebike(1, 0.8)]);
    assert_eq!(film.log, ["1 suspected", "3 confirmed 1", "4 cleared 1", "4 calm"]);
    let mut film = Film::new(scheduled("00:00", "00:17"));
    for _ in 0..3 {
        film.frame(100, vec![ebike(1, 0.8)]);
    }
    let late = Now { mono: Mono::from_ms(film.ms), wall: Wall(1_020_000) };
    let found = film.rule.tick(late);
    film.note(&found);
    assert_eq!(film.log, ["1 suspected", "3 confirmed 1", "3 cleared 1", "3 calm"]);
}

#[test]
fn settings_change_while_a_stay_lasts() {
    let mut film = check(vehicle(), vec![vec![ebike(1, 0.8)]; 3], &["1 suspected", "3 confirmed 1"]);
    film.log.clear();
    // Other thresholds: the stay goes on under them.
    let found = film.rule.reconfigure(with(|v| (v.keep_score, v.min_score) = (0.2, 0.6)));
    film.note(&found);
    film.frame(100, vec![ebike(1, 0.25)]);
    assert_eq!(film.log, ["4 present 1"]);
    // Something else to watch for: the stay ends at once.
    let found = film.rule.reconfigure(faces());
    film.note(&found);
    film.frame(100, vec![ebike(1, 0.9)]);
    assert_eq!(film.log, ["4 present 1", "4 cleared 1", "4 calm"]);
}

fn faces() -> RuleSettings {
    let face = FaceSettings { label: Label::new("face"), min_score: 0.7, min_width_px: 50.0, need: 2 };
    RuleSettings { name: Label::new("face_at_gate"), watch: Watch::Face(face), ..vehicle() }
}

#[test]
fn a_face_is_found_once_when_large_and_sure() {
    // The picture is 1000 wide.
    let face =
        |id, width: f32, score| track(id, NormRect { x0: 0.1, y0: 0.1, x1: 0.1 + width, y1: 0.3 }, &[("face", score)]);
    let near = || vec![face(1, 0.06, 0.9)];
    let mut film = check(faces(), vec![near(), near(), near(), near()], &["1 suspected", "2 face 1"]);
    film.tick(3100);
    assert_eq!(film.log[2..], ["4 calm"]);
    check(faces(), vec![vec![face(1, 0.04, 0.9)]; 4], &["1 suspected"]);
    check(faces(), vec![vec![face(1, 0.06, 0.6)]; 4], &["1 suspected"]);
    check(faces(), vec![vec![ebike(1, 0.9)]; 4], &[]);
    let two = || vec![face(1, 0.06, 0.9), face(2, 0.07, 0.8)];
    check(faces(), vec![near(), two(), two()], &["1 suspected", "2 face 1", "3 face 2"]);
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    use crate::rule::SettingsError;
    assert_eq!(vehicle().check(), Ok(()));
    assert_eq!(faces().check(), Ok(()));
    for (settings, part) in [
        (with(|v| v.min_score = 1.5), "min_score"),
        (with(|v| v.hold_score = 1.5), "hold_score"),
        (with(|v| (v.min_score, v.hold_score) = (0.6, 0.5)), "hold_score 0.5 is below min_score 0.6"),
        (with(|v| v.margin = f32::NAN), "margin"),
        (with(|v| v.keep_score = 0.6), "keep_score"),
        (with(|v| v.need = 0), "need"),
        (with(|v| v.need = 6), "need"),
        (with(|v| v.of = 65), "of"),
        (with(|v| v.targets.clear()), "targets"),
        (with(|v| v.rivals.push(Label::new("ebike"))), "rival"),
        (with(|v| v.clear_after = Duration::ZERO), "clear_after"),
        (RuleSettings { inside: Inside::Share(0.0), ..vehicle() }, "share"),
    ] {
        let error: SettingsError = settings.check().unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
    }
}
