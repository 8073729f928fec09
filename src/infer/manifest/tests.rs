//! Manifests good and bad; each bad one's message names the file, the line and the field.

use super::*;

pub(crate) const GOOD: &str = r#"name = "ebike"
description = "e-bikes in lifts"
licence = "Apache-2.0"
origin = "trained here"
[file]
path = "ebike.onnx"
sha256 = "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855"
[input]
name = "images"
width = 416
height = 416
layout = "nchw"
colour = "bgr"
scale = 1.0
mean = [0.0, 0.0, 0.0]
std = [1.0, 1.0, 1.0]
letterbox = "top-left"
pad = 114
[output]
family = "yolox"
classes = ["ebike", "bicycle"]
[thresholds]
score = 0.35
nms_iou = 0.5
"#;

fn parse(text: &str) -> Result<Manifest, ManifestError> {
    Manifest::parse(Path::new("models/ebike/model.toml"), text)
}

#[test]
fn a_good_manifest_is_read() {
    let manifest = parse(GOOD).unwrap();
    assert_eq!(manifest.weights, Path::new("models/ebike/ebike.onnx"));
    assert_eq!((manifest.tensor.width, manifest.tensor.pad, manifest.classes.len()), (416, 114, 2));
    assert_eq!(manifest.family, Family::Yolox);
    assert!(manifest.sha256.starts_with("e3b0c442"));
    assert!(!manifest.fitted);
    let with = |canvas: &str| parse(&GOOD.replace("pad =", &format!("canvas = \"{canvas}\"\npad ="))).unwrap().fitted;
    assert!(with("fitted") && !with("whole"));
}

#[test]
fn a_bad_field_is_told_by_file_line_and_name() {
    let check = |from: &str, to: &str, expected: &[&str]| {
        assert!(GOOD.contains(from), "{from} is not in the manifest");
        let message = parse(&GOOD.replace(from, to)).expect_err(to).to_string();
        for part in expected.iter().chain(&["models/ebike/model.toml"]) {
            assert!(message.contains(part), "{to}: {message}");
        }
    };
    check("name = \"ebike\"", "name = \"E bike\"", &["line 1", "name", "a-z"]);
    check("\"ebike.onnx\"", "\"../ebike.onnx\"", &["line 6", "file.path", "inside"]);
    check("\"ebike.onnx\"", "\"/etc/passwd\"", &["line 6", "file.path"]);
    check("\"ebike.onnx\"", "\"\"", &["line 6", "file.path"]);
    check("E3B0", "XYZ", &["line 7", "file.sha256", "64"]);
    check("[input]", "url = \"http://a/b\"\n[input]", &["line 8", "file.url", "https"]);
    check("width = 416", "width = 400", &["line 10", "input.width", "32"]);
    check("height = 416", "height = 0", &["line 11", "input.height"]);
    check("height = 416", "height = -1", &["line 11"]);
    check("width = 416", "width = 1000000000", &["line 10", "4096"]);
    check("colour = \"bgr\"", "colour = \"grey\"", &["line 13", "bgr"]);
    check("layout = \"nchw\"", "layout = \"nhwc\"", &["line 12", "nchw"]);
    check("scale = 1.0", "scale = nan", &["line 14", "input.scale"]);
    check("std = [1.0, 1.0, 1.0]", "std = [1.0, 0.0, 1.0]", &["line 16", "input.std"]);
    check("mean = [0.0, 0.0, 0.0]", "mean = [0.0]", &["line 15"]);
    check("pad = 114", "pad = 300", &["line 18"]);
    check("pad = 114", "canvas = \"cut\"", &["line 18", "fitted"]);
    let centred = "letterbox = \"centre\"\ncanvas = \"fitted\"";
    check("letterbox = \"top-left\"", centred, &["line 18", "input.canvas", "top-left"]);
    check("family = \"yolox\"", "family = \"ssd\"", &["line 20", "yolox"]);
    check("[\"ebike\", \"bicycle\"]", "[]", &["output.classes"]);
    check("[\"ebike\", \"bicycle\"]", "[\"ebike\", \"ebike\"]", &["line 21", "twice"]);
    check("score = 0.35", "score = 1.5", &["line 23", "thresholds.score"]);
    check("pad = 114", "padding = 114", &["padding"]);
    check("licence = \"Apache-2.0\"\n", "", &["licence"]);
    check("name = \"ebike\"", "= =", &["line 1"]);
}

#[test]
fn weights_are_checked_before_use() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = |text: &str| {
        fs::write(folder.path().join(FILE_NAME), text).unwrap();
        Manifest::load(folder.path()).unwrap()
    };
    let weights = folder.path().join("ebike.onnx");
    let message = manifest(GOOD).weights().unwrap_err().to_string();
    assert!(message.contains("ebike.onnx") && message.contains("line 6"), "{message}");
    fs::write(&weights, "").unwrap();
    assert_eq!(manifest(GOOD).weights().unwrap(), b"");
    fs::write(&weights, "x").unwrap();
    let message = manifest(GOOD).weights().unwrap_err().to_string();
    assert!(message.contains("2d711642b726b044") && message.contains("e3b0c44298fc1c14"), "{message}");
    // The right bytes, but outside.
    let outside = tempfile::NamedTempFile::new().unwrap();
    fs::remove_file(&weights).unwrap();
    std::os::unix::fs::symlink(outside.path(), &weights).unwrap();
    let message = manifest(GOOD).weights().unwrap_err().to_string();
    assert!(message.contains("leads out"), "{message}");
}
