"""One render, many pictures: geometry, mosaic, cut-and-paste by mask, and what cheap cameras do to a picture."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from boxes import CLASSES, boxes_of
from decode import PAD


@dataclass(frozen=True, eq=False)
class Shot:
    """A picture with its index mask; ``labels[i]`` names index i + 1. Real frames have rectangles as masks."""

    picture: np.ndarray
    mask: np.ndarray
    labels: tuple[str, ...]
    real: bool = False

    def has(self, *names: str) -> bool:
        return any(x in names for x in self.labels)


RIVALS = ("bicycle", "kick_scooter", "wheelchair", "pram", "trolley")
MILD = 0.4  # how strongly pictures are spoilt that are to be spoilt little
Boxes = list[list[float]]


@dataclass(frozen=True)
class Recipe:
    """How strongly pictures are changed; every figure is a probability unless it says otherwise."""

    mosaic: float = 0.3
    paste: float = 0.35
    paste_on_real: float = 0.7
    quarter_turns: float = 0.25
    any_turn: float = 0.12
    grey: float = 0.08
    stamp: float = 0.3
    roughen: float = 0.5
    mild: float = 0.0
    people: float = 0.35
    zoom: tuple[float, float] = (0.65, 1.6)


def warp(r: random.Random, shot: Shot, width: int, height: int, zoom: float, recipe: Recipe) -> tuple[np.ndarray, np.ndarray]:
    """Rotates, scales, shears, mirrors and shifts picture and mask onto a canvas."""
    h, w = shot.picture.shape[:2]
    roll = r.random()
    if roll < recipe.any_turn:
        angle = r.uniform(-180, 180)
    elif roll < recipe.any_turn + recipe.quarter_turns:
        angle = r.choice((0, 90, 180, 270)) + r.uniform(-12, 12)
    else:
        angle = r.uniform(-10, 10)
    m = cv2.getRotationMatrix2D((w / 2, h / 2), angle, zoom * min(width / w, height / h) ** 0.5 * max(width / w, height / h) ** 0.5)
    m[:, 2] += [width / 2 - w / 2 + r.uniform(-0.2, 0.2) * width, height / 2 - h / 2 + r.uniform(-0.2, 0.2) * height]
    m[0, 1] += r.uniform(-0.08, 0.08)
    m[1, 0] += r.uniform(-0.08, 0.08)
    if r.random() < 0.5:
        m[0] = -m[0]
        m[0, 2] += width
    edge = r.choice((PAD, PAD, 0, r.randint(0, 255)))
    picture = cv2.warpAffine(shot.picture, m, (width, height), flags=cv2.INTER_LINEAR, borderValue=(edge,) * 3)
    mask = cv2.warpAffine(shot.mask, m, (width, height), flags=cv2.INTER_NEAREST, borderValue=0)
    return picture, mask


def labelled(mask: np.ndarray, labels: Sequence[str], dx: int = 0, dy: int = 0) -> Boxes:
    return [[b[0] + dx, b[1] + dy, b[2] + dx, b[3] + dy, CLASSES.index(name)] for name, b, _ in boxes_of(mask, labels, 60)]


def paste(
    r: random.Random, picture: np.ndarray, boxes: Boxes, donor: Shot, recipe: Recipe, index: int | None = None
) -> tuple[np.ndarray, Boxes]:
    """Cuts one thing (with its rider, if any touches it) out of a render and puts it here, with a soft shadow."""
    height, width = picture.shape[:2]
    things = [i for i, name in enumerate(donor.labels) if name in CLASSES and name != "person"]
    if not things:
        return picture, boxes
    i = index if index is not None else r.choice(things)
    source, mask = warp(r, donor, width, height, r.uniform(0.5, 1.15), recipe)
    shift = (r.randint(-height // 4, height // 4), r.randint(-width // 4, width // 4))
    source, mask = np.roll(source, shift, (0, 1)), np.roll(mask, shift, (0, 1))
    core = mask == i + 1
    if core.sum() < 350:
        return picture, boxes
    cut = core.copy()
    if r.random() < 0.5:  # take along the people who overlap it
        grown = cv2.dilate(core.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
        for j, name in enumerate(donor.labels):
            if name == "person" and (grown & (mask == j + 1)).sum() > 20:
                cut |= mask == j + 1
    xs, ys = np.flatnonzero(cut.any(0)), np.flatnonzero(cut.any(1))
    if xs[-1] - xs[0] > width * 0.9 or ys[-1] - ys[0] > height * 0.95:
        return picture, boxes
    fresh = labelled(np.where(cut, mask, 0).astype(np.uint8), donor.labels)
    kept = [b for b in boxes if cut[int(max(b[1], 0)) : int(b[3]) + 1, int(max(b[0], 0)) : int(b[2]) + 1].mean() < 0.55]
    alpha = cv2.GaussianBlur(cut.astype(np.float32), (3, 3), 0)[..., None]
    canvas = picture.astype(np.float32)
    if r.random() < 0.6:  # contact shadow
        soft = cv2.GaussianBlur(np.roll(cut, r.randint(2, 8), 0).astype(np.float32), (0, 0), r.uniform(4, 12))[..., None]
        canvas = canvas * (1 - r.uniform(0.2, 0.6) * soft)
    part = source.astype(np.float32)
    if r.random() < 0.5:  # towards the new place's brightness
        here = canvas[ys[0] : ys[-1] + 1, xs[0] : xs[-1] + 1].mean((0, 1)) + 1
        there = part[cut].mean(0) + 1
        part = part * (1 + (np.clip(here / there, 0.5, 1.8) - 1) * r.uniform(0, 0.8))
    return np.clip(part * alpha + canvas * (1 - alpha), 0, 255).astype(np.uint8), kept + fresh


def stand(r: random.Random, picture: np.ndarray, boxes: Boxes, person: Shot) -> tuple[np.ndarray, Boxes]:
    """Puts a person cut out of a real frame here: mostly before or beside a vehicle, of which more than half stays in sight."""
    height, width = picture.shape[:2]
    source, mask = person.picture, person.mask
    tall = r.uniform(0.3, 0.95) * height
    scale = tall / source.shape[0]
    m = cv2.getRotationMatrix2D((source.shape[1] / 2, source.shape[0] / 2), r.uniform(-35, 35), scale)
    m[0, 1] += r.uniform(-0.15, 0.15) * scale
    vehicles = [b for b in boxes if CLASSES[int(b[4])] != "person"]
    if vehicles and r.random() < 0.6:
        b = r.choice(vehicles)
        at = (r.uniform(b[0] - 0.2 * (b[2] - b[0]), b[2] + 0.2 * (b[2] - b[0])), r.uniform(b[1], b[3]) - tall * r.uniform(0.0, 0.35))
    else:
        at = (r.uniform(0, width), r.uniform(0.1, 0.9) * height)
    m[:, 2] += np.array(at) - m @ [source.shape[1] / 2, source.shape[0] / 2, 1]
    if r.random() < 0.5:
        source, mask = source[:, ::-1], mask[:, ::-1]
    cut = cv2.warpAffine(mask, m, (width, height), flags=cv2.INTER_NEAREST) > 0
    if cut.sum() < 200:
        return picture, boxes

    def hidden(b: list[float]) -> float:
        return float(cut[int(max(b[1], 0)) : int(b[3]) + 1, int(max(b[0], 0)) : int(b[2]) + 1].mean())

    if any(hidden(b) > 0.45 for b in vehicles):
        return picture, boxes
    part = cv2.warpAffine(source, m, (width, height), flags=cv2.INTER_AREA).astype(np.float32)
    if r.random() < 0.7:  # other clothes, other light
        hsv = cv2.cvtColor(np.clip(part, 0, 255).astype(np.uint8), cv2.COLOR_BGR2HSV).astype(np.float32)
        hsv[..., 0] = (hsv[..., 0] + r.uniform(0, 180)) % 180
        hsv[..., 2] = 255 * (hsv[..., 2] / 255) ** r.uniform(0.5, 1.3)
        part = cv2.cvtColor(np.clip(hsv, 0, 255).astype(np.uint8), cv2.COLOR_HSV2BGR).astype(np.float32)
    alpha = cv2.GaussianBlur(cut.astype(np.float32), (3, 3), 0)[..., None]
    kept = [b for b in boxes if CLASSES[int(b[4])] != "person" or hidden(b) < 0.55]
    ys, xs = np.where(cut)
    kept.append([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1, CLASSES.index("person")])
    return np.clip(part * alpha + picture * (1 - alpha), 0, 255).astype(np.uint8), kept


def roughen(r: random.Random, noise: np.random.RandomState, picture: np.ndarray) -> np.ndarray:
    """What sets cameras apart from a renderer: halos of sharpening, veil, odd filters and colours, coarse noise."""
    f = picture.astype(np.float32)
    h, w = f.shape[:2]
    if r.random() < 0.5:
        f = f + r.uniform(0.4, 2.0) * (f - cv2.GaussianBlur(f, (0, 0), r.choice((0.8, 1.2, 2, 4, 8))))
    if r.random() < 0.35:
        veil = r.uniform(0.1, 0.5)
        f = f * (1 - veil) + r.uniform(60, 220) * veil
    if r.random() < 0.3:
        kernel = noise.randn(3, 3) * r.uniform(0.1, 0.35)
        kernel -= kernel.mean()
        kernel[1, 1] += 1
        f = cv2.filter2D(f, -1, kernel.astype(np.float32))
    if r.random() < 0.25:
        cell = r.choice((2, 4, 16))
        coarse = noise.randn(max(2, h // cell), max(2, w // cell)).astype(np.float32)
        f = f + cv2.resize(coarse, (w, h), interpolation=cv2.INTER_CUBIC)[..., None] * r.uniform(4, 20)
    if r.random() < 0.2:
        f = f @ (np.eye(3) + noise.randn(3, 3) * 0.2).T.astype(np.float32)
    if r.random() < 0.15:
        f = np.repeat(f.mean(2, keepdims=True), 3, 2)
    return np.clip(f, 0, 255).astype(np.uint8)


def spoil(r: random.Random, noise: np.random.RandomState, picture: np.ndarray, recipe: Recipe) -> np.ndarray:
    """Colour, light, time stamps, smears, blur, small chips, noise and compression; mildly, all of it is ``MILD`` as strong."""
    mild = recipe.mild > 0 and r.random() < recipe.mild

    def drawn(low: float, high: float, none: float) -> float:
        return none + (MILD if mild else 1.0) * (r.uniform(low, high) - none)

    if not mild and r.random() < recipe.roughen:
        picture = roughen(r, noise, picture)
    f = picture.astype(np.float32)
    if r.random() < 0.75:
        hsv = cv2.cvtColor(picture, cv2.COLOR_BGR2HSV).astype(np.float32)
        hsv[..., 0] = (hsv[..., 0] + r.uniform(-9, 9)) % 180
        hsv[..., 1] *= drawn(0.25, 1.35, 1)
        hsv[..., 2] *= drawn(0.55, 1.35, 1)
        f = cv2.cvtColor(np.clip(hsv, 0, 255).astype(np.uint8), cv2.COLOR_HSV2BGR).astype(np.float32)
    if r.random() < 0.4:
        f = 255 * (np.clip(f, 0, 255) / 255) ** drawn(0.6, 1.7, 1)
    if r.random() < 0.4:
        f = (f - 128) * drawn(0.65, 1.5, 1) + 128 + drawn(-25, 25, 0)
    if r.random() < recipe.grey:  # night, infra-red
        f = np.repeat(f.mean(2, keepdims=True), 3, 2)
    if r.random() < 0.3:
        f = f * np.array([drawn(0.85, 1.15, 1) for _ in "bgr"], np.float32)
    h, w = f.shape[:2]
    if r.random() < 0.08:  # smear or half-covered lens
        blob = np.zeros((h, w), np.float32)
        cv2.ellipse(
            blob,
            (r.randint(0, w), r.randint(0, h)),
            (r.randint(w // 8, w // 3), r.randint(h // 8, h // 3)),
            r.uniform(0, 180),
            0,
            360,
            1,
            -1,
        )
        blob = cv2.GaussianBlur(blob, (0, 0), 15)[..., None] * r.uniform(0.3, 0.9)
        f = f * (1 - blob) + cv2.GaussianBlur(f, (0, 0), 9) * blob * r.uniform(0.6, 1.2)
    picture = np.clip(f, 0, 255).astype(np.uint8)
    if r.random() < recipe.stamp:
        for _ in range(r.randint(1, 2)):
            ink = r.choice(((255,) * 3, (255,) * 3, (10,) * 3))
            text = f"202{r.randint(0, 6)}-{r.randint(1, 12):02d}-{r.randint(1, 28):02d} {r.randint(0, 23):02d}:{r.randint(0, 59):02d}:{r.randint(0, 59):02d}"
            cv2.putText(
                picture,
                text[: r.choice((10, 19))],
                (r.randint(0, max(1, w - 150)), r.randint(10, h - 4)),
                cv2.FONT_HERSHEY_SIMPLEX,
                r.uniform(0.25, 0.5),
                ink,
                1,
                cv2.LINE_AA,
            )
    roll = r.random()
    if roll < 0.22:
        k = 3 if mild else r.choice((3, 5))
        picture = cv2.GaussianBlur(picture, (k, k), 0)
    elif roll < 0.34 and not mild:
        kernel = np.zeros((7, 7), np.float32)
        kernel[3] = 1 / 7
        turn = cv2.getRotationMatrix2D((3, 3), r.uniform(0, 180), 1)
        kernel = cv2.warpAffine(kernel, turn, (7, 7))
        picture = cv2.filter2D(picture, -1, kernel / max(kernel.sum(), 1e-3))
    elif roll < 0.6:
        s = drawn(0.4, 0.85, 1)
        picture = cv2.resize(cv2.resize(picture, None, fx=s, fy=s, interpolation=cv2.INTER_AREA), (w, h))
    elif roll < 0.72:  # over-sharpened, as many cameras are
        picture = cv2.addWeighted(picture, 1.8, cv2.GaussianBlur(picture, (0, 0), 1.5), -0.8, 0)
    if r.random() < 0.55:
        grain = noise.randn(h, w, 3 if r.random() < 0.5 else 1) * drawn(2, 13, 2)
        if r.random() < 0.4:
            grain = cv2.GaussianBlur(grain, (3, 3), 0).reshape(h, w, -1) * 1.6
        picture = np.clip(picture + grain, 0, 255).astype(np.uint8)
    for _ in range(r.choice((0, 1, 1, 2))):  # blocks of JPEG, twice as after a re-encoding
        picture = cv2.imdecode(
            cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, r.randint(40 if mild else 15, 85)])[1], cv2.IMREAD_COLOR
        )
    return picture


class Mixer:
    """Draws training pictures from a pool of shots."""

    def __init__(
        self,
        pool: Callable[[], Sequence[Shot]],
        real: Sequence[Shot],
        seed: int,
        real_share: float,
        recipe: Recipe | None = None,
        people: Sequence[Shot] = (),
    ) -> None:
        """``people`` are cut out of real frames: their picture and mask hold nothing else."""
        self._people = people
        self._pool, self._real, self._real_share = pool, real, real_share
        self._recipe = recipe or Recipe()
        self._r, self._noise = random.Random(seed), np.random.RandomState(seed)

    def _shot(self) -> Shot:
        if self._real and self._r.random() < self._real_share:
            return self._r.choice(self._real)
        return self._r.choice(self._pool())

    def _donor(self) -> Shot | None:
        """E-bikes and rivals are pasted about equally often; wheelchairs, the hardest, get a share of their own."""
        roll = self._r.random()
        names = ("ebike",) if roll < 0.45 else (("wheelchair",) if roll < 0.65 else RIVALS)
        for _ in range(30):
            shot = self._r.choice(self._pool())
            if shot.has(*names):
                return shot
        return None

    def draw(self, width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
        """A picture [h, w, 3] BGR and its boxes [k, 5]."""
        r, recipe = self._r, self._recipe
        if r.random() < recipe.mosaic:
            picture, boxes = self._mosaic(width, height)
            pastes = 1 if r.random() < recipe.paste else 0
        else:
            shot = self._shot()
            picture, mask = warp(r, shot, width, height, r.uniform(*recipe.zoom), recipe)
            boxes = labelled(mask, shot.labels)
            likely = recipe.paste_on_real if shot.real else recipe.paste
            pastes = sum(r.random() < likely for _ in range(2))
        for _ in range(pastes):
            donor = self._donor()
            if donor is not None:
                names = ("ebike",) if donor.has("ebike") and r.random() < 0.5 else RIVALS
                of = [i for i, n in enumerate(donor.labels) if n in names]
                picture, boxes = paste(r, picture, boxes, donor, recipe, r.choice(of) if of else None)
        if self._people and r.random() < recipe.people:
            for _ in range(r.choice((1, 1, 2))):
                picture, boxes = stand(r, picture, boxes, r.choice(self._people))
        picture = spoil(r, self._noise, picture, recipe)
        out = np.array(boxes, np.float32).reshape(-1, 5)
        out[:, [0, 2]] = out[:, [0, 2]].clip(0, width)
        out[:, [1, 3]] = out[:, [1, 3]].clip(0, height)
        return picture, out

    def _mosaic(self, width: int, height: int) -> tuple[np.ndarray, Boxes]:
        r = self._r
        cx, cy = int(width * r.uniform(0.35, 0.65)), int(height * r.uniform(0.35, 0.65))
        picture, boxes = np.full((height, width, 3), PAD, np.uint8), []
        for x0, y0, x1, y1 in ((0, 0, cx, cy), (cx, 0, width, cy), (0, cy, cx, height), (cx, cy, width, height)):
            shot = self._shot()
            part, mask = warp(r, shot, x1 - x0, y1 - y0, r.uniform(0.7, 1.5), self._recipe)
            picture[y0:y1, x0:x1] = part
            boxes += labelled(mask, shot.labels, x0, y0)
        return picture, boxes
