"""Ray Data over real machines of one kind: two nodes on loopback, a server for S3, workers that die."""

from __future__ import annotations

import json
import os
import signal
import sys
import tarfile
import threading
import time
from collections.abc import Callable
from functools import partial
from io import BytesIO
from pathlib import Path

import pytest

from tests.conftest import Command
from tests.many.cluster.conftest import BROKEN, COUNT, OURS

pytest.importorskip("ray")
pytest.importorskip("moto")

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq

pytestmark = [pytest.mark.cluster, pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc")]


@pytest.fixture
def depth(muggle_convert_here: Command, checkpoint: Path) -> Command:
    return partial(muggle_convert_here, "depth", "-m", checkpoint)


@pytest.fixture
def on_ray(depth: Command, cluster: str) -> Command:
    return partial(depth, "--ray", cluster, "--batch", 40, "--share", 1)


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
    return {name[len(path) + 1 :]: system.cat_file(name) for name in system.find(path) if "/.muggle-convert/" not in name}


def actors() -> list[int]:
    """The processes of this cluster that hold a model."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command, environment = ((entry / name).read_bytes() for name in ("cmdline", "environ"))
            except OSError:
                continue
            if command.startswith(b"ray::") and b"_Predict" in command and f"{OURS}={os.getpid()}\0".encode() in environment:
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
    failed = [line.split(": ")[1] for line in done.stderr.splitlines() if line.startswith("failed: ")]
    assert failed == sorted(f"{n % 3}/{n:05}.png" for n in BROKEN)
    assert files(out) == local


def test_shards_become_shards_with_a_sample_for_each_picture(
    on_ray: Command, contents: dict[str, bytes], local: dict[str, bytes], bucket: str, tmp_path: Path
) -> None:
    for number, begin in enumerate(range(0, COUNT, 120)):
        with tarfile.open(tmp_path / f"{number:04}.tar", "w") as shard:
            for name in list(contents)[begin : begin + 120]:
                for member, content in ((name, contents[name]), (name.replace(".png", ".txt"), b"a caption")):
                    entry = tarfile.TarInfo(member)
                    entry.size = len(content)
                    shard.addfile(entry, BytesIO(content))
    done = on_ray(tmp_path / "{0000..0001}.tar", "-o", f"{bucket}/shards", "--format", "webdataset")
    assert done.returncode == 1 and f"{COUNT - len(BROKEN)} written" in done.stdout
    depths, facts = {}, []
    for name, shard in files(f"{bucket}/shards").items():
        if name.endswith(".tar"):
            with tarfile.open(fileobj=BytesIO(shard)) as members:
                for member in members:
                    content = members.extractfile(member)
                    assert content is not None
                    if member.name.endswith(".npz"):
                        depths[member.name.partition("/")[2]] = content.read()
                    else:
                        facts.append(json.loads(content.read()))
    assert depths == local
    assert sorted(row["key"] for row in facts) == sorted(f"000{n // 120}.tar/{n % 3}/{n:05}.png" for n in range(COUNT))
    assert sum("is damaged" in (row["error"] or "") for row in facts) == len(BROKEN)


def test_addresses_in_parquet_become_parquet_with_a_row_for_each_picture(
    on_ray: Command, contents: dict[str, bytes], local: dict[str, bytes], remote: str, tmp_path: Path
) -> None:
    table = pa.table({"path": list(contents), "picture": [f"{remote}/{name}" for name in contents]})
    pq.write_table(table, tmp_path / "pictures.parquet", row_group_size=100)
    out = tmp_path / "depth"
    done = on_ray(tmp_path / "pictures.parquet", "--column", "picture", "--key", "path", "-o", out, "--format", "parquet")
    assert done.returncode == 1, done.stderr
    rows = [row for part in sorted(out.glob("part-*.parquet")) for row in pq.read_table(part).to_pylist()]
    assert sorted(row["key"] for row in rows) == sorted(contents)
    assert {row["key"].replace(".png", ".npz"): row["depth"] for row in rows if row["error"] is None} == local
    good = next(row for row in rows if row["error"] is None)
    assert (good["width"], good["unit"], good["scale"], good["offset"]) == (31, "relative inverse depth, without a unit", 1.0, 0.0)


def test_the_same_command_finishes_the_rest_and_nothing_twice_and_another_is_refused(
    on_ray: Command, photographs: Path, tmp_path: Path
) -> None:
    command = (photographs, "-o", tmp_path / "out", "--format", "parquet")
    on_ray(*command)
    parts = sorted((tmp_path / "out").glob("part-*.parquet"))
    kept = {part: part.stat().st_mtime_ns for part in parts[3:]}
    for part in parts[:3]:  # as if they had not been written, of which their lists say nothing
        part.unlink()
    assert on_ray(*command, "--batch", 7).returncode in (0, 1)  # whether or not a broken picture was among them
    rows = [key for part in (tmp_path / "out").glob("part-*.parquet") for key in pq.read_table(part).column("key").to_pylist()]
    assert len(rows) == len(set(rows)) == COUNT
    assert {part: part.stat().st_mtime_ns for part in kept} == kept
    assert "0 written" in on_ray(*command).stdout
    refused = on_ray(*command, "--size", 84)
    assert refused.returncode == 1 and "holds predictions made with --size no value, and 84 is asked for" in refused.stderr
