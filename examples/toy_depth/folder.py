"""Writes scenes nobody trained on as two folders that `muggle-convert eval` reads: pictures, and how far away each pixel is.

python -m examples.toy_depth.folder --scenes 100 --out scenes
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from .pool import view
from .scenes import TRAINING_WORLD, UNSEEN_WORLD

HEIGHT, WIDTH = 140, 182
SEED = 1000
WORLDS = {
    "new": TRAINING_WORLD,
    "unseen": UNSEEN_WORLD,
    "unseen-textures": replace(TRAINING_WORLD, patterns=UNSEEN_WORLD.patterns),
}


def write(folder: Path, scenes: int, world: str = "new", seed: int = SEED) -> None:
    """images/00000.png and truth/00000.npy, metres with zero for the sky, and so on."""
    for part in ("images", "truth"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for index in range(scenes):
        one = view(seed, index, WORLDS[world], HEIGHT, WIDTH)
        nearness = one.nearness.astype(np.float32)
        metres = np.divide(1, nearness, out=np.zeros_like(nearness), where=nearness > 0)
        Image.fromarray(one.picture).save(folder / "images" / f"{index:05}.png")
        np.save(folder / "truth" / f"{index:05}.npy", metres)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--scenes", type=int, default=100)
    parser.add_argument("--world", choices=WORLDS, default="new")
    parser.add_argument("--seed", type=int, default=SEED)
    arguments = parser.parse_args()
    write(arguments.out, arguments.scenes, arguments.world, arguments.seed)


if __name__ == "__main__":
    main()
