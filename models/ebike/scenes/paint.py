"""What a surface looks like, as plain data. ``stage`` turns it into Blender materials."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from .dice import Colour, Dice


@dataclass(frozen=True, eq=False)
class Paint:
    """A principled surface; ``pattern`` mixes ``colour`` and ``second``; ``picture`` overrides both."""

    colour: Colour
    metallic: float = 0.0
    roughness: float = 0.5
    glow: float = 0.0
    pattern: str | None = None  # noise | voronoi | wave | checker | brick
    scale: float = 1.0
    second: Colour = (0.5, 0.5, 0.5)
    smudge: float = 0.0  # how much noise roughens a metal
    picture: np.ndarray | None = None  # [h, w, 3] float 0..1, rows from the top
    see_through: float = 0.0


RUBBER = Paint((0.014, 0.014, 0.015), roughness=0.8)
BLACK = Paint((0.02, 0.02, 0.021), roughness=0.55)
CHROME = Paint((0.6, 0.6, 0.6), metallic=0.9, roughness=0.25)
STEEL = Paint((0.35, 0.35, 0.36), metallic=0.8, roughness=0.4)
LAMP = Paint((0.8, 0.8, 0.78), metallic=0.2, roughness=0.1)
RED_LAMP = Paint((0.5, 0.015, 0.015), roughness=0.2)
AMBER = Paint((0.7, 0.25, 0.02), roughness=0.15)


def body(dice: Dice) -> Paint:
    """Lacquered plastic or metal."""
    return Paint(dice.colour(), metallic=dice.u(0, 0.3), roughness=dice.u(0.12, 0.5))


def cloth(dice: Dice) -> Paint:
    """Clothes, covers, quilts: most of them plain, many dark."""
    if dice.chance(0.68):
        return Paint(dice.grey(0.01, 0.08) if dice.chance(0.3) else dice.colour(), roughness=0.9)
    return Paint(
        dice.colour(),
        roughness=0.85,
        pattern=dice.pick(("noise", "voronoi", "wave", "checker")),
        scale=dice.u(4, 26),
        second=dice.colour(),
    )


def saddle(dice: Dice) -> Paint:
    return Paint(
        dice.pick((*((0.02, 0.02, 0.02),) * 6, (0.15, 0.06, 0.02), (0.25, 0.02, 0.02), (0.3, 0.3, 0.3))),
        roughness=0.5,
    )
