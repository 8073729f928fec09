"""Renders the demo's and the tests' footage: python -m scenes.clips OUT [NAME ...]

Each clip is NAME.mp4 (H.264, 1280x720, 10 pictures a second, a key frame every second) with NAME.json beside it:
``{fps, width, height, frames: [{t_ms, objects: [{label, box: [x0, y0, x1, y1]}]}]}``, boxes of what is visible.
Pictures in which nothing moves are rendered once.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from boxes import boxes_of

from .cameras import Camera
from .cars import Room, leaves, room
from .dice import Dice
from .ebikes import scooter
from .fittings import Seat, Vehicle
from .people import Body, Pose
from .sensor import develop, exposure
from .shapes import Mesh
from .stage import Stage
from .wheelchairs import wheelchair

FPS, WIDTH, HEIGHT = 10, 1280, 720
Key = tuple[float, float, float, float]  # time in seconds, x, y, yaw


@dataclass(frozen=True)
class Track:
    """A path through key points, easing in and out between two."""

    keys: Sequence[Key]

    def at(self, t: float) -> tuple[float, float, float]:
        ks = self.keys
        if t <= ks[0][0]:
            return ks[0][1:]
        for a, b in zip(ks, ks[1:], strict=False):
            if t <= b[0]:
                f = (t - a[0]) / (b[0] - a[0])
                f = f * f * (3 - 2 * f)
                return tuple(p + (q - p) * f for p, q in zip(a[1:], b[1:], strict=True))
        return ks[-1][1:]

    def walked(self, t: float) -> float:
        """Distance, counted down when going backwards (against the yaw)."""
        total, (x, y, _) = 0.0, self.at(0)
        for k in range(1, int(t * 20) + 1):
            nx, ny, yaw = self.at(k / 20)
            total += (nx - x) * math.cos(yaw) + (ny - y) * math.sin(yaw)
            x, y = nx, ny
        return total

    def moving(self, t: float) -> bool:
        a, b = self.at(t - 0.06), self.at(t + 0.06)
        return math.hypot(a[0] - b[0], a[1] - b[1]) > 0.012


@dataclass
class Actor:
    """Something with a label whose mesh may depend on (phase of the step, moving)."""

    label: str
    track: Track
    mesh: Callable[[float, bool], Mesh]
    offset: tuple[float, float, float] = (0.0, 0.0, 0.0)  # on the track's own axes

    def state(self, t: float) -> tuple[float, float, float, float, bool]:
        x, y, yaw = self.track.at(t)
        moving = self.track.moving(t)
        c, s = math.cos(yaw), math.sin(yaw)
        ox, oy, turn = self.offset
        phase = round((self.track.walked(t) / 1.25) % 1.0, 2) if moving else 0.0
        return round(x + c * ox - s * oy, 3), round(y + s * ox + c * oy, 3), round(yaw + turn, 3), phase, moving


@dataclass
class Clip:
    name: str
    seconds: float
    room: Room
    camera: Camera
    actors: list[Actor]
    door: list[tuple[float, float]] = field(default_factory=list)  # (time, opening 0..1)
    level: float = 0.6
    stamp: str = "2026-03-14 08:12:%02d"

    def opening(self, t: float) -> float:
        if not self.door:
            return 0.0
        times, values = zip(*self.door, strict=True)
        return float(np.interp(t, times, values))


def still(mesh: Mesh) -> Callable[[float, bool], Mesh]:
    return lambda phase, moving: mesh


def pushing(body: Body, hands: tuple, lean: float = 0.12, nod: float = 0.25) -> Callable[[float, bool], Mesh]:
    return lambda phase, moving: body.mesh(Pose("walk" if moving else "stand", phase, hands=hands, lean=lean, nod=nod))


def walking(body: Body) -> Callable[[float, bool], Mesh]:
    return lambda phase, moving: body.mesh(Pose("walk" if moving else "stand", phase, lean=0.05, nod=0.15))


def _beside(v: Vehicle, actor: Track, body: Body, side: float) -> Actor:
    seat = v.seat or Seat(0, 0.8, 0.4, 1.0)
    px, py = seat.bar_x - 0.38, side * 0.46
    grip = (seat.bar_x - 0.1 - px, seat.bar_z + 0.04)
    hands = ((grip[0], -0.27 - py, grip[1]), (grip[0], 0.27 - py, grip[1]))
    return Actor("person", actor, pushing(body, hands), (px, py, 0.0))


def lift_ebike() -> Clip:
    """Empty, an e-bike is pushed in, stands for six seconds, is pushed out, empty."""
    r = room(Dice("clip-car-4"), opening=0.0, sizes=(0.8, 0.95, 2.35))
    up = math.pi / 2
    track = Track([(0, 0.16, -3.6, up), (1.6, 0.16, -3.0, up), (4.8, 0.16, 0.02, up), (11.8, 0.16, 0.02, up), (14.6, 0.16, -3.6, up)])
    bike = scooter(Dice("clip-scooter-9"))
    cam = Camera((0.7, 0.85, 2.27), (-0.12, -0.35, 0.55), 0.06, 108, True, 640, 360, "ceiling")
    actors = [Actor("ebike", track, still(bike.mesh)), _beside(bike, track, Body(Dice("clip-pusher-9"), helmet=False), 1.0)]
    door = [(0.8, 0), (1.8, 1), (5.0, 1), (5.9, 0), (10.8, 0), (11.7, 1), (14.4, 1), (15.3, 0)]
    return Clip("lift_ebike", 18.0, r, cam, actors, door)


def lift_wheelchair() -> Clip:
    """A wheelchair with its occupant and a helper rides."""
    r = room(Dice("clip-car-9"), opening=0.0, sizes=(0.85, 0.9, 2.35))
    up = math.pi / 2
    track = Track([(0, 0.05, -3.4, up), (1.0, 0.05, -2.9, up), (3.8, 0.05, 0.3, up), (7.6, 0.05, 0.3, up), (10.2, 0.05, -3.4, up)])
    chair = wheelchair(Dice("clip-chair-1"))
    s = chair.seat
    resting = Seat(s.x, s.z, s.x + 0.28, s.z + 0.16, s.foot_x, s.foot_z)
    sitter = Body(Dice("clip-sitter-1"), helmet=False).mesh(Pose("sit", seat=resting, feet_down=False))
    hands = ((0.24, -0.22, 0.96), (0.24, 0.22, 0.96))
    helper = Actor("person", track, pushing(Body(Dice("clip-helper-1"), helmet=False), hands), (-0.72, 0.0, 0.0))
    cam = Camera((-0.74, 0.8, 2.27), (0.12, -0.3, 0.5), -0.05, 105, True, 640, 360, "ceiling")
    actors = [Actor("wheelchair", track, still(chair.mesh)), Actor("person", track, still(sitter)), helper]
    door = [(0.3, 0), (1.2, 1), (4.2, 1), (5.0, 0), (6.8, 0), (7.6, 1), (10.4, 1), (11.2, 0)]
    return Clip("lift_wheelchair", 12.0, r, cam, actors, door, level=0.5, stamp="2026-03-14 09:40:%02d")


def lift_empty() -> Clip:
    """People ride; no vehicle."""
    r = room(Dice("clip-car-14"), opening=0.0, sizes=(0.75, 0.75, 2.3))
    up = math.pi / 2
    cam = Camera((0.65, 0.65, 2.22), (-0.12, -0.25, 0.6), 0.05, 104, True, 640, 360, "ceiling")
    first = Track(
        [
            (0, -0.2, -2.9, up),
            (0.8, -0.2, -2.6, up),
            (2.6, -0.35, 0.15, up),
            (3.1, -0.35, 0.15, -up),
            (5.6, -0.35, 0.15, -up),
            (7.2, -0.1, -2.9, -up),
        ]
    )
    second = Track(
        [
            (0, 0.25, -3.4, up),
            (1.2, 0.25, -3.0, up),
            (3.0, 0.2, -0.25, up),
            (3.5, 0.2, -0.25, -up),
            (5.3, 0.2, -0.25, -up),
            (6.8, 0.15, -3.4, -up),
        ]
    )
    actors = [
        Actor("person", first, walking(Body(Dice("clip-rider-1"), helmet=False))),
        Actor("person", second, walking(Body(Dice("clip-rider-5"), helmet=False))),
    ]
    door = [(0.2, 0), (1.0, 1), (3.4, 1), (4.2, 0), (4.7, 0), (5.4, 1), (7.4, 1), (8.0, 0.2)]
    return Clip("lift_empty", 8.0, r, cam, actors, door, stamp="2026-03-14 10:05:%02d")


def gate() -> Clip:
    """Someone walks up to a gate's camera."""
    r = room(Dice("clip-gate-2"), hall=True, opening=0.0, sizes=(1.5, 3.2, 2.7))
    cam = Camera((0.1, -3.0, 1.62), (0.0, 0.5, 1.45), 0.0, 62, False, 640, 360, "hall")
    down = -math.pi / 2
    track = Track([(0, 0.1, 2.6, down), (4.5, 0.08, -1.9, down), (7.0, 0.08, -1.9, down)])
    actor = Actor("person", track, walking(Body(Dice("clip-resident-1"), helmet=False)))
    return Clip("gate", 7.0, r, cam, [actor], stamp="2026-03-14 18:30:%02d")


CLIPS = {f.__name__: f for f in (lift_ebike, lift_wheelchair, lift_empty, gate)}


class Camcorder:
    """Renders a clip's pictures, each state once."""

    def __init__(self, stage: Stage, clip: Clip, samples: int) -> None:
        self._stage, self._clip, self._samples = stage, clip, samples
        self._last: tuple = ()
        self._shot: tuple[np.ndarray, list[tuple[str, list[int]]]] | None = None
        self._gain: float | None = None

    def shoot(self, t: float) -> tuple[np.ndarray, list[tuple[str, list[int]]]]:
        """The picture (BGR bytes) and its boxes at time t."""
        c = self._clip
        state = (round(c.opening(t), 3), *(a.state(t) for a in c.actors))
        if state != self._last or self._shot is None:
            self._last, self._shot = state, self._render(state)
        return self._shot

    def _render(self, state: tuple) -> tuple[np.ndarray, list[tuple[str, list[int]]]]:
        c, stage = self._clip, self._stage
        stage.clear()
        stage.add(c.room.mesh)
        for leaf in leaves(c.room, state[0]):
            stage.add(leaf)
        for i, (actor, (x, y, yaw, phase, moving)) in enumerate(zip(c.actors, state[1:], strict=True)):
            stage.place(stage.add(actor.mesh(phase, moving), i + 1), x, y, yaw)
        stage.camera(c.camera)
        stage.sky(c.room.sky)
        light, mask = stage.render(7, self._samples), stage.mask()
        if self._gain is None:
            self._gain = exposure(light, c.level)
        found = boxes_of(mask, [a.label for a in c.actors])
        k = WIDTH / c.camera.width
        return develop(light, self._gain), [(label, [round(v * k) for v in box]) for label, box, _ in found]


def record(clip: Clip, out: Path, stage: Stage, samples: int, every: int, crf: int) -> None:
    cam, noise = Camcorder(stage, clip, samples), np.random.RandomState(5)
    encoder = subprocess.Popen(
        ["ffmpeg", "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "bgr24", "-s", f"{WIDTH}x{HEIGHT}", "-r", str(FPS), "-i", "-",
         "-c:v", "libx264", "-preset", "slow", "-profile:v", "main", "-pix_fmt", "yuv420p", "-crf", str(crf), "-g", str(FPS),
         "-keyint_min", str(FPS), "-sc_threshold", "0", "-bf", "0", "-movflags", "+faststart", str(out / f"{clip.name}.mp4")],
        stdin=subprocess.PIPE,
    )  # fmt: skip
    frames = []
    for n in range(int(clip.seconds * FPS)):
        picture, found = cam.shoot(n // every * every / FPS)
        big = cv2.resize(picture, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC).astype(np.float32)
        big += cv2.resize(noise.randn(HEIGHT // 2, WIDTH // 2).astype(np.float32), (WIDTH, HEIGHT))[..., None] * 1.5
        big = np.clip(big, 0, 255).astype(np.uint8)
        for ink, thick in (((0, 0, 0), 5), ((255, 255, 255), 2)):
            cv2.putText(big, clip.stamp % (10 + n // FPS), (40, 60), cv2.FONT_HERSHEY_SIMPLEX, 1.1, ink, thick, cv2.LINE_AA)
        encoder.stdin.write(big.tobytes())
        frames.append({"t_ms": n * 1000 // FPS, "objects": [{"label": label, "box": box} for label, box in found]})
        print(f"{clip.name} {n}", flush=True)
    encoder.stdin.close()
    if encoder.wait():
        raise RuntimeError(f"ffmpeg failed on {clip.name}")
    rows = ",\n".join(json.dumps(f, separators=(",", ":")) for f in frames)
    (out / f"{clip.name}.json").write_text(f'{{"fps":{FPS},"width":{WIDTH},"height":{HEIGHT},"frames":[\n{rows}\n]}}\n')


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("out", type=Path)
    p.add_argument("names", nargs="*", default=list(CLIPS))
    p.add_argument("--samples", type=int, default=8)
    p.add_argument("--every", type=int, default=2, help="render every n-th picture and repeat it")
    p.add_argument("--crf", type=int, default=28)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--preview", type=float, nargs="*", help="only these times, as NAME_TIME.png")
    a = p.parse_args()
    a.out.mkdir(parents=True, exist_ok=True)
    stage = Stage(a.threads)
    for name in a.names:
        clip = CLIPS[name]()
        if a.preview:
            cam = Camcorder(stage, clip, a.samples)
            cam.shoot(0.0)
            for t in a.preview:
                cv2.imwrite(str(a.out / f"{name}_{t:04.1f}.png"), cam.shoot(t)[0])
        else:
            record(clip, a.out, stage, a.samples, a.every, a.crf)


if __name__ == "__main__":
    main()
