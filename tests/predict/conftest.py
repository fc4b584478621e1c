from __future__ import annotations

from pathlib import Path

import pytest

from model_defs.network import Network
from muggle_convert.loading import load_any_dpt
from tests.goldens import golden


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A narrow Depth-Anything V2 under the name of a released one, trained at 70 pixels."""
    return golden("depth_anything_v2").save(tmp_path_factory.mktemp("checkpoint"), "depth_anything_v2_vits.pth")


@pytest.fixture(scope="session")
def model(checkpoint: Path) -> Network:
    return load_any_dpt(checkpoint)


@pytest.fixture(scope="session")
def metric_model(checkpoint: Path) -> Network:
    return load_any_dpt(checkpoint, max_depth=20)
