"""How much of what a second look knows it knows of its own renders only.

    python -m train.gap --detector ebike.onnx --weights work/on/ema.pt --learnt renders --new work/renders603

Crops are drawn as ``train.second`` draws them, from renders that the look has learnt from and from renders of other seeds that it has not. Where
it does much better on the first, it has learnt them by heart, and more renders help; where both are alike, longer training or a larger net may.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .augment import Mixer, Recipe
from .crops import Crop, Crops, batch_of, counted
from .data import Renders
from .look import EBIKE, LABELS, Look, published
from .second import Lower
from .vary import varied

SEED = 1


@dataclass(frozen=True)
class Known:
    """Means over the labels that there are, so that folders with other mixes can be compared."""

    loss: float  # cross entropy, nats
    right: float  # share of crops named rightly
    order: float  # the chance that an e-bike is called one more surely than a crop of anything else is (AUC)


def measured(logits: Tensor, labels: Tensor) -> Known:
    """From logits [n, 8] and what the crops show [n]; both e-bikes and something else have to be among them."""
    loss, right = F.cross_entropy(logits, labels, reduction="none"), (logits.argmax(1) == labels).float()
    there = [labels == k for k in range(len(LABELS)) if (labels == k).any()]
    share, ebike = logits.softmax(1)[:, EBIKE], labels == EBIKE
    above = share[ebike][:, None] - share[~ebike][None]
    order = (above > 0).float().mean() + (above == 0).float().mean() / 2
    return Known(*(float(torch.stack([x[k].mean() for k in there]).mean()) for x in (loss, right)), float(order))


def crops(folder: Path, detector: Path | None, count: int, mild: float) -> list[Crop]:
    """At least ``count`` crops of renders with places balanced, without real frames and people cut from them: packed, and what they show."""
    renders = Renders([folder], even_places=True)
    if not renders.shots:
        raise SystemExit(f"no renders in {folder}: render some with scenes.dataset")
    source, drawn = Crops(Mixer(renders, [], SEED, 0.0, Recipe(mild=mild)), detector, SEED), []
    while len(drawn) < count:
        drawn += source.draw()
    print(f"{folder}: {len(drawn)} crops, {counted(np.array([label for _, label in drawn]))}", flush=True)
    return drawn


def maps_of(drawn: list[Crop], lower: Lower) -> tuple[Tensor, Tensor]:
    """What the lower part makes of the crops, each seen one way of many (``train.vary``), and what they show."""
    dice, maps = torch.Generator().manual_seed(SEED), []
    for at in range(0, len(drawn), 128):
        maps.append(lower(varied(batch_of(crop for crop, _ in drawn[at : at + 128]), dice)))
    return torch.cat(maps), torch.tensor([label for _, label in drawn])


def known(look: Look, maps: Tensor, labels: Tensor) -> Known:
    with torch.no_grad():
        return measured(torch.cat([look.head(look.trunk.upper(part)) for part in maps.split(128)]), labels)


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--detector", type=Path, help="ONNX file whose candidates are looked at")
    p.add_argument("--weights", type=Path, nargs="+", required=True, help="ema.pt of some runs, each measured by itself")
    p.add_argument("--learnt", type=Path, required=True, help="renders that they have learnt from")
    p.add_argument("--new", type=Path, required=True, help="renders of other seeds")
    p.add_argument("--count", type=int, default=3000, help="crops of each")
    p.add_argument("--mild", type=float, default=0.75, help="share of pictures that are spoilt little")
    a = p.parse_args()
    torch.set_num_threads(1)
    look = published()[0]
    lower = Lower(look.trunk)
    seen = {name: maps_of(crops(folder, a.detector, a.count, a.mild), lower) for name, folder in (("learnt", a.learnt), ("new", a.new))}
    for weights in a.weights:
        look.load_state_dict(torch.load(weights, map_location="cpu")["look"])
        for name, (maps, labels) in seen.items():
            k = known(look, maps, labels)
            print(f"{weights} {name}: loss {k.loss:.3f}, right {k.right:.3f}, e-bikes above the rest {k.order:.3f}", flush=True)


if __name__ == "__main__":
    main()
