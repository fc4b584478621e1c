"""Every command that writes, ended at an awkward moment or on a full disk: what it writes is whole or absent, and the next run goes through."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from muggle_convert.many.recipe import STATE
from muggle_convert.predict.video import encoder
from tests.conftest import Python
from tests.goldens import golden, uint8_picture
from tests.hub.server import TOKEN, Hub, running
from tests.test_old_files import OLD

SCRIPT = """
import os, signal, sys, tempfile
from muggle_convert.files import atomic
tempfile.tempdir = None
publish = atomic.Partial.publish
def ended(self, **options):
    {action}
    publish(self, **options)
atomic.Partial.publish = ended
sys.argv = ["muggle-convert", *sys.argv[1:]]
from muggle_convert.cli import main
main()
"""
NOTHING, FULL = "pass", "raise OSError(28, os.strerror(28))"
TERMINATED, HUNG_UP, KILLED = (f"os.kill(os.getpid(), signal.{name})" for name in ("SIGTERM", "SIGHUP", "SIGKILL"))


@dataclass(frozen=True)
class Studio:
    """Everything that the commands read."""

    folder: Path
    hub: Hub

    def line(self, command: str, out: Path) -> list[object]:
        model, images, own = OLD / "dpt_vit.safetensors", self.folder / "images", self.folder / "depth_anything_v2_vits.pth"
        return {
            "convert": ["convert", model, "-o", out / "new.safetensors"],
            "export": ["export", model, "--to", "original", "-o", out / "new.pth", "--fill-unused"],
            "export for transformers": ["export", own, "--to", "transformers", "-o", out / "new"],
            "depth": ["depth", images / "a.png", "-m", model, "-o", out / "new.png"],
            "depth of a folder": ["depth", images, "-m", model, "-o", out / "new", "--format", "exr"],
            "depth of a video": ["depth", self.folder / "film.mp4", "-m", model, "-o", out / "new.mp4"],
            "depth of a scene": ["depth", images, "-m", OLD / "dust3r.safetensors", "-o", out / "new.glb", "--cameras", out / "new", "--size", 48],
            "eval": ["eval", model, "--images", images, "--truth", self.folder / "truth", "--results", out / "new.json"],
            "inspect": ["inspect", model, "--picture", out / "new.svg"],
            "zoo get": ["zoo", "get", "new", "-o", out],
            "push": ["push", own, "me/new", "--license", "mit"],
        }[command]  # fmt: skip

    def environment(self, command: str, out: Path) -> dict[str, str]:
        around = {"HF_HOME": str(self.folder / "hf"), "HF_ENDPOINT": self.hub.address, "HF_HUB_DISABLE_XET": "1", "HF_TOKEN": TOKEN}
        return {**around, "MUGGLE_CONVERT_ZOO": str(self.folder / "zoo.json"), **({"TMPDIR": str(out)} if command == "push" else {})}


COMMANDS = ("convert", "export", "export for transformers", "depth", "depth of a folder", "depth of a video", "depth of a scene", "eval",
            "inspect", "zoo get", "push")  # fmt: skip


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    folder = tmp_path_factory.mktemp("studio")
    for name in ("images", "truth"):
        (folder / name).mkdir()
    for number, name in enumerate("ab"):
        Image.fromarray(uint8_picture(48, 64, number)).save(folder / "images" / f"{name}.png")
        np.save(folder / "truth" / f"{name}.npy", np.random.default_rng(number).random((48, 64), np.float32) + 1)
    with encoder(folder / "film.mp4", Fraction(5), (48, 64)) as write:
        for number in range(2):
            write(uint8_picture(48, 64, number))
    golden("depth_anything_v2").save(folder, "depth_anything_v2_vits.pth")
    with running() as hub:
        hub.published["new.pt"] = bytes(10_000)
        row = {"name": "new", "family": "dpt_vit", "licence": "mit", "predicts": "depth", "million_parameters": 1, "size": 10_000}
        (folder / "zoo.json").write_text(json.dumps([{**row, "url": f"{hub.address}/releases/new.pt"}]))
        yield Studio(folder, hub)


Run = Callable[[str, Path, str], "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(python: Python, studio: Studio) -> Run:
    def ended(command: str, out: Path, action: str) -> subprocess.CompletedProcess[str]:
        line = ["-c", SCRIPT.format(action=action), *map(str, studio.line(command, out))]
        done = python(line, env=studio.environment(command, out), patient=False)
        assert "Traceback" not in done.stderr, done.stderr
        return done

    return ended


def left_in(out: Path) -> set[str]:
    """Every file, by its path from there; without what a folder keeps about how its pictures are made, and by which runs."""
    return {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file() and STATE not in path.parent.parts}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_that_is_asked_to_end_leaves_nothing_half_done(run: Run, studio: Studio, tmp_path: Path, command: str) -> None:
    for action, status in ((TERMINATED, 143), (HUNG_UP, 129)) if command == "convert" else ((TERMINATED, 143),):
        done = run(command, tmp_path, action)
        assert done.returncode == status, done.stderr
        assert done.stderr.endswith("muggle-convert: ended by SIGTERM.\n" if action == TERMINATED else "muggle-convert: ended by SIGHUP.\n")
        left = left_in(tmp_path)
        if command.startswith("depth"):  # threads finish the file that they are writing
            assert not [name for name in left if name.endswith(".partial")]
        else:
            assert left <= {"new.pt.part", "new.pt.part.etag"}, "what a download may go on with"


@pytest.mark.parametrize("command", COMMANDS)
def test_after_a_kill_nothing_is_half_done_and_the_same_command_goes_through(run: Run, tmp_path: Path, command: str) -> None:
    done = run(command, tmp_path, KILLED)
    assert done.returncode == -9
    for name in left_in(tmp_path):
        assert name.endswith((".partial", ".part", ".etag")), name
    done = run(command, tmp_path, NOTHING)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def full_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path | None]:
    """A disk without a free byte; None where nobody may mount one."""
    disk = tmp_path_factory.mktemp("disk")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", disk], capture_output=True).returncode:
        yield None
        return
    try:
        (disk / "full").write_bytes(bytes(os.statvfs(disk).f_bavail * os.statvfs(disk).f_bsize))
        yield disk
    finally:
        subprocess.run(["umount", disk], check=True)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_full_disk_is_one_sentence_and_leaves_nothing(run: Run, full_disk: Path | None, tmp_path: Path, command: str) -> None:
    """Where no disk can be mounted, the last step fails as on a full one; so it does where only a temporary file is written, for which Python
    finds another disk."""
    is_real = full_disk is not None and command != "push"
    out = (full_disk or tmp_path) / command.replace(" ", "-")
    out.mkdir()
    done = run(command, out, NOTHING if is_real else FULL)
    assert done.returncode == 1
    assert "No space left on device" in done.stderr or "the disk took only a part of it" in done.stderr, done.stderr
    assert not [path for path in out.rglob("*") if path.is_file()]
