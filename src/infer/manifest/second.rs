//! `[second]` of a manifest: the classifier of a second look. Not here: running it.

use std::path::PathBuf;

use serde::Deserialize;
use toml::Spanned;

use super::{FamilyWire, ManifestError, Text, ThresholdsWire, weights_file};
use crate::detect::{Label, second::SecondLook};

/// `[second]` of a manifest: the classifier of a second look.
#[derive(Debug, Clone, PartialEq)]
pub struct SecondModel {
    /// Its weights file, inside the model's folder.
    pub weights: PathBuf,
    /// Of the weights file, 64 lower-case hexadecimal digits.
    pub sha256: String,
    /// Name of its one input, f32 `[N,3,size,size]`.
    pub input: String,
    pub look: SecondLook,
    /// Line of `[second] path`, for messages.
    pub(super) line: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SecondWire {
    path: Spanned<String>,
    sha256: Spanned<String>,
    input: String,
    size: Spanned<usize>,
    margin: Spanned<f32>,
    candidate: Spanned<String>,
    floor: Spanned<f32>,
    weight: Spanned<f32>,
    #[serde(default = "six")]
    most: Spanned<usize>,
}

fn six() -> Spanned<usize> {
    Spanned::new(0..0, 6)
}

/// Checks the table against the rest of its manifest.
pub(super) fn checked(
    text: &Text<'_>,
    wire: &SecondWire,
    family: FamilyWire,
    classes: &[Label],
    thresholds: &ThresholdsWire,
) -> Result<SecondModel, ManifestError> {
    let (weights, sha256) = weights_file(text, ["second.path", "second.sha256"], &wire.path, &wire.sha256)?;
    text.check(matches!(family, FamilyWire::Yolox | FamilyWire::Yolov8), "second.path", &wire.path, || {
        "belongs to families yolox and yolov8 only: leave [second] out".to_owned()
    })?;
    let candidate = classes.iter().find(|c| c.as_str() == wire.candidate.get_ref()).cloned();
    text.check(candidate.is_some(), "second.candidate", &wire.candidate, || {
        "must be one of output.classes".to_owned()
    })?;
    let size = *wire.size.get_ref();
    text.check((16..=1024).contains(&size), "second.size", &wire.size, || "must lie between 16 and 1024".to_owned())?;
    let margin = *wire.margin.get_ref();
    text.check((1.0..=4.0).contains(&margin), "second.margin", &wire.margin, || "must lie between 1 and 4".to_owned())?;
    let floor = *wire.floor.get_ref();
    text.check(floor > 0.0 && floor <= *thresholds.score.get_ref(), "second.floor", &wire.floor, || {
        "must be above 0 and at most thresholds.score: below it nothing is a candidate".to_owned()
    })?;
    let weight = *wire.weight.get_ref();
    text.check(weight > 0.0 && weight < 1.0, "second.weight", &wire.weight, || "must lie between 0 and 1".to_owned())?;
    let most = *wire.most.get_ref();
    text.check((1..=64).contains(&most), "second.most", &wire.most, || "must lie between 1 and 64".to_owned())?;
    Ok(SecondModel {
        weights,
        sha256,
        input: wire.input.clone(),
        look: SecondLook {
            candidate: candidate.unwrap_or_else(|| Label::new(wire.candidate.get_ref())),
            floor,
            weight,
            most,
            size,
            margin,
        },
        line: text.line(&wire.path.span()),
    })
}
