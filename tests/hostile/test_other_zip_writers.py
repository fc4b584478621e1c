"""Zip archives as other programs write them: 64-bit fields that nothing needs, and descriptions behind the data as of a stream."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from itertools import pairwise
from typing import Any

import pytest

from tests.hostile.forge import zipped


class Pipe(io.RawIOBase):
    """What takes bytes and never goes back, so that sizes are known only behind the data."""

    def __init__(self) -> None:
        self.taken = io.BytesIO()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        return self.taken.write(data)


def written(hostile, wide: bool, streamed: bool, method: int, extra: bytes = b"") -> bytes:
    """By Python's own zipfile."""
    pipe, seekable = Pipe(), io.BytesIO()
    with zipfile.ZipFile(pipe if streamed else seekable, "w", method) as archive:
        for entry in hostile.entries():
            info = zipfile.ZipInfo(entry.name)
            info.compress_type, info.extra = method, extra
            with archive.open(info, "w", force_zip64=wide) as file:
                file.write(entry.data)
    return (pipe.taken if streamed else seekable).getvalue()


@pytest.mark.parametrize("wide", [False, True], ids=["32 bits", "64 bits"])
@pytest.mark.parametrize("streamed", [False, True], ids=["at once", "as a stream"])
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED], ids=["stored", "deflated"])
def test_what_pythons_zipfile_writes_is_read(hostile, wide, streamed, method) -> None:
    hostile.converted(written(hostile, wide, streamed, method))


def test_dates_and_owners_beside_the_sizes_are_skipped(hostile) -> None:
    unix = struct.pack("<2HBL", 0x5455, 5, 1, 0)
    hostile.converted(written(hostile, wide=True, streamed=False, method=zipfile.ZIP_STORED, extra=unix))


@pytest.mark.parametrize("place", range(0, 24, 4))
def test_a_description_of_64_bits_behind_the_data_that_was_damaged_is_refused(hostile, place) -> None:
    content = bytearray(written(hostile, wide=True, streamed=True, method=zipfile.ZIP_STORED))
    found = content.index(b"PK\x07\x08")
    content[found + place] ^= 1
    hostile.refused(bytes(content))


def wide_extra(*values: int) -> bytes:
    return struct.pack(f"<2H{len(values)}Q", 1, 8 * len(values), *values)


LIES = {
    "a place beyond the file": {"offset": 0xFFFFFFFF, "extra": wide_extra(1 << 40)},
    "a place before it": {"offset": 0xFFFFFFFF, "extra": wide_extra((1 << 64) - 1)},
    "the place of another entry": {"offset": 0xFFFFFFFF, "extra": wide_extra(0)},
    "a size of the most there is": {"stored": 0xFFFFFFFF, "size": 0xFFFFFFFF, "extra": wide_extra((1 << 64) - 1, (1 << 64) - 1)},
    "sizes the other way round": {"stored": 0xFFFFFFFF, "extra": wide_extra(1, 2)},
    "one size of two": {"stored": 0xFFFFFFFF, "size": 0xFFFFFFFF, "extra": wide_extra(4)},
    "two fields of sizes": {"size": 0xFFFFFFFF, "extra": wide_extra(4) + wide_extra(4)},
    "a field that is longer than its extra": {"size": 0xFFFFFFFF, "extra": struct.pack("<2HQ", 1, 16, 4)},
    "a field of half a number": {"size": 0xFFFFFFFF, "extra": struct.pack("<2HL", 1, 4, 4)},
}


@pytest.mark.parametrize("lie", LIES)
def test_64_bit_fields_of_the_directory_that_lie_are_refused(hostile, lie) -> None:
    entries = hostile.entries()
    entries[2].central = LIES[lie]
    hostile.refused(zipped(entries))


def test_a_place_in_64_bits_that_is_true_is_read(hostile) -> None:
    entries = hostile.entries()
    place = len(zipped(entries[:2])) - 22 - sum(46 + len(entry.name) for entry in entries[:2])
    entries[2].central = {"offset": 0xFFFFFFFF, "extra": wide_extra(place)}
    hostile.converted(zipped(entries))


@pytest.mark.parametrize("signed", [True, False], ids=["with a signature", "without"])
@pytest.mark.parametrize("hidden", [b"", b"x", b"#!/bin/sh\n", b"PK\x07\x08" + bytes(12)], ids=["nothing", "a byte", "a script", "another"])
def test_nothing_hides_behind_a_description(hostile, signed, hidden) -> None:
    entries = hostile.entries()
    for entry, following in pairwise(entries):
        entry.flags |= 8
        size = len(entry.data)
        following.before = (b"PK\x07\x08" if signed else b"") + struct.pack("<3L", zlib.crc32(entry.data), size, size)
    if not hidden:
        hostile.converted(zipped(entries))
        return
    entries[3].before += hidden
    hostile.refused(zipped(entries))
    entries[3].before = hidden + entries[3].before.removesuffix(hidden)
    hostile.refused(zipped(entries))
