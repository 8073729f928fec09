"""The detector's net out of a file, before and after its first convolution is melted with what parts the picture."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

torch = pytest.importorskip("torch")

from networks import canvas, opened  # noqa: E402
from train.net import Net, melted, parted  # noqa: E402

COCO = 80


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A net as YOLOX files are made: a parted picture, one convolution, a pyramid of pools, three levels of predictions."""
    dice = np.random.RandomState(5)
    nodes, weights = [], []

    def node(kind: str, reads: list[str], writes: str, **attributes: object) -> str:
        nodes.append(helper.make_node(kind, reads, [writes], name=writes, **attributes))
        return writes

    def tensor(name: str, values: np.ndarray) -> str:
        weights.append(numpy_helper.from_array(values, name))
        return name

    def conv(name: str, reads: str, shape: tuple[int, ...]) -> str:
        w, b = tensor(f"{name}.weight", dice.randn(*shape).astype("f") / 9), tensor(f"{name}.bias", dice.randn(shape[0]).astype("f"))
        return node("Conv", [reads, w, b], f"{name}.out", strides=[1, 1], pads=[shape[2] // 2] * 4, kernel_shape=[shape[2]] * 2, group=1)

    def numbers(name: str, *values: int) -> str:
        return tensor(name, np.array(values, np.int64))

    big, axes, step = numbers("big", 1 << 40, 1 << 40), numbers("axes", 2, 3), numbers("step", 2, 2)
    corners = [
        node("Slice", ["images", numbers(f"at{row}{column}", row, column), big, axes, step], f"part{row}{column}")
        for row, column in ((0, 0), (1, 0), (0, 1), (1, 1))
    ]
    x = conv("stem", node("Concat", corners, "parts", axis=1), (6, 12, 3, 3))
    x = node("Mul", [x, node("Sigmoid", [x], "gate")], "silu")
    pools = [node("MaxPool", [x], f"pool{k}", kernel_shape=[k, k], pads=[k // 2] * 4, strides=[1, 1]) for k in (5, 9, 13)]
    x = node("Concat", [x, *pools], "pyramid", axis=1)
    node("Resize", [x, "", tensor("scales", np.array([1, 1, 2, 2], "f"))], "up", mode="nearest")
    for level in range(3):
        for part, count in (("reg", 4), ("obj", 1), ("cls", COCO)):
            conv(f"head.{part}_preds.{level}", x, (count, 24, 1, 1))
    picture = helper.make_tensor_value_info("images", onnx.TensorProto.FLOAT, ["n", 3, "h", "w"])
    out = helper.make_tensor_value_info("head.reg_preds.0.out", onnx.TensorProto.FLOAT, ["n", 4, "y", "x"])
    model = helper.make_model(
        helper.make_graph(nodes, "base", [picture], [out], weights), opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    )
    onnx.save(model, str(tmp_path / "base.onnx"))
    return tmp_path / "base.onnx"


def test_the_net_computes_what_its_file_does_before_and_after_melting(base: Path) -> None:
    net = Net(base).eval()
    x = np.random.RandomState(1).uniform(0, 255, (2, 3, 64, 96)).astype("f")
    expected = opened(base).run(None, {"images": x})[0].reshape(2, 4, -1).transpose(0, 2, 1)
    with torch.no_grad():
        before = net(torch.from_numpy(x))
        net.melt_focus()
        after = net(torch.from_numpy(x))
    assert before.shape == (2, 3 * 32 * 48, 4 + 1 + 7)
    assert np.abs(before[:, : 32 * 48, :4].numpy() - expected).max() < 1e-3
    assert (before - after).abs().max() < 1e-3
    assert [s.kind for s in net.steps][:2] == ["conv", "silu"]
    assert [s.size for s in net.steps if s.kind == "pool"] == [5, 5, 5], "each goes on from the one before"


def test_a_net_with_open_sides_is_given_no_more_of_the_canvas_than_the_picture_needs(base: Path) -> None:
    x, scale = canvas(opened(base), np.zeros((720, 1280, 3), np.uint8))
    assert (x.shape, scale) == ((3, 256, 416), 0.325)
    model = onnx.load(str(base))
    for side in model.graph.input[0].type.tensor_type.shape.dim[2:]:
        side.dim_value = 416
    x, _ = canvas(opened(model.SerializeToString()), np.zeros((720, 1280, 3), np.uint8))
    assert x.shape == (3, 416, 416)


def test_parted_filters_come_back_from_melted_ones() -> None:
    w = torch.randn(5, 12, 3, 3)
    assert melted(w).shape == (5, 3, 6, 6)
    assert torch.equal(parted(melted(w)), w)
    assert torch.equal(parted(w), w)
