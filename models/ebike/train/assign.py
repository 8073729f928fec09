"""YOLOX's loss: SimOTA gives each box the cells that fit it best (Ge et al. 2021, arXiv 2107.08430)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from decode import grid

CENTRE_RADIUS = 2.5  # in cells
BOX_WEIGHT = 5.0
MOST_CELLS = 10  # that may learn one box


@dataclass
class Losses:
    total: Tensor
    box: Tensor
    objectness: Tensor
    label: Tensor


def iou(p: Tensor, t: Tensor) -> Tensor:
    """Element-wise intersection over union of corner boxes; shapes broadcast."""
    inter = (torch.min(p[..., 2:], t[..., 2:]) - torch.max(p[..., :2], t[..., :2])).clamp(0).prod(-1)
    return inter / ((p[..., 2:] - p[..., :2]).prod(-1) + (t[..., 2:] - t[..., :2]).prod(-1) - inter + 1e-7)


def corners(out: Tensor, cells: Tensor, strides: Tensor) -> Tensor:
    centre, size = (out[..., :2] + cells) * strides, out[..., 2:4].clamp(max=6).exp() * strides
    return torch.cat([centre - size / 2, centre + size / 2], -1)


@torch.no_grad()
def match(
    out: Tensor, predicted: Tensor, boxes: Tensor, labels: Tensor, real: Tensor, points: Tensor, strides: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Which cells learn which box: (whether [n, cells], box of each [n, cells], overlap of each [n, cells]).

    ``boxes`` [n, k, 4] and ``labels`` [n, k] are padded to the fullest picture; ``real`` [n, k] says which are boxes. Nothing here waits for
    what a GPU has computed.
    """
    real = real[..., None]
    inside = ((points > boxes[:, :, None, :2]) & (points < boxes[:, :, None, 2:])).all(-1) & real
    centre = (boxes[..., :2] + boxes[..., 2:]) / 2
    near = ((points - centre[:, :, None]).abs() < CENTRE_RADIUS * strides).all(-1) & real
    candidate = inside | near
    overlap = iou(predicted[:, None], boxes[:, :, None]) * candidate
    sure = (out[..., 5:].sigmoid() * out[..., 4:5].sigmoid()).sqrt().clamp(1e-6, 1 - 1e-6)
    log_sure, log_not = sure.log().transpose(1, 2), (1 - sure).log().transpose(1, 2)
    of_class = labels[..., None].expand(-1, -1, out.shape[1])
    label_cost = -(log_sure.gather(1, of_class) + log_not.sum(1, keepdim=True) - log_not.gather(1, of_class))
    cost = label_cost - 3 * (overlap + 1e-8).log() + 1e5 * ~(inside & near) + 1e8 * ~candidate + 1e12 * ~real
    most = min(MOST_CELLS, overlap.shape[2])
    many = overlap.topk(most, 2).values.sum(2).int().clamp(1)
    best = cost.topk(most, 2, largest=False).indices
    wanted = (torch.arange(most, device=out.device) < many[..., None]) & real
    chosen = torch.zeros_like(candidate).scatter_(2, best, wanted)
    torn = chosen.sum(1, keepdim=True) > 1
    cheapest = torch.zeros_like(chosen).scatter_(1, cost.argmin(1, keepdim=True), True)
    chosen = torch.where(torn, cheapest, chosen) & real & (candidate | (candidate.sum(2, keepdim=True) == 0))
    of = chosen.float().argmax(1)
    return chosen.any(1), of, overlap.gather(1, of[:, None])[:, 0]


def loss(out: Tensor, truth: list[Tensor], width: int, height: int) -> Losses:
    """``truth[i]`` is [k, 5]: corner boxes in pixels and the class."""
    cells, strides = (torch.from_numpy(v).to(out.device) for v in grid(width, height))
    points, predicted = (cells + 0.5) * strides, corners(out, cells, strides)
    fullest = max(1, max(len(t) for t in truth))
    padded = torch.stack([F.pad(t.float(), (0, 0, 0, fullest - len(t))) for t in truth]).to(out.device)
    real = (torch.arange(fullest)[None] < torch.tensor([[len(t)] for t in truth])).to(out.device)
    boxes, labels = padded[..., :4], padded[..., 4].long()
    on, of, overlap = match(out.detach(), predicted.detach(), boxes, labels, real, points, strides)
    q = iou(predicted, boxes.gather(1, of[..., None].expand(-1, -1, 4)))
    box = ((1 - q**2) * on).sum()
    soft = F.one_hot(labels.gather(1, of), out.shape[-1] - 5).float() * overlap[..., None]
    label = (F.binary_cross_entropy_with_logits(out[..., 5:], soft, reduction="none") * on[..., None]).sum()
    objectness = F.binary_cross_entropy_with_logits(out[..., 4], on.float(), reduction="sum")
    n = on.sum().clamp(1)
    box, label, objectness = box / n, label / n, objectness / n
    return Losses(BOX_WEIGHT * box + objectness + label, box.detach(), objectness.detach(), label.detach())
