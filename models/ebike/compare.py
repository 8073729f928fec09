"""Old model against new on held-back pictures: python compare.py --old ebike.onnx --new work/site/ebike.onnx --coco HELD_BACK [--clips clips]

Each with the second look that lies beside it (second.onnx), as the server runs it, if there is one, and where it falsely hits the same share of the
pictures without an e-bike, as recall alone says nothing.
Exit status: 0 the new one may be taken, 3 it may not (the reasons are printed), 2 too little to compare on.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from evaluate import Detector, Judged, Second, coco_pictures, judge_clip, threshold_for

LEAST = 8  # e-bikes, and pictures without one, that must be held back: on fewer any answer is chance


def reading(pictures: Sequence[Judged], share: float) -> dict[str, float | int]:
    """Threshold and recall at a share of falsely hit pictures."""
    negatives = [p.false_score() for p in pictures if not p.ebikes]
    hits = [h for p in pictures for h in p.hits()]
    threshold = threshold_for(negatives, share)
    return {
        "ebikes": len(hits),
        "negatives": len(negatives),
        "threshold": round(threshold, 3),
        "found": sum(h >= threshold for h in hits),
        "recall": round(float(np.mean([h >= threshold for h in hits])), 3) if hits else 0.0,
    }


def against(old: dict[str, object], new: dict[str, object]) -> list[str]:
    """Why the new model may not be taken; empty if it may. A clip counts when its events differ from the truth more often."""
    reasons = []
    a, b = old["held_back"], new["held_back"]
    if b["found"] < a["found"]:
        reasons.append(f"it finds {b['found']} of {b['ebikes']} held-back e-bikes, the old one {a['found']}")
    for clip, was in old["clips"].items():
        now = new["clips"][clip]
        if was["ebike"] and was["events"] and not now["events"]:
            reasons.append(f"it no longer raises an event on {clip}")
        if not was["ebike"] and now["events"] > was["events"]:
            reasons.append(f"it raises {now['events']} false events on {clip}, the old one {was['events']}")
    return reasons


def judge(model: Path, held_back: Path, clips: Path | None, share: float, threshold: float | None) -> dict[str, object]:
    """``threshold``: the score at which the clips are judged; by default the one that the held-back pictures ask for."""
    beside = model.with_name("second.onnx")
    detect = Detector(model, second=Second(beside) if beside.is_file() else None)
    read = reading(list(coco_pictures(held_back, detect)), share)
    out: dict[str, object] = {"held_back": read, "clips": {}}
    at = read["threshold"] if threshold is None else threshold
    for path in sorted(clips.glob("*.mp4")) if clips else []:
        c = judge_clip(path, detect, at, at, 2)
        out["clips"][path.stem] = {"ebike": c["looks_with_ebike"] > 0, "events": len(c["events_ms"])}
    return out


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--old", type=Path, default=Path(__file__).parent / "ebike.onnx")
    p.add_argument("--new", type=Path, required=True)
    p.add_argument("--coco", type=Path, required=True, help="held-back alarms: annotations.json and its pictures")
    p.add_argument("--clips", type=Path)
    p.add_argument("--share", type=float, default=0.05, help="share of pictures without an e-bike that may be falsely hit")
    p.add_argument("--threshold", type=float, help="score for the clips, instead of each model's own")
    p.add_argument("--json", type=Path)
    a = p.parse_args()
    old, new = (judge(m, a.coco, a.clips, a.share, a.threshold) for m in (a.old, a.new))
    read = old["held_back"]
    if min(read["ebikes"], read["negatives"]) < LEAST:
        print(f"held back are {read['ebikes']} e-bikes and {read['negatives']} pictures without one: at least {LEAST} of each are needed")
        raise SystemExit(2)
    reasons = against(old, new)
    result = {"old": old, "new": new, "share": a.share, "take": not reasons, "reasons": reasons}
    print(json.dumps(result, indent=1))
    if a.json:
        a.json.write_text(json.dumps(result, indent=1))
    raise SystemExit(3 if reasons else 0)


if __name__ == "__main__":
    main()
