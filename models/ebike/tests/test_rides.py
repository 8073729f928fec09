"""How rendered rides are judged."""

import json
from pathlib import Path

import cv2
import numpy as np

from decode import Found
from evaluate import EBIKE, judge_rides


def write(folder: Path, ride: str, labels: tuple[str, ...], scores: tuple[int, ...]) -> None:
    """Looks whose grey is the e-bike score, in hundredths, that a net would give."""
    for look, score in zip("abcde", scores, strict=True):
        base = str(folder / f"{ride}{look}")
        cv2.imwrite(f"{base}.png", np.full((20, 30, 3), score, np.uint8))
        cv2.imwrite(f"{base}.mask.png", np.zeros((20, 30), np.uint8))
        Path(f"{base}.json").write_text(json.dumps({"ride": ride, "things": [{"label": k} for k in ("person", *labels)]}))


def grey(picture: np.ndarray) -> list[Found]:
    score = float(picture[0, 0, 0]) / 100
    return [Found(EBIKE, score, (0, 0, 10, 10), (score, 0.3, 0.0, 0.0, 0.0, 0.0, 0.0))]


def test_rides_of_rivals_are_judged_by_what_they_raise_and_those_of_ebikes_by_what_is_found(tmp_path: Path) -> None:
    write(tmp_path, "1", ("wheelchair",), (60, 10, 60, 10, 10))
    write(tmp_path, "2", ("pram", "bicycle"), (10, 60, 60, 70, 50))
    write(tmp_path, "3", ("trolley", "ebike"), (10, 60, 60, 60, 70))
    write(tmp_path, "4", ("ebike",), (10, 60, 42, 42, 70))  # 0.42 is not ahead of 0.3 by the margin
    judged = judge_rides(tmp_path, grey, 0.4, 0.65, 0.15)
    assert (judged["rides"], judged["pictures"]) == (4, 20)
    assert (judged["false share at 0.4"], judged["false share at 0.65"]) == (0.6, 0.1)
    assert (judged["false alarms"], judged["false stops"]) == (["2"], [])
    assert judged["rides, false alarms and stops by rival"] == {"pram": [1, 1, 0], "wheelchair": [1, 0, 0]}
    assert (judged["e-bike rides found at 0.4"], judged["e-bike rides found at 0.65"]) == (1, 0)
    assert judged["e-bike pictures hit at 0.4"] == 0.8
    assert judged["confirmed at look, from 0.4 on"] == {4: 1}
    assert judged["e-bike rides missed"] == ["4"]


def test_a_folder_of_one_kind_speaks_of_that_kind_alone(tmp_path: Path) -> None:
    write(tmp_path, "1", ("ebike",), (60, 60, 60, 60, 60))
    judged = judge_rides(tmp_path, grey, 0.5, 0.5, 0.15)
    assert judged["e-bike rides found at 0.5"] == 1
    assert not [name for name in judged if name.startswith("false")]
