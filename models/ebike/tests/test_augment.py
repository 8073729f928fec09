"""People from real frames, and what sets cameras apart from a renderer."""

import random

import numpy as np
import pytest

from boxes import CLASSES
from train.augment import Shot, roughen, stand
from train.data import rendered_people

PERSON = CLASSES.index("person")


def person() -> Shot:
    mask = np.zeros((120, 50), np.uint8)
    mask[10:110, 10:40] = 1
    return Shot(np.full((120, 50, 3), 200, np.uint8), mask, ("person",), real=True)


@pytest.mark.parametrize("seed", range(12))
def test_a_person_stands_in_and_hides_no_vehicle_for_the_most_part(seed: int) -> None:
    empty, ebike = np.zeros((200, 300, 3), np.uint8), [100.0, 60.0, 200.0, 180.0, 0.0]
    picture, boxes = stand(random.Random(seed), empty, [ebike], person())
    assert ebike in boxes
    people = [b for b in boxes if b[4] == PERSON]
    assert len(people) == int(picture.any())
    for x0, y0, x1, y1, _ in people:
        outside = picture.copy()
        outside[max(0, y0 - 2) : y1 + 2, max(0, x0 - 2) : x1 + 2] = 0
        assert not outside.any()
        assert (picture[60:180, 100:200].max(2) > 0).mean() < 0.6


def rendered(x: int, wide: int = 30, tall: int = 80, vehicle_at: int | None = None) -> Shot:
    """A render with one person, and perhaps a vehicle."""
    mask = np.zeros((120, 200), np.uint8)
    if vehicle_at is not None:
        mask[40:110, vehicle_at : vehicle_at + 60] = 2
    mask[20 : 20 + tall, x : x + wide] = 1
    return Shot(np.full((120, 200, 3), 90, np.uint8), mask, ("person", "ebike"))


@pytest.mark.parametrize(
    ("shot", "whole"),
    [
        (rendered(60), True),
        (rendered(60, vehicle_at=100), True),  # beside it
        (rendered(60, vehicle_at=80), False),  # at it: perhaps behind it
        (rendered(0), False),  # cut off by the picture's edge
        (rendered(60, wide=20), False),
        (rendered(60, tall=50), False),
    ],
)
def test_people_are_cut_out_of_renders_where_they_are_whole(shot: Shot, whole: bool) -> None:
    people = rendered_people([shot, shot], 10, 1)  # listed twice, as where places are balanced
    assert len(people) == int(whole)
    for p in people:
        assert p.labels == ("person",) and p.picture.shape == (80, 30, 3) and p.mask.all()


def test_so_many_people_are_cut_out_as_are_asked_for() -> None:
    shots = [rendered(20 + n, wide=30 + n) for n in range(9)]
    widths = [[p.mask.shape[1] for p in rendered_people(shots, 4, seed)] for seed in (1, 1, 2)]
    assert len(set(widths[0])) == 4
    assert widths[0] == widths[1] != widths[2]


def test_roughening_changes_pictures_reproducibly() -> None:
    picture = np.tile(np.arange(0, 240, dtype=np.uint8)[None, :, None], (60, 1, 3))
    first, again = (roughen(random.Random(4), np.random.RandomState(4), picture) for _ in range(2))
    assert (first == again).all()
    changed = sum(bool((roughen(random.Random(s), np.random.RandomState(s), picture) != picture).any()) for s in range(20))
    assert changed >= 15
    assert first.dtype == np.uint8 and first.shape == picture.shape
