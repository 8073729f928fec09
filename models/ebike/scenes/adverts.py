"""Pictures made up for the walls: posters, notices, button panels, displays. Nothing here is legible."""

from __future__ import annotations

import cv2
import numpy as np

from .dice import Dice


def _glyphs(d: Dice, im: np.ndarray, x: int, y: int, size: int, count: int, ink: tuple[float, float, float]) -> None:
    """A line of made-up square characters."""
    t = max(1, size // 9)
    for _ in range(count):
        for _ in range(d.i(3, 6)):
            if d.chance(0.5):
                yy = y + d.i(0, size)
                cv2.line(im, (x + d.i(0, size // 4), yy), (x + size - d.i(0, size // 4), yy), ink, t)
            elif d.chance(0.6):
                xx = x + d.i(0, size)
                cv2.line(im, (xx, y + d.i(0, size // 3)), (xx, y + size), ink, t)
            else:
                cv2.line(im, (x + size // 2, y + d.i(0, size // 2)), (x + d.i(0, size), y + size), ink, t)
        x += int(size * 1.2)


def poster(d: Dice) -> np.ndarray:
    """A coloured poster with blobs, a face or goods, and headlines."""
    h, w = d.pick(((224, 150), (176, 176), (150, 224)))
    y, x = np.mgrid[0:h, 0:w]
    a, b = np.array(d.colour()) ** 0.6, np.array(d.vivid()) ** 0.5
    ramp = ((x / w) * d.u(-1, 1) + (y / h) * d.u(-1, 1) + 1) / 2
    im = np.ascontiguousarray((a + (b - a) * ramp[..., None]).astype(np.float32))
    for _ in range(d.i(1, 6)):
        c = tuple(v**0.6 for v in d.colour())
        p, q = (d.i(-20, w), d.i(-20, h)), (d.i(10, w // 2), d.i(10, h // 2))
        if d.chance(0.5):
            cv2.ellipse(im, p, q, d.i(0, 180), 0, 360, c, -1)
        else:
            cv2.rectangle(im, p, (p[0] + q[0], p[1] + q[1]), c, -1)
    if d.chance(0.4):  # a person in the picture
        p, r = (d.i(w // 4, 3 * w // 4), d.i(h // 3, 2 * h // 3)), d.i(14, 36)
        cv2.ellipse(im, (p[0], p[1] + 2 * r), (int(r * 1.7), int(r * 1.6)), 0, 0, 360, tuple(v**0.6 for v in d.colour()), -1)
        cv2.ellipse(im, (p[0], p[1] - r // 4), (int(r * 1.05), int(r * 1.2)), 0, 0, 360, (0.05, 0.04, 0.04), -1)
        cv2.ellipse(im, p, (int(r * 0.8), r), 0, 0, 360, (0.85, 0.65, 0.55), -1)
    if d.chance(0.15):  # something with two wheels: a picture of a bike is no bike
        p, r, c = (d.i(w // 5, w // 2), d.i(h // 2, 3 * h // 4)), d.i(12, 26), tuple(v**0.6 for v in d.colour())
        for dx in (0, 3 * r):
            cv2.circle(im, (p[0] + dx, p[1]), r, c, max(2, r // 5))
        cv2.line(im, p, (p[0] + r, p[1] - r), c, 4)
        cv2.line(im, (p[0] + r, p[1] - r), (p[0] + 3 * r, p[1]), c, 4)
        cv2.line(im, (p[0] + 3 * r, p[1]), (p[0] + int(2.4 * r), p[1] - 2 * r), c, 4)
    for _ in range(d.i(1, 5)):
        size = d.i(6, 34)
        _glyphs(d, im, d.i(0, w // 3), d.i(2, h - size), size, d.i(2, 9), d.pick(((1, 1, 1), (0, 0, 0), tuple(d.vivid()))))
    return np.clip(im + d.noise().randn(h, w, 1).astype(np.float32) * 0.02, 0, 1)


def notice(d: Dice) -> np.ndarray:
    """A sheet of paper with lines of text."""
    h, w = 180, 128
    im = np.full((h, w, 3), d.u(0.75, 0.95), np.float32)
    if d.chance(0.3):
        im[:] = np.array(d.vivid()) ** 0.3
    red = d.chance(0.4)
    _glyphs(d, im, 20, 8, 16, 5, (0.8, 0.05, 0.05) if red else (0.05, 0.05, 0.05))
    for y in range(36, d.i(90, 170), 9):
        _glyphs(d, im, 10, y, 5, d.i(8, 17), (0.15, 0.15, 0.18))
    return im


def buttons(d: Dice) -> np.ndarray:
    """A panel of lift buttons, one or two of them lit."""
    h, w = 256, 64
    im = np.full((h, w, 3), d.pick((0.05, 0.35, 0.6)), np.float32)
    cv2.rectangle(im, (14, 12), (50, 40), (0.02, 0.02, 0.02), -1)
    cv2.putText(im, str(d.i(1, 33)), (20, 34), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (1.0, 0.1, 0.05), 2)
    for y in range(60, 240, 16):
        for x in (18, 46):
            cv2.circle(im, (x, y), 6, (1.0, 0.4, 0.1) if d.chance(0.08) else (0.75, 0.75, 0.75), -1)
            cv2.circle(im, (x, y), 6, (0.1, 0.1, 0.1), 1)
    return im
