from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from muggle_convert import Refusal
from muggle_convert.files.atomic import Target


@pytest.fixture(
    params=[pytest.param("nameless", marks=pytest.mark.skipif(sys.platform != "linux", reason="only Linux has nameless files")), "hidden"],
    autouse=True,
)
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Every test runs with both kinds of partial file, the one of Linux and the one of everywhere else."""
    if request.param == "hidden":
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    return str(request.param)


def write(path: Path, text: bytes = b"new", force: bool = False) -> None:
    with Target(path, len(text), force=force, sync=False) as target:
        target.write(0, text)


def test_a_target_appears_with_all_its_bytes(tmp_path: Path) -> None:
    write(tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"new"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_target_does_not_appear_when_something_goes_wrong(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), Target(tmp_path / "file", 3, force=False, sync=True) as target:
        target.write(0, b"ne")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"old")
    with pytest.raises(RuntimeError), Target(tmp_path / "file", 3, force=True, sync=False) as target:
        target.write(0, b"new")
        assert (tmp_path / "file").read_bytes() == b"old"
        raise RuntimeError
    assert (tmp_path / "file").read_bytes() == b"old"
    write(tmp_path / "file", force=True)
    assert (tmp_path / "file").read_bytes() == b"new"


def test_a_file_that_appears_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="exists"), Target(tmp_path / "file", 3, force=False, sync=False) as target:
        target.write(0, b"new")
        (tmp_path / "file").write_bytes(b"theirs")
    assert (tmp_path / "file").read_bytes() == b"theirs"


def test_only_a_hidden_file_shows_while_it_is_written(tmp_path: Path, kind: str) -> None:
    with Target(tmp_path / "file", 3, force=False, sync=True) as target:
        target.write(0, b"new")
        assert [path.name[:6] for path in tmp_path.iterdir()] == ([] if kind == "nameless" else [".file."])
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_an_existing_file_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    write(tmp_path / "file")
    with pytest.raises(Refusal, match="exists already"):
        write(tmp_path / "file")


def test_a_new_file_has_the_rights_that_any_new_file_has(tmp_path: Path) -> None:
    write(tmp_path / "file")
    (tmp_path / "other").touch()
    assert (tmp_path / "file").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=r"the folder .*missing does not exist; make it first"):
        write(tmp_path / "missing" / "file")
