"""A seeded source of choices; every random decision in a scene comes from one of these."""

from __future__ import annotations

import colorsys
import random
from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")
Colour = tuple[float, float, float]


class Dice:
    """Thin, readable wrapper around ``random.Random``."""

    def __init__(self, seed: int | str) -> None:
        self._random = random.Random(seed)

    def u(self, low: float, high: float) -> float:
        """Uniform number."""
        return self._random.uniform(low, high)

    def i(self, low: int, high: int) -> int:
        """Whole number, both ends included."""
        return self._random.randint(low, high)

    def chance(self, probability: float) -> bool:
        return self._random.random() < probability

    def pick(self, options: Sequence[T]) -> T:
        return self._random.choice(options)

    def sign(self) -> int:
        return self._random.choice((-1, 1))

    def weighted(self, options: Mapping[T, float]) -> T:
        keys = list(options)
        return self._random.choices(keys, [options[k] for k in keys])[0]

    def fork(self) -> Dice:
        """An independent source, so that one part's changes do not shift the others."""
        return Dice(self._random.getrandbits(62))

    def noise(self) -> np.random.RandomState:
        return np.random.RandomState(self._random.getrandbits(31))

    def grey(self, low: float, high: float) -> Colour:
        g = self.u(low, high)
        return (g, g * self.u(0.95, 1.0), g * self.u(0.9, 1.0))

    def vivid(self) -> Colour:
        return colorsys.hsv_to_rgb(self.u(0, 1), self.u(0.5, 1), self.u(0.15, 0.8))

    def colour(self) -> Colour:
        """Any colour a thing is sold in: black and white are the most common."""
        kind = self.weighted({"black": 0.3, "white": 0.16, "grey": 0.14, "vivid": 0.4})
        if kind == "black":
            return self.grey(0.008, 0.05)
        if kind == "white":
            return self.grey(0.5, 0.85)
        if kind == "grey":
            return self.grey(0.08, 0.4)
        return self.vivid()
