"""Padding that is melted into convolutions."""

import io

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

torch = pytest.importorskip("torch")

from networks import opened  # noqa: E402
from train.lean import padding_melted  # noqa: E402


class Padded(torch.nn.Module):
    """Strided convolutions padded more behind than before, one of them before a convolution with padding of its own; and a map that is padded and used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = torch.nn.Conv2d(3, 4, 3, 2), torch.nn.Conv2d(4, 4, 5, 2, 1, groups=4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(torch.nn.functional.pad(x, (0, 1, 0, 1)))
        x = self.second(torch.nn.functional.pad(x, (1, 2, 1, 2)))
        both = torch.nn.functional.pad(x, (1, 1, 1, 1))
        return both + both.flip(3)


def of(net: torch.nn.Module) -> onnx.ModelProto:
    file = io.BytesIO()
    torch.onnx.export(net, (torch.zeros(1, 3, 32, 32),), file, input_names=["x"], output_names=["y"], opset_version=17, dynamo=False)
    return onnx.load_from_string(file.getvalue())


def test_padding_before_a_convolution_goes_into_it_and_nothing_changes() -> None:
    torch.manual_seed(2)
    net = Padded().eval()
    x = np.random.RandomState(3).randn(1, 3, 32, 32).astype("f")
    model = of(net)
    before = opened(model.SerializeToString()).run(None, {"x": x})[0]
    assert sum(n.op_type == "Pad" for n in model.graph.node) == 3
    lean = padding_melted(model)
    assert [n.op_type for n in lean.graph.node].count("Pad") == 1, "what no convolution takes alone stays"
    pads = [list(a.ints) for n in lean.graph.node if n.op_type == "Conv" for a in n.attribute if a.name == "pads"]
    assert pads == [[0, 0, 1, 1], [2, 2, 3, 3]]
    assert np.abs(opened(lean.SerializeToString()).run(None, {"x": x})[0] - before).max() < 1e-5
    with torch.no_grad():
        assert np.abs(net(torch.from_numpy(x)).numpy() - before).max() < 1e-5


@pytest.mark.parametrize(("inputs", "mode"), [(["x", "pads", "value"], "constant"), (["x", "pads"], "edge")])
def test_padding_with_anything_but_zeros_stays(inputs: list[str], mode: str) -> None:
    pads = numpy_helper.from_array(np.array([0, 0, 0, 0, 0, 0, 1, 1], np.int64), "pads")
    value = numpy_helper.from_array(np.array(7, np.float32), "value")
    weight = numpy_helper.from_array(np.ones((1, 1, 2, 2), np.float32), "w")
    nodes = [helper.make_node("Pad", inputs, ["p"], mode=mode), helper.make_node("Conv", ["p", "w"], ["y"])]
    sides = ("x", "y")
    x, y = (helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, [1, 1, 4, 4]) for n in sides)
    model = helper.make_model(
        helper.make_graph(nodes, "g", [x], [y], [pads, value, weight]), opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    )
    assert [n.op_type for n in padding_melted(model).graph.node] == ["Pad", "Conv"]
