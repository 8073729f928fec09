"""Bicycles and kick scooters."""

from __future__ import annotations

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
