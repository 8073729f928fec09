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
from collections.abc import Iterator
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


def main() -> None:
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
    a = p.parse_args()
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

    net = Net(a.base)
    last = a.out / "last.pt"
    state = torch.load(last, map_location="cpu") if last.exists() else None
    step = state["step"] if state else 0
    people = cut_people(a.clips, a.base)

    def draw(seed: int) -> Iterator[tuple[Drawn, int]]:
        """Batches, and of how many renders each is drawn; new ones are looked for now and then."""
        mixer, chooser = Mixer(renders, real, seed, a.real_share, people=people), random.Random(seed * 7)
        for n in itertools.count(1):
            yield batch(mixer, a.batch, *chooser.choice(CANVASES)), len(renders.shots)
            if n % a.refresh == 0:
                renders.refresh()

    batches = ahead(draw, [(a.seed + step) * 1000 + k for k in range(a.draw)]) if a.draw else draw(a.seed + step)
    if state or (a.start and a.start.suffix != ".onnx"):
        net.add_norms()
        net.load_state_dict(state["net"] if state else torch.load(a.start, map_location="cpu")["net"])
    else:
        if a.start:
            net.take(a.start)
        mixer = Mixer(renders, real, a.seed, a.real_share, people=people)
        net.restore_norms([tensor(batch(mixer, 12, 416, 256)[0]) for _ in range(8)])
    ema = copy.deepcopy(net)
    net.to(device, memory_format=torch.channels_last).train()
    if a.backbone_rate == 0:  # frozen: neither its weights nor what its norms have seen may move
        for name in net.backbone:
            net.convs[name].requires_grad_(False)
            if name in net.norms:
                net.norms[name].requires_grad_(False)
                net.norms[name].eval()
    groups: dict[bool, list] = {True: [], False: []}
    for bank in (net.convs, net.norms):
        for name, m in bank.items():
            groups[name in net.backbone] += [p for p in m.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(
        [{"params": g, "factor": f} for g, f in ((groups[True], a.backbone_rate), (groups[False], 1.0)) if g], lr=a.rate, weight_decay=5e-4
    )
    if state:
        optimiser.load_state_dict(state["optimiser"])
        ema.load_state_dict(state["ema"])
    ema.to(device).eval()
    (a.out / "args.json").write_text(json.dumps({k: str(v) for k, v in vars(a).items()}, indent=1))

    def keep() -> None:
        save(a.out / "ema.pt", {"net": ema.cpu().state_dict(), "step": step, "classes": CLASSES})
        save(last, {"net": net.state_dict(), "ema": ema.state_dict(), "optimiser": optimiser.state_dict(), "step": step})
        ema.to(device)

    # summed where the net is: reading a figure at every step would make each wait for the one before
    sums, began, draw_s = torch.zeros(4, device=device), time.monotonic(), 0.0
    since = step
    while step < a.steps and time.monotonic() - began < a.minutes * 60:
        for g in optimiser.param_groups:
            g["lr"] = rate(step, a.steps, a.rate) * g["factor"]
        t = time.monotonic()
        (pictures, truth), of_renders = next(batches)
        draw_s += time.monotonic() - t
        x = tensor(pictures).to(device, memory_format=torch.channels_last)
        cost = loss(net(x), [torch.from_numpy(boxes) for boxes in truth], x.shape[3], x.shape[2])
        optimiser.zero_grad()
        cost.total.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 10.0)
        optimiser.step()
        average(ema, net, step, a.decay)
        step += 1
        sums += torch.stack([cost.total.detach(), cost.box, cost.objectness, cost.label])
        if step % 20 == 0:
            each = (time.monotonic() - began) / (step - since)
            mean = (sums / 20).tolist()
            line = f"{step} loss {mean[0]:.3f} box {mean[1]:.3f} objectness {mean[2]:.3f} label {mean[3]:.3f} {each:.2f} s/step (draw {draw_s / (step - since):.2f}) renders {of_renders}"
            print(line, flush=True)
            sums.zero_()
        if step % a.refresh == 0:
            keep()
    keep()
    print(f"stopped at step {step} of {a.steps}", flush=True)


if __name__ == "__main__":
    main()
