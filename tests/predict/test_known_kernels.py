"""What was found out about kernels is kept for the next run on the same processor."""

from __future__ import annotations

from pathlib import Path

import pytest

from model_defs.fast import Decision, choosing, decisions
from muggle_convert.predict import known_kernels
from muggle_convert.predict.known_kernels import kernels_remembered

CASE, DECISION = "linear [] of [(2, 2)] on [(3, 2)], 1 threads", Decision(fast=1.0, plain=2.0)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(known_kernels, "cache_folder", lambda: tmp_path / "cache")
    _forget(monkeypatch)
    return tmp_path / "cache"


def _forget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choosing, "_decided", {})


def _found_out() -> None:
    with kernels_remembered():
        choosing.remember({CASE: DECISION})


def test_a_later_run_begins_with_what_an_earlier_one_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    _found_out()
    _forget(monkeypatch)
    with kernels_remembered():
        assert decisions() == {CASE: DECISION}


def test_nothing_is_written_where_nothing_was_found_out(folder: Path) -> None:
    with kernels_remembered():
        pass
    assert not folder.exists()


def test_another_processor_finds_out_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    _found_out()
    _forget(monkeypatch)
    monkeypatch.setattr("platform.machine", lambda: "another")
    with kernels_remembered():
        assert decisions() == {}


@pytest.mark.parametrize("damaged", ["", "[]", '{"a": 1}', '{"a": [1, null]}', "\x00"])
def test_damaged_notes_are_overlooked(damaged: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _found_out()
    (notes,) = folder.iterdir()
    notes.write_text(damaged)
    _forget(monkeypatch)
    with kernels_remembered():
        assert decisions() == {}


def test_a_folder_that_cannot_be_made_is_no_reason_to_fail(folder: Path) -> None:
    folder.write_text("a file")
    _found_out()
