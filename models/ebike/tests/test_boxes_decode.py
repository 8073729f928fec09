"""Boxes from masks, the letterbox, output decoding and the judge's figures."""

import numpy as np
import pytest

from boxes import boxes_of
from decode import PAD, decode, fitted, grid, letterbox, overlap, suppress
from evaluate import Judged, Rule, average_precision, threshold_for

Found = __import__("decode").Found


def test_boxes_are_tight_and_skip_specks_and_clutter() -> None:
    mask = np.zeros((60, 80), np.uint8)
    mask[10:30, 20:50] = 1
    mask[0:3, 0:3] = 2
    mask[40:55, 60:75] = 3
    assert boxes_of(mask, ["ebike", "person", "clutter"]) == [("ebike", [20, 10, 50, 30], 1)]


@pytest.mark.parametrize(("size", "scale"), [((720, 1280), 0.325), ((416, 416), 1.0), ((100, 50), 4.16)])
def test_letterbox_is_top_left_and_padded(size: tuple[int, int], scale: float) -> None:
    x, k = letterbox(np.zeros((*size, 3), np.uint8), 416, 416)
    assert x.shape == (3, 416, 416)
    assert k == pytest.approx(scale)
    h, w = round(size[0] * k), round(size[1] * k)
    assert x[:, :h, :w].max() == 0
    assert (x[:, h:, :] == PAD).all()
    assert (x[:, :, w:] == PAD).all()


@pytest.mark.parametrize(
    ("size", "sides"),
    [
        ((720, 1280), (416, 256)),
        ((544, 960), (416, 256)),
        ((240, 320), (416, 320)),
        ((320, 240), (320, 416)),
        ((9, 9), (416, 416)),
        ((1, 900), (416, 32)),
    ],
)
def test_a_fitted_canvas_holds_the_picture_and_no_more_padding_than_to_the_next_stride(
    size: tuple[int, int], sides: tuple[int, int]
) -> None:
    assert fitted(size, 416, 416) == sides
    x, k = letterbox(np.zeros((*size, 3), np.uint8), 416, 416)
    assert (x[:, sides[1] :, :] == PAD).all()
    assert (x[:, :, sides[0] :] == PAD).all()
    assert sides[1] - 32 < size[0] * k <= sides[1]
    assert sides[0] - 32 < size[1] * k <= sides[0]


def test_decode_undoes_grid_stride_and_scale() -> None:
    cells, strides = grid(416, 416)
    assert len(cells) == 3549
    rows = np.zeros((3549, 12), np.float32)
    k = 52 * 52 + 5  # the sixth cell of the first row at stride 16
    rows[k, :4] = [0.5, 0.25, np.log(2), np.log(4)]
    rows[k, 4], rows[k, 5 + 3] = 0.9, 0.8
    (found,) = decode(rows, 416, 416, 0.5, 0.3)
    assert found.label == 3
    assert found.score == pytest.approx(0.72)
    assert found.box == pytest.approx((144.0, -56.0, 208.0, 72.0))  # centre 88, 4; size 32 x 64; over 0.5
    assert strides[k] == 16


def test_suppress_keeps_the_best_of_an_overlap() -> None:
    boxes = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [30, 30, 40, 40]], float)
    assert suppress(boxes, np.array([0.5, 0.9, 0.4]), 0.5) == [1, 2]
    assert overlap(boxes[:1], boxes[2:])[0, 0] == 0


def test_average_precision_and_thresholds() -> None:
    hit = Judged("a", "ceiling", [(0, [0, 0, 10, 10])], [Found(0, 0.9, (0, 0, 10, 10)), Found(0, 0.2, (50, 50, 60, 60))], (99, 99))
    miss = Judged("b", "ceiling", [(0, [0, 0, 10, 10])], [], (99, 99))
    assert average_precision([hit]) == pytest.approx(1.0)
    assert average_precision([hit, miss]) == pytest.approx(0.5)
    assert hit.hits() == [0.9]
    scores = [0.1] * 98 + [0.5, 0.7]
    assert threshold_for(scores, 0.01) == pytest.approx(0.5, abs=1e-4)
    assert threshold_for(scores, 0.02) == pytest.approx(0.1, abs=1e-4)


def test_rule_needs_three_of_five() -> None:
    rule = Rule()
    assert [rule.step(h) for h in (True, False, True, False, False, True, True)] == [False] * 6 + [True]
