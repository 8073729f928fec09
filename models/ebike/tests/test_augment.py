"""People from real frames, and what sets cameras apart from a renderer."""

import random

import numpy as np
import pytest

from boxes import CLASSES
from train.augment import Shot, roughen, stand

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


def test_roughening_changes_pictures_reproducibly() -> None:
    picture = np.tile(np.arange(0, 240, dtype=np.uint8)[None, :, None], (60, 1, 3))
    first, again = (roughen(random.Random(4), np.random.RandomState(4), picture) for _ in range(2))
    assert (first == again).all()
    changed = sum(bool((roughen(random.Random(s), np.random.RandomState(s), picture) != picture).any()) for s in range(20))
    assert changed >= 15
    assert first.dtype == np.uint8 and first.shape == picture.shape
