"""Renders rides that training never sees: python -m scenes.rides OUT --seed 900 --count 200

A ride is five looks by one camera: a rival comes in through the open door and
stands, people shift their weight, and no e-bike is there. Each look is OUT/SEED_NUMBERv.png with mask and note as
``scenes.dataset`` writes them. A rule that wants three of five looks must not trigger on any of these rides.
With ``--ebike`` it is an e-bike that comes in, and the rule must trigger.
Shapes are the ready models that training never loads and procedural ones of seeds it never uses.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from . import assets
from .cars import leaves
from .compose import Composition, Placed, compose
from .dataset import hash_of, keep
from .dice import Dice
from .sensor import develop, exposure
from .stage import Stage

# How far before its place (metres) the rival is at each look, and how far the door is open.
WAY = ((1.1, 1.0), (0.45, 1.0), (0.0, 0.9), (0.0, 0.4), (0.0, 0.0))
COMING = ("rider", "pusher", "on", "pillion")  # those who come in with it
RIVALS = ("bicycle", "kick_scooter", "wheelchair", "pram", "trolley")


def ride(seed: str, library: list[assets.Ready], place: str | None = None, ebike: bool = False) -> Composition:
    """A car with at least one rival in it, seen from its ceiling by one camera; with an e-bike instead if it is asked for. See ``compose`` for ``place``."""
    d = Dice(seed)
    story, wanted = ("ebike", ("ebike",)) if ebike else ("rival", RIVALS)
    for attempt in range(20):
        ready, only = library if d.chance(0.5) else [], None if ebike else d.pick(RIVALS)
        c = compose(f"{seed}/{attempt}", ready, False, story, 1, only, "car", place)
        if any(t.label in wanted for t in c.things):
            w, h = (320, 180) if c.cameras[0].width > c.cameras[0].height * 1.4 else (320, 240)
            return replace(c, cameras=[replace(c.cameras[0], width=w, height=h)])
    raise ValueError(f"ride {seed}: nothing on wheels found a place")


def unseen(folder: str | Path | None, stage: Stage, ebikes: bool = False) -> list[assets.Ready]:
    """Ready models that training never loads, e-bikes only where they are asked for; none without a folder."""
    return [r for r in assets.load(Path(folder), assets.UNSEEN, stage) if ebikes or r.source.label != "ebike"] if folder else []


def moved(t: Placed, before: float, d: Dice) -> tuple[float, float, float]:
    """Where a thing is at one look: on its way in, or where it belongs but for a few centimetres."""
    sway = 0.03 if t.label == "person" else 0.008
    return t.x + d.u(-sway, sway), t.y - before + d.u(-sway, sway), t.yaw + d.u(-sway, sway) * 2


def render_ride(
    stage: Stage, out: Path, name: str, seed: str, c: Composition, samples: int, looks: Collection[int] = range(len(WAY))
) -> None:
    """Some looks of a ride: OUT/NAMEv.png with mask and note."""
    gain = None
    for look, (before, opening) in enumerate(WAY):
        if look not in looks:
            continue
        d = Dice(f"{seed}/look{look}")
        stage.clear()
        stage.add(c.room.mesh)
        for leaf in leaves(c.room, opening):
            stage.add(leaf)
        dice = Dice(f"{seed}/paint")  # the same colours at each look
        for i, t in enumerate(c.things):
            o = stage.add_data(assets.recoloured(t.ready, dice.fork(), stage), i + 1) if t.ready is not None else stage.add(t.mesh, i + 1)
            coming = t.label in (*RIVALS, "ebike") or t.kind in COMING
            x, y, yaw = moved(t, before if coming else 0.0, d)
            stage.place(o, x, y, yaw, t.lean)
        stage.sky(c.room.sky)
        stage.camera(c.cameras[0])
        light, mask = stage.render(hash_of(f"{seed}{look}"), samples), stage.mask()
        gain = exposure(light, c.level) if gain is None else gain
        about = {"story": "ride", "ride": name, "look": look, "view": "ceiling"}
        keep(out / f"{name}{'abcde'[look]}", develop(light, gain, c.gains, c.contrast), mask, c.things, about)


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("out", type=Path)
    p.add_argument("--seed", type=int, default=900)
    p.add_argument("--start", type=int, default=0)
    p.add_argument("--count", type=int, default=200)
    p.add_argument(
        "--every", type=int, default=1, help="from one to the next: N processes that start at 0 to N - 1 with this at N share them"
    )
    p.add_argument("--ebike", action="store_true", help="rides of e-bikes instead of rivals")
    p.add_argument("--samples", type=int, default=3)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--assets", type=Path, default=os.environ.get("YUNTI_ASSETS"), help="folder with unclear/ models")
    a = p.parse_args()
    a.out.mkdir(parents=True, exist_ok=True)
    stage = Stage(a.threads)
    library = unseen(a.assets, stage, a.ebike)
    for n in range(a.start, a.start + a.count, a.every):
        name = f"{a.seed:03d}_{n:06d}"
        if (a.out / f"{name}e.json").exists():
            continue
        began = time.monotonic()
        render_ride(stage, a.out, name, f"{a.seed}/{n}", ride(f"{a.seed}/{n}", library, ebike=a.ebike), a.samples)
        print(f"{name} {time.monotonic() - began:.1f} s", flush=True)


if __name__ == "__main__":
    main()
