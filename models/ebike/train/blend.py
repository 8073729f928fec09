"""Writes second.onnx as the mean of some runs: python -m train.blend --start lite2.pth --weights work/a/ema.pt work/b/ema.pt --shares 0.6 0.4 --out second.onnx

Runs from the same start lie in one valley; their mean holds up better on what is unlike the renders (see ``train.export``).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from .export import by_share, mean
from .look import published
from .second import export


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--start", type=Path, required=True, help="EfficientNet-Lite2 weights, which all runs started from")
    p.add_argument("--weights", type=Path, nargs="+", required=True)
    p.add_argument("--shares", type=float, nargs="+", help="of each of the weights in their mean; all the same when left out")
    p.add_argument("--out", type=Path, default=Path("second.onnx"))
    a = p.parse_args()
    look = published(a.start)[0]
    look.load_state_dict(mean([(share, torch.load(w, map_location="cpu")["look"]) for share, w in by_share(a.weights, a.shares)]))
    export(look, a.out)


if __name__ == "__main__":
    main()
