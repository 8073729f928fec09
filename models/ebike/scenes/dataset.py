"""Renders a data set: python -m scenes.dataset OUT --seed 1 --start 0 --count 100

Each picture is OUT/SEED_NUMBERv.png (v = a, b, ... the views of one scene) with its index mask (.mask.png) and labels (.json). What is already there
is left alone, so a stopped run goes on where it was. ``--seconds`` stops in time.
"""

from __future__ import annotations

import argparse
import json
import os
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from boxes import boxes_of

from . import assets
from .cars import leaves
from .compose import Composition, Placed, compose
from .sensor import develop, exposure
from .stage import Stage


def put_up(stage: Stage, c: Composition, panoramas: Sequence[Path] = ()) -> None:
    """Fills the stage, all but the camera."""
    stage.clear()
    stage.add(c.room.mesh)
    for leaf in [] if c.room.open_air else leaves(c.room):
        stage.add(leaf)
    for i, t in enumerate(c.things):
        if t.ready is not None:
            o = stage.add_data(assets.recoloured(t.ready, c.dice.fork(), stage), i + 1)
        else:
            o = stage.add(t.mesh, i + 1)
        stage.place(o, t.x, t.y, t.yaw, t.lean)
    stage.sky(c.room.sky, c.dice.pick(panoramas) if c.room.panorama and panoramas else None, c.dice.u(0, 6.28))


def render_scene(stage: Stage, out: Path, name: str, seed: str, library: list[assets.Ready], a: argparse.Namespace) -> None:
    """All views of one scene."""
    c = compose(seed, library, a.unseen, a.story, a.views, a.only, a.setting)
    put_up(stage, c, [f for folder in a.panoramas for f in sorted(folder.glob("*.hdr"))])
    for k, camera in enumerate(c.cameras):
        stage.camera(camera)
        light, mask = stage.render(hash_of(seed), a.samples), stage.mask()
        picture = develop(light, exposure(light, c.level), c.gains, c.contrast)
        about = {"story": c.story, "view": camera.view, "fov_deg": round(camera.fov_deg), "fisheye": camera.fisheye}
        keep(out / f"{name}{'abcdefgh'[k]}", picture, mask, c.things, about)


def keep(shot: Path, picture: np.ndarray, mask: np.ndarray, things: Sequence[Placed], about: dict) -> None:
    """Writes SHOT.png, SHOT.mask.png and SHOT.json: what ``about`` says, the things there, and the boxes of what shows."""
    found = boxes_of(mask, [t.label for t in things])
    note = {
        **about,
        "things": [{"label": t.label, "kind": t.kind} for t in things],
        "objects": [{"label": label, "box": box, "index": index} for label, box, index in found],
    }
    cv2.imwrite(f"{shot}.png", picture)
    cv2.imwrite(f"{shot}.mask.png", mask)
    Path(f"{shot}.json").write_text(json.dumps(note))  # written last: its presence means complete


def hash_of(seed: str) -> int:
    return sum(ord(ch) * 131**k for k, ch in enumerate(seed)) % (1 << 31)


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("out", type=Path)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--start", type=int, default=0)
    p.add_argument("--count", type=int, default=100)
    p.add_argument(
        "--every", type=int, default=1, help="from one to the next: N processes that start at 0 to N - 1 with this at N share them"
    )
    p.add_argument("--seconds", type=float, default=1e9)
    p.add_argument(
        "--samples",
        type=int,
        default=4,
        help="light paths a pixel before denoising; 2 takes two thirds of the time of 4, 1 seven tenths of that of 2",
    )
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--assets", type=Path, default=os.environ.get("YUNTI_ASSETS"), help="folder with clean/ and unclear/ models")
    p.add_argument("--unseen", action="store_true", help="render the shapes that training never sees")
    p.add_argument("--views", type=int, default=2, help="cameras a scene, 1 to 8")
    p.add_argument("--story", choices=("ebike", "rival", "people", "empty"))
    p.add_argument("--only", choices=("bicycle", "kick_scooter", "wheelchair", "pram", "trolley"), help="with rivals of this class only")
    p.add_argument("--setting", choices=("car", "hall", "open"))
    p.add_argument("--panoramas", type=Path, nargs="*", default=[], help="folders of .hdr panoramas: light and background in the open")
    a = p.parse_args()
    a.out.mkdir(parents=True, exist_ok=True)
    stage = Stage(a.threads)
    library = assets.load(Path(a.assets), assets.UNSEEN if a.unseen else assets.CLEAN, stage) if a.assets else []
    began = time.monotonic()
    for n in range(a.start, a.start + a.count, a.every):
        name = f"{a.seed:03d}_{n:06d}"
        if (a.out / f"{name}{'abcdefgh'[a.views - 1]}.json").exists():
            continue
        if time.monotonic() - began > a.seconds:
            break
        t = time.monotonic()
        try:
            render_scene(stage, a.out, name, f"{a.seed}/{n}", library, a)
        except Exception:  # one scene that fails must not end a night's run
            traceback.print_exc()
            continue
        print(f"{name} {time.monotonic() - t:.2f} s", flush=True)


if __name__ == "__main__":
    main()
