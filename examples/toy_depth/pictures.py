"""Renders the two pictures the demonstration predicts depth for: a scene of the random kind, and one that passes for a photograph.

python -m examples.toy_depth.pictures --out fixtures/images
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from .living_room import living_room
from .render import Quality, develop, light_map
from .scenes import TRAINING_WORLD, random_scene, room

HEIGHT, WIDTH = 480, 640
ROOM_SEED = (1000, 8)


def rendered_room() -> NDArray[np.uint8]:
    random = np.random.default_rng(1)
    scene = random_scene(ROOM_SEED, replace(TRAINING_WORLD, places=(room,)))
    light = light_map(scene, HEIGHT, WIDTH, Quality(samples=9), random)
    return develop(light, 0.45, 0.0, random)


def photograph_like() -> Image.Image:
    """What a lens and a sensor add: bright light that spills over, corners that darken, grain, and a picture not quite sharp."""
    random = np.random.default_rng(2)
    light = light_map(living_room(), HEIGHT, WIDTH, Quality(samples=49, occlusion=1.2), random)
    row, column = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    from_centre = ((row - HEIGHT / 2) ** 2 + (column - WIDTH / 2) ** 2) / (WIDTH / 2) ** 2
    vignetted = light * (1 / (1 + 0.35 * from_centre) ** 2)[..., None]
    bright = np.clip(vignetted - 3 * vignetted.mean(), 0, 4)
    glare = np.stack([_blurred(bright[..., channel], 12) for channel in range(3)], axis=2)
    picture = Image.fromarray(develop((vignetted + 0.25 * glare).astype(np.float32), 0.42, 0.025, random))
    return picture.filter(ImageFilter.GaussianBlur(0.5))


def _blurred(channel: NDArray[np.float32], radius: float) -> NDArray[np.float32]:
    return np.asarray(Image.fromarray(channel).resize((WIDTH // 4, HEIGHT // 4), Image.Resampling.BOX).resize((WIDTH, HEIGHT)), np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    folder = parser.parse_args().out
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(rendered_room()).save(folder / "rendered_room.png", optimize=True)
    photograph_like().save(folder / "photograph_like.jpg", quality=88)


if __name__ == "__main__":
    main()
