"""Damaged files by the thousand. `--fuzz-minutes 60` goes on for as long as it is told, from the number that `--fuzz-from` gives or from
one that was never tried; which one, and what came of all the files, is said at the end.

What was ever found lies in `regressions/`, where every file is converted again in each run of the tests.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muggle_convert.checkpoints.container_checks import check_containers
from muggle_convert.checkpoints.limits import DEFAULT_LIMITS
from muggle_convert.checkpoints.opening import open_checkpoint
from muggle_convert.checkpoints.pickle_machine import PickleMachine
from muggle_convert.checkpoints.pickle_values import Pairs
from muggle_convert.checkpoints.strict_json import parse_object
from muggle_convert.checkpoints.torch_globals import TorchGlobals
from muggle_convert.errors import Refusal
from tests.hostile import forge, fuzz_more
from tests.hostile.damage import opcode
from tests.hostile.fuzzing import Fuzzer
from tests.hostile.mutate import Damaged

REGRESSIONS = Path(__file__).with_name("regressions")
EVERY_TIME = 750


@pytest.fixture(scope="module")
def fuzzer() -> Iterator[Fuzzer]:
    """In memory where the system has a place for that, as the disk would take a third of the time."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as folder:
        fuzzer = Fuzzer(Path(folder))
        yield fuzzer
        fuzzer.close()


def test_damaged_files_are_refused_or_convert_to_the_same(fuzzer, request, record_property) -> None:
    minutes = request.config.getoption("--fuzz-minutes")
    first = request.config.getoption("--fuzz-from")
    if first is None:
        first = 0 if minutes is None else time.time_ns()
    start = time.monotonic()
    number = 0
    found = []
    while number < EVERY_TIME if minutes is None else time.monotonic() - start < 60 * minutes:
        damaged = fuzzer.mutator.damaged(first + number)
        wrong = fuzzer.judge(damaged)
        number += 1
        if wrong is not None:
            kept = REGRESSIONS / hashlib.sha256(damaged.content).hexdigest()[:16]
            kept.write_bytes(damaged.content)
            found.append(f"number {first + number - 1}, {damaged.how}: {wrong.strip().splitlines()[-1]} (kept as {kept.name})")
    seconds = time.monotonic() - start
    record_property(
        "fuzzing", f"{number:,} damaged files from number {first} on in {seconds:,.0f} s, {len(found)} findings\n{fuzzer.report()}"
    )
    assert not found, "\n".join(found[:20])
    assert fuzzer.total["converted"] > number // 100


@pytest.mark.parametrize("file", sorted(path.name for path in REGRESSIONS.glob("*") if path.suffix != ".md"))
def test_what_was_found_once_stays_found(fuzzer, file) -> None:
    assert fuzzer.judge(Damaged(file, (REGRESSIONS / file).read_bytes(), is_original=False)) is None


def run(data: bytes) -> object:
    machine = PickleMachine(data, TorchGlobals(lambda storage: None), DEFAULT_LIMITS)
    root = machine.run()
    check_containers(root)
    return root


@settings(max_examples=500, deadline=None)
@given(st.lists(st.one_of(st.binary(max_size=8), st.randoms(use_true_random=False).map(opcode)), max_size=40))
def test_any_sequence_of_opcodes_gives_a_value_or_a_refusal(parts) -> None:
    try:
        run(b"\x80\x04" + b"".join(parts) + b".")
    except Refusal as refusal:
        assert str(refusal).isprintable()


KEYS = st.one_of(st.text(max_size=5), st.integers(), st.booleans(), st.none())
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(1 << 70), 1 << 70), st.floats(allow_nan=False), st.text(), st.binary()),
    lambda inner: st.one_of(st.lists(inner), st.lists(inner).map(tuple), st.dictionaries(KEYS, inner)),
    max_leaves=20,
)


def plain(value: object) -> object:
    """A value of the machine as Python has it."""
    if type(value) is Pairs:
        return {key: plain(child) for key, child in value.items}
    if type(value) in (list, tuple):
        return type(value)(plain(part) for part in value)  # type: ignore[call-overload]
    return value


@settings(max_examples=300, deadline=None)
@given(VALUES, st.integers(3, 5))
def test_plain_values_are_what_python_pickled(value, protocol) -> None:
    assert plain(run(pickle.dumps(value, protocol=protocol))) == value


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_any_text_is_an_object_or_a_refusal(raw) -> None:
    try:
        assert isinstance(parse_object(raw), dict)
    except Refusal as refusal:
        assert str(refusal).isprintable()


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300), st.sampled_from([b"", b"PK\x03\x04", forge.MAGIC, b"\x40\0\0\0\0\0\0\0{", b"\x80\x02"]))
def test_any_bytes_are_a_checkpoint_or_a_refusal(tmp_path_factory, content, opening) -> None:
    path = tmp_path_factory.getbasetemp() / "anything"
    path.write_bytes(opening + content)
    try:
        open_checkpoint(path)
    except Refusal as refusal:
        assert str(refusal).isprintable()


def test_the_second_opinion_sees_what_torch_sees(fuzzer) -> None:
    """Otherwise the judge could agree with a mistake."""
    fuzzer.source = fuzzer.folder / "source.pth"
    fuzzer.source.write_bytes(fuzzer.mutator.finished["zip"])
    expected = fuzzer._by_another_reader()
    assert expected is not None
    assert all(expected[name].tobytes() == array.tobytes() for name, array in fuzzer.reference.items())


@pytest.mark.parametrize(("what", "count"), [("documents", 60), ("pictures", 400), ("answers", 150), ("graphs", 300)])
def test_damaged_descriptions_pictures_answers_and_graphs_are_read_or_refused(what, count) -> None:
    assert not list(fuzz_more.run(what, count))
