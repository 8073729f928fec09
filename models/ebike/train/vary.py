"""The same crops, seen a little differently each time: turned, shifted, nearer or farther, in other colours, in other textures.

Batches of crops as they are kept come in, and crops as the second look sees them go out. Everything is drawn anew at each step, so that no crop is
ever learnt from twice as it is.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from .look import SIZE

# Of a crop that is kept: its side in pixels, and as a multiple of the box's longer side. What is learnt from is cut out of it.
KEPT_SIDE, KEPT_MARGIN = 224, 1.6
NEAREST, FARTHEST = 1.0, 1.45  # multiples of the box's longer side that are learnt from
TURN, SHIFT = 0.15, 0.06  # radians; halves of the crop
GREY = (0.114, 0.587, 0.299)  # of blue, green and red


def _drawn(dice: torch.Generator, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
    return low + (high - low) * torch.rand(*shape, generator=dice)


def moved(x: Tensor, dice: torch.Generator) -> Tensor:
    """[n, 3, KEPT_SIDE, KEPT_SIDE] to [n, 3, SIZE, SIZE]: scaled, turned, mirrored and shifted."""
    n = len(x)
    scale, turn = _drawn(dice, n, low=NEAREST, high=FARTHEST) / KEPT_MARGIN, _drawn(dice, n, low=-TURN, high=TURN)
    mirror = torch.where(_drawn(dice, n) < 0.5, -1.0, 1.0)
    shift = _drawn(dice, n, 2, low=-SHIFT, high=SHIFT)
    c, s = torch.cos(turn) * scale, torch.sin(turn) * scale
    how = torch.stack([torch.stack([c * mirror, -s, shift[:, 0]], 1), torch.stack([s * mirror, c, shift[:, 1]], 1)], 1)
    grid = F.affine_grid(how.to(x.device), [n, 3, SIZE, SIZE], align_corners=False)
    return F.grid_sample(x, grid, mode="bilinear", padding_mode="border", align_corners=False)


def coloured(x: Tensor, dice: torch.Generator, likely: float = 0.4, grey: float = 0.05) -> Tensor:
    """In another light: gains of the channels, contrast and brightness; some without any colour."""
    n = len(x)
    on = (_drawn(dice, n, 1, 1, 1) < likely).float()
    gain = (1 + on * _drawn(dice, n, 3, 1, 1, low=-0.15, high=0.15)).to(x.device)
    contrast = (1 + on * _drawn(dice, n, 1, 1, 1, low=-0.3, high=0.3)).to(x.device)
    light = (on * _drawn(dice, n, 1, 1, 1, low=-30, high=30)).to(x.device)
    x = ((x * gain - 127) * contrast + 127 + light).clamp(0, 255)
    plain = (_drawn(dice, n, 1, 1, 1) < grey).float().to(x.device)
    weights = torch.tensor(GREY, device=x.device).view(1, 3, 1, 1)
    return plain * (x * weights).sum(1, keepdim=True) + (1 - plain) * x


def scrambled(x: Tensor, dice: torch.Generator, likely: float) -> Tensor:
    """Some of them through a random convolution: shapes stay, textures and colours do not (Xu et al. 2021, arXiv 2007.13003)."""
    chosen = (_drawn(dice, len(x)) < likely).nonzero()[:, 0].to(x.device)
    if not len(chosen):
        return x
    x = x.clone()
    for part in chosen.chunk(4):
        k = (1, 3, 5, 7)[int(torch.randint(4, (1,), generator=dice))]
        filters = (torch.randn(3, 3, k, k, generator=dice) / math.sqrt(3 * k * k)).to(x.device)
        share = _drawn(dice, len(part), 1, 1, 1).to(x.device)
        plain = (x[part] - 127) / 64
        other = F.conv2d(F.pad(plain, (k // 2,) * 4, mode="reflect"), filters)
        x[part] = ((share * plain + (1 - share) * other) * 64 + 127).clamp(0, 255)
    return x


def varied(x: Tensor, dice: torch.Generator, scramble: float = 0.0) -> Tensor:
    """Crops [n, 3, KEPT_SIDE, KEPT_SIDE] BGR 0..255 to what is learnt from at one step, [n, 3, SIZE, SIZE]."""
    return scrambled(coloured(moved(x, dice), dice), dice, scramble)
