//! Real ONNX Runtime on networks whose answer is known: see `tiny_onnx`.

use std::{fs, path::Path, time::Duration};

use yunti::{
    base::{CameraId, FrameSeq, Mono, Size},
    detect::Detection,
    frame::{Frame, still},
    infer::{
        Batch, Engine, EngineOptions, InferError, Manifest, ModelLibrary, Provider, onnx::OnnxEngine, onnx::Runtime,
    },
};

use crate::tiny_onnx::{
    CLASSES, cell, fit, fitted_model, one_node_network, second_look, tiny_model, tiny_network, write_model,
    wrong_shape_model,
};

const MAGENTA: [u8; 3] = [255, 0, 255];
const GREEN: [u8; 3] = [0, 255, 0];
const GREY: [u8; 3] = [128, 128, 128];

/// Where `make setup` and the environment have put ONNX Runtime.
pub(crate) fn runtime() -> Runtime {
    let library = std::env::var_os("ORT_DYLIB_PATH");
    Runtime::load(library.as_deref().map(Path::new)).expect("ONNX Runtime is set up")
}

/// A grey picture with coloured rectangles x, y, width, height.
fn picture(camera: u128, (width, height): (u32, u32), squares: &[([u32; 4], [u8; 3])]) -> Frame {
    let mut rgb = Vec::new();
    for y in 0..height {
        for x in 0..width {
            let hit =
                squares.iter().find(|([x0, y0, w, h], _)| (*x0..x0 + w).contains(&x) && (*y0..y0 + h).contains(&y));
            rgb.extend_from_slice(&hit.map_or(GREY, |(_, colour)| *colour));
        }
    }
    Frame {
        camera: CameraId::from_u128(camera),
        seq: FrameSeq(7),
        captured: Mono(1),
        decoded: Mono(2),
        pixels: still::from_rgb(Size { width, height }, &rgb).expect("as many bytes as pixels"),
    }
}

fn open(folder: &Path) -> Result<OnnxEngine, InferError> {
    let options = EngineOptions { calibration: Duration::ZERO, ..EngineOptions::default() };
    OnnxEngine::open(&runtime(), &Manifest::load(folder)?, &options)
}

fn is(detection: &Detection, label: &str, expected: [f32; 4]) {
    assert_eq!(detection.label.as_str(), label);
    assert!(detection.score > 0.99, "{detection:?}");
    let r = detection.rect;
    for (got, expected) in [r.x0, r.y0, r.x1, r.y1].into_iter().zip(expected) {
        assert!((got - expected).abs() < 1e-4, "{r:?} is not {expected:?}");
    }
}

#[test]
fn a_batch_of_cameras_of_any_size_is_seen_to_the_pixel() {
    let folder = tempfile::tempdir().unwrap();
    tiny_model(folder.path());
    let mut engine = open(folder.path()).unwrap();
    let batch = Batch::new(vec![
        picture(1, (640, 360), &[([160, 80, 80, 80], MAGENTA)]),
        picture(2, (1280, 720), &[([0, 160, 160, 160], GREEN), ([480, 0, 160, 160], MAGENTA)]),
        picture(3, (320, 240), &[]),
        // Half a cell, a frame around a cell, a cell of red: nothing.
        picture(4, (640, 360), &[([160, 80, 40, 80], MAGENTA), ([320, 80, 80, 80], [255, 0, 0])]),
        picture(5, (240, 320), &[([40, 80, 40, 40], GREEN)]),
    ])
    .unwrap();
    let seen = engine.infer(&batch).unwrap();
    let cameras: Vec<CameraId> = seen.iter().map(|d| d.camera).collect();
    assert_eq!(cameras, [1, 2, 3, 4, 5].map(CameraId::from_u128));
    assert_eq!(seen.iter().map(|d| d.items.len()).collect::<Vec<_>>(), [1, 2, 0, 0, 1]);
    is(&seen[0].items[0], "ebike", cell(2, 1, 640, 360));
    let mut both = seen[1].items.clone();
    both.sort_by(|a, b| a.label.cmp(&b.label));
    is(&both[0], "ebike", cell(3, 0, 1280, 720));
    is(&both[1], "wheelchair", cell(0, 1, 1280, 720));
    is(&seen[4].items[0], "wheelchair", cell(1, 2, 240, 320));
    assert_eq!(seen[0].seq, FrameSeq(7));
    assert_eq!((seen[0].stamps.captured, seen[0].stamps.decoded), (Mono(1), Mono(2)));
    assert!(seen[0].stamps.inferred > Mono(2));
}

#[test]
fn only_as_much_of_the_canvas_is_run_as_the_pictures_of_a_batch_need() {
    let folder = tempfile::tempdir().unwrap();
    fitted_model(folder.path());
    // 256 × 160 of the canvas; the fifth row of cells is its last, and that alone is seen.
    let wide = || picture(1, (640, 400), &[([160, 320, 80, 80], MAGENTA), ([480, 320, 80, 80], GREEN)]);
    let tall = || picture(2, (400, 640), &[([80, 560, 80, 80], MAGENTA)]);
    let mut engine = open(folder.path()).unwrap();
    // An accelerator builds its program for the whole canvas.
    let of_a_part = if engine.report().provider == Provider::Cpu { 2 } else { 0 };
    let seen = engine.infer(&Batch::single(wide())).unwrap();
    assert_eq!(seen[0].items.len(), of_a_part, "{:?}", seen[0].items);
    for item in &seen[0].items {
        let column = if item.label.as_str() == "ebike" { 2 } else { 6 };
        is(item, item.label.as_str(), cell(column, 4, 640, 400));
    }
    // Beside a tall picture it has padding below it.
    let both = engine.infer(&Batch::new(vec![wide(), tall()]).unwrap()).unwrap();
    assert_eq!(both.iter().map(|d| d.items.len()).collect::<Vec<_>>(), [0, 1]);
    is(&both[1].items[0], "ebike", cell(1, 7, 400, 640));

    // The second look's crops come out of the part that was run.
    second_look(folder.path(), 4);
    let mut engine = open(folder.path()).unwrap();
    let squares = [([160, 320, 66, 80], MAGENTA), ([320, 320, 80, 80], MAGENTA), ([480, 320, 80, 80], GREEN)];
    let seen = engine.infer(&Batch::single(picture(1, (640, 400), &squares))).unwrap();
    let labels: Vec<&str> = seen[0].items.iter().map(|d| d.label.as_str()).collect();
    assert_eq!(labels, ["wheelchair", "ebike"][..of_a_part].to_vec());
    if let Some(raised) = seen[0].items.get(1) {
        assert!((raised.rect.x0 - 0.25).abs() < 0.01, "{raised:?}");
    }
}

#[test]
fn a_batch_larger_than_allowed_goes_in_parts() {
    let folder = tempfile::tempdir().unwrap();
    tiny_model(folder.path());
    let options = EngineOptions { max_batch: 2, calibration: Duration::ZERO, ..EngineOptions::default() };
    let mut engine = OnnxEngine::open(&runtime(), &Manifest::load(folder.path()).unwrap(), &options).unwrap();
    let frames = (0..5_u32).map(|n| picture(n.into(), (640, 360), &[([80 * n, 0, 80, 80], MAGENTA)])).collect();
    let seen = engine.infer(&Batch::new(frames).unwrap()).unwrap();
    assert_eq!(seen.len(), 5);
    for (n, detections) in (0..).zip(&seen) {
        is(&detections.items[0], "ebike", cell(n, 0, 640, 360));
    }
}

#[test]
fn the_cpu_is_used_with_the_reason_for_each_refusal_and_a_measured_batch_size() {
    let folder = tempfile::tempdir().unwrap();
    tiny_model(folder.path());
    let engine =
        OnnxEngine::open(&runtime(), &Manifest::load(folder.path()).unwrap(), &EngineOptions::default()).unwrap();
    let report = engine.report();
    assert_eq!(report.model, "tiny");
    for (provider, reason) in &report.refused {
        assert!(*provider != report.provider && !reason.is_empty(), "{report:?}");
    }
    let place = Provider::ALL.iter().position(|p| *p == report.provider).unwrap();
    assert_eq!(report.refused.len(), place, "every faster provider has its reason: {report:?}");
    assert_eq!(report.calibration[0].0, 1);
    assert!(report.calibration.iter().any(|(size, _)| *size == report.best_batch), "{report:?}");
}

#[test]
fn a_model_that_cannot_run_says_why_and_what_to_do() {
    let check = |prepare: &dyn Fn(&Path), expected: &[&str]| {
        let folder = tempfile::tempdir().unwrap();
        prepare(folder.path());
        let Err(error) = open(folder.path()) else { panic!("opened, but should fail with {expected:?}") };
        let message = error.to_string();
        for part in expected {
            assert!(message.contains(part), "`{part}` is not in: {message}");
        }
    };
    let edit = |folder: &Path, from: &str, to: &str| {
        tiny_model(folder);
        let path = folder.join("model.toml");
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from));
        fs::write(path, text.replace(from, to)).unwrap();
    };
    check(&|f| wrong_shape_model(f, 3), &["[N,1344,8]", "[N,1344,9]", "4 classes", "model.toml"]);
    check(&|f| edit(f, "width = 256", "width = 288"), &["[N,3,256,256]", "[N,3,256,288]", "model.toml"]);
    check(&|f| edit(f, "\"images\"", "\"pixels\""), &["`images`", "`pixels`", "model.toml"]);
    check(&|f| edit(f, "\"yolox\"", "\"yolov8\""), &["yolov8", "[N,1344,9]", "[N,8,1344]"]);
    check(&|f| edit(f, "\"yolox\"\nclasses", "\"embedding\"\n#classes"), &["embedding"]);
    check(
        &|f| {
            tiny_model(f);
            fit(f);
        },
        &["`images`", "[N,3,256,256]", "fitted", "height and width open", "model.toml"],
    );
    check(&|f| write_model(f, b"no protocol buffer", &CLASSES), &["tiny.onnx", "cannot be loaded"]);
    check(&|f| write_model(f, b"", &CLASSES), &["tiny.onnx", "cannot be loaded"]);
    check(&|f| write_model(f, &tiny_network(4)[..900], &CLASSES), &["tiny.onnx", "cannot be loaded"]);
    check(&|f| write_model(f, &one_node_network("NoSuchOperator"), &CLASSES), &["cannot be loaded", "NoSuchOperator"]);
    check(&|f| write_model(f, &one_node_network("Relu"), &CLASSES), &["output", "[N,3,256,256]"]);
    check(
        &|f| {
            tiny_model(f);
            fs::write(f.join("tiny.onnx"), tiny_network(3)).unwrap();
        },
        &["SHA-256", "model.toml"],
    );
    check(
        &|f| {
            tiny_model(f);
            fs::remove_file(f.join("tiny.onnx")).unwrap();
        },
        &["tiny.onnx", "does not exist", "line 6"],
    );
}

#[test]
fn a_second_look_drops_what_it_does_not_believe_and_raises_what_it_does() {
    let folder = tempfile::tempdir().unwrap();
    tiny_model(folder.path());
    // Wholly magenta at (2, 1), four fifths of the cell at (4, 1): 0.29 by the detector alone. A wheelchair beside.
    let squares = [([160, 80, 80, 80], MAGENTA), ([320, 80, 64, 80], MAGENTA), ([480, 80, 80, 80], GREEN)];
    let labels = |items: &[Detection]| items.iter().map(|d| d.label.as_str().to_owned()).collect::<Vec<_>>();
    let alone = open(folder.path()).unwrap().infer(&Batch::single(picture(1, (640, 360), &squares))).unwrap();
    assert_eq!(alone[0].items.len(), 2, "{:?}", alone[0].items);

    second_look(folder.path(), 5);
    let mut engine = open(folder.path()).unwrap();
    let batch = Batch::new(vec![
        picture(1, (640, 360), &squares),
        picture(2, (640, 360), &[([160, 80, 80, 80], MAGENTA)]),
        picture(3, (320, 240), &[([40, 40, 34, 40], MAGENTA)]),
        picture(4, (320, 240), &[]),
    ])
    .unwrap();
    let seen = engine.infer(&batch).unwrap();
    assert_eq!(labels(&seen[0].items), ["wheelchair", "ebike"]);
    let raised = &seen[0].items[1];
    assert!((raised.score - 0.294_f32.sqrt()).abs() < 0.02, "{raised:?}");
    assert!((raised.rect.x0 - 0.5).abs() < 0.01, "{raised:?}");
    assert_eq!(labels(&seen[1].items), [""; 0]);
    assert_eq!(labels(&seen[2].items), ["ebike"], "in each picture's own part of the batch");
    assert_eq!(labels(&seen[3].items), [""; 0]);
}

#[test]
fn a_crowd_of_candidates_is_looked_at_in_parts_and_only_the_best_are() {
    let folder = tempfile::tempdir().unwrap();
    tiny_model(folder.path());
    second_look(folder.path(), 4);
    let path = folder.path().join("model.toml");
    let text = fs::read_to_string(&path).unwrap();
    let squares: Vec<([u32; 4], [u8; 3])> = (0..24).map(|n| ([80 * (n % 8), 80 * (n / 8), 66, 80], MAGENTA)).collect();
    let check = |most: usize, expected: usize| {
        fs::write(&path, text.replace("floor", &format!("most = {most}\nfloor"))).unwrap();
        let seen = open(folder.path()).unwrap().infer(&Batch::single(picture(1, (640, 360), &squares))).unwrap();
        assert_eq!(seen[0].items.len(), expected, "at most {most}");
    };
    check(6, 6);
    check(20, 20);
    check(64, 24);
}

#[test]
fn a_second_look_that_cannot_run_says_why_and_what_to_do() {
    let check = |given: usize, from: &str, to: &str, expected: &[&str]| {
        let folder = tempfile::tempdir().unwrap();
        tiny_model(folder.path());
        second_look(folder.path(), given);
        let path = folder.path().join("model.toml");
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from));
        fs::write(path, text.replace(from, to)).unwrap();
        let Err(error) = open(folder.path()) else { panic!("opened, but should fail with {expected:?}") };
        let message = error.to_string();
        for part in expected.iter().chain(&["model.toml"]) {
            assert!(message.contains(part), "`{part}` is not in: {message}");
        }
    };
    check(3, "size", "size", &["[1,3]", "[N,4 or more]", "ebike"]);
    check(4, "size = 16", "size = 24", &["second look", "[N,3,16,16]", "[N,3,24,24]", "correct [second]"]);
    check(4, "\"crops\"", "\"pictures\"", &["`crops`", "`pictures`"]);
    check(4, "\"second.onnx\"", "\"third.onnx\"", &["third.onnx", "does not exist", "line 26"]);
    check(4, "\"second.onnx\"", "\"tiny.onnx\"", &["SHA-256"]);
    check(4, "candidate = \"ebike\"", "candidate = \"moped\"", &["second.candidate", "output.classes", "line 31"]);
    check(4, "floor = 0.2", "floor = 0.5", &["second.floor", "thresholds.score"]);
    check(4, "weight = 0.5", "weight = 1.0", &["second.weight"]);
}

#[test]
fn one_bad_model_does_not_hide_the_good_ones() {
    let folder = tempfile::tempdir().unwrap();
    tiny_model(&folder.path().join("tiny"));
    fs::create_dir(folder.path().join("bad")).unwrap();
    fs::write(folder.path().join("bad/model.toml"), "name = [").unwrap();
    let library = ModelLibrary::load(&[folder.path().to_owned()]);
    assert_eq!(library.folders().len(), 2);
    assert!(library.get("bad").is_err());
    assert!(OnnxEngine::open(&runtime(), library.get("tiny").unwrap(), &EngineOptions::default()).is_ok());
}
