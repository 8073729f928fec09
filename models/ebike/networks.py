"""Networks in ONNX Runtime, on one core: what judges and what labels run the same way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime

from decode import Found, decode, letterbox


def opened(model: Path | bytes) -> onnxruntime.InferenceSession:
    """A file, or what would be in it."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    return onnxruntime.InferenceSession(model if isinstance(model, bytes) else str(model), options, providers=["CPUExecutionProvider"])


def detections(net: onnxruntime.InferenceSession, picture: np.ndarray, floor: float) -> list[Found]:
    """What a detector for 416 × 416 finds in a picture from a score of ``floor`` on."""
    x, scale = letterbox(picture, 416, 416)
    return decode(net.run(None, {"images": x[None]})[0][0], 416, 416, scale, floor)
