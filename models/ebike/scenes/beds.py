"""Hospital beds and ambulance stretchers: frame, mattress, rails, linen, drip, and at times a patient."""

from __future__ import annotations

import math

import cv2
import numpy as np

from . import paint
from .dice import Dice
from .fittings import castor
from .paint import BLACK, CHROME, RUBBER, STEEL, Paint
from .shapes import Builder, bend, crumple, outline

WHITE = Paint((0.7, 0.71, 0.7), roughness=0.35)
LINEN = (
    (0.75, 0.75, 0.74),
    (0.75, 0.75, 0.74),
    (0.45, 0.6, 0.75),
    (0.5, 0.68, 0.6),
    (0.7, 0.6, 0.62),
    (0.12, 0.2, 0.35),
    (0.05, 0.16, 0.14),
)


def bed(b: Builder, d: Dice) -> tuple[float, float]:
    """Builds one, head towards -x; gives its length and width."""
    return _stretcher(b, d) if d.chance(0.42) else _hospital(b, d)


def _rest(x: np.ndarray | float, hinge: float, rise: float) -> np.ndarray:
    """How much higher the lying surface is where the back rest is raised."""
    return np.maximum(0, hinge - np.asarray(x)) * math.tan(rise)


def _hospital(b: Builder, d: Dice) -> tuple[float, float]:
    half, wide, top = d.u(0.9, 1.0), d.u(0.35, 0.45), d.u(0.5, 0.68)
    metal = d.pick((WHITE, WHITE, STEEL, CHROME, Paint(d.grey(0.1, 0.5), roughness=0.3)))
    panel = Paint(
        d.pick((*((0.72, 0.7, 0.64),) * 3, (0.75,) * 3, (0.3, 0.45, 0.6), (0.45, 0.28, 0.14), (0.2,) * 3, (0.02,) * 3)),
        roughness=d.u(0.1, 0.35),
    )
    inlay = Paint(
        d.pick(((0.1, 0.3, 0.55), (0.1, 0.42, 0.3), (0.5, 0.3, 0.12), (0.5,) * 3, (0.5, 0.25, 0.35), d.vivid())), roughness=d.u(0.1, 0.3)
    )
    _undercarriage(b, d, half, wide, top, metal, inlay)
    rise, hinge = d.pick((0.0, 0.0, d.u(0.1, 0.75))), -0.15
    thick = d.u(0.05, 0.075)
    _mattress(b, d, half - 0.06, wide - 0.02, top, thick, hinge, rise)
    _linen(b, d, half - 0.06, wide - 0.02, top + thick, hinge, rise, d.chance(0.3))
    for s, high in ((-1, d.u(0.2, 0.28)), (1, d.u(0.14, 0.24))):  # head and foot
        x = s * (half + 0.02)
        z = top + high * 0.45
        b.skin_up([(z - high, x, wide * 0.9, 0.015), (z - high * 0.8, x, wide, 0.024), (z + high * 0.5, x, wide, 0.026), (z + high * 0.9, x - s * 0.01, wide * 0.8, 0.024),
                   (z + high, x - s * 0.012, wide * 0.6, 0.016)], panel, d.u(0.3, 0.6))  # fmt: skip
        b.skin_up([(z - high * 0.5, x + s * 0.006, wide * 0.7, 0.024), (z + high * 0.45, x + s * 0.006, wide * 0.72, 0.024)], inlay, 0.3)
        b.blob((x, 0, z + high * 0.72), (0.032, wide * 0.28, 0.022), BLACK, 0.5, fine=8)
        for y in (-1, 1):
            if d.chance(0.8):
                b.blob((x + s * 0.03, y * wide, top - 0.1), (0.05, 0.05, 0.02), d.pick((BLACK, WHITE, inlay)), 0.8, fine=8)
    if d.chance(0.5):  # chart or control panel on the foot end
        b.box((half + 0.055, 0, top + 0.08), (0.012, 0.15, 0.11), d.pick((BLACK, STEEL, WHITE)), pitch=0.15)
        b.box(
            (half + 0.07, 0, top + 0.09), (0.004, 0.11, 0.08), Paint((0.7, 0.72, 0.75), roughness=0.2, glow=d.pick((0, 0, 0.5))), pitch=0.15
        )
    _rails(b, d, half, wide, top, metal, panel, inlay)
    _extras(b, d, half, wide, top, inlay)
    return 2 * half + 0.15, 2 * wide + 0.1


def _undercarriage(b: Builder, d: Dice, half: float, wide: float, top: float, metal: Paint, inlay: Paint) -> None:
    """Castors, base frame, column or scissors with a cover, lying frame."""
    r, base, foot = d.u(0.055, 0.08), half * d.u(0.7, 0.85), wide * 0.85
    tyre = d.pick((RUBBER, RUBBER, Paint((0.35,) * 3, roughness=0.5)))
    for x in (-base, base):
        for y in (-foot, foot):
            castor(b, d, x, y, r, 2.6 * r, tyre, d.pick((metal, STEEL)), brake=True)
    z = 2.6 * r + 0.02
    b.tube(outline(base, foot, z, 0.08), 0.024, metal)
    if d.chance(0.45):  # a lacquered cover over it
        shell = Paint(d.pick(((0.7, 0.7, 0.68), (0.5,) * 3, (0.2, 0.3, 0.4), (0.02,) * 3)), roughness=d.u(0.1, 0.3))
        b.skin_along(
            [
                (-base, z + 0.02, foot * 0.6, 0.03),
                (-base * 0.8, z + 0.04, foot * 0.98, 0.05),
                (base * 0.8, z + 0.04, foot * 0.98, 0.05),
                (base, z + 0.02, foot * 0.6, 0.03),
            ],
            shell,
            0.35,
        )
    low = top - 0.13
    kind = d.pick(("columns", "scissors", "bellows"))
    if kind == "columns":
        for x in (-base * 0.55, base * 0.55):
            for k, w in enumerate((0.1, 0.085, 0.07)):
                b.blob((x, 0, z + (low - z) * (0.2 + 0.3 * k)), (w, w * 1.3, (low - z) * 0.2), d.pick((metal, WHITE)), 0.25, fine=9)
    elif kind == "bellows":
        rubber = Paint(d.pick(((0.02,) * 3, (0.3,) * 3)), roughness=0.6)
        n = 7
        b.skin_up(
            [(z + (low - z) * k / n, 0, foot * 0.8 * (1 if k % 2 else 0.9), base * 0.55 * (1 if k % 2 else 0.95)) for k in range(n + 1)],
            rubber,
            0.3,
        )
    else:
        for y in (-foot * 0.8, foot * 0.8):
            b.tube([(-base * 0.7, y, z), (base * 0.6, y, low)], 0.02, metal, 6)
            b.tube([(base * 0.7, y, z), (-base * 0.6, y, low)], 0.02, metal, 6)
        b.tube([(-base * 0.1, 0, z), (base * 0.4, 0, low)], [0.03, 0.02], BLACK, 6)
    b.tube(outline(half, wide, low, 0.06), 0.022, metal)
    deck = Paint(d.grey(0.15, 0.6), roughness=0.4)
    for x in (-half * 0.65, -half * 0.02, half * 0.6):
        b.box((x, 0, low + 0.035), (half * 0.29, wide * 0.94, 0.015), deck)
    for y in (-foot, foot) if d.chance(0.6) else ():  # pedal bar
        b.tube([(base * 0.5, y * 1.06, z - 0.03), (base * 0.9, y * 1.06, z - 0.05)], 0.014, d.pick((inlay, paint.RED_LAMP)), 5)


def _mattress(b: Builder, d: Dice, half: float, wide: float, top: float, thick: float, hinge: float, rise: float) -> None:
    cover = Paint(
        d.pick((*((0.7, 0.7, 0.68),) * 2, (0.1, 0.22, 0.42), (0.35, 0.5, 0.6), (0.05, 0.2, 0.15), (0.02,) * 3, (0.3, 0.14, 0.06))),
        roughness=d.u(0.25, 0.7),
    )
    x = np.array([-half, -half + 0.03, -half * 0.6, hinge - 0.06, hinge + 0.06, 0.25 * half, half - 0.03, half])
    z = top + _rest(x, hinge, rise) * 0.85
    fat = np.array([0.6, 1, 1, 1, 1, 1, 1, 0.6]) * thick
    b.skin_along(
        [(float(a), float(h), wide * (0.96 if f < thick else 1), float(f)) for a, h, f in zip(x, z, fat, strict=True)], cover, 0.22
    )
    piping = d.pick((WHITE, BLACK, Paint(d.vivid(), roughness=0.6)))
    for s in (-1, 1):
        for t in (-0.75, 0.75):
            b.tube([(a, s * wide * 0.985, h + t * thick) for a, h in zip(x, z, strict=True)], 0.006, piping, 5)
    if d.chance(0.3):
        for t in (-0.33, 0.33):
            b.box((t * half, 0, top + thick + float(_rest(t * half, hinge, rise)) * 0.85), (0.004, wide * 0.97, 0.004), BLACK)


def _linen(b: Builder, d: Dice, half: float, wide: float, top: float, hinge: float, rise: float, patient: bool) -> None:
    """Pillow, sheet, blanket thrown over or folded; a patient under it at times."""
    linen = [
        Paint(d.pick(LINEN), roughness=0.85, pattern=d.pick((None, None, None, "wave", "checker")), scale=d.u(6, 20), second=d.pick(LINEN))
        for _ in range(2)
    ]
    head = -half + 0.2

    def lie(x: float) -> float:
        return top + float(_rest(x, hinge, rise)) * 0.85

    if d.chance(0.85):
        for k in range(1 if d.chance(0.8) else 2):
            b.blob(
                (head - 0.02, 0, lie(head) + 0.03 + 0.06 * k),
                (0.055, wide * d.u(0.6, 0.85), 0.16),
                linen[0],
                0.55,
                ("y", math.pi / 2),
                rough=crumple(d.noise(), 0.006),
            )
    if patient:
        skin, z = Paint(d.pick(((0.6, 0.4, 0.3), (0.5, 0.32, 0.22), (0.3, 0.18, 0.11))), roughness=0.55), lie(head) + 0.16
        b.blob((head, 0, z), (0.11, 0.075, 0.09), skin, 1)
        b.blob(
            (head - 0.035, 0, z - 0.005),
            (0.1, 0.083, 0.092),
            Paint(d.pick(((0.01,) * 3, (0.3,) * 3, (0.05, 0.03, 0.02))), roughness=0.6),
            1,
        )
        gown = Paint(d.pick(LINEN), roughness=0.85, pattern=d.pick((None, "wave")), scale=d.u(10, 30), second=d.pick(LINEN))
        b.blob((head + 0.3, 0, lie(head + 0.3) + 0.08), (0.25, 0.22, 0.1), gown, 0.8)
        for s in (-1, 1):
            b.tube([(head + 0.2, s * 0.21, lie(head + 0.2) + 0.09), (head + 0.48, s * 0.27, lie(head + 0.48) + 0.09)], [0.055, 0.045], gown)
            b.tube(
                [(head + 0.48, s * 0.27, lie(head + 0.48) + 0.09), (head + 0.68, s * d.u(0.08, 0.24), lie(head + 0.68) + 0.14)],
                [0.038, 0.03],
                skin,
            )
    if patient or d.chance(0.55):
        start, end = head + d.u(0.25, 0.5), half * d.u(0.85, 0.98)
        rows, across = np.linspace(start, end, 30), np.linspace(-1, 1, 22)
        x, v = np.meshgrid(rows, across, indexing="ij")
        wrinkle = cv2.GaussianBlur(d.noise().randn(30, 22), (0, 0), 1.2)
        y = v * (wide * d.u(0.85, 1.06))
        body = np.zeros_like(x)
        if patient:
            knee = d.pick((0.0, d.u(0.1, 0.25)))
            for s in (-1, 1):
                body += (0.1 + knee * np.exp(-((x - 0.28) ** 2) / 0.03)) * np.exp(-((y - s * 0.09) ** 2) / 0.009) * (x > -0.1)
                body += 0.1 * np.exp(-((x - 0.78 * half - 0.03) ** 2) / 0.004 - (y - s * 0.1) ** 2 / 0.004)
            body = np.maximum(body, 0.16 * np.exp(-((y / 0.22) ** 4)) * (x < 0.1))
            body = cv2.GaussianBlur(body, (0, 0), 0.8)
        z = top + 0.015 + _rest(x, hinge, rise) * 0.85 + body + 0.012 * wrinkle
        z -= np.clip(np.abs(y) - wide * 0.97, 0, 1) * d.u(1.0, 3.0)
        b.sheet(np.stack([x + 0.01 * wrinkle.T[:1].mean() + 0.02 * wrinkle, y, z], -1), linen[1])
        b.ribbon([(start + 0.05, w * y[0, -1] * 0.98, z[1, k] + 0.012) for k, w in enumerate(across)], (0.05, 0, 0), linen[0])
        for s in (0, -1) if d.chance(0.6) else ():  # hangs over the side
            edge = np.stack([x[:, s], y[:, s], z[:, s]], -1)
            hang = np.stack([edge, edge + [0, 0.02 * np.sign(y[0, s]), -0.08], edge + [0, 0, -d.u(0.12, 0.3)]], 1)
            hang[:, 1:] += d.noise().randn(30, 2, 3) * 0.008
            b.sheet(hang, linen[1])
    elif d.chance(0.6):  # folded at the foot end
        for k in range(3):
            b.blob(
                (half * 0.68, d.u(-0.03, 0.03), top + 0.025 + 0.045 * k),
                (0.2, wide * 0.75, 0.026),
                linen[k % 2],
                0.3,
                rough=crumple(d.noise(), 0.004),
            )


def _rails(b: Builder, d: Dice, half: float, wide: float, top: float, metal: Paint, panel: Paint, inlay: Paint) -> None:
    """Side rails: tubes with bars, or moulded panels, up or let down."""
    kind = d.pick(("tubes", "tubes", "panels", "panels", "none"))
    for s in (-1, 1):
        y, drop = s * (wide + 0.035), 0.0 if d.chance(0.65) else 0.26
        if kind == "tubes":
            a, e = -half * 0.62, half * d.u(0.4, 0.7)
            low, up = top - 0.08 - drop, top + 0.24 - drop
            b.tube(bend([(a, y, low), (a - 0.03, y, up), (e + 0.03, y, up), (e, y, low)], 0.08), 0.014, metal)
            for t in np.linspace(a + 0.12, e - 0.12, d.pick((4, 6, 8))):
                b.tube([(t, y, low), (t, y, up)], 0.008, metal, 6)
            b.tube([(a, y, low), (e, y, low)], 0.014, metal, 6)
            b.tube([(a, y, (low + up) / 2), (e, y, (low + up) / 2)], 0.008, metal, 6)
            b.box((e, y, low), (0.03, 0.025, 0.04), d.pick((BLACK, inlay)))
        elif kind == "panels":
            for x, long in ((-half * 0.5, half * 0.3), (half * 0.25, half * d.u(0.25, 0.33))):
                z = top + 0.1 - drop
                b.blob((x, y, z), (long, 0.018, 0.17), panel, 0.4)
                b.blob((x, y + s * 0.004, z + 0.09), (long * 0.45, 0.02, 0.028), BLACK, 0.5, fine=8)
                b.blob((x, y + s * 0.004, z - 0.04), (long * 0.75, 0.018, 0.05), inlay, 0.4, fine=9)
                for t in (-0.5, 0.5):
                    b.tube([(x + t * long, y - s * 0.02, z - 0.1), (x + t * long, y - s * 0.02, top - 0.14)], 0.016, STEEL, 6)


def _extras(b: Builder, d: Dice, half: float, wide: float, top: float, inlay: Paint) -> None:
    """Drip on its pole, hand set with its cable, monitor, bottle, bag."""
    if d.chance(0.45):
        x, y, z = -half + d.u(0.0, 0.3), d.sign() * (wide + 0.02), d.u(1.5, 1.85)
        b.tube([(x, y, top - 0.2), (x, y, 1.25), (x, y, z)], [0.012, 0.01, 0.007], CHROME, 6)
        for s in (-1, 1):
            b.tube([(x, y, z), (x + s * 0.07, y, z + 0.005), (x + s * 0.08, y, z + 0.03)], 0.004, CHROME, 4)
        for s in (-1, 1) if d.chance(0.4) else (1,):
            b.blob(
                (x + s * 0.075, y, z - 0.11),
                (0.045, 0.015, 0.1),
                Paint(d.pick(((0.8, 0.82, 0.85), (0.75, 0.65, 0.3), (0.35, 0.02, 0.02))), roughness=0.15, see_through=0.35),
                0.5,
                fine=9,
            )
            b.tube([(x + s * 0.075, y, z - 0.21), (x + 0.1, y * 0.9, top + 0.4), (x + 0.35, y * 0.5, top + 0.13)], 0.003, WHITE, 4)
        if d.chance(0.5):
            b.blob((x, y, 1.2), (0.06, 0.08, 0.1), d.pick((WHITE, BLACK, inlay)), 0.3, fine=9)
            b.box((x + 0.06, y, 1.23), (0.004, 0.06, 0.035), Paint((0.05, 0.3, 0.3), roughness=0.1, glow=d.pick((0, 1))))
    if d.chance(0.45):
        s = d.sign()
        b.box((d.u(-0.4, 0.2), s * (wide + 0.06), top + 0.1), (0.04, 0.015, 0.09), d.pick((WHITE, BLACK)))
        b.tube(
            [(0, s * (wide + 0.06), top + 0.02), (-0.1, s * (wide + 0.08), top - 0.2), (-0.3, s * wide * 0.8, top - 0.15)], 0.006, BLACK, 5
        )
    if d.chance(0.25):  # oxygen
        c = Paint(d.pick(((0.02, 0.2, 0.45), (0.02, 0.25, 0.08), (0.7,) * 3)), roughness=0.2)
        x, low = d.u(-0.3, 0.4), 0.34
        b.skin_along(
            [(x - 0.26, low, 0.03, 0.03), (x - 0.22, low, 0.06, 0.06), (x + 0.2, low, 0.06, 0.06), (x + 0.26, low, 0.03, 0.03)], c, 1
        )
        b.blob((x + 0.3, 0, low), (0.03, 0.025, 0.025), CHROME, 0.6, fine=8)
    if d.chance(0.25):
        b.blob(
            (d.u(0, 0.4), d.sign() * (wide + 0.03), top - 0.25),
            (0.08, 0.012, 0.1),
            Paint((0.75, 0.7, 0.4), roughness=0.2, see_through=0.3),
            0.5,
            fine=9,
        )
    if d.chance(0.25):  # monitor
        x, y = half * d.u(0.3, 0.75), d.sign() * wide * 0.9
        b.blob((x, y, top + 0.3), (0.06, 0.13, 0.1), d.pick((WHITE, BLACK)), 0.25, fine=9)
        b.box((x - 0.06, y, top + 0.31), (0.003, 0.1, 0.065), Paint((0.02, 0.06, 0.08), roughness=0.08, glow=d.pick((0, 0.8))))
        b.tube([(x, y, top - 0.15), (x, y, top + 0.2)], 0.014, CHROME, 6)


def _stretcher(b: Builder, d: Dice) -> tuple[float, float]:
    """An ambulance stretcher: three padded parts, belts, folding legs, arched rails."""
    half, wide, top = d.u(0.9, 0.98), d.u(0.25, 0.3), d.u(0.6, 0.9)
    metal = d.pick(
        (
            Paint((0.6, 0.45, 0.02), roughness=0.25),
            Paint((0.6, 0.45, 0.02), roughness=0.25),
            STEEL,
            CHROME,
            BLACK,
            Paint((0.5, 0.05, 0.02), roughness=0.2),
        )
    )
    mat = Paint(
        d.pick(
            (
                (0.75, 0.25, 0.02),
                (0.7, 0.5, 0.03),
                (0.012,) * 3,
                (0.012,) * 3,
                (0.03, 0.1, 0.35),
                (0.02, 0.2, 0.12),
                (0.4, 0.03, 0.03),
                (0.25,) * 3,
            )
        ),
        roughness=d.u(0.2, 0.5),
    )
    r, low = d.u(0.07, 0.1), top - 0.07
    ends = (-half * d.u(0.65, 0.8), half * d.u(0.65, 0.8))
    for x in ends:
        for y in (-wide * 0.85, wide * 0.85):
            castor(b, d, x, y, r, 2.4 * r, RUBBER, d.pick((BLACK, STEEL)), brake=d.chance(0.5))
    z = 2.5 * r
    b.tube(
        bend(
            [(ends[0], -wide * 0.85, z), (ends[1], -wide * 0.85, z), (ends[1], wide * 0.85, z), (ends[0], wide * 0.85, z)],
            0.06,
            closed=True,
        ),
        0.017,
        metal,
    )
    crossed = d.chance(0.6)
    for s in (-1, 1):
        y = s * wide * 0.8
        for e in (0, 1):
            foot, head = (ends[e], z), (ends[1 - e] * 0.85 if crossed else ends[e] * 0.7, low)
            b.tube([(foot[0], y, foot[1]), (head[0], y * (0.9 if e else 1), head[1])], 0.018, metal, 7)
            b.tube(
                [
                    (foot[0] * 0.8 + head[0] * 0.2, y, foot[1] * 0.8 + head[1] * 0.2),
                    (foot[0] * 0.4 + head[0] * 0.6, y, foot[1] * 0.4 + head[1] * 0.6),
                ],
                0.024,
                BLACK,
                7,
            )
        b.tube([(-half, s * wide, low), (half, s * wide, low)], 0.019, metal)
        b.tube([(s * half, -wide, low), (s * half, wide, low)], 0.017, metal)
        for y2 in (-1, 1):
            b.tube([(s * half, y2 * wide * 0.85, low), (s * (half + 0.09), y2 * wide * 0.85, low)], 0.017, d.pick((BLACK, RUBBER)))
    if crossed:
        b.tube([(0, -wide * 0.85, (z + low) / 2), (0, wide * 0.85, (z + low) / 2)], 0.02, BLACK, 6)
    rise, hinge = d.pick((0.0, d.u(0.15, 0.9))), -0.12
    for a, e in ((-half + 0.02, hinge - 0.01), (hinge + 0.01, 0.42), (0.43, half - 0.02)):
        x = np.array([a, a + 0.025, (a + e) / 2, e - 0.025, e])
        h = top + _rest(x, hinge, rise) * 0.8
        b.skin_along(
            [(float(q), float(w), (wide - 0.02) * k, 0.042 * k) for q, w, k in zip(x, h, (0.9, 1, 1, 1, 0.9), strict=True)], mat, 0.28
        )
        for s in (-1, 1):
            b.tube([(q, s * (wide - 0.025), w + 0.03) for q, w in zip(x, h, strict=True)], 0.005, BLACK, 5)
    patient = d.chance(0.4)
    if patient or d.chance(0.45):
        _linen(b, d, half - 0.04, wide - 0.02, top + 0.04, hinge, rise * 0.95, patient)
    belt = Paint(d.pick(((0.01,) * 3, (0.01,) * 3, (0.5, 0.02, 0.02), (0.6, 0.4, 0.02), (0.02, 0.08, 0.4))), roughness=0.5)
    for x in (-0.4, 0.12, 0.6) if d.chance(0.8) else ():
        base = float(_rest(x, hinge, rise)) * 0.8
        up = base + (d.u(0.17, 0.22) if patient else d.u(0.05, 0.075))
        b.ribbon([(x, -wide - 0.01, low + base * 0.5), (x, -wide, top + base + 0.02), (x, -wide * 0.7, top + up), (x, 0, top + up + 0.02), (x, wide * 0.7, top + up), (x, wide, top + base + 0.02), (x, wide + 0.01, low + base * 0.5)], (0.024, 0, 0), belt)  # fmt: skip
        b.box((x, d.u(-0.08, 0.08), top + up + 0.022), (0.03, 0.035, 0.008), d.pick((CHROME, paint.RED_LAMP, BLACK)))
    for s in (-1, 1) if d.chance(0.75) else ():
        a, e, up = -0.3, d.u(0.15, 0.4), top + d.u(0.12, 0.2)
        b.tube(
            bend(
                [(a, s * (wide + 0.015), low), (a, s * (wide + 0.03), up), (e, s * (wide + 0.03), up), (e, s * (wide + 0.015), low)], 0.07
            ),
            0.012,
            d.pick((metal, BLACK, CHROME)),
            7,
        )
        b.tube([((a + e) / 2, s * (wide + 0.02), low), ((a + e) / 2, s * (wide + 0.03), up)], 0.009, metal, 6)
    if d.chance(0.35):
        z = low - 0.14
        b.blob(
            (-half * 0.6, 0, z),
            (0.2, wide * 0.75, 0.09),
            Paint(d.pick(((0.5, 0.05, 0.02), (0.01,) * 3, (0.03, 0.1, 0.3))), roughness=0.6),
            0.4,
        )
    _extras(b, d, half, wide, top, mat)
    return 2 * half + 0.2, 2 * wide + 0.1
