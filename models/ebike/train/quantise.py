"""Writes ebike.int8.onnx (U8S8 QDQ): python -m train.quantise --model ebike.onnx --renders work/renders --out ebike.int8.onnx

Calibrated on renders. Keep the result only if ``evaluate.py`` finds it within one point of the float model.
The last convolutions and everything behind them stay float: their logarithms of sizes need the resolution. So do the first ones:
what leaves the stem has outliers that eight bits cannot hold (LOG.md, 7).
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnxruntime import InferenceSession
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from networks import canvas, opened
from packs import renders

from .compact import restored


class Pictures(CalibrationDataReader):
    """Renders on the canvas that the server would hand the net."""

    def __init__(self, net: InferenceSession, pictures: list[np.ndarray]) -> None:
        self._net, self._pictures = net, iter(pictures)

    def get_next(self) -> dict[str, np.ndarray] | None:
        picture = next(self._pictures, None)
        return None if picture is None else {"images": canvas(self._net, picture)[0][None]}


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--model", type=Path, default=Path("ebike.onnx"))
    p.add_argument("--renders", type=Path, nargs="+", required=True)
    p.add_argument("--out", type=Path, default=Path("ebike.int8.onnx"))
    p.add_argument("--count", type=int, default=120)
    p.add_argument("--float-first", type=int, default=20, help="so many convolutions from the input on stay float")
    a = p.parse_args()
    pictures = [r.picture for folder in a.renders for r in renders(folder)]
    pictures = pictures[:: max(1, len(pictures) // a.count)][: a.count]
    model = restored(onnx.load(str(a.model)))
    graph = model.graph
    makers = {o: n for n in graph.node for o in n.output}
    keep: set[str] = set()
    front = [o.name for o in graph.output]
    while front:  # from the output back to the head's last convolutions, both included
        node = makers.get(front.pop())
        if node is None or node.name in keep:
            continue
        keep.add(node.name)
        if node.op_type != "Conv":
            front += list(node.input)
    convolutions = 0
    for node in graph.node:
        convolutions += node.op_type == "Conv"
        if convolutions > a.float_first:
            break
        keep.add(node.name)
    with tempfile.TemporaryDirectory() as folder:
        wide, ready = Path(folder) / "wide.onnx", Path(folder) / "ready.onnx"
        onnx.save(model, str(wide))
        quant_pre_process(str(wide), str(ready), skip_symbolic_shape=True)
        quantize_static(
            str(ready), str(a.out), Pictures(opened(a.model), pictures), quant_format=QuantFormat.QDQ, per_channel=True,
            activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8, nodes_to_exclude=sorted(keep),
            calibrate_method=CalibrationMethod.MinMax,
        )  # fmt: skip
    print(f"{a.out.name}: {a.out.stat().st_size / 1e6:.2f} MB, {len(pictures)} pictures, {len(keep)} nodes left float")


if __name__ == "__main__":
    main()
