"""Prams and pushchairs: frame, seat or carry-cot, ribbed hood, footmuff, net, and for twins two of them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from . import paint
from .dice import Dice
from .fittings import Vehicle, castor
from .loads import bags
from .paint import BLACK, CHROME, RUBBER, STEEL, Paint
from .shapes import Builder, bend, crumple


@dataclass(frozen=True)
class _Look:
    """Paints that a pram's parts share."""

    frame: Paint
    fabric: Paint
    lining: Paint
    seam: Paint
    leather: Paint


def _look(d: Dice) -> _Look:
    dark = Paint(d.grey(0.008, 0.05), roughness=d.u(0.35, 0.8))
    fabric = d.pick((dark, dark, Paint(d.colour(), roughness=d.u(0.4, 0.85)), paint.cloth(d)))
    return _Look(
        frame=d.pick(
            (CHROME, CHROME, STEEL, BLACK, Paint((0.6, 0.35, 0.2), metallic=0.9, roughness=0.2), Paint(d.grey(0.5, 0.8), roughness=0.15))
        ),
        fabric=fabric,
        lining=fabric if d.chance(0.5) else paint.cloth(d),
        seam=d.pick((BLACK, STEEL, Paint(d.colour(), roughness=0.6))),
        leather=Paint(d.pick(((0.012,) * 3, (0.012,) * 3, (0.2, 0.09, 0.04), (0.3,) * 3)), roughness=0.35),
    )


def _hood(b: Builder, d: Dice, look: _Look, at: tuple[float, float], w: float, y: float) -> None:
    """Cloth over ribs that fan out from two hinges; folded back or pulled far over, at times with a window."""
    px, pz = at
    reach, back, front = d.u(0.3, 0.38), math.radians(d.u(155, 185)), math.radians(d.u(25, 95))
    ribs, cloth = d.pick((3, 4)), look.fabric if d.chance(0.65) else look.lining
    rows = []
    angles = np.linspace(back, front, 4 * ribs + 1)
    for i, a in enumerate(angles):
        r = reach * (1 - 0.05 * math.sin(math.pi * (i % 4) / 4))  # sags between the ribs
        c, s = math.cos(a), math.sin(a)
        foot, top = 0.25 * r, r
        rows.append(
            bend(
                [
                    (px + foot * c, -w, pz + foot * s),
                    (px + top * c, -w, pz + top * s),
                    (px + top * c, w, pz + top * s),
                    (px + foot * c, w, pz + foot * s),
                ],
                w * 0.7,
                steps=8,
            )
        )
    grid = np.array(rows) + [0, y, 0]
    b.sheet(grid, cloth)
    for i in range(0, len(rows), 4):
        b.tube(grid[i] + [0, 0, 0.003], 0.007, look.seam if i and i < len(rows) - 1 else cloth, 5)
    if d.chance(0.4):  # peak
        edge = grid[-1][5:-5]
        b.sheet(np.stack([edge, edge + [0.07 * math.sin(front), 0, -0.07 * math.cos(front) - 0.02]], 1), look.lining)
    for s in (-1, 1):
        b.blob((px, y + s * w, pz), (0.035, 0.014, 0.035), look.leather, 0.9, fine=8)
    if d.chance(0.35):
        k, m = 4 * (ribs // 2), grid.shape[1] // 2
        b.sheet(grid[k + 1 : k + 4, m - 1 : m + 1] + [0, 0, 0.006], Paint((0.05,) * 3, roughness=0.08))


def _cot(b: Builder, d: Dice, look: _Look, w: float, y: float) -> None:
    """A carry-cot with a rim, seams and an apron."""
    z, long = d.u(0.5, 0.58), d.u(0.36, 0.43)
    own = Builder()
    own.skin_up(
        [
            (z, 0, w * 0.72, long * 0.8),
            (z + 0.04, 0, w * 0.88, long * 0.93),
            (z + 0.2, 0, w, long),
            (z + 0.21, 0, w * 0.94, long * 0.97),
            (z + 0.12, 0, w * 0.85, long * 0.9),
        ],
        look.fabric,
        0.62,
    )
    a = np.linspace(0, 2 * math.pi, 25)
    rim = np.stack(
        [long * np.sign(np.cos(a)) * np.abs(np.cos(a)) ** 0.62, w * np.sign(np.sin(a)) * np.abs(np.sin(a)) ** 0.62, np.full(25, z + 0.2)],
        -1,
    )
    own.tube(rim, 0.011, look.seam, 6)
    own.tube(rim * [0.95, 0.93, 1] - [0, 0, 0.14], 0.006, look.seam, 5)
    own.blob((-0.1, 0, z + 0.16), (long * 0.75, w * 0.8, 0.03), Paint((0.7, 0.7, 0.68), roughness=0.9), 0.6)
    if d.chance(0.8):
        own.skin_along(
            [
                (long * 1.02, z + 0.14, w * 0.6, 0.06),
                (long * 0.85, z + 0.19, w * 1.01, 0.06),
                (0.1, z + 0.22, w * 1.03, 0.06),
                (0.0, z + 0.21, w, 0.04),
            ],
            look.fabric,
            0.6,
        )
        own.tube([(0.02, -w, z + 0.23), (0.03, 0, z + 0.27), (0.02, w, z + 0.23)], 0.008, look.seam, 5)
    if d.chance(0.5):
        own.blob((-long * 0.55, 0, z + 0.22), (0.075, 0.065, 0.065), Paint(d.pick(((0.6, 0.4, 0.3), (0.4, 0.25, 0.17))), roughness=0.6), 1)
        own.blob((-long * 0.6, 0, z + 0.225), (0.07, 0.07, 0.07), paint.cloth(d), 1, fine=9)
    b.mesh_in(own.build().moved((0, y, 0)))
    _hood(b, d, look, (-long * 0.35, z + 0.18), w * 0.97, y)


def _seat(b: Builder, d: Dice, look: _Look, w: float, y: float) -> None:
    """A seat in its frame: padded back and sides, harness, bar, footmuff or child."""
    z, lean = d.u(0.44, 0.52), d.u(0.12, 0.32)
    own = Builder()
    own.skin_along(
        [(-0.14, z + 0.02, w * 0.9, 0.03), (0.0, z, w * 0.95, 0.045), (0.16, z + 0.02, w * 0.95, 0.045), (0.22, z - 0.02, w * 0.85, 0.03)],
        look.lining,
        0.5,
    )
    own.skin_up(
        [
            (z, -0.13, w * 0.8, 0.04),
            (z + 0.08, -0.13 - lean * 0.2, w * 0.98, 0.045),
            (z + 0.35, -0.13 - lean * 0.8, w * 0.95, 0.04),
            (z + 0.5, -0.13 - lean, w * 0.7, 0.03),
        ],
        look.fabric,
        0.55,
        -0.07,
    )
    own.skin_up([(z + 0.06, -0.09 - lean * 0.1, w * 0.6, 0.03), (z + 0.42, -0.1 - lean * 0.85, w * 0.55, 0.03)], look.lining, 0.5, -0.03)
    own.skin_up([(z - 0.26, 0.34, w * 0.7, 0.015), (z - 0.1, 0.27, w * 0.85, 0.025), (z, 0.22, w * 0.85, 0.025)], look.fabric, 0.5)
    for s in (-1, 1):
        own.tube(
            [(-0.13 - lean, s * w * 0.8, z + 0.48), (-0.12, s * w, z + 0.05), (0.2, s * w, z - 0.01), (0.36, s * w * 0.75, z - 0.27)],
            0.011,
            look.frame,
            6,
        )
        own.ribbon([(-0.06 - lean * 0.6, s * 0.06, z + 0.33), (0.0, s * 0.06, z + 0.14), (0.06, 0.0, z + 0.06)], (0, 0.013, 0), BLACK)
    if d.chance(0.7):
        own.tube(
            bend([(0.0, -w, z + 0.14), (0.24, -w * 0.9, z + 0.2), (0.24, w * 0.9, z + 0.2), (0.0, w, z + 0.14)], 0.1), 0.015, look.leather
        )
    if d.chance(0.4):
        skin = Paint(d.pick(((0.6, 0.4, 0.3), (0.4, 0.25, 0.17))), roughness=0.6)
        own.blob((-0.08 - lean * 0.7, 0, z + 0.38), (0.085, 0.078, 0.09), skin, 1)
        own.blob((-0.1 - lean * 0.75, 0, z + 0.4), (0.088, 0.085, 0.085), d.pick((paint.cloth(d), BLACK)), 1)
        own.blob((-0.03 - lean * 0.3, 0, z + 0.18), (0.1, 0.12, 0.13), paint.cloth(d), 0.8)
        for s in (-1, 1):
            own.tube(
                [(0.0, s * 0.06, z + 0.08), (0.2, s * 0.08, z + 0.09), (0.26, s * 0.08, z - 0.12)], [0.05, 0.045, 0.035], paint.cloth(d)
            )
    elif d.chance(0.5):  # footmuff
        c = look.fabric if d.chance(0.5) else Paint(d.colour(), roughness=d.u(0.3, 0.8))
        own.skin_along(
            [
                (-0.12, z + 0.16, w * 0.75, 0.09),
                (0.02, z + 0.12, w * 0.85, 0.11),
                (0.2, z + 0.06, w * 0.85, 0.1),
                (0.32, z - 0.08, w * 0.8, 0.1),
                (0.4, z - 0.2, w * 0.6, 0.06),
            ],
            c,
            0.7,
        )
        own.tube([(-0.1, 0.03, z + 0.26), (0.05, 0.03, z + 0.235), (0.2, 0.03, z + 0.165), (0.33, 0.03, z + 0.02)], 0.006, look.seam, 5)
        own.blob(
            (-0.12, 0, z + 0.25),
            (0.04, w * 0.8, 0.03),
            Paint(d.pick(((0.6, 0.55, 0.5), (0.03,) * 3)), roughness=1.0),
            0.8,
            rough=crumple(d.noise(), 0.006),
        )
    b.mesh_in(own.build().moved((0, y, 0)))
    if d.chance(0.85):
        _hood(b, d, look, (-0.12 - lean * 0.6, z + 0.3), w * 0.97, y)


def pram(d: Dice) -> Vehicle:
    """Pushchair or carry-cot on a shiny frame, single or for twins; the handle is behind."""
    b, look = Builder(), _look(d)
    twins = d.chance(0.12)
    w = d.u(0.17, 0.22)
    full = w * 2 + 0.03 if twins else w + 0.04
    r, rear = d.u(0.06, 0.1), d.u(0.08, 0.15)
    three, tyre = not twins and d.chance(0.15), d.pick((RUBBER, RUBBER, Paint((0.3,) * 3, roughness=0.6), Paint((0.6,) * 3, roughness=0.5)))
    hub = d.pick((STEEL, BLACK, look.frame, Paint(d.colour(), roughness=0.25)))
    grip, out = d.u(0.95, 1.06), d.u(0.0, 0.1)
    if three:
        b.wheel(0.42, rear, rear * 0.22, hub, tyre, spokes=d.pick((0, 5, 12)))
        for s in (-1, 1):
            b.tube([(0.42, s * 0.04, rear), (0.36, s * 0.04, 2.2 * rear), (0.1, s * full * 0.8, 0.42)], 0.012, look.frame, 7)
    for s in (-1, 1):
        y = s * full
        b.wheel(-0.3, rear, rear * d.u(0.16, 0.24), hub, tyre, y=y + s * 0.03, spokes=d.pick((0, 5, 6, 16)))
        if not three:
            castor(b, d, 0.36, y * 0.9, r, 0.25, tyre, d.pick((BLACK, look.frame)))
            b.tube([(0.36, y * 0.9, 2.4 * r), (0.36, y * 0.9, 2.4 * r + 0.05), (0.1, y, 0.42)], 0.013, look.frame, 7)
        b.tube(
            bend([(0.1, y, 0.42), (-0.28, y, 0.72), (-0.46, y * 0.97, grip - 0.03), (-0.5 - out, y * 0.95, grip)], 0.08), 0.013, look.frame
        )
        b.tube([(-0.3, y + s * 0.02, rear), (-0.05, y, 0.5), (0.05, y, 0.53)], 0.013, look.frame)
        b.box((-0.03, y, 0.5), (0.035, 0.018, 0.028), BLACK)
        b.tube([(-0.3, y, rear + 0.05), (-0.36, y * 0.9, rear + 0.06)], [0.012, 0.02], d.pick((BLACK, paint.RED_LAMP)), 5)
        if d.chance(0.4):
            b.tube([(-0.3, y, rear + 0.02), (-0.2, y, rear + 0.14)], 0.018, d.pick((STEEL, BLACK)), 7)
    if twins or d.chance(0.8):
        b.tube([(-0.5 - out, -full * 0.95, grip), (-0.52 - out, 0, grip + 0.01), (-0.5 - out, full * 0.95, grip)], 0.017, look.leather)
    else:
        for s in (-1, 1):
            b.tube([(-0.48 - out, s * full * 0.95, grip), (-0.6 - out, s * full * 0.95, grip + 0.01)], 0.02, look.leather)
    b.tube([(-0.3, -full, rear), (-0.3, full, rear)], 0.01, look.frame, 6)
    b.tube([(0.1, -full, 0.42), (0.1, full, 0.42)], 0.01, look.frame, 6)
    cot = d.chance(0.35)
    for y in (-w - 0.015, w + 0.015) if twins else (0.0,):
        (_cot if cot else _seat)(b, d, look, w, y)
    if d.chance(0.75):  # net or basket below, with shopping
        net = d.pick((BLACK, look.fabric))
        b.skin_along(
            [
                (-0.32, 0.3, full * 0.8, 0.06),
                (-0.28, 0.26, full * 0.88, 0.09),
                (0.2, 0.24, full * 0.85, 0.08),
                (0.27, 0.27, full * 0.7, 0.05),
            ],
            net,
            0.4,
        )
        for s in (-1, 1):
            b.tube([(-0.32, s * full * 0.85, 0.35), (0.27, s * full * 0.75, 0.31)], 0.008, look.frame, 5)
        if d.chance(0.4):
            b.mesh_in(bags(d, 0.2, full * 0.7).moved((-0.03, 0, 0.29), 0, 0, 0.6))
    if d.chance(0.3):
        cup = Paint(d.pick(((0.02,) * 3, (0.7,) * 3, d.vivid())), roughness=0.25)
        y = d.sign() * (full + 0.06)
        b.tube([(-0.44, y, grip - 0.13), (-0.44, y, grip - 0.01)], [0.032, 0.04], BLACK)
        b.tube([(-0.44, y, grip - 0.1), (-0.44, y, grip + 0.05)], 0.03, cup)
    if d.chance(0.4):  # the changing bag on the handle
        c = paint.cloth(d)
        z, x = grip - d.u(0.25, 0.35), -0.55 - out
        b.skin_up([(z - 0.13, x, 0.15, 0.06), (z - 0.1, x, 0.17, 0.085), (z + 0.08, x, 0.165, 0.075), (z + 0.12, x, 0.13, 0.05)], c, 0.5)
        b.box((x - 0.08, 0, z - 0.03), (0.01, 0.12, 0.06), c)
        for s in (-1, 1):
            b.ribbon([(x, s * 0.14, z + 0.1), (x + 0.03, s * 0.13, grip + 0.018)], (0, 0.012, 0), BLACK)
    return Vehicle("pram", "pram", b.build(), 1.05, 2 * full + 0.08)
