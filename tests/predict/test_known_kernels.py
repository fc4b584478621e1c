"""What was found out about kernels is kept for the next process on the same processor."""

from __future__ import annotations

from pathlib import Path

import pytest

from model_defs.fast import Decision, choosing, decisions
from muggle_convert.predict import known_kernels
from muggle_convert.predict.known_kernels import recall

CASE, DECISION = "linear [] of [(2, 2)] on [(3, 2)], 1 threads", Decision(fast=1.0, plain=2.0)


class Process:
    """What a process knows, from its beginning to its end."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.monkeypatch = monkeypatch
        self.begin()

    def begin(self) -> None:
        self.at_exit: list[tuple[object, ...]] = []
        self.monkeypatch.setattr(choosing, "_decided", {})
        self.monkeypatch.setattr("atexit.register", lambda *call: self.at_exit.append(call))
        recall.cache_clear()
        recall()

    def end(self) -> None:
        for function, *arguments in self.at_exit:
            function(*arguments)  # type: ignore[operator]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(known_kernels, "cache_folder", lambda: tmp_path / "cache")
    return tmp_path / "cache"


@pytest.fixture
def process(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Process:
    return Process(monkeypatch)


def test_a_later_process_begins_with_what_an_earlier_one_found_out(process: Process) -> None:
    choosing.remember({CASE: DECISION})
    process.end()
    process.begin()
    assert decisions() == {CASE: DECISION}


def test_nothing_is_written_where_nothing_was_found_out(process: Process, folder: Path) -> None:
    process.end()
    assert not folder.exists()


def test_another_processor_finds_out_for_itself(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    choosing.remember({CASE: DECISION})
    process.end()
    monkeypatch.setattr("platform.machine", lambda: "another")
    process.begin()
    assert decisions() == {}


@pytest.mark.parametrize("damaged", ["", "[]", '{"a": 1}', '{"a": [1, null]}', "\x00"])
def test_damaged_notes_are_overlooked(damaged: str, process: Process, folder: Path) -> None:
    choosing.remember({CASE: DECISION})
    process.end()
    (notes,) = folder.iterdir()
    notes.write_text(damaged)
    process.begin()
    assert decisions() == {}


def test_a_folder_that_cannot_be_made_is_no_reason_to_fail(process: Process, folder: Path) -> None:
    folder.write_text("a file")
    choosing.remember({CASE: DECISION})
    process.end()
