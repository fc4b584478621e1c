"""Row 14: whatever happens while writing, the source is intact and the target is the old one or the new one."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pytest

from tests.hostile import forge
from tests.hostile.conftest import Hostile, tensors_in
from tests.hostile.tiny import FAMILY

NOBODY = 65534


@pytest.fixture
def ready(hostile) -> Hostile:
    hostile.source.write_bytes(hostile.file())
    return hostile


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_source_as_its_own_target_is_refused(ready) -> None:
    source = ready.folder / "source.safetensors"
    ready.source.rename(source)
    for target in (source, ready.folder / "." / "source.safetensors", ready.folder / ".." / "work" / "source.safetensors"):
        ready.target = target
        assert "source.safetensors" in ready.refused(source=source)
        assert "source.safetensors" in ready.refused(None, "--force", source=source)


def test_the_source_behind_a_link_as_the_target_is_left_alone(ready) -> None:
    ready.target.symlink_to(ready.source)
    ready.refused()
    before = digest(ready.source)
    outcome = ready.convert(None, "--force")
    assert digest(ready.source) == before
    assert ready.source.is_file()
    assert outcome.status == 1 or not ready.target.is_symlink()


def test_the_source_under_a_second_name_as_the_target_is_left_alone(ready) -> None:
    os.link(ready.source, ready.target)
    ready.refused()
    before = digest(ready.source)
    ready.convert(None, "--force")
    assert digest(ready.source) == before


@pytest.mark.parametrize("leads_to", ["an old file", "nothing", "a folder", "itself"])
def test_a_target_behind_a_link_is_refused_unless_it_may_be_replaced(ready, leads_to) -> None:
    old = ready.folder / "old.safetensors"
    if leads_to == "an old file":
        old.write_text("old")
    elif leads_to == "a folder":
        old.mkdir()
    ready.target.symlink_to("target.safetensors" if leads_to == "itself" else "old.safetensors")
    ready.refused()
    outcome = ready.convert(None, "--force")
    assert outcome.status == (1 if leads_to == "a folder" else 0)
    if leads_to == "an old file":
        assert old.read_text() == "old", "the link is replaced, not what it leads to"
    if leads_to != "a folder":
        assert not ready.target.is_symlink() and tensors_in(ready.target) == ready.reference
    assert {path.name for path in ready.folder.iterdir()} <= {"source.pth", "target.safetensors", "old.safetensors"}


def test_a_target_that_is_a_folder_is_refused(ready) -> None:
    ready.target.mkdir()
    assert "is a folder" in ready.refused()
    assert "is a folder" in ready.refused(None, "--force")


def test_a_target_in_a_missing_folder_is_refused(ready) -> None:
    ready.target = ready.folder / "missing" / "target.safetensors"
    assert "does not exist" in ready.refused()


def test_a_target_under_a_file_is_refused(ready) -> None:
    ready.target = ready.source / "target.safetensors"
    ready.refused()


def test_an_impossible_target_is_refused(ready) -> None:
    ready.target = ready.folder / ("x" * 300 + ".safetensors")
    ready.refused()
    for place in (Path("/proc"), Path("/dev/null"), Path("/sys")):
        if place.exists():
            ready.target = place / "target.safetensors"
            ready.refused()


def test_an_existing_target_is_kept_unless_it_may_be_replaced(ready) -> None:
    ready.target.write_text("old")
    assert "--force" in ready.refused()
    ready.converted()


@pytest.mark.parametrize("force", [False, True])
def test_a_disk_that_fills_up_at_any_byte_leaves_the_old_target(ready, force) -> None:
    """The system refuses to let a file grow beyond a size, wherever within the target that lies."""
    ready.converted()
    size = ready.target.stat().st_size
    ready.target.unlink()
    if force:
        ready.target.write_bytes(b"old")
    places = {0, 1, 7, 8, 9, 4096, size // 2, size - 1, *(random.Random(0).randrange(size) for _ in range(20))}
    for place in places:
        message = ready.refused(None, *(["--force"] if force else []), file_size=place)
        assert "File too large" in message
    outcome = ready.convert(None, *(["--force"] if force else []), file_size=size)
    assert outcome.status == 0
    assert tensors_in(ready.target) == ready.reference


def test_a_disk_that_is_really_full_leaves_nothing(ready, tmp_path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("only root can mount a small disk")
    try:
        ready.target = disk / "target.safetensors"
        assert "No space left" in ready.refused()
        assert not list(disk.iterdir())
        assert os.statvfs(disk).f_bfree * 4096 > 190_000
    finally:
        subprocess.run(["umount", disk], check=True)


@pytest.fixture
def open_folder(ready) -> Path:
    """A folder that other users can reach, as pytest's own is closed to them."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    shutil.copy(ready.source, folder / "source.pth")
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


def test_a_read_only_folder_is_refused(ready, open_folder) -> None:
    open_folder.chmod(0o555)
    ready.folder, ready.source, ready.target = open_folder, open_folder / "source.pth", open_folder / "target.safetensors"
    assert "Permission denied" in ready.refused(user=NOBODY)


def test_an_unreadable_source_is_refused(ready, open_folder) -> None:
    open_folder.chmod(0o777)
    ready.folder, ready.source, ready.target = open_folder, open_folder / "source.pth", open_folder / "target.safetensors"
    ready.source.chmod(0)
    before = {path.name for path in open_folder.iterdir()}
    outcome = ready.convert(user=NOBODY)
    assert outcome.status == 1
    assert "Permission denied" in outcome.err
    assert {path.name for path in open_folder.iterdir()} == before


@pytest.mark.parametrize("force", [False, True])
def test_a_kill_at_any_event_of_the_system_leaves_the_old_target_or_the_new_one(ready, force) -> None:
    """Deterministic: once at the first time that the target's folder is touched, once at the second, and so on.

    Where a target is replaced there is one moment, between two calls of the system, at which the whole new file has a
    hidden name beside the old one: no system can give a nameless file a name that is taken.
    """
    source = digest(ready.source)
    touched = [str(ready.folder), ready.target.name, ".partial"]
    finished = False
    for number in range(1, 100):
        ready.target.unlink(missing_ok=True)
        if force:
            ready.target.write_bytes(b"old")
        arguments = ["convert", ready.source, "-o", ready.target, *FAMILY, *(["--force"] if force else [])]
        outcome = ready.command_line.run(*arguments, event={"paths": touched, "number": number, "action": "kill"})
        for hidden in ready.folder.glob(".*.partial"):
            assert force
            assert tensors_in(hidden) == ready.reference
            hidden.unlink()
        refuse_halves(ready, source, b"old" if force else None)
        if outcome.status == 0:
            finished = True
            break
        assert outcome.status == -signal.SIGKILL
    assert finished
    assert number > 3


def test_a_kill_at_fifty_random_moments_leaves_the_old_target_or_the_new_one(ready) -> None:
    """From outside, at moments spread over the time that it takes; 6 MB, so that many fall into the copy."""
    for block in range(4):
        ready.arrays[f"pretrained.blocks.{block}.mlp.fc1.weight"] = np.ones((3_000, 64), np.float32)
        ready.arrays[f"pretrained.blocks.{block}.mlp.fc1.bias"] = np.ones(3_000, np.float32)
        ready.arrays[f"pretrained.blocks.{block}.mlp.fc2.weight"] = np.ones((64, 3_000), np.float32)
    ready.source.write_bytes(ready.file())
    source = digest(ready.source)
    whole = ready.convert().seconds
    ready.reference = tensors_in(ready.target)
    moments = random.Random(0)
    killed = 0
    for _ in range(50):
        ready.target.write_bytes(b"old")
        killed += ready.convert(None, "--force", kill_after=moments.uniform(0.0, 1.2) * whole).status == -signal.SIGKILL
        refuse_halves(ready, source, b"old")
    assert killed > 10


def refuse_halves(ready: Hostile, source: str, old: bytes | None) -> None:
    assert digest(ready.source) == source
    assert {path.name for path in ready.folder.iterdir()} <= {ready.source.name, ready.target.name}
    if ready.target.exists():
        assert ready.target.read_bytes() == old or tensors_in(ready.target) == ready.reference
    else:
        assert old is None


@pytest.mark.parametrize("force", [False, True])
def test_an_interrupt_at_any_event_of_the_system_leaves_the_whole_file_or_nothing(ready, force) -> None:
    touched = [str(ready.folder), ready.target.name, ".partial"]
    interrupted = 0
    for number in range(1, 100):
        ready.target.unlink(missing_ok=True)
        if force:
            ready.target.write_bytes(b"old")
        arguments = ["convert", ready.source, "-o", ready.target, *FAMILY, *(["--force"] if force else [])]
        outcome = ready.command_line.run(*arguments, event={"paths": touched, "number": number, "action": "interrupt"})
        refuse_halves(ready, digest(ready.source), b"old" if force else None)
        if outcome.status == 0:
            break
        assert outcome.status == 130 and outcome.err.strip() == "muggle-convert: interrupted."
        interrupted += 1
    assert outcome.status == 0 and interrupted > 3


def test_the_forged_files_are_what_torch_writes_too(ready) -> None:
    """Otherwise all these tests could be about files that nobody has."""
    import torch

    loaded = torch.load(ready.source, weights_only=True)["model"]
    assert {name: tensor.numpy().tobytes() for name, tensor in loaded.items()} == {
        name: array.tobytes() for name, array in ready.arrays.items()
    }
    ready.source.write_bytes(forge.torch_legacy(forge.mapping(ready.state(legacy=True)), ready.arrays))
    loaded = torch.load(ready.source, weights_only=True)
    assert {name: tensor.numpy().tobytes() for name, tensor in loaded.items()} == {
        name: array.tobytes() for name, array in ready.arrays.items()
    }
