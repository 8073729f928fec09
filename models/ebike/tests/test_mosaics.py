"""Boxes drawn into mosaics are read, and painted over."""

import cv2
import numpy as np

from mosaics import INKS, SIDE, TAG, TILES, cleaned, drawn, pieces, tiles


def tile() -> np.ndarray:
    """A grey tile with an e-bike's box and a person's, as trainers draw them, and one at the edge that is too small to count."""
    picture = np.full((SIDE, SIDE, 3), 90, np.uint8)
    for (x0, y0, x1, y1), ink in (((100, 120, 260, 330), INKS[1]), ((180, 80, 300, 400), INKS[4]), ((440, 200, 478, 300), INKS[1])):
        cv2.rectangle(picture, (x0, y0), (x1, y1), ink, 4)
        cv2.rectangle(picture, (x0, y0 - TAG), (x0 + 20, y0), ink, -1)
    return picture


def test_the_drawn_box_of_an_ebike_is_read_without_its_tag() -> None:
    (box,) = drawn(tile())
    assert np.abs(np.array(box) - [100, 120, 260, 330]).max() <= 5


def test_cleaning_leaves_no_ink() -> None:
    clean = cleaned(tile())
    for ink in INKS:
        assert (np.abs(clean.astype(int) - ink).max(2) < 40).mean() < 0.002
    assert np.abs(clean.astype(int) - 90).max(2).mean() < 3


def test_tiles_without_an_ebike_are_left_out(tmp_path) -> None:
    mosaic = np.full((SIDE * TILES, SIDE * TILES, 3), 90, np.uint8)
    mosaic[SIDE : 2 * SIDE, 2 * SIDE : 3 * SIDE] = tile()
    cv2.imwrite(str(tmp_path / "train_batch0.jpg"), mosaic, [cv2.IMWRITE_JPEG_QUALITY, 95])
    ((name, picture, boxes),) = list(tiles(tmp_path))
    assert (name, picture.shape, len(boxes)) == ("train_batch0 1,2", (SIDE, SIDE, 3), 1)


def test_a_tile_is_cut_at_its_seams_and_nowhere_else() -> None:
    tile = np.zeros((300 + 100, 160 + 200, 3), np.uint8)
    tile[:300, :160], tile[:300, 160:], tile[300:, :160], tile[300:, 160:] = 40, 90, 140, 200
    boxes = [[20.0, 50.0, 158.0, 298.0], [200.0, 320.0, 350.0, 390.0]]
    (first, (one,)), (second, (other,)) = pieces(tile, boxes)
    assert (first.shape, second.shape) == ((300, 160, 3), (100, 200, 3))
    assert np.ptp(first) == np.ptp(second) == 0
    assert (one, other) == (boxes[0], [40.0, 20.0, 190.0, 90.0])
    across = [[20.0, 50.0, 300.0, 298.0]]
    ((whole, _),) = pieces(tile, across)
    assert whole.shape == (300, 360, 3), "no seam goes through a box: only the row's is cut"
