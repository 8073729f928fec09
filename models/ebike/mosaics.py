"""E-bikes on real lift cameras, out of mosaics in which their boxes are drawn.

Such mosaics (4 × 4 tiles of augmented training pictures, as detectors' trainers save them) are all that can be had of many real ceilings. They judge,
and are never trained on. The drawn lines are read as the truth and then painted over, because lines alone cost a detector a third of
its score. What is judged is each e-bike that shows a good part of itself; small rests at a tile's edge are not counted,
and neither is anything false, since not all that is there is drawn.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np

TILES, SIDE = 4, 480
TAG = 34  # height of the class's tag above a box
# The colours (BGR) of classes 0 to 4 in the drawing; class 1 is the e-bike.
INKS = ((56, 56, 255), (151, 157, 255), (31, 112, 255), (29, 178, 255), (49, 210, 207))
LEAST_SIDE, LEAST_AREA = 50, 4300  # pixels
SEAM_ROOM = 9  # pixels from an edge, or into a box, where no seam is looked for
SEAM_STEP, SEAM_SHARE = 12, 0.8  # by how much the sides of a seam differ, and in how much of its length


def _lines(tile: np.ndarray, ink: tuple[int, int, int], near: int, length: int) -> np.ndarray:
    """Straight runs of a colour, as a mask."""
    same = (np.abs(tile.astype(int) - ink).max(2) < near).astype(np.uint8)
    across = cv2.morphologyEx(same, cv2.MORPH_OPEN, np.ones((1, length), np.uint8))
    return across | cv2.morphologyEx(same, cv2.MORPH_OPEN, np.ones((length, 1), np.uint8))


def drawn(tile: np.ndarray) -> list[list[float]]:
    """The boxes drawn for e-bikes."""
    lines = _lines(tile, INKS[1], 46, 17)
    count, parts = cv2.connectedComponents(cv2.dilate(lines, np.ones((9, 9), np.uint8)))
    boxes = []
    for i in range(1, count):
        ys, xs = np.where((parts == i) & (lines > 0))
        top = ys.min() + (TAG if ys.min() > 4 else 0)
        w, h = xs.max() - xs.min(), ys.max() - top
        if min(w, h) >= LEAST_SIDE and w * h >= LEAST_AREA:
            boxes.append([float(xs.min()), float(top), float(xs.max()), float(ys.max())])
    return boxes


def cleaned(mosaic: np.ndarray) -> np.ndarray:
    """Without the drawn lines and tags."""
    lines = np.zeros(mosaic.shape[:2], np.uint8)
    for ink in INKS:
        lines |= _lines(mosaic, ink, 60, 15)
    closed = cv2.morphologyEx(lines, cv2.MORPH_CLOSE, np.ones((21, 21), np.uint8)) & cv2.dilate(lines, np.ones((9, 9), np.uint8))
    return cv2.inpaint(mosaic, (closed | cv2.dilate(lines, np.ones((5, 5), np.uint8))) * 255, 4, cv2.INPAINT_TELEA)


def _seams(picture: np.ndarray) -> np.ndarray:
    """For each column, the share of rows in which what is left of it differs from what is right of it.

    How strongly they differ is added as a millionth, so that of columns with one share the sharpest edge is the highest.
    """
    total = np.cumsum(np.pad(picture.astype(np.float32), ((0, 0), (1, 0), (0, 0))), 1)
    shares = np.zeros(picture.shape[1])
    for x in range(SEAM_ROOM, picture.shape[1] - SEAM_ROOM):
        left, right = (total[:, x - 1] - total[:, x - 4]) / 3, (total[:, x + 3] - total[:, x]) / 3
        apart = np.abs(left - right).max(1)
        shares[x] = (apart > SEAM_STEP).mean() + apart.mean() * 1e-6
    return shares


def pieces(picture: np.ndarray, boxes: list[list[float]]) -> list[tuple[np.ndarray, list[list[float]]]]:
    """A tile cut at its seams: each part with an e-bike, and the boxes in it.

    A seam is a straight line from edge to edge on whose sides the picture differs nearly everywhere. It never goes through a drawn box: trainers cut boxes where they cut
    pictures. What remains whole may still show two cameras, and a poster's edge may be taken for a seam.
    """
    if not boxes:
        return []
    best, axis, at = SEAM_SHARE, -1, 0
    for k, turned in enumerate((picture, picture.transpose(1, 0, 2))):
        shares = _seams(turned)
        for b in boxes:
            shares[max(int(b[k]) + SEAM_ROOM, 0) : max(int(b[k + 2]) - SEAM_ROOM, 0)] = 0
        if shares.max(initial=0) >= best:
            best, axis, at = shares.max(), k, int(shares.argmax())
    if axis < 0:
        return [(picture, boxes)]
    out = []
    for low, high in ((0, at), (at, picture.shape[1 - axis])):
        of = [b for b in boxes if low <= (b[axis] + b[axis + 2]) / 2 < high]
        moved = [[min(max(v - low, 0.0), high - low) if i % 2 == axis else v for i, v in enumerate(b)] for b in of]
        out += pieces(picture[:, low:high] if axis == 0 else picture[low:high], moved)
    return out


def tiles(folder: Path) -> Iterable[tuple[str, np.ndarray, list[list[float]]]]:
    """Name, picture [480, 480, 3] and e-bikes' boxes of each tile that has any."""
    for path in sorted(folder.glob("train_batch*.jpg")):
        mosaic = cv2.imread(str(path))
        clean = cleaned(mosaic)
        for row in range(TILES):
            for column in range(TILES):
                at = np.s_[row * SIDE : (row + 1) * SIDE, column * SIDE : (column + 1) * SIDE]
                boxes = drawn(mosaic[at])
                if boxes:
                    yield f"{path.stem} {row},{column}", clean[at], boxes
