//! `yunti detect` and `yunti model check` on real files and real ONNX Runtime.

use std::{
    fs,
    path::{Path, PathBuf},
};

use image::{DynamicImage, ImageFormat, RgbImage, codecs::jpeg::JpegEncoder};
use serde_json::Value;
use yunti::{
    command::{
        detect::{DetectError, DetectRequest, detect},
        model,
    },
    infer::EngineOptions,
};

use crate::tiny_onnx::{CLASSES, cell, tiny_model, write_model};

fn library() -> Option<PathBuf> {
    std::env::var_os("ORT_DYLIB_PATH").map(PathBuf::from)
}

/// Grey, with cell (2, 1) magenta.
fn picture() -> RgbImage {
    RgbImage::from_fn(640, 360, |x, y| {
        let inside = (160..240).contains(&x) && (80..160).contains(&y);
        image::Rgb(if inside { [255, 0, 255] } else { [128, 128, 128] })
    })
}

fn request(models: &Path, images: Vec<PathBuf>) -> DetectRequest {
    DetectRequest {
        model: Some("tiny".to_owned()),
        images,
        json: true,
        models: vec![models.to_owned()],
        library: library(),
        options: EngineOptions::default(),
    }
}

/// JPEG with an EXIF block that says: turned by 90° clockwise to be seen upright (orientation 6).
fn turned_jpeg(path: &Path) {
    let mut jpeg = Vec::new();
    let turned = DynamicImage::from(picture()).rotate270();
    JpegEncoder::new_with_quality(&mut jpeg, 95).encode_image(&turned).expect("a JPEG");
    let exif: &[u8] = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    let mut block = vec![0xFF, 0xE1];
    block.extend_from_slice(&u16::try_from(exif.len() + 2).expect("short").to_be_bytes());
    block.extend_from_slice(exif);
    jpeg.splice(2..2, block);
    fs::write(path, jpeg).expect("the picture can be written");
}

/// A PNG header that promises 60000 × 60000 pixels.
fn huge_png() -> Vec<u8> {
    let mut png = Vec::new();
    RgbImage::new(1, 1).write_to(&mut std::io::Cursor::new(&mut png), ImageFormat::Png).expect("a PNG");
    png[16..24].copy_from_slice(&[0, 0, 0xEA, 0x60, 0, 0, 0xEA, 0x60]);
    let mut crc = 0xFFFF_FFFF_u32;
    for byte in &png[12..29] {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 };
        }
    }
    png[29..33].copy_from_slice(&(!crc).to_be_bytes());
    png
}

#[test]
fn pictures_are_seen_to_the_pixel_and_bad_files_do_not_stop_the_others() {
    let dir = tempfile::tempdir().expect("a folder");
    let at = |name: &str| dir.path().join(name);
    tiny_model(&at("models/tiny"));
    picture().save(at("a.png")).expect("saved");
    fs::write(at("broken.jpg"), b"\xFF\xD8\xFF\xE0 and no more").expect("saved");
    fs::write(at("text.png"), "no picture at all").expect("saved");
    fs::write(at("empty.jpg"), "").expect("saved");
    fs::write(at("huge.png"), huge_png()).expect("saved");
    let mut cut = fs::read(at("a.png")).expect("read");
    cut.truncate(cut.len() / 2);
    fs::write(at("cut.png"), cut).expect("saved");
    picture().save(at("b.bmp")).expect("saved");
    turned_jpeg(&at("turned.jpg"));
    let good = ["a.png", "b.bmp", "turned.jpg"];
    let bad = ["broken.jpg", "text.png", "empty.jpg", "huge.png", "cut.png", "absent.png", "models"];
    let all = ["a.png", "broken.jpg", "text.png", "empty.jpg", "huge.png", "cut.png", "absent.png", "models", "b.bmp"];
    let images = all.iter().chain(&["turned.jpg"]).map(|name| at(name)).collect();
    let (mut out, mut errors) = (Vec::new(), Vec::new());
    let failed = detect(&request(&at("models"), images), &mut out, &mut errors).expect("the model runs");
    let errors = String::from_utf8(errors).expect("text");
    assert_eq!(failed, bad.len(), "{errors}");
    for name in bad {
        assert_eq!(errors.lines().filter(|l| l.contains(&format!("/{name}: "))).count(), 1, "{name}: {errors}");
    }
    assert!(errors.contains("60000×60000"), "{errors}");
    let lines: Vec<Value> =
        String::from_utf8(out).expect("text").lines().map(|l| serde_json::from_str(l).expect("JSON")).collect();
    assert_eq!(lines.len(), good.len());
    let expected = cell(2, 1, 640, 360);
    for (line, name) in lines.iter().zip(good) {
        assert!(line["image"].as_str().is_some_and(|i| i.ends_with(name)), "{line}");
        assert_eq!((&line["width"], &line["height"]), (&640.into(), &360.into()), "{line}");
        let [one] = line["detections"].as_array().expect("a list").as_slice() else { panic!("{line}") };
        assert_eq!(one["label"], "ebike");
        assert!(one["score"].as_f64().is_some_and(|s| s > 0.9 && s <= 1.0), "{line}");
        for (got, (want, side)) in
            one["box"].as_array().expect("a box").iter().zip(expected.iter().zip([640.0, 360.0, 640.0, 360.0]))
        {
            assert!((got.as_f64().expect("a number") - f64::from(*want) * side).abs() <= 0.1, "{line}");
        }
    }
}

#[test]
fn an_unknown_model_is_told_with_those_there_are() {
    let dir = tempfile::tempdir().expect("a folder");
    tiny_model(&dir.path().join("tiny"));
    let request = DetectRequest { model: None, ..request(dir.path(), vec![]) };
    let error = detect(&request, &mut Vec::new(), &mut Vec::new()).expect_err("there is no ebike model");
    assert!(matches!(error, DetectError::Model(_)));
    assert!(error.to_string().contains("`ebike`") && error.to_string().contains("tiny"), "{error}");
}

#[test]
fn a_model_is_checked_by_running_it() {
    let dir = tempfile::tempdir().expect("a folder");
    tiny_model(dir.path());
    let mut out = Vec::new();
    model::check(dir.path(), library().as_deref(), &EngineOptions::default(), &mut out).expect("a good model");
    let text = String::from_utf8(out).expect("text");
    assert!(text.contains("tiny: manifest good") && text.contains("batch 1:"), "{text}");
    write_model(dir.path(), b"garbage", &CLASSES);
    let error = model::check(dir.path(), library().as_deref(), &EngineOptions::default(), &mut Vec::new());
    assert!(error.expect_err("no model").to_string().contains("cannot be loaded"));
}
