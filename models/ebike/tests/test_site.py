"""What one lift's guards may have judged, as it is rendered."""

import json
from pathlib import Path

import cv2
import numpy as np

from packs import Render, renders
from scenes.compose import compose
from scenes.rides import ride
from scenes.site import export, held_back
from train.data import coco_shots


def test_rides_of_one_place_have_one_car_and_one_camera() -> None:
    here, again = (compose(f"ride {n}", [], story="rival", setting="car", place="lift 7") for n in range(2))
    elsewhere = compose("ride 0", [], story="rival", setting="car", place="lift 8")
    assert here.cameras == again.cameras
    assert np.array_equal(here.room.mesh.vertices, again.room.mesh.vertices)
    assert [(t.label, t.x) for t in here.things] != [(t.label, t.x) for t in again.things]
    assert here.cameras != elsewhere.cameras


def test_rides_of_a_seed_are_those_that_judge() -> None:
    """What ready models there are changes what stands in a car, not of which class it is."""
    kept = {r.name: r.note["things"][0]["label"] for r in renders(Path(__file__).parents[1] / "judge" / "finer") if r.note["look"] == 0}
    assert [ride(f"910/{n}", []).things[0].label for n in range(8)] == [kept[f"910_{n:06d}a"] for n in range(8)]
    assert all(any(t.label == "ebike" for t in ride(f"910/{n}", [], ebike=True).things) for n in range(3))


def test_a_rendered_site_is_what_export_writes(tmp_path: Path) -> None:
    picture, mask = np.full((60, 100, 3), 90, np.uint8), np.zeros((60, 100), np.uint8)
    notes = (
        {"objects": [{"label": "ebike", "box": [10, 20, 40, 50], "index": 1}]},
        {"objects": [{"label": "pram", "box": [1, 2, 30, 40], "index": 1}]},
    )
    export((Render(f"1_{n:06d}c", picture, mask, note) for n, note in enumerate(notes)), tmp_path)
    written = json.loads((tmp_path / "annotations.json").read_text())
    assert [i["file_name"] for i in written["images"]] == ["1_000000c.jpg", "1_000001c.jpg"]
    assert [a["bbox"] for a in written["annotations"]] == [[10, 20, 30, 30]]  # a rejected alarm has no box
    assert [s.labels for s in coco_shots(tmp_path)] == [("ebike",), ()]
    assert cv2.imread(str(tmp_path / "1_000000c.jpg")).shape == picture.shape
    sides = [held_back(f"950_{n:06d}c") for n in range(24)]
    assert 0 < sum(sides) < 12
    assert all(len(set(sides[day : day + 4])) == 1 for day in range(0, 24, 4))
