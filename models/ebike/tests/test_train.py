"""Target assignment and augmentation."""

import os
import random
import signal
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from train.ahead import ahead  # noqa: E402
from train.assign import corners, loss, match  # noqa: E402
from train.augment import Mixer, Recipe, Shot, paste, spoil, warp  # noqa: E402
from train.export import load, mean  # noqa: E402
from train.fit import rate  # noqa: E402

grid = __import__("decode").grid


def shot(label: str = "ebike", x: int = 60, size: int = 50) -> Shot:
    mask = np.zeros((120, 200), np.uint8)
    mask[40 : 40 + size, x : x + size] = 1
    picture = np.full((120, 200, 3), 90, np.uint8)
    picture[mask == 1] = (0, 0, 250)
    return Shot(picture, mask, (label,))


def test_match_gives_every_box_cells_near_its_centre() -> None:
    cells, strides = (torch.from_numpy(v) for v in grid(128, 128))
    out = torch.zeros(1, len(cells), 12)
    out[..., 2:4] = 1.0
    boxes, labels = torch.tensor([[[20.0, 20, 60, 60], [80, 70, 120, 110], [0, 0, 0, 0]]]), torch.tensor([[0, 3, 0]])
    real = torch.tensor([[True, True, False]])
    on, of, iou = match(out, corners(out, cells, strides), boxes, labels, real, (cells + 0.5) * strides, strides)
    assert on.shape == of.shape == iou.shape == (1, len(cells))  # one box a cell at most
    at = on[0].nonzero()[:, 0]
    assert set(of[0, at].tolist()) == {0, 1}
    centre = (boxes[0, of[0, at], :2] + boxes[0, of[0, at], 2:]) / 2
    assert (((cells[at] + 0.5) * strides[at] - centre).abs() <= 2.5 * strides[at]).all()
    assert (iou >= 0).all()


def test_the_loss_of_a_batch_is_that_of_its_pictures() -> None:
    """Pictures hold different numbers of boxes, padded to the fullest: padding must not learn and not be learnt from."""
    torch.manual_seed(3)
    out = torch.randn(3, len(grid(96, 64)[0]), 12)
    truth = [
        torch.tensor([[8.0, 8, 40, 44, 2], [50, 10, 90, 60, 0], [0, 0, 96, 64, 6]]),
        torch.zeros(0, 5),
        torch.tensor([[30.0, 5, 80, 50, 1]]),
    ]
    whole = loss(out, truth, 96, 64)
    cells, strides = (torch.from_numpy(v) for v in grid(96, 64))
    learning, total = [], 0.0
    for i, t in enumerate(truth):
        one = loss(out[i : i + 1], [t], 96, 64)
        real, boxes = torch.ones(1, len(t), dtype=torch.bool), t[None, :, :4]
        if len(t):
            on, _, _ = match(
                out[i : i + 1], corners(out[i : i + 1], cells, strides), boxes, t[None, :, 4].long(), real, (cells + 0.5) * strides, strides
            )
            learning.append(int(on.sum()))
        total += float(one.total) * max(1, learning[-1] if len(t) else 0)
    assert float(whole.total) == pytest.approx(total / sum(learning), rel=1e-5)


def test_loss_falls_when_a_toy_head_is_fitted() -> None:
    torch.manual_seed(0)
    out = torch.zeros(1, len(grid(64, 64)[0]), 12).requires_grad_()
    truth = [torch.tensor([[8.0, 8, 40, 44, 2]])]
    optimiser = torch.optim.Adam([out], lr=0.1)
    first = None
    for _ in range(60):
        cost = loss(out, truth, 64, 64)
        first = first or float(cost.total.detach())
        optimiser.zero_grad()
        cost.total.backward()
        optimiser.step()
    assert float(cost.total.detach()) < 0.3 * first


def test_pictures_without_anything_have_a_finite_loss() -> None:
    assert torch.isfinite(loss(torch.zeros(2, len(grid(64, 64)[0]), 12), [torch.zeros(0, 5)] * 2, 64, 64).total)


def test_warp_moves_mask_and_picture_together() -> None:
    r = random.Random(1)
    for _ in range(20):
        picture, mask = warp(r, shot(), 160, 128, 1.0, Recipe())
        inside = picture[mask == 1]
        if len(inside) > 50:
            assert np.median(inside[:, 2]) > 180


def test_paste_adds_the_thing_with_its_box() -> None:
    done = 0
    for seed in range(30):
        blank = np.full((128, 160, 3), 30, np.uint8)
        picture, boxes = paste(random.Random(seed), blank, [], shot("wheelchair"), Recipe())
        for x0, y0, x1, y1, label in boxes:
            assert label == 3
            assert picture[y0:y1, x0:x1].max() > picture[:3, :3].max()
            done += 1
    assert done > 10


def test_mixer_draws_boxes_inside_the_picture() -> None:
    mixer = Mixer(
        lambda: [shot(), shot("pram", 20)], [Shot(np.full((90, 160, 3), 120, np.uint8), np.zeros((90, 160), np.uint8), (), True)], 4, 0.3
    )
    for _ in range(30):
        picture, boxes = mixer.draw(160, 96)
        assert picture.shape == (96, 160, 3)
        assert (boxes[:, :4] >= 0).all()
        assert (boxes[:, 2] <= 160).all()
        assert (boxes[:, 3] <= 96).all()


def test_what_is_spoilt_mildly_shows_more_of_what_it_showed() -> None:
    picture = np.kron(np.random.RandomState(3).randint(40, 220, (12, 20, 3)), np.ones((8, 8, 1))).astype(np.uint8)

    def likeness(mild: float, seed: int) -> float:
        spoilt = spoil(random.Random(seed), np.random.RandomState(seed), picture, Recipe(mild=mild, stamp=0, grey=0))
        return float(np.corrcoef(picture.ravel(), spoilt.ravel())[0, 1])

    fully, mildly = (sorted(likeness(mild, seed) for seed in range(60)) for mild in (0.0, 1.0))
    assert mildly[6] > fully[6] + 0.1, "the worst tenth is what cannot be recognised any more"
    assert mildly[30] > fully[30]


def test_rate_warms_up_and_ends_low() -> None:
    assert rate(0, 100, 1e-3) < rate(29, 100, 1e-3)
    assert rate(100, 100, 1e-3) == pytest.approx(2e-5, rel=0.05)
    assert rate(25, 100, 1e-3, warm=1, fall=0.5) == pytest.approx(rate(50, 100, 1e-3, warm=1))


def test_a_mean_of_weights_goes_by_their_shares() -> None:
    a, b = {"w": torch.tensor([0.0, 4.0])}, {"w": torch.tensor([8.0, 4.0])}
    assert mean([(3.0, a), (1.0, b)])["w"].tolist() == [2.0, 4.0]
    assert mean([(0.5, a), (0.5, b)])["w"].dtype == torch.float32


def test_shares_that_do_not_fit_the_weights_are_refused() -> None:
    for shares, published in (([1.0], 0.0), ([1.0, 0.0], 0.0), ([1.0, 1.0], 1.0)):
        with pytest.raises(SystemExit, match="--shares"):
            load(Path("base.onnx"), [Path("a.pt"), Path("b.pt")], shares, published)


def test_what_processes_draw_ahead_comes_from_all_of_them() -> None:
    drawn = ahead(lambda seed: iter([seed] * 50), [3, 8])
    assert sorted(drawn) == [3] * 50 + [8] * 50


def test_a_drawing_process_that_fails_says_why() -> None:
    def draw(seed: int):
        yield seed
        raise ValueError("no renders in work/renders")

    drawn = ahead(draw, [1])
    assert next(drawn) == 1
    with pytest.raises(RuntimeError, match="no renders in work/renders"):
        next(drawn)


def test_a_drawing_process_that_is_killed_is_noticed() -> None:
    def draw(seed: int):
        yield np.zeros(1 << 20)  # more than fits into a pipe at once
        os.kill(os.getpid(), signal.SIGKILL)

    drawn = ahead(draw, [1])
    assert len(next(drawn)) == 1 << 20
    with pytest.raises(RuntimeError, match="ended from outside"):
        next(drawn)
