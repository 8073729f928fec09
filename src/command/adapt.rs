//! `yunti model export` and `yunti model adapt`: from a site's judged alarms to a model that knows its cameras.
//!
//! Export writes the alarms that guards have closed as COCO, in two folders: to train on, and held back to judge with.
//! Adapt runs the training code of `models/ebike` on them and compares the new model with the old one on the alarms that
//! were held back; nothing is put into use by it. Not here: the training (`models/ebike/train`, Python).

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::Command,
};

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{holds_something, private_folder};
use crate::{
    access::Sites,
    alarm::{AlarmKind, AlarmState},
    base::{NormRect, Size},
    media,
    store::{AlarmFilter, KeptAlarm, Store, StoreError},
};

/// The class of a confirmed alarm's box.
const EBIKE: &str = "ebike";
/// Of so many groups (a camera's alarms of one day) one is held back.
const HELD_BACK_OF: u8 = 4;
const TRAIN: &str = "train";
const HELD_BACK: &str = "held-back";
const ANNOTATIONS: &str = "annotations.json";
const PAGE: usize = 500;
const DAY_MS: i64 = 24 * 3600 * 1000;

/// Why there is no export, or no new model.
#[derive(Debug, thiserror::Error)]
pub enum AdaptError {
    #[error("{0} exists and is not empty: give a new folder")]
    NotEmpty(PathBuf),
    #[error("{path}: {source}")]
    File { path: PathBuf, source: io::Error },
    #[error("{0} has no {TRAIN}/{ANNOTATIONS} and {HELD_BACK}/{ANNOTATIONS}: make it with `yunti model export`")]
    NoExport(PathBuf),
    #[error("{path} is not there: {what}")]
    Missing { path: PathBuf, what: &'static str },
    #[error("{step} failed ({status}): what it printed above says why; started again, training goes on where it was")]
    Step { step: &'static str, status: String },
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("cannot print: {0}")]
    Print(#[from] io::Error),
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> AdaptError + '_ {
    move |source| AdaptError::File { path: path.to_owned(), source }
}

/// What an export holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Exported {
    /// Pictures of confirmed alarms, to train on and held back.
    pub confirmed: [usize; 2],
    /// Pictures of alarms rejected as false, to train on and held back.
    pub rejected: [usize; 2],
    /// Closed alarms whose picture is no longer kept.
    pub without_picture: usize,
}

#[derive(Debug, Default, Serialize)]
struct Coco {
    images: Vec<ImageWire>,
    annotations: Vec<AnnotationWire>,
    categories: Vec<CategoryWire>,
}

#[derive(Debug, Serialize)]
struct ImageWire {
    id: usize,
    file_name: String,
    width: u32,
    height: u32,
}

#[derive(Debug, Serialize)]
struct AnnotationWire {
    id: usize,
    image_id: usize,
    category_id: usize,
    /// Left, top, width, height in pixels.
    bbox: [f32; 4],
    area: f32,
    iscrowd: u8,
}

#[derive(Debug, Serialize)]
struct CategoryWire {
    id: usize,
    name: String,
}

/// Writes the alarms about e-bikes that a person has closed from the data folder `data`, whose server may be running, to
/// the new folder `out`. A confirmed alarm's picture has a box; a rejected one's has none.
///
/// # Errors
/// `out` is not empty; the store or a file cannot be read or written.
pub async fn export(data: &Path, out: &Path) -> Result<Exported, AdaptError> {
    if holds_something(out).map_err(at(out))? {
        return Err(AdaptError::NotEmpty(out.to_owned()));
    }
    if !data.join("yunti.db").is_file() {
        return Err(AdaptError::Missing { path: data.join("yunti.db"), what: "name the data folder of a server" });
    }
    let mut exported = Exported::default();
    let mut parts = [TRAIN, HELD_BACK].map(|name| (out.join(name), Coco::default()));
    for (folder, coco) in &mut parts {
        private_folder(folder).map_err(at(folder))?;
        coco.categories.push(CategoryWire { id: 1, name: EBIKE.to_owned() });
    }
    let store = Store::open_shared(data)?;
    let filter = AlarmFilter {
        states: vec![AlarmState::Resolved, AlarmState::FalseAlarm],
        kinds: vec![AlarmKind::EbikeInLift],
        sites: Sites::All,
        ..AlarmFilter::default()
    };
    let mut cursor = None;
    loop {
        let page = store.alarms(filter.clone(), cursor, PAGE).await?;
        for kept in &page.items {
            let part = usize::from(is_held_back(kept));
            let (folder, coco) = &mut parts[part];
            match add(kept, &data.join("media"), folder, coco)? {
                Some(true) => exported.confirmed[part] += 1,
                Some(false) => exported.rejected[part] += 1,
                None => exported.without_picture += 1,
            }
        }
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    for (folder, coco) in &parts {
        let path = folder.join(ANNOTATIONS);
        let text = serde_json::to_vec_pretty(coco).map_err(io::Error::from).map_err(at(&path))?;
        fs::write(&path, text).map_err(at(&path))?;
    }
    Ok(exported)
}

/// By camera and day, so that pictures of one ride, or of one light, are never on both sides.
fn is_held_back(kept: &KeptAlarm) -> bool {
    let camera = kept.alarm.camera.map(|id| id.to_string()).unwrap_or_default();
    let day = kept.alarm.raised_at.0.div_euclid(DAY_MS);
    let hash = Sha256::digest(format!("{camera}/{day}"));
    hash.first().is_some_and(|byte| byte % HELD_BACK_OF == 0)
}

/// Copies one alarm's picture; whether it shows an e-bike, or nothing when there is no picture of it.
fn add(kept: &KeptAlarm, media_dir: &Path, folder: &Path, coco: &mut Coco) -> Result<Option<bool>, AdaptError> {
    let alarm = &kept.alarm;
    let Some(sighting) = &alarm.sighting else { return Ok(None) };
    let from = media::alarm_picture(media_dir, alarm.id);
    let file_name = format!("{}.jpg", alarm.id);
    let to = folder.join(&file_name);
    match fs::copy(&from, &to) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(AdaptError::File { path: from, source }),
    }
    let (width, height) = image::image_dimensions(&to).map_err(io::Error::other).map_err(at(&to))?;
    let id = coco.images.len() + 1;
    coco.images.push(ImageWire { id, file_name, width, height });
    let confirmed = alarm.state == AlarmState::Resolved;
    if confirmed {
        let (bbox, area) = bbox(sighting.rect, Size { width, height });
        let annotation = coco.annotations.len() + 1;
        coco.annotations.push(AnnotationWire { id: annotation, image_id: id, category_id: 1, bbox, area, iscrowd: 0 });
    }
    Ok(Some(confirmed))
}

fn bbox(rect: NormRect, size: Size) -> ([f32; 4], f32) {
    let r = rect.to_pixels(size);
    let (width, height) = (r.x1 - r.x0, r.y1 - r.y0);
    ([r.x0, r.y0, width, height], width * height)
}

/// How a model is adapted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdaptRequest {
    /// What [`export`] wrote.
    pub export: PathBuf,
    /// `models/ebike`: the training code, the model in use, the clips.
    pub training: PathBuf,
    /// Its Python with everything that `requirements.txt` lists.
    pub python: PathBuf,
    /// `yolox_nano_coco_416.onnx`: the net's plan, and labels of people on real pictures.
    pub base: PathBuf,
    /// Folder of renders, loose or packed: a site's pictures alone would make the net forget everything else.
    pub renders: PathBuf,
    /// The folder of the new model and of the run; a run that was stopped goes on there.
    pub out: PathBuf,
    pub steps: u32,
}

/// Trains on an export, writes the new model's folder and compares it with the model in use on what was held back.
/// `Ok(true)`: it may be taken; `Ok(false)`: it may not, the reasons are printed. The model in use is not touched.
///
/// # Errors
/// Something that is needed is not there, or a step failed.
pub fn adapt(request: &AdaptRequest, out: &mut dyn Write) -> Result<bool, AdaptError> {
    let (train, held_back) = (request.export.join(TRAIN), request.export.join(HELD_BACK));
    if [&train, &held_back].iter().any(|folder| !folder.join(ANNOTATIONS).is_file()) {
        return Err(AdaptError::NoExport(request.export.clone()));
    }
    let needed: [(&Path, &'static str); 4] = [
        (&request.python, "run `make venv` in the training folder, or name a Python by --python"),
        (&request.base, "name the base weights yolox_nano_coco_416.onnx by --base"),
        (&request.renders, "name a folder of renders by --renders"),
        (&request.training.join("train/fit.py"), "name the training folder (models/ebike) by --training"),
    ];
    if let Some((path, what)) = needed.into_iter().find(|(path, _)| !path.exists()) {
        return Err(AdaptError::Missing { path: path.to_owned(), what });
    }
    // The steps run in the training folder.
    let whole = |path: &Path| std::path::absolute(path).map_err(at(path));
    let run = whole(&request.out)?;
    fs::create_dir_all(&run).map_err(at(&run))?;
    let (base, model) = (whole(&request.base)?, run.join("ebike.onnx"));
    let mut manifest = Step::new("writing the manifest", "train.manifest")
        .with("--model", &model)
        .with("--out", run.join("model.toml"));
    // The second look goes on with the new detector as it did with the old.
    let second = request.training.join("second.onnx");
    if second.is_file() {
        let beside = run.join("second.onnx");
        fs::copy(&second, &beside).map_err(at(&second))?;
        manifest = manifest.with("--second", beside);
    }
    let steps = [
        Step::new("training", "train.fit")
            .with("--base", &base)
            .with("--renders", whole(&request.renders)?)
            .with("--coco", whole(&train)?)
            .with("--start", "ebike.onnx")
            .with("--real-share", "0.4")
            .with("--rate", "3e-4")
            // Most pictures are renders, and renders must not change what photographs taught (models/ebike/LOG.md, 7).
            .with("--backbone-rate", "0")
            .with("--steps", request.steps.to_string())
            .with("--out", &run),
        Step::new("writing the model", "train.export")
            .with("--base", &base)
            .with("--weights", run.join("ema.pt"))
            .with("--out", &model),
        manifest,
    ];
    for step in steps {
        writeln!(out, "{} …", step.name)?;
        out.flush()?;
        let status = step.run(request)?;
        if !status.success() {
            return Err(AdaptError::Step { step: step.name, status: status.to_string() });
        }
    }
    let compare = Step::new("comparing", "compare")
        .with("--new", &model)
        .with("--coco", whole(&held_back)?)
        .with("--clips", "clips")
        .with("--json", run.join("compared.json"));
    writeln!(out, "{} …", compare.name)?;
    out.flush()?;
    let status = compare.run(request)?;
    match status.code() {
        Some(0) => {
            writeln!(
                out,
                "better or equal on what was held back: {} may be copied over the model in use",
                run.display()
            )?;
            Ok(true)
        }
        Some(3) => {
            writeln!(out, "not better: keep the model in use; the reasons are above and in compared.json")?;
            Ok(false)
        }
        Some(2) => {
            writeln!(out, "not compared: too little was held back; judge more alarms and export again")?;
            Ok(false)
        }
        _ => Err(AdaptError::Step { step: compare.name, status: status.to_string() }),
    }
}

/// One Python module of the training folder.
struct Step {
    name: &'static str,
    module: &'static str,
    arguments: BTreeMap<&'static str, OsString>,
}

impl Step {
    fn new(name: &'static str, module: &'static str) -> Self {
        Self { name, module, arguments: BTreeMap::new() }
    }

    fn with(mut self, name: &'static str, value: impl Into<OsString>) -> Self {
        self.arguments.insert(name, value.into());
        self
    }

    fn run(&self, request: &AdaptRequest) -> Result<std::process::ExitStatus, AdaptError> {
        let python = std::path::absolute(&request.python).map_err(at(&request.python))?;
        let mut command = Command::new(&python);
        command.current_dir(&request.training).args(["-m", self.module]);
        for (name, value) in &self.arguments {
            command.arg(name).arg(value);
        }
        command.status().map_err(at(&python))
    }
}
