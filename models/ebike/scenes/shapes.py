"""Meshes from a few primitives, in numpy. Not here: Blender, randomness of what to build."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from .paint import Paint

Point = Sequence[float]
Section = tuple[float, float, float, float]  # where along a skin's axis, the other axis's centre, half width, half height or depth


@dataclass
class Mesh:
    """Vertices [n, 3], faces as index tuples, one paint index and smooth flag a face."""

    vertices: np.ndarray
    faces: list[tuple[int, ...]]
    paint_of_face: list[int]
    smooth: list[bool]
    paints: list[Paint]
    uvs: dict[int, list[tuple[float, float]]] = field(default_factory=dict)

    def moved(self, offset: Point, yaw: float = 0.0, pitch: float = 0.0, scale: float = 1.0) -> Mesh:
        """A copy, scaled, pitched about y, turned about z, then moved."""
        c, s = math.cos(yaw), math.sin(yaw)
        cp, sp = math.cos(pitch), math.sin(pitch)
        turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ np.array([[cp, 0, sp], [0, 1, 0], [-sp, 0, cp]])
        v = (self.vertices * scale) @ turn.T + np.asarray(offset, float)
        return Mesh(v, self.faces, self.paint_of_face, self.smooth, self.paints, self.uvs)


def rotation(axis: str, angle: float) -> np.ndarray:
    c, s = math.cos(angle), math.sin(angle)
    return {
        "x": np.array([[1, 0, 0], [0, c, -s], [0, s, c]]),
        "y": np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]),
        "z": np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]),
    }[axis]


class Builder:
    """Collects primitives into one mesh."""

    def __init__(self) -> None:
        self._v: list[np.ndarray] = []
        self._f: list[tuple[int, ...]] = []
        self._p: list[int] = []
        self._s: list[bool] = []
        self._uv: dict[int, list[tuple[float, float]]] = {}
        self._paints: list[Paint] = []
        self._index: dict[int, int] = {}
        self._n = 0

    def _paint(self, paint: Paint) -> int:
        key = id(paint)
        if key not in self._index:
            self._index[key] = len(self._paints)
            self._paints.append(paint)
        return self._index[key]

    def add(self, v: np.ndarray, faces: Sequence[Sequence[int]], paint: Paint, smooth: bool = True) -> None:
        p = self._paint(paint)
        self._v.append(np.asarray(v, float))
        self._f += [tuple(int(i) + self._n for i in f) for f in faces]
        self._p += [p] * len(faces)
        self._s += [smooth] * len(faces)
        self._n += len(v)

    def mesh_in(self, mesh: Mesh) -> None:
        """Takes another mesh in."""
        first = len(self._f)
        self._v.append(mesh.vertices)
        self._f += [tuple(i + self._n for i in f) for f in mesh.faces]
        self._p += [self._paint(mesh.paints[i]) for i in mesh.paint_of_face]
        self._s += mesh.smooth
        self._uv |= {first + k: uv for k, uv in mesh.uvs.items()}
        self._n += len(mesh.vertices)

    def rings(self, p: np.ndarray, paint: Paint, smooth: bool = True) -> None:
        """A skin over rings [k, n, 3], closed around."""
        k, n = p.shape[:2]
        faces = [(i * n + j, i * n + (j + 1) % n, (i + 1) * n + (j + 1) % n, (i + 1) * n + j) for i in range(k - 1) for j in range(n)]
        self.add(p.reshape(-1, 3), faces, paint, smooth)

    def blob(
        self,
        centre: Point,
        radii: Point,
        paint: Paint,
        power: float = 0.5,
        turn: tuple[str, float] | None = None,
        taper: float = 0.0,
        rough: np.ndarray | None = None,
        shear: float = 0.0,
        fine: int = 12,
    ) -> None:
        """A superellipsoid: ``power`` 1 is an ellipsoid, 0.1 almost a box. ``rough`` adds noise [fine, ., 3]."""
        nu, nv = fine, fine + 6
        u = np.linspace(-math.pi / 2, math.pi / 2, nu)[:, None]
        w = np.linspace(0, 2 * math.pi, nv, endpoint=False)[None]

        def sp(x: np.ndarray) -> np.ndarray:
            return np.sign(x) * np.abs(x) ** power

        x, y, z = sp(np.cos(u)) * sp(np.cos(w)), sp(np.cos(u)) * sp(np.sin(w)), sp(np.sin(u)) * np.ones_like(w)
        k = 1 + taper * z
        p = np.stack([x * k * radii[0] + shear * z * radii[2], y * k * radii[1], z * radii[2]], -1)
        if rough is not None:
            p = p + rough[:nu, :nv]
        if turn is not None:
            p = p @ rotation(*turn).T
        self.rings(p + np.asarray(centre, float), paint)

    def skin_along(self, sections: Sequence[Section], paint: Paint, power: float, smooth: bool = True) -> None:
        """A closed skin along x over sections (x, z, half width, half height); ``power`` as for ``blob``."""
        rings = []
        for x, z, half, high in sections:
            y, up = _ring(half, high, power)
            rings.append(np.stack([np.full(len(y), x), y, z + up], -1))
        self._closed(rings, paint, smooth)

    def skin_up(self, sections: Sequence[Section], paint: Paint, power: float, bow: float = 0.0, smooth: bool = True) -> None:
        """A closed skin upwards over sections (z, x, half width, half depth); ``bow`` bends its sides back."""
        rings = []
        for z, x, half, deep in sections:
            y, on = _ring(half, deep, power)
            rings.append(np.stack([x + on - bow * (y / max(half, 1e-3)) ** 2, y, np.full(len(y), z)], -1))
        self._closed(rings, paint, smooth)

    def _closed(self, rings: Sequence[np.ndarray], paint: Paint, smooth: bool) -> None:
        ends = [np.repeat(r.mean(0)[None], len(r), 0) for r in (rings[0], rings[-1])]
        self.rings(np.stack([ends[0], *rings, ends[1]]), paint, smooth)

    def box(self, centre: Point, half: Point, paint: Paint, yaw: float = 0.0, pitch: float = 0.0) -> None:
        """A plain box with flat faces."""
        c = np.array([(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float) * np.asarray(half, float)
        c = c @ rotation("y", pitch).T @ rotation("z", yaw).T + np.asarray(centre, float)
        self.add(c, [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)], paint, False)

    def quad(self, centre: Point, u: Point, v: Point, paint: Paint) -> None:
        """A flat sheet with texture coordinates; ``u`` and ``v`` are half extents."""
        c, a, b = (np.asarray(t, float) for t in (centre, u, v))
        self._uv[len(self._f)] = [(0, 0), (1, 0), (1, 1), (0, 1)]
        self.add(np.array([c - a - b, c + a - b, c + a + b, c - a + b]), [(0, 1, 2, 3)], paint, False)

    def tube(self, points: Sequence[Point], radius: float | Sequence[float], paint: Paint, sides: int = 8) -> None:
        """A bent pipe with closed ends; ``radius`` may vary along it."""
        pts = [np.asarray(p, float) for p in points]
        radii = list(radius) if isinstance(radius, Sequence) else [radius] * len(pts)
        t = np.linspace(0, 2 * math.pi, sides, endpoint=False)[:, None]
        rings = []
        for i, p in enumerate(pts):
            d = pts[min(i + 1, len(pts) - 1)] - pts[max(i - 1, 0)]
            d = d / (np.linalg.norm(d) + 1e-9)
            helper = np.array([0, 0, 1.0]) if abs(d[2]) < 0.9 else np.array([1.0, 0, 0])
            x = np.cross(d, helper)
            x /= np.linalg.norm(x)
            rings.append(p + radii[i] * (np.cos(t) * x + np.sin(t) * np.cross(d, x)))
        ends = [np.repeat(p[None], sides, 0) for p in (pts[0], pts[-1])]
        self.rings(np.stack([ends[0], *rings, ends[1]]), paint)

    def arc(
        self,
        centre: Point,
        ring: float,
        radius: float,
        paint: Paint,
        start: float = 0.0,
        end: float = 2 * math.pi,
        steps: int = 26,
        lean: float = 0.0,
        sides: int = 7,
    ) -> None:
        """Part of a ring in the x-z plane, as a tyre or a mudguard; ``lean`` tilts its top outward."""
        a = np.linspace(start, end, steps)
        pts = [(centre[0] + ring * math.cos(t), centre[1] + lean * ring * math.sin(t), centre[2] + ring * math.sin(t)) for t in a]
        self.tube(pts, radius, paint, sides)

    def wheel(
        self,
        x: float,
        radius: float,
        tyre: float,
        rim: Paint,
        tyre_paint: Paint,
        y: float = 0.0,
        spokes: int = 0,
        lean: float = 0.0,
    ) -> None:
        """A wheel on the floor; no spokes means a cast disc."""
        self.arc((x, y, radius), radius - tyre, tyre, tyre_paint, lean=lean)
        inner = radius - 2 * tyre
        self.arc((x, y, radius), inner, max(0.006, tyre * 0.3), rim, lean=lean)
        for k in range(spokes):
            a = 2 * math.pi * k / spokes
            tip = (x + inner * math.cos(a), y + lean * inner * math.sin(a), radius + inner * math.sin(a))
            self.tube([(x, y, radius), tip], 0.0035 if spokes > 6 else 0.012, rim, 4)
        if not spokes:
            self.blob((x, y, radius), (inner * 0.95, 0.02, inner * 0.95), rim, 1, fine=9)
        self.blob((x, y, radius), (radius * 0.2, 0.045, radius * 0.2), rim, 1, fine=8)

    def wire_basket(self, top: Point, half: Point, paint: Paint, taper: float = 0.8, wires: int = 6) -> None:
        """An open wire basket hanging down from ``top``; ``half`` = half length, half width, full depth."""
        sx, sy, sz = half
        for z in np.linspace(-sz, 0, 4):
            k = taper + (1 - taper) * (z + sz) / sz
            loop = ((-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1))
            self.tube([(top[0] + sx * k * i, top[1] + sy * k * j, top[2] + z) for i, j in loop], 0.008 if z == 0 else 0.004, paint, 4)
        for i in np.linspace(-1, 1, wires):
            for q in ((i, -1), (i, 1), (-1, i), (1, i)):
                a = (top[0] + sx * q[0], top[1] + sy * q[1], top[2])
                b = (top[0] + taper * sx * q[0], top[1] + taper * sy * q[1], top[2] - sz)
                self.tube([a, b], 0.004, paint, 4)
            z = top[2] - sz
            self.tube(
                [(top[0] + taper * sx * i, top[1] - taper * sy, z), (top[0] + taper * sx * i, top[1] + taper * sy, z)], 0.004, paint, 4
            )
            self.tube(
                [(top[0] - taper * sx, top[1] + taper * sy * i, z), (top[0] + taper * sx, top[1] + taper * sy * i, z)], 0.004, paint, 4
            )

    def drape(
        self, profile: Sequence[tuple[float, float, float]], hem: float, paint: Paint, noise: np.random.RandomState, crumple: float
    ) -> None:
        """Cloth over a ridge: ``profile`` lists (x, height, half width) along it; it hangs to ``hem``."""
        n = 14
        a = np.linspace(0, math.pi, n)
        rings = []
        for x, height, width in profile:
            y = width * np.sign(np.cos(a)) * np.abs(np.cos(a)) ** 0.6
            z = hem + (height - hem) * np.abs(np.sin(a)) ** 0.55
            rings.append(np.stack([np.full(n, x), y, z], -1))
        first, last = rings[0].copy(), rings[-1].copy()
        for end, x in ((first, profile[0][0]), (last, profile[-1][0])):
            end[:, 1] *= 0.4
            end[:, 2] = hem
            end[:, 0] = x + (0.03 if x > 0 else -0.03)
        p = np.stack([first, *rings, last])
        p = p + noise.randn(*p.shape) * crumple
        k = len(p)
        faces = [(i * n + j, i * n + j + 1, (i + 1) * n + j + 1, (i + 1) * n + j) for i in range(k - 1) for j in range(n - 1)]
        self.add(p.reshape(-1, 3), faces, paint)

    def sheet(self, points: np.ndarray, paint: Paint) -> None:
        """An open cloth over a grid of points [rows, columns, 3]."""
        k, n = points.shape[:2]
        faces = [(i * n + j, i * n + j + 1, (i + 1) * n + j + 1, (i + 1) * n + j) for i in range(k - 1) for j in range(n - 1)]
        self.add(points.reshape(-1, 3), faces, paint)

    def ribbon(self, points: Sequence[Point], half: Point, paint: Paint) -> None:
        """A flat band along points, ``half`` wide to both sides: a strap, a tape, a seam."""
        p = np.asarray(points, float)
        self.sheet(np.stack([p - np.asarray(half, float), p + np.asarray(half, float)], 1), paint)

    @property
    def empty(self) -> bool:
        return not self._v

    def build(self) -> Mesh:
        return Mesh(np.concatenate(self._v), self._f, self._p, self._s, self._paints, self._uv)


def _ring(half: float, high: float, power: float, sides: int = 20) -> tuple[np.ndarray, np.ndarray]:
    a = np.linspace(0, 2 * math.pi, sides, endpoint=False)
    return half * np.sign(np.cos(a)) * np.abs(np.cos(a)) ** power, high * np.sign(np.sin(a)) * np.abs(np.sin(a)) ** power


def bend(points: Sequence[Point], radius: float, closed: bool = False, steps: int = 4) -> list[np.ndarray]:
    """A way along points whose corners are rounded, as pipes are bent."""
    p = [np.asarray(q, float) for q in points]
    n = len(p)
    out = [] if closed else [p[0]]
    for i in range(n) if closed else range(1, n - 1):
        before, after = p[i - 1] - p[i], p[(i + 1) % n] - p[i]
        a, b = (p[i] + v * min(radius / (np.linalg.norm(v) + 1e-9), 0.5) for v in (before, after))
        out += [(1 - t) ** 2 * a + 2 * t * (1 - t) * p[i] + t**2 * b for t in np.linspace(0, 1, steps)]
    return [*out, out[0]] if closed else [*out, p[-1]]


def outline(x: float, y: float, z: float, radius: float) -> list[np.ndarray]:
    """The way around a rectangle of half sizes x and y that lies at height z, its corners rounded."""
    return bend([(-x, -y, z), (x, -y, z), (x, y, z), (-x, y, z)], radius, closed=True)


def crumple(noise: np.random.RandomState, amount: float, fine: int = 12) -> np.ndarray:
    """Noise for ``Builder.blob``."""
    return noise.randn(fine, fine + 6, 3) * amount
