"""Prams and pushchairs."""

from __future__ import annotations

from . import paint
from .dice import Dice
from .fittings import Vehicle
from .paint import BLACK, CHROME, RUBBER, STEEL, Paint
from .shapes import Builder


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
