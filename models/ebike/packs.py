"""Rendered pictures as they are kept: loose in a folder while they are made, packed when they are finished.

A pack is a stored zip of NAME.webp, NAME.mask.png and NAME.json, about 10 kB a render: rendering takes days and a
pack keeps what it made. ``python packs.py work/renders --out renders`` packs what is loose; a pack is never changed.
"""

from __future__ import annotations

import argparse
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

QUALITY = 82  # WebP; training adds artefacts of its own, so no more is needed
MOST = 600  # renders a pack


@dataclass(frozen=True, eq=False)
class Render:
    """One picture [h, w, 3] BGR, its index mask [h, w] and its note (see scenes/dataset.py)."""

    name: str
    picture: np.ndarray
    mask: np.ndarray
    note: dict


def renders(folder: Path, seen: set[str] | None = None) -> Iterator[Render]:
    """What lies in a folder, loose or packed, in the order of names; names in ``seen`` are left out and new ones added."""
    seen = set() if seen is None else seen
    for note in sorted(folder.glob("*.json")):
        if note.stem in seen:
            continue
        base = str(note)[: -len(".json")]
        picture, mask = cv2.imread(base + ".png"), cv2.imread(base + ".mask.png", cv2.IMREAD_GRAYSCALE)
        if picture is not None and mask is not None:
            seen.add(note.stem)
            yield Render(note.stem, picture, mask, json.loads(note.read_text()))
    for path in sorted(folder.glob("*.zip")):
        with zipfile.ZipFile(path) as pack:
            for name in sorted(n[: -len(".json")] for n in pack.namelist() if n.endswith(".json")):
                if name in seen:
                    continue
                seen.add(name)
                picture, mask = (
                    cv2.imdecode(np.frombuffer(pack.read(name + end), np.uint8), how)
                    for end, how in ((".webp", cv2.IMREAD_COLOR), (".mask.png", cv2.IMREAD_GRAYSCALE))
                )
                yield Render(name, picture, mask, json.loads(pack.read(name + ".json")))


def pack(source: Path, out: Path) -> list[Path]:
    """Packs the loose renders of ``source`` that no pack in ``out`` holds yet; a pack is named after its first render."""
    kept: set[str] = set()
    for path in out.glob("*.zip"):
        with zipfile.ZipFile(path) as done:
            kept |= {n[: -len(".json")] for n in done.namelist() if n.endswith(".json")}
    out.mkdir(parents=True, exist_ok=True)
    fresh = [r for r in sorted(source.glob("*.json")) if r.stem not in kept]
    written = []
    for k in range(0, len(fresh), MOST):
        part = fresh[k : k + MOST]
        path = out / f"{part[0].stem}.zip"
        with zipfile.ZipFile(path.with_suffix(".tmp"), "w", zipfile.ZIP_STORED) as z:
            for note in part:
                base = str(note)[: -len(".json")]
                picture = cv2.imread(base + ".png")
                webp = cv2.imencode(".webp", picture, [cv2.IMWRITE_WEBP_QUALITY, QUALITY])[1]
                for end, data in (
                    (".webp", webp.tobytes()),
                    (".mask.png", Path(base + ".mask.png").read_bytes()),
                    (".json", note.read_bytes()),
                ):
                    z.writestr(zipfile.ZipInfo(note.stem + end, (2026, 1, 1, 0, 0, 0)), data)  # the same renders give the same bytes
        path.with_suffix(".tmp").replace(path)
        written.append(path)
    return written


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("source", type=Path)
    p.add_argument("--out", type=Path, required=True)
    a = p.parse_args()
    for path in pack(a.source, a.out):
        print(f"{path.name}: {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
