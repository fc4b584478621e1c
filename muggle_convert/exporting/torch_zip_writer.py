"""Writing what torch.save writes: a zip archive with one pickle and one record per storage, in one pass and without torch."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from muggle_convert.checkpoints.zip_archive import CENTRAL, END, END_64, END_64_LOCATOR, FULL_16, FULL_32, LOCAL
from muggle_convert.exporting.exported_tensor import ExportedTensor
from muggle_convert.exporting.pickle_writer import state_dict_pickle
from muggle_convert.files.atomic import Target

ROOT = "archive"
ALIGNMENT = 64  # of every record, so that torch.load(mmap=True) has aligned tensors
PADDING = 0x4246  # "FB", the extra field that torch pads with
DAY_ONE = 0x21  # 1 January 1980: equal tensors make equal files
WIDE = 45  # the zip version with 64-bit fields


@dataclass(frozen=True)
class Member:
    """One entry of the archive: where it begins, and where its bytes do."""

    name: bytes
    header: int
    data: int
    size: int


@dataclass(frozen=True)
class Archive:
    """The whole file laid out, before a byte is written."""

    small: tuple[tuple[Member, bytes], ...]
    records: tuple[tuple[Member, ExportedTensor], ...]
    directory: int

    @property
    def size(self) -> int:
        return self.directory + sum(len(_central(member, 0)) for member in self.members) + len(_end(self, 0))

    @property
    def members(self) -> Iterator[Member]:
        yield from (member for member, _ in self.small)
        yield from (member for member, _ in self.records)


def lay_out_archive(contents: Sequence[ExportedTensor], wrap: str | None = None) -> Archive:
    """Tensors that share their elements get one record, as in torch."""
    keys: dict[object, str] = {}
    owners: dict[str, ExportedTensor] = {}
    tensors = []
    for content in contents:
        key = keys.setdefault(content.storage, str(len(keys)))
        owners.setdefault(key, content)
        tensors.append((content, key))
    texts = {"data.pkl": state_dict_pickle(tensors, wrap), "byteorder": b"little", "version": b"3\n"}
    position = 0
    small, records = [], []
    for name, text in texts.items():
        small.append((_member(name, position, len(text)), text))
        position = small[-1][0].data + len(text)
    for key, content in owners.items():
        records.append((_member(f"data/{key}", position, content.size), content))
        position = records[-1][0].data + content.size
    return Archive(tuple(small), tuple(records), position)


def write_archive(archive: Archive, target: Target) -> None:
    """Each record is written before its header, which holds the checksum."""
    directory = b""
    for member, text in archive.small:
        target.write(member.data, text)
        directory += _headers(member, zlib.crc32(text), target)
    for member, content in archive.records:
        checksum, position = 0, member.data
        for chunk in content.chunks():
            target.write(position, chunk)
            checksum, position = zlib.crc32(chunk, checksum), position + len(chunk)
        directory += _headers(member, checksum, target)
    target.write(archive.directory, directory + _end(archive, len(directory)))


def _member(name: str, header: int, size: int) -> Member:
    raw = f"{ROOT}/{name}".encode()
    wide = 20 if size >= FULL_32 else 0
    data = header + LOCAL.size + len(raw) + wide + 4  # of the padding's own header
    return Member(raw, header, data + -data % ALIGNMENT, size)


def _headers(member: Member, checksum: int, target: Target) -> bytes:
    """Write the header before the data and return the directory entry."""
    wide = struct.pack("<2H2Q", 1, 16, member.size, member.size) if member.size >= FULL_32 else b""
    room = member.data - member.header - LOCAL.size - len(member.name) - len(wide) - 4
    extra = wide + struct.pack("<2H", PADDING, room) + b"Z" * room
    size = min(member.size, FULL_32)
    fields = (b"PK\x03\x04", WIDE if wide else 20, 0, 0, 0, DAY_ONE, checksum, size, size, len(member.name), len(extra))
    target.write(member.header, LOCAL.pack(*fields) + member.name + extra)
    return _central(member, checksum)


def _central(member: Member, checksum: int) -> bytes:
    wide = struct.pack("<2Q", member.size, member.size) if member.size >= FULL_32 else b""
    wide += struct.pack("<Q", member.header) if member.header >= FULL_32 else b""
    extra = struct.pack("<2H", 1, len(wide)) + wide if wide else b""
    version, size, header = WIDE if wide else 20, min(member.size, FULL_32), min(member.header, FULL_32)
    lengths = (len(member.name), len(extra), 0, 0, 0, 0)
    return CENTRAL.pack(b"PK\x01\x02", version, version, 0, 0, 0, DAY_ONE, checksum, size, size, *lengths, header) + member.name + extra


def _end(archive: Archive, size: int) -> bytes:
    """Always includes the 64-bit form, so that the length does not depend on sizes."""
    count = len(archive.small) + len(archive.records)
    place = archive.directory + size
    wide = END_64.pack(b"PK\x06\x06", END_64.size - 12, WIDE, WIDE, 0, 0, count, count, size, archive.directory)
    locator = END_64_LOCATOR.pack(b"PK\x06\x07", 0, place, 1)
    short = min(count, FULL_16)
    return wide + locator + END.pack(b"PK\x05\x06", 0, 0, short, short, min(size, FULL_32), min(archive.directory, FULL_32), 0)
