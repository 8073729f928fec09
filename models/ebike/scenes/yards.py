"""Out of doors: ground, walls, bushes, steps, cars and vans, or a photographer's studio."""

from __future__ import annotations

import math

from . import paint
from .cars import Room, wall
from .dice import Dice
from .paint import BLACK, RUBBER, STEEL, Paint
from .shapes import Builder, Mesh, crumple

GLASS = Paint((0.02, 0.025, 0.03), roughness=0.05)


def yard(d: Dice) -> Room:
    """No room at all: ground, perhaps a wall, cars, steps or bushes behind; or a photographer's white studio."""
    b, x = Builder(), 2.6
    studio = d.chance(0.2)
    photographed = not studio and d.chance(0.3)  # the panorama's own ground: real, though nothing casts a shadow on it
    if photographed:
        b.box((0, 0, -0.5), (0.01, 0.01, 0.01), BLACK)
    elif studio:
        g = d.u(0.7, 0.95)
        white = Paint((g, g, g * d.u(0.95, 1)), roughness=0.9)
        b.quad((0, 0, 0), (60, 0, 0), (0, 60, 0), white)
    else:
        b.quad((0, 0, 0), (40, 0, 0), (0, 40, 0), _ground(d))
        if d.chance(0.5):
            b.quad((d.u(-1, 1), d.u(-1, 1), 0.004), (d.u(1, 5), 0, 0), (0, d.u(1, 5), 0), _ground(d))
    if not studio:
        for _ in range(0 if photographed else d.weighted({0: 0.3, 1: 0.4, 2: 0.3})):
            a, far = d.u(0, 6.28), d.u(3.2, 6)
            at, turn = (far * math.cos(a), far * math.sin(a)), d.u(0, 6.28)
            kind = d.weighted({"car": 0.45, "wall": 0.3, "bush": 0.15, "steps": 0.1})
            if kind == "car":
                part = parked(d)
            elif kind == "wall":
                part, h, turn = Builder(), d.u(0.8, 3.5), a + math.pi / 2
                part.box((0, 0, h / 2), (d.u(2, 8), 0.1, h / 2), wall(d))
                part = part.build()
            elif kind == "bush":
                part, green = Builder(), Paint((d.u(0.02, 0.1), d.u(0.08, 0.25), 0.02), roughness=0.9)
                for _ in range(d.i(3, 9)):
                    part.blob((d.u(-2, 2), d.u(-0.6, 0.6), d.u(0.2, 0.9)), (d.u(0.3, 0.8), d.u(0.3, 0.7), d.u(0.4, 1.1)), green, 0.9,
                              rough=crumple(d.noise(), 0.06))  # fmt: skip
                part = part.build()
            else:
                part, turn = steps(d), a
            b.mesh_in(part.moved((*at, 0), turn))
    mesh = b.build()
    return Room(x, x, 3.0, 0.5, True, mesh, mesh, mesh, 0.0, d.u(0.6, 1.4), True, not studio or d.chance(0.3))


def _ground(d: Dice) -> Paint:
    kind = d.weighted({"asphalt": 0.35, "paving": 0.35, "grass": 0.15, "plain": 0.15})
    if kind == "asphalt":
        g = d.u(0.05, 0.3)
        return Paint((g,) * 3, roughness=0.9, pattern="noise", scale=d.u(5, 60), second=(g * 0.7,) * 3)
    if kind == "paving":
        g, k = d.u(0.15, 0.6), d.u(0.6, 0.95)
        c = (g, g * d.u(0.85, 1), g * d.u(0.7, 1))
        return Paint(c, roughness=0.8, pattern=d.pick(("brick", "checker")), scale=d.u(0.5, 4), second=tuple(v * k for v in c))
    if kind == "grass":
        g = d.u(0.1, 0.3)
        return Paint((g * 0.6, g, g * 0.25), roughness=1.0, pattern="noise", scale=d.u(5, 40), second=(g * 0.3, g * 0.6, g * 0.15))
    return Paint(d.grey(0.1, 0.7), roughness=d.u(0.2, 0.9))


def steps(d: Dice, slope: float = 0.53, foot: float = 0.16) -> Mesh:
    """A flight of stairs up along +x, 6 m wide; its edges lie ``foot`` above the floor at x = 0."""
    b, stone, deep = Builder(), _ground(d), 0.3
    first = -math.ceil(foot / (slope * deep))
    for k in range(first, first + 9):
        high = max(0.01, foot + k * slope * deep)
        b.box(((k + 0.5) * deep, 0, high / 2), (deep / 2, 3, high / 2), stone)
    return b.build()


def planks(d: Dice, half: float, wide: float) -> Mesh:
    """What a wheelchair is rolled up on: two rails or one broad board, along x."""
    b, sheet = Builder(), d.pick((STEEL, Paint((0.6, 0.6, 0.62), metallic=1, roughness=0.35), Paint(d.vivid(), roughness=0.4), BLACK))
    if d.chance(0.5):
        for s in (-1, 1):
            b.box((0, s * wide / 2, -0.015), (half, 0.1, 0.015), sheet)
            b.box((0, s * (wide / 2 + 0.1), 0.01), (half, 0.01, 0.03), sheet)
    else:
        b.box((0, 0, -0.015), (half, wide * 0.65, 0.015), sheet)
        for s in (-1, 1):
            b.box((0, s * wide * 0.65, 0.01), (half, 0.012, 0.035), d.pick((sheet, Paint((0.7, 0.5, 0.02), roughness=0.4))))
    return b.build()


def bench(d: Dice) -> Mesh:
    """A seat of slats for two, 0.43 m high, looking along +x."""
    b, wood = Builder(), Paint(d.pick(((0.2, 0.09, 0.03), (0.35, 0.2, 0.09), (0.05, 0.15, 0.06), (0.3,) * 3)), roughness=0.6)
    for x in (-0.14, -0.02, 0.1):
        b.box((x, 0, 0.42), (0.05, 0.8, 0.015), wood)
    for z in (0.55, 0.7, 0.84):
        b.box((-0.24, 0, z), (0.015, 0.8, 0.05), wood, pitch=-0.15)
    for y in (-0.7, 0.7):
        b.tube([(0.12, y, 0), (0.12, y, 0.41), (-0.2, y, 0.41), (-0.28, y, 0.88)], 0.02, d.pick((BLACK, STEEL)))
        b.tube([(-0.2, y, 0.41), (-0.24, y, 0)], 0.02, BLACK)
    return b.build()


def parked(d: Dice) -> Mesh:
    """A car or a van, perhaps with its tail gate open: large, wheeled, dark inside, and no e-bike."""
    return van(d) if d.chance(0.6) else saloon(d)


def van(d: Dice, open_gate: bool | None = None) -> Mesh:
    """Looks along +x; the tail gate, if open, shows seats, head rests and what is kept in there."""
    b, c = Builder(), paint.body(d)
    length, w, h = d.u(2.0, 2.6), d.u(0.83, 1.0), d.u(1.75, 2.4)
    opened = d.chance(0.5) if open_gate is None else open_gate
    rear = -1.36 * length
    _bodywork(b, d, c, (length, w, h), -0.35 * length, (0.98, 0.985))
    if opened:
        trim = Paint(d.grey(0.02, 0.25), roughness=0.8)
        b.box((rear, 0, h * 0.62), (0.03, w * 0.84, h * 0.34), c)
        b.box((rear - 0.02, 0, h * 0.62), (0.02, w * 0.76, h * 0.31), BLACK)
        for y in (-0.42, 0.42) if d.chance(0.8) else (0.0,):
            b.blob((rear - 0.05, y * w, h * 0.42), (0.06, w * 0.3, h * 0.13), trim, 0.4)
            b.blob((rear - 0.06, y * w, h * 0.62), (0.04, w * 0.12, 0.07), trim, 0.6)
        b.quad((rear - 0.2, 0, h * 0.3), (0.2, 0, 0), (0, w * 0.76, 0), trim)
        for s in (-1, 1):
            b.box((rear - 0.05, s * w * 0.82, h * 0.5), (0.03, 0.07, 0.16), paint.RED_LAMP)
            b.tube([(rear - 0.05, s * w * 0.7, h * 0.75), (rear - 0.55, s * w * 0.7, h + 0.02)], 0.012, BLACK, 5)
        tip = d.u(-0.3, 0.15)
        b.box((rear - 0.42, 0, h), (0.46, w * 0.88, 0.035), c, pitch=tip)
        b.box((rear - 0.42, 0, h - 0.03), (0.4, w * 0.7, 0.02), d.pick((GLASS, trim)), pitch=tip)
        b.box((rear - 0.06, 0, h * 0.24), (0.1, w * 0.9, 0.09), d.pick((c, BLACK)))
    return b.build()


def saloon(d: Dice) -> Mesh:
    b = Builder()
    _bodywork(b, d, paint.body(d), (d.u(1.9, 2.4), d.u(0.8, 0.9), d.u(1.4, 1.55)), -0.1, (0.6, 0.58))
    return b.build()


def _bodywork(b: Builder, d: Dice, c: Paint, size: tuple[float, float, float], at: float, shares: tuple[float, float]) -> None:
    """Body, cabin and windows (the latter two at ``at``, by their shares of the length), wheels in dark arches, lamps, plates and mirrors."""
    length, w, h = size
    b.blob((0, 0, 0.62), (length, w, 0.38), c, 0.25)
    b.blob((at, 0, h * 0.68), (length * shares[0], w * 0.92, h * 0.32), c, 0.3, taper=-d.u(0.05, 0.2))
    b.blob((at, 0, h * 0.74), (length * shares[1], w * 0.925, h * 0.17), GLASS, 0.3, taper=-0.1)
    rim, plate = (
        d.pick((STEEL, BLACK, Paint((0.6,) * 3, metallic=0.9, roughness=0.2))),
        Paint(d.pick(((0.02, 0.08, 0.4), (0.6, 0.6, 0.6), (0.6, 0.45, 0.02))), roughness=0.4),
    )
    for x in (-length * 0.62, length * 0.62):
        for y in (-w, w):
            b.blob((x, y * 0.95, 0.34), (0.36, 0.08, 0.34), BLACK, 1, fine=9)
            b.wheel(x, 0.3, 0.07, rim, RUBBER, y=y * 0.97, spokes=d.pick((5, 7, 0)))
    for s in (-1, 1):
        b.blob((length * 0.98, s * 0.6 * w, 0.7), (0.06, 0.13, 0.08), Paint((0.8, 0.8, 0.75), roughness=0.1), 0.6)
        b.blob((-length * 0.98, s * 0.6 * w, 0.8), (0.06, 0.1, 0.16), paint.RED_LAMP, 0.6)
        b.blob((length * 0.45, s * (w + 0.1), 1.0), (0.07, 0.11, 0.08), BLACK, 0.6, fine=8)
        b.box((s * length * 1.005, 0, 0.5), (0.01, 0.22, 0.07), plate)
