"""The data: an endless seeded sequence of rendered scenes, and a pool of its beginning on disk so that training need not wait.

    python -m examples.toy_depth.pool --pool DIR --scenes 24000 --processes 2

Scene number n of a seed is always the same scene, whoever renders it and whenever, so a pool can be interrupted, extended and
shared. Training may begin while the pool still grows.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .render import Quality, depth_map, develop, light_map
from .scenes import TRAINING_WORLD, World, random_scene

HEIGHT, WIDTH = 168, 224
SHARD = 250
SAMPLES_PER_PIXEL = 4
SAMPLES_IN_POOL = 2
"""Training shrinks most views a little, which smooths them, and learns more from twice as many."""


@dataclass(frozen=True)
class View:
    picture: NDArray[np.uint8]
    """(H, W, 3) sRGB."""
    nearness: NDArray[np.float16]
    """(H, W) inverse depth in 1/metre, exactly zero in the sky."""


def view(
    seed: int, index: int, world: World = TRAINING_WORLD, height: int = HEIGHT, width: int = WIDTH, samples: int = SAMPLES_PER_PIXEL
) -> View:
    scene = random_scene((seed, index), world)
    random = np.random.default_rng((seed, index, 1))
    light = light_map(scene, height, width, Quality(samples), random)
    nearness = 1 / depth_map(scene, height, width)
    return View(develop(light, random.uniform(0.25, 0.6), 0.0, random), nearness.astype(np.float16))


def views(seed: int, world: World = TRAINING_WORLD) -> Iterator[View]:
    return (view(seed, index, world) for index in count())


def _shard_paths(pool: Path, seed: int, shard: int) -> tuple[Path, Path]:
    return pool / f"seed{seed}-{shard:05d}-pictures.npy", pool / f"seed{seed}-{shard:05d}-nearness.npy"


def _save(path: Path, array: NDArray[np.generic]) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    with partial.open("wb") as file:
        np.save(file, array)
    partial.rename(path)


def write_shard(pool: Path, seed: int, shard: int) -> None:
    """Renders one shard unless it is there. The second file is written last, so that its presence says the shard is whole."""
    pictures, nearness = _shard_paths(pool, seed, shard)
    if nearness.exists():
        return
    rendered = [view(seed, shard * SHARD + offset, samples=SAMPLES_IN_POOL) for offset in range(SHARD)]
    _save(pictures, np.stack([one.picture for one in rendered]))
    _save(nearness, np.stack([one.nearness for one in rendered]))


class Pool:
    """What is on disk now, memory-mapped; made anew each epoch to see what has been added since."""

    def __init__(self, folder: Path, seed: int) -> None:
        shards = []
        for shard in count():
            pictures, nearness = _shard_paths(folder, seed, shard)
            if not nearness.exists():
                break
            shards.append((np.load(pictures, mmap_mode="r"), np.load(nearness, mmap_mode="r")))
        self._shards = shards

    def __len__(self) -> int:
        return SHARD * len(self._shards)

    def __getitem__(self, index: int) -> View:
        pictures, nearness = self._shards[index // SHARD]
        return View(pictures[index % SHARD], nearness[index % SHARD])


def _write_one(task: tuple[Path, int, int]) -> None:
    write_shard(*task)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pool", type=Path, required=True, help="folder of the rendered scenes")
    parser.add_argument("--scenes", type=int, default=24000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=1)
    arguments = parser.parse_args()
    arguments.pool.mkdir(parents=True, exist_ok=True)
    shards = -(-arguments.scenes // SHARD)
    tasks = [(arguments.pool, arguments.seed, shard) for shard in range(shards)]
    started = time.monotonic()
    with multiprocessing.Pool(arguments.processes) as workers:
        for done, _ in enumerate(workers.imap(_write_one, tasks), start=1):
            minutes = (time.monotonic() - started) / 60
            print(f"shard {done}/{shards}, {minutes:.1f} minutes, about {minutes / done * (shards - done):.1f} left", flush=True)


if __name__ == "__main__":
    main()
