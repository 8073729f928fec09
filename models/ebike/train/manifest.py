"""Writes model.toml beside a model: python -m train.manifest --model ebike.onnx --score 0.38 [--second second.onnx]"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

from boxes import CLASSES
from decode import CANDIDATE_FLOOR, MARGIN, SECOND_WEIGHT
from networks import opened, sides_open

ORIGIN = "YOLOX-nano (Megvii, Apache-2.0) fine-tuned on scenes rendered by this project"
ORIGIN_OF_BOTH = (
    "YOLOX-nano (Megvii, Apache-2.0) and, for the second look, EfficientNet-Lite2 (Google, Apache-2.0), "
    "both trained further on scenes rendered by this project, their lowest layers as published"
)
TEXT = """\
# Written by train/manifest.py; what the figures mean is in CARD.md.
name = "ebike"
description = "What stands in a lift: e-bike, bicycle, kick scooter, wheelchair, pram, trolley, person"
licence = "Apache-2.0"
origin = "{origin}"

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
canvas = "{canvas}"
pad = 114

[output]
family = "yolox"
classes = [{classes}]

[thresholds]
score = {score}
nms_iou = 0.5
"""

SECOND = """
[second]
path = "{path}"
sha256 = "{sha256}"
input = "crops"
size = {size}
margin = {margin}
candidate = "ebike"
floor = {floor}
weight = {weight}
most = 6
"""


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--model", type=Path, default=Path("ebike.onnx"))
    p.add_argument("--score", type=float, default=0.38)
    p.add_argument("--out", type=Path, default=Path("model.toml"))
    p.add_argument("--second", type=Path, help="the classifier of a second look, beside the model")
    p.add_argument("--floor", type=float, default=CANDIDATE_FLOOR, help="least detector score of what is looked at again")
    p.add_argument("--weight", type=float, default=SECOND_WEIGHT, help="the second opinion's share in the score")
    a = p.parse_args()
    classes = ", ".join(f'"{c}"' for c in CLASSES)
    digest = hashlib.sha256(a.model.read_bytes()).hexdigest()
    origin = ORIGIN_OF_BOTH if a.second else ORIGIN
    canvas = "fitted" if sides_open(opened(a.model)) else "whole"
    text = TEXT.format(origin=origin, path=a.model.name, sha256=digest, canvas=canvas, classes=classes, score=a.score)
    if a.second:
        seen_by = hashlib.sha256(a.second.read_bytes()).hexdigest()
        text += SECOND.format(
            path=a.second.name,
            sha256=seen_by,
            size=opened(a.second).get_inputs()[0].shape[2],
            margin=MARGIN,
            floor=a.floor,
            weight=a.weight,
        )
    a.out.write_text(text)
    print(f"{a.out}: {a.model.name} {digest[:12]}, score {a.score}")


if __name__ == "__main__":
    main()
