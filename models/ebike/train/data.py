"""Renders and real frames as shots in memory. Renders may be added while training runs."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
from onnxruntime import InferenceSession

from boxes import CLASSES
from networks import detections, opened
from packs import renders

from .augment import RIVALS, Shot

# COCO classes that the base net may name in real frames, for pseudo labels.
COCO_TO_OURS = {0: "person", 1: "bicycle"}
LONGEST = 416
INDOORS, OUTDOORS = ("ceiling", "hall"), ("open",)
RIVALS_OFTEN, EBIKES_OFTEN = 4, 3


def how_often(view: str, labels: Iterable[str]) -> int:
    """How often a render is taken where no place is to speak for a class (LOG.md, 17).

    Most vehicles that are rendered on ceilings are e-bikes, most in the open are wheelchairs; who learns from that tells lifts from streets.
    """
    there = set(labels)
    if view in INDOORS and there.intersection(RIVALS) and "ebike" not in there:
        return RIVALS_OFTEN
    return EBIKES_OFTEN if view in OUTDOORS and "ebike" in there else 1


class Renders:
    """All complete renders in some folders, loose or packed; ``refresh`` picks up new ones. ``even_places``: see ``how_often``."""

    def __init__(self, folders: list[Path], limit: int | None = None, even_places: bool = False) -> None:
        self._folders, self._limit, self._seen, self._even = folders, limit, set[str](), even_places
        self.shots: list[Shot] = []
        self.refresh()

    def refresh(self) -> int:
        for folder in self._folders:
            for r in renders(folder, self._seen):
                if self._limit and len(self.shots) >= self._limit:
                    break
                shot = Shot(r.picture, r.mask, tuple(t["label"] for t in r.note["things"]))
                times = how_often(r.note["view"], (o["label"] for o in r.note["objects"])) if self._even else 1
                self.shots += [shot] * times
        return len(self.shots)

    def __call__(self) -> list[Shot]:
        return self.shots

    def counts(self) -> dict[str, int]:
        return {c: sum(s.has(c) for s in self.shots) for c in CLASSES}


def _pseudo(picture: np.ndarray, base: InferenceSession) -> Shot:
    """Labels people and bicycles with the base net, as rectangles in the mask."""
    s = LONGEST / max(picture.shape[:2])
    picture = cv2.resize(picture, None, fx=s, fy=s, interpolation=cv2.INTER_AREA)
    mask, labels = np.zeros(picture.shape[:2], np.uint8), []
    for f in detections(base, picture, 0.3):
        if f.label not in COCO_TO_OURS:
            continue
        labels.append(COCO_TO_OURS[f.label])
        x0, y0, x1, y1 = (max(0, round(v)) for v in f.box)
        mask[y0:y1, x0:x1] = len(labels)
    return Shot(picture, mask, tuple(labels), real=True)


def cut_people(clips: Path | None, base: Path, every: int = 6) -> list[Shot]:
    """People of real clips (CC BY) with their outlines, for a still camera: what differs from the frames that show nobody."""
    net, out = opened(base), []
    for path in sorted(clips.glob("*.mp4")) if clips else []:
        video, frames, empty = cv2.VideoCapture(str(path)), [], []
        for n in range(int(video.get(cv2.CAP_PROP_FRAME_COUNT))):
            if not video.grab():
                break
            ok, frame = video.retrieve() if n % every == 0 else (False, None)
            if not ok:
                continue
            people = [f for f in detections(net, frame, 0.25) if COCO_TO_OURS.get(f.label) == "person"]
            frames += [(frame, f.box) for f in people if f.score >= 0.5]
            if not people:
                empty.append(frame)
        if len(empty) < 5:
            continue
        nobody = np.median(np.stack(empty[:60]), 0)
        for frame, box in frames:
            shot = _cut(frame, nobody, box)
            if shot is not None:
                out.append(shot)
    return out


def rendered_people(shots: Iterable[Shot], most: int, seed: int) -> list[Shot]:
    """Up to ``most`` people cut out of renders: those that nothing touches and no edge cuts, so that they may stand before something else."""
    out = list[Shot]()
    for shot in dict.fromkeys(shots):  # where places are balanced, many are listed several times
        out += [p for i, name in enumerate(shot.labels) if name == "person" and (p := _whole(shot, i + 1)) is not None]
    return [out[k] for k in np.random.RandomState(seed).permutation(len(out))[:most]]


def _whole(shot: Shot, index: int, tall: int = 60, wide: int = 25, touched: float = 0.08) -> Shot | None:
    """One person alone, if at least so large (pixels) and with no more than that share of the outline at other things."""
    here = (shot.mask == index).astype(np.uint8)
    x, y, w, h = cv2.boundingRect(here)
    if h < tall or w < wide or x == 0 or y == 0 or x + w == here.shape[1] or y + h == here.shape[0]:
        return None
    outline = cv2.dilate(here, np.ones((5, 5), np.uint8)) > here
    largest = cv2.connectedComponentsWithStats(here)[2][1:, cv2.CC_STAT_AREA].max()
    if (shot.mask[outline] > 0).mean() > touched or largest < 0.97 * here.sum():
        return None
    return Shot(shot.picture[y : y + h, x : x + w].copy(), here[y : y + h, x : x + w].copy(), ("person",))


def _cut(frame: np.ndarray, nobody: np.ndarray, box: tuple[float, float, float, float], margin: int = 6) -> Shot | None:
    h, w = frame.shape[:2]
    x0, y0, x1, y1 = max(0, int(box[0]) - margin), max(0, int(box[1]) - margin), min(w, int(box[2]) + margin), min(h, int(box[3]) + margin)
    if y1 - y0 < 90 or x1 - x0 < 30:
        return None
    apart = np.abs(cv2.GaussianBlur(frame, (3, 3), 0).astype(np.float32) - nobody)[y0:y1, x0:x1].max(2) > 22
    blobs = cv2.morphologyEx(apart.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    outlines, _ = cv2.findContours(
        cv2.morphologyEx(blobs, cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8)), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
    )
    if not outlines:
        return None
    mask = cv2.drawContours(np.zeros_like(blobs), [max(outlines, key=cv2.contourArea)], -1, 1, -1)
    return Shot(frame[y0:y1, x0:x1].copy(), mask, ("person",), real=True) if 0.25 < mask.mean() < 0.85 else None


def real_frames(clips: Path | None, panoramas: list[Path], base: Path, per_clip: int = 60, per_panorama: int = 14) -> list[Shot]:
    """Frames of real clips (CC BY) and views cut out of panoramas (CC0), as backgrounds and negatives."""
    net, out = opened(base), []
    for path in sorted(clips.glob("*.mp4")) if clips else []:
        video = cv2.VideoCapture(str(path))
        total = int(video.get(cv2.CAP_PROP_FRAME_COUNT))
        for n in range(0, total, max(1, total // per_clip)):
            video.set(cv2.CAP_PROP_POS_FRAMES, n)
            ok, frame = video.read()
            if ok:
                out.append(_pseudo(frame, net))
    for path in [f for folder in panoramas for f in sorted(folder.glob("*.hdr"))]:
        light = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        out += [_pseudo(view, net) for view in _views(light, per_panorama)]
    return out


def coco_shots(folder: Path) -> list[Shot]:
    """A COCO export (``annotations.json`` and its pictures), such as a site's judged alarms; boxes become masks."""
    notes = json.loads((folder / "annotations.json").read_text())
    names = {c["id"]: c["name"] for c in notes["categories"]}
    boxes: dict[int, list[dict]] = {}
    for n in notes["annotations"]:
        boxes.setdefault(n["image_id"], []).append(n)
    out = []
    for i in notes["images"]:
        picture = cv2.imread(str(folder / i["file_name"]))
        if picture is None:
            continue
        k = LONGEST / max(picture.shape[:2])
        picture = cv2.resize(picture, None, fx=k, fy=k, interpolation=cv2.INTER_AREA)
        mask, labels = np.zeros(picture.shape[:2], np.uint8), []
        for n in sorted(boxes.get(i["id"], []), key=lambda n: -n["bbox"][2] * n["bbox"][3])[:200]:  # large ones below small ones
            x, y, w, h = (v * k for v in n["bbox"])
            labels.append(names[n["category_id"]])
            mask[round(max(y, 0)) : round(y + h), round(max(x, 0)) : round(x + w)] = len(labels)
        out.append(Shot(picture, mask, tuple(labels), real=True))
    return out


def _views(light: np.ndarray, count: int) -> list[np.ndarray]:
    """Perspective views of an equirectangular panorama, tone-mapped."""
    rng, views, (h, w) = np.random.RandomState(3), [], light.shape[:2]
    for k in range(count):
        yaw, pitch, half = 2 * np.pi * k / count, rng.uniform(-0.7, 0.2), np.tan(np.radians(rng.uniform(35, 50)))
        y, x = np.mgrid[-1:1:234j, -1:1:416j]
        d = np.stack([x * half, y * half * 234 / 416, np.ones_like(x)], -1)
        c, s = np.cos(pitch), np.sin(pitch)
        d = np.stack([d[..., 0], d[..., 1] * c - d[..., 2] * s, d[..., 1] * s + d[..., 2] * c], -1)
        u = (np.arctan2(d[..., 0], d[..., 2]) + yaw) / (2 * np.pi) % 1 * (w - 1)
        v = (np.arctan2(d[..., 1], np.hypot(d[..., 0], d[..., 2])) / np.pi + 0.5) * (h - 1)
        part = cv2.remap(light, u.astype(np.float32), v.astype(np.float32), cv2.INTER_LINEAR)
        part = np.clip(part * 0.35 / max(float(np.median(part)), 1e-3), 0, 1) ** (1 / 2.2)
        views.append((part * 255).astype(np.uint8))
    return views
