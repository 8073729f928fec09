"""Writes ebike.onnx: python -m train.export --base yolox_nano_coco_416.onnx --weights work/run1/ema.pt [more.pt] --out ebike.onnx

Several weight files are averaged. The written file is checked against torch in ONNX Runtime, at two batch sizes.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

import numpy as np
import onnx
import torch

from networks import opened

from .net import Net, Served


def load(base: Path, weights: list[Path]) -> Net:
    """The mean of some checkpoints, norms folded in."""
    states = [torch.load(w, map_location="cpu")["net"] for w in weights]
    net = Net(base)
    net.add_norms()
    mean = {k: (sum(s[k].double() for s in states) / len(states)).to(v.dtype) for k, v in states[0].items()}
    net.load_state_dict(mean)
    net.eval()
    net.fold()
    return net


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--base", type=Path, required=True)
    p.add_argument("--weights", type=Path, nargs="+", required=True)
    p.add_argument("--out", type=Path, default=Path("ebike.onnx"))
    a = p.parse_args()
    served = Served(load(a.base, a.weights)).eval()
    dummy = torch.zeros(2, 3, 416, 416)
    torch.onnx.export(
        served, (dummy,), str(a.out), input_names=["images"], output_names=["output"], opset_version=17, dynamo=False,
        dynamic_axes={"images": {0: "batch"}, "output": {0: "batch"}},
    )  # fmt: skip
    onnx.checker.check_model(onnx.load(str(a.out)))
    session = opened(a.out)
    for n in (1, 3):
        x = np.random.RandomState(n).uniform(0, 255, (n, 3, 416, 416)).astype(np.float32)
        with torch.no_grad():
            gap = float(np.abs(session.run(None, {"images": x})[0] - served(torch.from_numpy(x)).numpy()).max())
        print(f"batch {n}: largest difference to torch {gap:.2e}")
        if gap > 1e-2:
            raise SystemExit("the exported file does not compute what torch computes")
    print(f"{a.out.name}: {a.out.stat().st_size / 1e6:.2f} MB, sha256 {hashlib.sha256(a.out.read_bytes()).hexdigest()}")


if __name__ == "__main__":
    main()
