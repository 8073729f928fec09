"""Trains the second look: python -m train.second --start lite0.pth --detector ebike.onnx --renders work/renders --out work/look

Crops come from augmented renders: the true boxes shaken, what the detector takes for a vehicle there (right or
wrong), and places where nothing is. The trunk only computes features, once for each crop; they are kept in the
run's folder, a file for every ``--chunk`` crops, and the head is fitted to all of them in seconds. Starting the
same command again adds crops until there are ``--crops``.
"""

from __future__ import annotations

import argparse
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
from torch import Tensor

from boxes import CLASSES
from decode import decode, letterbox, look_at, overlap

from .augment import Mixer
from .data import Renders, real_frames
from .look import LABELS, SIZE, published

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


def session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


class Crops:
    """Draws crops and their labels."""

    def __init__(self, mixer: Mixer, detector: Path | None, seed: int) -> None:
        self._mixer, self._r = mixer, random.Random(seed)
        self._net = session(detector) if detector else None

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


def write(net: torch.nn.Module, path: Path, output: str) -> None:
    """As ONNX, checked against torch."""
    torch.onnx.export(
        net, (torch.zeros(2, 3, SIZE, SIZE),), str(path), input_names=["crops"], output_names=[output], opset_version=17, dynamo=False,
        dynamic_axes={"crops": {0: "batch"}, output: {0: "batch"}},
    )  # fmt: skip
    onnx.checker.check_model(onnx.load(str(path)))
    x = np.random.RandomState(1).uniform(0, 255, (3, 3, SIZE, SIZE)).astype(np.float32)
    with torch.no_grad():
        gap = float(np.abs(session(path).run(None, {"crops": x})[0] - net(torch.from_numpy(x)).numpy()).max())
    if gap > 1e-2:
        raise SystemExit(f"the exported file does not compute what torch computes: {gap}")


def smaller(path: Path) -> None:
    """Keeps the weights of a file as half floats, which the runtime turns back into floats when it loads them."""
    model = onnx.load(str(path))
    for i, t in enumerate(list(model.graph.initializer)):
        if t.data_type != onnx.TensorProto.FLOAT or np.prod(t.dims) < 256:
            continue
        half = onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(t).astype(np.float16), t.name + ".half")
        model.graph.initializer.remove(t)
        model.graph.initializer.append(half)
        model.graph.node.insert(0, onnx.helper.make_node("Cast", [half.name], [t.name], name=f"widen{i}", to=onnx.TensorProto.FLOAT))
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def fit(x: Tensor, y: Tensor, weight: Tensor, bias: Tensor, pull: float, balance: float = 0.5) -> tuple[Tensor, Tensor]:
    """Head weights by maximum likelihood, pulled towards where they start from by ``pull`` (in deviations of the features).

    ``balance`` 0 leaves the classes as frequent as they are, 1 makes them equally important.
    """
    mean, spread = x.mean(0), x.std(0) + 1e-2
    z = (x - mean) / spread
    start = weight * spread
    w = start.clone().requires_grad_()
    b = (bias + weight @ mean).clone().requires_grad_()
    counts = torch.bincount(y, minlength=len(bias)).clamp(1).float()
    share = (counts.sum() / counts / len(counts)) ** balance
    optimiser = torch.optim.LBFGS([w, b], max_iter=150, history_size=15, line_search_fn="strong_wolfe")

    def cost() -> Tensor:
        optimiser.zero_grad()
        c = F.cross_entropy(z @ w.T + b, y, weight=share, label_smoothing=0.03) + pull * ((w - start) ** 2).sum()
        c.backward()
        return c

    optimiser.step(cost)
    with torch.no_grad():
        return w / spread, b - (w / spread) @ mean


def gather(crops: Crops, net: onnxruntime.InferenceSession, count: int) -> tuple[np.ndarray, np.ndarray]:
    got: list[tuple[np.ndarray, int]] = []
    while len(got) < count:
        got += crops.draw()
    got = got[:count]
    parts = []
    for k in range(0, count, 32):
        x = np.stack([c for c, _ in got[k : k + 32]]).transpose(0, 3, 1, 2)
        parts.append(net.run(None, {"crops": np.ascontiguousarray(x, np.float32)})[0])
    return np.concatenate(parts), np.array([label for _, label in got])


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--start", type=Path, required=True, help="EfficientNet-Lite0 weights (efficientnet-lite0-57934424.pth)")
    p.add_argument("--detector", type=Path, help="ONNX file whose candidates are learnt from")
    p.add_argument("--renders", type=Path, nargs="+", required=True)
    p.add_argument("--clips", type=Path)
    p.add_argument("--panoramas", type=Path, nargs="*", default=[])
    p.add_argument("--base", type=Path, help="base net, to label people on real frames")
    p.add_argument("--out", type=Path, required=True)
    p.add_argument("--crops", type=int, default=12000)
    p.add_argument("--chunk", type=int, default=512)
    p.add_argument("--pull", type=float, default=1e-2)
    p.add_argument("--real-share", type=float, default=0.2)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--threads", type=int, default=1)
    a = p.parse_args()
    a.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(a.threads)
    cv2.setNumThreads(1)
    look, weight, bias = published(a.start)
    trunk = a.out / "trunk.onnx"
    if not trunk.exists():
        write(look.trunk.eval(), trunk, "features")
    chunks = sorted(a.out.glob("????????.npz"))
    if len(chunks) * a.chunk < a.crops:
        renders = Renders(a.renders)
        real = real_frames(a.clips, a.panoramas, a.base) if a.base else []
        print(f"renders {len(renders.shots)} {renders.counts()}, real frames {len(real)}", flush=True)
        net = session(trunk)
        while len(chunks) * a.chunk < a.crops:
            began, seed = time.process_time(), a.seed * 100_000 + len(chunks)
            renders.refresh()
            x, y = gather(Crops(Mixer(renders, real, seed, a.real_share), a.detector, seed), net, a.chunk)
            path = a.out / f"{seed:08d}.npz"
            np.savez(path.with_suffix(".tmp.npz"), x=x.astype(np.float16), y=y)
            path.with_suffix(".tmp.npz").replace(path)
            chunks = sorted(a.out.glob("????????.npz"))
            print(
                f"{len(chunks) * a.chunk} crops, {time.process_time() - began:.1f} s, {np.bincount(y, minlength=len(LABELS)).tolist()}",
                flush=True,
            )
    data = [np.load(c) for c in chunks]
    x = torch.from_numpy(np.concatenate([d["x"] for d in data]).astype(np.float32))
    y = torch.from_numpy(np.concatenate([d["y"] for d in data]))
    held = torch.arange(len(y)) >= len(y) * 9 // 10  # the newest tenth shows how well the rest carries over
    w, b = fit(x[~held], y[~held], weight, bias, a.pull)
    guess = (x[held] @ w.T + b).argmax(1)
    for k, name in enumerate(LABELS):
        of = y[held] == k
        print(f"{name:13} {int(of.sum()):5d} crops, {float((guess[of] == k).float().mean()) if of.any() else 0:.2f} right")
    w, b = fit(x, y, weight, bias, a.pull)
    with torch.no_grad():
        look.head.weight.copy_(w)
        look.head.bias.copy_(b)
    write(look.eval(), a.out / "second.onnx", "labels")
    smaller(a.out / "second.onnx")
    print(f"second.onnx: {(a.out / 'second.onnx').stat().st_size / 1e6:.2f} MB, {len(y)} crops", flush=True)


if __name__ == "__main__":
    main()
