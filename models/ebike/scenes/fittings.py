"""What vehicles share: how one is described, handlebars, and all that people fit to e-bikes or hang on them."""

from __future__ import annotations

from dataclasses import dataclass

from . import paint
from .dice import Dice
from .paint import BLACK, RED_LAMP, STEEL, Paint
from .shapes import Builder, Mesh, crumple


@dataclass(frozen=True)
class Seat:
    """Where a rider sits and holds: saddle x and z, handlebar x and z, foot height and x."""

    x: float
    z: float
    bar_x: float
    bar_z: float
    foot_x: float = 0.1
    foot_z: float = 0.33


@dataclass(frozen=True)
class Vehicle:
    """A thing on wheels, looking along +x."""

    label: str
    kind: str
    mesh: Mesh
    length: float
    width: float
    seat: Seat | None = None


def handlebar(b: Builder, x: float, z: float, half: float, grips: Paint = BLACK, rise: float = 0.02) -> None:
    b.tube(
        [(x - 0.12, -half, z + rise), (x - 0.04, -half * 0.6, z + rise + 0.01), (x, 0, z - 0.02),
         (x - 0.04, half * 0.6, z + rise + 0.01), (x - 0.12, half, z + rise)],
        0.014, STEEL,
    )  # fmt: skip
    for s in (-1, 1):
        b.tube([(x - 0.15, s * half * 1.02, z + rise), (x - 0.06, s * half * 0.72, z + rise + 0.01)], 0.02, grips)
        b.tube([(x - 0.05, s * half * 0.65, z + rise), (x - 0.08, s * half * 1.02, z + rise - 0.01)], 0.007, BLACK, 5)


def accessories(
    b: Builder, d: Dice, length: float, seat: Seat, colour: Paint, rear: bool = True, plenty: float = 1.0, own: bool = False
) -> None:
    """Baskets, muffs, aprons, boxes, child seats, mirrors, bags, helmets, canopies and covers.

    ``plenty`` scales how often each is there; a vehicle that has its ``own`` mirrors and plate gets no others.
    """
    bx, bz, half = seat.bar_x, seat.bar_z, length / 2
    if d.chance(0.5 * plenty):
        wire = Paint(d.pick(((0.02,) * 3, (0.7,) * 3, (0.35,) * 3)), metallic=d.pick((0, 0.8)), roughness=0.4)
        sx, sy, sz = d.u(0.11, 0.16), d.u(0.15, 0.2), d.u(0.18, 0.26)
        top = (bx + d.u(0.2, 0.28), 0, bz - d.u(0.08, 0.2))
        if d.chance(0.75):
            b.wire_basket(top, (sx, sy, sz), wire)
        else:
            b.blob((top[0], 0, top[2] - sz / 2), (sx, sy, sz / 2), paint.body(d), 0.3, taper=0.12)
        if d.chance(0.4):
            c = paint.cloth(d)
            b.blob((top[0], 0, top[2] - 0.04), (sx * 0.9, sy * 0.85, d.u(0.08, 0.18)), c, 0.8, rough=crumple(d.noise(), 0.012))
    if d.chance(0.3 * plenty):
        c, size = paint.cloth(d), d.u(0.85, 1.25)
        for s in (-1, 1):
            b.blob(
                (bx + 0.02, s * d.u(0.26, 0.34), bz - d.u(0, 0.06)), (0.16 * size, 0.12 * size, 0.14 * size), c, 0.8,
                rough=crumple(d.noise(), 0.009),
            )  # fmt: skip
    if d.chance(0.15):  # wind-proof apron or quilt over the front
        c = paint.cloth(d)
        b.blob(
            (bx + d.u(-0.08, 0.08), 0, bz - d.u(0.28, 0.4)), (d.u(0.1, 0.22), d.u(0.28, 0.42), d.u(0.32, 0.46)), c, 0.55,
            ("y", d.u(-0.45, 0)), rough=crumple(d.noise(), 0.014),
        )  # fmt: skip
    rear_x = -half + d.u(-0.14, 0.02)
    fitted = d.weighted({"box": 0.3 * plenty, "child": 0.16 * plenty, "bag": 0.1 * plenty, "none": 1 - 0.56 * plenty}) if rear else "none"
    if fitted == "box":
        s = d.u(0.15, 0.22)
        c = colour if d.chance(0.3) else paint.body(d)
        b.blob((rear_x, 0, seat.z + s * 0.8), (s, s * d.u(0.85, 1.2), s * d.u(0.7, 1)), c, d.u(0.2, 0.55), taper=d.u(-0.1, 0.15))
        if d.chance(0.5):
            b.blob((rear_x - s * 0.95, 0, seat.z + s * 0.7), (0.02, s * 0.7, 0.03), RED_LAMP, 0.5)
    elif fitted == "child":
        c = paint.body(d)
        x = seat.x - d.u(0.28, 0.4)
        b.blob((x, 0, seat.z + 0.08), (0.14, 0.15, 0.05), c, 0.4)
        b.blob((x - 0.14, 0, seat.z + 0.25), (0.04, 0.16, 0.2), c, 0.4)
        for s in (-1, 1):
            b.blob((x, s * 0.16, seat.z + 0.16), (0.14, 0.03, 0.08), c, 0.4)
        if d.chance(0.3):
            b.blob((x, 0, seat.z + 0.4), (0.25, 0.22, 0.33), paint.cloth(d), 0.6, rough=crumple(d.noise(), 0.012))
    elif fitted == "bag":
        b.blob((rear_x + 0.08, 0, seat.z + 0.12), (d.u(0.12, 0.22), d.u(0.15, 0.28), d.u(0.1, 0.16)), paint.cloth(d), 0.6,
               rough=crumple(d.noise(), 0.012))  # fmt: skip
    if d.chance(0.15 * plenty):  # child seat in front of the rider
        c = paint.body(d)
        b.blob((seat.x + 0.28, 0, seat.z - 0.08), (0.09, 0.12, 0.03), c, 0.4)
        b.blob((seat.x + 0.2, 0, seat.z + 0.04), (0.02, 0.12, 0.1), c, 0.4)
    if not own and d.chance(0.55):
        for s in (-1, 1):
            b.tube([(bx, s * 0.25, bz), (bx + 0.05, s * 0.33, bz + 0.18)], 0.006, BLACK, 5)
            b.blob((bx + 0.05, s * 0.34, bz + 0.2), (0.015, 0.06, 0.045), BLACK, 0.8, fine=8)
    if d.chance(0.2 * plenty):
        b.blob((bx - 0.05, d.sign() * d.u(0.2, 0.33), bz - d.u(-0.08, 0.1)), (0.14, 0.12, 0.12), paint.body(d), 1)
    if d.chance(0.2 * plenty):
        b.blob((bx - d.u(-0.05, 0.15), d.u(-0.1, 0.1), bz - d.u(0.3, 0.4)), (0.1, 0.14, 0.16), paint.cloth(d), 0.9,
               rough=crumple(d.noise(), 0.012))  # fmt: skip
    if not own and d.chance(0.5):
        ground = Paint(d.pick(((0.02, 0.25, 0.1), (0.7, 0.7, 0.7), (0.6, 0.5, 0.05))), roughness=0.4)
        b.box((-half - 0.18, 0, d.u(0.42, 0.6)), (0.005, 0.09, 0.06), ground, pitch=0.25)
    if d.chance(0.12):  # windscreen
        glass = Paint((0.7, 0.75, 0.8), roughness=0.1, see_through=0.75)
        b.blob((bx + 0.12, 0, bz + 0.2), (0.015, 0.2, 0.25), glass, 0.5, ("y", -0.35))
    if d.chance(0.06 * plenty):  # canopy
        c = paint.cloth(d)
        b.blob((seat.x + 0.2, 0, 1.75), (0.75, 0.36, 0.06), c, 0.6, rough=crumple(d.noise(), 0.008))
        b.tube([(bx + 0.1, 0, bz - 0.1), (bx + 0.2, 0, 1.72)], 0.012, STEEL, 5)
        b.tube([(-half, 0, seat.z), (-half + 0.05, 0, 1.72)], 0.012, STEEL, 5)
    if d.chance(0.1 * plenty):
        cover(b, d, length, seat)


def cover(b: Builder, d: Dice, length: float, seat: Seat) -> None:
    """A rain cover over most of it."""
    c = d.pick((Paint(d.grey(0.3, 0.6), metallic=0.5, roughness=0.45), paint.cloth(d), Paint(d.vivid(), roughness=0.5)))
    half, w = length / 2, d.u(0.26, 0.36)
    whole = d.chance(0.6)
    rear = -half - 0.2 if whole else seat.x - 0.1
    b.drape(
        [(rear, seat.z + 0.02, w * 0.7), (seat.x - 0.1, seat.z + 0.09, w * 0.8), (seat.x + 0.2, seat.z + 0.06, w * 0.85),
         (seat.bar_x - 0.15, seat.bar_z + 0.03, w * 1.1), (seat.bar_x, seat.bar_z + 0.12, w * 1.2),
         (seat.bar_x + 0.2, seat.bar_z - 0.1, w), (half + 0.15, 0.7, w * 0.6)],
        d.u(0.12, 0.5), c, d.noise(), d.u(0.008, 0.022),
    )  # fmt: skip


def castor(
    b: Builder, d: Dice, x: float, y: float, radius: float, top: float, tyre: Paint = BLACK, metal: Paint = STEEL, brake: bool = False
) -> None:
    """A small wheel in its fork under a pin that reaches up to ``top``, swivelled anyhow; at times with a foot brake."""
    own, trail = Builder(), radius * 0.4
    own.wheel(-trail, radius, radius * 0.28, metal, tyre)
    for s in (-1, 1):
        own.tube([(-trail, s * radius * 0.42, radius), (0, s * radius * 0.42, 2.1 * radius)], [radius * 0.2, radius * 0.32], metal, 6)
    own.blob((0, 0, 2.15 * radius), (radius * 0.6, radius * 0.5, radius * 0.16), metal, 0.5, fine=8)
    own.tube([(0, 0, 2.1 * radius), (0, 0, max(top, 2.3 * radius))], radius * 0.3, metal, 6)
    if brake:
        pedal = Paint(d.pick(((0.5, 0.02, 0.02), (0.02, 0.3, 0.08), (0.02,) * 3)), roughness=0.4)
        own.box((-trail - radius * 1.1, 0, radius * 1.5), (radius * 0.4, radius * 0.35, radius * 0.12), pedal, pitch=0.4)
    b.mesh_in(own.build().moved((x, y, 0), d.u(-0.7, 0.7) if d.chance(0.7) else d.u(-3.1, 3.1)))
