"""What is on wheels in a lift and is no e-bike, each with its own class; and what stands about and has none."""

from __future__ import annotations

import math

from . import paint
from .cycles import bicycle, kick_scooter
from .dice import Dice
from .fittings import Vehicle
from .loads import bags, box_of_card, carton, luggage
from .paint import BLACK, RUBBER, STEEL, Paint
from .prams import pram
from .shapes import Builder, crumple
from .special_chairs import special_chair
from .trolleys import trolley
from .wheelchairs import wheelchair

SPECIAL = 0.4  # of wheelchairs
RIVALS = {"bicycle": 0.22, "kick_scooter": 0.16, "wheelchair": 0.3, "pram": 0.14, "trolley": 0.18}


def rival(d: Dice, label: str | None = None) -> Vehicle:
    """Any rival; wheelchairs most often, as they are what the net confuses most."""
    label = label or d.weighted(RIVALS)
    if label == "wheelchair" and d.chance(SPECIAL):
        return special_chair(d)
    return {"bicycle": bicycle, "kick_scooter": kick_scooter, "wheelchair": wheelchair, "pram": pram, "trolley": trolley}[label](d)


def clutter(d: Dice) -> Vehicle:
    """Things that stand about in a lift and have no class."""
    b = Builder()
    kind = d.pick(("box", "box", "suitcase", "bag", "chair", "plant", "mop", "dog", "walker", "bucket", "board"))
    if kind == "box":
        z = 0.0
        for _ in range(d.i(1, 3)):
            x, y, high = (d.u(0.12, 0.32) for _ in range(3))
            box_of_card(b, d, (0, 0, z + high), (x, y, high), d.u(-0.3, 0.3))
            z += 2 * high
    elif kind == "suitcase":
        luggage(b, d)
    elif kind == "bag":
        b.mesh_in(bags(d, 0.4, 0.35))
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
