"""Trains the second look: python -m train.second --start lite0.pth --detector ebike.onnx --renders work/renders --out work/look1

Crops come from augmented renders: the true boxes shaken, what the detector takes for a vehicle there (right or
wrong), and places where nothing is. Resumable like ``fit``.
"""

from __future__ import annotations

import argparse
import copy
import os
import random
import time
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import cv2
import numpy as np
import onnx
import onnxruntime
import torch
import torch.nn.functional as F

from boxes import CLASSES
from decode import decode, letterbox, look_at, overlap

from .augment import Mixer
from .data import Renders, real_frames
from .fit import rate, save
from .look import LABELS, SIZE, Look

PERSON, NOTHING = CLASSES.index("person"), len(CLASSES)
CANVASES = ((416, 256), (416, 256), (416, 416), (320, 416))
MATCH, APART = 0.42, 0.2  # overlaps: from MATCH on a box is of the thing, below APART it is of something else


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


def label_of(box: np.ndarray, truth: np.ndarray, wide: np.ndarray) -> int | None:
    """What a box shows; none where that cannot be said."""
    if not len(truth):
        return NOTHING
    vehicles = wide[wide[:, 4] < PERSON]
    if len(vehicles):
        v = overlap(box[None], vehicles[:, :4])[0]
        if v.max() >= MATCH:
            return int(vehicles[v.argmax(), 4])
        if v.max() > APART or inside(box, truth[truth[:, 4] < PERSON][:, :4]) > 0.35:
            return None
    people = truth[truth[:, 4] == PERSON]
    return PERSON if len(people) and overlap(box[None], people[:, :4])[0].max() > 0.35 else NOTHING


class Crops:
    """Draws crops and their labels."""

    def __init__(self, mixer: Mixer, detector: Path | None, seed: int) -> None:
        self._mixer, self._r = mixer, random.Random(seed)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.log_severity_level = 1, 3
        self._net = onnxruntime.InferenceSession(str(detector), options, providers=["CPUExecutionProvider"]) if detector else None

    def _shaken(self, box: np.ndarray, amount: float = 0.12) -> np.ndarray:
        r, side = self._r, float(max(box[2] - box[0], box[3] - box[1]))
        centre, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2 * r.uniform(0.82, 1.3)
        centre = centre + np.array([r.uniform(-amount, amount), r.uniform(-amount, amount)]) * side
        return np.concatenate([centre - half, centre + half])

    def draw(self) -> list[tuple[np.ndarray, int]]:
        r = self._r
        width, height = r.choice(CANVASES)
        picture, truth = self._mixer.draw(width, height)
        boxes: list[tuple[np.ndarray, int | None]] = []
        wide = widened(truth)
        vehicles = wide[wide[:, 4] < PERSON]
        for t in vehicles[np.random.RandomState(r.randrange(1 << 30)).permutation(len(vehicles))[:3]]:
            boxes.append((self._shaken(t[:4]), int(t[4])))
        if self._net is not None:
            x, scale = letterbox(picture, 416, 416)
            found = decode(self._net.run(None, {"images": x[None]})[0][0], 416, 416, scale, 0.06)
            for f in [f for f in found if f.label < PERSON][:5]:
                box = np.array(f.box)
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
        out = []
        for box, label in boxes:
            if label is None or box[2] - box[0] < 14 or box[3] - box[1] < 14:
                continue
            out.append((look_at(picture, tuple(box), SIZE), label))
        return out

    def batch(self, size: int) -> tuple[torch.Tensor, torch.Tensor]:
        got: list[tuple[np.ndarray, int]] = []
        while len(got) < size:
            got += self.draw()
        self._r.shuffle(got)
        got = got[:size]
        x = np.ascontiguousarray(np.stack([c for c, _ in got]).transpose(0, 3, 1, 2)).astype(np.float32)
        return torch.from_numpy(x), torch.tensor([v for _, v in got])


class Probable(torch.nn.Module):
    def __init__(self, net: Look) -> None:
        super().__init__()
        self.net = net

    def forward(self, crops: torch.Tensor) -> torch.Tensor:
        return self.net(crops).softmax(-1)


def export(net: Look, path: Path) -> None:
    served = Probable(copy.deepcopy(net)).eval()
    torch.onnx.export(
        served, (torch.zeros(2, 3, SIZE, SIZE),), str(path), input_names=["crops"], output_names=["labels"], opset_version=17, dynamo=False,
        dynamic_axes={"crops": {0: "batch"}, "labels": {0: "batch"}},
    )  # fmt: skip
    onnx.checker.check_model(onnx.load(str(path)))
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    x = np.random.RandomState(1).uniform(0, 255, (3, 3, SIZE, SIZE)).astype(np.float32)
    with torch.no_grad():
        gap = float(np.abs(session.run(None, {"crops": x})[0] - served(torch.from_numpy(x)).numpy()).max())
    if gap > 1e-3:
        raise SystemExit(f"the exported file does not compute what torch computes: {gap}")


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--start", type=Path, required=True, help="EfficientNet-Lite0 weights, or another run's ema.pt")
    p.add_argument("--detector", type=Path, help="ONNX file whose candidates are learnt from")
    p.add_argument("--renders", type=Path, nargs="+", required=True)
    p.add_argument("--clips", type=Path)
    p.add_argument("--panoramas", type=Path, nargs="*", default=[])
    p.add_argument("--base", type=Path, help="base net, to label people on real frames")
    p.add_argument("--out", type=Path, required=True)
    p.add_argument("--steps", type=int, default=1500)
    p.add_argument("--batch", type=int, default=32)
    p.add_argument("--rate", type=float, default=6e-4)
    p.add_argument("--frozen", type=int, default=3, help="blocks that stay as they are")
    p.add_argument("--real-share", type=float, default=0.2)
    p.add_argument("--refresh", type=int, default=50)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--threads", type=int, default=1)
    a = p.parse_args()
    a.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(a.threads)
    cv2.setNumThreads(1)
    torch.manual_seed(a.seed)
    renders = Renders(a.renders)
    real = real_frames(a.clips, a.panoramas, a.base) if a.base else []
    print(f"renders {len(renders.shots)} {renders.counts()}, real frames {len(real)}", flush=True)
    net = Look(a.start)
    ema, step, last = copy.deepcopy(net), 0, a.out / "last.pt"
    net.freeze(a.frozen)
    groups = [
        {"params": [q for n, q in net.named_parameters() if q.requires_grad and not n.startswith(("mix", "out"))], "factor": 0.4},
        {"params": [*net.mix.parameters(), *net.out.parameters()], "factor": 1.0},
    ]
    optimiser = torch.optim.AdamW(groups, lr=a.rate, weight_decay=1e-3)
    if last.exists():
        state = torch.load(last, map_location="cpu")
        net.load_state_dict(state["net"])
        ema.load_state_dict(state["ema"])
        optimiser.load_state_dict(state["optimiser"])
        step = state["step"]
    net.train()
    seed = a.seed * 1000 + step
    crops = Crops(Mixer(renders, real, seed, a.real_share), a.detector, seed)

    def keep() -> None:
        save(a.out / "ema.pt", {"net": ema.state_dict(), "step": step})
        save(last, {"net": net.state_dict(), "ema": ema.state_dict(), "optimiser": optimiser.state_dict(), "step": step})
        export(ema, a.out / "second.onnx")

    began, since, sums, right, seen = time.process_time(), step, 0.0, np.zeros(len(LABELS)), np.zeros(len(LABELS))
    while step < a.steps:
        for g in optimiser.param_groups:
            g["lr"] = rate(step, a.steps, a.rate) * g["factor"]
        x, y = crops.batch(a.batch)
        logits = net(x)
        cost = F.cross_entropy(logits, y, label_smoothing=0.05)
        optimiser.zero_grad()
        cost.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimiser.step()
        with torch.no_grad():
            d = min(0.995, (step + 1) / (step + 11))
            for e, q in zip(ema.parameters(), net.parameters(), strict=True):
                e.mul_(d).add_(q, alpha=1 - d)
        step += 1
        sums += float(cost.detach())
        ok = (logits.detach().argmax(1) == y).numpy()
        for label, hit in zip(y.tolist(), ok, strict=True):
            seen[label] += 1
            right[label] += hit
        if step % 20 == 0:
            each = (time.process_time() - began) / (step - since)
            share = " ".join(f"{n[:7]} {h / max(s, 1):.2f}/{int(s)}" for n, h, s in zip(LABELS, right, seen, strict=True))
            print(f"{step} loss {sums / 20:.3f} {each:.2f} s/step  {share}", flush=True)
            sums, right[:], seen[:] = 0.0, 0, 0
        if step % a.refresh == 0:
            renders.refresh()
            keep()
    keep()
    print(f"stopped at step {step} of {a.steps}", flush=True)


if __name__ == "__main__":
    main()
