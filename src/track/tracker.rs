//! The tracker: ByteTrack's two rounds (Zhang et al. 2022) and a third for slow frame rates, over seconds
//! instead of frames. Not here: motion, assignment, what a track means.
//!
//! A class is evidence, not a gate: a box that flickers between `ebike` and `bicycle` stays one track whose
//! evidence holds both. A label the track has never shown only makes a pair less likely.

use std::time::Duration;

use super::{Scene, Track, assign::assign, motion::Motion};
use crate::{
    base::{CameraId, Mono, NormPoint, NormRect, TrackId},
    detect::{Detection, Detections, Label},
};

/// The tracker's limits; scores are 0..=1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrackerSettings {
    /// Detections from this score on take part in the first round.
    pub high: f32,
    /// Detections from this score on may begin a track.
    pub start: f32,
    /// How long a track lives on without being seen.
    pub coast: Duration,
    /// The same for a track seen only once.
    pub coast_new: Duration,
    /// Time constant of the evidence's smoothing.
    pub memory: Duration,
    /// The most tracks of one camera.
    pub most_tracks: usize,
    /// The most detections of one frame; the surest are taken.
    pub most_detections: usize,
}

impl Default for TrackerSettings {
    fn default() -> Self {
        Self {
            high: 0.5,
            start: 0.3,
            coast: Duration::from_secs(2),
            coast_new: Duration::from_secs(1),
            memory: Duration::from_millis(500),
            most_tracks: 64,
            most_detections: 128,
        }
    }
}

/// Least IoU × affinity of a pair in the first round: 0.25 for a label known to the track, 0.5 for a foreign one.
const FIRST_ROUND: f32 = 0.25;
/// The same in the second round, where detections are doubtful.
const SECOND_ROUND: f32 = 0.4;
/// Least IoU × affinity of widened boxes in the third round (C-BIoU, Yang et al. 2023).
const THIRD_ROUND: f32 = 0.1;
/// How much of its sides a box is widened by in the third round, on each side, per second without it; at most 1.
const WIDEN_PER_S: f32 = 1.0;
/// What a label that a track never showed makes of the IoU.
const FOREIGN: f32 = 0.5;
/// Two detections of one frame that overlap more are one object under two names.
const SAME_OBJECT: f32 = 0.8;
/// The most labels a track remembers.
const LABELS: usize = 8;

/// Follows the objects of one camera.
#[derive(Debug)]
pub struct Tracker {
    camera: CameraId,
    settings: TrackerSettings,
    next: TrackId,
    last: Option<Mono>,
    tracks: Vec<Followed>,
}

#[derive(Debug)]
struct Followed {
    id: TrackId,
    motion: Motion,
    /// Decayed sum of scores per label, and the decayed number of sightings they are out of.
    sums: Vec<(Label, f32)>,
    weight: f32,
    score: f32,
    sightings: u32,
    seen: bool,
    first_seen: Mono,
    last_seen: Mono,
    landmarks: Option<[NormPoint; 5]>,
}

impl Tracker {
    /// A tracker whose first track gets the number `first`: one that follows another for the same camera goes
    /// on where [`Tracker::next_id`] was, so that numbers are never reused.
    pub fn new(camera: CameraId, settings: TrackerSettings, first: TrackId) -> Self {
        Self { camera, settings, next: first, last: None, tracks: Vec::new() }
    }

    /// The number that the next new track will get.
    pub fn next_id(&self) -> TrackId {
        self.next
    }

    /// Takes in one frame's detections. Frames must come in the order of their capture; one that does not is
    /// answered with the tracks as they are, none of them seen.
    pub fn step(&mut self, detections: Detections) -> Scene {
        let Detections { seq, size, stamps, items, .. } = detections;
        let now = stamps.captured;
        if self.last.is_some_and(|last| now <= last) {
            for track in &mut self.tracks {
                track.seen = false;
            }
        } else {
            let dt = self.last.map_or(0.0, |last| now.since(last).as_secs_f32());
            self.last = Some(now);
            self.forward(items, now, dt);
        }
        let tracks = self.tracks.iter().map(Followed::track).collect();
        Scene { camera: self.camera, seq, size, stamps, tracks }
    }

    fn forward(&mut self, mut items: Vec<Detection>, now: Mono, dt: f32) {
        let settings = self.settings;
        // After a long gap nothing can be told to be the same.
        self.tracks.retain(|track| now.since(track.last_seen) <= 3 * settings.coast);
        let unseen_s: Vec<f32> = self.tracks.iter().map(|track| now.since(track.last_seen).as_secs_f32()).collect();
        for track in &mut self.tracks {
            track.motion.predict(dt, !track.seen);
            track.seen = false;
            track.landmarks = None;
        }

        items.retain(|item| is_sound(&item.rect) && item.score.is_finite());
        items.sort_by(|a, b| b.score.total_cmp(&a.score));
        items.truncate(settings.most_detections);
        let mut items: Vec<Option<Detection>> = items.into_iter().map(Some).collect();
        let decay = (-dt / settings.memory.as_secs_f32()).exp();

        let high = |item: &Detection| item.score >= settings.high;
        self.round(&mut items, now, decay, high, |track, item, _| {
            let gain = track.motion.rect().iou(&item.rect) * track.affinity(item);
            (gain >= FIRST_ROUND).then_some(gain)
        });
        self.round(
            &mut items,
            now,
            decay,
            |_| true,
            |track, item, _| {
                let gain = track.motion.rect().iou(&item.rect) * track.affinity(item);
                (gain >= SECOND_ROUND).then_some(gain)
            },
        );
        self.round(
            &mut items,
            now,
            decay,
            |item| item.score >= settings.start,
            |track, item, index| {
                let by = (WIDEN_PER_S * unseen_s.get(index).copied().unwrap_or_default()).min(1.0);
                let affinity = track.affinity(item);
                let gain = widened(&track.motion.rect(), by).iou(&widened(&item.rect, by)) * affinity;
                (gain >= THIRD_ROUND && affinity > FOREIGN).then_some(gain)
            },
        );

        self.tracks.retain(|track| {
            let life = if track.sightings > 1 { settings.coast } else { settings.coast_new };
            now.since(track.last_seen) <= life
        });
        for item in items.into_iter().flatten() {
            self.begin(&item, now);
        }
    }

    /// Pairs tracks not yet seen in this frame with detections not yet taken.
    fn round(
        &mut self,
        items: &mut [Option<Detection>],
        now: Mono,
        decay: f32,
        takes_part: impl Fn(&Detection) -> bool,
        gain: impl Fn(&Followed, &Detection, usize) -> Option<f32>,
    ) {
        let rows: Vec<usize> = (0..self.tracks.len()).filter(|&i| !self.tracks[i].seen).collect();
        let columns: Vec<usize> = (0..items.len()).filter(|&i| items[i].as_ref().is_some_and(&takes_part)).collect();
        let pairs = assign(rows.len(), columns.len(), |r, c| {
            items[columns[c]].as_ref().and_then(|item| gain(&self.tracks[rows[r]], item, rows[r]))
        });
        for (row, column) in pairs.into_iter().enumerate() {
            if let Some(item) = column.and_then(|column| items[columns[column]].take()) {
                self.tracks[rows[row]].see(&item, now, decay);
            }
        }
    }

    /// A detection that no track took: another name of a track seen in this frame, or a new track.
    fn begin(&mut self, item: &Detection, now: Mono) {
        if let Some(track) =
            self.tracks.iter_mut().find(|track| track.seen && track.motion.rect().iou(&item.rect) >= SAME_OBJECT)
        {
            track.add(&item.label, item.score);
            return;
        }
        if item.score < self.settings.start {
            return;
        }
        if self.tracks.len() >= self.settings.most_tracks {
            // Full: what has not been seen for the longest makes room, what is seen stays.
            let Some((oldest, _)) = self
                .tracks
                .iter()
                .enumerate()
                .filter(|(_, track)| !track.seen)
                .min_by_key(|(_, track)| track.last_seen)
            else {
                return;
            };
            self.tracks.swap_remove(oldest);
        }
        let id = self.next;
        self.next = TrackId(id.0.saturating_add(1));
        let mut track = Followed {
            id,
            motion: Motion::new(&item.rect),
            sums: Vec::new(),
            weight: 0.0,
            score: 0.0,
            sightings: 0,
            seen: true,
            first_seen: now,
            last_seen: now,
            landmarks: None,
        };
        track.see(item, now, 0.0);
        self.tracks.push(track);
    }
}

impl Followed {
    /// 1 for a label that is most of the track's evidence, [`FOREIGN`] for one that it never showed.
    fn affinity(&self, item: &Detection) -> f32 {
        let most = self.sums.iter().map(|(_, sum)| *sum).fold(f32::EPSILON, f32::max);
        let share = |label: &Label| self.sums.iter().find(|(l, _)| l == label).map_or(0.0, |(_, sum)| sum / most);
        let by_rivals = item.rivals.iter().map(|(label, score)| share(label) * score / item.score.max(f32::EPSILON));
        let known = by_rivals.fold(share(&item.label), f32::max).clamp(0.0, 1.0);
        FOREIGN + (1.0 - FOREIGN) * known
    }

    fn see(&mut self, item: &Detection, now: Mono, decay: f32) {
        self.motion.update(&item.rect);
        self.seen = true;
        self.last_seen = now;
        self.sightings = self.sightings.saturating_add(1);
        self.landmarks = item.landmarks;
        for (_, sum) in &mut self.sums {
            *sum *= decay;
        }
        self.weight = self.weight * decay + 1.0;
        self.add(&item.label, item.score);
        for (label, score) in item.rivals.iter().filter(|(label, _)| *label != item.label) {
            self.add(label, *score);
        }
        self.sums.sort_by(|a, b| b.1.total_cmp(&a.1));
        self.sums.truncate(LABELS);
        let label = self.sums.first().map_or(&item.label, |(label, _)| label);
        self.score = if *label == item.label {
            item.score
        } else {
            item.rivals.iter().find(|(l, _)| l == label).map_or(0.0, |(_, score)| *score)
        };
    }

    fn add(&mut self, label: &Label, score: f32) {
        if !score.is_finite() {
            return;
        }
        match self.sums.iter_mut().find(|(l, _)| l == label) {
            Some((_, sum)) => *sum += score,
            None => self.sums.push((label.clone(), score)),
        }
    }

    fn track(&self) -> Track {
        let mut evidence: Vec<(Label, f32)> =
            self.sums.iter().map(|(label, sum)| (label.clone(), (sum / self.weight).clamp(0.0, 1.0))).collect();
        evidence.sort_by(|a, b| b.1.total_cmp(&a.1));
        Track {
            id: self.id,
            label: evidence.first().map_or_else(|| Label::new("unknown"), |(label, _)| label.clone()),
            score: self.score,
            rect: self.motion.rect().clamped(),
            seen: self.seen,
            first_seen: self.first_seen,
            last_seen: self.last_seen,
            evidence,
            landmarks: self.landmarks,
        }
    }
}

fn is_sound(rect: &NormRect) -> bool {
    [rect.x0, rect.y0, rect.x1, rect.y1].iter().all(|v| v.is_finite()) && rect.area() > 0.0
}

fn widened(rect: &NormRect, by: f32) -> NormRect {
    let (dx, dy) = (rect.width() * by, rect.height() * by);
    NormRect { x0: rect.x0 - dx, y0: rect.y0 - dy, x1: rect.x1 + dx, y1: rect.y1 + dy }
}

#[cfg(test)]
mod tests;
