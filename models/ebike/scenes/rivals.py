"""What is on wheels in a lift and is no e-bike: each with its own class."""

from __future__ import annotations

import math

import numpy as np

from . import paint
from .dice import Dice
from .fittings import Seat, Vehicle, handlebar
from .paint import BLACK, CHROME, RUBBER, STEEL, Paint
from .shapes import Builder, crumple


def bicycle(d: Dice) -> Vehicle:
    """Thin tubes, thin tyres, many spokes; adult, folding or child's."""
    b = Builder()
    kind = d.weighted({"adult": 0.45, "step": 0.25, "folding": 0.15, "child": 0.15})
    size = {"adult": 1.0, "step": 0.95, "folding": 0.8, "child": d.u(0.5, 0.7)}[kind]
    c = paint.body(d)
    rim = Paint((0.5,) * 3, metallic=0.8, roughness=0.3)
    base = d.u(0.98, 1.08) * (size if kind != "folding" else 0.95)
    radius = {"adult": d.u(0.3, 0.35), "step": d.u(0.3, 0.34), "folding": d.u(0.2, 0.25), "child": d.u(0.15, 0.22)}[kind]
    tyre = d.u(0.011, 0.024)
    half = base / 2
    bx, bz = half - 0.14 * size, radius + d.u(0.55, 0.7) * (size if kind == "child" else 1)
    sx, sz = -0.2 * size, radius + d.u(0.5, 0.62) * (size if kind == "child" else 1)
    tr = 0.014 if kind != "folding" else 0.022
    for x in (-half, half):
        b.wheel(x, radius, tyre, rim, RUBBER, spokes=d.pick((16, 20)))
        if d.chance(0.5):
            b.arc((x, 0, radius), radius + 0.012, 0.014, d.pick((BLACK, CHROME, c)), 0.3, 2.8, 12)
    crank = (-0.03, 0, radius * 0.9)
    head = (half - 0.1 * size, 0, bz - 0.14)
    b.tube([crank, (sx, 0, sz)], tr, c)
    if kind in ("adult", "child"):
        b.tube([(sx * 0.9, 0, sz - 0.12), (head[0], 0, head[2] - 0.03)], tr, c)
        b.tube([crank, (head[0], 0, head[2] - 0.1)], tr * 1.2, c)
    else:
        b.tube([crank, (0.15, 0, radius + 0.08), (head[0], 0, head[2] - 0.12)], tr * 1.4, c)
    for y in (-0.04, 0.04):
        b.tube([(-half, y, radius), crank], 0.009, c, 5)
        b.tube([(-half, y, radius), (sx * 0.95, y * 0.3, sz - 0.12)], 0.008, c, 5)
        b.tube([(half, y, radius), (head[0] + 0.02, y * 0.6, head[2] - 0.12)], 0.011, c, 5)
    b.tube([(head[0] + 0.02, 0, head[2] - 0.14), (bx, 0, bz - 0.02)], 0.016, c)
    b.blob((sx, 0, sz + 0.02), (0.12 * max(size, 0.7), 0.07, 0.03), paint.saddle(d), 0.8, taper=0.1)
    b.arc(crank, 0.08 * size, 0.01, STEEL, steps=14)
    for s in (-1, 1):
        b.tube([(crank[0], 0, crank[2]), (crank[0] + s * 0.15 * size, s * 0.1, crank[2] - s * 0.05)], 0.009, STEEL, 5)
        b.box((crank[0] + s * 0.15 * size, s * 0.14, crank[2] - s * 0.05), (0.04, 0.035, 0.01), BLACK)
    handlebar(b, bx, bz, d.u(0.24, 0.32) * max(size, 0.75), rise=d.u(0, 0.08))
    if d.chance(0.4):
        wire = Paint(d.pick(((0.02,) * 3, (0.7,) * 3, (0.3, 0.2, 0.1))), metallic=d.pick((0, 0.6)), roughness=0.5)
        b.wire_basket((bx + 0.2, 0, bz - 0.08), (0.12, 0.16, 0.2), wire)
        if d.chance(0.4):
            b.blob((bx + 0.2, 0, bz - 0.12), (0.1, 0.13, 0.12), paint.cloth(d), 0.8, rough=crumple(d.noise(), 0.01))
    if d.chance(0.4):
        for y in (-0.06, 0, 0.06):
            b.tube([(-half - 0.15, y, sz - 0.12), (sx - 0.05, y, sz - 0.12)], 0.007, STEEL, 5)
        if d.chance(0.3):
            s = paint.body(d)
            b.blob((-half + 0.1, 0, sz), (0.13, 0.14, 0.04), s, 0.4)
            b.blob((-half - 0.02, 0, sz + 0.16), (0.04, 0.14, 0.18), s, 0.4)
    if kind == "child" and d.chance(0.5):
        for y in (-0.16, 0.16):
            b.wheel(-half, 0.06, 0.014, rim, RUBBER, y=y)
            b.tube([(-half, 0, radius), (-half, y, 0.06)], 0.008, STEEL, 5)
    return Vehicle("bicycle", kind, b.build(), base + 2 * radius, 0.55, Seat(sx, sz, bx, bz, 0.05, 0.25))


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


def motor(b: Builder, d: Dice, w: float, sz: float, depth: float, stuffed: bool) -> None:
    """What a powered wheelchair has more: lacquered shroud or bare batteries, stuffed seat, joystick, springs, lamps.

    As finely made as an e-bike's panels, so that no net learns that fine panels are e-bikes.
    """
    shell = Paint(d.colour(), metallic=d.pick((0, 0, 0.4)), roughness=d.u(0.07, 0.3))
    if d.chance(0.55):
        high = d.u(0.08, 0.12)
        b.skin_along([(depth + 0.08, 0.2, w * 0.45, high * 0.6), (depth - 0.04, 0.23, w * 0.8, high), (-0.1, 0.26, w * 0.86, high), (-depth - 0.1, 0.3, w * 0.6, high * 0.7)],
                     shell, d.u(0.35, 0.6))  # fmt: skip
        for s in (-1, 1):
            b.skin_along(
                [(0.1, 0.27, 0.05, 0.02), (-0.05, 0.37, 0.055, 0.025), (-0.2, 0.37, 0.055, 0.025), (-0.33, 0.26, 0.05, 0.02)], shell, 0.6
            )
            if d.chance(0.5):
                b.blob((depth + 0.08, s * w * 0.4, 0.24), (0.02, 0.03, 0.02), d.pick((paint.LAMP, paint.AMBER)), 0.7, fine=8)
                b.blob((-depth - 0.1, s * w * 0.5, 0.32), (0.015, 0.025, 0.02), paint.RED_LAMP, 0.7, fine=8)
    else:
        for y in (-0.09, 0.09):
            b.box((-0.03, y, 0.26), (0.17, 0.075, 0.09), d.pick((BLACK, shell)))
        for s in (-1, 1):
            b.tube([(-0.12, s * w * 0.9, 0.2), (-0.02, s * w * 0.9, sz - 0.06)], 0.025, d.pick((paint.RED_LAMP, STEEL, BLACK)))
    if stuffed:  # as in a car
        leather = Paint(d.pick((*((0.012,) * 3,) * 5, (0.3, 0.02, 0.02), (0.3, 0.28, 0.25))), roughness=d.u(0.22, 0.5))
        b.skin_along(
            [
                (depth + 0.02, sz, w * 0.8, 0.03),
                (depth - 0.03, sz + 0.02, w * 0.95, 0.05),
                (-depth + 0.05, sz + 0.01, w * 0.95, 0.05),
                (-depth, sz, w * 0.8, 0.04),
            ],
            leather,
            0.5,
        )
        top = sz + d.u(0.45, 0.6)
        b.skin_up([(sz + 0.02, -depth, w * 0.7, 0.05), (sz + 0.12, -depth - 0.02, w * 0.95, 0.06), (top - 0.1, -depth - 0.08, w * 0.9, 0.05), (top, -depth - 0.1, w * 0.6, 0.04)],
                  leather, 0.5, -d.u(0.0, 0.05))  # fmt: skip
    side = d.sign()
    b.box((0.16, side * w * 1.06, sz + 0.235), (0.05, 0.03, 0.025), BLACK)
    b.tube([(0.19, side * w * 1.06, sz + 0.25), (0.2, side * w * 1.06, sz + 0.32)], [0.012, 0.018], BLACK, 6)
    for s in (-1, 1):
        b.tube([(-depth, s * w * 0.6, 0.16), (-depth - 0.18, s * w * 0.6, 0.08)], 0.012, STEEL, 5)
        b.wheel(-depth - 0.18, 0.04, 0.012, STEEL, RUBBER, y=s * w * 0.6)


def wheelchair(d: Dice) -> Vehicle:
    """Manual (large rear wheels) or powered (small fat wheels, batteries, joystick)."""
    b = Builder()
    powered = d.chance(0.45)
    frame = d.pick((STEEL, CHROME, BLACK, paint.body(d)))
    fabric = d.pick((BLACK, Paint(d.colour(), roughness=0.85), paint.cloth(d)))
    w, sz, depth = d.u(0.2, 0.25), d.u(0.46, 0.54), d.u(0.2, 0.23)
    back_top = sz + d.u(0.38, 0.55)
    stuffed = powered and d.chance(0.6)
    if not stuffed:
        b.blob((0, 0, sz), (depth, w * 0.95, d.u(0.025, 0.06)), fabric, 0.35)
        b.blob(
            (-depth - 0.03, 0, (sz + back_top) / 2), (d.u(0.02, 0.05), w * 0.95, (back_top - sz) / 2), fabric, 0.35, ("y", -d.u(0.05, 0.25))
        )
    if d.chance(0.25):
        b.blob((-depth - 0.1, 0, back_top + 0.15), (0.04, w * 0.55, 0.1), fabric, 0.5)
    for s in (-1, 1):
        y = s * w
        b.tube(
            [(depth, y, sz - 0.02), (-depth, y, sz - 0.02), (-depth - 0.05, y, back_top), (-depth - 0.15, y, back_top + 0.02)], 0.012, frame
        )
        b.tube([(-depth - 0.13, y, back_top + 0.02), (-depth - 0.2, y, back_top + 0.02)], 0.018, BLACK)
        b.tube([(-depth, y, 0.2), (-depth, y, sz)], 0.012, frame)
        b.tube([(depth, y, sz), (depth + 0.06, y, 0.16)], 0.012, frame)
        arm = sz + d.u(0.2, 0.24)
        b.blob((0, y * 1.06, arm), (0.17, 0.03, 0.018), BLACK, 0.4)
        b.tube([(0.12, y * 1.06, arm), (0.12, y * 1.04, sz - 0.05)], 0.01, frame, 5)
        b.tube([(-0.12, y * 1.06, arm), (-0.12, y * 1.04, sz - 0.05)], 0.01, frame, 5)
        b.tube([(depth + 0.05, y * 0.7, 0.3), (depth + 0.16, y * 0.7, 0.12)], 0.011, frame, 5)
        b.box((depth + 0.2, y * 0.55, 0.1), (0.08, 0.07, 0.008), BLACK, pitch=-0.25)
        if d.chance(0.5):  # side guard, and a brake in front of the wheel
            b.box((-0.02, y * 1.02, sz + 0.09), (0.17, 0.004, 0.08), d.pick((BLACK, frame)))
        if not powered and d.chance(0.6):
            b.tube([(0.13, y * 1.05, sz - 0.03), (0.2, y * 1.1, sz + 0.08)], 0.008, CHROME, 5)
        if powered:
            r = d.u(0.14, 0.18)
            b.wheel(-0.12 if d.chance(0.6) else 0.05, r, d.u(0.03, 0.045), d.pick((STEEL, BLACK)), RUBBER, y=s * (w + 0.06))
            b.wheel(depth + 0.04, 0.09, 0.025, STEEL, RUBBER, y=y)
            b.arc((-0.12, s * (w + 0.06), r), r + 0.03, 0.03, d.pick((BLACK, frame)), 0.4, 2.7, 9)
        else:
            r = d.u(0.27, 0.31) if d.chance(0.75) else d.u(0.13, 0.17)  # attendant chairs have small wheels
            b.wheel(
                -0.14,
                r,
                0.016,
                STEEL,
                d.pick((RUBBER, RUBBER, Paint((0.3,) * 3))),
                y=s * (w + 0.05),
                spokes=d.pick((14, 18, 6)),
                lean=-0.06 * s * d.pick((0, 1)),
            )
            if r > 0.2:
                b.arc((-0.14, s * (w + 0.09), r), r - 0.05, 0.009, CHROME)
            b.wheel(depth + 0.02, d.u(0.06, 0.09), 0.018, STEEL, RUBBER, y=y)
    b.tube([(0.05, -w, sz - 0.05), (0.05, w, 0.2)], 0.01, frame, 5)
    b.tube([(0.05, w, sz - 0.05), (0.05, -w, 0.2)], 0.01, frame, 5)
    if powered:
        motor(b, d, w, sz, depth, stuffed)
    if d.chance(0.25):
        b.blob((-depth - 0.14, 0, sz + 0.15), (0.07, w * 0.7, 0.16), paint.cloth(d), 0.5, rough=crumple(d.noise(), 0.006))
    if d.chance(0.15):
        b.blob((0.05, 0, sz + 0.06), (0.2, w, 0.06), paint.cloth(d), 0.6, rough=crumple(d.noise(), 0.012))
    seat = Seat(-0.06, sz + 0.03, 0.12, sz + 0.24, depth + 0.16, 0.12)
    return Vehicle("wheelchair", "powered" if powered else "manual", b.build(), 1.05, 0.62, seat)


def pram(d: Dice) -> Vehicle:
    """Pushchair or carry-cot on a frame, with a canopy and a handle behind."""
    b = Builder()
    c, frame = paint.cloth(d), d.pick((BLACK, STEEL, CHROME))
    r, w = d.u(0.07, 0.13), d.u(0.2, 0.27)
    three = d.chance(0.15)
    for s in (-1, 1):
        b.wheel(-0.3, r * d.u(1, 1.3), r * 0.22, STEEL, RUBBER, y=s * w, spokes=d.pick((0, 6)))
        b.wheel(0.32, r, r * 0.22, STEEL, RUBBER, y=0 if three else s * w * 0.9)
        b.tube([(0.32, 0 if three else s * w * 0.9, r), (-0.1, s * w * 0.95, 0.55), (-0.5, s * w * 0.85, d.u(0.95, 1.05))], 0.013, frame)
        b.tube([(-0.3, s * w, r), (0.02, s * w * 0.9, 0.5)], 0.012, frame)
    b.tube([(-0.5, -w * 0.85, 1.0), (-0.52, 0, 1.02), (-0.5, w * 0.85, 1.0)], 0.016, BLACK)
    if d.chance(0.35):
        b.blob((0.02, 0, 0.62), (0.4, w * 0.85, 0.13), c, 0.45)
    else:
        b.blob((0.05, 0, 0.5), (0.2, w * 0.8, 0.06), c, 0.5)
        b.blob((-0.17, 0, 0.7), (0.06, w * 0.8, 0.24), c, 0.5, ("y", -0.4))
        b.blob((0.28, 0, 0.36), (0.05, w * 0.7, 0.12), c, 0.5, ("y", 0.4))
        b.tube([(0.0, -w * 0.8, 0.68), (0.22, 0, 0.7), (0.0, w * 0.8, 0.68)], 0.016, BLACK)
    if d.chance(0.8):
        b.blob(
            (-0.12 + d.u(-0.05, 0.1), 0, 0.85),
            (0.24, w * 0.9, d.u(0.15, 0.24)),
            c if d.chance(0.6) else paint.cloth(d),
            0.8,
            ("y", d.u(-0.6, 0.1)),
        )
    if d.chance(0.6):
        b.blob((0.0, 0, 0.25), (0.22, w * 0.75, 0.08), BLACK, 0.4)
    if d.chance(0.4):  # the child's head
        skin = Paint((0.6, 0.4, 0.3), roughness=0.6)
        b.blob((-0.04, 0, 0.78), (0.085, 0.08, 0.095), d.pick((skin, BLACK)), 1)
        b.blob((0.03, 0, 0.6), (0.14, 0.11, 0.08), paint.cloth(d), 0.8)
    if d.chance(0.4):
        b.blob((-0.5, d.u(-0.1, 0.1), 0.8), (0.08, 0.16, 0.16), paint.cloth(d), 0.5)
    return Vehicle("pram", "pram", b.build(), 1.0, 0.58)


def trolley(d: Dice) -> Vehicle:
    """Flatbed, wire shopping cart, hand truck, folding shopper, cage, or a bed on wheels."""
    b = Builder()
    kind = d.weighted({"flatbed": 0.3, "shopping": 0.2, "hand": 0.18, "shopper": 0.14, "cage": 0.08, "bed": 0.1})
    metal = d.pick((STEEL, CHROME, Paint(d.vivid(), roughness=0.4)))
    length, width = 0.9, 0.55
    if kind == "flatbed":
        hx, hy = d.u(0.32, 0.5), d.u(0.22, 0.32)
        for x in (-hx * 0.8, hx * 0.8):
            for y in (-hy * 0.8, hy * 0.8):
                b.wheel(x, 0.06, 0.018, STEEL, RUBBER, y=y)
        b.box((0, 0, 0.16), (hx, hy, 0.02), d.pick((metal, Paint((0.02, 0.1, 0.4)), Paint((0.3, 0.2, 0.1)))))
        b.tube([(-hx, -hy * 0.9, 0.16), (-hx - 0.06, -hy * 0.9, 0.95), (-hx - 0.06, hy * 0.9, 0.95), (-hx, hy * 0.9, 0.16)], 0.016, metal)
        z = 0.18
        for _ in range(d.i(0, 4)):
            s = d.u(0.08, 0.2)
            b.box((d.u(-0.1, 0.1), d.u(-0.05, 0.05), z + s), (d.u(0.15, hx), d.u(0.12, hy), s), carton(d), yaw=d.u(-0.2, 0.2))
            z += 2 * s
        length = 2 * hx + 0.15
    elif kind == "shopping":
        for x in (-0.32, 0.32):
            for y in (-0.2, 0.2):
                b.wheel(x, 0.06, 0.018, STEEL, RUBBER, y=y)
                b.tube([(x, y, 0.1), (x * 0.9, y, 0.5)], 0.012, metal)
        b.wire_basket((0, 0, d.u(0.9, 1.0)), (0.42, 0.26, d.u(0.35, 0.5)), metal, taper=0.85, wires=9)
        b.tube(
            [(-0.42, -0.26, 0.97), (-0.52, -0.26, 1.03), (-0.52, 0.26, 1.03), (-0.42, 0.26, 0.97)],
            0.016,
            d.pick((metal, BLACK, Paint(d.vivid()))),
        )
        for _ in range(d.i(0, 4)):
            b.blob(
                (d.u(-0.25, 0.25), d.u(-0.12, 0.12), d.u(0.6, 0.8)),
                (d.u(0.08, 0.16), d.u(0.08, 0.14), d.u(0.06, 0.14)),
                paint.cloth(d),
                0.6,
            )
    elif kind == "hand":
        for y in (-0.2, 0.2):
            b.wheel(-0.05, d.u(0.08, 0.12), 0.03, STEEL, RUBBER, y=y)
            b.tube([(0, y, 0.1), (-0.1, y, 1.05), (-0.2, y * 0.7, 1.12)], 0.014, metal)
        b.tube([(-0.2, -0.14, 1.12), (-0.2, 0.14, 1.12)], 0.015, BLACK)
        for z in (0.35, 0.65, 0.9):
            b.tube([(-z * 0.1, -0.2, z), (-z * 0.1, 0.2, z)], 0.012, metal)
        b.box((0.14, 0, 0.05), (0.15, 0.22, 0.008), metal)
        z = 0.06
        for _ in range(d.i(0, 4)):
            s = d.u(0.1, 0.17)
            b.box((0.15, 0, z + s), (d.u(0.12, 0.18), d.u(0.15, 0.25), s), carton(d))
            z += 2 * s
        length = 0.6
    elif kind == "shopper":
        for y in (-0.17, 0.17):
            b.wheel(-0.08, 0.08, 0.016, STEEL, RUBBER, y=y)
        b.blob((0.03, 0, 0.42), (0.13, 0.18, 0.3), paint.cloth(d), 0.35, rough=crumple(d.noise(), 0.005))
        b.tube([(-0.1, -0.14, 0.1), (-0.16, -0.14, 0.95), (-0.22, 0, 0.98), (-0.16, 0.14, 0.95), (-0.1, 0.14, 0.1)], 0.012, metal)
        length = 0.45
    elif kind == "cage":
        hx, hy, h = d.u(0.3, 0.42), d.u(0.25, 0.35), d.u(1.1, 1.5)
        for x in (-hx, hx):
            for y in (-hy, hy):
                b.wheel(x * 0.9, 0.06, 0.02, STEEL, RUBBER, y=y * 0.9)
                b.tube([(x, y, 0.15), (x, y, h)], 0.014, metal)
        for z in (0.15, 0.5, 0.85, h):
            b.tube([(-hx, -hy, z), (-hx, hy, z), (hx, hy, z), (hx, -hy, z)], 0.009, metal, 5)
        b.box((0, 0, 0.5), (hx * 0.85, hy * 0.85, 0.3), carton(d))
    else:
        sheet = Paint(d.pick(((0.7, 0.7, 0.7), (0.4, 0.55, 0.7), (0.4, 0.6, 0.5))), roughness=0.9)
        for x in (-0.75, 0.75):
            for y in (-0.28, 0.28):
                b.wheel(x, 0.08, 0.02, STEEL, RUBBER, y=y)
                b.tube([(x, y, 0.1), (x, y, 0.6)], 0.018, metal)
        b.blob((0, 0, 0.68), (0.95, 0.33, 0.08), sheet, 0.3)
        b.blob((-0.75, 0, 0.78), (0.16, 0.24, 0.06), sheet, 0.7)
        if d.chance(0.5):
            b.blob((0.1, 0, 0.8), (0.75, 0.26, 0.12), paint.cloth(d), 0.7, rough=crumple(d.noise(), 0.01))
        for s in (-1, 1):
            b.tube([(-0.5, s * 0.35, 0.7), (-0.5, s * 0.35, 0.92), (0.5, s * 0.35, 0.92), (0.5, s * 0.35, 0.7)], 0.012, metal)
        length, width = 1.95, 0.7
    return Vehicle("trolley", kind, b.build(), length, width)


def carton(d: Dice) -> Paint:
    return Paint(d.pick(((0.35, 0.22, 0.1), (0.4, 0.27, 0.14), d.colour())), roughness=0.85)


RIVALS = {"bicycle": 0.22, "kick_scooter": 0.16, "wheelchair": 0.3, "pram": 0.14, "trolley": 0.18}


def rival(d: Dice, label: str | None = None) -> Vehicle:
    """Any rival; wheelchairs most often, as they are what the net confuses most."""
    label = label or d.weighted(RIVALS)
    return {"bicycle": bicycle, "kick_scooter": kick_scooter, "wheelchair": wheelchair, "pram": pram, "trolley": trolley}[label](d)


def clutter(d: Dice) -> Vehicle:
    """Things that stand about in a lift and have no class."""
    b = Builder()
    kind = d.pick(("box", "box", "suitcase", "bag", "chair", "plant", "mop", "dog", "walker", "bucket", "board"))
    if kind == "box":
        for k in range(d.i(1, 3)):
            s = [d.u(0.12, 0.32) for _ in range(3)]
            b.box((0, 0, s[2] + k * 0.4), s, carton(d), yaw=d.u(-0.3, 0.3))
    elif kind == "suitcase":
        h = d.u(0.24, 0.36)
        b.blob((0, 0, h + 0.05), (d.u(0.1, 0.15), d.u(0.18, 0.25), h), paint.body(d), 0.3)
        b.tube([(0, -0.1, 2 * h), (0, -0.1, 2 * h + 0.4), (0, 0.1, 2 * h + 0.4), (0, 0.1, 2 * h)], 0.012, STEEL)
    elif kind == "bag":
        for _ in range(d.i(1, 4)):
            b.blob(
                (d.u(-0.25, 0.25), d.u(-0.25, 0.25), 0.16),
                (d.u(0.1, 0.22), d.u(0.1, 0.22), d.u(0.12, 0.22)),
                paint.cloth(d),
                0.8,
                rough=crumple(d.noise(), 0.015),
            )
    elif kind == "chair":
        c = paint.body(d)
        b.box((0, 0, 0.45), (0.2, 0.2, 0.02), c)
        b.box((-0.2, 0, 0.72), (0.02, 0.2, 0.22), c)
        for x in (-0.18, 0.18):
            for y in (-0.18, 0.18):
                b.tube([(x, y, 0), (x, y, 0.45)], 0.015, d.pick((STEEL, c)), 5)
    elif kind == "plant":
        green = Paint((0.03, 0.15, 0.03), roughness=0.7)
        b.blob((0, 0, 0.15), (0.16, 0.16, 0.15), paint.body(d), 0.5, taper=0.2)
        for _ in range(14):
            a, r = d.u(0, 2 * math.pi), d.u(0.1, 0.4)
            b.tube(
                [(0, 0, 0.3), (r * 0.5 * math.cos(a), r * 0.5 * math.sin(a), 0.7), (r * math.cos(a), r * math.sin(a), d.u(0.6, 1.1))],
                [0.01, 0.03, 0.004],
                green,
                5,
            )
    elif kind == "mop":
        b.tube([(0, 0, 0.1), (0.15, 0, 1.3)], 0.013, paint.body(d))
        b.blob((0, 0, 0.08), (0.15, 0.12, 0.08), paint.cloth(d), 0.9, rough=crumple(d.noise(), 0.02))
        b.blob((0.25, 0.1, 0.16), (0.15, 0.15, 0.16), paint.body(d), 0.5, taper=0.15)
    elif kind == "dog":
        c = Paint(d.pick(((0.3, 0.2, 0.1), (0.02,) * 3, (0.6, 0.55, 0.5))), roughness=0.9)
        k = d.u(0.5, 1.1)
        b.blob((0, 0, 0.36 * k), (0.28 * k, 0.1 * k, 0.12 * k), c, 0.9)
        b.blob((0.32 * k, 0, 0.5 * k), (0.11 * k, 0.08 * k, 0.09 * k), c, 1)
        for x in (-0.2, 0.2):
            for y in (-0.06, 0.06):
                b.tube([(x * k, y * k, 0), (x * k, y * k, 0.35 * k)], 0.03 * k, c, 6)
        b.tube([(-0.27 * k, 0, 0.42 * k), (-0.42 * k, 0, 0.6 * k)], 0.02 * k, c, 5)
    elif kind == "walker":
        for s in (-1, 1):
            b.tube([(0.25, s * 0.27, 0), (0.12, s * 0.27, 0.85), (-0.12, s * 0.27, 0.85), (-0.25, s * 0.29, 0)], 0.014, STEEL)
            b.tube([(0.1, s * 0.27, 0.85), (-0.1, s * 0.27, 0.85)], 0.02, BLACK)
        b.tube([(0.15, -0.27, 0.6), (0.15, 0.27, 0.6)], 0.014, STEEL)
        if d.chance(0.5):
            for s in (-1, 1):
                b.wheel(0.25, 0.07, 0.02, STEEL, RUBBER, y=s * 0.29)
            b.blob((0, 0, 0.5), (0.14, 0.2, 0.03), BLACK, 0.4)
    elif kind == "bucket":
        for _ in range(d.i(1, 3)):
            b.blob(
                (d.u(-0.2, 0.2), d.u(-0.2, 0.2), 0.2),
                (0.14, 0.14, d.u(0.15, 0.24)),
                Paint(d.pick(((0.1, 0.25, 0.6), d.colour())), roughness=0.2),
                0.4,
            )
    else:
        b.box((0, 0, d.u(0.7, 1.0)), (0.03, d.u(0.3, 0.6), d.u(0.6, 0.9)), d.pick((carton(d), paint.cloth(d))), pitch=d.u(0.05, 0.2))
    return Vehicle("clutter", kind, b.build(), 0.5, 0.4)
