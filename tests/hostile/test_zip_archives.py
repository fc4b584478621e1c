"""Rows 4 and 5: archives that show one thing to one reader and another to the next, damaged ones, and bombs."""

from __future__ import annotations

import struct
import zipfile
import zlib
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from tests.hostile import forge
from tests.hostile.forge import Entry, glob, mapping, number, pickled, storage, tensor, torch_zip, zipped

# Row 4.


def changed(hostile, place: int, **fields) -> bytes:
    entries = hostile.entries()
    for name, value in fields.items():
        setattr(entries[place], name, value)
    return zipped(entries)


def zip64(*values: int) -> bytes:
    return struct.pack(f"<2H{len(values)}Q", 1, 8 * len(values), *values)


@pytest.mark.parametrize("hidden_first", [True, False])
def test_two_pickles_are_refused_in_both_orders(hostile, hidden_first) -> None:
    evil = Entry("archive/data.pkl", pickled(mapping({})))
    entries = [evil, *hostile.entries()] if hidden_first else [*hostile.entries(), evil]
    assert "two entries named archive/data.pkl" in hostile.refused(zipped(entries))


def test_two_equal_storages_are_refused(hostile) -> None:
    entries = hostile.entries()
    assert "two entries named" in hostile.refused(zipped([*entries, entries[-1]]))


@pytest.mark.parametrize("name", ["other/data.pkl", "other/data/0", "data.pkl", "loose.txt"])
def test_two_roots_are_refused(hostile, name) -> None:
    assert "one checkpoint only" in hostile.refused(zipped([*hostile.entries(), Entry(name, b"")]))


@pytest.mark.parametrize("name", ["archive/../data.pkl", "/archive/x", "archive\\x", "archive/a\0b", "", "archive/" + "x" * 2000])
def test_names_that_torch_would_not_write_are_refused(hostile, name) -> None:
    hostile.refused(zipped([*hostile.entries(), Entry(name, b"")]))


def test_a_name_that_is_not_text_is_refused(hostile) -> None:
    content = zipped([*hostile.entries(), Entry("archive/é", b"")])
    hostile.refused(content.replace("é".encode(), b"\xff\xfe"))
    hostile.refused(zipped([*hostile.entries(), Entry("archive/é", b"", flags=0)]))


@pytest.mark.parametrize(
    "lie",
    [
        {"name": "archive/data.pkm"},
        {"flags": 0},
        {"method": 8},
        {"crc32": 1},
        {"stored": 7},
        {"size": 7},
        {"stored": 0xFFFFFFFF, "size": 0xFFFFFFFF},
        {"extra": b"\x01\x00\x10\x00"},
        {"extra": b"abc"},
        {"extra": zip64(1, 1)},
    ],
    ids=str,
)
@pytest.mark.parametrize("side", ["local", "central"])
@pytest.mark.parametrize("place", [0, 5])
def test_a_local_header_unlike_the_central_one_is_refused(hostile, lie, side, place) -> None:
    hostile.refused(changed(hostile, place, **{side: lie}))


def test_an_encrypted_entry_is_refused(hostile) -> None:
    assert "is encrypted" in hostile.refused(changed(hostile, 0, flags=0x801))


@pytest.mark.parametrize("flags", [0x20, 0x40, 0x2000, 0x8000])
def test_flags_of_other_features_are_refused(hostile, flags) -> None:
    assert "that torch files do not have" in hostile.refused(changed(hostile, 3, flags=0x800 | flags))


def test_another_compression_is_refused(hostile) -> None:
    hostile.source.unlink(missing_ok=True)
    with zipfile.ZipFile(hostile.source, "w", zipfile.ZIP_LZMA) as archive:
        for entry in hostile.entries():
            archive.writestr(entry.name, entry.data)
    assert "method 14" in hostile.refused()


def test_overlapping_entries_are_refused(hostile) -> None:
    """Two names for the same bytes, and an entry that lies within another."""
    first = len(zipped([hostile.entries()[0]])) - 22 - len("archive/data.pkl") - 46
    hostile.refused(changed(hostile, 1, central={"offset": 0}))
    hostile.refused(
        changed(hostile, 0, central={"stored": first + 100, "size": first + 100}, local={"stored": first + 100, "size": first + 100})
    )
    inner = zipped([Entry("archive/inside", b"x")])
    entries = hostile.entries()
    outer = Entry("archive/outside", inner)
    content = zipped([*entries, outer, Entry("archive/inside", b"x", central={"offset": 10})])
    hostile.refused(content)


@pytest.mark.parametrize("offset", [1, 1 << 20, 0xFFFFFFF0])
def test_offsets_past_the_directory_are_refused(hostile, offset) -> None:
    hostile.refused(changed(hostile, 2, central={"offset": offset}))
    hostile.refused(zipped(hostile.entries(), end={"offset": offset}))


@pytest.mark.parametrize(
    "lie", [{"count": 3}, {"count": 60_000}, {"size": 10}, {"size": 0xFFFFFFF0}, {"comment": 10}, {"offset": 0, "size": 0, "count": 0}]
)
def test_an_end_record_that_lies_is_refused(hostile, lie) -> None:
    hostile.refused(zipped(hostile.entries(), end=lie))


def zip64_end(content: bytes, count: int, size: int, offset: int, place: int, length: int = 44) -> bytes:
    end = content[-22:]
    record = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", length, 45, 45, 0, 0, count, count, size, offset)
    return content[:-22] + record + struct.pack("<4sLQL", b"PK\x06\x07", 0, place, 1) + end


def test_a_64_bit_end_record_must_say_what_the_short_one_says(hostile) -> None:
    content = zipped(hostile.entries())
    _, _, _, _, count, size, offset, _ = struct.unpack("<4s4H2LH", content[-22:])
    place = len(content) - 22
    hostile.converted(zip64_end(content, count, size, offset, place))
    hostile.target.unlink()
    hostile.refused(zip64_end(content, count + 1, size, offset, place))
    hostile.refused(zip64_end(content, count, size - 1, offset, place))
    hostile.refused(zip64_end(content, count, size, offset + 1, place))
    hostile.refused(zip64_end(content, count, size, offset, place + 1))
    hostile.refused(zip64_end(content, count, size, offset, 1 << 63))
    hostile.refused(zip64_end(content, count, size, offset, place, length=45))
    hostile.refused(zip64_end(content, 1 << 62, size, offset, place))


@pytest.mark.parametrize("values", [(1 << 62, 1 << 62), (0, 0), (4, 4), (1 << 63,), ()])
def test_64_bit_sizes_that_lie_are_refused(hostile, values) -> None:
    wide = {"stored": 0xFFFFFFFF, "size": 0xFFFFFFFF, "extra": zip64(*values)}
    hostile.refused(changed(hostile, 1, central=wide))
    hostile.refused(changed(hostile, 1, local=wide))
    hostile.refused(changed(hostile, 1, central=wide, local=wide))


def test_64_bit_sizes_that_are_true_are_read(hostile) -> None:
    size = len(hostile.entries()[1].data)
    wide = {"stored": 0xFFFFFFFF, "size": 0xFFFFFFFF, "extra": zip64(size, size)}
    hostile.converted(changed(hostile, 1, central=wide, local=wide))


@pytest.mark.parametrize("stray", [b"\0", b"#!/bin/sh\n", b"PK\x03\x04", b"\0" * 100])
@pytest.mark.parametrize("place", ["before", "between", "after", "before an entry"])
def test_bytes_before_within_or_after_the_archive_are_refused(hostile, stray, place) -> None:
    if place == "before an entry":
        hostile.refused(changed(hostile, 3, before=stray))
    else:
        hostile.refused(zipped(hostile.entries(), **{place: stray}))


def test_two_archives_one_after_the_other_are_refused(hostile) -> None:
    hostile.refused(zipped(hostile.entries()) + zipped(forge.archive(pickled(mapping({})))))
    hostile.refused(zipped(forge.archive(pickled(mapping({})))) + zipped(hostile.entries()))


def described(data: bytes, crc32: int | None = None, size: int | None = None, wide: bool = False) -> bytes:
    """What may follow the data of an entry to say its checksum and its sizes once more."""
    size = len(data) if size is None else size
    return b"PK\x07\x08" + struct.pack("<L2Q" if wide else "<3L", zlib.crc32(data) if crc32 is None else crc32, size, size)


@pytest.mark.parametrize("wide", [False, True])
def test_a_description_behind_the_data_that_is_true_is_read(hostile, wide) -> None:
    entries = hostile.entries()
    for entry, following in pairwise(entries):
        entry.flags |= 8
        following.before = described(entry.data, wide=wide)
    hostile.converted(zipped(entries))


@pytest.mark.parametrize("lie", [{"crc32": 5}, {"size": 5}, {"size": 5, "wide": True}, None], ids=str)
def test_a_description_behind_the_data_that_lies_or_is_not_there_is_refused(hostile, lie) -> None:
    entries = hostile.entries()
    entries[3].flags |= 8
    entries[4].before = b"" if lie is None else described(entries[3].data, **lie)
    assert "archive/data/2" in hostile.refused(zipped(entries))


def test_a_description_behind_the_data_that_no_flag_announces_is_refused(hostile) -> None:
    entries = hostile.entries()
    entries[4].before = described(entries[3].data)
    hostile.refused(zipped(entries))


def test_an_archive_in_the_comment_of_an_archive_is_refused(hostile) -> None:
    """A reader that looks for the end from behind finds the one, a reader that takes the first the other."""
    hidden = zipped(forge.archive(pickled(mapping({}))))
    hostile.refused(zipped(hostile.entries(), after=hidden, end={"comment": len(hidden)}))
    hostile.refused(zipped(hostile.entries(), after=b"PK\x05\x06" + bytes(18), end={"comment": 22}))
    hostile.refused(zipped(hostile.entries(), after=b"a note", end={"comment": 6}))


@pytest.mark.parametrize("name", ["archive/DATA.PKL", "archive/Data/0", "archive/data/0".replace("d", "D")])
@pytest.mark.parametrize("first", [True, False])
def test_names_that_differ_in_capitals_only_are_refused(hostile, name, first) -> None:
    """torch looks records up without regard to capitals, and takes the one that it finds."""
    twin = Entry(name, pickled(mapping({})))
    assert "differ in capitals only" in hostile.refused(zipped([twin, *hostile.entries()] if first else [*hostile.entries(), twin]))


@pytest.mark.parametrize("name", ["archive//data.pkl", "archive/./data.pkl", "./archive/data.pkl", "archive/data.pkl//", "."])
def test_names_that_other_readers_would_shorten_to_another_are_refused(hostile, name) -> None:
    assert "torch never writes" in hostile.refused(zipped([*hostile.entries(), Entry(name, b"")]))


def test_a_folder_with_bytes_of_its_own_is_refused(hostile) -> None:
    assert "is a folder" in hostile.refused(zipped([*hostile.entries(), Entry("archive/data/", b"hidden")]))
    assert "one checkpoint only" in hostile.refused(zipped([*hostile.entries(), Entry("other/", b"")]))
    hostile.converted(zipped([*hostile.entries(), Entry("archive/data/", b"")]))


@pytest.mark.parametrize("version", [b"99\n", b"0\n", b"-3\n", b"\x1b[31m", b"", "٣\n".encode(), b"3" * 5000])
def test_a_version_of_the_format_that_is_not_known_is_refused(hostile, version) -> None:
    message = hostile.refused(changed(hostile, -1, data=version))
    assert "unknown version" in message
    assert "\x1b" not in message


@pytest.mark.parametrize("kept", [4, 30, 1000, 0.5, -1, -21, -22, -23])
def test_a_download_that_was_cut_off_is_refused(hostile, kept) -> None:
    content = zipped(hostile.entries())
    cut = content[: int(kept * len(content))] if isinstance(kept, float) else content[:kept]
    assert "cut off" in hostile.refused(cut)


def test_more_entries_than_are_allowed_are_refused(hostile) -> None:
    entries = [Entry(f"archive/{number}", b"") for number in range(50_001)]
    assert "50,000 entries" in hostile.refused(zipped([*hostile.entries(), *entries]))


# Row 5.


def test_a_wrong_checksum_is_refused_by_the_name_of_the_record(hostile) -> None:
    for place, name in ((0, "archive/data.pkl"), (5, "archive/data/4"), (126, "archive/data/125")):
        assert f"record {name} is damaged" in hostile.refused(changed(hostile, place, crc32=0x12345678))


def test_one_flipped_bit_in_a_weight_is_refused_by_the_name_of_the_record(hostile) -> None:
    content = bytearray(zipped(hostile.entries()))
    place = bytes(content).index(hostile.arrays["pretrained.norm.weight"].tobytes())
    content[place + 13] ^= 0x10
    assert "is damaged: its checksum is" in hostile.refused(bytes(content))


def test_checksums_that_are_all_zero_are_no_promise_and_convert_with_a_warning(hostile) -> None:
    entries = hostile.entries()
    for entry in entries:
        entry.crc32 = 0
    outcome = hostile.converted(zipped(entries))
    assert "saved without checksums" in outcome.out + outcome.err


def test_one_checksum_that_is_zero_is_wrong_like_any_other(hostile) -> None:
    assert "is damaged" in hostile.refused(changed(hostile, 4, crc32=0))


def test_deflated_entries_convert_to_the_same(hostile) -> None:
    entries = hostile.entries()
    for entry in entries:
        entry.deflated = True
    hostile.converted(zipped(entries))


@pytest.mark.parametrize("place", [0, 5])
@pytest.mark.parametrize("promised", [0, 1, 1000, 1 << 31])
def test_a_deflated_entry_that_is_not_as_long_as_promised_is_refused(hostile, place, promised) -> None:
    size = {"size": promised}
    hostile.refused(changed(hostile, place, deflated=True, central=size, local=size))


def test_a_bomb_of_zeros_is_refused(hostile) -> None:
    """300 MB in 300 kB: as the pickle, as weights, as weights that claim to be few, and as something nobody asked for."""
    deflater = zlib.compressobj(wbits=-15)
    packed = b"".join(deflater.compress(bytes(1_000_000)) for _ in range(300)) + deflater.flush()
    assert len(packed) < 300_000

    def bomb(name: str, size: int) -> Entry:
        said = {"method": 8, "size": size}
        return Entry(name, packed, local=said, central=said)

    count = 75_000_000
    state = hostile.state() | {"pretrained.mask_token": tensor(storage("999", count), [count])}
    hostile.refused(zipped([*forge.archive(pickled(mapping(state)), hostile.records), bomb("archive/data/999", 4 * count)]))
    hostile.refused(zipped([bomb("archive/data.pkl", 4 * count)]))
    hostile.refused(zipped([bomb("archive/data.pkl", 1_000_000)]))
    hostile.refused(zipped([*hostile.entries(), bomb("archive/notes.txt", 4 * count)]))
    state["pretrained.mask_token"] = tensor(storage("999", 64), [64])
    liar = zipped([*forge.archive(pickled(mapping(state)), hostile.records), bomb("archive/data/999", 256)])
    assert "does not inflate to the 256 bytes" in hostile.refused(liar)


def test_bytes_after_the_end_of_a_compressed_stream_are_refused(hostile) -> None:
    entries = hostile.entries()
    for place in (0, 5):
        plain, packed = entries[place], replace(entries[place], deflated=True).packed + b"hidden"
        said = {"method": 8, "size": len(plain.data), "crc32": zlib.crc32(plain.data)}
        changed = [*entries[:place], Entry(plain.name, packed, local=said, central=said), *entries[place + 1 :]]
        assert "does not inflate to" in hostile.refused(zipped(changed))


def test_a_stream_of_nothing_but_empty_blocks_takes_no_time(hostile) -> None:
    packed = b"\x00\x00\x00\xff\xff" * 4_000_000 + b"\x01\x00\x00\xff\xff"
    said = {"method": 8, "size": 0, "crc32": 0}
    state = hostile.state() | {"pretrained.mask_token": tensor(storage("999", 0), [0])}
    content = [*forge.archive(pickled(mapping(state)), hostile.records), Entry("archive/data/999", packed, local=said, central=said)]
    hostile.converted(zipped(content))


def test_many_small_bombs_are_refused_together(hostile) -> None:
    zeros = bytes(2_000_000)
    bombs = [Entry(f"archive/bomb{number}", zeros, deflated=True) for number in range(100)]
    assert "would inflate to" in hostile.refused(zipped([*hostile.entries(), *bombs]))


def test_a_large_archive_is_streamed(hostile) -> None:
    """120 MB of weights, deflated and not, in less memory than they take."""
    rows = 100_000
    for block in range(4):
        hostile.arrays[f"pretrained.blocks.{block}.mlp.fc1.weight"] = np.zeros((rows, 64), np.float32) + np.float32(0.5)
        hostile.arrays[f"pretrained.blocks.{block}.mlp.fc1.bias"] = np.ones(rows, np.float32)
        hostile.arrays[f"pretrained.blocks.{block}.mlp.fc2.weight"] = np.ones((64, rows), np.float32)
    entries = hostile.entries()
    entries[15].deflated = True
    hostile.source.write_bytes(zipped(entries))
    outcome = hostile.convert()
    assert outcome.status == 0, outcome.err
    assert outcome.mebibytes < 80


def test_an_element_type_that_safetensors_lacks_is_refused_where_it_is_needed_only(hostile) -> None:
    strange = tensor(storage("126", 4, glob("torch", "ComplexDoubleStorage")), [4])
    records = {**hostile.records, "data/126": bytes(64)}
    hostile.converted(torch_zip(mapping({"model": mapping(hostile.state()), "extra": strange, "epoch": number(3)}), records))
    hostile.target.unlink()
    assert "ComplexDouble" in hostile.refused(torch_zip(mapping(hostile.state() | {"pretrained.mask_token": strange}), records))
