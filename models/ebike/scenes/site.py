"""Renders what one lift's guards may have judged: python -m scenes.site OUT --seed 950 --count 96

One lift, one camera; every other ride brings an e-bike, the others a rival. OUT/train and OUT/held-back are what ``yunti model export`` writes of closed
alarms: pictures, and annotations.json with a box for what was confirmed and none for what was rejected. So adapting a model to a site (docs/adapting.md) can be
tried, and measured, without a resident's picture. A real site's alarms are those that its model raised; here every ride is taken.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterable
from pathlib import Path

import cv2

from packs import Render, renders

from .rides import render_ride, ride, unseen
from .stage import Stage

LOOKS = (2, 4)  # in its place with the door open, and with the door shut
RIDES_A_DAY, HELD_BACK_OF = 4, 3  # every third day is held back


def export(shots: Iterable[Render], out: Path) -> None:
    """Writes pictures and annotations.json."""
    out.mkdir(parents=True, exist_ok=True)
    images, annotations = [], []
    for r in shots:
        h, w = r.picture.shape[:2]
        images.append({"id": len(images) + 1, "file_name": f"{r.name}.jpg", "width": w, "height": h})
        cv2.imwrite(str(out / f"{r.name}.jpg"), r.picture, [cv2.IMWRITE_JPEG_QUALITY, 85])
        for x0, y0, x1, y1 in (o["box"] for o in r.note["objects"] if o["label"] == "ebike"):
            box = [x0, y0, x1 - x0, y1 - y0]
            note = {
                "id": len(annotations) + 1,
                "image_id": len(images),
                "category_id": 1,
                "bbox": box,
                "area": box[2] * box[3],
                "iscrowd": 0,
            }
            annotations.append(note)
    notes = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "ebike"}]}
    (out / "annotations.json").write_text(json.dumps(notes))


def held_back(name: str) -> bool:
    """By day, as pictures of one ride, or of one light, must not be on both sides."""
    return int(name.split("_")[1][:6]) // RIDES_A_DAY % HELD_BACK_OF == HELD_BACK_OF - 1


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("out", type=Path)
    p.add_argument("--seed", type=int, default=950, help="another seed is another lift")
    p.add_argument("--count", type=int, default=96, help="rides")
    p.add_argument("--samples", type=int, default=3)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--assets", type=Path, default=os.environ.get("YUNTI_ASSETS"), help="folder with unclear/ models")
    a = p.parse_args()
    looks = a.out / "renders"
    looks.mkdir(parents=True, exist_ok=True)
    stage = Stage(a.threads)
    library = unseen(a.assets, stage)
    for n in range(a.count):
        name, seed = f"{a.seed:03d}_{n:06d}", f"site {a.seed}/{n}"
        if not (looks / f"{name}{'abcde'[LOOKS[-1]]}.json").exists():
            render_ride(stage, looks, name, seed, ride(seed, library, f"site {a.seed}", n % 2 == 0), a.samples, LOOKS)
            print(name, flush=True)
    shots = list(renders(looks))
    export((r for r in shots if not held_back(r.name)), a.out / "train")
    export((r for r in shots if held_back(r.name)), a.out / "held-back")


if __name__ == "__main__":
    main()
