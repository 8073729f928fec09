"""YOLOX-nano as torch modules, read from its ONNX graph, with batch norm put back and a new class head.

The published file has batch norm folded into its convolutions, and a folded net trains badly (plain Adam at
1e-3 ruins it). ``restore_norms`` puts norms back so that the function is unchanged on the calibration batches.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import onnx
import torch
import torch.nn.functional as F
from onnx import numpy_helper
from torch import Tensor, nn

from .compact import restored

# Which COCO class each of our classes starts from (motorcycle, bicycle, skateboard, chair, chair, suitcase, person).
COCO_START = (3, 1, 36, 56, 56, 28, 0)


@dataclass(frozen=True)
class Step:
    """One operation of the graph: what it is, what it reads, what it writes."""

    kind: str  # conv | silu | add | pool | up | cat | focus
    reads: tuple[str, ...]
    writes: str
    conv: str = ""
    size: int = 0


class Net(nn.Module):
    """``forward`` gives raw rows [n, cells, 4 + 1 + classes]: offsets, log sizes, objectness and class logits."""

    def __init__(self, base: Path, coco_start: tuple[int, ...] = COCO_START) -> None:
        super().__init__()
        graph = onnx.load(str(base)).graph
        weights = {i.name: torch.from_numpy(numpy_helper.to_array(i).copy()) for i in graph.initializer}
        makers = {o: n for n in graph.node for o in n.output}
        first_resize = next(i for i, n in enumerate(graph.node) if n.op_type == "Resize")
        self.steps: list[Step] = []
        self.heads: dict[tuple[str, int], str] = {}
        self.convs = nn.ModuleDict()
        self.norms = nn.ModuleDict()
        self.backbone: set[str] = set()
        pooled: dict[str, tuple[str, int]] = {}
        for i, n in enumerate(graph.node):
            attrs = {a.name: onnx.helper.get_attribute_value(a) for a in n.attribute}
            if n.op_type == "Conv":
                self._conv(n, attrs, weights, coco_start, i < first_resize)
            elif n.op_type == "Sigmoid":
                users = [m for m in graph.node if n.output[0] in m.input]
                if users and users[0].op_type == "Mul":
                    self.steps.append(Step("silu", (n.input[0],), users[0].output[0]))
            elif n.op_type == "Add":
                self.steps.append(Step("add", tuple(n.input), n.output[0]))
            elif n.op_type == "MaxPool":
                self._pool(n.input[0], n.output[0], attrs["kernel_shape"][0], pooled)
            elif n.op_type == "Resize":
                self.steps.append(Step("up", (n.input[0],), n.output[0]))
            elif n.op_type == "Concat":
                before = {makers[x].op_type for x in n.input if x in makers}
                if before == {"Slice"}:
                    self.steps.append(Step("focus", (), n.output[0]))
                elif not before & {"Reshape", "Sigmoid"}:  # those two only gather the outputs
                    self.steps.append(Step("cat", tuple(n.input), n.output[0]))

    def _conv(self, n: onnx.NodeProto, attrs: dict, weights: dict, coco_start: tuple[int, ...], backbone: bool) -> None:
        name, w, b = f"c{len(self.convs):03d}", weights[n.input[1]], weights[n.input[2]]
        for part, key in (("cls_preds", "c"), ("reg_preds", "r"), ("obj_preds", "o")):
            if part in n.input[1]:
                self.heads[key, int(n.input[1].split(".")[2])] = n.output[0]
                if key == "c":
                    w, b = w[list(coco_start)].clone(), b[list(coco_start)].clone()
        conv = nn.Conv2d(
            w.shape[1] * attrs.get("group", 1), w.shape[0], w.shape[2], attrs["strides"][0], attrs["pads"][0], groups=attrs.get("group", 1)
        )
        conv.weight.data.copy_(w)
        conv.bias.data.copy_(b)
        self.convs[name] = conv
        if backbone:
            self.backbone.add(name)
        self.steps.append(Step("conv", (n.input[0],), n.output[0], conv=name))

    def _pool(self, reads: str, writes: str, size: int, pooled: dict[str, tuple[str, int]]) -> None:
        """A pool of the same input as the one before it goes on from there: the maximum over 9 is that over 5 of that over 5.

        ``pooled`` says what each pool writes: the maximum of what, over how much.
        """
        before = self.steps[-1].writes
        of, over = pooled.get(before, ("", 0))
        goes_on = of == reads and over < size
        self.steps.append(Step("pool", (before,), writes, size=size - over + 1) if goes_on else Step("pool", (reads,), writes, size=size))
        pooled[writes] = (reads, size)

    def forward(self, x: Tensor, watch: dict[str, list[Tensor]] | None = None) -> Tensor:
        t = {"images": x}
        for s in self.steps:
            if s.kind == "conv":
                y = self.convs[s.conv](t[s.reads[0]])
                if watch is not None:
                    watch.setdefault(s.conv, []).append(torch.stack([y.mean((0, 2, 3)), y.var((0, 2, 3))]))
                t[s.writes] = self.norms[s.conv](y) if s.conv in self.norms else y
            elif s.kind == "silu":
                t[s.writes] = F.silu(t[s.reads[0]])
            elif s.kind == "add":
                t[s.writes] = t[s.reads[0]] + t[s.reads[1]]
            elif s.kind == "pool":
                t[s.writes] = F.max_pool2d(t[s.reads[0]], s.size, 1, s.size // 2)
            elif s.kind == "up":
                t[s.writes] = F.interpolate(t[s.reads[0]], scale_factor=2, mode="nearest")
            elif s.kind == "cat":
                t[s.writes] = torch.cat([t[k] for k in s.reads], 1)
            else:
                t[s.writes] = torch.cat([x[..., row::2, column::2] for row, column in PARTS], 1)
        levels = [torch.cat([t[self.heads[k, level]] for k in "roc"], 1).flatten(2) for level in range(3)]
        return torch.cat(levels, 2).transpose(1, 2)

    def take(self, exported: Path) -> None:
        """The folded weights of a file that ``train.export`` wrote, in place of the base net's."""
        weights = {i.name: torch.from_numpy(numpy_helper.to_array(i).copy()) for i in restored(onnx.load(str(exported))).graph.initializer}
        states = {k: weights[f"net.convs.{k}"] for k in self.convs.state_dict()}
        stem = f"{self._stem()}.weight"
        states[stem] = parted(states[stem])
        self.convs.load_state_dict(states)

    def add_norms(self) -> None:
        """Norms behind every hidden convolution, to be filled by ``restore_norms`` or a checkpoint."""
        last = {s.conv for s in self.steps if s.writes in self.heads.values()}
        for name, conv in self.convs.items():
            if name not in last:
                self.norms[name] = nn.BatchNorm2d(conv.out_channels, eps=1e-5, momentum=0.03)

    @torch.no_grad()
    def restore_norms(self, batches: Iterable[Tensor]) -> None:
        """Adds norms that change nothing on these batches: scale = deviation, shift = mean."""
        watch: dict[str, list[Tensor]] = {}
        self.eval()
        for b in batches:
            self.forward(b, watch)
        self.add_norms()
        for name, norm in self.norms.items():
            seen = torch.stack(watch[name])
            mean = seen[:, 0].mean(0)
            var = seen[:, 1].mean(0) + seen[:, 0].var(0, unbiased=False) + 1e-4
            norm.running_mean.copy_(mean)
            norm.running_var.copy_(var)
            norm.weight.copy_((var + norm.eps).sqrt())
            norm.bias.copy_(mean)

    @torch.no_grad()
    def fold(self) -> None:
        """Melts the norms back into the convolutions, for export."""
        for name, norm in self.norms.items():
            conv = self.convs[name]
            k = norm.weight / (norm.running_var + norm.eps).sqrt()
            conv.weight.mul_(k[:, None, None, None])
            conv.bias.copy_((conv.bias - norm.running_mean) * k + norm.bias)
        self.norms = nn.ModuleDict()

    def _stem(self) -> str:
        """The convolution behind the step that parts the picture into its even and odd rows and columns."""
        focus = next(s.writes for s in self.steps if s.kind == "focus")
        return next(s.conv for s in self.steps if s.kind == "conv" and s.reads == (focus,))

    @torch.no_grad()
    def melt_focus(self) -> None:
        """Makes that step and the convolution behind it one convolution of the picture itself, for export: nothing is moved about in memory first."""
        name = self._stem()
        old = self.convs[name]
        new = nn.Conv2d(3, old.out_channels, 2 * old.kernel_size[0], 2 * old.stride[0], 2 * old.padding[0])
        new.weight.copy_(melted(old.weight))
        new.bias.copy_(old.bias)
        self.convs[name] = new
        self.steps = [replace(s, reads=("images",)) if s.conv == name else s for s in self.steps if s.kind != "focus"]


# In the order in which "focus" stacks them: (row, column) of each part of the picture.
PARTS = ((0, 0), (1, 0), (0, 1), (1, 1))


def melted(weight: Tensor) -> Tensor:
    """Filters [n, 12, k, k] of a picture parted into even and odd rows and columns, as filters [n, 3, 2k, 2k] of the picture."""
    n, _, k, _ = weight.shape
    out = weight.new_zeros(n, 3, 2 * k, 2 * k)
    for i, (row, column) in enumerate(PARTS):
        out[:, :, row::2, column::2] = weight[:, 3 * i : 3 * i + 3]
    return out


def parted(weight: Tensor) -> Tensor:
    """The way back from ``melted``; filters that never were melted stay as they are."""
    if weight.shape[1] != 3:
        return weight
    return torch.cat([weight[:, :, row::2, column::2] for row, column in PARTS], 1)


class Served(nn.Module):
    """The net as the server gets it: objectness and classes as probabilities."""

    def __init__(self, net: Net) -> None:
        super().__init__()
        self.net = net

    def forward(self, images: Tensor) -> Tensor:
        y = self.net(images)
        return torch.cat([y[..., :4], y[..., 4:].sigmoid()], -1)
