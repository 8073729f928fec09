"""What the second look learns from: crops of augmented renders, and what each shows.

Crops are drawn of the true boxes shaken, of what the detector takes for a vehicle there (right or wrong), and of places where nothing is. They are kept
in a pool, whose oldest give way to fresh ones.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from boxes import CLASSES
from decode import inside_picture, look_at, overlap
from networks import detections, opened

from .augment import Mixer
from .look import LABELS
from .vary import KEPT_MARGIN, KEPT_SIDE

PERSON, NOTHING = CLASSES.index("person"), len(CLASSES)
CANVASES = ((416, 256), (416, 256), (416, 416), (320, 416))
MATCH, APART = 0.42, 0.2  # overlaps: from MATCH on a box is of the thing, below APART it is of something else
PART_INSIDE, PART_OF = 0.7, 0.2  # or so much of it lies in the thing and it holds so much of the thing


def inside(box: np.ndarray, others: np.ndarray) -> float:
    """The largest share of one of ``others`` that lies in the box, or of the box that lies in it."""
    size = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
    inter = np.clip(size, 0, None).prod(-1)
    area = np.minimum((box[2:] - box[:2]).prod(), (others[:, 2:] - others[:, :2]).prod(-1))
    return float((inter / (area + 1e-6)).max(initial=0.0))


def widened(truth: np.ndarray) -> np.ndarray:
    """The boxes, and each vehicle's again together with everyone who overlaps it: detectors box both."""
    people, out = truth[truth[:, 4] == PERSON], [truth]
    for t in truth[truth[:, 4] < PERSON]:
        on = people[overlap(t[None, :4], people[:, :4])[0] > 0.12] if len(people) else people
        if len(on):
            out.append(np.array([[*np.minimum(t[:2], on[:, :2].min(0)), *np.maximum(t[2:4], on[:, 2:4].max(0)), t[4]]]))
    return np.concatenate(out)


def part_of(box: np.ndarray, vehicles: np.ndarray) -> int | None:
    """The class of the one vehicle that a box shows a good part of: detectors often box no more than a wheel and a foot rest."""
    low, high = np.maximum(box[:2], vehicles[:, :2]), np.minimum(box[2:], vehicles[:, 2:4])
    shared = np.clip(high - low, 0, None).prod(-1)
    whole = (vehicles[:, 2:4] - vehicles[:, :2]).prod(-1)
    of = (shared > PART_INSIDE * (box[2:] - box[:2]).prod()) & (shared > PART_OF * whole)
    return int(vehicles[of.argmax(), 4]) if of.sum() == 1 and (shared > 0).sum() == 1 else None


def label_of(box: np.ndarray, truth: np.ndarray, wide: np.ndarray) -> int | None:
    """What a box shows; none where that cannot be said."""
    if not len(truth):
        return NOTHING
    vehicles = wide[wide[:, 4] < PERSON]
    if len(vehicles):
        v = overlap(box[None], vehicles[:, :4])[0]
        if v.max() >= MATCH:
            return int(vehicles[v.argmax(), 4])
        part = part_of(box, truth[truth[:, 4] < PERSON])
        if part is not None:
            return part
        if v.max() > APART or inside(box, truth[truth[:, 4] < PERSON][:, :4]) > 0.35:
            return None
    people = truth[truth[:, 4] == PERSON]
    return PERSON if len(people) and overlap(box[None], people[:, :4])[0].max() > 0.35 else NOTHING


Crop = tuple[bytes, int]  # as it is kept, and what it shows


def packed(crop: np.ndarray) -> bytes:
    """A crop [side, side, 3] as a good JPEG: a seventh of its bytes, so that a pool may hold a hundred thousand."""
    return cv2.imencode(
        ".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, 95, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    )[1].tobytes()


def unpacked(crop: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(crop, np.uint8), cv2.IMREAD_COLOR)


def batch_of(crops: Iterable[bytes]) -> Tensor:
    """Crops as they are kept to [n, 3, KEPT_SIDE, KEPT_SIDE] BGR 0..255."""
    return torch.from_numpy(np.stack([unpacked(crop) for crop in crops]).transpose(0, 3, 1, 2).astype(np.float32))


def counted(labels: np.ndarray) -> dict[str, int]:
    """How many of each label."""
    return dict(zip(LABELS, np.bincount(labels, minlength=len(LABELS)).tolist(), strict=True))


class Crops:
    """Draws crops and their labels."""

    def __init__(self, mixer: Mixer, detector: Path | None, seed: int) -> None:
        self._mixer, self._r = mixer, random.Random(seed)
        self._net = opened(detector) if detector else None

    def _shaken(self, box: np.ndarray, amount: float = 0.12) -> np.ndarray:
        r, side = self._r, float(max(box[2] - box[0], box[3] - box[1]))
        centre, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2 * r.uniform(0.82, 1.3)
        centre = centre + np.array([r.uniform(-amount, amount), r.uniform(-amount, amount)]) * side
        return np.concatenate([centre - half, centre + half])

    def _part(self, box: np.ndarray) -> np.ndarray:
        """A third to four fifths of the box, anywhere in it."""
        size = (box[2:] - box[:2]) * [self._r.uniform(0.55, 0.9), self._r.uniform(0.55, 0.9)]
        at = box[:2] + (box[2:] - box[:2] - size) * [self._r.random(), self._r.random()]
        return np.concatenate([at, at + size])

    def draw(self) -> list[Crop]:
        picture, truth = self._mixer.draw(*self._r.choice(CANVASES))
        return [(packed(look_at(picture, tuple(box), KEPT_SIDE, KEPT_MARGIN)), label) for box, label in self.boxes(picture, truth)]

    def boxes(self, picture: np.ndarray, truth: np.ndarray) -> list[tuple[np.ndarray, int]]:
        """What to look at in a picture whose things are known, and what it shows."""
        r, (height, width) = self._r, picture.shape[:2]
        boxes: list[tuple[np.ndarray, int | None]] = []
        wide = widened(truth)
        vehicles = wide[wide[:, 4] < PERSON]
        for t in vehicles[np.random.RandomState(r.randrange(1 << 30)).permutation(len(vehicles))[:3]]:
            box = self._shaken(t[:4])
            boxes.append((box if r.random() < 0.75 else self._part(box), int(t[4])))
        if self._net is not None:
            for f in [f for f in detections(self._net, picture, 0.06) if f.label < PERSON][:5]:
                box = np.array(inside_picture(f.box, picture.shape[:2]))
                boxes.append((self._shaken(box, 0.05), label_of(box, truth, wide)))
        if r.random() < 0.5:
            people = truth[truth[:, 4] == PERSON]
            if len(people) and r.random() < 0.6:
                box = r.choice(list(people))[:4]
            else:
                side = r.uniform(0.15, 0.7) * min(width, height)
                x0, y0 = r.uniform(0, width - side), r.uniform(0, height - side)
                box = np.array([x0, y0, x0 + side, y0 + side * r.uniform(0.6, 1.5)])
            boxes.append((box, label_of(box, truth, wide)))
        return [(box, label) for box, label in boxes if label is not None and min(box[2:] - box[:2]) >= 14]


class Pool:
    """The last crops drawn and their labels; a full pool drops its oldest."""

    def __init__(self, drawn: Iterator[list[Crop]], size: int, seed: int) -> None:
        self._source, self._dice = drawn, np.random.RandomState(seed)
        self._crops: list[bytes] = []
        self.labels = np.full(size, -1, np.int64)
        self.drawn = 0

    def __len__(self) -> int:
        return len(self._crops)

    def fill(self, count: int) -> None:
        """At least ``count`` fresh crops."""
        until = self.drawn + count
        while self.drawn < until:
            for crop, label in next(self._source):
                at = self.drawn % len(self.labels)
                self._crops[at : at + 1] = [crop]
                self.labels[at] = label
                self.drawn += 1

    def batch(self, size: int) -> tuple[Tensor, Tensor]:
        """Crops [size, 3, KEPT_SIDE, KEPT_SIDE] BGR 0..255 and what they show."""
        at = self._dice.randint(0, len(self), size)
        return batch_of(self._crops[k] for k in at), torch.from_numpy(self.labels[at])

    def weights(self) -> Tensor:
        """Of each label in the loss: the rarer the heavier, by the square root."""
        seen = np.maximum(np.bincount(self.labels[: len(self)], minlength=len(LABELS)), 1)
        return torch.tensor((len(self) / seen / len(LABELS)) ** 0.5, dtype=torch.float32)
