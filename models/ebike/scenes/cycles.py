"""Bicycles and kick scooters."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from . import paint
from .dice import Dice
from .fittings import Seat, Vehicle
from .loads import load
from .paint import BLACK, CHROME, RUBBER, STEEL, Paint
from .shapes import Builder, bend


@dataclass(frozen=True)
class _Lines:
    """Paints and measures that a bicycle's parts share."""

    kind: str  # adult, step, folding, child
    style: str  # city, mountain, fat
    frame: Paint
    other: Paint
    metal: Paint
    size: float
    half: float  # of the wheel base
    radius: float
    tyre: float
    thick: float  # of the frame's tubes
    bx: float  # handlebar
    bz: float
    sx: float  # saddle
    sz: float
    crank: tuple[float, float, float]
    head: tuple[float, float, float]  # where the fork enters the frame


def _mudguard(b: Builder, x: float, radius: float, half: float, start: float, end: float, c: Paint) -> None:
    """A bowed strip around a hub at height 0."""
    a, v = np.meshgrid(np.linspace(start, end, 18), np.linspace(-1, 1, 7), indexing="ij")
    r = radius - 0.45 * half * v**2
    b.sheet(np.stack([x + r * np.cos(a), half * v, r * np.sin(a)], -1), c)


def _cycle_wheels(b: Builder, d: Dice, f: _Lines) -> None:
    """Tyres, rims, spokes or cast blades, reflectors, discs, mudguards."""
    rim = d.pick(
        (Paint((0.5,) * 3, metallic=0.8, roughness=0.25), Paint((0.5,) * 3, metallic=0.8, roughness=0.25), BLACK, f.frame, f.other)
    )
    wall = d.pick((RUBBER, RUBBER, RUBBER, Paint((0.35, 0.25, 0.13), roughness=0.7), Paint((0.5,) * 3, roughness=0.7)))
    cast = f.style != "city" and d.chance(0.25) or f.kind == "folding" and d.chance(0.3)
    discs, guards = f.style != "city" or d.chance(0.3), d.chance({"city": 0.75, "mountain": 0.25, "fat": 0.15}[f.style])
    guard = d.pick((BLACK, BLACK, CHROME, f.frame, f.frame, f.other))
    for x in (-f.half, f.half):
        b.wheel(x, f.radius, f.tyre, rim, RUBBER, spokes=5 if cast else d.pick((16, 20, 24)))
        b.arc((x, 0, f.radius), f.radius - 2.1 * f.tyre, f.tyre * 0.5, rim, sides=5)
        if wall is not RUBBER:
            for s in (-1, 1):
                b.arc((x, s * f.tyre * 0.8, f.radius), f.radius - 1.5 * f.tyre, f.tyre * 0.25, wall, sides=4)
        if f.style != "city":  # knobs
            for a in np.linspace(0, 2 * math.pi, 30, endpoint=False):
                at = (x + (f.radius - 0.002) * math.cos(a), 0, f.radius + (f.radius - 0.002) * math.sin(a))
                b.box(at, (0.004, f.tyre * 0.75, 0.006), RUBBER, pitch=-a)
        if not cast and d.chance(0.6):
            for a in (d.u(0, 3), d.u(3, 6)):
                at = (x + f.radius * 0.6 * math.cos(a), 0.006, f.radius * (1 + 0.6 * math.sin(a)))
                b.blob(at, (0.018, 0.004, 0.035), paint.AMBER, 0.6, fine=7)
        if discs:
            b.arc((x, 0.04, f.radius), 0.07 * max(f.size, 0.7), 0.008, STEEL, steps=16, sides=4)
            b.box((x - 0.05, 0.045, f.radius + 0.06), (0.025, 0.015, 0.02), BLACK)
    if guards:
        w = f.tyre + 0.014
        for x, start, end in ((f.half, 0.2, 2.7), (-f.half, 0.6, 3.3)):
            own = Builder()
            _mudguard(own, x, f.radius + 0.016, w, start, end, guard)
            b.mesh_in(own.build().moved((0, 0, f.radius)))
            for s in (-1, 1):
                a = end - 0.3
                b.tube([(x, s * 0.04, f.radius), (x + f.radius * math.cos(a), s * w, f.radius * (1 + math.sin(a)))], 0.003, f.metal, 4)
        if d.chance(0.4):
            b.box((f.half - f.radius - 0.02, 0, f.radius * 0.75), (0.004, w, 0.06), BLACK, pitch=0.2)
    elif f.style != "city" and d.chance(0.5):  # a short one under the saddle
        b.skin_along(
            [(f.sx - 0.02, f.sz - 0.16, 0.02, 0.006), (f.sx - 0.2, f.sz - 0.12, 0.045, 0.008), (f.sx - 0.42, f.sz - 0.1, 0.04, 0.006)],
            BLACK,
            0.6,
        )


def _frame(b: Builder, d: Dice, f: _Lines) -> None:
    """Lacquered tubes of the kind's outline, stays, fork, with a decal."""
    (cx, _, cz), (hx, _, hz), t = f.crank, f.head, f.thick
    b.tube([f.crank, (f.sx * 0.97, 0, f.sz - 0.1)], t, f.frame)
    b.tube([(f.sx * 0.97, 0, f.sz - 0.13), (f.sx, 0, f.sz)], t * 0.8, f.metal)
    b.arc((f.sx * 0.97, 0, f.sz - 0.11), t * 0.3, t * 0.9, BLACK, steps=5, sides=5)
    b.tube([(hx - 0.012, 0, hz + 0.05), (hx + 0.025, 0, hz - 0.13)], t * 1.35, f.frame)
    if f.kind == "folding":
        mid = ((cx + hx) / 2 - 0.05, 0, f.radius + d.u(0.1, 0.2))
        b.tube([(f.sx * 0.8, 0, mid[2] - 0.02), mid, (hx, 0, hz - 0.08)], [t * 1.4, t * 1.7, t * 1.5], f.frame, 10)
        b.box(mid, (0.03, t * 2.1, t * 2.2), d.pick((f.metal, BLACK)))
        b.tube([(mid[0], t * 2.1, mid[2]), (mid[0] + 0.08, t * 2.2, mid[2] + 0.01)], 0.008, f.metal, 5)
        b.tube([(-f.half, 0.04, f.radius), (f.sx * 0.8, 0, mid[2] - 0.02), (-f.half, -0.04, f.radius)], 0.013, f.frame, 6)
    elif f.kind == "step":
        n = d.pick((1, 2))
        for k in range(n):
            low = f.radius + 0.06 + 0.1 * k
            b.tube(
                bend([(cx - 0.04 * k, 0, cz + 0.2 * k), (0.16, 0, low), (hx, 0, hz - 0.12 + 0.12 * k)], 0.2, steps=7),
                t * (1.5 - 0.4 * k),
                f.frame,
                10,
            )
    else:
        sag = d.u(0.0, 0.12) if f.style != "city" else 0.0
        b.tube(
            [(f.sx * 0.92, 0, f.sz - 0.14 - sag), ((f.sx + hx) / 2, 0, (f.sz + hz) / 2 - 0.07 - sag * 0.4), (hx, 0, hz)],
            t * (1.3 if sag else 1),
            f.frame,
            9,
        )
        b.tube(
            [f.crank, ((cx + hx) / 2, 0, (cz + hz) / 2 - 0.06), (hx + 0.01, 0, hz - 0.09)],
            [t * 1.2, t * (1.8 if sag else 1.3), t * 1.3],
            f.frame,
            10,
        )
        if d.chance(0.6):  # decal
            decal = d.pick((f.other, Paint((0.75,) * 3, roughness=0.3), paint.RED_LAMP))
            b.tube([(cx + (hx - cx) * k, 0, cz + (hz - 0.09 - cz) * k - 0.045) for k in (0.35, 0.6)], t * (1.75 if sag else 1.4), decal, 8)
    side = f.tyre + 0.025
    for s in (-1, 1):
        b.tube([(-f.half, s * side, f.radius), (cx - 0.08, s * side, cz), (cx, s * 0.03, cz)], 0.009, f.frame, 6)
        if f.kind != "folding":
            b.tube(
                [
                    (-f.half, s * side, f.radius),
                    (-f.half * 0.55 + f.sx * 0.4, s * side, f.radius * 0.5 + f.sz * 0.45),
                    (f.sx * 0.94, s * 0.02, f.sz - 0.13),
                ],
                0.008,
                f.frame,
                6,
            )
    wide, top = max(f.tyre + 0.025, 0.045), (hx + 0.03, 0, hz - 0.14)
    crown = max(top[2], 2 * f.radius + 0.02)
    at = hx + 0.03 + (f.half - hx - 0.03) * (top[2] - crown) / (top[2] - f.radius)
    if f.style != "city" or f.kind == "child" and d.chance(0.25):  # suspension
        lower = d.pick((BLACK, f.frame, f.other))
        for s in (-1, 1):
            mid = ((f.half + at) / 2, s * wide, (f.radius + crown) / 2)
            b.tube([(f.half, s * wide, f.radius), mid], 0.021, lower)
            b.tube([mid, (at, s * wide, crown)], 0.014, CHROME)
        b.tube([(at, -wide - 0.02, crown), (at, 0, crown + 0.02), (at, wide + 0.02, crown)], 0.022, lower)
    else:
        for s in (-1, 1):
            b.tube(
                [
                    (f.half, s * wide, f.radius),
                    (f.half - 0.03, s * wide, f.radius + 0.1),
                    (at, s * wide * 0.8, crown),
                    (at - 0.01, 0, crown + 0.03),
                ],
                0.012,
                f.frame,
                7,
            )
    b.tube([(at, 0, crown), (f.bx, 0, f.bz - 0.02)], 0.016, f.metal)
    b.tube([(f.bx - 0.015, 0, f.bz - 0.05), (f.bx + 0.03, 0, f.bz - 0.01)], 0.02, f.metal, 6)


def _drive(b: Builder, d: Dice, f: _Lines) -> None:
    """Chain, rings, cranks, pedals, chain guard, derailleur, stand."""
    cx, _, cz = f.crank
    ring, y = 0.085 * max(f.size, 0.7), -0.055
    b.arc((cx, y, cz), ring, 0.007, d.pick((STEEL, BLACK)), steps=18, sides=5)
    b.blob((cx, y, cz), (ring * 0.55, 0.008, ring * 0.55), d.pick((STEEL, BLACK)), 1, fine=8)
    for s in (-1, 1):
        b.tube([(cx, y, cz + s * ring), (-f.half, y, f.radius + s * 0.035)], 0.005, BLACK, 4)
    b.blob((-f.half, y, f.radius), (0.045, 0.018, 0.045), STEEL, 1, fine=8)
    if f.style == "city" and d.chance(0.6):
        own, c = Builder(), d.pick((BLACK, f.frame, f.other, CHROME))
        own.skin_along([(-f.half - 0.05, f.radius, 0.012, 0.03), (-f.half + 0.05, f.radius + 0.01, 0.018, 0.055), (cx - 0.05, cz, 0.018, ring + 0.012), (cx + ring * 0.8, cz, 0.018, ring * 0.8), (cx + ring + 0.02, cz, 0.01, 0.02)], c, 0.6)  # fmt: skip
        b.mesh_in(own.build().moved((0, y, 0)))
    else:
        b.box((-f.half - 0.01, y - 0.02, f.radius - 0.07), (0.015, 0.01, 0.045), BLACK, pitch=0.2)
    angle = d.u(0, math.pi)
    for s in (-1, 1):
        tip = (cx + s * 0.16 * f.size * math.cos(angle), s * 0.09, cz + s * 0.16 * f.size * math.sin(angle))
        b.tube([(cx, s * 0.06, cz), tip], [0.014, 0.01], f.metal, 6)
        b.blob((tip[0], s * 0.145, tip[2]), (0.045, 0.042, 0.012), BLACK, 0.4, fine=8)
        b.box((tip[0] + 0.045, s * 0.145, tip[2]), (0.003, 0.03, 0.007), paint.AMBER)
    if d.chance(0.7):
        b.tube(
            [(-0.12 if d.chance(0.5) else -f.half, 0.06, f.radius * 0.9), (-f.half * 0.6, 0.17, 0.01)], 0.009, d.pick((BLACK, f.metal)), 5
        )


def _steering(b: Builder, d: Dice, f: _Lines) -> None:
    """Bar, grips, levers, cables, bell, lamp, mirror at times."""
    w = d.u(0.26, 0.33) * max(f.size, 0.75)
    back, rise = (d.u(0.0, 0.04), d.u(0.0, 0.02)) if f.style != "city" else (d.u(0.06, 0.18), d.u(0.0, 0.1))
    b.tube([(f.bx - back, -w, f.bz + rise), (f.bx - back * 0.3, -w * 0.55, f.bz + rise), (f.bx + 0.03, 0, f.bz), (f.bx - back * 0.3, w * 0.55, f.bz + rise), (f.bx - back, w, f.bz + rise)],
           0.012, f.metal)  # fmt: skip
    grip = Paint(d.pick(((0.012,) * 3, (0.012,) * 3, (0.15, 0.07, 0.03), d.vivid())), roughness=0.7)
    lever = d.pick((BLACK, STEEL, CHROME))
    for s in (-1, 1):
        b.tube([(f.bx - back * 0.75, s * w * 0.72, f.bz + rise), (f.bx - back - 0.02, s * w * 1.03, f.bz + rise)], 0.017, grip)
        b.tube(
            [(f.bx - back * 0.3 + 0.03, s * w * 0.6, f.bz + rise - 0.01), (f.bx - back + 0.04, s * w * 0.95, f.bz + rise - 0.025)],
            0.006,
            lever,
            5,
        )
        b.tube(bend([(f.bx - back * 0.3 + 0.02, s * w * 0.6, f.bz + rise), (f.bx + 0.1, s * w * 0.4, f.bz + 0.04), (f.bx + 0.08, s * 0.03, f.bz - 0.12), (f.head[0], s * 0.02, f.head[2] - 0.05)], 0.08, steps=3), 0.0035, BLACK, 4)  # fmt: skip
        if f.kind == "child" and d.chance(0.2):  # streamers
            for _ in range(4):
                b.tube(
                    [
                        (f.bx - back - 0.02, s * w * 1.03, f.bz + rise),
                        (f.bx - back - d.u(0, 0.1), s * w * d.u(1.05, 1.3), f.bz - d.u(0.08, 0.16)),
                    ],
                    0.003,
                    Paint(d.vivid()),
                    4,
                )
    if d.chance(0.5):
        b.blob(
            (f.bx - back * 0.3, d.sign() * w * 0.45, f.bz + rise + 0.025),
            (0.024, 0.024, 0.018),
            d.pick((CHROME, BLACK, f.other)),
            0.9,
            fine=8,
        )
    if d.chance(0.5):
        at = (f.bx + 0.08, 0, f.bz - d.u(0.06, 0.16))
        b.blob(at, (0.035, 0.03, 0.03), d.pick((BLACK, CHROME)), 0.8, fine=9)
        b.blob((at[0] + 0.03, 0, at[2]), (0.01, 0.026, 0.026), paint.LAMP, 0.8, fine=8)
    if d.chance(0.35):
        b.tube([(f.half + 0.02, 0.05, 1.6 * f.radius), (f.half - 0.02, 0.06, 1.9 * f.radius)], 0.018, d.pick((BLACK, CHROME)), 6)
    if d.chance(0.15):
        s = d.sign()
        b.tube([(f.bx - back, s * w * 0.9, f.bz + rise), (f.bx, s * w * 1.1, f.bz + 0.16)], 0.005, BLACK, 5)
        b.blob((f.bx, s * w * 1.1, f.bz + 0.17), (0.012, 0.045, 0.035), BLACK, 0.8, fine=8)
    if d.chance(0.1):
        b.box((f.bx, 0, f.bz + 0.04), (0.07, 0.036, 0.006), Paint((0.01,) * 3, roughness=0.06, glow=d.pick((0, 0.6))), pitch=-0.4)


def _saddle(b: Builder, d: Dice, f: _Lines) -> None:
    c, k = paint.saddle(d), max(f.size, 0.65)
    wide = d.u(0.065, 0.1) * k if f.style == "city" else 0.065
    z = f.sz + 0.02
    b.skin_along([(f.sx + 0.14 * k, z, 0.015, 0.012), (f.sx + 0.1 * k, z + 0.004, 0.024, 0.022), (f.sx, z, wide * 0.5, 0.028), (f.sx - 0.08 * k, z + 0.006, wide, 0.034), (f.sx - 0.13 * k, z + 0.008, wide * 0.85, 0.028)], c, 0.7)  # fmt: skip
    for s in (-1, 1):
        b.tube([(f.sx + 0.08 * k, s * 0.02, z - 0.02), (f.sx - 0.1 * k, s * 0.03, z - 0.03)], 0.004, STEEL, 4)
        if wide > 0.08 and d.chance(0.6):
            b.tube([(f.sx - 0.1 * k, s * 0.05, z - 0.03), (f.sx - 0.1 * k, s * 0.05, z - 0.08)], 0.018, STEEL, 6)
    if d.chance(0.3):
        b.blob((f.sx - 0.1 * k, 0, z - 0.07), (0.07, 0.04, 0.035), BLACK, 0.5, fine=9)
    if d.chance(0.12):
        b.blob((f.sx, 0, z + 0.01), (0.16 * k, 0.11 * k, 0.04), Paint(d.vivid(), roughness=0.3), 0.7)


def child_seat(b: Builder, d: Dice, x: float, z: float) -> None:
    """A moulded shell with padding, wings, belt and foot rests."""
    shell, pad = paint.body(d), paint.cloth(d)
    b.skin_along([(x - 0.13, z + 0.03, 0.13, 0.03), (x, z, 0.15, 0.03), (x + 0.13, z + 0.01, 0.14, 0.025)], shell, 0.5)
    b.skin_up(
        [(z, x - 0.14, 0.13, 0.025), (z + 0.15, x - 0.17, 0.16, 0.03), (z + 0.35, x - 0.21, 0.15, 0.03), (z + 0.42, x - 0.22, 0.09, 0.02)],
        shell,
        0.6,
        -0.05,
    )
    b.skin_up([(z + 0.03, x - 0.1, 0.1, 0.02), (z + 0.32, x - 0.17, 0.11, 0.02)], pad, 0.5, -0.03)
    b.blob((x, 0, z + 0.035), (0.11, 0.12, 0.018), pad, 0.5, fine=9)
    for s in (-1, 1):
        own = Builder()
        own.skin_along([(x - 0.14, z + 0.12, 0.014, 0.12), (x, z + 0.09, 0.016, 0.09), (x + 0.12, z + 0.03, 0.012, 0.03)], shell, 0.6)
        own.skin_along([(x + 0.1, z - 0.02, 0.03, 0.02), (x + 0.14, z - 0.22, 0.04, 0.02), (x + 0.2, z - 0.25, 0.04, 0.02)], shell, 0.5)
        b.mesh_in(own.build().moved((0, s * 0.155, 0)))
        b.ribbon([(x - 0.15, s * 0.05, z + 0.3), (x - 0.06, s * 0.045, z + 0.15), (x + 0.05, 0, z + 0.06)], (0, 0.011, 0), BLACK)


def _carried(b: Builder, d: Dice, f: _Lines) -> None:
    """Basket, carrier, bags, child seat, lamp, lock, bottle, pump."""
    if d.chance(0.4 if f.style == "city" else 0.08):
        wire = Paint(
            d.pick(((0.02,) * 3, (0.7,) * 3, (0.3, 0.2, 0.1), (0.3, 0.2, 0.1), f.frame.colour)), metallic=d.pick((0, 0.6)), roughness=0.5
        )
        sx, sy, deep = (d.u(0.1, 0.14) * f.size, d.u(0.14, 0.18) * f.size, d.u(0.17, 0.22) * f.size)
        top = (f.bx + 0.09 + sx, 0, f.bz - 0.06)
        if d.chance(0.65):
            b.wire_basket(top, (sx, sy, deep), wire, wires=d.pick((7, 9)))
        else:  # wicker
            weave = Paint((0.3, 0.18, 0.08), roughness=0.8, pattern="checker", scale=60, second=(0.18, 0.1, 0.04))
            b.skin_up(
                [
                    (top[2] - deep, top[0], sy * 0.8, sx * 0.8),
                    (top[2], top[0], sy, sx),
                    (top[2] - 0.005, top[0], sy * 0.92, sx * 0.9),
                    (top[2] - deep * 0.8, top[0], sy * 0.75, sx * 0.75),
                ],
                d.pick((weave, wire)),
                0.4,
            )
        if d.chance(0.5):
            b.mesh_in(load(d, sx * 0.85, sy * 0.85).moved((top[0], 0, top[2] - deep * 0.9), 0, 0, d.u(0.6, 0.9)))
    z = 2 * f.radius + 0.09
    racked = f.kind != "child" and d.chance(0.6 if f.style == "city" else 0.12)
    if racked:
        rear = -f.half - 0.14
        b.tube(bend([(f.sx - 0.02, -0.06, z), (rear, -0.065, z), (rear, 0.065, z), (f.sx - 0.02, 0.06, z)], 0.04), 0.007, f.metal, 6)
        for y in (-0.02, 0.02):
            b.tube([(f.sx - 0.02, y, z), (rear, y, z)], 0.005, f.metal, 5)
        for s in (-1, 1):
            b.tube([(-f.half, s * 0.06, f.radius), (-f.half - 0.04, s * 0.07, z)], 0.006, f.metal, 5)
        what = d.weighted({"none": 0.4, "seat": 0.2, "panniers": 0.2, "load": 0.2})
        if what == "seat":
            child_seat(b, d, -f.half + 0.06, z + 0.08)
        elif what == "panniers":
            c, strip = paint.cloth(d) if d.chance(0.5) else Paint(d.colour(), roughness=0.3), Paint((0.7,) * 3, metallic=0.5, roughness=0.2)
            for s in (-1, 1) if d.chance(0.7) else (1,):
                own = Builder()
                own.skin_along(
                    [
                        (-f.half - 0.2, z - 0.17, 0.04, 0.13),
                        (-f.half - 0.17, z - 0.16, 0.07, 0.16),
                        (-f.half + 0.1, z - 0.16, 0.07, 0.16),
                        (-f.half + 0.13, z - 0.15, 0.04, 0.12),
                    ],
                    c,
                    0.4,
                )
                own.box((-f.half - 0.03, 0, z - 0.04), (0.15, 0.075, 0.012), d.pick((c, BLACK)))
                own.box((-f.half - 0.03, s * 0.071, z - 0.16), (0.12, 0.003, 0.012), strip)
                b.mesh_in(own.build().moved((0, s * 0.145, 0)))
        elif what == "load":
            b.mesh_in(load(d, 0.2, 0.15).moved((-f.half, 0, z + 0.01), 0, 0, d.u(0.7, 1.0)))
    if d.chance(0.6):  # on the carrier, or on the saddle's post
        x, at = (-f.half - 0.16, z - 0.01) if racked else (f.sx - 0.03, f.sz - 0.06)
        b.blob((x, 0, at), (0.016, 0.035, 0.022), paint.RED_LAMP, 0.6, fine=8)
    if d.chance(0.25):  # a cable lock around the frame
        lock = Paint(d.pick(((0.01,) * 3, d.vivid())), roughness=0.25)
        a = np.linspace(0, 2 * math.pi * 2.2, 40)
        b.tube([(f.sx + 0.07 + 0.07 * math.cos(t), 0.05 * math.sin(t), f.sz - 0.22 + 0.005 * t) for t in a], 0.008, lock, 5)
    if f.kind == "adult" and d.chance(0.35):
        k = 0.45
        x, z = f.crank[0] + (f.head[0] - f.crank[0]) * k - 0.03, f.crank[2] + (f.head[2] - f.crank[2]) * k + 0.03
        b.tube([(x, 0, z), (x + 0.05, 0, z + 0.12), (x + 0.065, 0, z + 0.16)], [0.036, 0.036, 0.016], Paint(d.colour(), roughness=0.2), 9)


def bicycle(d: Dice, kind: str | None = None) -> Vehicle:
    """City, mountain and fat-tyred ones, step-through, folding, or a child's with its training wheels."""
    b = Builder()
    kind = kind or d.weighted({"adult": 0.45, "step": 0.25, "folding": 0.15, "child": 0.15})
    style = d.weighted({"city": 0.5, "mountain": 0.35, "fat": 0.15}) if kind == "adult" else "city"
    size = {"adult": 1.0, "step": 0.95, "folding": 0.8, "child": d.u(0.5, 0.75)}[kind]
    base = d.u(0.98, 1.08) * (size if kind != "folding" else 0.95)
    radius = {"adult": d.u(0.31, 0.35), "step": d.u(0.29, 0.34), "folding": d.u(0.19, 0.25), "child": d.u(0.15, 0.24)}[kind]
    tyre = {"city": d.u(0.012, 0.024), "mountain": d.u(0.024, 0.03), "fat": d.u(0.04, 0.055)}[style]
    if kind == "child":
        tyre = d.u(0.018, 0.03)
    half, k = base / 2, size if kind == "child" else 1
    bx, bz = half - 0.14 * size, radius + d.u(0.55, 0.7) * k
    lines = _Lines(
        kind=kind, style=style,
        frame=Paint(d.colour(), metallic=d.pick((0, 0, 0.4)), roughness=d.u(0.07, 0.3)),
        other=Paint(d.colour(), roughness=d.u(0.1, 0.35)),
        metal=d.pick((STEEL, CHROME, BLACK)),
        size=size, half=half, radius=radius, tyre=tyre,
        thick={"folding": 0.02, "child": 0.014}.get(kind, 0.015 if style == "city" else 0.018),
        bx=bx, bz=bz, sx=-0.2 * size, sz=radius + d.u(0.5, 0.62) * k,
        crank=(-0.03, 0.0, radius * 0.9 if kind != "folding" else radius + 0.06),
        head=(half - 0.1 * size - 0.03 * (style != "city"), 0.0, max(bz - 0.14, 2 * radius + 0.12 * (kind != "folding"))),
    )  # fmt: skip
    if lines.bz < lines.head[2] + 0.08:
        lines = replace(lines, bz=lines.head[2] + 0.08)
    _cycle_wheels(b, d, lines)
    _frame(b, d, lines)
    _drive(b, d, lines)
    _steering(b, d, lines)
    _saddle(b, d, lines)
    _carried(b, d, lines)
    if kind == "child":
        _for_children(b, d, lines)
    return Vehicle("bicycle", kind, b.build(), base + 2 * radius, 0.55, Seat(lines.sx, lines.sz, bx, lines.bz, 0.05, 0.25))


def _for_children(b: Builder, d: Dice, f: _Lines) -> None:
    """Training wheels, a pushing bar, a plate at the front, a closed plastic chain case."""
    if d.chance(0.6):
        tint = Paint(d.pick(((0.7,) * 3, (0.02,) * 3, d.vivid())), roughness=0.3)
        for s in (-1, 1):
            b.wheel(-f.half, 0.06, 0.014, tint, d.pick((RUBBER, tint)), y=s * 0.16)
            b.tube([(-f.half, s * 0.05, f.radius), (-f.half, s * 0.15, f.radius * 0.8), (-f.half, s * 0.16, 0.06)], 0.009, STEEL, 5)
    if d.chance(0.25):
        b.tube(bend([(-f.half, 0, f.radius), (-f.half - 0.12, 0, f.radius + 0.3), (-f.half - 0.3, 0, 0.92)], 0.1), 0.012, f.frame, 6)
        b.tube([(-f.half - 0.3, -0.1, 0.92), (-f.half - 0.3, 0.1, 0.92)], 0.016, BLACK)
    if d.chance(0.5):
        b.blob((f.bx + 0.06, 0, f.bz - 0.06), (0.012, 0.08, 0.07), f.other, 0.5, ("y", 0.0), fine=9)
    if d.chance(0.4):
        own = Builder()
        own.skin_along(
            [(-f.half, f.radius, 0.015, 0.04), (f.crank[0], f.crank[2], 0.018, 0.08), (f.crank[0] + 0.09, f.crank[2], 0.012, 0.03)],
            f.other,
            0.7,
        )
        b.mesh_in(own.build().moved((0, -0.075, 0)))


def kick_scooter(d: Dice) -> Vehicle:
    """A deck, two or three small wheels, one upright with a T bar."""
    b = Builder()
    electric = d.chance(0.6)
    k = 1.0 if electric else d.u(0.65, 1.0)
    c = paint.body(d) if not electric else d.pick((BLACK, BLACK, paint.body(d), Paint(d.grey(0.3, 0.6), roughness=0.4)))
    trim = paint.body(d)
    radius = d.u(0.1, 0.13) if electric else d.u(0.05, 0.1)
    length = (d.u(0.8, 0.95) if electric else d.u(0.55, 0.75)) * k
    half, deck = length / 2, radius * 0.9 + 0.05
    tyre = radius * 0.25
    rear = [(0.0,)] if electric or d.chance(0.6) else [(-0.06,), (0.06,)]
    for (y,) in rear:
        b.wheel(-half, radius, tyre, STEEL, RUBBER, y=y)
    front = (0.0,) if len(rear) == 2 or electric or d.chance(0.6) else (-0.12, 0.12)
    for y in front:
        b.wheel(half, radius, tyre, trim, RUBBER, y=y)
    b.blob((-0.02, 0, deck), (half * 0.78, d.u(0.06, 0.09), 0.03 if electric else 0.015), c, 0.25)
    b.tube([(half * 0.7, 0, deck), (half - 0.05, 0, deck + 0.12)], 0.025, c)
    top = (d.u(1.0, 1.15) if electric else d.u(0.65, 0.9)) * (1 if electric else k + 0.1)
    bar_x = half - d.u(0.1, 0.18)
    b.tube([(half, 0, radius), (bar_x, 0, top)], d.u(0.016, 0.026), c)
    w = d.u(0.2, 0.25) if electric else d.u(0.14, 0.22)
    b.tube([(bar_x, -w, top), (bar_x, w, top)], 0.013, c)
    for s in (-1, 1):
        b.tube([(bar_x, s * w * 0.55, top), (bar_x, s * w * 1.05, top)], 0.019, d.pick((BLACK, trim)))
    b.arc((-half, 0, radius), radius + 0.015, 0.02, c, 0.8, 2.8, 8)
    if electric and d.chance(0.5):
        b.blob((bar_x + 0.04, 0, top - 0.08), (0.02, 0.03, 0.03), paint.LAMP, 0.8, fine=8)
    if electric:  # as finely made as an e-bike: mat, mudguard with its lamp, display, lever, cable
        b.box((-0.02, 0, deck + 0.031), (half * 0.62, 0.06, 0.003), Paint((0.015,) * 3, roughness=0.9))
        for x in np.linspace(-0.5, 0.5, 6):
            b.box((-0.02 + x * half, 0, deck + 0.035), (0.004, 0.055, 0.002), trim if d.chance(0.3) else BLACK)
        b.skin_along(
            [
                (-half + 0.06, 2 * radius + 0.01, 0.045, 0.008),
                (-half - 0.05, 2 * radius - 0.02, 0.045, 0.008),
                (-half - 0.12, radius + 0.02, 0.035, 0.008),
            ],
            c,
            0.6,
        )
        b.blob((-half - 0.13, 0, radius + 0.03), (0.012, 0.025, 0.018), paint.RED_LAMP, 0.6, fine=8)
        b.box((bar_x, 0, top + 0.02), (0.035, 0.03, 0.008), Paint((0.01,) * 3, roughness=0.08, glow=d.pick((0, 0, 1))), pitch=-0.3)
        b.tube([(bar_x + 0.02, w * 0.6, top), (bar_x + 0.01, w * 0.95, top - 0.01)], 0.006, CHROME, 5)
        b.tube([(bar_x + 0.02, w * 0.5, top), (bar_x + 0.07, 0.03, top - 0.12), (half + 0.03, 0.02, radius + 0.15)], 0.004, BLACK, 4)
    if electric and d.chance(0.12):  # a bag on the stem
        b.blob((bar_x + 0.08, 0, top - 0.2), (0.05, 0.09, 0.1), BLACK, 0.5)
    if d.chance(0.15) and not electric:
        b.blob((0, 0, top * 0.45), (0.1, 0.09, 0.03), trim, 0.6)
    return Vehicle(
        "kick_scooter", "electric" if electric else "manual", b.build(), length + 2 * radius, 0.45, Seat(-0.1, 0.9, bar_x, top, 0.0, deck)
    )
