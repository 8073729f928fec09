"""Takes a second.onnx apart again: python -m train.apart --second second.onnx --out work/apart

Writes each net that ``train.blend`` put into it, as ``train.second`` and ``train.blend`` read them: look.pt and, where there are, even.pt and doubter.pt. So training
goes on from what is shipped (``train.second --from-look``) and needs no checkpoint of whoever made it. What is kept as bytes comes back
as it is computed with; the lower part comes back as published, which it was before it was rounded.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import nn

from .compact import restored
from .fit import save
from .look import LOWER, Agreed, Look, Trunk, published
from .second import difference

# By what the file calls them: a look alone, looks that agree (look.Agreed), their doubter.
NAMES = {"": "look", "looks.0.": "look", "looks.1.": "even", "doubter.": "doubter"}
HEAD = "head.weight"
MOST_APART = 0.05  # of a share, on noise; the rounded lower part makes 0.01 to 0.02


def _normed(trunk: Trunk) -> Iterator[tuple[nn.Conv2d, nn.BatchNorm2d]]:
    """Each convolution that is trained, and the norm behind it, in the order in which they are computed."""
    for block in trunk._blocks[LOWER:]:
        yield block._expand_conv, block._bn0
        yield block._depthwise_conv, block._bn1
        yield block._project_conv, block._bn2
    yield trunk._conv_head, trunk._bn1


def _take(look: Look, filters: list[tuple[np.ndarray, np.ndarray]], weight: np.ndarray, bias: np.ndarray) -> None:
    """Filters with norms melted in, and a head. Norms keep their published statistics and scale, as they do in training; what they add is what it has become."""
    with torch.no_grad():
        for (conv, norm), (w, b) in zip(_normed(look.trunk), filters, strict=True):
            gain = norm.weight / (norm.running_var + norm.eps).sqrt()
            conv.weight.copy_(torch.tensor(w) / gain.view(-1, 1, 1, 1))
            norm.bias.copy_(torch.tensor(b) + norm.running_mean * gain)
        look.head.weight.copy_(torch.tensor(weight))
        look.head.bias.copy_(torch.tensor(bias))


def apart(second: Path) -> dict[str, Look]:
    """The looks of a file by NAMES.

    Raises:
        SystemExit: the file is none that ``train.blend`` wrote.
    """
    graph = restored(onnx.load(str(second))).graph
    values = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    convs = [n for n in graph.node if n.op_type == "Conv"]
    heads = [n for n in graph.node if n.op_type == "Gemm" and n.input[1].endswith(HEAD)]
    names = [NAMES.get(n.input[1].removesuffix(HEAD)) for n in heads]
    start = published()[0]
    uppers = sum(1 for _ in _normed(start.trunk))
    lowers = len(convs) - uppers * len(heads)
    if not names or None in names or lowers <= 0:
        raise SystemExit(f"{second} has {len(convs)} convolutions and {len(heads)} heads: it is no second look that train.blend wrote")
    out = dict[str, Look]()
    for k, (name, head) in enumerate(zip(names, heads, strict=True)):
        out[name] = copy.deepcopy(start)
        own = convs[lowers + k * uppers :][:uppers]
        _take(out[name], [(values[n.input[1]], values[n.input[2]]) for n in own], *(values[i] for i in head.input[1:3]))
    agreeing = [look for name, look in out.items() if name != "doubter"]
    gap = difference(second, Agreed(agreeing, out.get("doubter")).eval() if len(out) > 1 else out["look"])
    if gap > MOST_APART:
        raise SystemExit(f"{second} taken apart differs from itself by {gap:.3f}: it was not begun from the published weights")
    print(f"{', '.join(out)}; their shares differ from the file's by {gap:.4f} at most")
    return out


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--second", type=Path, default=Path("second.onnx"))
    p.add_argument("--out", type=Path, required=True)
    a = p.parse_args()
    a.out.mkdir(parents=True, exist_ok=True)
    for name, look in apart(a.second).items():
        save(a.out / f"{name}.pt", {"look": look.state_dict(), "step": 0})


if __name__ == "__main__":
    main()
