//! A vehicle where it must not be: suspicion, confirmation, stay, clearing. Not here: schedules, what follows.
//!
//! * A *candidate* is a track seen in this frame, inside the zone, whose target score and lead over its rivals
//!   reach the settings' marks. Rivals are the track's own other labels and the labels of other tracks whose
//!   boxes lie nearly on the same spot (one object followed twice).
//! * A *stay* is the car's, not the track's: it lasts while any candidate is there and passes from track to
//!   track (occlusion, a switch of ids, a second e-bike). One stay is one alarm, and what a person has called
//!   false does not stop the lift again under a new number. The price: an e-bike that joins a stay called
//!   false raises no second alarm before the car was clear once.
//! * What a stay follows is *certain* once `need` frames of one window showed it at the higher mark that holding a lift
//!   asks for, and from then on. What takes the stay over from another place earns that anew: a wheelchair that comes
//!   in as the e-bike goes out may keep the alarm, but not the lift.
//! * For a track that takes a stay over from another place the marks are those of confirmation; for the stay's
//!   own track, or one on its spot, the lower ones of hysteresis.

use std::collections::VecDeque;

use super::{
    FindingKind, Sighting,
    settings::{RuleSettings, VehicleSettings},
};
use crate::{
    base::{Mono, NormRect, TrackId},
    track::{Scene, Track},
};

/// Two boxes that overlap so much (IoU) are the same thing under two tracks.
const SAME_SPOT: f32 = 0.5;
/// Boxes of one thing in two frames overlap at least so much (IoU), whatever their tracks' numbers.
const SAME_THING: f32 = 0.3;

#[derive(Debug, Clone)]
struct Stay {
    track: TrackId,
    rect: NormRect,
    /// Capture time of the last frame that showed it.
    last: Mono,
    certain: bool,
}

/// Where a candidate was in a frame of the window, and how surely.
#[derive(Debug, Clone)]
struct Hit {
    track: TrackId,
    rect: NormRect,
    score: f32,
}

/// One camera's memory.
#[derive(Debug, Default)]
pub(super) struct Vehicle {
    /// Candidates of the last analysed frames, oldest first.
    window: VecDeque<Vec<Hit>>,
    last_frame: Option<Mono>,
    stay: Option<Stay>,
    suspected: Option<Mono>,
}

impl Vehicle {
    pub(super) fn step(&mut self, scene: &Scene, rule: &RuleSettings, set: &VehicleSettings) -> Vec<FindingKind> {
        let at = scene.stamps.captured;
        let mut found = Vec::new();
        // Hits from before a gap say nothing about now.
        if self.last_frame.is_some_and(|last| at.since(last) > set.clear_after) {
            self.window.clear();
            found.extend(self.pass(at, set));
        }
        self.last_frame = Some(at);

        let inside =
            |track: &&Track| track.seen && rule.zone.as_ref().is_none_or(|zone| rule.inside.holds(&track.rect, zone));
        let mut suspicion = false;
        let mut sure: Vec<Sighting> = Vec::new();
        let mut kept: Vec<Sighting> = Vec::new();
        for track in scene.tracks.iter().filter(inside) {
            let Some(sighting) = sighting(track, set) else { continue };
            suspicion |= sighting.score >= set.suspect_score;
            let lead = sighting.score - rival_score(track, scene, set);
            if sighting.score >= set.min_score && lead >= set.margin {
                sure.push(sighting);
            } else if sighting.score >= set.keep_score && lead >= set.margin / 2.0 {
                kept.push(sighting);
            }
        }
        if suspicion && self.suspected.replace(at).is_none() {
            found.push(FindingKind::Suspected);
        }
        self.window.push_back(sure.iter().map(|s| Hit { track: s.track, rect: s.rect, score: s.score }).collect());
        while self.window.len() > set.of {
            self.window.pop_front();
        }

        if let Some(stay) = &self.stay {
            let own = |s: &Sighting| s.track == stay.track;
            let on_its_spot = |s: &Sighting| s.rect.iou(&stay.rect) >= SAME_THING;
            let same = best(sure.iter().chain(&kept).filter(|s| own(s)))
                .or_else(|| best(sure.iter().chain(&kept).filter(|s| on_its_spot(s))));
            if let Some(sighting) = same.or_else(|| best(sure.iter())) {
                let certain = (same.is_some() && stay.certain) || self.is_certain(sighting, set);
                self.stay = Some(Stay { track: sighting.track, rect: sighting.rect, last: at, certain });
                found.push(FindingKind::Present(Sighting { certain, ..sighting.clone() }));
            }
        } else if let Some(sighting) = best(sure.iter().filter(|s| self.hits(s, set.min_score) >= set.need)) {
            let certain = self.is_certain(sighting, set);
            self.stay = Some(Stay { track: sighting.track, rect: sighting.rect, last: at, certain });
            found.push(FindingKind::Confirmed(Sighting { certain, ..sighting.clone() }));
        }
        found.extend(self.pass(at, set));
        found
    }

    fn is_certain(&self, s: &Sighting, set: &VehicleSettings) -> bool {
        self.hits(s, set.hold_score) >= set.need
    }

    /// In how many frames of the window the same thing was a candidate of at least this score.
    fn hits(&self, s: &Sighting, least: f32) -> usize {
        let shows = |frame: &&Vec<Hit>| {
            frame.iter().any(|h| h.score >= least && (h.track == s.track || h.rect.iou(&s.rect) >= SAME_THING))
        };
        self.window.iter().filter(shows).count()
    }

    /// Lets time pass: ends a stay and a suspicion that nothing has renewed.
    pub(super) fn pass(&mut self, now: Mono, set: &VehicleSettings) -> Vec<FindingKind> {
        let mut found = Vec::new();
        if let Some(stay) = self.stay.take_if(|stay| now.since(stay.last) >= set.clear_after) {
            self.window.clear();
            found.push(FindingKind::Cleared { track: stay.track });
        }
        if self.stay.is_none() && self.suspected.take_if(|last| now.since(*last) >= set.clear_after).is_some() {
            found.push(FindingKind::Calm);
        }
        found
    }

    /// Ends everything: the rule is off now.
    pub(super) fn end(&mut self) -> Vec<FindingKind> {
        let old = std::mem::take(self);
        let cleared = old.stay.map(|stay| FindingKind::Cleared { track: stay.track });
        cleared.into_iter().chain(old.suspected.map(|_| FindingKind::Calm)).collect()
    }
}

/// The track as its best target label shows it.
fn sighting(track: &Track, set: &VehicleSettings) -> Option<Sighting> {
    let (label, score) =
        track.evidence.iter().filter(|(label, _)| set.targets.contains(label)).max_by(|a, b| a.1.total_cmp(&b.1))?;
    Some(Sighting { track: track.id, label: label.clone(), score: *score, rect: track.rect, certain: false })
}

/// The best rival's score: of this track, and of others on the same spot.
fn rival_score(track: &Track, scene: &Scene, set: &VehicleSettings) -> f32 {
    scene
        .tracks
        .iter()
        .filter(|other| other.id == track.id || other.rect.iou(&track.rect) >= SAME_SPOT)
        .flat_map(|other| &other.evidence)
        .filter(|(label, _)| set.rivals.contains(label))
        .map(|(_, score)| *score)
        .fold(0.0, f32::max)
}

fn best<'a>(sightings: impl Iterator<Item = &'a Sighting>) -> Option<&'a Sighting> {
    sightings.max_by(|a, b| a.score.total_cmp(&b.score))
}
