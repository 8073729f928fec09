"""Trains: python -m train.fit --base yolox_nano_coco_416.onnx --renders work/renders --out work/run1 --steps 2000

Resumable: a run's folder holds ``last.pt`` (everything) and ``ema.pt`` (the averaged weights that are judged and
exported). Starting the same command again goes on. Renders that appear meanwhile are picked up.
"""

from __future__ import annotations

import argparse
import copy
import itertools
import json
import math
import os
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # spinning at barriers wastes a shared machine

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from boxes import CLASSES

from .ahead import ahead
from .assign import loss
from .augment import Mixer
from .data import Renders, coco_shots, cut_people, real_frames
from .net import Net

# (width, height) of a batch; wide ones match how a 16:9 camera fills the input, small ones give more steps an hour.
CANVASES = ((320, 192), (320, 192), (256, 256), (416, 256), (416, 256), (320, 320))
LAST = "last.pt"  # all of a run, to go on from


def rate(step: int, steps: int, peak: float, warm: int = 30, fall: float = 1.0) -> float:
    """Linear warm-up, then a cosine down to 2 %, over the share of steps done to the power of ``fall``: below 1 it falls sooner."""
    done = min(1.0, step / steps) ** fall
    return peak * min(1.0, (step + 1) / warm) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done)))


Drawn = tuple[np.ndarray, list[np.ndarray]]  # pictures [n, h, w, 3] BGR and the boxes [k, 5] of each


def batch(mixer: Mixer, size: int, width: int, height: int) -> Drawn:
    drawn = [mixer.draw(width, height) for _ in range(size)]
    return np.stack([p for p, _ in drawn]), [b for _, b in drawn]


def tensor(pictures: np.ndarray) -> Tensor:
    """[n, h, w, 3] bytes to [n, 3, h, w] floats."""
    return torch.from_numpy(np.ascontiguousarray(pictures.transpose(0, 3, 1, 2), np.float32))


@torch.no_grad()
def average(into: nn.Module, net: nn.Module, step: int, decay: float) -> None:
    """Exponential moving average, quick at first."""
    d = min(decay, (step + 1) / (step + 11))
    for a, b in zip(into.parameters(), net.parameters(), strict=True):
        a.mul_(d).add_(b, alpha=1 - d)
    for a, b in zip(into.buffers(), net.buffers(), strict=True):
        a.copy_(b)


def save(path: Path, what: dict) -> None:
    torch.save(what, path.with_suffix(".tmp"))
    path.with_suffix(".tmp").replace(path)


def keep_whole(out: Path, step: int, **parts: nn.Module | torch.optim.Optimizer) -> None:
    """All of a run, to go on from: the states of its parts by name, and how far it is."""
    save(out / LAST, {name: part.state_dict() for name, part in parts.items()} | {"step": step})


def kept(out: Path) -> dict | None:
    """What ``keep_whole`` left in a folder; none where there was none."""
    last = out / LAST
    return torch.load(last, map_location="cpu") if last.exists() else None


class Run:
    """A net that learns and its running average, kept in a folder: the same folder goes on where it stopped.

    A factor of 0 on the backbone's rate freezes it: neither its weights nor what its norms have seen may move.
    """

    def __init__(self, out: Path, net: Net, state: dict | None, rate: float, backbone_rate: float, decay: float, device: str) -> None:
        """``state``: what ``kept`` found in the folder; it is loaded into ``net`` already."""
        self._out, self._rate, self._decay, self._device = out, rate, decay, device
        self.average = copy.deepcopy(net)
        self.net = net.to(device, memory_format=torch.channels_last).train()
        if backbone_rate == 0:
            for name in net.backbone:
                net.convs[name].requires_grad_(False)
                if name in net.norms:
                    net.norms[name].requires_grad_(False)
                    net.norms[name].eval()
        self._optimiser = torch.optim.AdamW(
            [{"params": p, "factor": f} for p, f in zip(by_part(net), (backbone_rate, 1.0), strict=True) if p], lr=rate, weight_decay=5e-4
        )
        self.step = 0
        if state:
            self._optimiser.load_state_dict(state["optimiser"])
            self.average.load_state_dict(state["ema"])
            self.step = state["step"]
        self.average.to(device).eval()

    def learn(self, drawn: Drawn, pace: float) -> Tensor:
        """One step at a share of the rates; its losses: the whole, box, objectness, label. They stay where the net is."""
        for g in self._optimiser.param_groups:
            g["lr"] = self._rate * pace * g["factor"]
        pictures, truth = drawn
        x = tensor(pictures).to(self._device, memory_format=torch.channels_last)
        cost = loss(self.net(x), [torch.from_numpy(boxes) for boxes in truth], x.shape[3], x.shape[2])
        self._optimiser.zero_grad()
        cost.total.backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 10.0)
        self._optimiser.step()
        average(self.average, self.net, self.step, self._decay)
        self.step += 1
        return torch.stack([cost.total.detach(), cost.box, cost.objectness, cost.label])

    def keep(self) -> None:
        save(self._out / "ema.pt", {"net": self.average.cpu().state_dict(), "step": self.step, "classes": CLASSES})
        keep_whole(self._out, self.step, net=self.net, ema=self.average, optimiser=self._optimiser)
        self.average.to(self._device)


def by_part(net: Net) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """What learns: the backbone's, and the others'."""
    parts = {True: list[nn.Parameter](), False: list[nn.Parameter]()}
    for bank in (net.convs, net.norms):
        for name, m in bank.items():
            parts[name in net.backbone] += [p for p in m.parameters() if p.requires_grad]
    return parts[True], parts[False]


def begun(base: Path, start: Path | None, state: dict | None, pictures: Callable[[], list[Tensor]]) -> Net:
    """The published net, what another run became, or what this one had become; ``pictures`` tell norms that have to be made what they see."""
    net = Net(base)
    if state or (start and start.suffix != ".onnx"):
        net.add_norms()
        net.load_state_dict(state["net"] if state else torch.load(start, map_location="cpu")["net"])
        return net
    if start:
        net.take(start)
    net.restore_norms(pictures())
    return net


def arguments() -> argparse.Namespace:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--base", type=Path, required=True)
    p.add_argument("--renders", type=Path, nargs="+", required=True)
    p.add_argument("--clips", type=Path, help="folder of real clips (backgrounds and negatives)")
    p.add_argument("--panoramas", type=Path, nargs="*", default=[], help="folders of .hdr panoramas")
    p.add_argument("--coco", type=Path, nargs="*", default=[], help="COCO exports of own footage, to adapt to a site")
    p.add_argument("--out", type=Path, required=True)
    p.add_argument("--start", type=Path, help="ema.pt of another run, or an exported .onnx, to start from")
    p.add_argument("--steps", type=int, default=2000)
    p.add_argument("--batch", type=int, default=16)
    p.add_argument("--rate", type=float, default=1e-3)
    p.add_argument("--backbone-rate", type=float, default=1.0, help="factor on the rate; 0 freezes")
    p.add_argument("--real-share", type=float, default=0.2)
    p.add_argument("--decay", type=float, default=0.995)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--threads", type=int, default=1, help="on a busy machine one is faster than two")
    p.add_argument("--minutes", type=float, default=1e9, help="stop (resumably) after so long")
    p.add_argument("--draw", type=int, default=0, help="processes that draw batches ahead; 0 draws between steps, as one core does best")
    p.add_argument("--refresh", type=int, default=50, help="look for new renders and keep the state every n steps")
    return p.parse_args()


def main() -> None:
    a = arguments()
    a.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(a.threads)
    cv2.setNumThreads(1)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    random.seed(a.seed)
    torch.manual_seed(a.seed)
    renders = Renders(a.renders)
    real = real_frames(a.clips, a.panoramas, a.base) if a.real_share else []
    for folder in a.coco:
        real += coco_shots(folder)
    print(f"renders {len(renders.shots)} {renders.counts()}, real frames {len(real)}, {device}", flush=True)
    people = cut_people(a.clips, a.base)

    def mixer(seed: int) -> Mixer:
        return Mixer(renders, real, seed, a.real_share, people=people)

    def norms_see() -> list[Tensor]:
        source = mixer(a.seed)
        return [tensor(batch(source, 12, 416, 256)[0]) for _ in range(8)]

    state = kept(a.out)
    run = Run(a.out, begun(a.base, a.start, state, norms_see), state, a.rate, a.backbone_rate, a.decay, device)
    (a.out / "args.json").write_text(json.dumps({k: str(v) for k, v in vars(a).items()}, indent=1))

    def draw(seed: int) -> Iterator[tuple[Drawn, int]]:
        """Batches, and of how many renders each is drawn; new ones are looked for now and then."""
        source, chooser = mixer(seed), random.Random(seed * 7)
        for n in itertools.count(1):
            yield batch(source, a.batch, *chooser.choice(CANVASES)), len(renders.shots)
            if n % a.refresh == 0:
                renders.refresh()

    first = a.seed + run.step
    batches = ahead(draw, [first * 1000 + k for k in range(a.draw)]) if a.draw else draw(first)
    # summed where the net is: reading a figure at every step would make each wait for the one before
    sums, began, draw_s, since = torch.zeros(4, device=device), time.monotonic(), 0.0, run.step
    while run.step < a.steps and time.monotonic() - began < a.minutes * 60:
        t = time.monotonic()
        drawn, of_renders = next(batches)
        draw_s += time.monotonic() - t
        sums += run.learn(drawn, rate(run.step, a.steps, 1.0))
        if run.step % 20 == 0:
            each = (time.monotonic() - began) / (run.step - since)
            mean = (sums / 20).tolist()
            line = f"{run.step} loss {mean[0]:.3f} box {mean[1]:.3f} objectness {mean[2]:.3f} label {mean[3]:.3f} {each:.2f} s/step (draw {draw_s / (run.step - since):.2f}) renders {of_renders}"
            print(line, flush=True)
            sums.zero_()
        if run.step % a.refresh == 0:
            run.keep()
    run.keep()
    print(f"stopped at step {run.step} of {a.steps}", flush=True)


if __name__ == "__main__":
    main()
