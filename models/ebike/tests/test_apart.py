"""A second look taken apart again."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from train.apart import apart
from train.look import SIZE, Agreed, Look
from train.second import begun, export

SHIPPED = Path(__file__).resolve().parents[1]


def grown(seed: int) -> Look:
    """The published net with a head, and what is trained moved by a few hundredths, as runs move it."""
    torch.manual_seed(seed)
    look = begun(None)
    with torch.no_grad():
        for p in (*look.trunk.uppers(), look.head.weight, look.head.bias):
            p += torch.randn_like(p) * p.std().nan_to_num(0.1) * 0.05
    return look


def crops() -> torch.Tensor:
    """Soft blots of three sizes."""
    dice = np.random.RandomState(5)
    blots = [sum(cv2.GaussianBlur(dice.randn(SIZE, SIZE, 3).astype(np.float32), (0, 0), s) * s for s in (2, 8, 24)) for _ in range(4)]
    pictures = np.stack([(b / b.std() * 60 + 120).clip(0, 255) for b in blots])
    return torch.from_numpy(pictures.transpose(0, 3, 1, 2).astype(np.float32))


def test_what_was_put_together_comes_apart(tmp_path: Path) -> None:
    looks = [grown(k) for k in range(3)]
    export(Agreed(looks[:2], looks[2]), tmp_path / "second.onnx")
    back = apart(tmp_path / "second.onnx")
    assert list(back) == ["look", "even", "doubter"]
    with torch.no_grad():
        was, now = ([look(crops()).numpy() for look in these] for these in (looks, back.values()))
    for k in range(3):
        assert now[k] == pytest.approx(was[k], abs=0.02)
        assert np.abs(was[k] - was[(k + 1) % 3]).max() > 0.03, "the looks differ by more than they come back wrong"


def test_one_look_alone_comes_apart(tmp_path: Path) -> None:
    look = grown(1)
    export(look, tmp_path / "second.onnx")
    (name, back), *others = apart(tmp_path / "second.onnx").items()
    assert (name, others) == ("look", [])
    with torch.no_grad():
        assert back(crops()).numpy() == pytest.approx(look(crops()).numpy(), abs=0.02)


def test_a_look_and_its_doubter_come_apart_by_their_names(tmp_path: Path) -> None:
    export(Agreed([grown(1)], grown(2)), tmp_path / "second.onnx")
    assert list(apart(tmp_path / "second.onnx")) == ["look", "doubter"]


def test_the_shipped_file_comes_apart() -> None:
    assert len(apart(SHIPPED / "second.onnx")) == 3


def test_another_net_is_refused() -> None:
    with pytest.raises(SystemExit, match="no second look"):
        apart(SHIPPED / "ebike.onnx")
