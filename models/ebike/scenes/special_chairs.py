"""Wheelchairs unlike most: for racing and sport, cycled by hand, climbing stairs, lifting their user upright, reclining."""

from __future__ import annotations

import math
from collections.abc import Callable

from . import paint
from .dice import Dice
from .fittings import Seat, Vehicle, castor
from .paint import BLACK, CHROME, RUBBER, STEEL, Paint
from .shapes import Builder, bend, crumple

LIT = Paint((0.45, 0.45, 0.46), metallic=0.9, roughness=0.18)


def _big_wheels(b: Builder, d: Dice, x: float, r: float, y: float, lean: float, grip: bool) -> None:
    """Cambered: their tops lean in; spoked, with a few broad blades, or closed discs."""
    kind = d.pick(("spoked", "spoked", "blades", "disc"))
    rim = d.pick((STEEL, BLACK, LIT, Paint(d.vivid(), roughness=0.25)))
    for s in (-1, 1):
        b.wheel(
            x,
            r,
            d.u(0.012, 0.018),
            rim,
            RUBBER,
            y=s * y,
            spokes={"spoked": 20, "blades": d.pick((3, 4, 5)), "disc": 0}[kind],
            lean=-lean * s,
        )
        if kind == "blades":
            for k in range(4):
                a = k * math.pi / 2 + 0.4
                b.tube(
                    [(x, s * y, r), (x + 0.85 * r * math.cos(a), s * (y - lean * r * math.sin(a) * 0.85), r + 0.85 * r * math.sin(a))],
                    0.022,
                    rim,
                    6,
                )
        if grip:
            b.arc((x, s * (y + 0.035), r), r - 0.055, 0.009, d.pick((CHROME, BLACK)), lean=-lean * s)


def racing(b: Builder, d: Dice) -> Seat:
    """Three wheels, the front one far ahead; its user kneels in a narrow cage."""
    frame = Paint(d.vivid() if d.chance(0.7) else d.colour(), roughness=d.u(0.1, 0.3))
    r, far, front = d.u(0.33, 0.36), d.u(0.75, 1.1), d.u(0.19, 0.25)
    lean, z = d.u(0.16, 0.26), d.u(0.28, 0.36)
    _big_wheels(b, d, -0.2, r, 0.3, lean, d.chance(0.8))
    b.tube([(-0.2, 0, r), (0.15, 0, z), (far - 0.06, 0, front + 0.16)], [0.03, 0.028, 0.022], frame)
    b.tube([(-0.2, -0.28, r), (-0.2, 0.28, r)], 0.02, frame)
    b.wheel(far, front, 0.012, STEEL, RUBBER, spokes=d.pick((18, 0, 4)))
    for s in (-1, 1):
        b.tube([(far, s * 0.035, front), (far - 0.06, s * 0.03, front + 0.17), (far - 0.09, s * 0.02, front + 0.26)], 0.012, frame)
        b.tube(
            bend([(-0.38, s * 0.16, z + 0.2), (-0.3, s * 0.17, z), (0.14, s * 0.13, z + 0.02), (0.18, s * 0.1, z + 0.16)], 0.08),
            0.013,
            frame,
        )
        b.blob((-0.2, s * 0.19, z + 0.18), (0.2, 0.012, 0.11), d.pick((frame, BLACK)), 0.5)
    b.tube([(far - 0.1, -0.16, front + 0.3), (far - 0.1, 0.16, front + 0.3)], 0.011, BLACK)
    b.blob((-0.14, 0, z), (0.24, 0.14, 0.04), BLACK, 0.5)
    return Seat(-0.24, z - 0.02, 0.1, r + 0.15, -0.05, 0.1)


def handcycle(b: Builder, d: Dice) -> Seat:
    """Low, its user lying back and turning cranks before the chest."""
    frame = Paint(d.vivid() if d.chance(0.7) else d.colour(), roughness=d.u(0.1, 0.3))
    r, front = d.u(0.26, 0.33), d.u(0.24, 0.3)
    _big_wheels(b, d, -0.35, r, 0.33, d.u(0, 0.15), False)
    b.tube(bend([(-0.4, 0, 0.28), (0.45, 0, 0.24), (0.72, 0, 0.6), (0.62, 0, 0.78)], 0.15), 0.028, frame)
    b.tube([(-0.35, -0.3, r), (-0.35, 0.3, r)], 0.02, frame)
    b.wheel(0.8, front, 0.016, STEEL, RUBBER, spokes=20)
    for s in (-1, 1):
        b.tube([(0.8, s * 0.05, front), (0.7, s * 0.04, 0.62)], 0.013, frame)
        b.tube([(0.62, s * 0.02, 0.78), (0.6, s * 0.1, 0.9), (0.6, s * 0.22, 0.9)], 0.012, BLACK)
        b.box((0.62, s * 0.16, 0.24), (0.1, 0.05, 0.01), BLACK, pitch=-0.9)
    b.blob((-0.1, 0, 0.3), (0.24, 0.19, 0.04), BLACK, 0.4)
    b.blob((-0.42, 0, 0.52), (0.05, 0.19, 0.26), BLACK, 0.4, ("y", -d.u(0.4, 0.8)))
    return Seat(-0.14, 0.28, 0.55, 0.82, 0.6, 0.2)


def sports(b: Builder, d: Dice) -> Seat:
    """Light, with a low back, no handles and wheels that lean in."""
    frame, r, lean = (
        Paint(d.vivid() if d.chance(0.6) else d.colour(), metallic=d.pick((0, 0.5)), roughness=0.25),
        d.u(0.29, 0.33),
        d.u(0.05, 0.3),
    )
    w, sz = d.u(0.17, 0.22), d.u(0.44, 0.52)
    _big_wheels(b, d, -0.08, r, w + 0.06 + lean * r, lean, True)
    b.blob((0, 0, sz), (0.2, w, d.u(0.02, 0.05)), BLACK, 0.35)
    high = d.u(0.16, 0.34)
    b.blob((-0.22, 0, sz + high * 0.6), (0.03, w, high / 2), d.pick((BLACK, Paint(d.colour(), roughness=0.8))), 0.4, ("y", -0.15))
    for s in (-1, 1):
        way = [(-0.26, s * w, sz + high), (-0.2, s * w, sz - 0.01), (0.2, s * w, sz), (d.u(0.32, 0.42), s * w * 0.75, 0.14)]
        b.tube(bend(way, 0.09), 0.014, frame)
        b.tube([(-0.08, s * w, r), (-0.08, s * w, sz)], 0.014, frame)
        castor(b, d, 0.26, s * w * 0.9, d.u(0.04, 0.065), 0.2, RUBBER, d.pick((STEEL, frame)))
        if d.chance(0.6):
            b.blob((-0.02, s * (w + 0.015), sz + 0.12), (0.15, 0.006, 0.1), d.pick((BLACK, frame)), 0.4)
    b.tube([(-0.08, -w, r), (-0.08, w, r)], 0.018, frame)
    b.tube([(0.36, -w * 0.75, 0.13), (0.36, w * 0.75, 0.13)], 0.013, frame)
    b.box((0.36, 0, 0.12), (0.06, w * 0.6, 0.006), BLACK)
    if d.chance(0.3):  # a bumper all round the feet
        b.tube(bend([(-0.05, -w - 0.2, 0.2), (0.42, -w - 0.05, 0.2), (0.42, w + 0.05, 0.2), (-0.05, w + 0.2, 0.2)], 0.15), 0.018, frame)
    return Seat(-0.06, sz + 0.02, 0.1, sz + 0.12, 0.32, 0.12)


def _armchair(b: Builder, d: Dice, w: float, sz: float, tall: float, tilt: float, legs: float) -> None:
    """A stuffed seat with arm and head rests; ``tilt`` in radians back, ``legs`` how far the leg rests are raised, 0..1."""
    leather = Paint(
        d.pick((*((0.012,) * 3,) * 6, (0.3, 0.02, 0.02), (0.35, 0.12, 0.02), (0.05, 0.07, 0.15), (0.3, 0.28, 0.25))),
        roughness=d.u(0.25, 0.8),
    )
    other = d.pick((leather, leather, Paint(d.colour(), roughness=0.5)))
    frame = d.pick((STEEL, BLACK, BLACK, CHROME, paint.body(d)))
    back = math.sin(tilt) * tall
    b.skin_along([(0.24, sz, w * 0.8, 0.03), (0.2, sz + 0.02, w, 0.05), (-0.2, sz, w, 0.05), (-0.24, sz, w * 0.8, 0.04)], leather, 0.5)
    b.skin_up(
        [(sz + 0.03, -0.22, w * 0.75, 0.05), (sz + 0.15, -0.24 - back * 0.2, w, 0.06), (sz + tall * 0.9, -0.24 - back * 0.9, w * 0.92, 0.05),
         (sz + tall, -0.24 - back, w * 0.6, 0.04)], other, 0.5, -d.u(0, 0.04),
    )  # fmt: skip
    if d.chance(0.6):
        b.blob((-0.25 - back * 1.1, 0, sz + tall + 0.13), (0.05, d.u(0.08, 0.14), 0.07), leather, 0.6)
        b.tube([(-0.27 - back, 0, sz + tall - 0.1), (-0.28 - back * 1.1, 0, sz + tall + 0.1)], 0.01, STEEL, 5)
    arm = sz + d.u(0.18, 0.24)
    for s in (-1, 1):
        b.blob((-0.02, s * (w + 0.05), arm), (d.u(0.15, 0.22), 0.035, 0.025), BLACK, 0.4)
        b.tube(
            bend(
                [
                    (0.13, s * (w + 0.05), arm),
                    (0.15, s * (w + 0.05), sz - 0.03),
                    (-0.2, s * (w + 0.05), sz - 0.03),
                    (-0.22, s * (w + 0.05), arm),
                ],
                0.05,
            ),
            0.013,
            frame,
        )
        if d.chance(0.5):
            b.box((-0.02, s * (w + 0.045), sz + 0.08), (0.16, 0.005, 0.08), d.pick((BLACK, frame, leather)))
        knee, far = (0.25, sz - 0.03), (0.3 + 0.32 * legs, 0.13 + legs * (sz - 0.22))
        b.tube([(knee[0], s * w * 0.75, knee[1]), (far[0], s * w * 0.7, far[1])], 0.013, frame)
        b.blob((far[0] + 0.05, s * w * 0.55, far[1]), (0.085, 0.075, 0.01), BLACK, 0.4, ("y", -0.3 - legs))
        if d.chance(0.4):
            b.blob(
                ((knee[0] + far[0]) / 2 + 0.02, s * w * 0.6, (knee[1] + far[1]) / 2),
                (0.02, 0.06, 0.08),
                leather,
                0.6,
                ("y", 0.3 + legs),
                fine=8,
            )
        b.tube([(-0.24 - back * 0.9, s * w * 0.8, sz + tall * 0.85), (-0.38 - back * 0.9, s * w * 0.8, sz + tall * 0.87)], 0.017, BLACK)
    if d.chance(0.7):
        s = d.sign()
        b.box((0.2, s * (w + 0.06), arm + 0.02), (0.05, 0.03, 0.025), BLACK)
        b.tube([(0.22, s * (w + 0.06), arm + 0.03), (0.23, s * (w + 0.06), arm + 0.1)], [0.01, 0.018], BLACK, 6)


def reclining(b: Builder, d: Dice) -> Seat:
    """Powered, or pushed, with a tall back that tips and leg rests that rise."""
    w, sz, legs = d.u(0.2, 0.25), d.u(0.48, 0.58), d.pick((0, 0, d.u(0.2, 1)))
    _armchair(b, d, w, sz, d.u(0.5, 0.75), d.u(0.05, 0.6), legs)
    _base(b, d, w, sz)
    return Seat(-0.04, sz + 0.04, 0.12, sz + 0.22, 0.34 + 0.3 * legs, 0.12 + legs * (sz - 0.25))


def _base(b: Builder, d: Dice, w: float, sz: float) -> None:
    """What carries a powered chair: batteries between wheels of two sizes; the driven ones behind, in the middle or in front."""
    shell, rim = (
        d.pick((BLACK, BLACK, Paint(d.colour(), roughness=d.u(0.1, 0.4)))),
        d.pick((STEEL, LIT, BLACK, Paint(d.vivid(), roughness=0.3))),
    )
    r, small = d.u(0.13, 0.2), d.u(0.07, 0.12)
    drive = d.weighted({"rear": 0.6, "mid": 0.25, "front": 0.15})
    x = {"rear": -0.22, "mid": 0.0, "front": 0.2}[drive]
    ends = {"rear": (0.28,), "mid": (0.32, -0.34), "front": (-0.3,)}[drive]
    for s in (-1, 1):
        b.wheel(x, r, d.u(0.025, 0.045), rim, RUBBER, y=s * (w + 0.06), spokes=d.pick((0, 5, 5, 3)))
        if d.chance(0.4):
            b.arc((x, s * (w + 0.06), r), r + 0.03, 0.025, d.pick((BLACK, shell)), 0.3, 2.8, 9)
        for e in ends:
            castor(b, d, e, s * w * 0.9, small, 2.6 * small, RUBBER, rim)
        b.tube([(ends[-1], s * w * 0.85, 2.5 * small), (x, s * w, r + 0.02), (x - 0.1, s * w, sz - 0.05)], 0.016, d.pick((STEEL, BLACK)))
        b.tube([(0.22, s * w, sz - 0.05), (-0.2, s * w, r + 0.1)], 0.013, STEEL)
        b.tube([(-0.22, s * w, sz - 0.05), (0.24, s * w, 2.4 * small)], 0.013, STEEL)
    high = d.u(0.05, 0.11)
    if d.chance(0.5):
        b.skin_along(
            [
                (0.22, 0.22, w * 0.5, high * 0.6),
                (0.1, 0.24, w * 0.8, high),
                (-0.2, 0.25, w * 0.85, high),
                (-0.32, 0.28, w * 0.6, high * 0.7),
            ],
            shell,
            0.45,
        )
    else:
        b.box((-0.08, 0, 0.24), (0.17, w * 0.75, high), BLACK)
    if d.chance(0.3):
        b.blob((-0.4, 0, sz + d.u(0.1, 0.3)), (0.08, w * 0.75, d.u(0.1, 0.2)), paint.cloth(d), 0.5, rough=crumple(d.noise(), 0.006))
    if d.chance(0.2):
        b.wire_basket((0, 0, sz - 0.08), (0.2, w * 0.8, 0.14), BLACK)


def climber(b: Builder, d: Dice) -> Seat:
    """A seat on two rubber tracks that goes up stairs."""
    w, sz = d.u(0.19, 0.23), d.u(0.5, 0.6)
    _armchair(b, d, w, sz, d.u(0.55, 0.75), d.u(0, 0.25), 0)
    half, z, shell = d.u(0.42, 0.55), 0.12, Paint(d.vivid() if d.chance(0.7) else d.colour(), roughness=d.u(0.1, 0.3))
    for s in (-1, 1):
        a = [t * math.pi / 6 for t in range(7)]
        around = [(half + 0.1 * math.sin(t), s * w * 0.8, z - 0.1 * math.cos(t)) for t in a] + [
            (-half - 0.1 * math.sin(t), s * w * 0.8, z + 0.1 * math.cos(t)) for t in a
        ]
        b.tube([*around, around[0]], 0.022, RUBBER, 6)
        b.box((0, s * w * 0.8, z), (half, 0.035, 0.07), shell)
        for x in (-0.6, -0.2, 0.2, 0.6):
            b.blob((x * half, s * w * 0.86, z), (0.06, 0.02, 0.06), STEEL, 1, fine=7)
    b.skin_along([(half * 0.8, 0.24, w * 0.5, 0.06), (0.1, 0.28, w * 0.8, 0.1), (-half * 0.9, 0.32, w * 0.7, 0.1)], shell, 0.5)
    b.tube([(-0.2, 0, 0.3), (-0.1, 0, sz)], 0.05, BLACK)
    return Seat(-0.04, sz + 0.04, 0.12, sz + 0.22, 0.34, 0.12)


def standing(b: Builder, d: Dice) -> Seat:
    """Its user is strapped upright against the back rest; the foot plate is at ``Seat.foot_z``."""
    w = d.u(0.2, 0.25)
    _base(b, d, w, 0.45)
    frame = d.pick((STEEL, BLACK, paint.body(d)))
    b.blob((-0.2, 0, 0.95), (0.05, w * 0.95, d.u(0.35, 0.5)), BLACK, 0.4)
    b.box((0.02, 0, 0.12), (0.2, w * 0.8, 0.015), BLACK)
    for s in (-1, 1):
        b.tube([(-0.2, s * w * 0.7, 0.3), (-0.24, s * w * 0.7, 1.25)], 0.018, frame)
        b.tube([(-0.2, s * (w + 0.06), 1.0), (0.2, s * (w + 0.06), 1.02)], 0.03, BLACK)
        b.blob((0.18, s * w * 0.45, 0.55), (0.03, 0.07, 0.08), BLACK, 0.5, fine=8)
        b.tube([(0.18, s * w * 0.45, 0.55), (0.2, s * w * 0.4, 0.15)], 0.013, frame)
    return Seat(0.0, 0.5, 0.2, 1.0, 0.0, 0.13)


# How often, what makes it, and how long it is.
KINDS: dict[str, tuple[float, Callable[[Builder, Dice], Seat], float]] = {
    "racing": (0.12, racing, 1.6), "handcycle": (0.06, handcycle, 1.6), "sports": (0.2, sports, 1.1),
    "reclining": (0.4, reclining, 1.1), "climber": (0.12, climber, 1.1), "standing": (0.1, standing, 1.1),
}  # fmt: skip


def special_chair(d: Dice, kind: str | None = None) -> Vehicle:
    """Any of ``KINDS``."""
    kind = kind or d.weighted({k: share for k, (share, *_) in KINDS.items()})
    _, maker, length = KINDS[kind]
    b = Builder()
    seat = maker(b, d)
    return Vehicle("wheelchair", kind, b.build(), length, 0.65, seat)
