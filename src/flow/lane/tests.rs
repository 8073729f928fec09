//! The lane on its own thread: real channels, the real clock, deadlines instead of sleeps.

use std::sync::Arc;

use crossbeam::channel;

use super::*;
use crate::{
    base::{NormRect, Size},
    detect::{Detection, Detections, Label, Stamps},
    frame::{Colorimetry, OwnedPlanes, PixelFormat, Pixels},
    rule::{Inside, VehicleSettings, Watch},
};

const CAM: CameraId = CameraId::from_u128(1);
const OTHER: CameraId = CameraId::from_u128(2);

fn settings(clear_after: Duration) -> RuleSettings {
    RuleSettings {
        name: Label::new("ebike_in_lift"),
        zone: None,
        inside: Inside::Foot,
        schedule: None,
        watch: Watch::Vehicle(VehicleSettings {
            targets: vec![Label::new("ebike")],
            rivals: Vec::new(),
            suspect_score: 0.25,
            min_score: 0.5,
            hold_score: 0.5,
            keep_score: 0.35,
            margin: 0.1,
            need: 3,
            of: 5,
            clear_after,
        }),
    }
}

fn analysed(camera: CameraId, seq: u64) -> Analysed {
    let at = clock::mono();
    let size = Size { width: 2, height: 2 };
    let planes = OwnedPlanes(vec![(vec![0; 4], 2), (vec![0; 1], 1), (vec![0; 1], 1)]);
    let pixels = Pixels::new(PixelFormat::I420, Colorimetry::Bt601Full, size, Arc::new(planes)).unwrap();
    let seen = Detection {
        label: Label::new("ebike"),
        score: 0.8,
        rect: NormRect { x0: 0.2, y0: 0.2, x1: 0.6, y1: 0.9 },
        rivals: Vec::new(),
        landmarks: None,
    };
    Analysed {
        frame: Frame { camera, seq: FrameSeq(seq), captured: at, decoded: at, pixels },
        detections: Detections {
            camera,
            seq: FrameSeq(seq),
            size,
            stamps: Stamps { captured: at, decoded: at, inferred: at },
            items: vec![seen],
        },
    }
}

struct Rig {
    lane: Lane,
    input: channel::Sender<Analysed>,
    out: mpsc::Receiver<LaneOutput>,
    active: channel::Receiver<(CameraId, bool)>,
}

fn rig(out_capacity: usize) -> Rig {
    // Full: the engines wait (here: the test).
    let (input, analysed) = channel::bounded(64);
    let (out, desk) = mpsc::channel(out_capacity);
    let (tell, active) = channel::bounded(64);
    let set_active = move |camera, active| tell.send((camera, active)).unwrap();
    let lane = Lane::start(analysed, out, set_active, TrackerSettings::default()).unwrap();
    Rig { lane, input, out: desk, active }
}

impl Rig {
    fn show(&self, camera: CameraId, seqs: std::ops::RangeInclusive<u64>) {
        for seq in seqs {
            // Capture times must grow: the clock counts microseconds.
            let frame = analysed(camera, seq);
            while clock::mono() <= frame.frame.captured {}
            self.input.send(frame).unwrap();
        }
    }

    fn next(&mut self) -> String {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let next = async { tokio::time::timeout(Duration::from_secs(10), self.out.recv()).await };
        let output = runtime.block_on(next).expect("a finding within 10 s").expect("the lane runs");
        let (what, picture) = match &output.finding.kind {
            FindingKind::Confirmed(_) => ("confirmed", true),
            FindingKind::Present(_) => ("present", false),
            FindingKind::Cleared { .. } => ("cleared", false),
            _ => ("other", false),
        };
        assert_eq!(output.frame.is_some(), picture, "{what}");
        if let Some(frame) = &output.frame {
            assert_eq!(frame.seq, output.finding.seq);
        }
        let camera = if output.finding.camera == CAM { 1 } else { 2 };
        format!("{camera} {what} {}", output.finding.seq.0)
    }
}

#[test]
fn findings_come_in_order_and_a_silent_camera_clears() {
    let mut rig = rig(64);
    rig.lane.watch(CAM, settings(Duration::from_millis(600)));
    rig.lane.watch(OTHER, settings(Duration::from_secs(60)));
    rig.show(CAM, 1..=4);
    rig.show(OTHER, 1..=3);
    for expected in ["1 confirmed 3", "1 present 4", "2 confirmed 3", "1 cleared 4"] {
        assert_eq!(rig.next(), expected);
    }
    let wait = Duration::from_secs(10);
    for expected in [(CAM, true), (OTHER, true), (CAM, false)] {
        assert_eq!(rig.active.recv_timeout(wait), Ok(expected));
    }
    assert_eq!(rig.lane.sights().get(CAM).unwrap().scene.tracks.len(), 1);
    // A frame overtaken by a newer one is left out; the other camera goes on.
    rig.show(OTHER, 2..=4);
    assert_eq!(rig.next(), "2 present 4");
    drop(rig.input);
    rig.lane.finish();
    assert!(rig.out.try_recv().is_err(), "the lane closed its output");
}

#[test]
fn a_full_desk_blocks_the_lane_and_nothing_is_lost() {
    let mut rig = rig(1);
    rig.lane.watch(CAM, settings(Duration::from_secs(60)));
    rig.show(CAM, 1..=40);
    assert_eq!(rig.next(), "1 confirmed 3");
    for seq in 4..=40 {
        assert_eq!(rig.next(), format!("1 present {seq}"));
    }
}

#[test]
fn cameras_come_and_go_and_numbers_are_not_used_again() {
    let mut rig = rig(64);
    rig.lane.watch(CAM, settings(Duration::from_secs(60)));
    rig.show(CAM, 1..=3);
    assert_eq!(rig.next(), "1 confirmed 3");
    let first = rig.lane.sights().get(CAM).unwrap().scene.tracks[0].id;
    rig.lane.forget(CAM);
    // Not watched: not judged.
    rig.show(CAM, 4..=6);
    rig.lane.watch(CAM, settings(Duration::from_secs(60)));
    rig.show(CAM, 7..=9);
    let again = rig.next();
    assert!(again.starts_with("1 confirmed"), "{again}");
    assert!(rig.lane.sights().get(CAM).unwrap().scene.tracks[0].id > first);
}

#[test]
fn a_panic_loses_only_its_cameras_state_and_clears_its_stay() {
    let (out, mut desk) = mpsc::channel(64);
    let (_input, analysed_frames) = channel::bounded(1);
    let (tell, active) = channel::bounded(64);
    let mut worker = Worker {
        analysed: analysed_frames,
        out,
        set_active: Box::new(move |camera, on| tell.send((camera, on)).unwrap()),
        settings: TrackerSettings::default(),
        sights: Sights::default(),
        cameras: HashMap::new(),
        retired: TrackId(1),
    };
    for camera in [CAM, OTHER] {
        let watch = Command::Watch(camera, Box::new(settings(Duration::from_secs(60))));
        assert!(worker.command(watch).is_ok());
        for seq in 1..=3 {
            let frame = analysed(camera, seq);
            while clock::mono() <= frame.frame.captured {}
            assert!(worker.judge(frame).is_ok());
        }
    }
    let given = worker.cameras[&CAM].next_id;
    assert!(worker.attempt(CAM, None, clock::now(), |_| panic!("a table that was never empty is")).is_ok());
    let mut kinds = Vec::new();
    while let Ok(output) = desk.try_recv() {
        kinds.push((output.finding.camera, matches!(output.finding.kind, FindingKind::Cleared { .. })));
    }
    assert_eq!(kinds, [(CAM, false), (OTHER, false), (CAM, true)]);
    assert_eq!(active.try_iter().last(), Some((CAM, false)));
    assert!(worker.cameras[&CAM].next_id > given && worker.cameras[&CAM].stay.is_none());
    assert!(worker.cameras[&OTHER].stay.is_some());
}
