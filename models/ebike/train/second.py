"""Trains the second look: python -m train.second --start lite2.pth --detector ebike.onnx --renders work/renders --out work/look

Crops come from augmented renders: the true boxes shaken, what the detector takes for a vehicle there (right or
wrong), and places where nothing is. They are kept in a pool and learnt from many times over, each time seen differently (``train.vary``) and in
another style (``restyled``); the pool's oldest crops give way to fresh ones all the time. The lower part of the net stays as published, and norms keep
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
import random
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import cv2
import numpy as np
import onnx
import torch
import torch.nn.functional as F
from torch import Tensor

from boxes import CLASSES
from decode import inside_picture, look_at, overlap
from networks import detections, opened

from .ahead import ahead
from .augment import Mixer, Recipe
from .compact import FIRST, smaller
from .data import Renders, coco_shots, cut_people, real_frames
from .fit import average, rate, save
from .lean import padding_melted
from .look import LABELS, SIZE, Agreed, Look, Trunk, published
from .vary import KEPT_MARGIN, KEPT_SIDE, varied

PERSON, NOTHING = CLASSES.index("person"), len(CLASSES)
CANVASES = ((416, 256), (416, 256), (416, 416), (320, 416))
MATCH, APART = 0.42, 0.2  # overlaps: from MATCH on a box is of the thing, below APART it is of something else
PART_INSIDE, PART_OF = 0.7, 0.2  # or so much of it lies in the thing and it holds so much of the thing


def inside(box: np.ndarray, others: np.ndarray) -> float:
    """The largest share of one of ``others`` that lies in the box, or of the box that lies in it."""
    size = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
    inter = np.clip(size, 0, None).prod(-1)
    area = np.minimum((box[2:] - box[:2]).prod(), (others[:, 2:] - others[:, :2]).prod(-1))
    return float((inter / (area + 1e-6)).max(initial=0.0))


def widened(truth: np.ndarray) -> np.ndarray:
    """The boxes, and each vehicle's again together with everyone who overlaps it: detectors box both."""
    people, out = truth[truth[:, 4] == PERSON], [truth]
    for t in truth[truth[:, 4] < PERSON]:
        on = people[overlap(t[None, :4], people[:, :4])[0] > 0.12] if len(people) else people
        if len(on):
            out.append(np.array([[*np.minimum(t[:2], on[:, :2].min(0)), *np.maximum(t[2:4], on[:, 2:4].max(0)), t[4]]]))
    return np.concatenate(out)


def part_of(box: np.ndarray, vehicles: np.ndarray) -> int | None:
    """The class of the one vehicle that a box shows a good part of: detectors often box no more than a wheel and a foot rest."""
    low, high = np.maximum(box[:2], vehicles[:, :2]), np.minimum(box[2:], vehicles[:, 2:4])
    shared = np.clip(high - low, 0, None).prod(-1)
    whole = (vehicles[:, 2:4] - vehicles[:, :2]).prod(-1)
    of = (shared > PART_INSIDE * (box[2:] - box[:2]).prod()) & (shared > PART_OF * whole)
    return int(vehicles[of.argmax(), 4]) if of.sum() == 1 and (shared > 0).sum() == 1 else None


def label_of(box: np.ndarray, truth: np.ndarray, wide: np.ndarray) -> int | None:
    """What a box shows; none where that cannot be said."""
    if not len(truth):
        return NOTHING
    vehicles = wide[wide[:, 4] < PERSON]
    if len(vehicles):
        v = overlap(box[None], vehicles[:, :4])[0]
        if v.max() >= MATCH:
            return int(vehicles[v.argmax(), 4])
        part = part_of(box, truth[truth[:, 4] < PERSON])
        if part is not None:
            return part
        if v.max() > APART or inside(box, truth[truth[:, 4] < PERSON][:, :4]) > 0.35:
            return None
    people = truth[truth[:, 4] == PERSON]
    return PERSON if len(people) and overlap(box[None], people[:, :4])[0].max() > 0.35 else NOTHING


Crop = tuple[bytes, int]  # as it is kept, and what it shows


def packed(crop: np.ndarray) -> bytes:
    """A crop [side, side, 3] as a good JPEG: a seventh of its bytes, so that a pool may hold a hundred thousand."""
    return cv2.imencode(
        ".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, 95, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    )[1].tobytes()


def unpacked(crop: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(crop, np.uint8), cv2.IMREAD_COLOR)


def batch_of(crops: Iterable[bytes]) -> Tensor:
    """Crops as they are kept to [n, 3, KEPT_SIDE, KEPT_SIDE] BGR 0..255."""
    return torch.from_numpy(np.stack([unpacked(crop) for crop in crops]).transpose(0, 3, 1, 2).astype(np.float32))


def counted(labels: np.ndarray) -> dict[str, int]:
    """How many of each label."""
    return dict(zip(LABELS, np.bincount(labels, minlength=len(LABELS)).tolist(), strict=True))


class Crops:
    """Draws crops and their labels."""

    def __init__(self, mixer: Mixer, detector: Path | None, seed: int) -> None:
        self._mixer, self._r = mixer, random.Random(seed)
        self._net = opened(detector) if detector else None

    def _shaken(self, box: np.ndarray, amount: float = 0.12) -> np.ndarray:
        r, side = self._r, float(max(box[2] - box[0], box[3] - box[1]))
        centre, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2 * r.uniform(0.82, 1.3)
        centre = centre + np.array([r.uniform(-amount, amount), r.uniform(-amount, amount)]) * side
        return np.concatenate([centre - half, centre + half])

    def _part(self, box: np.ndarray) -> np.ndarray:
        """A third to four fifths of the box, anywhere in it."""
        size = (box[2:] - box[:2]) * [self._r.uniform(0.55, 0.9), self._r.uniform(0.55, 0.9)]
        at = box[:2] + (box[2:] - box[:2] - size) * [self._r.random(), self._r.random()]
        return np.concatenate([at, at + size])

    def draw(self) -> list[Crop]:
        picture, truth = self._mixer.draw(*self._r.choice(CANVASES))
        return [(packed(look_at(picture, tuple(box), KEPT_SIDE, KEPT_MARGIN)), label) for box, label in self.boxes(picture, truth)]

    def boxes(self, picture: np.ndarray, truth: np.ndarray) -> list[tuple[np.ndarray, int]]:
        """What to look at in a picture whose things are known, and what it shows."""
        r, (height, width) = self._r, picture.shape[:2]
        boxes: list[tuple[np.ndarray, int | None]] = []
        wide = widened(truth)
        vehicles = wide[wide[:, 4] < PERSON]
        for t in vehicles[np.random.RandomState(r.randrange(1 << 30)).permutation(len(vehicles))[:3]]:
            box = self._shaken(t[:4])
            boxes.append((box if r.random() < 0.75 else self._part(box), int(t[4])))
        if self._net is not None:
            for f in [f for f in detections(self._net, picture, 0.06) if f.label < PERSON][:5]:
                box = np.array(inside_picture(f.box, picture.shape[:2]))
                boxes.append((self._shaken(box, 0.05), label_of(box, truth, wide)))
        if r.random() < 0.5:
            people = truth[truth[:, 4] == PERSON]
            if len(people) and r.random() < 0.6:
                box = r.choice(list(people))[:4]
            else:
                side = r.uniform(0.15, 0.7) * min(width, height)
                x0, y0 = r.uniform(0, width - side), r.uniform(0, height - side)
                box = np.array([x0, y0, x0 + side, y0 + side * r.uniform(0.6, 1.5)])
            boxes.append((box, label_of(box, truth, wide)))
        return [(box, label) for box, label in boxes if label is not None and min(box[2:] - box[:2]) >= 14]


def exported(net: torch.nn.Module, output: str) -> onnx.ModelProto:
    """What takes crops, as ONNX for any number of them."""
    file = io.BytesIO()
    torch.onnx.export(
        net, (torch.zeros(2, 3, SIZE, SIZE),), file, input_names=["crops"], output_names=[output], opset_version=17, dynamo=False,
        dynamic_axes={"crops": {0: "batch"}, output: {0: "batch"}},
    )  # fmt: skip
    return padding_melted(onnx.load_from_string(file.getvalue()))


def write(net: torch.nn.Module, path: Path, output: str) -> None:
    """As ONNX, checked against torch."""
    onnx.save(exported(net, output), str(path))
    x = np.random.RandomState(1).uniform(0, 255, (3, 3, SIZE, SIZE)).astype(np.float32)
    with torch.no_grad():
        gap = float(np.abs(opened(path).run(None, {"crops": x})[0] - net(torch.from_numpy(x)).numpy()).max())
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


class Pool:
    """The last crops drawn and their labels; a full pool drops its oldest."""

    def __init__(self, drawn: Iterator[list[Crop]], size: int, seed: int) -> None:
        self._source, self._dice = drawn, np.random.RandomState(seed)
        self._crops: list[bytes] = []
        self.labels = np.full(size, -1, np.int64)
        self.drawn = 0

    def __len__(self) -> int:
        return len(self._crops)

    def fill(self, count: int) -> None:
        """At least ``count`` fresh crops."""
        until = self.drawn + count
        while self.drawn < until:
            for crop, label in next(self._source):
                at = self.drawn % len(self.labels)
                self._crops[at : at + 1] = [crop]
                self.labels[at] = label
                self.drawn += 1

    def batch(self, size: int) -> tuple[Tensor, Tensor]:
        """Crops [size, 3, KEPT_SIDE, KEPT_SIDE] BGR 0..255 and what they show."""
        at = self._dice.randint(0, len(self), size)
        return batch_of(self._crops[k] for k in at), torch.from_numpy(self.labels[at])

    def weights(self) -> Tensor:
        """Of each label in the loss: the rarer the heavier, by the square root."""
        seen = np.maximum(np.bincount(self.labels[: len(self)], minlength=len(LABELS)), 1)
        return torch.tensor((len(self) / seen / len(LABELS)) ** 0.5, dtype=torch.float32)


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


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--start", type=Path, required=True, help="EfficientNet-Lite2 weights (efficientnet-lite2-9656183e.pth)")
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
    p.add_argument("--real-share", type=float, default=0.2)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--minutes", type=float, default=1e9, help="stop (resumably) after so long")
    p.add_argument("--until", type=int, default=1 << 30, help="stop (resumably) after so many of the steps: all that a doubter needs")
    a = p.parse_args()
    a.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(a.threads)
    torch.manual_seed(a.seed)
    cv2.setNumThreads(1)
    look, weight, bias = published(a.start)
    with torch.no_grad():
        look.head.weight.copy_(weight)
        look.head.bias.copy_(bias)
    last = a.out / "last.pt"
    state = torch.load(last, map_location="cpu") if last.exists() else None
    if a.from_look and not state:
        look.load_state_dict(torch.load(a.from_look, map_location="cpu")["look"])
    device = "cuda" if torch.cuda.is_available() else "cpu"
    look.to(device, memory_format=torch.channels_last)  # a third faster on a CPU
    optimiser, step = learning(look, a.rate, a.upper_rate), 0
    if state:
        look.load_state_dict(state["look"])
        optimiser.load_state_dict(state["optimiser"])
        step = state["step"]
    ema = copy.deepcopy(look)
    if state:
        ema.load_state_dict(state["ema"])
    renders = Renders(a.renders, even_places=a.even_places)
    real = real_frames(a.clips, a.panoramas, a.base) if a.base else []
    for folder in a.coco:
        real += coco_shots(folder)
    print(f"renders {len(renders.shots)} {renders.counts()}, real frames {len(real)}, {device}", flush=True)
    people = cut_people(a.clips, a.base) if a.base else []

    def draw(seed: int) -> Iterator[list[Crop]]:
        crops = Crops(Mixer(renders, real, seed, a.real_share, Recipe(mild=a.mild), people), a.detector, seed)
        for n in itertools.count(1):
            yield crops.draw()
            if n % 1000 == 0:
                renders.refresh()

    first = a.seed * 100_000 + step
    drawn = ahead(draw, [first + k for k in range(a.draw)]) if a.draw else draw(first)

    def keep_average(name: str) -> None:
        save(a.out / name, {"look": ema.state_dict(), "step": step})

    def keep() -> None:
        keep_average("ema.pt")
        save(last, {"look": look.state_dict(), "ema": ema.state_dict(), "optimiser": optimiser.state_dict(), "step": step})

    began, since = time.monotonic(), step
    lower = Lower(look.trunk) if device == "cpu" else look.trunk.lower
    pool = Pool(drawn, a.pool, first)
    pool.fill(a.pool)
    print(f"pool of {len(pool)} crops, {counted(pool.labels)}", flush=True)
    dice, torch_dice = np.random.RandomState(a.seed * 7 + step), torch.Generator().manual_seed(a.seed * 7 + step)
    cost_sum, right, seen = 0.0, np.zeros(len(LABELS)), np.zeros(len(LABELS))
    while step < min(a.steps, a.until) and time.monotonic() - began < a.minutes * 60:
        for g in optimiser.param_groups:
            g["lr"] = rate(step, a.steps, g["peak"], fall=a.fall)
        pool.fill(a.fresh)
        x, y = (t.to(device) for t in pool.batch(a.batch))
        with torch.no_grad():
            maps = lower(varied(x, torch_dice, a.scramble))
        logits = look.head(F.dropout(look.trunk.upper(restyled(maps.contiguous(memory_format=torch.channels_last), dice, a.restyle)), 0.2))
        cost = F.cross_entropy(logits, y, weight=pool.weights().to(device), label_smoothing=0.05)
        optimiser.zero_grad()
        cost.backward()
        torch.nn.utils.clip_grad_norm_([p for g in optimiser.param_groups for p in g["params"]], 5.0)
        optimiser.step()
        average(ema, look, step, a.decay)
        step += 1
        cost_sum += float(cost.detach())
        hit = logits.detach().argmax(1) == y
        right += np.bincount(y[hit].cpu().numpy(), minlength=len(LABELS))
        seen += np.bincount(y.cpu().numpy(), minlength=len(LABELS))
        if step % 50 == 0:
            named = " ".join(f"{n} {r / max(s, 1):.2f}" for n, r, s in zip(LABELS, right, seen, strict=True))
            each = (time.monotonic() - began) / (step - since)
            print(f"{step} loss {cost_sum / 50:.3f} {each:.2f} s/step, {pool.drawn} crops, right: {named}", flush=True)
            cost_sum = 0.0
            right[:], seen[:] = 0, 0
        if step in a.keep:
            keep_average(f"ema_{step}.pt")
        if step % 100 == 0:
            keep()
    keep()
    export(ema, a.out / "second.onnx")


if __name__ == "__main__":
    main()
