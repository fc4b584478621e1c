"""What the README shows is what happens: its blocks are taken from it and run, one after another, in one folder."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import ROOT, Command, Python
from tests.goldens import uint8_picture
from tests.hub.conftest import hub
from tests.hub.server import TOKEN, Hub

__all__ = ["hub"]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SHOWN = re.findall(r"    \$ muggle-convert (.+)\n((?:    .+\n)+)", README)
CODE = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
ROWS = [line.split(" | ")[1] for line in README.splitlines() if line.startswith("| ") and line.count(" | ") == 2 and "`" in line]
TOY = "fixtures/toy_depth_anything_v2_vit.pth"
STANDS_FOR = {  # where a row names what is the reader's
    "FILE": TOY,
    "MODEL": "toy.safetensors",
    "ORIGINAL": TOY,
    "CONVERTED": "toy.safetensors",
    "--images DIR": "--images measured/pictures",
    "--truth DIR": "--truth measured/distances",
    "USER/REPO": "me/toy --license mit",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As a reader has it who has cloned the project, and has pictures."""
    path = tmp_path_factory.mktemp("first_page")
    (path / "fixtures").symlink_to(ROOT / "fixtures")
    (path / "photos").mkdir()
    for name in ("pictures", "distances"):
        (path / "measured" / name).mkdir(parents=True)
    Image.fromarray(uint8_picture(60, 90, 1)).save(path / "photo.jpg")
    for number in (1, 2):
        Image.fromarray(uint8_picture(60, 90, number)).save(path / "photos" / f"{number}.jpg")
    Image.fromarray(uint8_picture(60, 90, 3)).save(path / "measured" / "pictures" / "room.png")
    np.save(path / "measured" / "distances" / "room.npy", np.linspace(1, 5, 60 * 90, dtype=np.float32).reshape(60, 90))
    return path


@pytest.fixture
def type_in(muggle_convert: Command, folder: Path, hub: Hub) -> Callable[[str], str]:
    """A line after the prompt; what it said."""
    around = {
        "HF_ENDPOINT": hub.address,
        "HF_HUB_DISABLE_XET": "1",
        "HF_HOME": str(folder / "hf"),
        "HF_TOKEN": TOKEN,
        "MUGGLE_CONVERT_CACHE": str(folder),
    }

    def run(line: str) -> str:
        done = muggle_convert(*shlex.split(line), cwd=folder, env=around)
        assert done.returncode == 0, f"muggle-convert {line}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    return run


def test_what_is_installed_is_this_project() -> None:
    about = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (address,) = re.findall(r"^    pip install git\+(\S+)$", README, re.MULTILINE)
    assert f'name = "{address.rpartition("/")[2]}"' in about
    assert 'requires-python = ">=3.10"' in about and "Python 3.10 to 3.13" in README


def test_the_first_conversion_prints_what_is_shown(type_in: Callable[[str], str]) -> None:
    ((line, shown),) = SHOWN
    assert " ".join(type_in(line).split()) == " ".join(shown.split())


def test_the_first_lines_of_python_run_as_they_stand(folder: Path, type_in: Callable[[str], str], python: Python) -> None:
    if not (folder / "toy.safetensors").exists():
        type_in(SHOWN[0][0])
    block, _ = CODE
    before = "import torch; batch = torch.rand(2, 3, 28, 42)\n"
    after = "assert depth.shape == (2, 28, 42) and model.predict('photo.jpg').shape == (60, 90)\n"
    done = python(["-c", before + block + after], cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "relative inverse depth" in done.stdout


def look_and_leave(line: str, folder: Path) -> None:
    """It serves a page until Ctrl-C."""
    command = [sys.executable, "-m", "muggle_convert", *shlex.split(line), "--no-browser"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        process.send_signal(signal.SIGINT)
    assert "shows the page until Ctrl-C ends it" in said


@pytest.mark.parametrize("row", [row for row in ROWS if "GRAPH.onnx" not in row])  # which tests/onnx makes, and verifies
def test_every_row_of_the_table_runs(row: str, folder: Path, type_in: Callable[[str], str], python: Python) -> None:
    if not (folder / "toy.safetensors").exists():
        type_in(SHOWN[0][0])
    for command in re.findall(r"`([^`]+)`", row):
        if command.startswith("muggle-convert "):
            line = command.removeprefix("muggle-convert ")
            for name, meant in STANDS_FOR.items():
                line = re.sub(rf"(?<![\w/.]){re.escape(name)}(?![\w/.])", meant, line)
            if line.startswith("view "):
                look_and_leave(line, folder)
            else:
                type_in(line)
        elif command.startswith("--"):
            options = re.sub(r"\bcuda\b", "cpu", command)  # which not everybody has
            type_in(f"depth photo.jpg -m toy.safetensors -o {folder}/more/{len(list(folder.iterdir()))} {options}")
        elif command.startswith("from "):
            assert python(["-c", command.removesuffix(", …")]).returncode == 0
        elif command.startswith("python -m "):
            module = command.split()[2]
            assert (ROOT / f"{module.replace('.', '/')}.py").exists()
        else:
            assert python(["-c", f"from muggle_convert import {command}"]).returncode == 0


@pytest.mark.parametrize("script", re.findall(r"^    (scripts/\w+)", README, re.MULTILINE))
def test_the_scripts_are_there_and_can_be_run(script: str) -> None:
    assert os.access(ROOT / script, os.X_OK)


def test_every_block_and_every_row_is_one_of_those() -> None:
    """What is added to the page has to be run by one of these tests."""
    blocks = re.findall(r"(?:^    .+\n)+", README, re.MULTILINE)
    assert [block.split()[0] for block in blocks] == ["pip", "$", "scripts/demo"]
    assert len(CODE) == 2 and len(ROWS) > 8  # the second runs a graph, which tests/onnx makes


def test_it_is_read_in_one_go() -> None:
    assert len(README.splitlines()) <= 99
