"""Turns the panoramas of the npm package @pmndrs/assets (Poly Haven, CC0) into .hdr files: python -m scenes.panoramas PACKAGE/hdri OUT

The package keeps each as an OpenEXR file in base64 inside a JavaScript module.
"""

from __future__ import annotations

import argparse
import base64
import os
import re
from pathlib import Path

os.environ["OPENCV_IO_ENABLE_OPENEXR"] = "1"

import cv2
import numpy as np


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("source", type=Path)
    p.add_argument("out", type=Path)
    a = p.parse_args()
    a.out.mkdir(parents=True, exist_ok=True)
    for module in sorted(a.source.glob("*.exr.js")):
        found = re.search(r"base64,([A-Za-z0-9+/=]+)", module.read_text())
        light = cv2.imdecode(np.frombuffer(base64.b64decode(found[1]), np.uint8), cv2.IMREAD_UNCHANGED) if found else None
        if light is None:
            print(f"{module.name}: no OpenEXR picture in it")
            continue
        cv2.imwrite(str(a.out / f"{module.name.split('.')[0]}.hdr"), np.clip(light[..., :3], 0, None).astype(np.float32))
        print(f"{module.name}: {light.shape[1]} x {light.shape[0]}")


if __name__ == "__main__":
    main()
