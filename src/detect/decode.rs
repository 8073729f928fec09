//! Output families: from a model's output tensors to [`Detection`]s. Not here: running the model.
//!
//! * `yolox`: one output `[N, A, 5 + C]`; per anchor x, y, w, h, objectness, class scores (both already sigmoid);
//!   centre = (xy + cell) · stride, size = exp(wh) · stride, strides 8, 16, 32 one after another
//!   (Megvii YOLOX, `yolox/models/yolo_head.py`, `decode_outputs`).
//! * `yolov8`: one output `[N, 4 + C, A]` (or its transpose `[N, A, 4 + C]`): centre x, centre y, width, height in the
//!   model's pixels, class scores (Ultralytics' export of v8, v9, v11 and others of that shape).
//! * `yunet`: outputs `cls_s`, `obj_s`, `bbox_s`, `kps_s` for s in 8, 16, 32; score = √(cls · obj), centre =
//!   (offset + cell) · s, size = exp · s, landmarks = (offset + cell) · s (`libfacedetection.train`, `OpenCV` `face_detect.cpp`).
//!
//! Whatever numbers a model gives, NaN and infinity included: no panic, and only boxes with area, inside the picture.

use std::fmt;

use crate::frame::letterbox::{Letterbox, TensorSpec};

use super::{
    Detection, Label,
    nms::{self, Candidate},
};

/// Other classes of the same anchor that a [`Detection`] keeps.
const RIVALS: usize = 4;
/// Below this a rival is noise.
const RIVAL_SCORE: f32 = 0.01;
const STRIDES: [usize; 3] = [8, 16, 32];
/// exp of more than this is larger than any picture.
const MAX_LOG_SIZE: f32 = 10.0;

/// How a model's outputs are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    Yolox,
    Yolov8,
    Yunet,
    /// A vector per picture: no detections.
    Embedding,
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Yolox => "yolox",
            Self::Yolov8 => "yolov8",
            Self::Yunet => "yunet",
            Self::Embedding => "embedding",
        })
    }
}

/// What counts as seen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Thresholds {
    /// Least score, 0..=1.
    pub score: f32,
    /// Boxes of one class that overlap more than this are one object, 0..=1.
    pub nms_iou: f32,
}

/// One output tensor of a batch.
#[derive(Debug, Clone, Copy)]
pub struct Output<'a> {
    pub name: &'a str,
    /// Batch first.
    pub shape: &'a [usize],
    pub data: &'a [f32],
}

/// An output whose shape is not what the manifest promises.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("output `{name}` has the shape {actual}, the manifest ({why}) needs {expected}")]
pub struct OutputShape {
    pub name: String,
    pub actual: String,
    pub expected: String,
    pub why: String,
}

/// An output's name (`None`: the first, whatever it is called) and the shapes it may have, without the batch.
type Expected = (Option<String>, Vec<Vec<usize>>);

/// Reads a model's outputs.
#[derive(Debug, Clone)]
pub struct Decoder {
    family: Family,
    classes: Vec<Label>,
    width: usize,
    height: usize,
    thresholds: Thresholds,
    /// Least score of each class; `thresholds.score` but for a class that is looked at again.
    least: Vec<f32>,
}

impl Decoder {
    /// For a model of `family` that takes pictures of `width` × `height` and knows `classes`.
    #[must_use]
    pub fn new(family: Family, classes: Vec<Label>, width: usize, height: usize, thresholds: Thresholds) -> Self {
        let least = vec![thresholds.score; classes.len()];
        Self { family, classes, width, height, thresholds, least }
    }

    /// Lets boxes of one class through from another score on (of `yolox` and `yolov8`): its candidates for a second look.
    #[must_use]
    pub fn with_floor(mut self, class: &Label, floor: f32) -> Self {
        for (least, _) in self.least.iter_mut().zip(&self.classes).filter(|(_, c)| *c == class) {
            *least = floor;
        }
        self
    }

    /// Checks the shapes a model declares against the family, before anything runs. `None` stands for a size known
    /// only at run time.
    ///
    /// # Errors
    /// An output is missing or has another shape.
    pub fn check(&self, outputs: &[(String, Vec<Option<usize>>)]) -> Result<(), OutputShape> {
        let fits = |actual: &[Option<usize>], expected: &[usize]| {
            actual.len() == expected.len() + 1
                && actual[1..].iter().zip(expected).all(|(a, e)| a.is_none_or(|a| a == *e))
        };
        let (rows, named) = self.expected(self.width, self.height);
        for (name, wanted) in named {
            let found = match &name {
                Some(name) => outputs.iter().find(|(n, _)| n == name),
                None => outputs.first(),
            };
            let wrong = |actual: String| OutputShape {
                name: name.clone().unwrap_or_else(|| outputs.first().map_or("(none)", |(n, _)| n).to_owned()),
                actual,
                expected: wanted.iter().map(|w| shape_text(w)).collect::<Vec<_>>().join(" or "),
                why: rows.clone(),
            };
            let Some((_, actual)) = found else { return Err(wrong("missing".to_owned())) };
            // An output of unknown rank is judged when it has run.
            if !actual.is_empty() && !wanted.iter().any(|w| fits(actual, w)) {
                return Err(wrong(declared_text(actual)));
            }
        }
        Ok(())
    }

    /// What the outputs for a canvas must look like, and why.
    fn expected(&self, width: usize, height: usize) -> (String, Vec<Expected>) {
        let classes = self.classes.len();
        let why = format!("family {}, input {width}×{height}, {classes} classes", self.family);
        let anchors: usize = STRIDES.iter().map(|s| (width / s) * (height / s)).sum();
        let named = match self.family {
            Family::Yolox => vec![(None, vec![vec![anchors, 5 + classes]])],
            Family::Yolov8 => vec![(None, vec![vec![4 + classes, anchors], vec![anchors, 4 + classes]])],
            Family::Yunet => STRIDES
                .iter()
                .flat_map(|s| {
                    let cells = (width / s) * (height / s);
                    [("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10)]
                        .map(|(kind, n)| (Some(format!("{kind}_{s}")), vec![vec![cells, n]]))
                })
                .collect(),
            Family::Embedding => Vec::new(),
        };
        (why, named)
    }

    /// The detections of picture `index` of the batch, best first, in fractions of its native picture. `canvas` is what the
    /// network was given: the whole of what the manifest says or a fitted part of it.
    ///
    /// # Errors
    /// An output is missing or has another shape than the family needs.
    pub fn decode(
        &self,
        outputs: &[Output<'_>],
        index: usize,
        canvas: &TensorSpec,
        letterbox: &Letterbox,
    ) -> Result<Vec<Detection>, OutputShape> {
        match self.family {
            Family::Yolox => {
                let data = self.slot(outputs, None, index, canvas)?.1;
                Ok(self.yolox(data, canvas, letterbox))
            }
            Family::Yolov8 => {
                let (shape, data) = self.slot(outputs, None, index, canvas)?;
                let columns = shape[0] == 4 + self.classes.len();
                Ok(self.yolov8(data, columns, letterbox))
            }
            Family::Yunet => self.yunet(outputs, index, canvas, letterbox),
            Family::Embedding => Ok(Vec::new()),
        }
    }

    /// One picture's part of an output, its shape checked.
    fn slot<'a>(
        &self,
        outputs: &[Output<'a>],
        name: Option<&str>,
        index: usize,
        canvas: &TensorSpec,
    ) -> Result<(&'a [usize], &'a [f32]), OutputShape> {
        let found = match name {
            Some(name) => outputs.iter().find(|o| o.name == name),
            None => outputs.first(),
        };
        let (why, named) = self.expected(canvas.width, canvas.height);
        let wanted =
            named.into_iter().find(|(n, _)| n.as_deref() == name).map(|(_, wanted)| wanted).unwrap_or_default();
        let wrong = |actual: String| OutputShape {
            name: name.or(found.map(|o| o.name)).unwrap_or("(none)").to_owned(),
            actual,
            expected: wanted.iter().map(|w| shape_text(w)).collect::<Vec<_>>().join(" or "),
            why: why.clone(),
        };
        let Some(output) = found else { return Err(wrong("missing".to_owned())) };
        let actual = || declared_text(&output.shape.iter().map(|d| Some(*d)).collect::<Vec<_>>());
        let Some((_, shape)) = output.shape.split_first() else { return Err(wrong(actual())) };
        if !wanted.iter().any(|w| w == shape) {
            return Err(wrong(actual()));
        }
        let length: usize = shape.iter().product();
        let data = output.data.get(index * length..(index + 1) * length).ok_or_else(|| wrong(actual()))?;
        Ok((shape, data))
    }

    fn yolox(&self, data: &[f32], canvas: &TensorSpec, letterbox: &Letterbox) -> Vec<Detection> {
        let row = 5 + self.classes.len();
        let lowest = self.least.iter().copied().fold(1.0, f32::min);
        let mut candidates = Vec::new();
        for (anchor, values) in data.chunks_exact(row).enumerate() {
            // A score is objectness times class, and a class is at most 1. NaN fails this comparison.
            if values[4] >= lowest
                && let Some((class, best)) = best(&values[5..])
                && values[4] * best >= self.least[class]
                && let Some([column, line, stride]) = cell(anchor, canvas)
            {
                let corners = around(values, column, line, stride);
                candidates.extend(Candidate::new(class, values[4] * best, corners, anchor));
            }
        }
        let score = |anchor: usize, class: usize| data[anchor * row + 4] * data[anchor * row + 5 + class];
        self.finish(candidates, letterbox, score)
    }

    fn yolov8(&self, data: &[f32], columns: bool, letterbox: &Letterbox) -> Vec<Detection> {
        let (classes, row) = (self.classes.len(), 4 + self.classes.len());
        let anchors = data.len() / row;
        let at = |anchor: usize, i: usize| if columns { data[i * anchors + anchor] } else { data[anchor * row + i] };
        let mut tops = vec![(0, f32::MIN); anchors];
        if columns {
            // Class by class, so that memory is read in its order.
            for class in 0..classes {
                for (top, &score) in tops.iter_mut().zip(&data[(4 + class) * anchors..][..anchors]) {
                    if score > top.1 {
                        *top = (class, score);
                    }
                }
            }
        } else {
            for (top, values) in tops.iter_mut().zip(data.chunks_exact(row)) {
                *top = best(&values[4..]).unwrap_or(*top);
            }
        }
        let candidates = tops.iter().enumerate().filter(|(_, top)| top.1 >= self.least[top.0]).filter_map(
            |(anchor, &(class, score))| {
                let [x, y, w, h] = std::array::from_fn(|i| at(anchor, i));
                let corners = [x - w / 2.0, y - h / 2.0, x + w / 2.0, y + h / 2.0];
                Candidate::new(class, score, corners, anchor)
            },
        );
        let candidates = candidates.collect();
        self.finish(candidates, letterbox, |anchor, class| at(anchor, 4 + class))
    }

    fn yunet(
        &self,
        outputs: &[Output<'_>],
        index: usize,
        canvas: &TensorSpec,
        letterbox: &Letterbox,
    ) -> Result<Vec<Detection>, OutputShape> {
        let mut candidates = Vec::new();
        let mut landmarks = Vec::new();
        for stride in STRIDES {
            let slot =
                |kind: &str| self.slot(outputs, Some(&format!("{kind}_{stride}")), index, canvas).map(|(_, data)| data);
            let (cls, obj, boxes, points) = (slot("cls")?, slot("obj")?, slot("bbox")?, slot("kps")?);
            let (columns, size) = ((canvas.width / stride).max(1), small(stride));
            for (i, (cls, obj)) in cls.iter().zip(obj).enumerate() {
                let score = (cls.clamp(0.0, 1.0) * obj.clamp(0.0, 1.0)).sqrt();
                if score >= self.thresholds.score {
                    let (column, row) = (small(i % columns), small(i / columns));
                    let corners = around(&boxes[4 * i..4 * i + 4], column, row, size);
                    if let Some(candidate) = Candidate::new(0, score, corners, landmarks.len()) {
                        candidates.push(candidate);
                        let points = &points[10 * i..10 * i + 10];
                        landmarks.push(std::array::from_fn::<_, 5, _>(|p| {
                            ((points[2 * p] + column) * size, (points[2 * p + 1] + row) * size)
                        }));
                    }
                }
            }
        }
        let label = self.classes.first().cloned().unwrap_or_else(|| Label::new("face"));
        let found = nms::suppress(candidates, self.thresholds.nms_iou);
        Ok(found
            .into_iter()
            .map(|c| Detection {
                label: label.clone(),
                score: c.score,
                rect: letterbox.rect(c.corners),
                rivals: Vec::new(),
                landmarks: landmarks
                    .get(c.anchor)
                    .filter(|points| points.iter().all(|(x, y)| x.is_finite() && y.is_finite()))
                    .map(|points| points.map(|(x, y)| letterbox.point(x, y))),
            })
            .filter(|d| d.rect.area() > 0.0)
            .collect())
    }

    /// Suppression, rivals, and the way back to the picture.
    fn finish(
        &self,
        candidates: Vec<Candidate>,
        letterbox: &Letterbox,
        score: impl Fn(usize, usize) -> f32,
    ) -> Vec<Detection> {
        let found = nms::suppress(candidates, self.thresholds.nms_iou);
        found
            .into_iter()
            .filter_map(|c| {
                let rect = letterbox.rect(c.corners);
                let label = self.classes.get(c.class)?.clone();
                let mut rivals: Vec<(usize, f32)> = (0..self.classes.len())
                    .filter(|class| *class != c.class)
                    .map(|class| (class, score(c.anchor, class)))
                    .filter(|(_, score)| score.is_finite() && *score >= RIVAL_SCORE)
                    .map(|(class, score)| (class, score.min(1.0)))
                    .collect();
                rivals.sort_unstable_by(|a, b| b.1.total_cmp(&a.1));
                rivals.truncate(RIVALS);
                let rivals = rivals.into_iter().map(|(class, score)| (self.classes[class].clone(), score)).collect();
                (rect.area() > 0.0).then_some(Detection { label, score: c.score, rect, rivals, landmarks: None })
            })
            .collect()
    }
}

/// Index and value of the largest number; NaN never wins.
fn best(values: &[f32]) -> Option<(usize, f32)> {
    values.iter().copied().enumerate().filter(|(_, v)| !v.is_nan()).max_by(|a, b| a.1.total_cmp(&b.1))
}

/// Corners from offsets to a cell and logarithms of the size, all in strides.
fn around(values: &[f32], column: f32, row: f32, stride: f32) -> [f32; 4] {
    let (x, y) = ((values[0] + column) * stride, (values[1] + row) * stride);
    let half = |v: f32| v.min(MAX_LOG_SIZE).exp() * stride / 2.0;
    let (w, h) = (half(values[2]), half(values[3]));
    [x - w, y - h, x + w, y + h]
}

/// Column, row and stride of an anchor: strides one after another, each row by row.
fn cell(anchor: usize, canvas: &TensorSpec) -> Option<[f32; 3]> {
    let mut before = 0;
    STRIDES.into_iter().find_map(|stride| {
        let (columns, rows) = (canvas.width / stride, canvas.height / stride);
        let within = anchor.checked_sub(before)?;
        before += columns * rows;
        (anchor < before).then(|| [small(within % columns), small(within / columns), small(stride)])
    })
}

#[expect(clippy::cast_precision_loss, reason = "cells and strides are far below 2^24")]
fn small(n: usize) -> f32 {
    n as f32
}

fn shape_text(shape: &[usize]) -> String {
    declared_text(&std::iter::once(None).chain(shape.iter().map(|d| Some(*d))).collect::<Vec<_>>())
}

/// `[N,3549,85]`: what is open is written N.
#[must_use]
pub fn declared_text(shape: &[Option<usize>]) -> String {
    let sizes: Vec<String> = shape.iter().map(|d| d.map_or_else(|| "N".to_owned(), |d| d.to_string())).collect();
    format!("[{}]", sizes.join(","))
}

#[cfg(test)]
mod tests;
