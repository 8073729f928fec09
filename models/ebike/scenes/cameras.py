"""Where the camera hangs and what lens it has."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .cars import Room
from .dice import Dice

Vec3 = tuple[float, float, float]


@dataclass(frozen=True)
class Camera:
    """``fov_deg`` is horizontal; a fish-eye's picture ends black outside its circle."""

    place: Vec3
    target: Vec3
    roll: float
    fov_deg: float
    fisheye: bool
    width: int
    height: int
    view: str  # ceiling | hall | open


SIZES = ((480, 270), (480, 270), (480, 270), (416, 312), (352, 352))


def camera(d: Dice, r: Room) -> Camera:
    """A random camera; in a plain car as most hang: in an upper corner with a lens of 75 to 105 degrees, looking at the floor's middle."""
    w, h = d.pick(SIZES)
    roll = d.u(-0.22, 0.22)
    if r.open_air:
        w, h = d.pick(((384, 216), (384, 288), (320, 320), (288, 384)))
        around, far, fov = d.u(0, 2 * math.pi), d.u(1.6, 3.4), d.u(34, 70)  # nearer than what stands behind
        if d.chance(0.12):  # so near that most of the thing is cut off
            far, aside = d.u(0.9, 1.4), d.u(0.2, 0.5)
            place = (far * math.cos(around), far * math.sin(around), d.u(0.3, 1.3))
            return Camera(place, (d.u(-aside, aside), d.u(-aside, aside), d.u(0.2, 0.7)), roll * 0.5, fov * 0.9, False, w, h, "open")
        place = (far * math.cos(around), far * math.sin(around), d.u(0.7, 2.4) if d.chance(0.75) else d.u(2.4, 4.0))
        return Camera(place, (d.u(-0.35, 0.35), d.u(-0.35, 0.35), d.u(0.45, 0.9)), roll * 0.25, fov, False, w, h, "open")
    if r.hall:
        place = (d.u(-r.x, r.x) * 0.9, d.sign() * r.y * d.u(0.75, 0.97), d.u(1.3, min(2.6, r.z - 0.1)))
        return Camera(place, (d.u(-0.4, 0.4), d.u(-0.4, 0.4), d.u(0.4, 0.9)), roll * 0.3, d.u(58, 95), False, w, h, "hall")
    if r.plain:
        place = (d.sign() * (r.x - d.u(0.04, 0.14)), d.sign() * (r.y - d.u(0.04, 0.14)), r.z - d.u(0.03, 0.12))
        target = (place[0] * d.u(-0.6, 0.05), place[1] * d.u(-0.6, 0.05), d.u(0.1, 1.0))
        return Camera(place, target, roll * 0.6, d.u(74, 106), d.chance(0.6), *d.pick(((480, 270), (480, 270), (416, 312))), "ceiling")
    d_wall = d.u(0.05, 0.18)
    kind = d.weighted({"corner": 0.68, "edge": 0.18, "centre": 0.14})
    z = r.z - d.u(0.04, 0.15)
    if kind == "corner":
        # mostly at the back, looking to the door, or above the door, looking in
        place = (d.sign() * (r.x - d_wall), d.sign() * (r.y - d_wall), z)
        target = (place[0] * d.u(-0.5, 0.1), place[1] * d.u(-0.5, 0.1), d.u(0, 0.9))
    elif kind == "edge":
        place = (d.u(-r.x, r.x) * 0.6, d.sign() * (r.y - d_wall), z)
        target = (place[0] * 0.3, place[1] * d.u(-0.5, 0.1), d.u(0, 0.8))
    else:
        place = (d.u(-r.x, r.x) * 0.3, d.u(-r.y, r.y) * 0.3, r.z - 0.06)
        target = (d.u(-0.3, 0.3), d.u(-0.3, 0.3), 0.0)
    fisheye = d.chance(0.55)
    if fisheye:
        fov = d.u(85, 135) if d.chance(0.82) else d.u(135, 178)
    else:
        fov = d.u(72, 108)
    return Camera(place, target, roll, fov, fisheye, w, h, "ceiling")
