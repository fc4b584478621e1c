"""Ray Data over real machines of one kind: two nodes on loopback, a server for S3, workers that die."""

from __future__ import annotations

import json
import os
import signal
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from io import BytesIO
from pathlib import Path

import pytest

from tests.conftest import Command
from tests.many.cluster.conftest import BROKEN, COUNT

pytest.importorskip("ray")
pytest.importorskip("moto")

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq

pytestmark = pytest.mark.cluster


@pytest.fixture
def depth(muggle_convert_here: Command, checkpoint: Path) -> Command:
    return partial(muggle_convert_here, "depth", "-m", checkpoint)


@pytest.fixture
def on_ray(depth: Command, cluster: str) -> Command:
    return partial(depth, "--ray", cluster, "--batch", 20, "--share", 0.7)


@pytest.fixture(scope="session")
def local(photographs: Path, checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What a local run writes."""
    from muggle_convert import BatchPredictor

    predict = BatchPredictor(checkpoint, form="npz")
    names = sorted(path.relative_to(photographs).as_posix() for path in photographs.rglob("*.png"))
    rows = predict((name, (photographs / name).read_bytes()) for name in names)
    return {row.key.replace(".png", ".npz"): row.depth for row in rows if row.depth is not None}


@pytest.fixture
def remote(photographs: Path, bucket: str) -> str:
    system = fsspec.filesystem("s3")
    if not system.exists(f"{bucket}/photographs"):
        system.put(f"{photographs}/", f"{bucket}/photographs/", recursive=True)
    return f"{bucket}/photographs"


def files(folder: str | Path) -> dict[str, bytes]:
    """Everything that was written there."""
    system, path = fsspec.core.url_to_fs(str(folder))
    system.invalidate_cache()
    return {name[len(path) + 1 :]: system.cat_file(name) for name in system.find(path) if not name.endswith(".muggle-convert.json")}


def actors() -> list[int]:
    """The processes that hold a model."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if command.startswith(b"ray::") and b"_Predict" in command:
                found.append(int(entry.name))
    return found


def kill_an_actor_once(is_time: Callable[[], bool]) -> list[int]:
    """In a thread of its own; the list fills with what was killed."""
    killed: list[int] = []

    def wait() -> None:
        until = time.monotonic() + 60
        while not killed and time.monotonic() < until:
            if is_time() and (found := actors()):
                os.kill(found[0], signal.SIGKILL)
                killed.append(found[0])
            time.sleep(0.005)

    threading.Thread(target=wait, daemon=True).start()
    return killed


def test_folders_in_object_storage_become_what_a_local_run_writes_though_a_worker_is_killed(
    on_ray: Command, remote: str, bucket: str, local: dict[str, bytes], tmp_path: Path
) -> None:
    out = tmp_path / "depth"
    killed = kill_an_actor_once(lambda: sum(1 for _ in out.rglob("*.npz")) > 30)
    done = on_ray(remote, "-o", out, "--format", "npz")
    assert killed, done.stderr
    assert done.returncode == 1 and f"{COUNT - len(BROKEN)} written" in done.stdout
    assert [line.split(": ")[1] for line in done.stderr.splitlines()] == sorted(f"{n % 3}/{n:05}.png" for n in BROKEN)
    assert files(out) == local
