//! The second look's classifier in ONNX Runtime. Not here: which boxes are candidates, crops, scores (`detect::second`).

use ort::{session::Session, value::TensorRef};

use super::{
    super::{EngineOptions, InferError, Manifest, Provider, manifest::SecondModel},
    Runtime,
    session::{Net, check_input, open_session},
};
use crate::{
    detect::{
        Detection, Label,
        decode::{OutputShape, declared_text},
    },
    frame::letterbox::{Letterbox, TensorSpec},
};

/// Crops in one run; a crowd of candidates goes in parts.
const MOST_CROPS: usize = 16;

/// A classifier of one model, on one provider.
pub(super) struct Second {
    model: SecondModel,
    session: Session,
    /// Crops of one run, kept from run to run.
    crops: Vec<f32>,
}

impl Second {
    /// Opens the classifier that the manifest names, if it names one, and lets it see a blank crop.
    pub(super) fn open(
        runtime: &Runtime,
        manifest: &Manifest,
        options: &EngineOptions,
        weights: Option<&[u8]>,
        provider: Provider,
    ) -> Result<Option<Self>, InferError> {
        let (Some(model), Some(weights)) = (&manifest.second, weights) else { return Ok(None) };
        let size = model.look.size;
        let net = Net { name: &manifest.name, input: &model.input, width: size, height: size, fitted: false };
        let session = open_session(runtime, &net, options, weights, provider).map_err(|reason| InferError::Load {
            model: manifest.name.clone(),
            weights: model.weights.clone(),
            reason,
        })?;
        let taken = check_input(&session, &net).and_then(|most| match most {
            1 => {
                Err(format!("`{}` takes one crop at a time; N must be open, candidates come in any number", net.input))
            }
            _ => Ok(()),
        });
        taken.map_err(|problem| InferError::Input {
            model: manifest.name.clone(),
            manifest: manifest.path.clone(),
            table: "second",
            problem: format!("of the second look ({}) {problem}", model.weights.display()),
        })?;
        let mut second = Self { model: model.clone(), session, crops: vec![0.0; model.look.crop_len()] };
        second.opinions(manifest, 1)?;
        Ok(Some(second))
    }

    /// Looks again at the candidates of a run: `tensor` holds its pictures, each on its `canvas`, `seen` what the detector saw in each. What
    /// stays below the threshold goes.
    pub(super) fn look(
        &mut self,
        manifest: &Manifest,
        canvas: &TensorSpec,
        tensor: &[f32],
        letterboxes: &[Letterbox],
        seen: &mut [Vec<Detection>],
    ) -> Result<(), InferError> {
        let look = self.model.look.clone();
        let mut candidates: Vec<(usize, usize)> = Vec::new();
        for (picture, items) in seen.iter_mut().enumerate() {
            let mut kept = 0;
            items.retain(|d| {
                kept += usize::from(d.label == look.candidate);
                d.label != look.candidate || kept <= look.most
            });
            let of = items.iter().enumerate().filter(|(_, d)| d.label == look.candidate);
            candidates.extend(of.map(|(item, _)| (picture, item)));
        }
        let picture_len = canvas.len();
        // All opinions first: a run that fails halfway may be tried again on another provider.
        let mut opinions = Vec::with_capacity(candidates.len());
        for part in candidates.chunks(MOST_CROPS) {
            self.crops.resize(self.crops.len().max(part.len() * look.crop_len()), 0.0);
            for (&(picture, item), crop) in part.iter().zip(self.crops.chunks_exact_mut(look.crop_len())) {
                let slot = &tensor[picture * picture_len..][..picture_len];
                let rect = seen[picture][item].rect;
                look.crop_into(slot, canvas, &letterboxes[picture], rect, crop);
            }
            let (width, some) = self.opinions(manifest, part.len())?;
            opinions.extend(some.chunks_exact(width).map(<[f32]>::to_vec));
        }
        for ((picture, item), opinion) in candidates.into_iter().zip(opinions) {
            look.combine(&mut seen[picture][item], &manifest.classes, &opinion);
        }
        for items in seen {
            items.retain(|d| d.label != look.candidate || d.score >= manifest.thresholds.score);
            items.sort_by(|a, b| b.score.total_cmp(&a.score));
        }
        Ok(())
    }

    /// The classifier's probabilities of the first `count` crops, and how many each has.
    fn opinions(&mut self, manifest: &Manifest, count: usize) -> Result<(usize, Vec<f32>), InferError> {
        let failed =
            |reason: String| InferError::Run { model: manifest.name.clone(), reason: format!("second look: {reason}") };
        let (size, length) = (self.model.look.size, self.model.look.crop_len());
        let input = TensorRef::from_array_view(([count, 3, size, size], &self.crops[..count * length]))
            .map_err(|e| failed(e.message().to_owned()))?;
        let outputs = self.session.run(ort::inputs![input]).map_err(|e| failed(e.message().to_owned()))?;
        let name = outputs.keys().next().unwrap_or("(none)");
        let shape_error = |actual: String| {
            let classes: Vec<&str> = manifest.classes.iter().map(Label::as_str).collect();
            InferError::Output {
                model: manifest.name.clone(),
                manifest: manifest.path.clone(),
                shape: Box::new(OutputShape {
                    name: name.to_owned(),
                    actual,
                    expected: format!("[N,{} or more]", classes.len()),
                    why: format!("[second], probabilities of {} first", classes.join(", ")),
                }),
            }
        };
        let first = outputs.get(name).and_then(|value| value.try_extract_tensor::<f32>().ok());
        let Some((shape, data)) = first else { return Err(shape_error("no floats".to_owned())) };
        let shape: Vec<usize> = shape.iter().map(|d| usize::try_from(*d).unwrap_or(0)).collect();
        match shape[..] {
            [n, width] if n == count && width >= manifest.classes.len() => Ok((width, data.to_vec())),
            _ => Err(shape_error(declared_text(&shape.iter().map(|d| Some(*d)).collect::<Vec<_>>()))),
        }
    }
}
