//! A network that a test can predict to the pixel: it sees cells of one flat colour. Written as ONNX by hand, a few
//! hundred bytes; no weights, no downloads. Its output has the `yolox` shape, so the real decoder, NMS and engine run.
//!
//! The input is 256 × 256 (letterbox top left), cut into 8 × 8 cells of 32 × 32. A cell that is (almost) wholly of one of
//! these colours is a detection whose box is exactly the cell:
//!
//! | colour              | RGB         | label        |
//! | ------------------- | ----------- | ------------ |
//! | magenta             | 255,0,255   | `ebike`      |
//! | green               | 0,255,0     | `wheelchair` |
//! | cyan                | 0,255,255   | `bicycle`    |
//! | yellow              | 255,255,0   | `person`     |
//!
//! Score: 0 up to 75 % of the cell covered, 1 from 92 % on, straight between. Grey, white, black, red and blue are
//! nothing. A flat square survives H.264 4:2:0 well: its score stays at 1 as long as it fills the cell.
//!
//! In a picture W × H the cell is `32 · max(W, H) / 256` pixels wide and high: 80 in 640 × 360 or 640 × 480, 160 in
//! 1280 × 720, 40 in 320 × 240. **Recommended: a square of exactly one cell at a multiple of the cell's size**: one
//! detection, box known exactly. A square of two cells anywhere covers at least one whole cell and at most four; each
//! covered cell is a detection of its own. A square on its way from one cell to the next is seen in neither for a while.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_possible_wrap,
    reason = "numbers in tests are small"
)]

use std::{fs, path::Path};

use yunti::infer::manifest::sha256_hex;

/// Side of a cell in the network's pixels.
pub(crate) const CELL: u32 = 32;
/// Side of the network's input.
pub(crate) const SIDE: u32 = 256;
/// In the network's order.
pub(crate) const CLASSES: [&str; 4] = ["ebike", "wheelchair", "bicycle", "person"];

/// How much blue, green and red count for each class: the full colour gives 255, grey 0.
const COLOURS: [[f32; 3]; 4] = [[0.5, -1.0, 0.5], [-0.5, 1.0, -0.5], [0.5, 0.5, -1.0], [-1.0, 0.5, 0.5]];
const NOTHING_BELOW: f32 = 0.75;
const FULL_FROM: f32 = 0.92;

/// The box of cell (column, row), in fractions of a `width` × `height` picture: x0, y0, x1, y1, cut at the picture.
pub(crate) fn cell(column: u32, row: u32, width: u32, height: u32) -> [f32; 4] {
    let cell = CELL as f32 * width.max(height) as f32 / SIDE as f32;
    let (w, h) = (width as f32, height as f32);
    let x = |n: u32| (n as f32 * cell / w).min(1.0);
    let y = |n: u32| (n as f32 * cell / h).min(1.0);
    [x(column), y(row), x(column + 1), y(row + 1)]
}

/// Writes `model.toml` and `tiny.onnx` into `folder` (made if need be): a model called `tiny`.
pub(crate) fn tiny_model(folder: &Path) {
    write_model(folder, &tiny_network(CLASSES.len()), &CLASSES);
}

/// As [`tiny_model`], for a network that gives `given` classes where the manifest promises four.
pub(crate) fn wrong_shape_model(folder: &Path, given: usize) {
    write_model(folder, &tiny_network(given), &CLASSES);
}

/// As [`tiny_model`], for a network that takes any height and width, with a manifest that lets it have less than the whole
/// canvas. It is shy: it sees a cell only where the tensor ends right below it.
pub(crate) fn fitted_model(folder: &Path) {
    write_model(folder, &network(CLASSES.len(), true), &CLASSES);
    fit(folder);
}

/// Lets a model's network have less than the whole canvas.
pub(crate) fn fit(folder: &Path) {
    let path = folder.join("model.toml");
    let manifest = fs::read_to_string(&path).expect("the manifest is there");
    fs::write(path, manifest.replace("pad =", "canvas = \"fitted\"\npad =")).expect("the manifest can be written");
}

/// Any bytes as a model, with a manifest that fits them.
pub(crate) fn write_model(folder: &Path, network: &[u8], classes: &[&str]) {
    fs::create_dir_all(folder).expect("the folder can be made");
    fs::write(folder.join("tiny.onnx"), network).expect("the network can be written");
    let manifest = format!(
        r#"name = "tiny"
description = "sees cells of one flat colour; for tests"
licence = "Apache-2.0"
origin = "tests/it/tiny_onnx.rs"
[file]
path = "tiny.onnx"
sha256 = "{}"
[input]
name = "images"
width = {SIDE}
height = {SIDE}
layout = "nchw"
colour = "bgr"
scale = 1.0
mean = [0.0, 0.0, 0.0]
std = [1.0, 1.0, 1.0]
letterbox = "top-left"
pad = 114
[output]
family = "yolox"
classes = {classes:?}
[thresholds]
score = 0.35
nms_iou = 0.5
"#,
        sha256_hex(network)
    );
    fs::write(folder.join("model.toml"), manifest).expect("the manifest can be written");
}

/// Per stride: average of each cell → 1 × 1 convolution to x, y, w, h, objectness, classes → clip to 0..=1 → rows;
/// then all strides one after another. Only stride 32 sees anything.
pub(crate) fn tiny_network(classes: usize) -> Vec<u8> {
    network(classes, false)
}

/// `shy`: sides are open, and the convolution is 3 × 3: what lies below a cell counts against it, grey of 114 (padding) twice
/// as much as the cell's own colour for it. Below the tensor there is nothing, which counts nothing.
fn network(classes: usize, shy: bool) -> Vec<u8> {
    let kernel: usize = if shy { 3 } else { 1 };
    let (taps, own, below) = (kernel * kernel, kernel * kernel / 2, 7);
    let row = 5 + classes;
    let mut graph = Vec::new();
    let mut parts = Vec::new();
    for stride in [8, 16, 32] {
        let name = |what: &str| format!("{what}_{stride}");
        let sees = stride == 32;
        let mut weights = vec![0.0; row * 3 * taps];
        let mut bias = vec![0.0; row];
        if sees {
            // Centre of the cell, size exp(0) = 1 stride, objectness 1.
            bias[..5].copy_from_slice(&[0.5, 0.5, 0.0, 0.0, 1.0]);
            for class in 0..classes {
                let gain = 1.0 / (FULL_FROM - NOTHING_BELOW);
                for (channel, counts) in COLOURS[class % 4].iter().enumerate() {
                    let at = ((5 + class) * 3 + channel) * taps;
                    weights[at + own] = counts / 255.0 * gain;
                    if shy {
                        weights[at + below] = -2.0 * gain / 3.0 / 114.0;
                    }
                }
                bias[5 + class] = -NOTHING_BELOW * gain;
            }
        }
        let window = ints("kernel_shape", &[stride, stride]);
        let step = ints("strides", &[stride, stride]);
        field(&mut graph, 1, &node("AveragePool", &["images"], &name("mean"), &[window, step]));
        let around = kernel as u64 / 2;
        let pads = ints("pads", &[around; 4]);
        field(&mut graph, 1, &node("Conv", &[&name("mean"), &name("weights"), &name("bias")], &name("map"), &[pads]));
        field(&mut graph, 1, &node("Clip", &[&name("map"), "zero", "one"], &name("clipped"), &[]));
        field(&mut graph, 1, &node("Reshape", &[&name("clipped"), "shape"], &name("columns"), &[]));
        let order = ints("perm", &[0, 2, 1]);
        field(&mut graph, 1, &node("Transpose", &[&name("columns")], &name("rows"), &[order]));
        field(&mut graph, 5, &floats(&name("weights"), &[row as u64, 3, kernel as u64, kernel as u64], &weights));
        field(&mut graph, 5, &floats(&name("bias"), &[row as u64], &bias));
        parts.push(name("rows"));
    }
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    field(&mut graph, 1, &node("Concat", &parts, "output", &[int("axis", 1)]));
    field(&mut graph, 2, b"tiny");
    field(&mut graph, 5, &floats("zero", &[], &[0.0]));
    field(&mut graph, 5, &floats("one", &[], &[1.0]));
    field(&mut graph, 5, &int64s("shape", &[0, row as i64, -1]));
    let side = u64::from(SIDE);
    let anchors = [8, 16, 32].map(|s| (side / s) * (side / s)).iter().sum();
    let (side, anchors) = if shy { (OPEN, OPEN) } else { (side, anchors) };
    field(&mut graph, 11, &value("images", &[3, side, side]));
    field(&mut graph, 12, &value("output", &[anchors, row as u64]));
    model(&graph)
}

/// Side of [`second_network`]'s input.
pub(crate) const CROP: u32 = 16;

/// Adds a second look to a [`tiny_model`]: crops of a candidate's box, `[N,3,16,16]` to `given` probabilities. It calls
/// an e-bike what is not wholly magenta (an eighth of grey is enough), and nothing else anything.
pub(crate) fn second_look(folder: &Path, given: usize) {
    let network = second_network(given);
    fs::write(folder.join("second.onnx"), &network).expect("the network can be written");
    let path = folder.join("model.toml");
    let manifest = fs::read_to_string(&path).expect("the manifest is there");
    let second = format!(
        r#"[second]
path = "second.onnx"
sha256 = "{}"
input = "crops"
size = {CROP}
margin = 1.0
candidate = "ebike"
floor = 0.2
weight = 0.5
"#,
        sha256_hex(&network)
    );
    fs::write(path, manifest + &second).expect("the manifest can be written");
}

/// Mean of the crop → 1 × 1 convolution → clip to 0..=1 → rows. Magenta has no green, grey has.
fn second_network(classes: usize) -> Vec<u8> {
    let mut graph = Vec::new();
    let mut weights = vec![0.0; classes * 3];
    weights[1] = 1.0 / 16.0;
    let side = u64::from(CROP);
    let window = ints("kernel_shape", &[side, side]);
    field(&mut graph, 1, &node("AveragePool", &["crops"], "mean", &[window]));
    field(&mut graph, 1, &node("Conv", &["mean", "weights"], "map", &[]));
    field(&mut graph, 1, &node("Clip", &["map", "zero", "one"], "clipped", &[]));
    field(&mut graph, 1, &node("Reshape", &["clipped", "shape"], "labels", &[]));
    field(&mut graph, 2, b"second");
    field(&mut graph, 5, &floats("weights", &[classes as u64, 3, 1, 1], &weights));
    field(&mut graph, 5, &floats("zero", &[], &[0.0]));
    field(&mut graph, 5, &floats("one", &[], &[1.0]));
    field(&mut graph, 5, &int64s("shape", &[0, classes as i64]));
    field(&mut graph, 11, &value("crops", &[3, side, side]));
    field(&mut graph, 12, &value("labels", &[classes as u64]));
    model(&graph)
}

/// `ModelProto`: IR version 8, operator set 13.
fn model(graph: &[u8]) -> Vec<u8> {
    let mut opset = Vec::new();
    number(&mut opset, 2, 13);
    let mut model = Vec::new();
    number(&mut model, 1, 8);
    field(&mut model, 7, graph);
    field(&mut model, 8, &opset);
    model
}

/// A network of one node of any operator, known or not: images → output.
pub(crate) fn one_node_network(operator: &str) -> Vec<u8> {
    let mut graph = Vec::new();
    field(&mut graph, 1, &node(operator, &["images"], "output", &[]));
    field(&mut graph, 2, b"one");
    let side = u64::from(SIDE);
    field(&mut graph, 11, &value("images", &[3, side, side]));
    field(&mut graph, 12, &value("output", &[3, side, side]));
    model(&graph)
}

// Protocol buffers by hand: https://protobuf.dev/programming-guides/encoding, field numbers from onnx.proto3.

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value > 0x7F {
        out.push((value & 0x7F) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn number(out: &mut Vec<u8>, tag: u64, value: u64) {
    varint(out, tag << 3);
    varint(out, value);
}

fn field(out: &mut Vec<u8>, tag: u64, bytes: &[u8]) {
    varint(out, tag << 3 | 2);
    varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// `NodeProto`; its one output names it.
fn node(operator: &str, inputs: &[&str], output: &str, attributes: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::new();
    for input in inputs {
        field(&mut out, 1, input.as_bytes());
    }
    field(&mut out, 2, output.as_bytes());
    field(&mut out, 3, output.as_bytes());
    field(&mut out, 4, operator.as_bytes());
    for attribute in attributes {
        field(&mut out, 5, attribute);
    }
    out
}

/// `AttributeProto` of type INT.
fn int(name: &str, value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    field(&mut out, 1, name.as_bytes());
    number(&mut out, 3, value);
    number(&mut out, 20, 2);
    out
}

/// `AttributeProto` of type INTS.
fn ints(name: &str, values: &[u64]) -> Vec<u8> {
    let mut out = Vec::new();
    field(&mut out, 1, name.as_bytes());
    for value in values {
        number(&mut out, 8, *value);
    }
    number(&mut out, 20, 7);
    out
}

fn tensor(name: &str, kind: u64, dims: &[u64], raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for dim in dims {
        number(&mut out, 1, *dim);
    }
    number(&mut out, 2, kind);
    field(&mut out, 8, name.as_bytes());
    field(&mut out, 9, raw);
    out
}

/// `TensorProto` of FLOAT.
fn floats(name: &str, dims: &[u64], values: &[f32]) -> Vec<u8> {
    let raw: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    tensor(name, 1, dims, &raw)
}

/// `TensorProto` of INT64, one-dimensional.
fn int64s(name: &str, values: &[i64]) -> Vec<u8> {
    let raw: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    tensor(name, 7, &[values.len() as u64], &raw)
}

/// A size known only at run time.
const OPEN: u64 = 0;

/// `ValueInfoProto`: a tensor of FLOAT, `[N, sizes…]` with N open.
fn value(name: &str, sizes: &[u64]) -> Vec<u8> {
    let mut shape = Vec::new();
    for (place, size) in [OPEN].iter().chain(sizes).enumerate() {
        let mut dim = Vec::new();
        if *size == OPEN {
            field(&mut dim, 2, format!("N{place}").as_bytes());
        } else {
            number(&mut dim, 1, *size);
        }
        field(&mut shape, 1, &dim);
    }
    let mut tensor_type = Vec::new();
    number(&mut tensor_type, 1, 1);
    field(&mut tensor_type, 2, &shape);
    let mut kind = Vec::new();
    field(&mut kind, 1, &tensor_type);
    let mut out = Vec::new();
    field(&mut out, 1, name.as_bytes());
    field(&mut out, 2, &kind);
    out
}
