"""The second look's net: the first two thirds of EfficientNet-Lite0 (ImageNet weights, Apache-2.0) and a small head.

It sees one candidate's crop, larger and better centred than the detector did, and says what it is.
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from boxes import CLASSES

LABELS = (*CLASSES, "nothing")
SIZE = 112
# (kernel, stride, expansion, channels) of the blocks that are used: as far as stride 16.
BLOCKS = (
    (3, 1, 1, 16), (3, 2, 6, 24), (3, 1, 6, 24), (5, 2, 6, 40), (5, 1, 6, 40), (3, 2, 6, 80), (3, 1, 6, 80), (3, 1, 6, 80),
    (5, 1, 6, 112), (5, 1, 6, 112), (5, 1, 6, 112),
)  # fmt: skip


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


class Look(nn.Module):
    """``forward``: [n, 3, 112, 112] BGR 0..255 to [n, 8] logits. Norms keep ImageNet's statistics."""

    def __init__(self, start: Path | None = None) -> None:
        super().__init__()
        self._conv_stem, self._bn0 = nn.Conv2d(3, 32, 3, 2, bias=False), nn.BatchNorm2d(32, eps=1e-3)
        blocks, inside = [], 32
        for kernel, stride, expansion, out in BLOCKS:
            blocks.append(Block(inside, kernel, stride, expansion, out))
            inside = out
        self._blocks = nn.ModuleList(blocks)
        self.mix, self.out = nn.Conv2d(inside, 256, 1), nn.Linear(256, len(LABELS))
        if start:
            state = torch.load(start, map_location="cpu")
            state = state.get("net", state)
            mine = self.state_dict()
            self.load_state_dict({k: state.get(k, v) for k, v in mine.items()})
        self.eval()

    def train(self, mode: bool = True) -> Look:
        super().train(mode)
        for m in self.modules():
            if isinstance(m, nn.BatchNorm2d):
                m.eval()
        return self

    def freeze(self, blocks: int) -> None:
        """The stem and the first blocks stay as they are."""
        for part in (self._conv_stem, self._bn0, *self._blocks[:blocks]):
            part.requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        x = (x.flip(1) - 127.0) / 128.0
        x = F.relu6(self._bn0(padded(x, self._conv_stem)))
        for block in self._blocks:
            x = block(x)
        x = F.relu(self.mix(x)).mean((2, 3))
        return self.out(F.dropout(x, 0.2, self.training))
