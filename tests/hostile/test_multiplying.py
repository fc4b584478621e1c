"""Row 3, once more: what a pickle has once and names as often as it likes, in two bytes each time, must not be worked on each time."""

from __future__ import annotations

import struct

import pytest

from tests.hostile.conftest import MOST_MEBIBYTES, MOST_SECONDS
from tests.hostile.forge import call, glob, group, mapping, number, text, torch_zip
from tests.hostile.tiny import FAMILY

MANY = 60_000
USUAL_KEYS = ("model", "state_dict", "model_state_dict", "params_ema", "params", "net", "ema", "model_ema", "network", "module", "weights")


def remembered(index: int, value: bytes) -> bytes:
    return value + b"r" + struct.pack("<I", index)


def recalled(index: int) -> bytes:
    return b"h" + bytes([index])


def dictionary_of(entries: int) -> bytes:
    return b"}(" + b"".join(number(1_000_000 + key) + b"N" for key in range(entries)) + b"u"


def several(first: bytes, again: bytes, times: int) -> bytes:
    return group(first, again * times)


def entries(first: bytes, again: bytes, times: int) -> bytes:
    return mapping([(text("first"), first), *((text(str(key)), again) for key in range(times))])


def maze() -> bytes:
    """Eight levels of the usual keys, each of which leads to the same next level: eleven to the power of eight ways to nothing."""
    built = remembered(0, mapping({}))
    for level in range(1, 9):
        again = [(text(key), recalled(level - 1)) for key in USUAL_KEYS[1:]]
        built = remembered(level, mapping([(text(USUAL_KEYS[0]), built), *again]))
    return built


def deep_names() -> bytes:
    """Names of arguments grow with each level that they lie in, and the last level has many."""
    built = mapping({str(key): b"K\x01" for key in range(19_000)})
    for _ in range(7):
        built = mapping({"x" * 4000: built})
    return built


def omegaconf() -> bytes:
    kind = remembered(1, glob("omegaconf.dictconfig", "DictConfig"))
    state = remembered(2, mapping({"_content": remembered(3, dictionary_of(MANY))}))
    return entries(kind + b")\x81" + state + b"b", recalled(1) + b")\x81" + recalled(2) + b"b", 15_000)


LONG = "a" * 1_000_000
DEVICE = remembered(1, glob("torch", "device")) + remembered(2, group(remembered(3, text(LONG)), recalled(3)))
ENCODED = remembered(2, call(glob("_codecs", "encode"), text(LONG), text("latin1")))
SCALAR = remembered(1, call(glob("numpy._core.multiarray", "scalar"), call(glob("numpy", "dtype"), text("f8"), b"\x89", b"\x88"), ENCODED))
INERT = {
    "a list of one dictionary": {"extra": several(remembered(1, dictionary_of(MANY)), recalled(1), MANY)},
    "arguments that are one dictionary": {"args": entries(remembered(1, dictionary_of(MANY)), recalled(1), 15_000)},
    "arguments that are one list": {"args": entries(remembered(1, b"](" + b"K\x01" * 64 + b"e"), recalled(1), MANY)},
    "entries that are one list": {
        "first": remembered(1, b"](" + b"K\x01" * 63 + b"}e"),
        **{f"x{key}": recalled(1) for key in range(MANY)},
    },
    "a path of one long text": {
        "args": mapping({"path": call(glob("pathlib", "PosixPath"), remembered(1, text(LONG)), *[recalled(1)] * MANY)})
    },
    "devices with one long text": {
        "first": DEVICE + b"R",
        **{f"x{key}": recalled(1) + recalled(2) + b"R" for key in range(MANY)},
    },
    "numbers of one long text": {"args": entries(SCALAR, recalled(1), MANY)},
    "configuration trees with one content": {"args": omegaconf()},
    "arguments with names that add up": {"args": deep_names()},
    "long texts under many names": {"first": remembered(1, text("a" * 4096)), **{f"x{key}": recalled(1) for key in range(MANY)}},
    "texts as arguments under many names": {"args": entries(remembered(1, text("a" * 4096)), recalled(1), MANY)},
    "many calls that would do harm": {"extra": group(*(text("os") + text(f"f{key}") + b"\x93)R" for key in range(MANY)))},
    "as much of everything as there may be": {
        "extra": b"(" + (b"X" + struct.pack("<I", 999_994) + (LONG[:999_990] + "😀").encode()) * 14 + b"}" * 700_000 + b"t"
    },
}


@pytest.mark.parametrize("way", INERT)
def test_what_is_named_again_and_again_beside_the_model_costs_next_to_nothing(hostile, way) -> None:
    outcome = hostile.converted(hostile.file(**INERT[way]))
    assert outcome.err.count("\n") <= 1
    outcome = hostile.command_line.run("inspect", hostile.source, *FAMILY)
    assert outcome.status == 0, outcome.err
    assert outcome.busy < MOST_SECONDS
    assert outcome.mebibytes < MOST_MEBIBYTES
    assert len(outcome.out) < 500_000


PAIRS = remembered(1, b"](" + b"K\x01K\x02\x86" * MANY + b"e")
DICTIONARY = remembered(2, glob("collections", "OrderedDict"))


def test_dictionaries_made_from_one_list_are_refused(hostile) -> None:
    copies = b"".join(recalled(2) + recalled(1) + b"\x85R" for _ in range(50_000))
    assert "makes dictionaries from lists" in hostile.refused(hostile.file(extra=group(DICTIONARY + PAIRS + b"\x85R", copies)))


@pytest.mark.parametrize("options", [(), ("--state", "ema"), ("--state", "model.net.ema")], ids=str)
def test_a_maze_of_the_usual_keys_is_refused(hostile, options) -> None:
    hostile.refused(torch_zip(maze()), *options)


def test_state_finds_its_way_through_dictionaries_that_are_one(hostile) -> None:
    again = [(text(f"x{key}"), recalled(1)) for key in range(2000)]
    wide = mapping([(text("first"), remembered(1, mapping([(text("y"), remembered(2, dictionary_of(MANY)))]))), *again])
    hostile.refused(hostile.file(extra=wide), "--state", "nothing")
