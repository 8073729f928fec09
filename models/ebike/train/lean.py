"""What an exported file does for nothing, taken out of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import onnx
from onnx import GraphProto, ModelProto, NodeProto, ValueInfoProto, helper

from networks import opened


def made_by(graph: GraphProto, names: Iterable[str]) -> list[NodeProto]:
    """The nodes that some tensors are computed by, in the graph's order."""
    wanted, nodes = set(names), list[NodeProto]()
    for node in reversed(graph.node):
        if wanted.intersection(node.output):
            nodes.append(node)
            wanted.update(node.input)
    return nodes[::-1]


def constants(model: ModelProto, names: Sequence[str]) -> list[np.ndarray]:
    """What tensors that depend on no input always are."""
    needed = made_by(model.graph, names)
    held = {i for n in needed for i in n.input}.union(names)
    weights = [t for t in model.graph.initializer if t.name in held]
    graph = helper.make_graph(needed, "constants", [], [ValueInfoProto(name=n) for n in names], weights)
    alone = helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)
    return opened(alone.SerializeToString()).run(list(names), {})


def padding_melted(model: ModelProto) -> ModelProto:
    """Padding with zeros becomes part of the convolution behind it.

    By itself it is a copy of the whole map, and the runtime has to turn that from its own layout and back again: a quarter of the second look's time.
    """
    graph = model.graph
    for pad in [n for n in graph.node if n.op_type == "Pad"]:
        users = [n for n in graph.node if pad.output[0] in n.input]
        with_zeros = all(a.name != "mode" or a.s == b"constant" for a in pad.attribute) and not any(pad.input[2:])
        if not with_zeros or len(users) != 1 or users[0].op_type != "Conv":
            continue
        before_n, before_c, top, left, after_n, after_c, bottom, right = (int(v) for v in constants(model, [pad.input[1]])[0])
        if before_n or before_c or after_n or after_c:
            continue
        (conv,) = users
        own = next((list(a.ints) for a in conv.attribute if a.name == "pads"), [0, 0, 0, 0])
        kept = [a for a in conv.attribute if a.name not in ("pads", "auto_pad")]
        del conv.attribute[:]
        conv.attribute.extend([*kept, helper.make_attribute("pads", [a + b for a, b in zip(own, (top, left, bottom, right), strict=True)])])
        conv.input[0] = pad.input[0]
        graph.node.remove(pad)

    def used() -> set[str]:
        return {i for n in graph.node for i in n.input} | {o.name for o in graph.output}

    while dead := [n for n in graph.node if not used().intersection(n.output)]:
        for n in dead:
            graph.node.remove(n)
    for t in [t for t in graph.initializer if t.name not in used()]:
        graph.initializer.remove(t)
    onnx.checker.check_model(model)
    return model
