"""Writes model.toml beside a model: python -m train.manifest --model ebike.onnx --score 0.35"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

from boxes import CLASSES

TEXT = """\
# Written by train/manifest.py; what the figures mean is in CARD.md.
name = "ebike"
description = "What stands in a lift: e-bike, bicycle, kick scooter, wheelchair, pram, trolley, person"
licence = "Apache-2.0"
origin = "YOLOX-nano (Megvii, Apache-2.0) fine-tuned on scenes rendered by this project"

[file]
path = "{path}"
sha256 = "{sha256}"

[input]
name = "images"
width = 416
height = 416
layout = "nchw"
colour = "bgr"
scale = 1.0
mean = [0.0, 0.0, 0.0]
std = [1.0, 1.0, 1.0]
letterbox = "top-left"
pad = 114

[output]
family = "yolox"
classes = [{classes}]

[thresholds]
score = {score}
nms_iou = 0.5
"""


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--model", type=Path, default=Path("ebike.onnx"))
    p.add_argument("--score", type=float, default=0.35)
    p.add_argument("--out", type=Path, default=Path("model.toml"))
    a = p.parse_args()
    classes = ", ".join(f'"{c}"' for c in CLASSES)
    digest = hashlib.sha256(a.model.read_bytes()).hexdigest()
    a.out.write_text(TEXT.format(path=a.model.name, sha256=digest, classes=classes, score=a.score))
    print(f"{a.out}: {a.model.name} {digest[:12]}, score {a.score}")


if __name__ == "__main__":
    main()
