from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Command
from tests.goldens import golden
from tests.hub.server import TOKEN, Hub, running

CASE = golden("depth_anything_v2")


@pytest.fixture
def hub() -> Iterator[Hub]:
    with running() as server:
        yield server


@pytest.fixture
def run(hub: Hub, tmp_path: Path, muggle_convert: Command) -> Iterator[Command]:
    """The command line in a process whose Hub is the one on loopback; no token is ever shown."""
    shown: list[str] = []

    def command(*arguments: object, **environment: str) -> object:
        around = {
            "HF_ENDPOINT": hub.address,
            "HF_HUB_DISABLE_XET": "1",
            "HF_HOME": str(tmp_path / "hf"),
            "HF_TOKEN": TOKEN,
            "HF_HUB_ETAG_TIMEOUT": "5",
        }
        done = muggle_convert(*arguments, env={**around, **environment}, cwd=tmp_path)
        shown.extend([done.stdout, done.stderr])
        return done

    yield command  # type: ignore[misc]
    assert TOKEN not in "".join(shown)
    assert "Traceback" not in "".join(shown)


@pytest.fixture
def converted(tmp_path: Path, muggle_convert: Command) -> Path:
    target = tmp_path / "converted.safetensors"
    done = muggle_convert(CASE.save(tmp_path, "depth_anything_v2_vits.pth"), "-o", target)
    assert done.returncode == 0, done.stderr
    return target


os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
