"""Writes ebike.onnx: python -m train.export --base yolox_nano_coco_416.onnx --weights work/run1/ema.pt [more.pt or .onnx] --out ebike.onnx

Several runs are averaged, and the published net with them: weights of runs from the same start lie in one valley, and their mean holds up better on
pictures unlike those trained on than any of them (Wortsman et al. 2022, arXiv 2203.05482), above all with some of the start in it
(arXiv 2109.01903). The written file takes pictures of any sides that are
multiples of 32 (the server hands it no more of the canvas than they need), is checked against torch in ONNX Runtime at several batch sizes and sides, and then
its weights are kept in less room (``train.compact``).
"""

from __future__ import annotations

import argparse
import copy
import hashlib
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import Tensor

from networks import opened

from .compact import WIDE_ONLY, smaller
from .net import Net, Served


def folded(base: Path, weights: Path) -> dict[str, Tensor]:
    """One run's weights with the norms melted in: of a checkpoint, or of a file this module wrote."""
    net = Net(base)
    if weights.suffix == ".onnx":
        net.take(weights)
    else:
        net.add_norms()
        net.load_state_dict(torch.load(weights, map_location="cpu")["net"])
        net.fold()
    return net.state_dict()


def mean(parts: list[tuple[float, dict[str, Tensor]]]) -> dict[str, Tensor]:
    """States of equal nets, each by its share; shares need not add up to 1."""
    whole = sum(share for share, _ in parts)
    return {k: sum(share / whole * state[k].double() for share, state in parts).to(v.dtype) for k, v in parts[0][1].items()}


def by_share(weights: list[Path], shares: list[float] | None) -> list[tuple[float, Path]]:
    """Each run with its share in their mean: all the same if none are given."""
    shares = shares or [1.0] * len(weights)
    if len(shares) != len(weights) or min(shares) <= 0:
        raise SystemExit("--shares needs a figure above 0 for each of --weights")
    return list(zip(shares, weights, strict=True))


def load(base: Path, weights: list[Path], shares: list[float] | None = None, published: float = 0.0) -> Net:
    """The mean of some runs, each by its share (all the same if none are given), and of the published net by a share of the whole."""
    if not 0 <= published < 1:
        raise SystemExit("--published needs a figure from 0 up to 1: its share of the whole, beside those of the runs (--shares)")
    parts = by_share(weights, shares)
    net = Net(base)
    runs = mean([(share, folded(base, w)) for share, w in parts])
    net.load_state_dict(mean([(1 - published, runs), (published, net.state_dict())]))
    return net.eval()


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--base", type=Path, required=True)
    p.add_argument("--weights", type=Path, nargs="+", required=True)
    p.add_argument("--shares", type=float, nargs="+", help="of each of the weights in their mean")
    p.add_argument("--published", type=float, default=0.0, help="share of the published net in the whole")
    p.add_argument("--out", type=Path, default=Path("ebike.onnx"))
    a = p.parse_args()
    net = load(a.base, a.weights, a.shares, a.published)
    whole = Served(copy.deepcopy(net)).eval()
    net.melt_focus()
    served = Served(net).eval()
    dummy = torch.zeros(2, 3, 416, 416)
    torch.onnx.export(
        served, (dummy,), str(a.out), input_names=["images"], output_names=["output"], opset_version=17, dynamo=False,
        dynamic_axes={"images": {0: "batch", 2: "height", 3: "width"}, "output": {0: "batch", 1: "cells"}},
    )  # fmt: skip
    onnx.checker.check_model(onnx.load(str(a.out)))
    session = opened(a.out)
    for n, height, width in ((1, 416, 416), (3, 416, 416), (2, 256, 416), (1, 416, 224)):
        x = np.random.RandomState(n).uniform(0, 255, (n, 3, height, width)).astype(np.float32)
        with torch.no_grad():
            gap = float(np.abs(session.run(None, {"images": x})[0] - whole(torch.from_numpy(x)).numpy()).max())
        print(f"{n} × {width} × {height}: largest difference to torch {gap:.2e}")
        if gap > 1e-2:
            raise SystemExit("the exported file does not compute what torch computes")
    smaller(a.out, WIDE_ONLY)
    print(f"{a.out.name}: {a.out.stat().st_size / 1e6:.2f} MB, sha256 {hashlib.sha256(a.out.read_bytes()).hexdigest()}")


if __name__ == "__main__":
    main()
