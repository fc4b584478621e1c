from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from muggle_convert import convert
from muggle_convert.families import BY_NAME
from tests.configurations import SMALL
from tests.originals import save_original

SIDES = (42, 56)


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A relative one, converted."""
    folder = tmp_path_factory.mktemp("model")
    small = SMALL["depth_anything_v2"]
    original = save_original(small.network(), BY_NAME["depth_anything_v2"].layouts["original"], folder / "depth_anything_v2_vits.pth")
    convert(original, folder / "small.safetensors", overrides=small.told)
    return folder / "small.safetensors"


def write_pair(image: Path, truth: Path, random: np.random.Generator) -> None:
    """A picture that is brighter where it is nearer, and a corner in which nothing was measured."""
    metres = random.uniform(1, 10) + random.uniform(0, 20) * np.linspace(0, 1, SIDES[0])[:, None] * np.ones(SIDES)
    grey = np.clip(255 / metres + random.uniform(0, 40, SIDES), 0, 255)
    metres[:9, :9] = 0
    for path in (image, truth):
        path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.repeat(grey[..., None], 3, axis=2).astype(np.uint8)).save(image)
    if truth.suffix == ".npy":
        np.save(truth, metres.astype(np.float32))
    else:
        Image.fromarray((256 * metres).astype(np.uint16)).save(truth)


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Six pictures for training and two for validation."""
    random = np.random.default_rng(0)
    for part, count in (("train", 6), ("val", 2)):
        for number in range(count):
            write_pair(tmp_path / "pairs" / part / f"images/{number}.png", tmp_path / "pairs" / part / f"truth/{number}.npy", random)
    return tmp_path / "pairs"


@pytest.fixture
def kitti(tmp_path: Path) -> Path:
    """Two drives, of whose four frames the middle two are measured, as KITTI has them."""
    random = np.random.default_rng(0)
    root = tmp_path / "kitti"
    for part, drive in (("train", "2011_09_26_drive_0001_sync"), ("val", "2011_09_26_drive_0002_sync")):
        for frame in range(4):
            image = root / f"raw/2011_09_26/{drive}/image_02/data/{frame:010}.png"
            truth = root / f"{part}/{drive}/proj_depth/groundtruth/image_02/{frame:010}.png"
            write_pair(image, truth, random)
            if frame in (0, 3):
                truth.unlink()
    return root
