from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from muggle_convert import convert
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
    """The command line in a process whose Hub is the one on loopback and which does not wait before it asks that again; no token is
    ever shown."""
    shown: list[str] = []

    def command(*arguments: object, **environment: str) -> object:
        around = {
            "HF_ENDPOINT": hub.address,
            "HF_HUB_DISABLE_XET": "1",
            "HF_HOME": str(tmp_path / "hf"),
            "HF_TOKEN": TOKEN,
            "HF_HUB_ETAG_TIMEOUT": "5",
        }
        done = muggle_convert(*arguments, env={**around, **environment}, cwd=tmp_path, patient=False)
        shown.extend([done.stdout, done.stderr])
        return done

    yield command  # type: ignore[misc]
    assert TOKEN not in "".join(shown)
    assert "Traceback" not in "".join(shown)


@pytest.fixture
def converted(tmp_path: Path) -> Path:
    target = tmp_path / "converted.safetensors"
    convert(CASE.save(tmp_path, "depth_anything_v2_vits.pth"), target, sync=False)
    return target


os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
