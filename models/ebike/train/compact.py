"""Weights kept in an eighth to half of the room: the runtime makes floats of them when it loads a file.

Large filters become bytes, each output channel with a scale of its own; one that lies close to an earlier filter, as where two runs went out from the same
start, is kept as what it differs by, in half bytes. Other tensors become half floats. What is computed with them stays float.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from .lean import constants, made_by

KEPT, WIDE, SCALE = ".kept", ".wide", ".scale"  # behind a tensor's name: as kept, as floats, and what a channel is multiplied by
APART, SIXTEEN = ".apart", "sixteen"  # what it differs by from the tensor it lies close to; a name for 16
LEAST = 256  # values; smaller tensors stay as they are
# Filters of so many values become bytes. Narrow ones stay half floats, for next to no room: with all as bytes the second look's shares move by 0.016 (root mean
# square over 213 crops of photographs) and not by 0.008. The detector's have to be wider: its scores would move by 0.042 and not by 0.006.
MANY, WIDE_ONLY = 5_000, 30_000
# So many of the second look's large filters stay half floats, from the first on: all three of its uppers see what they are off by. E-bikes' shares move by 0.0042
# and not by 0.0052, for 0.4 MB.
FIRST = 16
# Distance, as a share of its length, below which a filter is kept as a difference: a byte is off by 1 % of it, half a byte by 16 % of the difference. Most of the
# filters of runs of the second look are 2 to 10 % apart; the widening ones of a long run 33 to 47 %, which stay bytes. Shares move by 0.003 (root mean square over
# 210 crops of photographs).
CLOSE = 0.25
BYTE, HALF_BYTE = 127, 7  # the largest number in it
CUT = (0.9, 0.8, 0.7, 0.6, 0.5, 0.4)  # half bytes are few: what is rare and large may be cut to so much of the largest


def _steps(values: np.ndarray, largest: int, cut: Sequence[float] = ()) -> tuple[np.ndarray, np.ndarray]:
    """Whole numbers up to ``largest``, and what each output channel's are multiplied by to be the values again.

    The largest value of a channel is the largest number; or so much of it as ``cut`` offers, where all the others gain more than the largest lose.
    """
    whole = (np.maximum(np.abs(values).max((1, 2, 3), keepdims=True), 1e-12) / largest).astype(np.float32)
    best, error = whole, np.full(whole.shape, np.inf)
    for share in (1.0, *cut):
        scale = whole * np.float32(share)
        off = ((np.rint(values / scale).clip(-largest, largest) * scale - values) ** 2).sum((1, 2, 3), keepdims=True)
        best, error = np.where(off < error, scale, best), np.minimum(off, error)
    return np.rint(values / best).clip(-largest, largest).astype(np.int8), best


def _paired(halves: np.ndarray) -> np.ndarray:
    """Half bytes -7..7 [2 n, ...] two to a byte [n, ...]: those of the first n channels sixteen times, and those of the others."""
    high, low = np.split(halves, 2)
    return (high * 16 + low).astype(np.int8)


def _unpairing(name: str, wide: str, out: str) -> list[NodeProto]:
    """Nodes that take ``_paired`` halves apart again."""
    part, high, shifted, low = (f"{name}.{x}" for x in ("part", "high", "shifted", "low"))
    return [
        helper.make_node("Div", [wide, SIXTEEN], [part]),
        helper.make_node("Round", [part], [high]),
        helper.make_node("Mul", [high, SIXTEEN], [shifted]),
        helper.make_node("Sub", [wide, shifted], [low]),
        helper.make_node("Concat", [high, low], [out], axis=0),
    ]


def compacted(model: ModelProto, bytes_from: int = MANY, first: int = 0) -> ModelProto:
    """The same model with its large tensors kept small; ``first`` so many of the filters large enough to become bytes stay half floats."""
    graph, front = model.graph, list[NodeProto]()
    seen = 0  # filters that are large enough to become bytes
    whole: dict[tuple[int, ...], dict[str, np.ndarray]] = {}  # filters kept by themselves, by shape, as they come out again

    def keep(values: np.ndarray, name: str) -> None:
        graph.initializer.append(numpy_helper.from_array(values, name))

    def close_to(values: np.ndarray) -> str | None:
        apart = {n: np.linalg.norm(values - w) for n, w in whole.get(values.shape, {}).items()}
        nearest = min(apart, key=apart.__getitem__, default=None)
        return nearest if nearest and len(values) % 2 == 0 and apart[nearest] < CLOSE * np.linalg.norm(values) else None

    for t in list(graph.initializer):
        if t.data_type != TensorProto.FLOAT or np.prod(t.dims) < LEAST:
            continue
        values, wide = numpy_helper.to_array(t), t.name + WIDE
        graph.initializer.remove(t)
        is_large = len(t.dims) == 4 and values.size >= bytes_from
        seen += is_large
        if not is_large or seen <= first:
            keep(values.astype(np.float16), t.name + KEPT)
            front.append(helper.make_node("Cast", [t.name + KEPT], [t.name], to=TensorProto.FLOAT))
            continue
        front.append(helper.make_node("Cast", [t.name + KEPT], [wide], to=TensorProto.FLOAT))
        near = close_to(values)
        if near is None:
            kept, scale = _steps(values, BYTE)
            whole.setdefault(values.shape, {})[t.name] = kept * scale
            front.append(helper.make_node("Mul", [wide, t.name + SCALE], [t.name]))
        else:
            halves, scale = _steps(values - whole[values.shape][near], HALF_BYTE, CUT)
            kept, steps, apart = _paired(halves), t.name + ".steps", t.name + APART
            front += _unpairing(t.name, wide, steps)
            front.append(helper.make_node("Mul", [steps, t.name + SCALE], [apart]))
            front.append(helper.make_node("Add", [near, apart], [t.name]))
        keep(kept, t.name + KEPT)
        keep(scale, t.name + SCALE)
    if any(SIXTEEN in n.input for n in front):
        keep(np.array(16, np.float32), SIXTEEN)
    nodes = [*front, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(model)
    return model


def restored(model: ModelProto) -> ModelProto:
    """The same model with all tensors as floats, as before ``compacted``; a model that never was is left as it is."""
    graph = model.graph
    names = [t.name.removesuffix(KEPT) for t in graph.initializer if t.name.endswith(KEPT)]
    if not names:
        return model
    values, making = constants(model, names), made_by(graph, names)
    made, read = {o for n in making for o in n.output}, {i for n in making for i in n.input}
    nodes = [n for n in graph.node if not made.intersection(n.output)]
    others = [t for t in graph.initializer if t.name not in read]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend([*others, *(numpy_helper.from_array(v, name) for name, v in zip(names, values, strict=True))])
    onnx.checker.check_model(model)
    return model


def smaller(path: Path, bytes_from: int = MANY, first: int = 0) -> None:
    """Compacts a file in place (see ``compacted``)."""
    onnx.save(compacted(onnx.load(str(path)), bytes_from, first), str(path))
