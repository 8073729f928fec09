"""YOLOX's loss: SimOTA gives each box the cells that fit it best (Ge et al. 2021, arXiv 2107.08430)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from decode import grid

CENTRE_RADIUS = 2.5  # in cells
BOX_WEIGHT = 5.0


@dataclass
class Losses:
    total: Tensor
    box: float
    objectness: float
    label: float


def iou(p: Tensor, t: Tensor) -> Tensor:
    """Element-wise intersection over union of corner boxes; shapes broadcast."""
    inter = (torch.min(p[..., 2:], t[..., 2:]) - torch.max(p[..., :2], t[..., :2])).clamp(0).prod(-1)
    return inter / ((p[..., 2:] - p[..., :2]).prod(-1) + (t[..., 2:] - t[..., :2]).prod(-1) - inter + 1e-7)


def corners(out: Tensor, cells: Tensor, strides: Tensor) -> Tensor:
    centre, size = (out[..., :2] + cells) * strides, out[..., 2:4].clamp(max=6).exp() * strides
    return torch.cat([centre - size / 2, centre + size / 2], -1)


@torch.no_grad()
def match(out: Tensor, predicted: Tensor, boxes: Tensor, labels: Tensor, points: Tensor, strides: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Which cells learn which box: (cells, box of each, overlap of each)."""
    inside = ((points[None] > boxes[:, None, :2]) & (points[None] < boxes[:, None, 2:])).all(-1)
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    near = ((points[None] - centre[:, None]).abs() < CENTRE_RADIUS * strides[None]).all(-1)
    candidate = inside | near
    overlap = iou(predicted[None], boxes[:, None]) * candidate
    sure = (out[:, 5:].sigmoid() * out[:, 4:5].sigmoid()).sqrt().clamp(1e-6, 1 - 1e-6)
    log_sure, log_not = sure.log(), (1 - sure).log()
    label_cost = -(log_sure[:, labels].T + (log_not.sum(1)[None] - log_not[:, labels].T))
    cost = label_cost - 3 * (overlap + 1e-8).log() + 1e5 * ~(inside & near) + 1e8 * ~candidate
    many = overlap.topk(min(10, overlap.shape[1]), 1).values.sum(1).int().clamp(1)
    chosen = torch.zeros_like(cost, dtype=torch.bool)
    for g in range(len(boxes)):
        chosen[g, cost[g].topk(int(many[g]), largest=False).indices] = True
    torn = chosen.sum(0) > 1
    if torn.any():
        best = cost[:, torn].argmin(0)
        chosen[:, torn] = False
        chosen[best, torn.nonzero()[:, 0]] = True
    chosen &= candidate | (candidate.sum(1, keepdim=True) == 0)
    cells = chosen.any(0).nonzero()[:, 0]
    of = chosen[:, cells].float().argmax(0)
    return cells, of, overlap[of, cells]


def loss(out: Tensor, truth: list[Tensor], width: int, height: int) -> Losses:
    """``truth[i]`` is [k, 5]: corner boxes in pixels and the class."""
    cells, strides = (torch.from_numpy(v).to(out.device) for v in grid(width, height))
    points, predicted = (cells + 0.5) * strides, corners(out, cells, strides)
    target = torch.zeros_like(out[..., 4])
    box, label, n = out.sum() * 0, out.sum() * 0, 0
    for i, t in enumerate(truth):
        if not len(t):
            continue
        at, of, overlap = match(out[i].detach(), predicted[i].detach(), t[:, :4], t[:, 4].long(), points, strides)
        if not len(at):
            continue
        target[i, at] = 1
        n += len(at)
        q = iou(predicted[i, at], t[of, :4])
        box = box + (1 - q**2).sum()
        soft = F.one_hot(t[of, 4].long(), out.shape[-1] - 5).float() * overlap[:, None]
        label = label + F.binary_cross_entropy_with_logits(out[i, at, 5:], soft, reduction="sum")
    objectness = F.binary_cross_entropy_with_logits(out[..., 4], target, reduction="sum")
    n = max(n, 1)
    return Losses(
        (BOX_WEIGHT * box + objectness + label) / n, float(box.detach()) / n, float(objectness.detach()) / n, float(label.detach()) / n
    )
