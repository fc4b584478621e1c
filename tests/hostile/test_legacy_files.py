"""Row 12: files from before torch 1.6 convert, streamed as well, and are checked as strictly."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from tests.hostile import forge
from tests.hostile.forge import MAGIC, call, glob, mapping, number, pickled, storage, tensor, text, torch_legacy


@pytest.fixture
def plain(hostile) -> bytes:
    return torch_legacy(mapping(hostile.state(legacy=True)), hostile.arrays)


def test_a_legacy_file_converts(hostile, plain) -> None:
    hostile.converted(plain)


def test_a_large_legacy_file_is_streamed(hostile) -> None:
    rows = 100_000
    for block in range(4):
        hostile.arrays[f"pretrained.blocks.{block}.mlp.fc1.weight"] = np.ones((rows, 64), np.float32)
        hostile.arrays[f"pretrained.blocks.{block}.mlp.fc1.bias"] = np.ones(rows, np.float32)
        hostile.arrays[f"pretrained.blocks.{block}.mlp.fc2.weight"] = np.ones((64, rows), np.float32)
    hostile.source.write_bytes(torch_legacy(mapping(hostile.state(legacy=True)), hostile.arrays))
    assert hostile.source.stat().st_size > 200e6
    outcome = hostile.convert()
    assert outcome.status == 0, outcome.err
    assert outcome.mebibytes < 80


def test_a_legacy_pickle_longer_than_the_first_look_is_read(hostile) -> None:
    state = mapping({"model": mapping(hostile.state(legacy=True)), "log": text("x" * 1_000_000)})
    hostile.converted(torch_legacy(state, hostile.arrays))


def test_a_call_in_a_legacy_file_is_never_made(hostile) -> None:
    evil = call(glob("posix", "system"), hostile.payload)
    hostile.refused(torch_legacy(evil, {}))
    hostile.converted(torch_legacy(mapping({"model": mapping(hostile.state(legacy=True)), "extra": evil}), hostile.arrays))
    hostile.target.unlink()
    hostile.refused(MAGIC + pickled(evil) + pickled(evil) + pickled(evil) + pickled(evil))


def test_the_source_code_that_old_files_carry_is_no_code_here(hostile) -> None:
    module = forge.group(text("module"), glob("some", "Net"), text("net.py"), text("import os; os.system('true')")) + b"Q"
    thing = call(module, number(1))
    hostile.converted(torch_legacy(mapping({"model": mapping(hostile.state(legacy=True)), "net": thing}), hostile.arrays))


@pytest.mark.parametrize("kept", [15, 100, 5000, -1, -300_000])
def test_a_legacy_file_that_was_cut_off_is_refused(hostile, plain, kept) -> None:
    assert "cut off" in hostile.refused(plain[:kept])


def test_bytes_after_the_last_storage_are_refused(hostile, plain) -> None:
    assert "after its last storage" in hostile.refused(plain + b"x")


def test_a_count_that_is_not_the_announced_one_is_refused(hostile, plain) -> None:
    place = plain.index(hostile.arrays["pretrained.norm.bias"].tobytes()) - 8
    for count in (0, 63, 65, -1, 1 << 40):
        hostile.refused(plain[:place] + struct.pack("<q", count) + plain[place + 8 :])


@pytest.mark.parametrize("change", ["one missing", "one twice", "one too many", "no list", "not texts"])
def test_a_list_of_storages_that_lies_is_refused(hostile, plain, change) -> None:
    honest = b"](" + b"".join(text(str(key)) for key in range(126)) + b"e"
    lies = {
        "one missing": honest.replace(text("7"), b""),
        "one twice": honest.replace(text("7"), text("8")),
        "one too many": honest.replace(text("7"), text("7") + text("1000")),
        "no list": mapping({}),
        "not texts": honest.replace(text("7"), number(7)),
    }
    assert honest in plain
    assert "list of storages" in hostile.refused(plain.replace(honest, lies[change]))


def test_another_version_of_the_format_is_refused(hostile, plain) -> None:
    hostile.refused(plain.replace(pickled(number(1001)), pickled(number(1002))))
    hostile.refused(plain.replace(pickled(number(1001)), pickled(text("1001"))))
    hostile.refused(plain.replace(pickled(number(1001)), pickled(b"K\x01" + b")\x85" * 500)))


def test_views_outside_a_legacy_storage_are_refused(hostile) -> None:
    state = hostile.state(legacy=True) | {"pretrained.cls_token": tensor(storage("0", 64, legacy=True), [65])}
    assert "reaches beyond" in hostile.refused(torch_legacy(mapping(state), hostile.arrays))


def test_a_small_tensor_that_lies_across_a_huge_file_is_refused_before_anything_is_read(hostile) -> None:
    """A file of 8 GB that takes no room on the disk: two numbers at its ends could only be put in order in memory."""
    count = 2 << 30
    ends = tensor(storage("999", count, legacy=True), [2, 1], [count - 1, 1])
    content = torch_legacy(mapping(hostile.state(legacy=True) | {"pretrained.mask_token": ends}), hostile.arrays)
    keys = b"](" + b"".join(text(str(key)) for key in range(len(hostile.arrays)))
    with open(hostile.source, "wb") as file:
        file.write(content.replace(keys, keys + text("999")) + struct.pack("<q", count))
        file.truncate(file.tell() + 4 * count)
    outcome = hostile.convert()
    assert outcome.status == 1
    assert "is not stored in order but lies across" in outcome.err
