"""Networks in ONNX Runtime, on one core: what judges and what labels run the same way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime

from decode import Found, decode, fitted, letterbox

SIDE = 416  # of the detector's canvas


def opened(model: Path | bytes) -> onnxruntime.InferenceSession:
    """A file, or what would be in it."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    return onnxruntime.InferenceSession(model if isinstance(model, bytes) else str(model), options, providers=["CPUExecutionProvider"])


def sides_open(net: onnxruntime.InferenceSession) -> bool:
    """Whether a detector takes pictures of any height and width."""
    return not isinstance(net.get_inputs()[0].shape[2], int)


def canvas(net: onnxruntime.InferenceSession, picture: np.ndarray) -> tuple[np.ndarray, float]:
    """What the server hands a detector: the picture on a canvas of 416 × 416, [3, h, w], and its scale.

    A net whose sides are open gets no more of the canvas than the picture needs (``model.toml``'s canvas = "fitted").
    """
    x, scale = letterbox(picture, SIDE, SIDE)
    if not sides_open(net):
        return x, scale
    w, h = fitted(picture.shape[:2], SIDE, SIDE)
    return np.ascontiguousarray(x[:, :h, :w]), scale


def run(net: onnxruntime.InferenceSession, x: np.ndarray) -> np.ndarray:
    """A detector's rows [n, 5 + classes] for one canvas."""
    return net.run(None, {"images": x[None]})[0][0]


def detections(net: onnxruntime.InferenceSession, picture: np.ndarray, floor: float) -> list[Found]:
    """What a detector finds in a picture from a score of ``floor`` on."""
    x, scale = canvas(net, picture)
    return decode(run(net, x), x.shape[2], x.shape[1], scale, floor)
