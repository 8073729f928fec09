"""Lift cars and halls: rooms with walls, doors, lights and what hangs on them, as one mesh and a few sizes."""

from __future__ import annotations

from dataclasses import dataclass, replace

from . import adverts
from .dice import Dice
from .paint import BLACK, CHROME, STEEL, Paint
from .shapes import Builder, Mesh


@dataclass(frozen=True)
class Room:
    """Half sizes in x and y, the height, and the half width of the door at -y."""

    x: float
    y: float
    z: float
    door: float
    hall: bool
    mesh: Mesh
    left_leaf: Mesh  # meaningless in the open
    right_leaf: Mesh
    opening: float  # 0 shut .. 1 open
    sky: float  # background light
    open_air: bool = False  # no walls: a yard, a street, a studio
    panorama: bool = False  # lit by a panorama, when there is one
    plain: bool = False  # a car as most are, with a camera as most hang


def wall(d: Dice) -> Paint:
    kind = d.weighted({"steel": 0.42, "brushed": 0.1, "mirror": 0.05, "painted": 0.2, "wood": 0.08, "stone": 0.08, "etched": 0.07})
    if kind == "steel":
        return Paint(d.grey(0.35, 0.75), metallic=1, roughness=d.u(0.18, 0.55), smudge=d.u(0, 0.25))
    if kind == "brushed":
        return Paint(d.grey(0.3, 0.6), metallic=0.8, roughness=d.u(0.35, 0.6), smudge=d.u(0, 0.3))
    if kind == "mirror":
        return Paint(d.grey(0.7, 0.9), metallic=1, roughness=d.u(0.02, 0.1))
    if kind == "painted":
        return Paint(d.grey(0.3, 0.85), roughness=d.u(0.25, 0.7))
    if kind == "wood":
        return Paint(
            (0.25, 0.13, 0.06), roughness=0.5, pattern=d.pick(("wave", "noise")), scale=d.u(2, 8), second=(0.42, d.u(0.22, 0.3), 0.12)
        )
    if kind == "stone":
        g = d.u(0.4, 0.8)
        return Paint((g, g, g * 0.9), roughness=0.3, pattern="noise", scale=d.u(2, 9), second=(g * 0.7, g * 0.63, g * 0.52))
    return Paint(
        d.grey(0.4, 0.7),
        metallic=0.9,
        roughness=0.4,
        pattern=d.pick(("voronoi", "checker", "wave")),
        scale=d.u(6, 30),
        second=d.grey(0.3, 0.6),
    )


def sheet_steel(d: Dice) -> Paint:
    """What most cars are lined with: grey, finely ground, hardly a reflection in it."""
    return Paint(d.grey(0.38, 0.66), metallic=1, roughness=d.u(0.36, 0.6), smudge=d.u(0, 0.15))


def floor(d: Dice) -> Paint:
    g = d.u(0.08, 0.7)
    c = (g, g * d.u(0.88, 1), g * d.u(0.7, 1))
    if d.chance(0.1):
        c = d.vivid()
    kind = d.weighted({"plain": 0.4, "speckled": 0.4, "tiles": 0.2})
    if kind == "plain":
        return Paint(c, roughness=d.u(0.15, 0.7))
    k = d.u(0.4, 0.95)
    if kind == "speckled":
        return Paint(c, roughness=d.u(0.2, 0.6), pattern="noise", scale=d.u(3, 40), second=tuple(v * k for v in c))
    return Paint(c, roughness=0.4, pattern=d.pick(("checker", "brick")), scale=d.u(1, 4), second=tuple(v * k for v in c))


def _lights(b: Builder, d: Dice, x: float, y: float, z: float, power: float) -> None:
    tint = (1.0, d.u(0.86, 1.0), d.u(0.72, 1.05))
    kind = d.weighted({"panels": 0.45, "spots": 0.25, "tubes": 0.2, "frame": 0.1})
    if kind == "frame":
        lamp = Paint(tint, glow=power * 0.9)
        for s in (-1, 1):
            b.quad((s * x * 0.8, 0, z - 0.012), (0.05, 0, 0), (0, -y * 0.8, 0), lamp)
            b.quad((0, s * y * 0.8, z - 0.012), (x * 0.8, 0, 0), (0, -0.05, 0), lamp)
        return
    n, m = {"panels": (d.pick((1, 1, 2)), d.pick((1, 2, 2))), "spots": (2, d.pick((2, 3))), "tubes": (d.pick((1, 2)), 1)}[kind]
    dead = d.i(0, n * m - 1) if d.chance(0.12) and n * m > 1 else -1
    for i in range(n):
        for j in range(m):
            p = (x * ((i + 0.5) / n * 2 - 1) * 0.8, y * ((j + 0.5) / m * 2 - 1) * 0.8, z - 0.012)
            if kind == "panels":
                u, v = d.u(0.12, 0.3), d.u(0.12, 0.3)
            elif kind == "spots":
                u = v = d.u(0.05, 0.09)
            else:
                u, v = 0.05, y * 0.7
            glow = 0.02 if i * m + j == dead else power * 0.17 / (u * v * n * m) ** 0.8
            b.quad(p, (u, 0, 0), (0, -v, 0), Paint(tint, glow=glow))


def _hangings(b: Builder, d: Dice, x: float, y: float, z: float) -> None:
    for _ in range(d.weighted({0: 0.15, 1: 0.2, 2: 0.3, 3: 0.2, 5: 0.15})):
        kind = d.weighted({"framed": 0.5, "screen": 0.18, "paper": 0.32})
        if kind == "paper":
            w, h, picture, glow = d.u(0.08, 0.15), d.u(0.12, 0.2), adverts.notice(d), 0.0
        else:
            w, h, picture = d.u(0.16, 0.36), d.u(0.2, 0.5), adverts.poster(d)
            glow = d.u(0.5, 2.0) if kind == "screen" else (d.u(0.1, 0.6) if d.chance(0.2) else 0.0)
        face = Paint((0.5, 0.5, 0.5), roughness=d.u(0.05, 0.5), glow=glow, picture=picture)
        edge = Paint(d.pick(((0.75,) * 3, (0.02,) * 3, (0.45,) * 3)), roughness=0.4)
        e = 0.0 if kind == "paper" else d.u(0.02, 0.05)
        zc, s = min(d.u(0.9, 1.8), z - h - 0.15), d.sign()
        if d.chance(0.7):
            yc = d.u(-max(y - w - 0.05, 0), max(y - w - 0.05, 0))
            b.quad((s * (x - 0.03), yc, zc), (0, -s * w, 0), (0, 0, h), face)
            if e:
                b.box((s * (x - 0.013), yc, zc), (0.013, w + e, h + e), edge)
        else:
            xc = d.u(-max(x - w - 0.05, 0), max(x - w - 0.05, 0))
            b.quad((xc, y - 0.03, zc), (w, 0, 0), (0, 0, h), face)
            if e:
                b.box((xc, y - 0.013, zc), (w + e, 0.013, h + e), edge)


def _advertising(b: Builder, d: Dice, x: float, y: float, z: float) -> None:
    """Large posters behind clear sheets in broad frames, side by side, notices, and perhaps a screen on the back wall."""
    rim = Paint(d.pick(((0.8,) * 3, (0.8,) * 3, (0.5,) * 3, (0.05,) * 3)), roughness=0.35)
    clear = Paint((0.9, 0.93, 0.95), roughness=d.u(0.03, 0.15), see_through=d.u(0.75, 0.92))
    for s in (-1, 1):
        n = d.weighted({0: 0.2, 1: 0.45, 2: 0.35})
        for i in range(n):
            w, h = d.u(0.2, 0.32), d.u(0.3, 0.5)
            yc = (y - w - 0.08) * ((2 * i / (n - 1) - 1) if n > 1 else d.u(-1, 1))
            zc, e = min(d.u(1.3, 1.6), z - h - 0.12), d.u(0.03, 0.06)
            b.quad((s * (x - 0.03), yc, zc), (0, -s * w, 0), (0, 0, h), Paint((0.5,) * 3, roughness=0.3, picture=adverts.poster(d)))
            b.quad((s * (x - 0.05), yc, zc), (0, -s * w, 0), (0, 0, h), clear)
            for yy, zz, hy, hz in ((w, 0, e / 2, h + e), (-w, 0, e / 2, h + e), (0, h, w, e / 2), (0, -h, w, e / 2)):
                b.box((s * (x - 0.025), yc + yy, zc + zz), (0.028, hy, hz), rim)
    for _ in range(d.i(0, 3)):
        w, h, s = d.u(0.1, 0.18), d.u(0.07, 0.16), d.sign()
        paper = Paint((0.5,) * 3, roughness=0.5, picture=adverts.notice(d))
        if d.chance(0.5):
            b.quad((s * (x - 0.012), d.u(-0.6, 0.6) * y, d.u(1.1, 1.9)), (0, -s * w, 0), (0, 0, h), paper)
        else:
            b.quad((d.u(-0.5, 0.5) * x, y - 0.012, d.u(1.1, 1.9)), (w, 0, 0), (0, 0, h), paper)
    if d.chance(0.35):
        screen = Paint((0.5,) * 3, roughness=0.1, glow=d.u(0.4, 1.5), picture=adverts.poster(d))
        b.quad((d.u(-0.3, 0.3) * x, y - 0.03, d.u(1.5, 1.8)), (0.24, 0, 0), (0, 0, 0.15), screen)


def _seams(b: Builder, d: Dice, x: float, y: float, z: float) -> None:
    """Joints between the wall's panels."""
    dark = Paint(d.grey(0.02, 0.15), roughness=0.6)
    n = d.i(2, 4)
    for i in range(1, n):
        t = 2 * i / n - 1
        for s in (-1, 1):
            b.quad((s * (x - 0.004), t * y, z / 2), (0, -s * 0.006, 0), (0, 0, z / 2), dark)
        b.quad((t * x, y - 0.004, z / 2), (0.006, 0, 0), (0, 0, z / 2), dark)


def room(
    d: Dice, hall: bool = False, opening: float | None = None, sizes: tuple[float, float, float] | None = None, plain: bool = False
) -> Room:
    """A random car; ``hall`` makes it a wider room in front of a lift or in a corridor, ``plain`` a car as most are: steel, tiles, adverts."""
    b = Builder()
    if sizes:
        x, y, z = sizes
    elif hall:
        x, y, z = d.u(1.1, 2.4), d.u(1.4, 2.8), d.u(2.4, 3)
    elif plain:
        x, y, z = d.u(0.65, 0.9), d.u(0.65, 0.95), d.u(2.15, 2.4)
    else:
        x, y, z = d.u(0.58, 1.02), d.u(0.65, 1.15), d.u(2.15, 2.5)
    main = sheet_steel(d) if plain else wall(d)
    back = main if plain or d.chance(0.45) else wall(d)
    dim = d.chance(0.17)
    power = d.u(1.2, 5) if dim else d.u(5, 18)
    b.quad((0, 0, 0), (x, 0, 0), (0, y, 0), floor(d))
    if d.chance(0.25):
        b.quad((0, 0, 0.004), (x * d.u(0.6, 0.9), 0, 0), (0, y * d.u(0.6, 0.9), 0), floor(d))
    g = d.u(0.5, 0.9)
    b.quad((0, 0, z), (x, 0, 0), (0, -y, 0), Paint((g, g, g), roughness=0.6, glow=d.u(0.02, 0.4) * (0.3 if dim else 1)))
    b.quad((-x, 0, z / 2), (0, y, 0), (0, 0, z / 2), main)
    b.quad((x, 0, z / 2), (0, -y, 0), (0, 0, z / 2), main)
    b.quad((0, y, z / 2), (x, 0, 0), (0, 0, z / 2), back)
    if d.chance(0.1 if plain else 0.3):  # mirror, upper half or whole
        low = d.pick((0.1, 0.85))
        b.quad(
            (0, y - 0.008, (low + z - 0.1) / 2),
            (x * d.u(0.5, 0.97), 0, 0),
            (0, 0, (z - 0.1 - low) / 2),
            Paint((0.85,) * 3, metallic=1, roughness=0.02),
        )
    if d.chance(0.7):
        _seams(b, d, x, y, z)
    door = min(x - 0.04, d.u(0.4, 0.55))
    leaf = sheet_steel(d) if plain else wall(d)
    open_now = d.u(0.5, 1.0) if d.chance(0.25 if plain else 0.38) else 0.0
    if opening is not None:
        open_now = opening
    top = 2.1
    for s in (-1, 1):
        b.quad((s * (x + door) / 2, -y, z / 2), (-(x - door) / 2, 0, 0), (0, 0, z / 2), main)
        b.box((s * (door + 0.02), -y - 0.05, top / 2), (0.02, 0.05, top / 2), STEEL)
    b.quad((0, -y, top + (z - top) / 2), (-door, 0, 0), (0, 0, (z - top) / 2), main)
    leaves = []
    for _ in range(2):
        lb = Builder()
        lb.box((0, 0, top / 2), (door / 2 - 0.002, 0.015, top / 2), leaf)
        leaves.append(lb.build())
    # what lies outside, seen through the open door
    outside = Paint(d.grey(0.5, 0.85), roughness=0.6, glow=d.u(0.3, 5) * (0.4 if d.chance(0.3) else 1))
    b.quad((0, -y - 1.9, -0.003), (2.6, 0, 0), (0, 1.8, 0), floor(d))
    b.quad((0, -y - 3.6, 1.35), (-2.6, 0, 0), (0, 0, 1.4), wall(d))
    for s in (-1, 1):
        b.quad((s * 2.6, -y - 1.9, 1.35), (0, s * 1.8, 0), (0, 0, 1.4), wall(d))
        b.quad((s * (door + 1.25), -y - 0.13, 1.35), (-s * 1.25 * s, 0, 0), (0, 0, 1.4), main)
    b.quad((0, -y - 1.9, 2.7), (2.6, 0, 0), (0, -1.8, 0), outside)
    b.box((0, -y - 0.06, 0.002), (door, 0.06, 0.006), STEEL)  # sill
    _lights(b, d, x, y, z, power)
    (_advertising if plain else _hangings)(b, d, x, y, z)
    if d.chance(0.8):
        s = d.sign()
        panel = Paint((0.5,) * 3, metallic=0.3, roughness=0.35, picture=adverts.buttons(d), glow=0.05)
        if d.chance(0.5):
            b.quad((s * (x - 0.02), -y + d.u(0.15, 0.3), 1.25), (0, -s * 0.08, 0), (0, 0, d.u(0.3, 0.5)), panel)
        elif x - door > 0.18:
            b.quad((s * (x + door) / 2, -y + 0.02, 1.25), (-0.07, 0, 0), (0, 0, d.u(0.3, 0.5)), panel)
    if d.chance(0.5):
        rail = d.pick((STEEL, CHROME, BLACK))
        h = d.u(0.82, 0.95)
        b.tube([(-x + 0.05, -y + 0.35, h), (-x + 0.05, y - 0.06, h)], 0.018, rail)
        b.tube([(x - 0.05, -y + 0.35, h), (x - 0.05, y - 0.06, h)], 0.018, rail)
        if d.chance(0.6):
            b.tube([(-x + 0.06, y - 0.05, h), (x - 0.06, y - 0.05, h)], 0.018, rail)
    if d.chance(0.5):
        kick = Paint(d.grey(0.1, 0.5), metallic=d.pick((0, 1)), roughness=0.4)
        for s in (-1, 1):
            b.quad((s * (x - 0.006), 0, 0.06), (0, -s * y, 0), (0, 0, 0.06), kick)
        b.quad((0, y - 0.006, 0.06), (x, 0, 0), (0, 0, 0.06), kick)
    return Room(x, y, z, door, hall, b.build(), leaves[0], leaves[1], open_now, d.u(0.0, 0.12), plain=plain)


def leaves(r: Room, opening: float | None = None) -> list[Mesh]:
    """The two door leaves, where an opening of 0..1 puts them."""
    o = r.opening if opening is None else opening
    shift = r.door / 2 + o * r.door * 0.97
    return [r.left_leaf.moved((-shift, -r.y - 0.04, 0)), r.right_leaf.moved((shift, -r.y - 0.04, 0))]


def darker(r: Room, sky: float) -> Room:
    return replace(r, sky=sky)
