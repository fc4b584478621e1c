"""Notes that this program keeps for itself, written by somebody else: they are believed as far as it can have written them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from model_defs.fast.choosing import Decision
from muggle_convert.checkpoints.fingerprint import sha256_of
from muggle_convert.hub.cache import cache_folder, cached_sha256_of
from muggle_convert.many.claims import Claims
from muggle_convert.many.failures import Failures
from muggle_convert.many.recipe import NOTE_BEFORE, STATE, note_of_ending
from muggle_convert.predict import known_kernels
from tests.conftest import Command
from tests.goldens import uint8_picture

CASE = "attention [] of [(64, 64)] on [(1, 5, 64)], 1 threads"
POISON = {
    "not a number": f'{{"{CASE}": [NaN, 1]}}',
    "no end": f'{{"{CASE}": [1e-9, Infinity]}}',
    "more than there is": f'{{"{CASE}": [1e-9, 1e999]}}',
    "a number of thousands of digits": f'{{"{CASE}": [{"9" * 5000}, 1]}}',
    "negative": f'{{"{CASE}": [-1, 1]}}',
    "nothing": f'{{"{CASE}": [0, 0]}}',
    "texts": f'{{"{CASE}": ["1e-9", "1"]}}',
    "yes and no": f'{{"{CASE}": [true, false]}}',
    "three": f'{{"{CASE}": [1, 2, 3]}}',
    "a list": "[1, 2]",
    "nested deeply": "[" * 100_000,
    "cut off": f'{{"{CASE}": [1e-9,',
    "no text": b"\xff\xfe",
    "too long": b" " * (9 << 20),
}


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr("huggingface_hub.constants.HF_HOME", str(tmp_path))
    cache_folder().mkdir()
    yield known_kernels._notes()


def fill(path: Path, what: str) -> None:
    content = POISON[what]
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


@pytest.mark.parametrize("what", POISON)
def test_poisoned_times_of_kernels_choose_nothing(notes: Path, what: str) -> None:
    fill(notes, what)
    assert known_kernels._read(notes) == {}


def test_times_that_were_measured_are_remembered(notes: Path) -> None:
    notes.write_text(json.dumps({CASE: [0.001, 0.002], "poison": [0.001, -1]}))
    assert known_kernels._read(notes) == {CASE: Decision(0.001, 0.002)}


@pytest.mark.parametrize("what", ["a pipe", "a device", "a folder", "a link to itself"])
def test_notes_that_are_no_file_are_not_waited_for(notes: Path, tmp_path: Path, what: str) -> None:
    sha256, out = cache_folder() / "sha256.json", tmp_path / STATE
    out.mkdir()
    for path in (notes, sha256, out / "png.failed.jsonl"):
        if what == "a pipe":
            os.mkfifo(path)
        elif what == "a folder":
            path.mkdir()
        else:
            path.symlink_to("/dev/zero" if what == "a device" else path)
    assert known_kernels._read(notes) == {}
    (tmp_path / "file").write_bytes(b"x")
    assert cached_sha256_of(tmp_path / "file") == sha256_of(tmp_path / "file")
    assert Failures(tmp_path, ".png", []).tried_again == set()


@pytest.mark.parametrize("what", ["a pipe", "a device", "a folder"])
def test_a_folder_of_predictions_whose_notes_somebody_made_is_not_waited_for(
    muggle_convert: Command, checkpoint: Path, tmp_path: Path, what: str
) -> None:
    (tmp_path / "pictures").mkdir()
    for name in "ab":
        Image.fromarray(uint8_picture(20, 30, 0)).save(tmp_path / "pictures" / f"{name}.png")
    runs = tmp_path / "out" / STATE / "png.runs"
    runs.mkdir(parents=True)
    (tmp_path / "out" / "a.png").touch()
    for path in (tmp_path / "out" / note_of_ending(".png"), tmp_path / "out" / NOTE_BEFORE, runs / "run-0123456789abcdef"):
        os.mkfifo(path) if what == "a pipe" else path.mkdir() if what == "a folder" else path.symlink_to("/dev/zero")
    line = ["depth", tmp_path / "pictures", "-m", checkpoint, "-o", tmp_path / "out", "--size", 28]
    done = muggle_convert(*line)
    assert done.returncode == 1 and "nothing says how they were made" in done.stderr
    done = muggle_convert(*line, "--force")
    assert "Traceback" not in done.stderr and done.stderr.count("\n") <= 1


def test_a_claim_from_the_future_is_of_nobody(tmp_path: Path) -> None:
    with Claims(tmp_path, ".png", {}) as claims:
        planted = claims.folder / "run-planted"
        planted.write_text("{}")
        assert claims._is_alive(planted)
        os.utime(planted, (4e9, 4e9))
        assert not claims._is_alive(planted)


@pytest.mark.parametrize("poison", ["abc", "../../x", 3, None, "Z" * 64, "\x1b[31m" * 8])
def test_a_poisoned_hash_is_computed_again(notes: Path, tmp_path: Path, poison: object) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x")
    status = file.stat()
    state = f"{status.st_dev}:{status.st_ino}:{status.st_size}:{status.st_mtime_ns}"
    (cache_folder() / "sha256.json").write_text(json.dumps({state: poison}))
    assert cached_sha256_of(file) == sha256_of(file)
