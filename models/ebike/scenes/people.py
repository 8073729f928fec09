"""People as bodies that keep their looks while their pose changes."""

from __future__ import annotations

import colorsys
import math
from dataclasses import dataclass

import numpy as np

from . import paint
from .dice import Dice
from .fittings import Seat
from .paint import BLACK, Paint
from .shapes import Builder, Mesh, crumple

Vec = np.ndarray


@dataclass(frozen=True)
class Pose:
    """``kind``: stand, walk, sit, push. ``phase`` is the step of a walk in turns, ``hands`` where both hands are."""

    kind: str = "stand"
    phase: float = 0.0
    seat: Seat | None = None
    hands: tuple[tuple[float, float, float], tuple[float, float, float]] | None = None
    lean: float = 0.08
    feet_down: bool = True
    nod: float = 0.0


class Body:
    """One person: measures, clothes and hair are drawn once."""

    def __init__(self, d: Dice, child: bool = False, helmet: bool | None = None) -> None:
        self.height = d.u(0.95, 1.4) if child else d.u(1.5, 1.82)
        self.bulk = d.u(0.85, 1.28)
        self.top = paint.cloth(d)
        self.sleeve = self.top if d.chance(0.75) else paint.cloth(d)
        self.legs = Paint(d.colour(), roughness=0.9) if d.chance(0.75) else paint.cloth(d)
        self.skin = Paint(colorsys.hsv_to_rgb(d.u(0.04, 0.08), d.u(0.3, 0.5), d.u(0.45, 0.75)), roughness=0.6)
        self.shoe = Paint(d.colour(), roughness=0.6)
        self.hair = Paint(d.pick([(0.008,) * 3] * 5 + [(0.06, 0.03, 0.015), (0.25,) * 3, (0.5,) * 3]), roughness=0.85)
        self.long_sleeves = d.chance(0.6)
        self.wide = d.u(0, 0.03)  # loose clothes
        self.skirt = d.chance(0.16)
        self.coat = d.chance(0.15)
        wears = {"none": 0.62, "cap": 0.14, "helmet": 0.12, "hat": 0.05, "hood": 0.07}
        self.head = d.weighted(wears) if helmet is None else ("helmet" if helmet else "none")
        self.hat_paint = paint.body(d) if self.head == "helmet" else paint.cloth(d)
        self.style = d.weighted({"short": 0.5, "bob": 0.2, "long": 0.14, "tail": 0.1, "bun": 0.06})
        self.mask = d.chance(0.25)
        self.mask_paint = Paint(d.pick(((0.7,) * 3, (0.3, 0.5, 0.7), (0.03,) * 3)), roughness=0.9)
        self.carry = d.weighted({"none": 0.66, "backpack": 0.14, "bag": 0.2})
        self.carry_paint = paint.cloth(d)
        self.carry_side = d.sign()
        self._habits = d.fork().noise().rand(12)
        self._seed = d.i(0, 1 << 30)

    def mesh(self, pose: Pose) -> Mesh:
        """The body in a pose, looking along +x; standing bodies are centred on the origin."""
        b, k, h = Builder(), self.height / 1.7, self._habits
        hip, knees, feet, lean = self._legs(pose, k)
        shoulder = hip + np.array([lean, 0, 0.5 * k])
        w = self.bulk
        fat = self.wide
        spine = [hip - [0, 0, 0.1 * k], hip + [0, 0, 0.05], hip * 0.5 + shoulder * 0.5, shoulder - [0, 0, 0.07], shoulder + [0, 0, 0.02]]
        self._torso(b, spine, [0.115 * w + fat, 0.125 * w + fat, 0.12 * w + fat, 0.12 * w, 0.06], [0.155, 0.165, 0.17, 0.19, 0.1])
        if self.coat:
            b.blob(hip + [0.02, 0, -0.16 * k], (0.16 * w, 0.2 * w, 0.24 * k), self.top, 0.8, taper=-0.15)
        if self.skirt and pose.kind != "sit":
            b.blob(hip + [0.03, 0, -0.25 * k], (0.19 * w, 0.21 * w, 0.3 * k), self.legs, 0.75, taper=-0.25)
        bare = self.skirt
        for i, s in enumerate((-1, 1)):
            hp = hip + np.array([0, s * 0.09 * w, -0.03])
            b.tube(
                [hp, knees[i], feet[i] + [0, 0, 0.04]],
                [0.09 * w + fat * 0.5, 0.065 * w + fat * 0.6, 0.045 + fat * 0.5],
                self.skin if bare else self.legs,
                9,
            )
            b.blob(feet[i] + [0.05, 0, 0], (0.125, 0.048, 0.05), self.shoe, 0.7, fine=8)
        for i, s in enumerate((-1, 1)):
            joint = shoulder + np.array([0, s * 0.175 * w, -0.05])
            elbow, hand = self._arm(pose, i, s, joint, k, h)
            b.blob(joint, (0.07, 0.075, 0.075), self.sleeve, 1, fine=9)
            b.tube([joint, elbow], [0.062 * w + fat * 0.4, 0.047 * w + fat * 0.4], self.sleeve)
            b.tube([elbow, hand], [0.046 * w + fat * 0.3, 0.033], self.sleeve if self.long_sleeves else self.skin)
            b.blob(hand, (0.05, 0.04, 0.045), self.skin, 1, fine=8)
        self._head(b, shoulder, k, pose.nod + lean * 0.4)
        if self.carry == "backpack":
            b.blob(hip * 0.35 + shoulder * 0.65 + [-0.2, 0, 0], (0.1, 0.14, 0.2 * k), self.carry_paint, 0.5)
        elif self.carry == "bag":
            y = self.carry_side * 0.28 * w
            b.blob(hip + [-0.02, y, -0.1], (0.13, 0.06, 0.13), self.carry_paint, 0.6)
            b.tube([hip + [0, y, 0.02], shoulder + [0, self.carry_side * 0.12, 0.02]], 0.012, self.carry_paint, 5)
        return b.build()

    def _legs(self, pose: Pose, k: float) -> tuple[Vec, list[Vec], list[Vec], float]:
        h = self._habits
        if pose.kind == "sit" and pose.seat is not None:
            s = pose.seat
            hip = np.array([s.x - 0.04, 0, s.z + 0.1])
            if pose.feet_down and s.foot_z > 0.25:
                knees = [np.array([s.x + 0.24, g * 0.27, 0.48 * k]) for g in (-1, 1)]
                feet = [np.array([s.x + 0.14, g * 0.34, 0.05]) for g in (-1, 1)]
            else:
                knees = [np.array([s.x + 0.36, g * 0.15, max(s.z - 0.02, s.foot_z + 0.38)]) for g in (-1, 1)]
                feet = [np.array([s.foot_x + 0.05, g * 0.12, s.foot_z + 0.05]) for g in (-1, 1)]
            return hip, knees, feet, pose.lean + 0.05 + 0.2 * h[0]
        hip = np.array([0, 0, 0.88 * k])
        if pose.kind == "walk":
            knees, feet = [], []
            for g, shift in ((-1, 0.0), (1, 0.5)):
                a = 2 * math.pi * (pose.phase + shift)
                swing, lift = 0.26 * math.sin(a), 0.1 * max(0.0, math.cos(a))
                knees.append(np.array([0.5 * swing + 0.05, g * 0.09, 0.47 * k + 0.4 * lift]))
                feet.append(np.array([swing - 0.02, g * 0.1, 0.05 + lift]))
            return hip + [0, 0, 0.015 * math.cos(4 * math.pi * pose.phase)], knees, feet, pose.lean
        knees = [np.array([0.1 * h[1], g * 0.1, 0.48 * k]) for g in (-1, 1)]
        feet = [np.array([0.16 * (h[2 + i] - 0.5), g * (0.09 + 0.06 * h[4]), 0.05]) for i, g in enumerate((-1, 1))]
        return hip, knees, feet, pose.lean

    def _arm(self, pose: Pose, i: int, s: int, joint: Vec, k: float, h: np.ndarray) -> tuple[Vec, Vec]:
        if pose.hands is not None:
            hand = np.asarray(pose.hands[i], float)
            reach = hand - joint
            far = float(np.linalg.norm(reach))
            if far > 0.6 * k:
                hand = joint + reach * (0.6 * k / far)
            return (joint + hand) / 2 + [-0.03, s * 0.08, -0.09], hand
        if pose.kind == "sit" and pose.seat is not None:
            hand = np.array([pose.seat.bar_x - 0.1, s * 0.28, pose.seat.bar_z + 0.04])
            return (joint + hand) / 2 + [-0.03, s * 0.08, -0.08], hand
        if pose.kind == "walk":
            sw = 0.2 * math.sin(2 * math.pi * (pose.phase + (0.5 if s < 0 else 0.0)))
            return joint + [sw * 0.6, s * 0.05, -0.27 * k], joint + [sw * 1.4 + 0.05, s * 0.05, -0.5 * k]
        if h[5 + i] < 0.55:
            elbow = joint + [0.12 * h[7] - 0.05, s * 0.05, -0.27 * k]
            return elbow, elbow + [0.13 * h[8], 0, -0.23 * k]
        elbow = joint + [0.06 + 0.1 * h[9], s * 0.06, -0.24 * k]  # holding a phone or a bag
        return elbow, elbow + [0.23, -s * 0.1, 0.2 * (h[10] - 0.4)]

    def _torso(self, b: Builder, spine: list[Vec], deep: list[float], wide: list[float]) -> None:
        a = np.linspace(0, 2 * math.pi, 16, endpoint=False)
        w = self.bulk
        rings = [np.repeat(spine[0][None], 16, 0)]
        for p, dx, dy in zip(spine, deep, wide, strict=True):
            rings.append(p + np.stack([dx * np.cos(a), (dy * w + self.wide) * np.sin(a), 0 * a], -1))
        rings.append(np.repeat(spine[-1][None], 16, 0))
        b.rings(np.stack(rings), self.top)

    def _head(self, b: Builder, shoulder: Vec, k: float, nod: float) -> None:
        head = shoulder + np.array([0.03 + nod * 0.25, 0, 0.185 * k])
        noise = np.random.RandomState(self._seed)
        b.tube([shoulder - [0, 0, 0.02], head], 0.05, self.skin)
        b.blob(head, (0.095, 0.075, 0.115), self.skin, 0.95, ("y", nod))
        if self.mask:
            b.blob(head + [0.035, 0, -0.045], (0.075, 0.068, 0.06), self.mask_paint, 0.9, fine=9)
        if self.head == "helmet":
            b.blob(head + [-0.01, 0, 0.045], (0.145, 0.13, 0.125), self.hat_paint, 1)
            b.blob(head + [0.09, 0, 0.03], (0.06, 0.1, 0.05), BLACK, 0.8, fine=9)
            return
        if self.head == "hood":
            b.blob(head + [-0.03, 0, 0.02], (0.115, 0.11, 0.15), self.hat_paint, 0.95)
            return
        b.blob(head + [-0.02, 0, 0.035], (0.1, 0.086, 0.105), self.hair, 0.95, rough=crumple(noise, 0.003))
        if self.style == "bob":
            b.blob(head + [-0.045, 0, -0.03], (0.085, 0.1, 0.13), self.hair, 0.9, rough=crumple(noise, 0.004))
        elif self.style == "long":
            b.blob(head + [-0.075, 0, -0.13], (0.06, 0.11, 0.24), self.hair, 0.9, rough=crumple(noise, 0.005))
        elif self.style == "tail":
            b.tube([head + [-0.09, 0, 0.05], head + [-0.16, 0, 0.0], head + [-0.14, 0, -0.2]], [0.03, 0.04, 0.01], self.hair)
        elif self.style == "bun":
            b.blob(head + [-0.1, 0, 0.08], (0.05, 0.055, 0.05), self.hair, 1, fine=8)
        if self.head == "cap":
            b.blob(head + [-0.01, 0, 0.07], (0.105, 0.095, 0.075), self.hat_paint, 0.9)
            b.blob(head + [0.12, 0, 0.055], (0.07, 0.07, 0.012), self.hat_paint, 0.8, fine=8)
        elif self.head == "hat":
            b.blob(head + [0, 0, 0.06], (0.22, 0.2, 0.02), self.hat_paint, 0.95)
            b.blob(head + [0, 0, 0.09], (0.105, 0.095, 0.08), self.hat_paint, 0.9)
