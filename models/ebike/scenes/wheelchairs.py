"""Wheelchairs, pushed and powered."""

from __future__ import annotations

from . import paint
from .dice import Dice
from .fittings import Seat, Vehicle
from .paint import BLACK, CHROME, RUBBER, STEEL, Paint
from .shapes import Builder, crumple, outline


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


def sewn(b: Builder, d: Dice, w: float, sz: float, depth: float, back_top: float) -> None:
    """What a plain wheelchair's cloth and frame have more: cushion with piping, bands on the back, pocket, calf strap, lacquered clamps."""
    seam = Paint(d.pick(((0.02,) * 3, (0.4,) * 3, (0.5, 0.03, 0.03), (0.05, 0.15, 0.45))), roughness=0.5)
    if d.chance(0.6):
        cushion, thick = Paint(d.colour(), roughness=d.u(0.25, 0.8)), d.u(0.02, 0.04)
        z = sz + 0.03 + thick
        b.skin_along(
            [
                (depth, z, w * 0.8, thick * 0.7),
                (depth - 0.03, z, w * 0.9, thick),
                (-depth + 0.03, z, w * 0.9, thick),
                (-depth, z, w * 0.8, thick * 0.7),
            ],
            cushion,
            0.4,
        )
        for t in (-1, 1):
            b.tube(outline(depth, w * 0.88, z + t * thick * 0.7, 0.04), 0.005, seam, 5)
    for t in (0.35, 0.7, 1.0) if d.chance(0.7) else ():
        z = sz + t * (back_top - sz) - 0.02
        x = -depth - 0.05 * t
        b.ribbon([(x - 0.03, -w * 1.02, z), (x - 0.065, 0, z), (x - 0.03, w * 1.02, z)], (0, 0, 0.018), seam)
    if d.chance(0.4):
        b.blob((-depth - 0.075, 0, sz + 0.2), (0.018, w * 0.7, 0.1), BLACK, 0.35, fine=9)
        b.tube([(-depth - 0.09, -w * 0.65, sz + 0.29), (-depth - 0.09, w * 0.65, sz + 0.29)], 0.006, seam, 5)
    if d.chance(0.5):
        b.ribbon([(depth + 0.06, -w * 0.7, 0.24), (depth + 0.04, 0, 0.24), (depth + 0.06, w * 0.7, 0.24)], (0, 0, 0.03), BLACK)
    clamp = d.pick((BLACK, CHROME, paint.RED_LAMP, Paint(d.vivid(), roughness=0.2)))
    for s in (-1, 1):
        for x, z in ((-depth - 0.005, sz), (depth, sz - 0.02), (-depth, 0.24)):
            b.blob((x, s * w, z), (0.02, 0.02, 0.022), clamp, 0.5, fine=8)
        b.blob((depth + 0.24, s * w * 0.55, 0.115), (0.012, 0.06, 0.03), BLACK, 0.5, fine=8)
        b.tube([(depth + 0.02, s * w, 0.2), (depth + 0.02, s * w, 0.1)], 0.016, clamp, 6)
        if d.chance(0.4):  # cable of a brake at the push handle
            b.tube([(-depth - 0.17, s * w, back_top), (-depth - 0.1, s * w * 1.1, sz + 0.1), (-0.14, s * w * 1.1, 0.34)], 0.004, BLACK, 4)
            b.tube([(-depth - 0.14, s * w, back_top - 0.01), (-depth - 0.2, s * w, back_top - 0.035)], 0.005, CHROME, 5)


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
    if not stuffed:
        sewn(b, d, w, sz, depth, back_top)
    seat = Seat(-0.06, sz + 0.03, 0.12, sz + 0.24, depth + 0.16, 0.12)
    return Vehicle("wheelchair", "powered" if powered else "manual", b.build(), 1.05, 0.62, seat)
