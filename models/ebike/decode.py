"""Pictures to tensors and network outputs to boxes: the same arithmetic the server uses. No torch here."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

STRIDES = (8, 16, 32)
PAD = 114
MARGIN = 1.5  # side of the second look's crop, times the box's longer side: what is around a thing helps to tell what it is
CANDIDATE_FLOOR = 0.03  # the detector's score from which on a second look is had
SECOND_WEIGHT = 0.9  # the second look's share in the score


@dataclass(frozen=True)
class Found:
    """One detection in the picture's own pixels."""

    label: int
    score: float
    box: tuple[float, float, float, float]
    others: tuple[float, ...] = ()  # every class's score at the same cell


def letterbox(picture: np.ndarray, width: int, height: int) -> tuple[np.ndarray, float]:
    """Top-left letterbox as YOLOX does it; returns [3, h, w] BGR floats 0..255 and the scale."""
    h, w = picture.shape[:2]
    scale = min(width / w, height / h)
    small = cv2.resize(picture, (max(1, round(w * scale)), max(1, round(h * scale))), interpolation=cv2.INTER_LINEAR)
    canvas = np.full((height, width, 3), PAD, np.uint8)
    canvas[: small.shape[0], : small.shape[1]] = small[:height, :width]
    return np.ascontiguousarray(canvas.transpose(2, 0, 1)).astype(np.float32), scale


def fitted(size: tuple[int, int], width: int, height: int) -> tuple[int, int]:
    """How much of a canvas of ``width`` by ``height`` a letterboxed picture [h, w] needs: width and height, multiples of the largest stride.

    The picture's scale stays as it is; only padding goes. A 16:9 picture needs 416 × 256 of 416 × 416.
    """
    h, w = size
    wide, high = (width, -(-h * width // w)) if h * width <= w * height else (-(-w * height // h), height)
    step = STRIDES[-1]
    return min(-(-wide // step) * step, width), min(-(-high // step) * step, height)


def grid(width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """Cell coordinates [n, 2] and strides [n, 1], in the order of the network's rows."""
    cells, strides = [], []
    for s in STRIDES:
        y, x = np.mgrid[0 : height // s, 0 : width // s]
        cells.append(np.stack([x.ravel(), y.ravel()], 1))
        strides.append(np.full((x.size, 1), s))
    return np.concatenate(cells).astype(np.float32), np.concatenate(strides).astype(np.float32)


def overlap(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Intersection over union of [n, 4] and [m, 4] boxes, as [n, m]."""
    size = np.minimum(a[:, None, 2:], b[None, :, 2:]) - np.maximum(a[:, None, :2], b[None, :, :2])
    inter = np.clip(size, 0, None).prod(-1)
    area_a, area_b = (a[:, 2:] - a[:, :2]).prod(-1), (b[:, 2:] - b[:, :2]).prod(-1)
    return inter / (area_a[:, None] + area_b[None] - inter + 1e-9)


def suppress(boxes: np.ndarray, scores: np.ndarray, limit: float) -> list[int]:
    """Non-maximum suppression, best first."""
    order, keep = list(np.argsort(-scores)), []
    while order:
        best = order.pop(0)
        keep.append(int(best))
        if order:
            o = overlap(boxes[best : best + 1], boxes[order])[0]
            order = [k for k, v in zip(order, o, strict=True) if v <= limit]
    return keep


def decode(rows: np.ndarray, width: int, height: int, scale: float, threshold: float, nms: float = 0.5) -> list[Found]:
    """One picture's [n, 5 + classes] rows. A row speaks for its best class only."""
    cells, strides = grid(width, height)
    label = rows[:, 5:].argmax(1)
    score = rows[:, 4] * rows[np.arange(len(rows)), 5 + label]
    keep = score >= threshold
    if not keep.any():
        return []
    rows, cells, strides, label, score = rows[keep], cells[keep], strides[keep], label[keep], score[keep]
    centre, size = (rows[:, :2] + cells) * strides, np.exp(rows[:, 2:4]) * strides
    boxes = np.concatenate([centre - size / 2, centre + size / 2], 1) / scale
    out = []
    for k in np.unique(label):
        of = np.flatnonzero(label == k)
        out += [
            Found(
                int(k),
                float(score[of[i]]),
                tuple(float(v) for v in boxes[of[i]]),
                tuple(float(v) for v in rows[of[i], 4] * rows[of[i], 5:]),
            )
            for i in suppress(boxes[of], score[of], nms)
        ]
    return sorted(out, key=lambda f: -f.score)


def inside_picture(box: tuple[float, float, float, float], size: tuple[int, int]) -> tuple[float, float, float, float]:
    """A box cut at the edges of a picture [h, w]: the server knows no others."""
    h, w = size
    x0, y0, x1, y1 = box
    return min(max(x0, 0.0), w), min(max(y0, 0.0), h), min(max(x1, 0.0), w), min(max(y1, 0.0), h)


def look_at(canvas: np.ndarray, box: tuple[float, float, float, float], size: int, margin: float = MARGIN) -> np.ndarray:
    """The square crop [size, size, 3] that a second look sees: the box's centre, its longer side times ``margin``.

    It is cut out of the detector's own letterboxed input, whose pixels it shares (``box`` too is in them), and scaled
    bilinearly with pixel centres at half integers. Beyond the edge it is PAD.
    """
    x0, y0, x1, y1 = box
    side = max(x1 - x0, y1 - y0, 8.0) * margin
    left, top, whole = round((x0 + x1 - side) / 2), round((y0 + y1 - side) / 2), max(8, round(side))
    h, w = canvas.shape[:2]
    out = np.full((whole, whole, 3), PAD, np.uint8)
    a, b, c, d = max(left, 0), max(top, 0), min(left + whole, w), min(top + whole, h)
    if c > a and d > b:
        out[b - top : d - top, a - left : c - left] = canvas[b:d, a:c]
    return cv2.resize(out, (size, size), interpolation=cv2.INTER_LINEAR)
