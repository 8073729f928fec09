//! One camera's rule: settings, schedule, and the memory of what it watches. Not here: each kind's own logic.

use super::{
    Finding, FindingKind,
    face::Faces,
    settings::{RuleSettings, Watch},
    vehicle::Vehicle,
};
use crate::{
    base::{CameraId, FrameSeq, Now},
    detect::Stamps,
    track::Scene,
};

#[derive(Debug)]
enum Memory {
    Vehicle(Vehicle),
    Faces(Faces),
}

impl Memory {
    fn new(watch: &Watch) -> Self {
        match watch {
            Watch::Vehicle(_) => Self::Vehicle(Vehicle::default()),
            Watch::Face(_) => Self::Faces(Faces::default()),
        }
    }

    fn end(&mut self) -> Vec<FindingKind> {
        match self {
            Self::Vehicle(vehicle) => vehicle.end(),
            Self::Faces(faces) => faces.end(),
        }
    }
}

/// One camera's rule.
#[derive(Debug)]
pub struct Rule {
    camera: CameraId,
    settings: RuleSettings,
    memory: Memory,
    /// The newest frame: what findings made between frames refer to.
    last: Option<(FrameSeq, Stamps)>,
}

impl Rule {
    /// A rule that has seen nothing yet.
    pub fn new(camera: CameraId, settings: RuleSettings) -> Self {
        Self { camera, memory: Memory::new(&settings.watch), settings, last: None }
    }

    /// The settings in use.
    pub fn settings(&self) -> &RuleSettings {
        &self.settings
    }

    /// Takes in one analysed frame. Frames come in the order of their capture.
    pub fn step(&mut self, scene: &Scene, now: Now) -> Vec<Finding> {
        self.last = Some((scene.seq, scene.stamps));
        let found = if self.is_on(now) {
            match (&mut self.memory, &self.settings.watch) {
                (Memory::Vehicle(vehicle), Watch::Vehicle(set)) => vehicle.step(scene, &self.settings, set),
                (Memory::Faces(faces), Watch::Face(set)) => faces.step(scene, &self.settings, set),
                _ => Vec::new(),
            }
        } else {
            self.memory.end()
        };
        self.findings(found)
    }

    /// Lets time pass without a frame: a stay clears when its camera goes silent, too.
    pub fn tick(&mut self, now: Now) -> Vec<Finding> {
        let found = if self.is_on(now) {
            match (&mut self.memory, &self.settings.watch) {
                (Memory::Vehicle(vehicle), Watch::Vehicle(set)) => vehicle.pass(now.mono, set),
                (Memory::Faces(faces), Watch::Face(_)) => faces.pass(now.mono),
                _ => Vec::new(),
            }
        } else {
            self.memory.end()
        };
        self.findings(found)
    }

    /// Takes new settings. A stay goes on under them: it clears by itself if they no longer see it. Watching
    /// for something else ends it.
    #[must_use]
    pub fn reconfigure(&mut self, settings: RuleSettings) -> Vec<Finding> {
        let other_kind = std::mem::discriminant(&self.settings.watch) != std::mem::discriminant(&settings.watch);
        let other_rule = self.settings.name != settings.name;
        let found = if other_kind || other_rule { self.memory.end() } else { Vec::new() };
        let found = self.findings(found);
        if other_kind {
            self.memory = Memory::new(&settings.watch);
        }
        self.settings = settings;
        found
    }

    fn is_on(&self, now: Now) -> bool {
        self.settings.schedule.as_ref().is_none_or(|schedule| schedule.is_on(now.wall))
    }

    fn findings(&self, found: Vec<FindingKind>) -> Vec<Finding> {
        let Some((seq, stamps)) = self.last else { return Vec::new() };
        found
            .into_iter()
            .map(|kind| Finding { camera: self.camera, rule: self.settings.name.clone(), kind, seq, stamps })
            .collect()
    }
}

#[cfg(test)]
mod tests;
