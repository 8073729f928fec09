"""Flatbed trolleys, sack trucks, wire shopping carts, shoppers, cages; beds on wheels are next door."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from . import paint
from .beds import bed
from .dice import Dice
from .fittings import Vehicle, castor
from .loads import WHITE, box_of_card, load
from .paint import BLACK, CHROME, RUBBER, STEEL, Paint
from .shapes import Builder, Mesh, bend, crumple, outline


def _metal(d: Dice) -> Paint:
    return d.pick((STEEL, CHROME, BLACK, Paint(d.vivid(), roughness=d.u(0.12, 0.4))))


def _strap(b: Builder, d: Dice, way: list[tuple[float, float, float]], half: tuple[float, float, float]) -> None:
    belt = Paint(d.pick(((0.6, 0.3, 0.02), (0.02, 0.1, 0.4), (0.5, 0.03, 0.03), (0.01,) * 3)), roughness=0.6)
    b.ribbon(way, half, belt)


def _over(thing: Mesh, x: float, up: float) -> list[tuple[float, float, float]]:
    """The way of a tight strap across a load: its outline's upper hull, seen along x."""
    way: list[tuple[float, float]] = []
    for y, z in sorted(map(tuple, thing.vertices[:, 1:].round(3))):
        while len(way) > 1 and (way[-1][0] - way[-2][0]) * (z - way[-2][1]) >= (way[-1][1] - way[-2][1]) * (y - way[-2][0]):
            way.pop()
        way.append((y, z))
    return [(x, y, z + up) for y, z in way]


def _flatbed(b: Builder, d: Dice) -> tuple[float, float]:
    """A deck of sheet, plastic or boards on castors, with a handle that folds."""
    metal = _metal(d)
    hx, hy, r = d.u(0.32, 0.5), d.u(0.22, 0.32), d.u(0.045, 0.075)
    z = 2.3 * r + 0.03
    kind = d.pick(("sheet", "plastic", "plastic", "boards"))
    for x in (-hx * 0.78, hx * 0.78):
        for y in (-hy * 0.75, hy * 0.75):
            castor(
                b,
                d,
                x,
                y,
                r,
                z - 0.02,
                RUBBER if d.chance(0.7) else Paint(d.grey(0.2, 0.5), roughness=0.4),
                d.pick((STEEL, CHROME)),
                brake=x < 0,
            )
    if kind == "plastic":
        shell = Paint(
            d.pick(((0.02, 0.1, 0.4), (0.02,) * 3, (0.02,) * 3, (0.2,) * 3, (0.02, 0.25, 0.1), (0.55, 0.35, 0.02))),
            roughness=d.u(0.15, 0.5),
        )
        b.skin_along(
            [(-hx - 0.02, z, hy * 0.7, 0.03), (-hx + 0.04, z, hy, 0.035), (hx - 0.04, z, hy, 0.035), (hx + 0.02, z, hy * 0.7, 0.03)],
            shell,
            0.25,
        )
        for t in np.linspace(-0.75, 0.75, 7):
            b.box((t * hx, 0, z + 0.035), (0.006, hy * 0.85, 0.003), d.pick((shell, BLACK)))
    elif kind == "sheet":
        plate = Paint(
            d.grey(0.25, 0.5),
            metallic=0.8,
            roughness=0.35,
            pattern=d.pick(("checker", "voronoi", None)),
            scale=d.u(30, 60),
            second=d.grey(0.4, 0.6),
        )
        b.box((0, 0, z + 0.02), (hx, hy, 0.012), plate)
        b.box((0, 0, z - 0.005), (hx * 0.96, hy * 0.96, 0.02), metal)
    else:
        wood = Paint(
            d.pick(((0.3, 0.18, 0.08), (0.45, 0.3, 0.15), (0.15, 0.08, 0.04))),
            roughness=0.6,
            pattern="wave",
            scale=d.u(3, 9),
            second=(0.35, 0.22, 0.1),
        )
        n = d.i(4, 6)
        for k in range(n):
            b.box((0, hy * (-1 + (2 * k + 1) / n), z + 0.015), (hx, hy / n * 0.94, 0.015), wood)
        b.tube(outline(hx, hy, z - 0.015, 0.04), 0.017, metal)
    if d.chance(0.75):  # bumper
        guard = d.pick((RUBBER, RUBBER, Paint(d.vivid(), roughness=0.5)))
        b.tube(outline(hx, hy, z + 0.01, 0.06), 0.016, guard, 7)
    high, folded = d.u(0.78, 0.95), d.chance(0.1)
    x, w = -hx + 0.02, hy * d.u(0.75, 0.92)
    if folded:
        b.tube(bend([(x, -w, z + 0.05), (hx * 0.8, -w, z + 0.06), (hx * 0.8, w, z + 0.06), (x, w, z + 0.05)], 0.08), 0.014, metal)
    else:
        lean = d.u(0.03, 0.1)
        b.tube(bend([(x, -w, z), (x - lean, -w, high), (x - lean, w, high), (x, w, z)], d.u(0.06, 0.14)), 0.014, metal)
        if d.chance(0.6):
            b.tube([(x - lean, -w * 0.6, high), (x - lean, w * 0.6, high)], 0.02, d.pick((BLACK, BLACK, Paint(d.vivid(), roughness=0.6))))
        for t in (0.4, 0.65) if d.chance(0.4) else ():
            b.tube([(x - lean * t, -w, z + (high - z) * t), (x - lean * t, w, z + (high - z) * t)], 0.01, metal, 6)
        if d.chance(0.12):  # a second handle
            b.tube(bend([(hx - 0.02, -w, z), (hx + 0.03, -w, high), (hx + 0.03, w, high), (hx - 0.02, w, z)], 0.08), 0.014, metal)
    for s in (-1, 1):
        b.box((x + 0.01, s * w, z + 0.04), (0.03, 0.022, 0.03), d.pick((BLACK, metal, paint.RED_LAMP)))
    if d.chance(0.8):
        thing = load(d, hx * 0.9, hy * 0.95)
        b.mesh_in(thing.moved((0.03, 0, z + 0.035), d.u(-0.06, 0.06)))
        if d.chance(0.3):
            _strap(b, d, [(0.05, -hy, z), *_over(thing, 0.05, z + 0.04), (0.05, hy, z)], (0.02, 0, 0))
    return 2 * hx + 0.15, 2 * hy


def _shopping(b: Builder, d: Dice) -> tuple[float, float]:
    """A wire cart: tapered basket, child seat, bar with its sleeve, rack below, goods."""
    metal = d.pick((CHROME, CHROME, STEEL, Paint(d.grey(0.05, 0.5), roughness=0.3), Paint(d.vivid(), roughness=0.3)))
    plastic = Paint(d.pick(((0.5, 0.02, 0.02), (0.02, 0.1, 0.45), (0.02, 0.3, 0.1), (0.65, 0.4, 0.02), (0.02,) * 3)), roughness=0.25)
    r, z, k = d.u(0.05, 0.065), d.u(0.88, 1.0), d.u(0.75, 1.0)
    hx, hy, deep = 0.42 * k, 0.26 * k, d.u(0.32, 0.46)
    for s in (-1, 1):
        castor(b, d, -hx * 0.75, s * hy * 0.95, r, 0.16, RUBBER, STEEL)
        castor(b, d, hx * 0.85, s * hy * 0.65, r, 0.16, RUBBER, STEEL)
        b.tube(
            bend(
                [
                    (hx * 0.85, s * hy * 0.65, 0.17),
                    (-hx * 0.8, s * hy * 0.95, 0.2),
                    (-hx * 0.95, s * hy, z - 0.1),
                    (-hx * 1.15, s * hy, z + 0.06),
                ],
                0.08,
            ),
            0.013,
            metal,
        )
        b.tube([(hx * 0.3, s * hy * 0.75, 0.18), (hx * 0.3, s * hy * 0.8, z - deep)], 0.011, metal, 6)
    b.wire_basket((0, 0, z), (hx, hy, deep), metal, taper=d.u(0.75, 0.9), wires=d.pick((9, 11)))
    for s in (-1, 1):
        b.tube([(-hx, s * hy, z), (hx, s * hy * 0.97, z)], 0.011, metal if d.chance(0.6) else plastic, 6)
    for y in np.linspace(-0.6, 0.6, 7):
        b.tube([(-hx * 0.75, y * hy, 0.21), (hx * 0.8, y * hy * 0.8, 0.19)], 0.005, metal, 4)
    b.tube([(-hx * 1.15, -hy, z + 0.06), (-hx * 1.15, hy, z + 0.06)], 0.017, plastic)
    b.box((-hx * 1.15, 0, z + 0.065), (0.03, 0.07, 0.022), plastic)
    if d.chance(0.45):  # child seat
        b.box((-hx * 0.75, 0, z - 0.18), (0.09, hy * 0.8, 0.008), plastic)
        b.blob((-hx * 0.45, 0, z - 0.06), (0.012, hy * 0.8, 0.12), plastic, 0.3, ("y", 0.0), fine=8)
    if d.chance(0.5):
        b.blob((hx * 0.98, 0, z - 0.06), (0.008, hy * 0.6, 0.05), plastic, 0.3, fine=8)
    low = z - deep + 0.01
    if d.chance(0.75):
        if d.chance(0.5):
            b.mesh_in(load(d, hx * 0.68, hy * 0.7).moved((0.03, 0, low)))
        for _ in range(d.i(1, 6)):
            x, y = d.u(-0.6, 0.6) * hx, d.u(-0.5, 0.5) * hy
            c = Paint(d.colour(), roughness=d.u(0.1, 0.6))
            if d.chance(0.5):
                box_of_card(b, d, (x, y, low + 0.11), (d.u(0.04, 0.1), d.u(0.03, 0.07), 0.1), d.u(0, 3))
            else:
                b.blob(
                    (x, y, low + 0.1), (d.u(0.05, 0.13), d.u(0.05, 0.1), d.u(0.07, 0.12)), c, d.u(0.4, 1), rough=crumple(d.noise(), 0.005)
                )
    if d.chance(0.2):
        b.mesh_in(load(d, hx * 0.6, hy * 0.6).moved((0, 0, 0.21), 0, 0, 0.7))
    return 2 * hx + 0.2, 2 * hy


def _hand(b: Builder, d: Dice) -> tuple[float, float]:
    """A sack truck: bent tubes, toe plate, air tyres on rims; what it carries is strapped on."""
    metal = d.pick(
        (
            STEEL,
            CHROME,
            Paint(d.vivid(), roughness=d.u(0.1, 0.3)),
            Paint(d.pick(((0.5, 0.02, 0.02), (0.02, 0.08, 0.35), (0.02,) * 3)), roughness=0.2),
        )
    )
    r, w, top = d.u(0.08, 0.14), d.u(0.17, 0.24), d.u(0.98, 1.2)
    rim = d.pick((STEEL, CHROME, Paint(d.vivid(), roughness=0.3), WHITE))
    lean = d.u(0.05, 0.12)

    def back(z: float) -> float:
        return -lean * z

    for s in (-1, 1):
        b.wheel(-0.06, r, r * d.u(0.22, 0.34), rim, RUBBER, y=s * (w + 0.05), spokes=d.pick((0, 0, 5)))
        b.tube([(-0.06, s * (w - 0.02), r), (back(0.3), s * w, 0.32)], 0.012, metal, 6)
    b.tube([(-0.06, -w - 0.06, r), (-0.06, w + 0.06, r)], 0.012, STEEL, 6)
    if d.chance(0.5):  # one loop
        b.tube(
            bend(
                [
                    (0, -w, 0.05),
                    (back(top * 0.9), -w, top * 0.9),
                    (back(top) - 0.12, -w * 0.8, top),
                    (back(top) - 0.12, w * 0.8, top),
                    (back(top * 0.9), w, top * 0.9),
                    (0, w, 0.05),
                ],
                0.1,
            ),
            0.015,
            metal,
        )
        b.tube([(back(top) - 0.12, -w * 0.5, top), (back(top) - 0.12, w * 0.5, top)], 0.02, BLACK)
    else:  # two horns
        for s in (-1, 1):
            b.tube(bend([(0, s * w, 0.05), (back(top), s * w, top), (back(top) - 0.2, s * w, top + 0.02)], 0.09), 0.015, metal)
            b.tube([(back(top) - 0.1, s * w, top + 0.01), (back(top) - 0.22, s * w, top + 0.025)], 0.021, d.pick((BLACK, paint.RED_LAMP)))
    for z in np.linspace(0.28, top * 0.85, d.i(3, 5)):
        b.tube([(back(z), -w, z), (back(z) - 0.02, 0, z), (back(z), w, z)], 0.011, metal, 6)
    if d.chance(0.5):
        b.tube([(back(0.15), 0, 0.15), (back(top * 0.85) - 0.02, 0, top * 0.85)], 0.009, metal, 6)
    plate = d.u(0.1, 0.17)
    b.box((plate, 0, 0.04), (plate, w * 1.05, 0.005), d.pick((metal, STEEL)))
    b.box((0.003, 0, 0.09), (0.005, w * 1.05, 0.05), metal)
    if d.chance(0.75):
        if d.chance(0.55):
            z = 0.047
            for _ in range(d.i(1, 4)):
                h, x = d.u(0.08, 0.17), d.u(0.11, 0.18)
                box_of_card(b, d, (x + back(z), 0, z + h), (x - 0.01, d.u(0.15, 0.26), h), d.u(-0.06, 0.06))
                z += 2 * h
            deep = 0.33
        else:
            thing = load(d, 0.2, w * 1.15)
            b.mesh_in(thing.moved((0.2, 0, 0.047)))
            z, deep = 0.047 + float(thing.vertices[:, 2].max()), 0.4
        if d.chance(0.6):
            at = z * d.u(0.4, 0.85)
            _strap(
                b,
                d,
                [(back(at), -w, at), (deep * 0.9, -w * 0.95, at), (deep + 0.01, 0, at), (deep * 0.9, w * 0.95, at), (back(at), w, at)],
                (0, 0, 0.02),
            )
    return 0.62, 2 * w + 0.15


def _shopper(b: Builder, d: Dice) -> tuple[float, float]:
    """A bag on two wheels (or six, for stairs): flap, pockets, seams, drawstring, bent handle."""
    metal, c = d.pick((STEEL, CHROME, BLACK)), paint.cloth(d)
    trim = d.pick((BLACK, WHITE, Paint(d.vivid(), roughness=0.6)))
    wide, deep, high, r = d.u(0.15, 0.2), d.u(0.1, 0.15), d.u(0.25, 0.33), d.u(0.06, 0.09)
    climb = d.chance(0.25)
    for s in (-1, 1):
        y = s * (wide * 0.95)
        if climb:
            for k in range(3):
                a = 2 * math.pi * k / 3 + 0.5
                own = Builder()
                own.wheel(0, 0.05, 0.013, d.pick((STEEL, WHITE)), RUBBER)
                b.mesh_in(own.build().moved((-0.08 + 0.075 * math.cos(a), y, 0.06 + 0.075 * math.sin(a) + 0.005 * k)))
        else:
            b.wheel(-0.08, r, r * 0.2, d.pick((STEEL, WHITE, trim)), RUBBER, y=y, spokes=d.pick((0, 5, 6)))
        b.tube([(-deep, s * wide * 0.7, 0.1), (0.1, s * wide * 0.7, 0.09), (0.12, s * wide * 0.7, 0.0)], 0.009, metal, 6)
    b.tube([(-0.08, -wide * 0.95, r), (-0.08, wide * 0.95, r)], 0.008, metal, 6)
    up, out = d.u(0.92, 1.04), d.u(0.0, 0.14)
    x = -deep - 0.025
    b.tube(
        bend(
            [
                (x, -wide * 0.7, 0.08),
                (x - 0.02, -wide * 0.7, up - 0.05),
                (x - 0.04 - out, -wide * 0.6, up),
                (x - 0.04 - out, wide * 0.6, up),
                (x - 0.02, wide * 0.7, up - 0.05),
                (x, wide * 0.7, 0.08),
            ],
            0.05,
        ),
        0.01,
        metal,
        7,
    )
    b.tube([(x - 0.04 - out, -wide * 0.4, up), (x - 0.04 - out, wide * 0.4, up)], 0.018, BLACK)
    z = 0.1
    bulge = d.u(1.0, 1.2)
    sections = [
        (z, 0, wide * 0.92, deep * 0.9),
        (z + 0.03, 0, wide, deep),
        (z + high, 0.02, wide * bulge, deep * bulge),
        (z + 2 * high - 0.05, 0, wide, deep),
        (z + 2 * high, 0, wide * 0.9, deep * 0.8),
    ]
    b.skin_up(sections, c, 0.45)
    for s in (-1, 1):
        b.tube([(x0 + dd * 0.9, s * w * 0.9, zz) for zz, x0, w, dd in sections], 0.006, trim, 5)
    top = z + 2 * high
    if d.chance(0.7):  # flap
        b.skin_along(
            [
                (-deep, top + 0.01, wide * 0.95, 0.02),
                (0, top + 0.03, wide * 1.03, 0.03),
                (deep, top + 0.01, wide * 1.03, 0.025),
                (deep * 1.15, top - 0.06, wide, 0.03),
                (deep * 1.2, top - 0.14, wide * 0.95, 0.015),
            ],
            d.pick((c, trim)),
            0.5,
        )
        b.box((deep * 1.22, 0, top - 0.14), (0.012, 0.025, 0.02), d.pick((CHROME, BLACK)))
    else:
        b.blob((0, 0, top + 0.02), (deep * 0.6, wide * 0.6, 0.06), c, 0.8, rough=crumple(d.noise(), 0.01), taper=-0.2)
        if d.chance(0.6):
            for _ in range(d.i(3, 7)):
                b.tube(
                    [(d.u(-0.05, 0.05), d.u(-0.08, 0.08), top), (d.u(-0.12, 0.12), d.u(-0.15, 0.15), top + d.u(0.1, 0.25))],
                    [0.012, 0.02],
                    Paint((d.u(0.03, 0.5), d.u(0.15, 0.4), 0.04), roughness=0.7),
                    5,
                )
    b.blob((deep * bulge, 0, z + high * 0.7), (0.03, wide * 0.75, high * 0.5), c, 0.35, fine=9)
    b.tube([(deep * bulge + 0.028, -wide * 0.65, z + high * 1.1), (deep * bulge + 0.028, wide * 0.65, z + high * 1.1)], 0.005, trim, 4)
    return 0.48, 2 * wide + 0.05


def _cage(b: Builder, d: Dice) -> tuple[float, float]:
    """A roll container: mesh walls, one side open at times, full of cartons, bags and crates."""
    metal = d.pick((STEEL, CHROME, Paint(d.grey(0.3, 0.6), metallic=0.6, roughness=0.3), Paint(d.vivid(), roughness=0.3)))
    hx, hy, high = d.u(0.3, 0.42), d.u(0.25, 0.35), d.u(1.1, 1.6)
    for x in (-hx, hx):
        for y in (-hy, hy):
            castor(b, d, x * 0.86, y * 0.86, 0.055, 0.15, RUBBER, STEEL, brake=x < 0)
    b.box((0, 0, 0.16), (hx, hy, 0.012), d.pick((metal, BLACK, Paint((0.02, 0.1, 0.35), roughness=0.4))))
    for s in (-1, 1):
        b.tube(bend([(-hx, s * hy, 0.16), (-hx, s * hy, high), (hx, s * hy, high), (hx, s * hy, 0.16)], 0.08), 0.014, metal)
        for x in np.linspace(-hx, hx, 8)[1:-1]:
            b.tube([(x, s * hy, 0.17), (x, s * hy, high)], 0.004, metal, 4)
        for z in np.linspace(0.3, high - 0.12, 6):
            b.tube([(-hx, s * hy, z), (hx, s * hy, z)], 0.005, metal, 4)
    ends = (-1,) if d.chance(0.5) else (-1, 1)
    for e in ends:
        for y in np.linspace(-hy, hy, 7):
            b.tube([(e * hx, y, 0.17), (e * hx, y, high - 0.06)], 0.004, metal, 4)
        for z in (0.3, 0.6, 0.9, high - 0.06):
            b.tube([(e * hx, -hy, z), (e * hx, hy, z)], 0.007, metal, 5)
    if d.chance(0.5):
        b.box((-hx - 0.01, 0, high * 0.6), (0.004, 0.1, 0.07), d.pick((WHITE, paint.AMBER)))
    z = 0.175
    for _ in range(d.i(0, 3)):
        thing = load(d, hx * 0.9, hy * 0.9)
        b.mesh_in(thing.moved((0, 0, z)))
        z += float(thing.vertices[:, 2].max())
        if z > high * 0.75:
            break
    if d.chance(0.15):
        b.drape(
            [(-hx - 0.02, high, hy), (-hx * 0.4, high + 0.06, hy * 1.03), (hx * 0.5, high + 0.05, hy * 1.03), (hx + 0.02, high, hy)],
            d.u(0.25, 0.7),
            paint.cloth(d),
            d.noise(),
            0.012,
        )
    return 2 * hx + 0.1, 2 * hy + 0.05


KINDS: dict[str, tuple[float, Callable[[Builder, Dice], tuple[float, float]]]] = {
    "flatbed": (0.3, _flatbed), "shopping": (0.2, _shopping), "hand": (0.18, _hand), "shopper": (0.14, _shopper), "cage": (0.08, _cage), "bed": (0.1, bed),
}  # fmt: skip


def trolley(d: Dice, kind: str | None = None) -> Vehicle:
    """Flatbed, wire shopping cart, sack truck, shopper, cage, or a bed on wheels; pushed from -x."""
    b = Builder()
    kind = kind or d.weighted({k: share for k, (share, _) in KINDS.items()})
    length, width = KINDS[kind][1](b, d)
    return Vehicle("trolley", kind, b.build(), length, width)
