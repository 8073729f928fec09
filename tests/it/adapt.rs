//! `yunti model export` from a real data folder, and what `yunti model adapt` says when something is missing.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;
use yunti::{
    alarm::{Alarm, AlarmKind, AlarmSighting, AlarmState, LiftState},
    base::{AlarmId, CameraId, NormRect, TrackId, Wall},
    command::adapt::{AdaptError, AdaptRequest, adapt, export},
    detect::Label,
    media,
    store::{Store, Write},
};

const DAY_MS: i64 = 24 * 3600 * 1000;

fn alarm(n: u32, state: AlarmState) -> Alarm {
    Alarm {
        id: AlarmId::from_u128(u128::from(n) + 1),
        kind: AlarmKind::EbikeInLift,
        state,
        camera: Some(CameraId::from_u128(u128::from(n % 3))),
        device: None,
        sighting: Some(AlarmSighting {
            track: TrackId(1),
            label: Label::new("ebike"),
            score: 0.8,
            rect: NormRect { x0: 0.25, y0: 0.5, x1: 0.75, y1: 1.0 },
        }),
        raised_at: Wall(i64::from(n) * DAY_MS / 8),
        cleared_at: None,
        lift: LiftState::None,
        escalated: false,
        escalations: Vec::new(),
        note: None,
        actor: Some("guard".to_owned()),
        timeline: vec![],
    }
}

fn picture(data: &Path, alarm: AlarmId) {
    let path = media::alarm_picture(&data.join("media"), alarm);
    fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    image::RgbImage::from_pixel(64, 32, image::Rgb([90; 3]))
        .save_with_format(path, image::ImageFormat::Jpeg)
        .expect("written");
}

fn annotations(folder: &Path) -> Value {
    serde_json::from_slice(&fs::read(folder.join("annotations.json")).expect("written")).expect("JSON")
}

#[tokio::test]
async fn judged_alarms_are_exported_as_coco_in_two_folders() {
    let dir = tempfile::tempdir().expect("a folder");
    let (data, out) = (dir.path().join("data"), dir.path().join("export"));
    let store = Store::open(&data).expect("a store");
    let states = [AlarmState::Resolved, AlarmState::FalseAlarm, AlarmState::Raised, AlarmState::Acknowledged];
    let alarms: Vec<Alarm> = (0..80).map(|n| alarm(n, states[n as usize % 4])).collect();
    // Number 4 is resolved, and its picture is gone.
    alarms.iter().filter(|a| a.id != AlarmId::from_u128(5)).for_each(|a| picture(&data, a.id));
    store.write(alarms.iter().map(|a| Write::Alarm(Box::new(a.clone()))).collect()).await.expect("written");

    // The server still holds the folder.
    let exported = export(&data, &out).await.expect("exported");
    assert_eq!(exported.without_picture, 1);
    assert_eq!(exported.confirmed.iter().sum::<usize>(), 19);
    assert_eq!(exported.rejected.iter().sum::<usize>(), 20);
    assert!(exported.confirmed.iter().chain(&exported.rejected).all(|n| *n > 0), "{exported:?}");

    let (train, back) = (annotations(&out.join("train")), annotations(&out.join("held-back")));
    let mut seen = Vec::new();
    for (part, folder, notes) in [(0, "train", &train), (1, "held-back", &back)] {
        assert_eq!(notes["categories"][0]["name"], "ebike");
        assert_eq!(notes["annotations"].as_array().expect("a list").len(), exported.confirmed[part]);
        let images = notes["images"].as_array().expect("a list");
        assert_eq!(images.len(), exported.confirmed[part] + exported.rejected[part]);
        for image in images {
            let name = image["file_name"].as_str().expect("a name");
            assert!(out.join(folder).join(name).is_file(), "{name}");
            seen.push(name.to_owned());
        }
    }
    let box_of_first = &train["annotations"][0];
    assert_eq!(box_of_first["bbox"], serde_json::json!([16.0, 16.0, 32.0, 16.0]));
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 39, "no picture is on both sides");
    // A camera's alarms of one day stay together; eight alarms a day of three cameras make groups of several.
    let held: Vec<&str> =
        back["images"].as_array().expect("a list").iter().filter_map(|i| i["file_name"].as_str()).collect();
    let group = |a: &Alarm| (a.camera, a.raised_at.0 / DAY_MS);
    let file = |a: &Alarm| format!("{}.jpg", a.id);
    let mut together = 0;
    for a in alarms.iter().filter(|a| held.contains(&file(a).as_str())) {
        for b in alarms.iter().filter(|b| b.id != a.id && group(a) == group(b) && seen.contains(&file(b))) {
            assert!(held.contains(&file(b).as_str()), "{} and {} are parted", a.id, b.id);
            together += 1;
        }
    }
    assert!(together > 0, "no group of several was held back: the test shows nothing");

    let again = export(&data, &out).await.expect_err("not over an export").to_string();
    assert!(again.contains("give a new folder"), "{again}");
    let nowhere = export(&dir.path().join("nowhere"), &dir.path().join("e")).await.expect_err("no data").to_string();
    assert!(nowhere.contains("data folder of a server"), "{nowhere}");
}

#[test]
fn adapting_says_what_is_missing_and_which_step_failed() {
    let dir = tempfile::tempdir().expect("a folder");
    let at = |name: &str| dir.path().join(name);
    let touch = |name: &str| {
        fs::create_dir_all(at(name).parent().expect("a folder")).expect("made");
        fs::write(at(name), "{}").expect("written");
    };
    let request = AdaptRequest {
        export: at("export"),
        training: at("training"),
        python: at("python"),
        base: at("base.onnx"),
        renders: at("renders"),
        out: at("out"),
        steps: 1,
    };
    let said =
        |request: &AdaptRequest| -> AdaptError { adapt(request, &mut Vec::new()).expect_err("something is missing") };
    let check = |part: &str| {
        let message = said(&request).to_string();
        assert!(message.contains(part), "{part}: {message}");
    };
    check("yunti model export");
    touch("export/train/annotations.json");
    check("yunti model export");
    touch("export/held-back/annotations.json");
    check("make venv");
    touch("python");
    check("--base");
    touch("base.onnx");
    check("--renders");
    fs::create_dir(at("renders")).expect("made");
    check("--training");
    // A training code that fails, run by a real Python.
    touch("training/train/fit.py");
    fs::write(at("training/train/fit.py"), "raise SystemExit(7)").expect("written");
    check("python");
    let python = AdaptRequest { python: PathBuf::from("/usr/bin/python3"), ..request };
    let message = said(&python).to_string();
    assert!(message.contains("training failed") && message.contains('7'), "{message}");
}
