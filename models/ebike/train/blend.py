"""Writes second.onnx as the mean of some runs: python -m train.blend --weights work/a/ema.pt work/b/ema.pt --shares 0.75 0.25 --out second.onnx

Runs from the same start lie in one valley; their mean holds up better on what is unlike the renders (see ``train.export``). ``--even`` are runs with places
balanced, whose mean has to agree with that of ``--weights``; ``--doubters`` are runs of 100 to 200 steps, whose mean doubts them (see ``look.Agreed``).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from .export import by_share, mean
from .look import Agreed, Look, published
from .second import export


def blended(runs: list[tuple[float, Path]]) -> Look:
    """The mean of some runs, each by its share."""
    look = published()[0]
    look.load_state_dict(mean([(share, torch.load(w, map_location="cpu")["look"]) for share, w in runs]))
    return look


def same_lower(look: Look, other: Look) -> bool:
    """Running averages of what never learns still drift by its last digits."""
    return all(
        torch.allclose(x.float(), y.float(), rtol=1e-3, atol=1e-4) for x, y in zip(look.trunk.lowers(), other.trunk.lowers(), strict=True)
    )


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--weights", type=Path, nargs="+", required=True)
    p.add_argument("--shares", type=float, nargs="+", help="of each of the weights in their mean; all the same when left out")
    p.add_argument("--even", type=Path, nargs="+", help="runs of --even-places, all with the same share")
    p.add_argument("--doubters", type=Path, nargs="+", help="runs that have hardly begun, all with the same share")
    p.add_argument("--out", type=Path, default=Path("second.onnx"))
    a = p.parse_args()
    looks = [blended(by_share(a.weights, a.shares))]
    if a.even:
        looks.append(blended(by_share(a.even, None)))
    doubter = blended(by_share(a.doubters, None)) if a.doubters else None
    if not all(same_lower(looks[0], other) for other in (*looks[1:], doubter) if other):
        raise SystemExit("--weights, --even and --doubters need the same lower part: runs that froze up to stride 16, as train.second does")
    export(Agreed(looks, doubter) if a.even or doubter else looks[0], a.out)


if __name__ == "__main__":
    main()
