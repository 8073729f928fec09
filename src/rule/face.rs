//! Faces at a gate: each track is found once, when it is large and sure enough. Not here: whose face it is.

use std::collections::HashMap;

use super::{
    FindingKind, Sighting,
    settings::{FaceSettings, RuleSettings},
};
use crate::{
    base::{Mono, TrackId},
    track::Scene,
};

/// A gate calms down this long after the last face.
const CALM_AFTER: std::time::Duration = std::time::Duration::from_secs(3);

#[derive(Debug, Clone, Copy)]
enum Known {
    Good(usize),
    Found,
}

/// One camera's memory: bounded by the tracks of its scene.
#[derive(Debug, Default)]
pub(super) struct Faces {
    tracks: HashMap<TrackId, Known>,
    suspected: Option<Mono>,
}

impl Faces {
    #[expect(clippy::cast_precision_loss, reason = "picture sides are far below 2^24")]
    pub(super) fn step(&mut self, scene: &Scene, rule: &RuleSettings, set: &FaceSettings) -> Vec<FindingKind> {
        let mut found = Vec::new();
        self.tracks.retain(|id, _| scene.tracks.iter().any(|track| track.id == *id));
        let width = scene.size.width as f32;
        let faces = scene.tracks.iter().filter(|track| {
            track.seen
                && track.label == set.label
                && rule.zone.as_ref().is_none_or(|zone| rule.inside.holds(&track.rect, zone))
        });
        for track in faces {
            if self.suspected.replace(scene.stamps.captured).is_none() {
                found.push(FindingKind::Suspected);
            }
            if track.score < set.min_score || track.rect.width() * width < set.min_width_px {
                continue;
            }
            let known = self.tracks.entry(track.id).or_insert(Known::Good(0));
            if let Known::Good(frames) = known {
                *frames += 1;
                if *frames >= set.need {
                    *known = Known::Found;
                    found.push(FindingKind::Face(Sighting {
                        track: track.id,
                        label: track.label.clone(),
                        score: track.score,
                        rect: track.rect,
                        certain: false,
                    }));
                }
            }
        }
        found.extend(self.pass(scene.stamps.captured));
        found
    }

    pub(super) fn pass(&mut self, now: Mono) -> Vec<FindingKind> {
        let calm = self.suspected.take_if(|last| now.since(*last) >= CALM_AFTER);
        calm.map(|_| FindingKind::Calm).into_iter().collect()
    }

    pub(super) fn end(&mut self) -> Vec<FindingKind> {
        std::mem::take(self).suspected.map(|_| FindingKind::Calm).into_iter().collect()
    }
}
