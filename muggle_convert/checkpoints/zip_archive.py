"""A zip archive's table of contents, in which everything stated twice must agree.

Zip states most things twice: in the central directory at the end and before each entry. Readers differ in which they
believe, so an archive can show one thing to a scanner and another to a loader. Here every byte of the file belongs to
exactly one entry, to the directory or to its end record, and both descriptions are equal; anything else is refused.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from muggle_convert.checkpoints.checkpoint import Record
from muggle_convert.checkpoints.limits import Limits
from muggle_convert.checkpoints.safe_text import printable
from muggle_convert.checkpoints.source_file import SourceFile
from muggle_convert.errors import Refusal

END = struct.Struct("<4s4H2LH")
END_64 = struct.Struct("<4sQ2H2L4Q")
END_64_LOCATOR = struct.Struct("<4sLQL")
CENTRAL = struct.Struct("<4s6H3L5H2L")
LOCAL = struct.Struct("<4s5H3L2H")

STORED, DEFLATED = 0, 8
ENCRYPTED, DEFLATE_HINTS, DESCRIPTOR_FOLLOWS, UTF_8 = 0x1, 0x6, 0x8, 0x800
FULL_16, FULL_32 = 0xFFFF, 0xFFFFFFFF
ZIP_64 = 0x0001
LONGEST_NAME = 1024
DIRECTORY_BYTES_PER_RECORD = 256


@dataclass(frozen=True)
class _Entry:
    """One entry as the central directory has it."""

    raw_name: bytes
    flags: int
    method: int
    crc32: int
    stored_size: int
    size: int
    header_offset: int


def read_members(file: SourceFile, limits: Limits) -> dict[str, Record]:
    """All entries by name, in the order of their data."""
    count, offset, size = _read_end(file)
    if count > limits.records or size > limits.records * DIRECTORY_BYTES_PER_RECORD:
        raise Refusal(
            f"its zip directory claims {count:,} entries in {size:,} bytes, more than the {limits.records:,} entries that are allowed"
        )
    entries = sorted(_read_directory(file.read(offset, size), count), key=lambda entry: entry.header_offset)
    members: dict[str, Record] = {}
    folded: dict[str, str] = {}  # torch finds records without regard to capitals
    expected = 0
    ends = [*(entry.header_offset for entry in entries), offset][1:]
    for entry, end in zip(entries, ends, strict=True):
        if entry.header_offset != expected:
            raise Refusal(
                f"its zip entry {printable(_name(entry))} does not begin where the one before it ends; entries that overlap or hide bytes "
                "are not read"
            )
        member = _read_local(file, entry, end)
        if member.name in members:
            raise Refusal(f"its zip archive has two entries named {printable(member.name)}")
        if (other := folded.setdefault(member.name.casefold(), member.name)) != member.name:
            raise Refusal(f"its zip archive has {printable(other)} and {printable(member.name)}, which differ in capitals only")
        if member.name.endswith("/") and member.stored_size:
            raise Refusal(f"its zip entry {printable(member.name)} is a folder, yet it has bytes of its own")
        members[member.name] = member
        expected = end
    if expected != offset:
        raise Refusal("its zip archive has bytes that belong to no entry")
    return members


def _read_end(file: SourceFile) -> tuple[int, int, int]:
    """Count of entries, offset and size of the directory."""
    if file.size < END.size:
        raise Refusal("its zip archive is cut off")
    place = file.size - END.size
    signature, disk, directory_disk, here, count, size, offset, comment = END.unpack(file.read(place, END.size))
    if signature != b"PK\x05\x06" or comment:
        raise Refusal("its zip archive does not end with its end record; it is cut off (get it again) or has bytes appended")
    if place >= END_64_LOCATOR.size + END_64.size:
        signature, located_disk, located, disks = END_64_LOCATOR.unpack(file.read(place - END_64_LOCATOR.size, END_64_LOCATOR.size))
        if signature == b"PK\x06\x07":
            place -= END_64_LOCATOR.size + END_64.size
            end = END_64.unpack(file.read(place, END_64.size))
            short = (disk, directory_disk, here, count, size, offset)
            if (end[0], end[1], located_disk, located, disks) != (b"PK\x06\x06", END_64.size - 12, 0, place, 1):
                raise Refusal("its zip archive has a 64-bit end record that is not where or what it should be")
            for little, big, full in zip(short, end[4:], (FULL_16, FULL_16, FULL_16, FULL_16, FULL_32, FULL_32), strict=True):
                if little not in (big, full):
                    raise Refusal("its zip archive has two end records that disagree")
            disk, directory_disk, here, count, size, offset = end[4:]
    if (disk, directory_disk) != (0, 0) or here != count:
        raise Refusal("its zip archive is one part of several")
    if offset + size != place:
        raise Refusal(
            "its zip archive has a directory that does not lie just before its end record; it is cut off, or bytes were put before or "
            "into it"
        )
    return count, offset, size


def _read_directory(raw: bytes, count: int) -> list[_Entry]:
    entries = []
    position = 0
    for _ in range(count):
        if position + CENTRAL.size > len(raw):
            raise Refusal("its zip directory ends before its last entry")
        fields = CENTRAL.unpack_from(raw, position)
        signature, _, _, flags, method, *_ = fields
        crc32, stored_size, size, name_length, extra_length, comment_length, disk, _, _, offset = fields[7:]
        extra_start = position + CENTRAL.size + name_length
        end = extra_start + extra_length + comment_length
        if signature != b"PK\x01\x02" or end > len(raw) or disk or name_length > LONGEST_NAME:
            raise Refusal("its zip directory is broken")
        wide = _widened((size, stored_size, offset), _wide_values(raw[extra_start : extra_start + extra_length]))
        entries.append(_Entry(raw[position + CENTRAL.size : extra_start], flags, method, crc32, wide[1], wide[0], wide[2]))
        position = end
    if position != len(raw):
        raise Refusal("its zip directory has bytes that belong to no entry")
    return entries


def _wide_values(extra: bytes) -> list[int] | None:
    """The values of the 64-bit extra field, where there is one."""
    position = 0
    values: list[int] | None = None
    while position < len(extra):
        if position + 4 > len(extra):
            raise Refusal("its zip archive has a broken extra field")
        kind, length = struct.unpack_from("<2H", extra, position)
        position += 4
        if position + length > len(extra) or (kind == ZIP_64 and (values is not None or length % 8)):
            raise Refusal("its zip archive has a broken extra field")
        if kind == ZIP_64:
            values = list(struct.unpack_from(f"<{length // 8}Q", extra, position))
        position += length
    return values


def _widened(fields: tuple[int, ...], values: list[int] | None) -> tuple[int, ...]:
    """The fields with those that say "too large for 32 bits" taken from the 64-bit ones."""
    if values is None:
        return fields
    if fields.count(FULL_32) != len(values):
        raise Refusal("its zip archive has a 64-bit size where none belongs, or lacks one")
    wide = iter(values)
    return tuple(next(wide) if field == FULL_32 else field for field in fields)


def _read_local(file: SourceFile, entry: _Entry, end: int) -> Record:
    """The descriptions before and after the data of an entry must match the directory."""
    name = _name(entry)
    raw = file.read(entry.header_offset, min(LOCAL.size + len(entry.raw_name), end - entry.header_offset))
    if len(raw) < LOCAL.size + len(entry.raw_name):
        raise Refusal(f"its zip entry {printable(name)} has no room for its header")
    signature, _, flags, method, _, _, crc32, stored_size, size, name_length, extra_length = LOCAL.unpack_from(raw)
    data = entry.header_offset + LOCAL.size + name_length + extra_length
    described = (signature, flags, method, name_length, raw[LOCAL.size :])
    if described != (b"PK\x03\x04", entry.flags, entry.method, len(entry.raw_name), entry.raw_name):
        raise Refusal(f"its zip entry {printable(name)} is described differently in the directory and before its data")
    if flags & ENCRYPTED:
        raise Refusal(f"its zip entry {printable(name)} is encrypted; decrypt the archive first")
    if flags & ~(DEFLATE_HINTS | DESCRIPTOR_FOLLOWS | UTF_8) or method not in (STORED, DEFLATED):
        raise Refusal(f"its zip entry {printable(name)} uses a feature (method {method}, flags {flags:#x}) that torch files do not have")
    if method == STORED and entry.stored_size != entry.size:
        raise Refusal(f"its zip entry {printable(name)} is stored as it is, yet with two different sizes")
    after = data + entry.stored_size
    if after > end:
        raise Refusal(f"its zip entry {printable(name)} overlaps what follows it")
    extra = file.read(entry.header_offset + LOCAL.size + name_length, extra_length)
    values = _wide_values(extra)
    promised = (entry.crc32, entry.stored_size, entry.size)
    if (size, stored_size) == (0, 0) and values in _values_of_torch(entry):
        values = None
    size, stored_size = _widened((size, stored_size), values)
    descriptor = file.read(after, end - after) if end - after <= 24 else b""
    if flags & DESCRIPTOR_FOLLOWS:
        agrees = (crc32, stored_size, size) in ((0, 0, 0), promised) and descriptor in _descriptors(*promised)
    else:
        agrees = (crc32, stored_size, size) == promised and after == end
    if not agrees:
        raise Refusal(
            f"its zip entry {printable(name)} is described differently in the directory and around its data, or bytes are hidden behind it"
        )
    return Record(file.path, name, data, entry.stored_size, entry.size, entry.crc32, method == DEFLATED, stamp=file.stamp)


def _values_of_torch(entry: _Entry) -> list[list[int]]:
    """Beyond 4 GiB torch repeats 64-bit values before the data, although the fields that they belong to announce them after
    it: the sizes, of which the stored one is not known yet, and the offset."""
    sizes = [entry.size, 0] if entry.size >= FULL_32 else []
    offset = [entry.header_offset] if entry.header_offset >= FULL_32 else []
    return [sizes + offset] if sizes or offset else []


def _descriptors(crc32: int, stored_size: int, size: int) -> list[bytes]:
    """The ways to encode these three numbers after the data: with or without a signature, in 32 or 64 bits."""
    forms = [struct.pack("<L2Q", crc32, stored_size, size)]
    if max(stored_size, size) <= FULL_32:
        forms.append(struct.pack("<3L", crc32, stored_size, size))
    return [signature + form for form in forms for signature in (b"PK\x07\x08", b"")]


def _name(entry: _Entry) -> str:
    try:
        name = entry.raw_name.decode("utf-8" if entry.flags & UTF_8 else "ascii")
    except UnicodeDecodeError:
        raise Refusal("its zip archive has a name that is neither ASCII nor marked as UTF-8") from None
    parts = name.removesuffix("/").split("/")
    if not {"", ".", ".."}.isdisjoint(parts) or "\\" in name or "\0" in name:
        raise Refusal(f"its zip archive has an entry named {printable(name)}, which torch never writes")
    return name
