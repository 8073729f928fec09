"""One random picture: which things stand where, in which car, seen by which camera."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from .cameras import Camera, camera
from .cars import Room, room
from .dice import Dice
from .ebikes import ebike
from .fittings import Seat, Vehicle
from .people import Body, Pose
from .rivals import clutter, rival
from .shapes import Mesh
from .yards import bench, planks, steps, van, yard

if TYPE_CHECKING:
    from .assets import Ready

MAX_THINGS = 40  # indices are kept apart in an 8-bit mask
READY_SEAT = Seat(-0.2, 0.76, 0.35, 1.0)


@dataclass
class Placed:
    """A thing on the floor; ``ready`` stands for a library model in place of ``mesh``."""

    label: str
    kind: str
    x: float
    y: float
    yaw: float
    lean: float = 0.0
    mesh: Mesh | None = None
    ready: Ready | None = None


@dataclass
class Composition:
    room: Room
    cameras: list[Camera]
    things: list[Placed]
    story: str
    level: float
    gains: tuple[float, float, float]
    contrast: float
    dice: Dice


class _Floor:
    """Finds free places; remembers who stands where as circles."""

    def __init__(self, d: Dice, r: Room) -> None:
        self._d, self._r = d, r
        self._taken: list[tuple[float, float, float]] = []

    def place(self, outline: np.ndarray, radius: float, along: bool, slack: float = 0.35) -> tuple[float, float, float] | None:
        """The best of some random places, or none if even that sticks out further than ``slack``."""
        d, r = self._d, self._r
        entering = along and r.opening > 0.4 and not r.hall and d.chance(0.5)
        best = (math.inf, 0.0, 0.0, 0.0)
        for _ in range(40):
            if entering:
                yaw, x = d.sign() * math.pi / 2 + d.u(-0.22, 0.22), d.u(-0.15, 0.15)
                y = -r.y + d.u(-0.7, 0.5)
            else:
                yaw = d.sign() * math.pi / 2 + d.u(-0.5, 0.5) if along and d.chance(0.65) else d.u(0, 2 * math.pi)
                x, y = d.u(-r.x, r.x), d.u(-r.y, r.y)
            c, s = math.cos(yaw), math.sin(yaw)
            q = outline[:, :2] @ np.array([[c, s], [-s, c]]) + [x, y]
            front = -r.y - (1.2 if entering else 0.0)
            over = max(0.0, q[:, 0].max() - r.x, -r.x - q[:, 0].min(), q[:, 1].max() - r.y, front - q[:, 1].min())
            if entering:
                out = q[q[:, 1] < -r.y]
                over += max(0.0, abs(out[:, 0]).max() - r.door) if len(out) else 0.0
            for ox, oy, far in self._taken:
                over += max(0.0, (far + radius) * 0.75 - math.hypot(x - ox, y - oy)) * 0.7
            if over < best[0]:
                best = (over, x, y, yaw)
            if over < 0.03:
                break
        if best[0] > slack:
            return None
        self._taken.append((best[1], best[2], radius))
        return best[1:]

    def take(self, x: float, y: float, radius: float) -> None:
        self._taken.append((x, y, radius))


def compose(
    seed: str,
    library: list[Ready],
    unseen_only: bool = False,
    story: str | None = None,
    views: int = 1,
    only: str | None = None,
    setting: str | None = None,
    place: str | None = None,
) -> Composition:
    """The same seed and library give the same pictures; more views cost less than more scenes.

    ``story``, ``setting`` (car, hall, open) and ``only`` (the rivals' class) are drawn when not given. Scenes of one ``place`` and setting have
    the same room and cameras.
    """
    d = Dice(seed)
    where = Dice(place) if place else d
    story = story or d.weighted({"ebike": 0.43, "rival": 0.38, "people": 0.13, "empty": 0.06})
    setting = setting or d.weighted({"car": 0.66, "hall": 0.16, "open": 0.18})
    plain = setting == "car" and where.chance(0.6)
    r = yard(where.fork()) if setting == "open" else room(where.fork(), setting == "hall", plain=plain)
    eyes = where.fork()
    cameras = [camera(eyes.fork(), r) for _ in range(views)]
    spot = _Floor(d.fork(), r)
    things: list[Placed] = []

    def take(label: str) -> tuple[Vehicle | None, Ready | None]:
        """A vehicle of a class: procedural, or from the library."""
        ready = [x for x in library if x.source.label == label]
        share = {"ebike": 0.15, "kick_scooter": 0.15, "wheelchair": 0.1, "trolley": 0.15}.get(label, 0.0)
        if ready and (unseen_only or d.chance(share)):
            return None, d.pick(ready)
        if unseen_only and label in ("ebike", "bicycle"):
            return None, None
        return (ebike(d.fork()) if label == "ebike" else rival(d.fork(), label)), None

    def park(label: str) -> None:
        v, ready = take(label)
        outline = v.mesh.vertices if v else (ready.outline if ready else None)
        if outline is None:
            return
        radius = 0.5 if label in ("ebike", "bicycle") else 0.42
        at = spot.place(outline[:: max(1, len(outline) // 400)], radius, along=True, slack=0.45 if label == "ebike" else 0.35)
        if at is None:
            return
        x, y, yaw = at
        lean = d.u(-0.14, 0.14) if label in ("ebike", "bicycle", "kick_scooter") and d.chance(0.6) else 0.0
        name = v.kind if v else ready.source.path
        if v and r.open_air and label == "wheelchair" and d.chance(0.6 if v.kind == "climber" else 0.12):
            climb(v, d.sign() * d.u(0.15, 0.5), x, y, yaw)
            return
        things.append(Placed(label, name, x, y, yaw, lean, v.mesh if v else None, ready))
        seat = v.seat if v else READY_SEAT
        rides = {"ebike": 0.34, "bicycle": 0.12, "wheelchair": 0.9 if r.open_air else 0.6, "kick_scooter": 0.2}.get(label, 0.0)
        if label == "kick_scooter" and seat and d.chance(rides):
            things.append(
                Placed("person", "on", x, y, yaw, 0.0, Body(d.fork()).mesh(Pose(hands=_grips(seat))).moved((-0.1, 0, seat.foot_z)))
            )
        elif seat and d.chance(rides):
            things.append(Placed("person", "rider", x, y, yaw, lean, seated(label, v.kind if v else "", seat)))
            if label == "ebike" and d.chance(0.2):
                child = Body(d.fork(), child=d.chance(0.6))
                behind = Seat(seat.x - 0.34, seat.z, seat.bar_x - 0.5, seat.bar_z - 0.1, seat.foot_x - 0.3, seat.foot_z)
                things.append(Placed("person", "pillion", x, y, yaw, lean, child.mesh(Pose("sit", seat=behind))))
        elif d.chance(0.5):
            push(label, v, seat, x, y, yaw)
        if label == "wheelchair" and d.chance(0.45):
            push(label, v, seat, x, y, yaw)

    def seated(label: str, kind: str, seat: Seat) -> Mesh:
        """A rider, where the vehicle's seat is; in some chairs upright, kneeling or lying back."""
        body = Body(d.fork(), helmet=True if kind in ("racing", "handcycle") and d.chance(0.7) else None)
        if kind == "standing":
            return body.mesh(Pose(lean=d.u(-0.06, 0.04), nod=d.u(0, 0.3))).moved((-0.06, 0, seat.foot_z))
        lean = {"racing": d.u(0.3, 0.5), "handcycle": -d.u(0.3, 0.45), "reclining": -d.u(0.05, 0.3)}.get(
            kind, d.u(-0.12, 0.25) if label == "wheelchair" else 0.08
        )
        held = seat if label != "wheelchair" or kind in ("racing", "handcycle") else _resting(seat)
        return body.mesh(
            Pose("sit", seat=held, lean=lean, feet_down=label != "wheelchair" and d.chance(0.5), nod=d.u(0, 0.5) if kind else 0.0)
        )

    def climb(v: Vehicle, pitch: float, x: float, y: float, yaw: float) -> None:
        """A wheelchair that goes up or down: on planks into a van, or on steps."""
        uphill = yaw if pitch < 0 else yaw + math.pi
        half = v.length / 2 + 0.1
        rise = half * math.sin(abs(pitch)) + 0.03

        def put(label: str, kind: str, mesh: Mesh) -> None:
            things.append(Placed(label, kind, x, y, yaw, 0.0, mesh.moved((0, 0, rise), pitch=pitch)))

        put("wheelchair", v.kind, v.mesh)
        if v.seat and d.chance(0.75):
            put("person", "rider", seated("wheelchair", v.kind, v.seat))
        if abs(pitch) < 0.3 and v.kind != "climber":
            under, behind = planks(d.fork(), half + 0.25, v.width), van(d.fork(), open_gate=True)
            things.append(Placed("clutter", "ramp", x, y, yaw, 0.0, under.moved((0, 0, rise - 0.03), pitch=pitch)))
            far = half + 0.2 - behind.vertices[:, 0].min()
            things.append(Placed("clutter", "van", x + far * math.cos(uphill), y + far * math.sin(uphill), uphill, mesh=behind))
        else:
            things.append(Placed("clutter", "steps", x, y, uphill, mesh=steps(d.fork(), math.tan(abs(pitch)), rise)))
        if pitch < 0 and d.chance(0.7):
            push("wheelchair", v, None, x, y, yaw)

    def rest() -> None:
        """A bench and who sits on it."""
        at = spot.place(np.array([(-0.3, -0.8), (-0.3, 0.8), (0.4, 0.8), (0.4, -0.8)]), 0.6, along=False)
        if at is None:
            return
        x, y, yaw = at
        things.append(Placed("clutter", "bench", x, y, yaw, mesh=bench(d.fork())))
        for side in d.pick(((-0.35, 0.35), (-0.3,), (0.2,))):
            mesh = Body(d.fork()).mesh(
                Pose(
                    "sit",
                    seat=Seat(0.0, 0.42, d.u(0.2, 0.4), d.u(0.5, 0.9), 0.38, 0.04),
                    feet_down=False,
                    lean=d.u(-0.1, 0.25),
                    nod=d.u(0, 0.6),
                )
            )
            things.append(Placed("person", "sitting", x, y, yaw, mesh=mesh.moved((0, side, 0))))

    def push(label: str, v: Vehicle | None, seat: Seat | None, x: float, y: float, yaw: float) -> None:
        """Someone beside the handlebar, or behind the handles."""
        body = Body(d.fork())
        if label in ("ebike", "bicycle", "kick_scooter") and seat:
            side, px = d.sign(), seat.bar_x - d.u(0.15, 0.45)
            py = side * d.u(0.38, 0.5)
            hands = _grips(seat, px, py)
        else:
            length = v.length if v else 1.0
            px, py = -length / 2 - d.u(0.2, 0.35), 0.0
            hands = ((0.28, -0.22, 0.95), (0.28, 0.22, 0.95))
        cy, sy = math.cos(yaw), math.sin(yaw)
        gx, gy = x + cy * px - sy * py, y + sy * px + cy * py
        if abs(gx) > r.x - 0.1 or gy > r.y - 0.08:
            return
        kind = "walk" if d.chance(0.5) else "stand"
        mesh = body.mesh(Pose(kind, phase=d.u(0, 1), hands=hands, lean=d.u(0.05, 0.25), nod=d.u(0, 0.5)))
        things.append(Placed("person", "pusher", gx, gy, yaw, 0.0, mesh))
        spot.take(gx, gy, 0.25)

    if story == "ebike":
        for _ in range(1 if d.chance(0.87) else 2):
            park("ebike")
    others = ("bicycle", "kick_scooter", "wheelchair", "pram", "trolley")
    weights = {"bicycle": 0.22, "kick_scooter": 0.17, "wheelchair": 0.31, "pram": 0.13, "trolley": 0.17}
    if story == "rival" or (story == "ebike" and d.chance(0.13)):
        for _ in range(d.pick((1, 1, 1, 2)) if story == "rival" else 1):
            park(only or (d.weighted(weights) if not unseen_only else d.pick(others)))
    crowd = {"ebike": {0: 0.5, 1: 0.3, 2: 0.15, 3: 0.05}, "rival": {0: 0.35, 1: 0.3, 2: 0.2, 3: 0.15},
             "people": {1: 0.3, 2: 0.3, 3: 0.2, 5: 0.2}, "empty": {0: 1.0}}[story]  # fmt: skip
    round_outline = np.array([(0.2 * math.cos(a), 0.25 * math.sin(a)) for a in np.linspace(0, 6.28, 12)])
    for _ in range(d.weighted(crowd)):
        at = spot.place(round_outline, 0.22, along=False)
        if at is None:
            continue
        ready = [x for x in library if x.source.label == "person"]
        if ready and d.chance(0.6 if unseen_only else 0.06):
            things.append(Placed("person", "ready", *at, ready=d.pick(ready)))
        else:
            body = Body(d.fork(), child=d.chance(0.12))
            things.append(
                Placed(
                    "person",
                    "standing",
                    *at,
                    mesh=body.mesh(Pose(d.pick(("stand", "stand", "walk")), phase=d.u(0, 1), lean=d.u(-0.02, 0.15), nod=d.u(-0.1, 0.7))),
                )
            )
    for _ in range(d.weighted({0: 0.7, 1: 0.2, 2: 0.1} if story != "empty" else {0: 0.4, 1: 0.3, 2: 0.3})):
        if r.open_air and d.chance(0.4):
            rest()
            continue
        v = clutter(d.fork())
        at = spot.place(v.mesh.vertices[::5], 0.25, along=False)
        if at:
            things.append(Placed("clutter", v.kind, *at, mesh=v.mesh))
    if r.open_air:  # photographs are taken of something
        shown = [t for t in things if t.label not in ("person", "clutter")] or things
        cameras = [_aimed(c, d.pick(shown)) if shown else c for c in cameras]
        for t in things:
            cameras = [_outside(c, t) if t.kind == "van" else c for c in cameras]
    gains = (d.u(0.88, 1.12), 1.0, d.u(0.88, 1.12))
    return Composition(r, cameras, things[:MAX_THINGS], story, d.u(0.34, 0.72), gains, d.u(0.85, 1.2), d)


def _aimed(c: Camera, t: Placed) -> Camera:
    return replace(c, place=(c.place[0] + t.x, c.place[1] + t.y, c.place[2]), target=(c.target[0] + t.x, c.target[1] + t.y, c.target[2]))


def _outside(c: Camera, t: Placed) -> Camera:
    """From the other side of what it looks at, where it would stand in the thing or right before it."""
    (x, y, z), (u, v, _) = c.place, c.target
    return replace(c, place=(2 * u - x, 2 * v - y, z)) if math.hypot(x - t.x, y - t.y) < 3.6 else c


def _grips(seat: Seat, px: float = 0.0, py: float = 0.0) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Both handlebar grips, seen from a person standing at (px, py) on the vehicle."""
    x = seat.bar_x - 0.1 - px
    return (x, -0.26 - py, seat.bar_z + 0.03), (x, 0.26 - py, seat.bar_z + 0.03)


def _resting(seat: Seat) -> Seat:
    """Hands on the arm rests, feet on the foot plates."""
    return Seat(seat.x, seat.z, seat.x + 0.28, seat.z + 0.16, seat.foot_x, seat.foot_z)
