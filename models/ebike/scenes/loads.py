"""What lies on trolleys and beside people: cartons, crates, bottles, luggage, bags, machines, plants, covered heaps.

Each load is a mesh that stands on z = 0 around the origin, no larger than the half length and half width it is given. Many are dark, shiny and
curved, so that such a heap on wheels is not taken for an e-bike.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import cv2
import numpy as np

from . import paint
from .dice import Dice
from .paint import BLACK, CHROME, RUBBER, STEEL, Paint
from .shapes import Builder, Mesh, bend, crumple, outline

WHITE = Paint((0.75, 0.75, 0.73), roughness=0.5)


def carton(d: Dice) -> Paint:
    return Paint(d.pick(((0.35, 0.22, 0.1), (0.4, 0.27, 0.14), (0.45, 0.32, 0.18), d.colour())), roughness=0.85)


def _label(d: Dice) -> Paint:
    """A printed slip: lines, a bar code."""
    picture = np.full((40, 60, 3), d.pick((0.85, 0.85, 0.8, 0.5)), np.float32)
    ink = d.pick(((0.03,) * 3, (0.03,) * 3, (0.5, 0.05, 0.05), (0.05, 0.1, 0.4)))
    for y in range(6, 22, 5):
        cv2.line(picture, (4, y), (d.i(20, 54), y), ink, 1)
    for x in range(6, 54, 3):
        cv2.line(picture, (x, 26), (x, 36), ink, d.i(1, 2))
    return Paint((0.7,) * 3, roughness=0.4, picture=picture)


def box_of_card(b: Builder, d: Dice, centre: tuple[float, float, float], half: tuple[float, float, float], yaw: float = 0.0) -> None:
    """One carton: tape over the flaps, a slip, at times bands around it."""
    own, (hx, hy, hz) = Builder(), half
    card = carton(d)
    own.box((0, 0, 0), half, card)
    tape = Paint(d.pick(((0.5, 0.38, 0.2), (0.55, 0.5, 0.4), (0.8, 0.8, 0.78), (0.25, 0.13, 0.05))), roughness=0.15)
    e = 0.002
    if d.chance(0.85):
        w = d.u(0.02, 0.03)
        drop = hz - d.u(0.04, 0.12)
        own.ribbon([(-hx - e, 0, drop), (-hx - e, 0, hz + e), (hx + e, 0, hz + e), (hx + e, 0, drop)], (0, w, 0), tape)
        for s in (-1, 1) if d.chance(0.3) else ():
            own.ribbon([(s * (hx - 0.02), -hy - e, drop), (s * (hx - 0.02), -hy - e, hz + 2 * e), (s * (hx - 0.02), hy + e, hz + 2 * e),
                        (s * (hx - 0.02), hy + e, drop)], (w, 0, 0), tape)  # fmt: skip
    else:
        own.box((0, 0, hz), (hx, 0.002, 0.001), BLACK)
    if d.chance(0.6):
        own.quad(
            (d.u(-0.4, 0.4) * hx, d.sign() * 0.5 * hy, hz + 2 * e), (min(0.07, hx * 0.5), 0, 0), (0, min(0.045, hy * 0.4), 0), _label(d)
        )
    if d.chance(0.4):
        own.quad((0, -hy - e, d.u(-0.2, 0.3) * hz), (hx * 0.5, 0, 0), (0, 0, hz * 0.4), _label(d))
    if d.chance(0.25):
        band = Paint(d.pick(((0.05, 0.2, 0.6), (0.7, 0.6, 0.05), (0.02,) * 3, (0.7,) * 3)), roughness=0.3)
        for t in (-0.5, 0.5):
            x = t * hx
            own.ribbon([(x, -hy - e, -hz), (x, -hy - e, hz + 3 * e), (x, hy + e, hz + 3 * e), (x, hy + e, -hz)], (0.007, 0, 0), band)
    b.mesh_in(own.build().moved(centre, yaw))


def cartons(d: Dice, hx: float, hy: float) -> Mesh:
    b, z = Builder(), 0.0
    for _ in range(d.i(1, 4)):
        high, two = d.u(0.07, 0.19), d.chance(0.35)
        if two:
            for s in (-1, 1):
                box_of_card(b, d, (s * hx * 0.48, 0, z + high), (hx * d.u(0.36, 0.46), hy * d.u(0.65, 0.95), high), d.u(-0.06, 0.06))
        else:
            box_of_card(b, d, (d.u(-0.1, 0.1) * hx, 0, z + high), (hx * d.u(0.5, 0.92), hy * d.u(0.55, 0.95), high), d.u(-0.12, 0.12))
        z += 2 * high
    return b.build()


def crates(d: Dice, hx: float, hy: float) -> Mesh:
    """Plastic crates with a rim, ribs and handle holes, full of something or not."""
    b = Builder()
    shell = Paint(
        d.pick(((0.02, 0.1, 0.4), (0.5, 0.03, 0.02), (0.02, 0.2, 0.08), (0.6, 0.45, 0.03), (0.3,) * 3, (0.02,) * 3)), roughness=0.3
    )
    x, y, high = hx * d.u(0.65, 0.95), hy * d.u(0.75, 0.97), d.u(0.09, 0.16)
    n = d.i(1, 3)
    for k in range(n):
        z = k * (2 * high + 0.01)
        b.blob((0, 0, z + high), (x * 0.96, y * 0.96, high), shell, 0.15, taper=0.03)
        for up in (0.03, high, 2 * high - 0.02):
            b.tube(outline(x, y, z + up, 0.03), 0.011, shell, 6)
        for t in np.linspace(-0.8, 0.8, 6):
            for s in (-1, 1):
                b.box((t * x, s * y * 0.99, z + high), (0.006, 0.008, high * 0.95), shell)
        for s in (-1, 1):
            b.box((s * x, 0, z + high * 1.5), (0.004, 0.055, 0.017), BLACK)
    top = n * (2 * high + 0.01) - 0.012
    b.box((0, 0, top), (x * 0.9, y * 0.9, 0.006), BLACK)
    if d.chance(0.7):
        goods = [
            Paint(d.pick(((0.4, 0.08, 0.02), (0.1, 0.25, 0.03), (0.5, 0.35, 0.05), (0.02,) * 3, d.vivid())), roughness=d.u(0.1, 0.7))
            for _ in "ab"
        ]
        for i in np.linspace(-0.7, 0.7, 5):
            for j in np.linspace(-0.65, 0.65, 4):
                b.blob((i * x, j * y, top + d.u(0.0, 0.02)), (x * 0.18, y * 0.22, d.u(0.03, 0.06)), d.pick(goods), 1, fine=7)
    return b.build()


def water(d: Dice, hx: float, hy: float) -> Mesh:
    """Bottles in film, layer on layer; or the large blue ones."""
    b = Builder()
    if d.chance(0.3):
        blue = Paint((0.15, 0.35, 0.65), roughness=0.08, see_through=0.45)
        for x in (-0.48, 0.48) if hx > 0.25 else (0,):
            for y in (-0.5, 0.5) if hy > 0.26 else (0,):
                r = min(0.135, hx * 0.9, hy * 0.9)
                for z in (0.06, 0.18, 0.3):
                    b.blob((x * hx, y * hy, z), (r, r, 0.065), blue, 0.45, fine=9)
                b.blob((x * hx, y * hy, 0.4), (0.04, 0.04, 0.06), blue, 0.6, fine=8)
                b.blob((x * hx, y * hy, 0.46), (0.03, 0.03, 0.02), WHITE, 0.4, fine=8)
        return b.build()
    film = Paint((0.75, 0.8, 0.85), roughness=0.08, see_through=0.7)
    cap, slip = Paint(d.vivid(), roughness=0.4), Paint(d.pick(((0.5, 0.05, 0.05), (0.05, 0.2, 0.5), (0.05, 0.35, 0.12))), roughness=0.25)
    layers, high = d.i(1, 3), 0.115
    nx, ny = max(2, int(hx / 0.04)), max(2, int(hy / 0.04))
    x, y = hx * 0.93, hy * 0.93
    for k in range(layers):
        z = k * 2 * high * 1.12 + high
        b.blob((0, 0, z), (x, y, high), film, 0.15, rough=crumple(d.noise(), 0.003))
        b.blob((0, 0, z), (x * 1.003, y * 1.003, high * 0.35), slip, 0.12)
    z = layers * 2 * high * 1.12 - 0.025
    for i in np.linspace(-1, 1, min(nx, 8)):
        for j in np.linspace(-1, 1, min(ny, 6)):
            b.blob((i * x * 0.86, j * y * 0.84, z), (0.018, 0.018, 0.022), cap, 0.5, fine=6)
    return b.build()


def suitcase(d: Dice, half: tuple[float, float, float] | None = None, pulled: float = 0.6) -> Mesh:
    """A standing case: two shells with a seam or a bag with pockets, castors, a handle that is ``pulled`` out so often."""
    b = Builder()
    deep, wide, high = half or (d.u(0.1, 0.15), d.u(0.17, 0.25), d.u(0.23, 0.36))
    hard = d.chance(0.65)
    shell = (
        Paint(d.colour(), metallic=d.pick((0, 0, 0.4, 0.9)), roughness=d.u(0.07, 0.35))
        if hard
        else Paint(d.grey(0.01, 0.06), roughness=0.85)
    )
    trim = d.pick((BLACK, BLACK, STEEL, Paint(d.colour(), roughness=0.4)))
    z = high + 0.05
    b.blob((0, 0, z), (deep, wide, high), shell, d.u(0.2, 0.32))
    b.tube(bend([(0, -wide, 0.07), (0, wide, 0.07), (0, wide, z + high), (0, -wide, z + high)], 0.06, closed=True), 0.008, trim, 6)
    if hard:  # grooves down both shells
        for t in np.linspace(-0.65, 0.65, d.pick((3, 5, 7))):
            for s in (-1, 1):
                b.tube(
                    [
                        (s * deep * 0.97, t * wide, z - high * 0.75),
                        (s * deep * 1.01, t * wide, z),
                        (s * deep * 0.97, t * wide, z + high * 0.75),
                    ],
                    0.008,
                    shell,
                    5,
                )
        b.box((0, wide, z + 0.05), (0.025, 0.01, 0.03), trim)
    else:
        b.blob((deep, 0, z - high * 0.3), (0.03, wide * 0.8, high * 0.45), shell, 0.3)
        b.tube(bend([(deep + 0.025, -wide * 0.7, z - high * 0.7), (deep + 0.025, -wide * 0.7, z), (deep + 0.025, wide * 0.7, z), (deep + 0.025, wide * 0.7, z - high * 0.7)], 0.05), 0.004, d.pick((STEEL, BLACK)), 4)  # fmt: skip
    for x in (-0.75, 0.75):
        for y in (-0.75, 0.75):
            b.blob((x * deep, y * wide, 0.025), (0.025, 0.012, 0.025), RUBBER, 1, fine=7)
            b.box((x * deep, y * wide, 0.05), (0.014, 0.018, 0.012), trim)
    top = z + high
    b.tube(bend([(-0.02, -0.07, top), (-0.02, -0.07, top + 0.035), (-0.02, 0.07, top + 0.035), (-0.02, 0.07, top)], 0.03), 0.011, trim, 6)
    if d.chance(pulled):
        up = d.u(0.2, 0.42)
        for s in (-1, 1):
            b.tube([(-deep * 0.8, s * 0.085, top), (-deep * 0.8, s * 0.085, top + up)], 0.008, CHROME, 5)
        b.tube([(-deep * 0.8, -0.1, top + up), (-deep * 0.8, 0.1, top + up)], 0.015, BLACK, 6)
    return b.build()


def suitcases(d: Dice, hx: float, hy: float) -> Mesh:
    """Cases upright side by side or flat on one another, a bag on top."""
    b = Builder()
    if d.chance(0.5):
        n = max(1, int(hx / 0.16))
        for x in (np.arange(n) - (n - 1) / 2) * (2 * hx / n):
            b.mesh_in(
                suitcase(d, (min(0.13, hx / n * 0.9), min(hy * 0.9, d.u(0.18, 0.25)), d.u(0.23, 0.35))).moved((x, 0, 0), d.u(-0.08, 0.08))
            )
        return b.build()
    z = 0.0
    for _ in range(d.i(1, 3)):
        thick = d.u(0.09, 0.13)
        case = suitcase(d, (thick, min(hy * 0.9, 0.24), min(hx * 0.9, d.u(0.25, 0.36))), 0)
        low = case.vertices.mean(0)
        b.mesh_in(
            Mesh(case.vertices - low, case.faces, case.paint_of_face, case.smooth, case.paints, case.uvs).moved(
                (0, 0, z + thick), 0, math.pi / 2
            )
        )
        z += 2 * thick
    return b.build()


def luggage(b: Builder, d: Dice) -> None:
    """One standing case or a few side by side, as people bring them."""
    n = d.weighted({1: 0.6, 2: 0.28, 3: 0.12})
    for k in range(n):
        b.mesh_in(suitcase(d).moved((d.u(-0.05, 0.05), 0.45 * (k - (n - 1) / 2), 0), d.u(-0.4, 0.4)))


def bags(d: Dice, hx: float, hy: float) -> Mesh:
    """Sacks, sports bags, refuse bags: folds, straps, knots."""
    b = Builder()
    for _ in range(d.i(2, 5)):
        r = (hx * d.u(0.4, 0.75), hy * d.u(0.45, 0.8), d.u(0.1, 0.22))
        x, y = d.u(-1, 1) * (hx - r[0]), d.u(-1, 1) * (hy - r[1])
        kind = d.pick(("refuse", "sport", "sack"))
        if kind == "refuse":
            film = Paint(d.pick(((0.008,) * 3, (0.008,) * 3, (0.02, 0.08, 0.25), (0.6,) * 3)), roughness=d.u(0.12, 0.35))
            b.blob((x, y, r[2]), r, film, 0.75, rough=crumple(d.noise(), 0.016), taper=-0.12)
            b.blob((x, y, 2 * r[2] + 0.03), (0.03, 0.03, 0.06), film, 0.9, taper=0.4, rough=crumple(d.noise(), 0.006, 8), fine=8)
        elif kind == "sport":
            c, strap = paint.cloth(d), d.pick((BLACK, WHITE, Paint(d.vivid(), roughness=0.6)))
            b.skin_along([(x - r[0], r[2], r[1] * 0.7, r[2] * 0.7), (x - r[0] * 0.9, r[2], r[1], r[2]), (x, r[2], r[1] * 1.03, r[2] * 0.95), (x + r[0] * 0.9, r[2], r[1], r[2]),
                          (x + r[0], r[2], r[1] * 0.7, r[2] * 0.7)], c, 0.6)  # fmt: skip
            b.tube([(x - r[0] * 0.8, 0, 2 * r[2] - 0.002), (x + r[0] * 0.8, 0, 2 * r[2] - 0.002)], 0.006, strap, 5)
            for s in (-1, 1):
                b.tube(bend([(x - r[0] * 0.35, s * r[1], r[2] * 0.4), (x - r[0] * 0.3, s * 0.05, 2 * r[2] + 0.08), (x + r[0] * 0.3, s * 0.05, 2 * r[2] + 0.08), (x + r[0] * 0.35, s * r[1], r[2] * 0.4)], 0.06), 0.011, strap, 6)  # fmt: skip
        else:
            c = Paint(
                d.pick(((0.6, 0.58, 0.5), (0.4, 0.33, 0.2), (0.3, 0.35, 0.4), d.colour())),
                roughness=0.8,
                pattern=d.pick((None, "checker")),
                scale=20,
                second=d.colour(),
            )
            b.blob((x, y, r[2] * 0.8), (r[0], r[1], r[2] * 0.8), c, 0.45, rough=crumple(d.noise(), 0.008))
            b.tube([(x - r[0], y - r[1] * 0.9, r[2] * 0.8), (x - r[0], y + r[1] * 0.9, r[2] * 0.8)], 0.008, WHITE, 5)
    return b.build()


def appliance(d: Dice, hx: float, hy: float) -> Mesh:
    """A refrigerator or washing machine, bare or in its carton."""
    b = Builder()
    x, y, high = min(hx * 0.9, 0.32), min(hy * 0.95, 0.3), d.u(0.38, 0.62)
    if d.chance(0.4):
        box_of_card(b, d, (0, 0, high), (x, y, high))
        return b.build()
    shell = Paint(d.pick(((0.75,) * 3, (0.75,) * 3, (0.4,) * 3, (0.015,) * 3)), metallic=d.pick((0, 0.6)), roughness=d.u(0.1, 0.3))
    b.blob((0, 0, high), (x, y, high), shell, 0.15)
    b.box((x + 0.001, 0, high * 1.15), (0.004, y * 0.97, 0.004), BLACK)
    if d.chance(0.5):
        b.blob((x, 0, high * 0.9), (0.03, y * 0.6, y * 0.6), CHROME, 1)
        b.blob((x + 0.01, 0, high * 0.9), (0.03, y * 0.48, y * 0.48), Paint((0.02,) * 3, roughness=0.05), 1)
        b.box((x, 0, 2 * high - 0.07), (0.01, y * 0.9, 0.04), BLACK)
    else:
        b.tube(
            bend(
                [(x, -y * 0.8, high * 1.3), (x + 0.05, -y * 0.8, high * 1.3), (x + 0.05, -y * 0.8, high * 1.8), (x, -y * 0.8, high * 1.8)],
                0.02,
            ),
            0.011,
            CHROME,
            6,
        )
    for t in (0.4, 1.5) if d.chance(0.6) else ():  # held by bands
        z = high * t
        b.tube(outline(x, y, z, 0.03), 0.009, Paint(d.vivid(), roughness=0.6), 5)
    return b.build()


def tools(d: Dice, hx: float, hy: float) -> Mesh:
    """Tool boxes with latches, a coil of cable, a machine with a curved shiny housing."""
    b = Builder()
    c = Paint(d.pick(((0.5, 0.02, 0.02), (0.02,) * 3, (0.6, 0.4, 0.02), (0.02, 0.15, 0.2), (0.02, 0.1, 0.35))), roughness=d.u(0.1, 0.4))
    x, y, high = hx * 0.46, hy * d.u(0.6, 0.9), d.u(0.07, 0.13)
    for k in range(d.i(1, 3)):
        z = k * 2 * high
        b.blob((-hx * 0.5, 0, z + high), (x, y, high), c if k % 2 == 0 else BLACK, 0.2)
        b.box((-hx * 0.5, 0, z + high * 1.4), (x * 1.01, y * 1.01, 0.005), BLACK)
        for s in (-1, 1):
            b.box((-hx * 0.5 + x, s * y * 0.5, z + high * 1.4), (0.01, 0.025, 0.025), STEEL)
    b.tube(
        bend(
            [
                (-hx * 0.5, -0.08, z + 2 * high),
                (-hx * 0.5, -0.08, z + 2 * high + 0.06),
                (-hx * 0.5, 0.08, z + 2 * high + 0.06),
                (-hx * 0.5, 0.08, z + 2 * high),
            ],
            0.03,
        ),
        0.012,
        BLACK,
        6,
    )
    if d.chance(0.5):
        cable, r = (
            Paint(d.pick(((0.02,) * 3, (0.6, 0.25, 0.02), (0.5, 0.03, 0.03), (0.6, 0.6, 0.05))), roughness=0.3),
            min(hx * 0.42, hy * 0.8),
        )
        a = np.linspace(0, 2 * math.pi * 5, 80)
        wobble = 1 + 0.1 * np.sin(a * 1.3)
        b.tube(
            [(hx * 0.5 + r * w * math.cos(t), r * w * math.sin(t), 0.015 + 0.004 * t) for t, w in zip(a, wobble, strict=True)],
            0.011,
            cable,
            5,
        )
    else:  # compressor, generator, vacuum cleaner
        shell, up = Paint(d.colour(), metallic=d.pick((0, 0.3)), roughness=d.u(0.06, 0.25)), d.u(0.14, 0.22)
        b.skin_along(
            [
                (hx * 0.06, up * 0.8, hy * 0.4, up * 0.6),
                (hx * 0.2, up, hy * 0.75, up * 0.95),
                (hx * 0.7, up, hy * 0.8, up),
                (hx * 0.95, up * 0.8, hy * 0.5, up * 0.6),
            ],
            shell,
            d.u(0.4, 0.8),
        )
        b.tube(
            bend(
                [(hx * 0.2, 0, 2 * up - 0.02), (hx * 0.2, 0, 2 * up + 0.07), (hx * 0.8, 0, 2 * up + 0.07), (hx * 0.8, 0, 2 * up - 0.03)],
                0.05,
            ),
            0.014,
            BLACK,
            6,
        )
        b.box((hx * 0.96, 0, up * 0.8), (0.012, hy * 0.3, up * 0.3), BLACK)
        b.blob((hx * 0.5, hy * 0.7, up * 1.3), (0.03, 0.03, 0.03), d.pick((CHROME, paint.RED_LAMP)), 0.8, fine=8)
    return b.build()


def planter(d: Dice, hx: float, hy: float) -> Mesh:
    b = Builder()
    pot, r = Paint(d.pick(((0.015,) * 3, (0.3, 0.1, 0.04), (0.7,) * 3, d.vivid())), roughness=d.u(0.06, 0.5)), min(hx, hy) * d.u(0.65, 0.92)
    high = d.u(0.16, 0.28)
    b.skin_up(
        [
            (0, 0, r * 0.7, r * 0.7),
            (0.03, 0, r * 0.75, r * 0.75),
            (2 * high - 0.03, 0, r, r),
            (2 * high, 0, r * 1.05, r * 1.05),
            (2 * high + 0.01, 0, r * 0.97, r * 0.97),
            (2 * high - 0.03, 0, r * 0.9, r * 0.9),
        ],
        pot,
        d.pick((1.0, 0.3)),
    )
    green = [Paint((d.u(0.01, 0.06), d.u(0.08, 0.25), d.u(0.01, 0.05)), roughness=0.35) for _ in "abc"]
    for _ in range(d.i(10, 26)):
        a, out, up = d.u(0, 6.28), d.u(0.1, 0.4), 2 * high + d.u(0.15, 0.6)
        tip = np.array([out * math.cos(a), out * math.sin(a), up])
        mid = np.array([out * 0.5 * math.cos(a), out * 0.5 * math.sin(a), up * 0.9])
        side = np.array([-math.sin(a), math.cos(a), 0])
        wide = d.u(0.015, 0.05)
        leaf = [np.array([0, 0, 2 * high]), mid, (mid + tip) / 2 + [0, 0, 0.02], tip]
        b.sheet(
            np.stack([[q - side * wide * k, q, q + side * wide * k] for q, k in zip(leaf, (0.2, 1, 0.9, 0.05), strict=True)]), d.pick(green)
        )
    return b.build()


def heap(d: Dice, hx: float, hy: float) -> Mesh:
    """Something large under film or tarpaulin, tied down: dark, shiny, curved."""
    b = Builder()
    film = Paint(
        d.pick(((0.01,) * 3, (0.01,) * 3, (0.02, 0.1, 0.3), (0.2, 0.22, 0.22), (0.02, 0.12, 0.05))),
        metallic=d.pick((0, 0, 0.5)),
        roughness=d.u(0.1, 0.4),
    )
    a = np.linspace(-1, 1, 26)
    u, v = np.meshgrid(a, a, indexing="ij")
    edge = np.maximum(np.abs(u), np.abs(v))
    bumps = sum(d.u(0.08, 0.3) * np.exp(-((u - d.u(-0.6, 0.6)) ** 2 + (v - d.u(-0.5, 0.5)) ** 2) / d.u(0.05, 0.3)) for _ in range(5))
    noise = cv2.GaussianBlur(d.noise().randn(26, 26), (0, 0), 1.3)
    z = (0.2 + d.u(0.3, 0.5) * np.tanh(1.6 * bumps) + 0.06 * noise) * np.clip((1 - edge**4) * 1.6, 0, 1)
    b.sheet(np.stack([u * hx * 0.98 + 0.015 * noise, v * hy * 0.98, z], -1), film)
    rope = Paint(d.pick(((0.6, 0.5, 0.3), (0.5, 0.05, 0.03), (0.02,) * 3)), roughness=0.7)
    for k in (7, 18):
        b.tube([(a[k] * hx * 0.98, y * hy, h + 0.008) for y, h in zip(a, z[k], strict=True)], 0.007, rope, 5)
    return b.build()


def tyres(d: Dice, hx: float, hy: float) -> Mesh:
    """Tyres or a coil of hose lying flat, the hub's metal inside."""
    b = Builder()
    r, thick = min(hx, hy) * 0.72, d.u(0.05, 0.085)
    for k in range(d.i(1, 3)):
        a = np.linspace(0, 2 * math.pi, 28)
        z = thick * (1 + 2 * k)
        b.tube([(r * math.cos(t), r * math.sin(t), z) for t in a], thick, RUBBER, 9)
        b.blob((0, 0, z), (r - thick * 0.8, r - thick * 0.8, thick * 0.6), d.pick((STEEL, CHROME, BLACK)), 0.5, fine=9)
    return b.build()


LOADS: dict[Callable[[Dice, float, float], Mesh], float] = {
    cartons: 0.24, crates: 0.1, water: 0.1, suitcases: 0.12, bags: 0.12, appliance: 0.07, tools: 0.09, planter: 0.06, heap: 0.07, tyres: 0.03,
}  # fmt: skip


def load(d: Dice, hx: float, hy: float) -> Mesh:
    """Anything, within a half length and a half width."""
    return d.weighted(LOADS)(d, hx, hy)
