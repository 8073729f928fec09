"""The moped-like electric scooter that most e-bikes in lifts are: long seat, body panels, leg shield, cowl with mirrors.

Its panels are skins over cross-sections, so that they have the ridges and outlines that rounded blobs lack. Figures are metres.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from .dice import Colour, Dice
from .fittings import Seat, Vehicle, accessories
from .paint import AMBER, BLACK, CHROME, LAMP, RED_LAMP, RUBBER, STEEL, Paint
from .shapes import Builder

MIRROR = Paint((0.8, 0.82, 0.85), metallic=1.0, roughness=0.04)


def _lacquer(d: Dice) -> Colour:
    """Colours as they are sold: black, white and red before all others."""
    kind = d.weighted({"black": 0.3, "white": 0.17, "grey": 0.12, "red": 0.14, "blue": 0.1, "pink": 0.06, "any": 0.11})
    if kind in ("black", "white", "grey"):
        return d.grey(*{"black": (0.006, 0.03), "white": (0.55, 0.85), "grey": (0.08, 0.35)}[kind])
    if kind == "any":
        return d.vivid()
    red, green, blue = {"red": (0.5, 0.015, 0.02), "blue": (0.02, 0.09, 0.4), "pink": (0.75, 0.25, 0.3)}[kind]
    k = d.u(0.5, 1.15)
    return red * k, green * k * d.u(0.6, 2), blue * k


def _plate(d: Dice) -> Paint:
    ground = d.pick(((0.05, 0.35, 0.15), (0.85, 0.85, 0.85), (0.9, 0.75, 0.1), (0.1, 0.2, 0.6)))
    picture = np.full((48, 72, 3), ground, np.float32)
    ink = (1.0, 1.0, 1.0) if sum(ground) < 1.2 else (0.02, 0.02, 0.05)
    for y in (20, 41):
        cv2.putText(picture, str(d.i(1000, 99999)), (4, y), cv2.FONT_HERSHEY_SIMPLEX, 0.6, ink, 2, cv2.LINE_AA)
    return Paint((0.5, 0.5, 0.5), roughness=0.35, picture=picture)


def _bar(b: Builder, d: Dice, x: float, z: float, shell: Paint) -> None:
    """Handlebar with grips, levers, switches, mirrors, cables, and the cowl in its middle."""
    half, rise, back = d.u(0.31, 0.37), d.u(0.0, 0.05), d.u(0.08, 0.14)
    metal = d.pick((BLACK, STEEL, CHROME))
    b.tube(
        [
            (x - back, -half, z + rise),
            (x - 0.03, -half * 0.5, z + rise),
            (x, 0, z),
            (x - 0.03, half * 0.5, z + rise),
            (x - back, half, z + rise),
        ],
        0.013,
        metal,
    )
    grip = Paint(d.pick(((0.012,) * 3, (0.012,) * 3, (0.012,) * 3, d.vivid())), roughness=0.75)
    lever, stalk = d.pick((CHROME, STEEL, BLACK)), d.chance(0.85)
    wide = d.u(0.03, 0.05)
    for s in (-1, 1):
        tip = (x - back - 0.02, s * half * 1.03, z + rise)
        b.tube([(x - back * 0.55, s * half * 0.68, z + rise), tip], 0.019, grip)
        b.box((x - back * 0.4, s * half * 0.6, z + rise), (0.025, 0.03, 0.022), BLACK)
        b.tube(
            [
                (x - back * 0.25, s * half * 0.6, z + rise),
                (x - back * 0.3, s * half * 0.8, z + rise - 0.01),
                (x - back * 0.75, s * half * 1.05, z + rise - 0.02),
            ],
            0.007,
            lever,
            5,
        )
        if d.chance(0.7):
            b.tube(
                [(x - 0.03, s * half * 0.55, z + rise), (x + 0.07, s * 0.12, z + d.u(0.0, 0.06)), (x + 0.04, s * 0.05, z - 0.14)],
                0.005,
                BLACK,
                4,
            )
        if stalk:
            up, out = d.u(0.13, 0.22), d.u(-0.02, 0.08)
            root = (x - 0.03, s * half * 0.6, z + rise)
            head = np.array([x + d.u(0.0, 0.06), s * (half * 0.75 + out), z + rise + up])
            b.tube([root, (root[0] + 0.03, s * half * 0.68, z + rise + up * 0.6), tuple(head)], 0.006, lever, 5)
            b.blob(head, (0.014, 0.062, wide), shell if d.chance(0.25) else BLACK, 0.7, fine=9)
            b.blob(head - [0.009, 0, 0], (0.008, 0.053, wide * 0.82), MIRROR, 0.7, fine=9)
    deep, across = d.u(0.075, 0.11), d.u(0.1, 0.17)
    b.skin_along([(x - deep * 0.9, z + 0.01, across * 0.6, 0.03), (x - deep * 0.4, z + 0.02, across, 0.05), (x + deep * 0.5, z, across * 0.95, 0.065),
               (x + deep * 1.1, z - 0.015, across * 0.6, 0.05)], shell, d.u(0.45, 0.8))  # fmt: skip
    screen = Paint(d.pick(((0.01, 0.01, 0.012), (0.02, 0.03, 0.05), (0.1, 0.35, 0.3))), roughness=0.08, glow=d.pick((0, 0, 1.2)))
    b.box((x - deep * 0.45, 0, z + 0.065), (0.035, across * d.u(0.45, 0.75), 0.006), screen, pitch=d.u(-0.45, -0.15))
    if d.chance(0.6):
        b.blob(
            (x + deep * 1.1, 0, z - 0.01),
            (0.025, across * d.u(0.35, 0.6), 0.035),
            Paint(LAMP.colour, glow=d.pick((0, 0, 0, 7)), roughness=0.08),
            0.6,
        )
    if d.chance(0.2):  # telephone in its holder
        b.box(
            (x - 0.05, d.sign() * d.u(0.05, 0.12), z + 0.1),
            (0.075, 0.036, 0.006),
            Paint((0.01,) * 3, roughness=0.06, glow=d.pick((0, 0.6))),
            pitch=-0.5,
        )


def _seat(b: Builder, d: Dice, front: float, rear: float, z: float) -> None:
    """One long seat whose rear half lies a little higher, or two apart; seams and sides of another colour at times."""
    leather = Paint(
        d.pick((*((0.012, 0.012, 0.012),) * 9, (0.12, 0.05, 0.02), (0.3, 0.02, 0.02), (0.35, 0.33, 0.3))), roughness=d.u(0.22, 0.5)
    )
    wide, thick, step = d.u(0.115, 0.15), d.u(0.04, 0.06), d.u(0.0, 0.075)
    long = front - rear
    profile = ((0.0, 0.0, 0.35, 0.5), (0.05, 0.01, 0.55, 0.8), (0.2, 0.012, 0.9, 1.0), (0.42, 0.012, 1.0, 1.0), (0.5, step * 0.45, 1.0, 1.0),
               (0.56, step, 0.97, 1.0), (0.8, step + 0.005, 0.88, 0.95), (0.94, step + 0.004, 0.7, 0.75), (1.0, step, 0.45, 0.45))  # fmt: skip
    sections = [(front - t * long, z + up, wide * w, thick * h) for t, up, w, h in profile]
    if d.chance(0.2):
        b.skin_along(sections[:4], leather, 0.55)
        b.skin_along([(x - 0.03, zz, w, h) for x, zz, w, h in sections[5:]], leather, 0.55)
    else:
        b.skin_along(sections, leather, d.u(0.45, 0.65))
    if d.chance(0.4):
        seam = Paint(d.pick(((0.5, 0.5, 0.5), (0.45, 0.03, 0.03), (0.03, 0.03, 0.03), (0.3, 0.15, 0.05))), roughness=0.5)
        for s in (-1, 1):
            b.tube([(x, s * w * 0.97, zz + h * 0.35) for x, zz, w, h in sections[1:-1]], 0.006, seam, 5)
    if d.chance(0.35):  # cross-wise stitching
        for t in np.linspace(0.15, 0.45, 4):
            b.box((front - t * long, 0, z + 0.012 + thick), (0.004, wide * 0.8, 0.003), BLACK)
    if d.chance(0.2):  # back rest
        b.blob((rear - 0.02, 0, z + step + d.u(0.12, 0.18)), (0.035, d.u(0.11, 0.15), d.u(0.08, 0.13)), leather, 0.5, ("y", -0.2))


@dataclass(frozen=True)
class _Lines:
    """Paints and measures that a moped's parts share."""

    shell: Paint
    dark: Paint
    other: Paint
    half: float  # of the wheel base
    radius: float  # of the wheels
    bulk: float
    bx: float  # handlebar
    bz: float
    sz: float  # seat
    tail: float  # where the body ends
    hip: float  # half its width
    lift: float  # of its end
    floor: float  # height of the foot board
    across: float  # half its width


def _front(b: Builder, d: Dice, lines: _Lines) -> None:
    """Fork, mudguard, leg shield, nose."""
    for y in (-0.075, 0.075):
        b.tube([(lines.half, y, lines.radius), (lines.half - 0.08, y, 0.55)], 0.019, STEEL)
    guard = lines.shell if d.chance(0.7) else lines.dark
    b.skin_along([(lines.half + 0.2, 2 * lines.radius - 0.13, 0.05, 0.02), (lines.half + 0.13, 2 * lines.radius - 0.02, 0.07, 0.04), (lines.half, 2 * lines.radius + 0.03, 0.078, 0.04),
               (lines.half - 0.14, 2 * lines.radius - 0.03, 0.07, 0.04)], guard, 0.7)  # fmt: skip
    rake, low, wide = d.u(0.22, 0.36), d.u(0.3, 0.36), d.u(0.17, 0.225) * lines.bulk
    top = lines.bz - d.u(0.1, 0.16)
    at = [(t, low + t * (top - low)) for t in (0, 0.15, 0.4, 0.65, 0.88, 1.0)]
    spread = (0.62, 0.8, 1.0, d.u(0.92, 1.1), d.u(0.68, 0.9), 0.55)
    lean = [(z, lines.half - 0.06 - (z - low) * rake) for _, z in at]
    b.skin_up(
        [(z, x, wide * w, 0.05 + 0.02 * (1 - abs(t - 0.5))) for (t, _), (z, x), w in zip(at, lean, spread, strict=True)],
        lines.shell,
        d.u(0.5, 0.8),
        d.u(0.04, 0.11),
    )
    b.skin_up([(z, x - 0.05, wide * w * 0.94, 0.04) for (z, x), w in zip(lean, spread, strict=True)], lines.dark, 0.5, 0.05)
    if d.chance(0.6):  # nose piece with lamp
        z = d.u(0.58, 0.75)
        x = lines.half - 0.01 - (z - low) * rake
        b.skin_up([(z - 0.16, x + 0.02, 0.05, 0.05), (z - 0.05, x + 0.03, wide * 0.5, 0.06), (z + 0.1, x + 0.01, wide * 0.55, 0.05),
                     (z + 0.18, x - 0.02, wide * 0.3, 0.03)], lines.other, 0.6)  # fmt: skip
        b.blob((x + 0.075, 0, z), (0.03, wide * d.u(0.25, 0.45), 0.035), Paint(LAMP.colour, glow=d.pick((0, 0, 0, 6)), roughness=0.08), 0.5)
        for s in (-1, 1):
            b.blob((x + 0.02, s * wide * 0.7, z + d.u(-0.03, 0.08)), (0.03, 0.035, 0.016), d.pick((AMBER, LAMP)), 0.7, fine=8)
    b.tube([(lines.half - 0.08, 0, 0.5), (lines.bx, 0, lines.bz)], 0.026, lines.dark)


def _board(b: Builder, d: Dice, lines: _Lines) -> None:
    """Foot board with ribs, at times with something carried on it."""
    b.skin_along([(lines.half - 0.2, lines.floor + 0.08, lines.across * 0.7, 0.03), (lines.half - 0.3, lines.floor, lines.across, 0.035), (-0.02, lines.floor, lines.across, 0.035), (-0.16, lines.floor + 0.03, lines.across * 0.9, 0.05)],
           lines.shell if d.chance(0.4) else lines.dark, 0.35)  # fmt: skip
    mat = Paint((0.02,) * 3 if d.chance(0.8) else d.vivid(), roughness=0.85)
    for y in np.linspace(-0.7, 0.7, d.pick((4, 6))):
        b.box(((lines.half - 0.3) / 2, y * lines.across, lines.floor + 0.037), ((lines.half - 0.3) / 2, lines.across * 0.09, 0.004), mat)
    if d.chance(0.15):
        s = d.u(0.08, 0.14)
        thing = Paint(d.pick(((0.35, 0.22, 0.1), (0.02,) * 3, d.vivid())), roughness=0.7)
        b.box((0.12, 0, lines.floor + 0.04 + s), (s * 1.1, lines.across * 0.8, s), thing, yaw=d.u(-0.2, 0.2))


def _body(b: Builder, d: Dice, lines: _Lines) -> None:
    """What is under the seat: the lower part dark, panels lacquered, a stripe at times; and the seat."""
    body = [(-0.08, lines.sz - 0.25, lines.hip * 0.62, 0.19), (-0.16, lines.sz - 0.24, lines.hip * 0.8, 0.19), (-0.34, lines.sz - 0.21, lines.hip, 0.16), (-0.52, lines.sz - 0.17 + lines.lift * 0.3, lines.hip, 0.13),
            (-lines.half - 0.02, lines.sz - 0.12 + lines.lift * 0.7, lines.hip * 0.8, 0.09), (lines.tail, lines.sz - 0.07 + lines.lift, lines.hip * 0.42, 0.045)]  # fmt: skip
    b.skin_along(body, lines.shell, d.u(0.35, 0.6), d.chance(0.8))
    b.skin_along([(x, z - high * 0.75, w * 1.04, high * 0.5) for x, z, w, high in body[:5]], lines.other, 0.4)
    if d.chance(0.55):
        stripe = Paint(d.pick(((0.75,) * 3, (0.02,) * 3, (0.5, 0.02, 0.02), d.vivid())), roughness=0.2)
        for s in (-1, 1):
            b.tube([(x, s * (w + 0.002), z + high * d.u(0.1, 0.5)) for x, z, w, high in body[1:5]], d.u(0.008, 0.022), stripe, 5)
    _seat(b, d, d.u(-0.1, -0.02), lines.tail + d.u(0.06, 0.16), lines.sz)


def _rear(b: Builder, d: Dice, lines: _Lines) -> None:
    """Lamp, indicators, rail, mudguard, plate, springs, stand."""
    b.blob(
        (lines.tail - 0.015, 0, lines.sz - 0.08 + lines.lift),
        (0.03, lines.hip * d.u(0.35, 0.6), 0.03),
        Paint(RED_LAMP.colour, glow=d.pick((0, 0, 2.5)), roughness=0.12),
        0.5,
    )
    for s in (-1, 1):
        b.blob((lines.tail + 0.02, s * lines.hip * 0.75, lines.sz - 0.1 + lines.lift), (0.035, 0.02, 0.018), AMBER, 0.7, fine=8)
    rail = d.pick((STEEL, CHROME, BLACK, lines.shell))
    if d.chance(0.75):
        out, up = d.u(0.03, 0.12), d.u(0.0, 0.09)
        b.tube([(lines.tail + 0.32, -lines.hip * 0.85, lines.sz - 0.02), (lines.tail + 0.05, -lines.hip * 0.9, lines.sz + up), (lines.tail - out, -lines.hip * 0.6, lines.sz + up + 0.02), (lines.tail - out, lines.hip * 0.6, lines.sz + up + 0.02),
                (lines.tail + 0.05, lines.hip * 0.9, lines.sz + up), (lines.tail + 0.32, lines.hip * 0.85, lines.sz - 0.02)], 0.014, rail)  # fmt: skip
    b.skin_along(
        [
            (-lines.half - 0.02, 2 * lines.radius + 0.02, 0.07, 0.025),
            (-lines.half - 0.16, 2 * lines.radius - 0.05, 0.07, 0.02),
            (-lines.half - 0.25, lines.radius + 0.08, 0.06, 0.015),
        ],
        lines.dark,
        0.6,
    )
    if d.chance(0.8):
        z = d.u(0.4, 0.56)
        b.box((lines.tail + 0.01, 0, z), (0.006, 0.1, 0.07), lines.dark, pitch=0.3)
        c, s = math.cos(0.3), math.sin(0.3)
        b.quad((lines.tail + 0.001, 0, z), (0, -0.09, 0), (-s * 0.06, 0, c * 0.06), _plate(d))
    for y in (-0.125, 0.125):
        b.tube(
            [(-lines.half + 0.02, y, lines.radius), (-lines.half + 0.12, y, lines.sz - 0.22)],
            0.024,
            d.pick((STEEL, RED_LAMP, BLACK, AMBER)),
        )
        b.tube([(-lines.half, y, lines.radius), (-0.16, y, 0.3)], 0.02, lines.dark)
    b.tube([(-0.1, 0.1, 0.27), (-0.18, 0.16, 0.02)], 0.01, BLACK, 5)


def moped(d: Dice) -> Vehicle:
    """An electric scooter with lacquered panels."""
    b = Builder()
    gloss = d.u(0.07, 0.3)
    dark = Paint(d.grey(0.01, 0.035), roughness=d.u(0.35, 0.65))
    rim = Paint(d.pick(((0.45,) * 3, (0.02,) * 3, (0.02,) * 3, (0.55, 0.4, 0.08), (0.4, 0.02, 0.02))), metallic=0.7, roughness=0.3)
    half, tyre, bulk = d.u(0.58, 0.68), d.u(0.042, 0.056), d.u(0.85, 1.15)
    lines = _Lines(
        shell=Paint(_lacquer(d), metallic=d.pick((0, 0, 0.4)), roughness=gloss),
        dark=dark,
        other=dark if d.chance(0.6) else Paint(_lacquer(d), roughness=gloss),
        half=half,
        radius=d.u(0.19, 0.235),
        bulk=bulk,
        bx=half - d.u(0.2, 0.27),
        bz=d.u(0.98, 1.1),
        sz=d.u(0.7, 0.79),
        tail=-half - d.u(0.1, 0.22),
        hip=d.u(0.135, 0.17) * bulk,
        lift=d.u(0.0, 0.07),
        floor=d.u(0.27, 0.33),
        across=d.u(0.125, 0.18) * bulk,
    )
    for x in (-half, half):
        b.wheel(x, lines.radius, tyre, rim, RUBBER, spokes=d.pick((0, 5, 5)))
    _front(b, d, lines)
    _board(b, d, lines)
    _body(b, d, lines)
    _rear(b, d, lines)
    _bar(b, d, lines.bx, lines.bz, lines.shell)
    seat = Seat(-0.24, lines.sz + 0.04, lines.bx, lines.bz, 0.15, lines.floor + 0.04)
    accessories(b, d, 2 * half, seat, lines.shell, plenty=0.5, own=True)
    return Vehicle("ebike", "moped", b.build(), 2 * (half + lines.radius) + 0.1, 0.74, seat)
