"""Packs of renders: what was loose is the same when packed, and is packed once."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from evaluate import Rule
from packs import pack, renders


def write(folder: Path, name: str, value: int) -> None:
    picture, mask = np.full((40, 60, 3), value, np.uint8), np.zeros((40, 60), np.uint8)
    mask[5:20, 10:30] = 1
    cv2.imwrite(str(folder / f"{name}.png"), picture)
    cv2.imwrite(str(folder / f"{name}.mask.png"), mask)
    (folder / f"{name}.json").write_text(json.dumps({"things": [{"label": "ebike"}], "view": "ceiling"}))


def test_packed_renders_are_read_as_loose_ones(tmp_path: Path) -> None:
    loose, packed = tmp_path / "loose", tmp_path / "packed"
    loose.mkdir()
    for n in range(3):
        write(loose, f"007_{n:06d}a", 60 * n)
    (first,) = pack(loose, packed)
    was, now = list(renders(loose)), list(renders(packed))
    assert [r.name for r in now] == [r.name for r in was]
    for a, b in zip(was, now, strict=True):
        assert np.abs(a.picture.astype(int) - b.picture).max() <= 3
        assert (a.mask == b.mask).all()
        assert a.note == b.note
    assert pack(loose, packed) == []
    write(loose, "007_000003a", 9)
    (second,) = pack(loose, packed)
    assert second != first
    assert len(list(renders(packed))) == 4


def test_renders_are_given_once(tmp_path: Path) -> None:
    write(tmp_path, "001_000000a", 5)
    seen: set[str] = set()
    assert len(list(renders(tmp_path, seen))) == 1
    write(tmp_path, "001_000001a", 5)
    assert [r.name for r in renders(tmp_path, seen)] == ["001_000001a"]
    (tmp_path / "001_000002a.json").write_text("{}")  # its pictures are not there yet
    assert list(renders(tmp_path, seen)) == []


def test_renders_drawn_by_even_places_let_no_place_speak_for_a_class(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from train.data import Renders, how_often

    assert [how_often("ceiling", labels) for labels in (["ebike"], ["ebike", "pram"], ["pram", "person"], ["person"])] == [1, 1, 4, 1]
    assert [how_often("open", labels) for labels in (["ebike", "person"], ["wheelchair"], [])] == [3, 1, 1]
    assert how_often("hall", ["trolley"]) == 4
    for n, (view, label) in enumerate((("ceiling", "ebike"), ("ceiling", "wheelchair"), ("open", "ebike"))):
        write(tmp_path, f"001_{n:06d}a", 5)
        note = {"things": [{"label": label}], "view": view, "objects": [{"label": label, "box": [10, 5, 30, 20], "index": 1}]}
        (tmp_path / f"001_{n:06d}a.json").write_text(json.dumps(note))
    assert [s.labels for s in Renders([tmp_path]).shots] == [("ebike",), ("wheelchair",), ("ebike",)]
    assert [s.labels for s in Renders([tmp_path], even_places=True).shots] == [("ebike",), *[("wheelchair",)] * 4, *[("ebike",)] * 3]


def test_a_rule_of_three_of_five() -> None:
    rule = Rule()
    assert [rule.step(h) for h in (True, False, True, False, True, False, False)] == [False, False, False, False, True, False, False]
