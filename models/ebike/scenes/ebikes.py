"""Procedural e-bikes: moped, light, scooter, folding, delivery, tricycle."""

from __future__ import annotations

from . import paint
from .dice import Dice
from .fittings import Seat, Vehicle, accessories, handlebar
from .mopeds import moped
from .paint import BLACK, CHROME, LAMP, RED_LAMP, RUBBER, STEEL, Paint
from .shapes import Builder, crumple


def light(d: Dice) -> Vehicle:
    """Step-through frame, pedals, battery behind or under the seat tube."""
    b = Builder()
    frame, second = paint.body(d), paint.body(d)
    rim = Paint(d.pick(((0.5,) * 3, (0.02,) * 3, frame.colour)), metallic=0.7, roughness=0.35)
    base, radius, tyre = d.u(1.02, 1.25), d.u(0.18, 0.28), d.u(0.022, 0.04)
    half = base / 2
    bx, bz, sx, sz = half - d.u(0.16, 0.22), d.u(0.93, 1.06), -d.u(0.12, 0.26), d.u(0.68, 0.82)
    spokes = d.pick((0, 0, 5, 12))
    b.wheel(-half, radius, tyre, rim, RUBBER, spokes=spokes)
    b.wheel(half, radius, tyre, rim, RUBBER, spokes=spokes)
    for y in (-0.05, 0.05):
        b.tube([(half, y, radius), (half - 0.05, y, 2 * radius + 0.02)], 0.014, STEEL)
        b.tube([(-half, y, radius), (-0.2, y, 0.32)], 0.014, frame)
        b.tube([(-half, y, radius), (sx - 0.1, y, sz - 0.12)], 0.011, frame)
    b.tube([(half - 0.05, 0, 2 * radius), (bx, 0, bz - 0.02)], d.u(0.02, 0.032), frame)
    low = d.u(0.26, 0.38)
    b.tube([(half - 0.1, 0, 0.62), (0.28, 0, low + 0.13), (0.15, 0, low), (-0.2, 0, low), (sx, 0, sz - 0.08)], d.u(0.022, 0.05), frame)
    if d.chance(0.6):
        b.blob((0.08, 0, low + 0.02), (d.u(0.16, 0.26), d.u(0.09, 0.15), 0.025), BLACK, 0.3)
    battery = d.weighted({"behind": 0.45, "down": 0.3, "under": 0.25})
    if battery == "behind":
        b.blob((d.u(-0.27, -0.12), 0, d.u(0.4, 0.5)), (d.u(0.07, 0.12), d.u(0.06, 0.1), d.u(0.14, 0.22)), second, 0.3)
    elif battery == "down":
        b.blob((0.2, 0, low + 0.13), (d.u(0.18, 0.24), 0.055, 0.06), second, 0.35, ("y", -0.9))
    else:
        b.blob((0.02, 0, low - 0.02), (d.u(0.18, 0.26), d.u(0.09, 0.13), d.u(0.06, 0.1)), second, 0.3)
    b.blob((sx, 0, sz), (d.u(0.11, 0.16), d.u(0.1, 0.13), 0.05), paint.saddle(d), 0.7, taper=0.1)
    if d.chance(0.8):  # pillion or rack
        x = -half + d.u(0.0, 0.1)
        if d.chance(0.7):
            b.blob((x, 0, sz - d.u(0.02, 0.1)), (d.u(0.15, 0.25), d.u(0.08, 0.13), d.u(0.025, 0.05)), paint.saddle(d), 0.4)
        else:
            for y in (-0.07, 0, 0.07):
                b.tube([(x - 0.2, y, sz - 0.08), (x + 0.2, y, sz - 0.08)], 0.008, STEEL, 5)
        for y in (-0.07, 0.07):
            b.tube([(-half, y, radius), (x - 0.05, y, sz - 0.1)], 0.008, STEEL, 5)
    b.arc((half, 0, radius), radius + 0.025, 0.03, second, 0.3, 2.6, 12)
    b.arc((-half, 0, radius), radius + 0.025, 0.03, second, 0.3, 2.8, 12)
    b.blob((bx + 0.09, 0, bz - 0.09), (0.06, d.u(0.06, 0.1), 0.07), second, 0.8)
    b.blob((bx + 0.15, 0, bz - 0.09), (0.02, 0.05, 0.045), Paint(LAMP.colour, glow=d.pick((0, 0, 0, 6)), roughness=0.1), 0.8, fine=8)
    if d.chance(0.5):
        b.blob((half - 0.13, 0, 0.6), (0.04, d.u(0.12, 0.19), d.u(0.2, 0.28)), second, 0.5, ("y", -0.3))
    if d.chance(0.6):
        for s in (-1, 1):
            b.tube([(0.02, 0, 0.3), (0.02 + s * 0.12, s * 0.12, 0.3 - s * 0.1)], 0.008, STEEL, 5)
            b.box((0.02 + s * 0.12, s * 0.16, 0.3 - s * 0.1), (0.045, 0.04, 0.012), BLACK)
    b.blob((-half - 0.1, 0, sz - 0.18), (0.03, 0.06, 0.035), RED_LAMP, 0.6, fine=8)
    handlebar(b, bx, bz, d.u(0.25, 0.33))
    seat = Seat(sx, sz, bx, bz, 0.12, low + 0.03)
    accessories(b, d, base, seat, second)
    return Vehicle("ebike", "light", b.build(), base + 2 * radius, 0.62, seat)


def scooter(d: Dice, delivery: bool = False) -> Vehicle:
    """Front shield, foot board, long seat."""
    b = Builder()
    c1, c2 = paint.body(d), (BLACK if d.chance(0.5) else paint.body(d))
    rim = Paint(d.pick(((0.5,) * 3, (0.03,) * 3, (0.6, 0.5, 0.1))), metallic=0.8, roughness=0.3)
    base, radius, tyre = d.u(1.1, 1.34), d.u(0.19, 0.24), d.u(0.042, 0.06)
    half, bulk = base / 2, d.u(0.8, 1.2)
    bx, bz, sx, sz = half - d.u(0.2, 0.28), d.u(0.98, 1.12), -d.u(0.2, 0.32), d.u(0.7, 0.8)
    b.wheel(-half, radius, tyre, rim, RUBBER, spokes=d.pick((0, 5)))
    b.wheel(half, radius, tyre, rim, RUBBER, spokes=d.pick((0, 5)))
    for y in (-0.08, 0.08):
        b.tube([(half, y, radius), (half - 0.1, y, 0.6)], 0.02, STEEL)
        b.tube([(-half, y * 1.4, radius), (-half + 0.12, y * 1.4, 0.58)], 0.022, d.pick((STEEL, RED_LAMP)))
    b.blob((half, 0, 2 * radius - 0.02), (0.2, 0.075, 0.08), c1, 0.8, ("y", 0.1))
    b.blob((half - 0.14, 0, d.u(0.6, 0.7)), (d.u(0.06, 0.1), d.u(0.16, 0.24) * bulk, d.u(0.26, 0.36)), c1, d.u(0.4, 0.7),
           ("y", -d.u(0.2, 0.42)), taper=-d.u(-0.1, 0.3))  # fmt: skip
    b.blob((half - 0.05, 0, 0.66), (0.08, d.u(0.08, 0.15), 0.16), c2, 0.7, ("y", -0.3))
    b.blob((0.08, 0, 0.3), (0.3, d.u(0.13, 0.19), 0.05), BLACK, 0.35)
    b.blob((-0.4, 0, d.u(0.46, 0.55)), (d.u(0.34, 0.46), d.u(0.13, 0.19) * bulk, d.u(0.13, 0.2)), c1, d.u(0.4, 0.75),
           ("y", d.u(0.05, 0.28)), taper=-d.u(0, 0.3))  # fmt: skip
    b.blob((-0.35, 0, 0.42), (0.2, 0.16, 0.16), c2, 0.4)
    leather = paint.saddle(d)
    if d.chance(0.6):
        b.blob((sx - 0.15, 0, sz), (d.u(0.3, 0.4), d.u(0.115, 0.155), d.u(0.045, 0.075)), leather, 0.6, ("y", d.u(-0.05, 0.08)))
    else:
        b.blob((sx, 0, sz), (0.2, d.u(0.12, 0.15), 0.06), leather, 0.6)
        b.blob((sx - 0.32, 0, sz + 0.05), (0.17, 0.12, 0.05), leather, 0.6)
    if d.chance(0.2):
        b.blob((sx - 0.48, 0, sz + 0.22), (0.04, 0.12, 0.12), leather, 0.6, ("y", -0.2))
    b.blob((-half - 0.12, 0, 0.62), (0.05, 0.1, 0.04), Paint(RED_LAMP.colour, glow=d.pick((0, 0, 1.5)), roughness=0.2), 0.6)
    if d.chance(0.6):
        rail = d.pick((STEEL, CHROME, BLACK))
        b.tube(
            [(-half + 0.1, -0.14, sz), (-half - 0.15, -0.13, sz + 0.08), (-half - 0.15, 0.13, sz + 0.08), (-half + 0.1, 0.14, sz)],
            0.014,
            rail,
        )
    b.blob((bx + 0.04, 0, bz - 0.04), (d.u(0.08, 0.13), d.u(0.11, 0.19), d.u(0.06, 0.11)), c1, d.u(0.5, 0.9))
    lamp = Paint(LAMP.colour, glow=d.pick((0, 0, 0, 8)), roughness=0.1)
    low_lamp = d.chance(0.3)
    b.blob((half - 0.02, 0, 0.7) if low_lamp else (bx + 0.15, 0, bz - 0.05), (0.03, d.u(0.06, 0.13), 0.05), lamp, 0.8)
    b.blob((bx - 0.03, 0, bz + 0.03), (0.06, 0.09, 0.02), BLACK, 0.6)
    if d.chance(0.25):
        for s in (-1, 1):
            b.tube([(half - 0.1, s * 0.12, 0.6), (half + 0.1, s * 0.2, 0.5), (half - 0.05, s * 0.22, 0.3)], 0.012, CHROME)
    handlebar(b, bx, bz, d.u(0.29, 0.37))
    seat = Seat(sx - 0.02, sz + 0.02, bx, bz, 0.15, 0.36)
    if delivery:
        delivery_box(b, d, -half + d.u(-0.2, 0), sz)
    accessories(b, d, base, seat, c1, rear=not delivery)
    return Vehicle("ebike", "delivery" if delivery else "scooter", b.build(), base + 2 * radius + 0.1, 0.72, seat)


def delivery_box(b: Builder, d: Dice, x: float, z: float) -> None:
    c = Paint(
        d.pick(((0.75, 0.45, 0.02), (0.02, 0.25, 0.7), (0.85, 0.2, 0.02), (0.02, 0.02, 0.02), (0.6, 0.02, 0.02), (0.05, 0.4, 0.12))),
        roughness=0.6,
    )
    s = d.u(0.2, 0.27)
    b.blob((x, 0, z + 0.06 + s), (s, s * d.u(0.9, 1.1), s), c, 0.13)
    stripe = Paint(d.grey(0.5, 0.8), metallic=0.3, roughness=0.3)
    b.box((x, 0, z + 0.06 + s * d.u(0.5, 1.4)), (s * 1.01, s * 1.05, 0.015), stripe)


def folding(d: Dice) -> Vehicle:
    """Small wheels, a thick low beam, tall posts."""
    b = Builder()
    c = paint.body(d)
    rim = Paint(d.pick(((0.5,) * 3, (0.03,) * 3)), metallic=0.7, roughness=0.4)
    base, radius, tyre = d.u(0.78, 1.0), d.u(0.14, 0.21), d.u(0.022, 0.036)
    half = base / 2
    bx, bz, sx, sz = half - d.u(0.06, 0.14), d.u(0.9, 1.05), -d.u(0.1, 0.2), d.u(0.68, 0.84)
    b.wheel(-half, radius, tyre, rim, RUBBER, spokes=d.pick((0, 5)))
    b.wheel(half, radius, tyre, rim, RUBBER, spokes=d.pick((0, 5)))
    beam = d.u(0.035, 0.065)
    b.tube([(half - 0.06, 0, 0.5), (0.1, 0, d.u(0.34, 0.42)), (sx, 0, 0.38), (-half, 0, radius + 0.03)], beam, c)
    for y in (-0.045, 0.045):
        b.tube([(half, y, radius), (half - 0.05, y, 0.5)], 0.015, c)
        b.tube([(-half, y, radius), (sx, y, 0.4)], 0.015, c)
    b.tube([(half - 0.06, 0, 0.48), (bx, 0, bz - 0.02)], 0.022, STEEL)
    b.tube([(sx, 0, 0.36), (sx - 0.02, 0, sz)], 0.018, STEEL)
    b.blob((sx, 0, sz), (d.u(0.11, 0.15), d.u(0.08, 0.11), 0.045), paint.saddle(d), 0.7)
    if d.chance(0.5):
        b.blob((-half + 0.08, 0, sz - 0.15), (0.15, 0.09, 0.035), paint.saddle(d), 0.5)
        b.tube([(-half, 0, radius), (-half + 0.08, 0, sz - 0.15)], 0.014, c)
    b.blob((0.05, 0, 0.44), (0.16, 0.06, 0.06), BLACK, 0.35)
    b.arc((half, 0, radius), radius + 0.02, 0.02, BLACK, 0.3, 2.6, 10)
    b.arc((-half, 0, radius), radius + 0.02, 0.02, BLACK, 0.3, 2.8, 10)
    b.blob((bx + 0.06, 0, bz - 0.12), (0.03, 0.05, 0.05), LAMP, 0.8, fine=8)
    handlebar(b, bx, bz, d.u(0.24, 0.3))
    seat = Seat(sx, sz, bx, bz, 0.05, 0.26)
    accessories(b, d, base, seat, c)
    return Vehicle("ebike", "folding", b.build(), base + 2 * radius, 0.58, seat)


def tricycle(d: Dice) -> Vehicle:
    """Two wheels behind, with a cargo tray, a basket or a second bench."""
    b = Builder()
    c1, c2 = paint.body(d), paint.body(d)
    rim = Paint((0.4,) * 3, metallic=0.7, roughness=0.4)
    base, radius, tyre, track = d.u(1.05, 1.3), d.u(0.18, 0.24), d.u(0.03, 0.045), d.u(0.26, 0.34)
    half = base / 2
    bx, bz, sx, sz = half - d.u(0.15, 0.25), d.u(0.95, 1.05), -d.u(0.0, 0.12), d.u(0.62, 0.72)
    b.wheel(half, radius, tyre, rim, RUBBER, spokes=d.pick((0, 5)))
    for y in (-track, track):
        b.wheel(-half, radius, tyre, rim, RUBBER, y=y, spokes=d.pick((0, 5)))
        b.arc((-half, y, radius), radius + 0.03, 0.04, c1, 0.2, 2.9, 12)
    b.tube([(-half, -track, radius), (-half, track, radius)], 0.025, STEEL)
    for y in (-0.06, 0.06):
        b.tube([(half, y, radius), (half - 0.08, y, 0.58)], 0.018, STEEL)
        b.tube([(-half, y, radius + 0.05), (0.2, y, 0.3)], 0.02, c1)
    b.tube([(half - 0.08, 0, 0.5), (bx, 0, bz)], 0.026, c1)
    b.tube([(half - 0.1, 0, 0.55), (0.25, 0, 0.3), (sx, 0, 0.3)], 0.035, c1)
    b.blob((half - 0.12, 0, 0.6), (0.05, d.u(0.14, 0.2), 0.26), c1, 0.5, ("y", -0.3))
    b.blob((0.15, 0, 0.3), (0.24, 0.17, 0.03), BLACK, 0.3)
    b.blob((sx, 0, sz), (0.17, d.u(0.13, 0.22), 0.06), paint.saddle(d), 0.5)
    b.blob((sx - 0.15, 0, sz + 0.2), (0.03, 0.17, 0.14), paint.saddle(d), 0.5)
    b.blob((sx, 0, 0.48), (0.16, 0.15, 0.14), c2, 0.35)
    behind = d.weighted({"tray": 0.35, "basket": 0.3, "bench": 0.35})
    if behind == "bench":
        b.blob((-half + 0.02, 0, 0.6), (0.18, 0.24, 0.06), paint.saddle(d), 0.4)
        b.blob((-half - 0.17, 0, 0.78), (0.04, 0.25, 0.2), paint.saddle(d), 0.4)
    elif behind == "basket":
        b.wire_basket((-half, 0, d.u(0.68, 0.8)), (0.26, 0.27, 0.3), STEEL, taper=0.92)
    else:
        b.box((-half - 0.05, 0, 0.46), (0.34, 0.34, 0.02), c2)
        for y in (-0.34, 0.34):
            b.box((-half - 0.05, y, 0.56), (0.34, 0.012, 0.1), c2)
        if d.chance(0.6):
            b.blob((-half - 0.05, 0, 0.6), (0.28, 0.28, d.u(0.1, 0.3)), paint.cloth(d), 0.4, rough=crumple(d.noise(), 0.01))
    b.blob((bx + 0.1, 0, bz - 0.08), (0.05, 0.09, 0.07), LAMP, 0.8)
    handlebar(b, bx, bz, d.u(0.28, 0.36))
    seat = Seat(sx, sz, bx, bz, 0.2, 0.34)
    accessories(b, d, base, seat, c1, rear=False)
    return Vehicle("ebike", "tricycle", b.build(), base + 2 * radius + 0.2, 0.72, seat)


KINDS = {"moped": 0.42, "light": 0.24, "scooter": 0.13, "folding": 0.08, "delivery": 0.08, "tricycle": 0.05}


def ebike(d: Dice, kind: str | None = None) -> Vehicle:
    """Any e-bike."""
    kind = kind or d.weighted(KINDS)
    if kind == "delivery":
        return scooter(d, delivery=True)
    return {"moped": moped, "light": light, "scooter": scooter, "folding": folding, "tricycle": tricycle}[kind](d)
