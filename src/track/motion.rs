//! How a box moves: a constant-velocity Kalman filter per axis. Not here: which detection belongs to which box.
//!
//! Four independent filters (centre x and y, width, height) with white-noise acceleration, as in SORT and
//! ByteTrack but over seconds instead of frames, since cameras' rates differ and change. Noise grows with the
//! box, as in `DeepSORT`.

use crate::base::NormRect;

/// Standard deviation of a detector's box side or centre, in box sides.
const MEASURED: f32 = 0.05;
/// Standard deviation of acceleration, in box sides per second².
const ACCELERATION: f32 = 3.0;
/// Standard deviation of a new box's speed, in box sides per second.
const FIRST_SPEED: f32 = 1.0;
/// A box no longer seen slows down with this time constant, in seconds: people in a lift car do not drift through walls.
const COAST_S: f32 = 0.4;
const LEAST_SIDE: f32 = 1e-3;

/// One coordinate: position, speed, and their covariance.
#[derive(Debug, Clone, Copy)]
struct Axis {
    x: f32,
    v: f32,
    xx: f32,
    xv: f32,
    vv: f32,
}

impl Axis {
    fn new(x: f32, side: f32) -> Self {
        Self { x, v: 0.0, xx: (MEASURED * side).powi(2), xv: 0.0, vv: (FIRST_SPEED * side).powi(2) }
    }

    fn predict(&mut self, dt: f32, side: f32) {
        let q = (ACCELERATION * side).powi(2);
        self.x += self.v * dt;
        self.xx += dt * (2.0 * self.xv + dt * self.vv) + q * dt.powi(4) / 4.0;
        self.xv += dt * self.vv + q * dt.powi(3) / 2.0;
        self.vv += q * dt * dt;
    }

    fn update(&mut self, z: f32, side: f32) {
        let s = self.xx + (MEASURED * side).powi(2);
        let (kx, kv) = (self.xx / s, self.xv / s);
        let error = z - self.x;
        self.x += kx * error;
        self.v += kv * error;
        self.vv -= kv * self.xv;
        self.xv *= 1.0 - kx;
        self.xx *= 1.0 - kx;
    }
}

/// A moving box.
#[derive(Debug, Clone, Copy)]
pub(super) struct Motion {
    cx: Axis,
    cy: Axis,
    w: Axis,
    h: Axis,
}

impl Motion {
    pub(super) fn new(rect: &NormRect) -> Self {
        let (w, h) = (rect.width().max(LEAST_SIDE), rect.height().max(LEAST_SIDE));
        let centre = rect.centre();
        Self { cx: Axis::new(centre.x, w), cy: Axis::new(centre.y, h), w: Axis::new(w, w), h: Axis::new(h, h) }
    }

    /// Moves on by `dt` seconds; a box that was not seen lately (`coasting`) slows down.
    pub(super) fn predict(&mut self, dt: f32, coasting: bool) {
        let (w, h) = self.sides();
        let keep = if coasting { (-dt / COAST_S).exp() } else { 1.0 };
        for (axis, side) in [(&mut self.cx, w), (&mut self.cy, h), (&mut self.w, w), (&mut self.h, h)] {
            axis.v *= keep;
            axis.predict(dt, side);
        }
        // A box's size does not run away by itself.
        self.w.v *= 0.5;
        self.h.v *= 0.5;
    }

    /// Takes in where the box was seen.
    pub(super) fn update(&mut self, rect: &NormRect) {
        let (w, h) = (rect.width().max(LEAST_SIDE), rect.height().max(LEAST_SIDE));
        let centre = rect.centre();
        for (axis, z, side) in
            [(&mut self.cx, centre.x, w), (&mut self.cy, centre.y, h), (&mut self.w, w, w), (&mut self.h, h, h)]
        {
            axis.update(z, side);
        }
    }

    fn sides(&self) -> (f32, f32) {
        (self.w.x.clamp(LEAST_SIDE, 1.0), self.h.x.clamp(LEAST_SIDE, 1.0))
    }

    /// The box now; it may reach out of the picture.
    pub(super) fn rect(&self) -> NormRect {
        let (w, h) = self.sides();
        let (cx, cy) = (self.cx.x, self.cy.x);
        NormRect { x0: cx - w / 2.0, y0: cy - h / 2.0, x1: cx + w / 2.0, y1: cy + h / 2.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(x: f32) -> NormRect {
        NormRect { x0: x, y0: 0.4, x1: x + 0.2, y1: 0.8 }
    }

    #[test]
    fn a_steady_mover_is_foreseen_at_any_frame_rate() {
        for fps in [2.0_f32, 8.0, 30.0] {
            let dt = 1.0 / fps;
            let speed = 0.1;
            let mut motion = Motion::new(&at(0.0));
            let mut t = 0.0;
            while t < 2.5 {
                t += dt;
                motion.predict(dt, false);
                motion.update(&at(speed * t));
            }
            motion.predict(dt, false);
            let error = (motion.rect().x0 - speed * (t + dt)).abs();
            assert!(error < 0.01, "{fps} fps: off by {error}");
        }
    }

    #[test]
    fn a_coasting_box_comes_to_rest() {
        let mut motion = Motion::new(&at(0.0));
        for i in 1_u8..=10 {
            motion.predict(0.1, false);
            motion.update(&at(0.05 * f32::from(i)));
        }
        for _ in 0..50 {
            motion.predict(0.1, true);
        }
        let rested = motion.rect().x0;
        motion.predict(0.1, true);
        assert!((motion.rect().x0 - rested).abs() < 1e-3);
        assert!(rested < 0.8, "drifted to {rested}");
    }
}
