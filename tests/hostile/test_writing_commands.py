"""Every command that writes, ended at an awkward moment or on a full disk: what it writes is whole or absent."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import Python
from tests.test_old_files import OLD

SCRIPT = """
import os, signal, sys
from muggle_convert.files import atomic
publish = atomic.Partial.publish
def ended(self, **options):
    {action}
    publish(self, **options)
atomic.Partial.publish = ended
sys.argv = ["muggle-convert", *sys.argv[1:]]
from muggle_convert.cli import main
main()
"""
ACTIONS = {
    "terminated": "os.kill(os.getpid(), signal.SIGTERM)",
    "killed": "os.kill(os.getpid(), signal.SIGKILL)",
    "a full disk": "raise OSError(28, os.strerror(28))",
}


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    (tmp_path / "truth").mkdir()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 50, 3)).astype(np.uint8)).save(tmp_path / "images" / "a.png")
    np.save(tmp_path / "truth" / "a.npy", np.random.default_rng(1).random((40, 50), np.float32) + 1)
    return tmp_path


def lines(scene: Path) -> dict[str, list[object]]:
    model = OLD / "dpt_vit.safetensors"
    return {
        "convert": ["convert", model, "-o", scene / "out" / "new.safetensors"],
        "export": ["export", model, "--to", "original", "-o", scene / "out" / "new.pth", "--fill-unused"],
        "depth": ["depth", scene / "images" / "a.png", "-m", model, "-o", scene / "out" / "new.png"],
        "eval": ["eval", model, "--images", scene / "images", "--truth", scene / "truth", "--results", scene / "out" / "new.json"],
        "inspect": ["inspect", model, "--picture", scene / "out" / "new.svg"],
    }


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("command", ["convert", "export", "depth", "eval", "inspect"])
def test_what_is_written_is_whole_or_absent_however_a_command_ends(python: Python, scene: Path, command: str, action: str) -> None:
    (scene / "out").mkdir()
    done = python(["-c", SCRIPT.format(action=ACTIONS[action]), *map(str, lines(scene)[command])])
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    left = {path.name for path in (scene / "out").iterdir()}
    assert not {name for name in left if name.startswith("new")}
    if action == "a full disk":
        assert not left, "only what ends a process at once leaves a hidden partial file"
