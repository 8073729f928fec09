"""Boxes from index masks: shared by rendering, training and judging."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

CLASSES = ("ebike", "bicycle", "kick_scooter", "wheelchair", "pram", "trolley", "person")


def boxes_of(mask: np.ndarray, labels: Sequence[str], min_pixels: int = 40) -> list[tuple[str, list[int], int]]:
    """(label, [x0, y0, x1, y1], index) of every labelled thing that shows enough; ``labels[i]`` has index i + 1."""
    out = []
    for i, label in enumerate(labels):
        if label not in CLASSES:
            continue
        here = mask == i + 1
        if int(here.sum()) < min_pixels:
            continue
        xs, ys = np.flatnonzero(here.any(0)), np.flatnonzero(here.any(1))
        if len(xs) < 4 or len(ys) < 4:
            continue
        out.append((label, [int(xs[0]), int(ys[0]), int(xs[-1]) + 1, int(ys[-1]) + 1], i + 1))
    return out
