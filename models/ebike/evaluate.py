"""Judges a model: python evaluate.py --model ebike.onnx [--real DIR] [--renders DIR] [--coco DIR] [--clips DIR] [--json OUT]

``--real`` is a folder with labels.json (file, view, width, height, objects) of real pictures: measured, never
trained on. The figure to steer by is recall at a fixed share of falsely hit negatives; recall alone misleads.
A picture is falsely hit when any e-bike box on it, where no e-bike is, scores at or above the threshold.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import json
import time
import tomllib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from boxes import CLASSES
from decode import CANDIDATE_FLOOR, SECOND_WEIGHT, Found, decode, inside_picture, look_at, overlap
from mosaics import pieces, tiles
from networks import canvas, opened, run
from packs import renders

RULE = Path(__file__).resolve().parents[2] / "pipelines" / "elevator.toml"
FLOOR = 0.02  # the lowest score that is kept
MATCH = 0.5  # overlap that makes a hit for AP
LOOSE = 0.3  # overlap that makes a hit for recall: the rule asks whether, not exactly where
SHARES = (0.01, 0.03, 0.05, 0.1, 0.2)  # of falsely hit pictures, at which recall is read
STEADY = tuple(n / 100 for n in range(1, 11))  # those over which its mean is taken: one picture more or less moves it little
EBIKE, PERSON = CLASSES.index("ebike"), CLASSES.index("person")
SAME_SPOT = 0.5  # overlap that makes two boxes one thing


@functools.cache
def rule_as_shipped() -> dict[str, Any]:
    """``[vehicle]`` of pipelines/elevator.toml: its scores, margin and numbers of looks are what is judged by here."""
    return tomllib.loads(RULE.read_text())["vehicle"]


def ahead(found: list[Found], margin: float) -> list[Found]:
    """Without the e-bike boxes that are not ahead of their rivals, as the server's rule wants it.

    Rivals are the vehicle classes at the same cell, and boxes of those classes on nearly the same spot.
    """
    rivals = [f for f in found if 0 < f.label < PERSON]
    at = np.array([f.box for f in rivals]).reshape(-1, 4)
    out = []
    for f in found:
        if f.label == EBIKE:
            near = overlap(np.array([f.box]), at)[0] if rivals else np.zeros(0)
            best = max([*f.others[1:PERSON], *(r.score for r, v in zip(rivals, near, strict=True) if v >= SAME_SPOT)], default=0.0)
            if f.score < best + margin:
                continue
        out.append(f)
    return out


class Second:
    """A second look at the detector's candidates: their crops are classified, and both opinions make the score.

    A candidate is an e-bike box whose score reaches ``floor``; the ``most`` strongest of a picture are looked at.
    Every class's new score is detector ** (1 - weight) * second ** weight, the detector's part being that class's score
    at the box's cell. A floor of threshold ** (1 / (1 - weight)) loses nothing; boxes below it are dropped.
    """

    def __init__(self, path: Path, floor: float = CANDIDATE_FLOOR, weight: float = SECOND_WEIGHT, most: int = 6) -> None:
        self._session = opened(path)
        self._size = self._session.get_inputs()[0].shape[2]
        self._floor, self._weight, self._most = floor, weight, most
        self.looks: list[int] = []

    def __call__(self, x: np.ndarray, scale: float, found: list[Found], size: tuple[int, int]) -> list[Found]:
        """``x`` is the detector's input; ``found`` is in the pixels of the picture [h, w], ``scale`` times smaller than those of ``x``."""
        # They come best first.
        candidates = [f for f in found if f.label == EBIKE and f.score >= self._floor][: self._most]
        out = [f for f in found if f.label != EBIKE]
        self.looks.append(len(candidates))
        if not candidates:
            return out
        canvas = x.transpose(1, 2, 0).astype(np.uint8)
        boxes = [tuple(v * scale for v in inside_picture(c.box, size)) for c in candidates]
        crops = np.stack([look_at(canvas, b, self._size) for b in boxes]).transpose(0, 3, 1, 2)
        for c, p in zip(candidates, self._session.run(None, {"crops": np.ascontiguousarray(crops, np.float32)})[0], strict=True):
            first = np.array(c.others)
            others = tuple(float(v) for v in first ** (1 - self._weight) * p[: len(first)] ** self._weight)
            out.append(Found(EBIKE, others[EBIKE], c.box, others))
        return sorted(out, key=lambda f: -f.score)


class Detector:
    """A model in ONNX Runtime on one core, perhaps with a second look."""

    def __init__(self, path: Path, margin: float | None = None, second: Second | None = None) -> None:
        self._margin, self._second = margin, second
        self._session = opened(path)
        self.times_ms: list[float] = []

    def __call__(self, picture: np.ndarray, floor: float = FLOOR) -> list[Found]:
        x, scale = canvas(self._session, picture)
        began = time.perf_counter()
        raw = run(self._session, x)
        self.times_ms.append((time.perf_counter() - began) * 1000)
        found = decode(raw, x.shape[2], x.shape[1], scale, floor)
        if self._second is not None:
            found = self._second(x, scale, found, picture.shape[:2])
        return found if self._margin is None else ahead(found, self._margin)


@dataclass
class Judged:
    """One picture: its truth and what was found on it."""

    name: str
    view: str
    truth: list[tuple[int, list[float]]]
    found: list[Found]
    size: tuple[int, int]

    @property
    def ebikes(self) -> list[list[float]]:
        return [b for c, b in self.truth if c == EBIKE]

    def false_score(self) -> float:
        """The highest e-bike score on a picture without an e-bike."""
        return max((f.score for f in self.found if f.label == EBIKE), default=0.0)

    def hits(self, limit: float = LOOSE) -> list[float]:
        """For each e-bike, the best score of an e-bike box on it (0 if none)."""
        boxes = [f for f in self.found if f.label == EBIKE]
        if not boxes:
            return [0.0] * len(self.ebikes)
        at = np.array([f.box for f in boxes])
        return [
            max((f.score for f, v in zip(boxes, overlap(np.array([b], float), at)[0], strict=True) if v >= limit), default=0.0)
            for b in self.ebikes
        ]


def average_precision(pictures: Sequence[Judged], label: int = EBIKE, limit: float = MATCH) -> float:
    """Area under the precision-recall curve at one overlap (all points, as COCO and VOC 2010 do)."""
    rows, positives = [], 0
    for p in pictures:
        truth = [b for c, b in p.truth if c == label]
        positives += len(truth)
        used = [False] * len(truth)
        for f in sorted((f for f in p.found if f.label == label), key=lambda f: -f.score):
            v = overlap(np.array([f.box]), np.array(truth, float))[0] if truth else np.zeros(0)
            k = int(v.argmax()) if len(v) else -1
            ok = k >= 0 and v[k] >= limit and not used[k]
            if ok:
                used[k] = True
            rows.append((f.score, ok))
    if not positives or not rows:
        return 0.0
    good = np.cumsum([ok for _, ok in sorted(rows, key=lambda r: -r[0])])
    precision = np.maximum.accumulate((good / np.arange(1, len(good) + 1))[::-1])[::-1]
    recall = np.concatenate([[0], good / positives])
    return float(((recall[1:] - recall[:-1]) * precision).sum())


def threshold_for(negatives: Sequence[float], share: float) -> float:
    """The lowest threshold that leaves at most this share of negatives falsely hit."""
    ordered = sorted(negatives, reverse=True)
    allowed = int(share * len(ordered))
    return ordered[allowed] + 1e-6 if allowed < len(ordered) else FLOOR


def recalls(hits: Sequence[float], negatives: Sequence[float], threshold: float) -> dict[str, float]:
    """The share of e-bikes hit from ``threshold`` on, and at the scores that leave some of ``negatives`` falsely hit."""

    def found(score: float) -> float:
        return float(np.mean([h >= score for h in hits]))

    out = {f"recall at {threshold}": found(threshold)}
    if negatives:
        out |= {f"recall at {s:.0%} false": found(threshold_for(negatives, s)) for s in SHARES}
        out["mean recall at 1 to 10% false"] = float(np.mean([found(threshold_for(negatives, s)) for s in STEADY]))
    return {name: round(share, 3) for name, share in out.items()}


def report(pictures: Sequence[Judged], threshold: float) -> dict[str, object]:
    with_bike = [p for p in pictures if p.ebikes]
    negatives = [p.false_score() for p in pictures if not p.ebikes]
    out: dict[str, object] = {"pictures": len(pictures), "negatives": len(negatives), "views": {}}
    out["thresholds"] = {f"{s:.0%}": round(threshold_for(negatives, s), 3) for s in SHARES} if negatives else {}
    for view in sorted({p.view for p in with_bike}):
        group = [p for p in with_bike if p.view == view]
        hits = [h for p in group for h in p.hits()]
        out["views"][view] = {"ebikes": len(hits), "ap50": round(average_precision(group), 3), **recalls(hits, negatives, threshold)}
    if with_bike:
        out["ap50 all"] = round(average_precision(pictures), 3)
    if negatives:
        out[f"false pictures at {threshold}"] = round(float(np.mean([n >= threshold for n in negatives])), 4)
    return out


def confusion(pictures: Sequence[Judged], threshold: float) -> str:
    """Rows: what is there; columns: the best box on it (any class), or nothing."""
    names = [*CLASSES, "nothing"]
    table = np.zeros((len(CLASSES), len(names)), int)
    for p in pictures:
        found = [f for f in p.found if f.score >= threshold]
        for c, b in p.truth:
            column = len(CLASSES)
            if found:
                v = overlap(np.array([b], float), np.array([f.box for f in found]))[0]
                scores = [f.score if v[i] >= LOOSE and (c == 6) == (f.label == 6) else 0 for i, f in enumerate(found)]
                if max(scores) > 0:
                    column = found[int(np.argmax(scores))].label
            table[c, column] += 1
    width = max(map(len, names)) + 1
    lines = [" " * width + "".join(n.rjust(width) for n in names)]
    lines += [CLASSES[i].ljust(width) + "".join(str(v).rjust(width) for v in row) for i, row in enumerate(table)]
    return "\n".join(lines)


def real_pictures(folder: Path, detect: Detector) -> Iterable[Judged]:
    for e in json.loads((folder / "labels.json").read_text()):
        picture = cv2.imread(str(folder / e["file"]))
        truth = [(CLASSES.index(o["label"]), [float(v) for v in o["box"]]) for o in e["objects"] if o["label"] in CLASSES]
        yield Judged(e["file"], e["view"], truth, detect(picture), picture.shape[:2])


def coco_pictures(folder: Path, detect: Detector) -> Iterable[Judged]:
    """A COCO export: ``annotations.json`` and its pictures."""
    notes = json.loads((folder / "annotations.json").read_text())
    names = {c["id"]: c["name"] for c in notes["categories"]}
    for i in notes["images"]:
        picture = cv2.imread(str(folder / i["file_name"]))
        truth = []
        for n in notes["annotations"]:
            if n["image_id"] == i["id"] and names[n["category_id"]] in CLASSES:
                x, y, w, h = n["bbox"]
                truth.append((CLASSES.index(names[n["category_id"]]), [x, y, x + w, y + h]))
        yield Judged(i["file_name"], "site", truth, detect(picture), picture.shape[:2])


def rendered_pictures(folder: Path, detect: Detector, limit: int | None) -> Iterable[Judged]:
    for r in itertools.islice(renders(folder), limit):
        truth = [(CLASSES.index(o["label"]), [float(v) for v in o["box"]]) for o in r.note["objects"]]
        yield Judged(r.name, r.note["view"], truth, detect(r.picture), r.picture.shape[:2])


def judge_mosaics(folder: Path, detect: Detector, negatives: Sequence[float], threshold: float) -> dict[str, object]:
    """Recall on e-bikes of real lift cameras, at the scores that leave some of ``negatives`` falsely hit: in whole tiles, and
    in tiles cut at their seams, whose parts are judged each by itself and larger."""

    def judged(parts: Iterable[tuple[str, np.ndarray, list[list[float]]]]) -> dict[str, object]:
        pictures = [Judged(name, "mosaic", [(EBIKE, b) for b in boxes], detect(p), p.shape[:2]) for name, p, boxes in parts]
        hits = [h for p in pictures for h in p.hits()]
        return {"pictures": len(pictures), "ebikes": len(hits), **recalls(hits, negatives, threshold)}

    whole = list(tiles(folder))
    cut = [(name, part, of) for name, p, boxes in whole for part, of in pieces(p, boxes)]
    return {"tiles": judged(whole), "cut at their seams": judged(cut)}


@dataclass
class Rule:
    """The server's confirmation in miniature: ``need`` of the last ``window`` looks show an e-bike."""

    need: int = field(default_factory=lambda: rule_as_shipped()["need"])
    window: int = field(default_factory=lambda: rule_as_shipped()["of"])
    seen: list[bool] = field(default_factory=list)

    def step(self, hit: bool) -> bool:
        self.seen = [*self.seen, hit][-self.window :]
        return sum(self.seen) >= self.need


@dataclass
class Ride:
    """What was found on the looks of one rendered ride: the best e-bike score of each, and the best that is ahead of its rivals."""

    kind: str
    looks: list[tuple[float, float]] = field(default_factory=list)

    def confirmed_at(self, score: float) -> int | None:
        """The look, from 0 on, at which the rule confirms an e-bike."""
        rule = Rule()
        return next((n for n, (_, led) in enumerate(self.looks) if rule.step(led >= score)), None)


def seen_rides(folder: Path, detect: Detector, margin: float) -> dict[str, Ride]:
    """Rendered rides by name (see scenes/rides.py)."""
    rides: dict[str, Ride] = {}
    for r in renders(folder):
        kinds = [t["label"] for t in r.note["things"] if t["label"] in CLASSES[:PERSON]]
        ride = rides.setdefault(r.note["ride"], Ride("ebike" if "ebike" in kinds else kinds[0] if kinds else "nothing"))
        found = detect(r.picture)
        best, led = (max((f.score for f in boxes if f.label == EBIKE), default=0.0) for boxes in (found, ahead(found, margin)))
        ride.looks.append((best, led))
    return rides


def judge_rides(folder: Path, detect: Detector, threshold: float, hold: float, margin: float) -> dict[str, object]:
    """Rides of rivals: falsely hit pictures, rides on which the rule would raise an alarm and those on which it would hold the lift.
    Rides with an e-bike: those that the rule would find, and at which look.

    Pictures are counted by score alone; the rule also wants an e-bike box to be ahead of its rivals by ``margin``.
    """
    rides = seen_rides(folder, detect, margin)
    rivals = {n: r for n, r in rides.items() if r.kind != "ebike"}
    ebikes = {n: r for n, r in rides.items() if r.kind == "ebike"}
    out: dict[str, object] = {"rides": len(rides), "pictures": sum(len(r.looks) for r in rides.values())}

    def share(of: dict[str, Ride], score: float) -> float:
        return round(float(np.mean([best >= score for r in of.values() for best, _ in r.looks])), 4)

    if rivals:
        alarmed, stopped = ([n for n, r in rivals.items() if r.confirmed_at(score) is not None] for score in (threshold, hold))
        by_kind = {
            k: [sum(rides[n].kind == k for n in group) for group in (rivals, alarmed, stopped)]
            for k in sorted({r.kind for r in rivals.values()})
        }
        out |= {
            f"false share at {threshold}": share(rivals, threshold),
            f"false share at {hold}": share(rivals, hold),
            "false alarms": alarmed,
            "false stops": stopped,
            "rides, false alarms and stops by rival": by_kind,
        }
    if ebikes:
        found, held = ({n: look for n, r in ebikes.items() if (look := r.confirmed_at(score)) is not None} for score in (threshold, hold))
        out |= {
            f"e-bike rides found at {threshold}": len(found),
            f"e-bike rides found at {hold}": len(held),
            f"e-bike pictures hit at {threshold}": share(ebikes, threshold),
            f"e-bike pictures hit at {hold}": share(ebikes, hold),
            f"confirmed at look, from {threshold} on": dict(sorted(Counter(look + 1 for look in found.values()).items())),
            "e-bike rides missed": [n for n in ebikes if n not in found],
        }
    return out


def judge_clip(path: Path, detect: Detector, threshold: float, hold: float, every: int) -> dict[str, object]:
    """Looks at every n-th picture; an event is a rise of the rule, and clears after ``window`` empty looks."""
    truth = json.loads(path.with_suffix(".json").read_text())
    video, rule, events, n, per_frame = cv2.VideoCapture(str(path)), Rule(), [], 0, []
    sure, certain = Rule(), None
    there = [any(o["label"] == "ebike" for o in f["objects"]) for f in truth["frames"]]
    first = next((f["t_ms"] for f, t in zip(truth["frames"], there, strict=True) if t), None)
    on = False
    while True:
        ok, frame = video.read()
        if not ok:
            break
        if n % every == 0:
            best = max((f.score for f in detect(frame) if f.label == EBIKE), default=0.0)
            per_frame.append((there[min(n, len(there) - 1)], best))
            if sure.step(best >= hold) and certain is None:
                certain = n * 1000 // truth["fps"]
            if rule.step(best >= threshold):
                if not on:
                    events.append(n * 1000 // truth["fps"])
                on = True
            elif on and not any(rule.seen):
                on = False
        n += 1
    with_bike = [s for t, s in per_frame if t]
    without = [s for t, s in per_frame if not t]
    return {
        "events_ms": events,
        "certain_ms": certain,
        "ebike_first_visible_ms": first,
        "looks_with_ebike": len(with_bike),
        "hit": sum(s >= threshold for s in with_bike),
        "looks_without": len(without),
        "false": sum(s >= threshold for s in without),
        "highest_without": round(max(without, default=0.0), 3),
    }


def main() -> None:
    rule = rule_as_shipped()
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--model", type=Path, default=Path(__file__).parent / "ebike.onnx")
    p.add_argument("--real", type=Path)
    p.add_argument("--mosaics", type=Path, help="folder of mosaics of real lift cameras with drawn boxes (see mosaics.py)")
    p.add_argument("--renders", type=Path)
    p.add_argument("--coco", type=Path, help="a COCO export with annotations.json, such as held-back alarms of a site")
    p.add_argument("--clips", type=Path)
    p.add_argument("--second", type=Path, help="a classifier that looks again at each candidate")
    p.add_argument("--second-weight", type=float, default=SECOND_WEIGHT, help="its share in the score, 0 to 1")
    p.add_argument("--second-floor", type=float, default=CANDIDATE_FLOOR, help="the e-bike score that makes a candidate")
    p.add_argument("--threshold", type=float, default=rule["min_score"], help="the rule's score for alarms")
    p.add_argument("--hold", type=float, default=rule["hold_score"], help="the rule's score for holding the lift")
    p.add_argument("--margin", type=float, help="count e-bike boxes only when so far ahead of rivals, as the server's rule does")
    p.add_argument("--every", type=int, default=2, help="look at every n-th picture of a clip (2 = 5 looks a second)")
    p.add_argument("--rides", type=Path, help="rendered rides of rivals, or of e-bikes, loose or packed")
    p.add_argument("--rule-margin", type=float, default=rule["margin"], help="the rule's margin over rivals on rides")
    p.add_argument("--limit", type=int, help="judge only the first n renders")
    p.add_argument("--json", type=Path)
    a = p.parse_args()
    second = Second(a.second, a.second_floor, a.second_weight) if a.second else None
    detect, out = Detector(a.model, margin=a.margin, second=second), {}
    for name, pictures in (
        ("real", list(real_pictures(a.real, detect)) if a.real else []),
        ("coco", list(coco_pictures(a.coco, detect)) if a.coco else []),
        ("renders", list(rendered_pictures(a.renders, detect, a.limit)) if a.renders else []),
    ):
        if pictures:
            out[name] = report(pictures, a.threshold)
            print(f"== {name}\n{json.dumps(out[name], indent=1)}\n{confusion(pictures, a.threshold)}")
        if name == "real" and a.mosaics:
            out["mosaics"] = judge_mosaics(a.mosaics, detect, [p.false_score() for p in pictures if not p.ebikes], a.threshold)
            print(f"== mosaics {json.dumps(out['mosaics'])}")
    for path in sorted(a.clips.glob("*.mp4")) if a.clips else []:
        out[path.stem] = judge_clip(path, detect, a.threshold, a.hold, a.every)
        print(f"== {path.stem} {json.dumps(out[path.stem])}")
    if a.rides:
        out["rides"] = judge_rides(a.rides, detect, a.threshold, a.hold, a.rule_margin)
        print(f"== rides {json.dumps(out['rides'], indent=1)}")
    if detect.times_ms:
        out["median_ms_one_core"] = round(float(np.median(detect.times_ms)), 1)
        print(f"median {out['median_ms_one_core']} ms a picture on one core")
    if second:
        out["looks a picture"] = round(float(np.mean(second.looks)), 2)
        print(f"{out['looks a picture']} second looks a picture")
    if a.json:
        a.json.write_text(json.dumps(out, indent=1))


if __name__ == "__main__":
    main()
