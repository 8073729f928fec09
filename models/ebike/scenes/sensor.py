"""From rendered light to what a camera's chip makes of it: automatic exposure, white balance, tone curve."""

from __future__ import annotations

import numpy as np

Gains = tuple[float, float, float]


def exposure(light: np.ndarray, level: float) -> float:
    """The gain that an automatic exposure would choose; ``level`` 0..1 is the brightness it aims at.

    It is limited, as a real camera's is, so that a dim car stays darker than a bright one.
    """
    h, w = light.shape[:2]
    grey = light[h // 8 : -h // 8 or None, w // 8 : -w // 8 or None].mean(-1)
    seen = grey[grey > 1e-4]
    typical = float(np.percentile(seen, 60)) if seen.size else 0.2
    return float(np.clip((level**2.2) / max(typical, 1e-3), 0.25, 4.5))


def develop(light: np.ndarray, gain: float, gains: Gains = (1.0, 1.0, 1.0), contrast: float = 1.0) -> np.ndarray:
    """Linear BGR floats to bytes, with a soft shoulder and the sRGB curve."""
    x = np.maximum(light.astype(np.float32), 0) * np.asarray(gains, np.float32) * gain
    x = np.where(x > 0.7, 0.7 + 0.3 * (1 - np.exp(-(x - 0.7) / 0.5)), x)
    x = np.clip(x, 0, 1)
    x = np.where(x <= 0.0031308, 12.92 * x, 1.055 * np.power(np.maximum(x, 1e-6), 1 / 2.4) - 0.055)
    x = (x - 0.5) * contrast + 0.5
    return (np.clip(x, 0, 1) * 255 + 0.5).astype(np.uint8)
