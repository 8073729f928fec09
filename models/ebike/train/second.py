"""Trains the second look: python -m train.second --detector ebike.onnx --renders work/renders --out work/look

Crops of augmented renders (``train.crops``) are learnt from many times over, each time seen differently (``train.vary``) and in
another style (``restyled``). The lower part of the net stays as published, and norms keep
their published statistics: those of renders are not those of cameras. A GPU is used when there is one. Resumable: ``last.pt`` is everything but
the pool, which is filled anew, and ``ema.pt`` the averaged weights; several runs may be averaged, made to agree
and doubted by their own beginnings (``train.blend``).
"""

from __future__ import annotations

import argparse
import copy
import io
import itertools
import os
import time
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import cv2
import numpy as np
import onnx
import torch
import torch.nn.functional as F
from torch import Tensor

from networks import opened

from .ahead import ahead
from .augment import Mixer, Recipe
from .compact import FIRST, smaller
from .crops import Crop, Crops, Pool, counted
from .data import Renders, coco_shots, cut_people, real_frames, rendered_people
from .fit import average, keep_whole, kept, rate, save
from .lean import padding_melted
from .look import LABELS, SIZE, Agreed, Look, Trunk, published
from .vary import varied

CROWDED = 0.6  # share of pictures in which people are put before things, where there is a crowd to take them from


def exported(net: torch.nn.Module, output: str) -> onnx.ModelProto:
    """What takes crops, as ONNX for any number of them."""
    file = io.BytesIO()
    torch.onnx.export(
        net, (torch.zeros(2, 3, SIZE, SIZE),), file, input_names=["crops"], output_names=[output], opset_version=17, dynamo=False,
        dynamic_axes={"crops": {0: "batch"}, output: {0: "batch"}},
    )  # fmt: skip
    return padding_melted(onnx.load_from_string(file.getvalue()))


def difference(path: Path, net: torch.nn.Module) -> float:
    """The largest there is between what a file and a net make of the same noise."""
    x = np.random.RandomState(1).uniform(0, 255, (3, 3, SIZE, SIZE)).astype(np.float32)
    with torch.no_grad():
        return float(np.abs(opened(path).run(None, {"crops": x})[0] - net(torch.from_numpy(x)).numpy()).max())


def write(net: torch.nn.Module, path: Path, output: str) -> None:
    """As ONNX, checked against torch."""
    onnx.save(exported(net, output), str(path))
    gap = difference(path, net)
    if gap > 1e-2:
        raise SystemExit(f"the exported file does not compute what torch computes: {gap}")


class _Part(torch.nn.Module):
    def __init__(self, trunk: Trunk) -> None:
        super().__init__()
        self._trunk = trunk

    def forward(self, crops: Tensor) -> Tensor:
        return self._trunk.lower(crops)


class Lower:
    """The lower part in the runtime, four times as fast on one core as in torch."""

    def __init__(self, trunk: Trunk) -> None:
        self._session = opened(exported(_Part(trunk).eval(), "maps").SerializeToString())  # the trunk's norms never learn

    def __call__(self, crops: Tensor, at_once: int = 32) -> Tensor:
        """[n, 3, SIZE, SIZE] to [n, *MAPS]."""
        parts = [self._session.run(None, {"crops": part.numpy()})[0] for part in crops.split(at_once)]
        return torch.from_numpy(np.concatenate(parts))


def restyled(x: Tensor, dice: np.random.RandomState, likely: float, sharpness: float = 0.3) -> Tensor:
    """Maps [n, c, h, w] with other means and deviations of their channels: the style of a picture, without what it shows.

    Half the time they are mixed with another sample's (MixStyle, Zhou et al. 2021, arXiv 2104.02008; photographs are among them), half the time they
    are shaken by as much as they differ in the batch (DSU, Li et al. 2022, arXiv 2202.03958). What is then learnt holds less to how renders look.
    """
    if dice.rand() >= likely:
        return x
    mean, deviation = x.mean((2, 3), keepdim=True), (x.var((2, 3), keepdim=True) + 1e-6).sqrt()
    plain = (x - mean) / deviation
    if dice.rand() < 0.5:
        other = torch.from_numpy(dice.permutation(len(x))).to(x.device)
        share = torch.from_numpy(dice.beta(sharpness, sharpness, (len(x), 1, 1, 1)).astype(np.float32)).to(x.device)
        return plain * (share * deviation + (1 - share) * deviation[other]) + share * mean + (1 - share) * mean[other]

    def shaken(v: Tensor) -> Tensor:
        return v + torch.from_numpy(dice.randn(*v.shape).astype(np.float32)).to(v.device) * v.std(0, keepdim=True)

    return plain * shaken(deviation).clamp(min=1e-3) + shaken(mean)


def learning(look: Look, rate: float, upper_rate: float) -> torch.optim.AdamW:
    """The upper part and the head at rates of their own; the lower part does not learn."""
    for p in look.trunk.parameters():
        p.requires_grad_(False)
    for p in look.trunk.uppers():
        p.requires_grad_(True)
    return torch.optim.AdamW(
        [{"params": look.trunk.uppers(), "peak": upper_rate, "weight_decay": 1e-3}, {"params": list(look.head.parameters()), "peak": rate, "weight_decay": 0.0}],
        lr=rate,
    )  # fmt: skip


def export(look: Look | Agreed, out: Path) -> None:
    write(look.cpu().eval(), out, "labels")
    smaller(out, first=FIRST)
    print(f"{out.name}: {out.stat().st_size / 1e6:.2f} MB", flush=True)


class Run:
    """A look that learns and its running average, kept in a folder: the same folder goes on where it stopped."""

    def __init__(self, out: Path, look: Look, rate: float, upper_rate: float, decay: float, device: str) -> None:
        out.mkdir(parents=True, exist_ok=True)
        self._out, self._decay = out, decay
        state = kept(out)
        if state:
            look.load_state_dict(state["look"])
        self.look = look.to(device, memory_format=torch.channels_last)  # a third faster on a CPU
        self.optimiser, self.step = learning(look, rate, upper_rate), 0
        self.average = copy.deepcopy(look)
        if state:
            self.optimiser.load_state_dict(state["optimiser"])
            self.average.load_state_dict(state["ema"])
            self.step = state["step"]

    def learn(self, maps: Tensor, labels: Tensor, weights: Tensor, pace: float) -> tuple[float, np.ndarray]:
        """One step on maps [n, *MAPS] at a share of the rates; the loss, and what it called each crop."""
        for g in self.optimiser.param_groups:
            g["lr"] = g["peak"] * pace
        logits = self.look.head(F.dropout(self.look.trunk.upper(maps), 0.2))
        cost = F.cross_entropy(logits, labels, weight=weights, label_smoothing=0.05)
        self.optimiser.zero_grad()
        cost.backward()
        torch.nn.utils.clip_grad_norm_([p for g in self.optimiser.param_groups for p in g["params"]], 5.0)
        self.optimiser.step()
        average(self.average, self.look, self.step, self._decay)
        self.step += 1
        return float(cost.detach()), logits.detach().argmax(1).cpu().numpy()

    def keep_average(self, name: str) -> None:
        save(self._out / name, {"look": self.average.state_dict(), "step": self.step})

    def keep(self) -> None:
        self.keep_average("ema.pt")
        keep_whole(self._out, self.step, look=self.look, ema=self.average, optimiser=self.optimiser)


class Tally:
    """The loss and what was named rightly, by label, over some steps."""

    def __init__(self) -> None:
        self._costs, self._right, self._seen = list[float](), np.zeros(len(LABELS)), np.zeros(len(LABELS))

    def add(self, cost: float, named: np.ndarray, labels: np.ndarray) -> None:
        self._costs.append(cost)
        self._right += np.bincount(labels[named == labels], minlength=len(LABELS))
        self._seen += np.bincount(labels, minlength=len(LABELS))

    def told(self) -> tuple[float, str]:
        """The mean loss, and each label's share."""
        cost = sum(self._costs) / len(self._costs)
        shares = " ".join(f"{n} {r / max(s, 1):.2f}" for n, r, s in zip(LABELS, self._right, self._seen, strict=True))
        return cost, shares


def begun(other: Path | None) -> Look:
    """The published net with the head that ImageNet gives it, or what another run became."""
    look, weight, bias = published()
    with torch.no_grad():
        look.head.weight.copy_(weight)
        look.head.bias.copy_(bias)
    if other:
        look.load_state_dict(torch.load(other, map_location="cpu")["look"])
    return look


def drawn(a: argparse.Namespace, first: int) -> Iterator[list[Crop]]:
    """Crops of pictures mixed from renders, real frames and people, without end; seeds from ``first`` on."""
    renders = Renders(a.renders, even_places=a.even_places)
    real = real_frames(a.clips, a.panoramas, a.base) if a.base else []
    for folder in a.coco:
        real += coco_shots(folder)
    people = cut_people(a.clips, a.base) if a.base else []
    people += rendered_people(renders.shots, a.crowd, a.seed) if a.crowd else []
    print(f"renders {len(renders.shots)} {renders.counts()}, real frames {len(real)}, people {len(people)}", flush=True)
    recipe = Recipe(mild=a.mild, people=CROWDED if a.crowd else Recipe.people)

    def draw(seed: int) -> Iterator[list[Crop]]:
        crops = Crops(Mixer(renders, real, seed, a.real_share, recipe, people), a.detector, seed)
        for n in itertools.count(1):
            yield crops.draw()
            if n % 1000 == 0:
                renders.refresh()

    return ahead(draw, [first + k for k in range(a.draw)]) if a.draw else draw(first)


def arguments() -> argparse.Namespace:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--detector", type=Path, help="ONNX file whose candidates are learnt from")
    p.add_argument("--renders", type=Path, nargs="+", required=True)
    p.add_argument("--clips", type=Path)
    p.add_argument("--panoramas", type=Path, nargs="*", default=[])
    p.add_argument("--coco", type=Path, nargs="*", default=[], help="COCO exports of own footage, to adapt to a site")
    p.add_argument("--base", type=Path, help="base net, to label people on real frames")
    p.add_argument("--from-look", type=Path, help="ema.pt of another run to go on from")
    p.add_argument("--out", type=Path, required=True)
    p.add_argument("--steps", type=int, default=1000)
    p.add_argument("--batch", type=int, default=64)
    p.add_argument("--rate", type=float, default=3e-3, help="of the head")
    p.add_argument(
        "--upper-rate", type=float, default=1e-4, help="of what is below it: the slower, the more it keeps of what photographs taught"
    )
    p.add_argument("--pool", type=int, default=100_000, help="crops learnt from at a time; some 20 KB each")
    p.add_argument("--fresh", type=int, default=24, help="new crops a step")
    p.add_argument("--draw", type=int, default=0, help="processes that draw crops ahead; 0 draws between steps")
    p.add_argument("--scramble", type=float, default=0.0, help="share of crops with another texture (train/vary.py)")
    p.add_argument("--restyle", type=float, default=0.8, help="share of batches in another style (see restyled)")
    p.add_argument(
        "--mild",
        type=float,
        default=0.0,
        help="share of pictures that are spoilt little, so that what they show can be seen (see augment.spoil)",
    )
    p.add_argument("--fall", type=float, default=0.5, help="below 1 the rate falls sooner than by a cosine over the steps (see fit.rate)")
    p.add_argument(
        "--keep", type=int, nargs="*", default=[], help="steps whose averaged weights are kept as ema_STEP.pt: doubters (see look.Agreed)"
    )
    p.add_argument("--decay", type=float, default=0.99)
    p.add_argument("--even-places", action="store_true", help="draw renders so that no place speaks for a class (see data.how_often)")
    p.add_argument(
        "--crowd", type=int, default=0, help="so many people cut out of renders stand before vehicles, as those cut out of real clips do"
    )
    p.add_argument("--real-share", type=float, default=0.2)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--minutes", type=float, default=1e9, help="stop (resumably) after so long")
    p.add_argument("--until", type=int, default=1 << 30, help="stop (resumably) after so many of the steps: all that a doubter needs")
    return p.parse_args()


def main() -> None:
    a = arguments()
    torch.set_num_threads(a.threads)
    torch.manual_seed(a.seed)
    cv2.setNumThreads(1)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    run = Run(a.out, begun(a.from_look), a.rate, a.upper_rate, a.decay, device)
    first = a.seed * 100_000 + run.step
    pool = Pool(drawn(a, first), a.pool, first)
    lower = Lower(run.look.trunk) if device == "cpu" else run.look.trunk.lower
    began, since, tally = time.monotonic(), run.step, Tally()
    pool.fill(a.pool)
    print(f"pool of {len(pool)} crops, {counted(pool.labels)}, {device}", flush=True)
    dice, torch_dice = np.random.RandomState(a.seed * 7 + run.step), torch.Generator().manual_seed(a.seed * 7 + run.step)
    while run.step < min(a.steps, a.until) and time.monotonic() - began < a.minutes * 60:
        pool.fill(a.fresh)
        x, y = (t.to(device) for t in pool.batch(a.batch))
        with torch.no_grad():
            maps = lower(varied(x, torch_dice, a.scramble)).contiguous(memory_format=torch.channels_last)
        pace = rate(run.step, a.steps, 1.0, fall=a.fall)
        tally.add(*run.learn(restyled(maps, dice, a.restyle), y, pool.weights().to(device), pace), y.cpu().numpy())
        if run.step % 50 == 0:
            each = (time.monotonic() - began) / (run.step - since)
            (cost, named), tally = tally.told(), Tally()
            print(f"{run.step} loss {cost:.3f} {each:.2f} s/step, {pool.drawn} crops, right: {named}", flush=True)
        if run.step in a.keep:
            run.keep_average(f"ema_{run.step}.pt")
        if run.step % 100 == 0:
            run.keep()
    run.keep()
    export(run.average, a.out / "second.onnx")


if __name__ == "__main__":
    main()
