"""The bytes of tensors: streamed and checked for copying, read at once if small, or mapped for a model."""

from __future__ import annotations

import mmap
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary, WeakSet

from muggle_convert.checkpoints.checkpoint import Record, TensorEntry
from muggle_convert.checkpoints.element_types import NUMPY_KINDS, DType, decode
from muggle_convert.checkpoints.limits import DEFAULT_LIMITS
from muggle_convert.checkpoints.safe_text import printable
from muggle_convert.checkpoints.source_file import SourceFile
from muggle_convert.errors import Refusal

if TYPE_CHECKING:
    import numpy

CHUNK = 1 << 20  # fits a core's own cache from reading to writing, and avoids a new allocation each time
COMPRESSED_CHUNK = 64 << 10
MOST_HELD = DEFAULT_LIMITS.held_bytes  # of a record that many tensors are parts of, so that it is read once
WORD = 8  # bytes of the largest element; tensors of a record begin at elements, so chunks of whole words cut none


def record_chunks(record: Record, chunk_size: int = CHUNK) -> Iterator[memoryview]:
    """All bytes of a record in order, in chunks of whole words except for the last. Each chunk is valid until the next one is
    requested. After the last one, either checksum and file have proved unchanged or a `Refusal` has been raised."""
    if record.memory is not None:
        whole = record.memory()[record.offset : record.offset + record.size]
        yield from (whole[done : done + chunk_size] for done in range(0, record.size, chunk_size))
        return
    with SourceFile(record.file, record.stamp) as file:
        yield from chunks_within(file, record, chunk_size)


def chunks_within(file: SourceFile, record: Record, chunk_size: int = CHUNK) -> Iterator[memoryview]:
    """`record_chunks` for callers that have the file open."""
    checksum = 0
    for chunk in _inflated(file, record, chunk_size) if record.deflated else _stored(file, record, chunk_size):
        if record.crc32 is not None:
            checksum = zlib.crc32(chunk, checksum)
        yield chunk
    if record.crc32 is not None and checksum != record.crc32:
        raise Refusal(
            f"record {printable(record.name)} is damaged: its checksum is {checksum:08x}, the file promises {record.crc32:08x}; get the "
            "file again"
        )


def _stored(file: SourceFile, record: Record, chunk_size: int) -> Iterator[memoryview]:
    buffer = memoryview(bytearray(min(chunk_size, record.size)))
    for done in range(0, record.size, chunk_size):
        chunk = buffer[: record.size - done]
        file.read_into(record.offset + done, chunk)
        yield chunk


def _inflated(file: SourceFile, record: Record, chunk_size: int) -> Iterator[memoryview]:
    """Never more than a chunk at once nor more in total than the archive promised, however far the data inflates."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    done = 0
    fed = 0
    rest = b""  # the incomplete word at the end of the inflated data
    try:
        while not inflater.eof:
            compressed = inflater.unconsumed_tail
            if not compressed and fed < record.stored_size:
                compressed = file.read(record.offset + fed, min(COMPRESSED_CHUNK, record.stored_size - fed))
                fed += len(compressed)
            inflated = inflater.decompress(compressed, min(chunk_size - len(rest), record.size - done + 1))
            done += len(inflated)
            if done > record.size or not (inflated or compressed):
                break
            chunk = rest + inflated
            whole = len(chunk) // WORD * WORD
            rest = chunk[whole:]
            if whole:
                yield memoryview(chunk)[:whole]
    except zlib.error:
        raise Refusal(f"record {printable(record.name)} is damaged: its compressed data cannot be inflated; get the file again") from None
    if not inflater.eof or done != record.size or inflater.unused_data or fed != record.stored_size:
        raise Refusal(
            f"record {printable(record.name)} does not inflate to the {record.size:,} bytes that the file promises; get the file again"
        )
    if rest:
        yield memoryview(rest)


def read_tensor(entry: TensorEntry) -> bytes:
    """The elements of one small tensor in row-major order and little endian, however they are stored."""
    return bytes(gathered(tensor_chunks(entry)))


def as_array(entry: TensorEntry) -> numpy.ndarray:
    """All of a small tensor as numbers, where its values are evidence."""
    if entry.dtype is not DType.BF16 and entry.dtype not in NUMPY_KINDS:
        raise Refusal(f"{printable(entry.name)} is a {entry.dtype.code} tensor where numbers were expected; get the file again.")
    return decode(entry.dtype, read_tensor(entry)).reshape(entry.shape)


def same_bytes(one: Iterable[bytes | memoryview], other: Iterable[bytes | memoryview]) -> bool:
    """Whether two streams hold the same bytes, however each is cut into chunks."""
    ours, theirs = iter(one), iter(other)
    mine, yours = memoryview(b""), memoryview(b"")
    while True:
        mine = mine or memoryview(next(filter(len, ours), b""))
        yours = yours or memoryview(next(filter(len, theirs), b""))
        count = min(len(mine), len(yours))
        if not count:
            return not (mine or yours)
        if bytes(mine[:count]) != bytes(yours[:count]):
            return False
        mine, yours = mine[count:], yours[count:]


def gathered(chunks: Iterable[bytes | memoryview]) -> bytearray:
    """All chunks in one piece. (`join` would collect them all before copying the first, but they share a buffer.)"""
    whole = bytearray()
    for chunk in chunks:
        whole += chunk
    return whole


def tensor_chunks(entry: TensorEntry, chunk_size: int = CHUNK) -> Iterator[bytes | memoryview]:
    """Like `record_chunks` for the elements of one tensor, row-major and little endian, none of them split. Only a tensor
    stored in another order needs its span of the record in memory."""
    if not entry.count:
        return
    if entry.is_in_order:
        yield from _part(entry.record, entry.offset, entry.offset + entry.size, chunk_size)
    elif entry.record.byteorder == "big":
        yield from (_swapped(rows, entry.dtype) for rows in _rows(_elements(entry), chunk_size))
    else:
        yield from _rows(_elements(entry), chunk_size)


def element_chunks(entry: TensorEntry, start: int, count: int) -> Iterator[bytes | memoryview]:
    """Like `tensor_chunks` for a run of elements."""
    size = entry.dtype.size
    begin, end = start * size, (start + count) * size
    if entry.is_in_order and count:
        yield from _part(entry.record, entry.offset + begin, entry.offset + end, CHUNK)
    elif count:
        yield from _between(tensor_chunks(entry), begin, end)


def _part(record: Record, begin: int, end: int, chunk_size: int) -> Iterator[bytes | memoryview]:
    """Some bytes of a record; if a checksum covers the record, all of it is read once to verify that."""
    if record.deflated and record.size <= MOST_HELD and end - begin < record.size:
        whole = _held(record)
        yield from (whole[start : min(start + chunk_size, end)] for start in range(begin, end, chunk_size))
    elif record.deflated or (record.crc32 is not None and record not in _PROVED):
        yield from _between(record_chunks(record, chunk_size), begin, end)
        _PROVED.add(record)
    else:
        part = replace(record, offset=record.offset + begin, stored_size=end - begin, size=end - begin, crc32=None)
        yield from record_chunks(part, chunk_size)


_PROVED: WeakSet[Record] = WeakSet()  # whose checksums were right; a file that changes afterwards is noticed by its stamp
_HELD: WeakKeyDictionary[Record, bytearray] = WeakKeyDictionary()  # the last one, of which a thousand tensors may be views


def _held(record: Record) -> memoryview:
    """All bytes of a record that is small enough to be kept until another one is asked for."""
    if (whole := _HELD.get(record)) is None:
        _HELD.clear()
        _HELD[record] = whole = gathered(record_chunks(record))
    return memoryview(whole).toreadonly()


def _between(chunks: Iterable[bytes | memoryview], begin: int, end: int) -> Iterator[bytes | memoryview]:
    """Some bytes of a stream, which is still read to its end, as only then its checksum is verified."""
    position = 0
    for chunk in chunks:
        wanted = chunk[max(begin - position, 0) : max(end - position, 0)]
        position += len(chunk)
        if wanted:
            yield wanted


def _elements(entry: TensorEntry) -> numpy.ndarray:
    """The tensor as an array of opaque elements over its span of the record, in the order of its dimensions."""
    import numpy

    kind = numpy.dtype(f"V{entry.dtype.size}")
    strides = tuple(step * entry.dtype.size for step in entry.stride) if entry.stride is not None else None
    if entry.record.size <= MOST_HELD:
        return numpy.ndarray(entry.shape, kind, _held(entry.record), entry.offset, strides)
    return numpy.ndarray(entry.shape, kind, gathered(_part(entry.record, entry.offset, entry.offset + entry.span, CHUNK)), 0, strides)


def _swapped(elements: bytes, dtype: DType) -> bytes:
    import numpy

    word = dtype.size // (2 if dtype.is_complex else 1)
    return numpy.frombuffer(elements, f"u{word}").byteswap().tobytes()


def _rows(elements: numpy.ndarray, chunk_size: int) -> Iterator[bytes]:
    """The array's bytes in row-major order, in pieces of about the given size."""
    if elements.nbytes <= chunk_size or not elements.ndim:
        yield elements.tobytes()
    elif elements.nbytes // len(elements) > chunk_size:
        for part in elements:
            yield from _rows(part, chunk_size)
    else:
        step = chunk_size // (elements.nbytes // len(elements))
        for start in range(0, len(elements), step):
            yield elements[start : start + step].tobytes()


class MappedFiles:
    """The bytes of records that are stored uncompressed, as memory that can be written to without touching what they came from: mapped, so that
    a model needs no copy of a file."""

    def __init__(self) -> None:
        self._maps: dict[Path, mmap.mmap] = {}

    def record(self, record: Record) -> memoryview:
        if record.size == 0:
            return memoryview(b"")
        if record.memory is not None:
            return memoryview(bytearray(record.memory()))
        if record.file not in self._maps:
            with SourceFile(record.file, record.stamp) as file:
                self._maps[record.file] = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        return memoryview(self._maps[record.file])[record.offset : record.offset + record.size]


def verify_checksums(records: Iterable[Record], threads: int = 2) -> None:
    """Read every record that has a checksum, and refuse by name the first that does not match it."""
    from concurrent.futures import ThreadPoolExecutor

    promising = sorted((record for record in records if record.crc32 is not None), key=lambda record: -record.size)
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(_exhaust, promising):
            pass


def _exhaust(record: Record) -> None:
    for _ in record_chunks(record):
        pass
