"""The single pass over the source: every byte is read once, checked, and written where the plan wants it."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock

from muggle_convert.checkpoints import DType, TensorEntry, printable
from muggle_convert.checkpoints.fingerprint import promised_checksum
from muggle_convert.checkpoints.tensor_bytes import record_chunks, tensor_chunks
from muggle_convert.files.atomic import Target
from muggle_convert.files.casting import Cast
from muggle_convert.files.finite import count_not_finite
from muggle_convert.plan import Output, Plan
from muggle_convert.rules.operations import Run

_PUTTING_IN_ORDER = Lock()  # which holds all of a record in memory
THREADS = 2  # one record is read and checked while another is written; neither holds the interpreter's lock


@dataclass
class Seen:
    """What copying revealed about the source."""

    checksums: dict[str, int] = field(default_factory=dict)  # of each tensor, by name
    not_finite: dict[str, int] = field(default_factory=dict)  # how many elements, by name
    vanished: dict[str, int] = field(default_factory=dict)  # how many elements became zero in another type, by name
    largest_cast_error: float = 0.0  # relative, over all elements that changed type

    def add(self, stream: _Stream) -> None:
        self.checksums[stream.entry.name] = stream.checksum
        if stream.not_finite:
            self.not_finite[stream.entry.name] = stream.not_finite
        if stream.cast is not None:
            self.largest_cast_error = max(self.largest_cast_error, stream.cast.largest_error)
            if stream.cast.vanished:
                self.vanished[stream.entry.name] = stream.cast.vanished


@dataclass(frozen=True)
class _Piece:
    """A run of elements of a source tensor, and its place in the target."""

    run: Run
    position: int
    output: Output


def copy(plan: Plan, position: int, target: Target, cast_to: DType | None = None, from_its_beginning: bool = False) -> Seen:
    """Fill the target from a position on, and learn about the source on the way.

    The source is read in its own order, which suits disks best, or in the order of the target if something follows that from its beginning.
    """
    pieces: dict[str, list[_Piece]] = {}
    for output in plan.outputs:
        for entry, run in output.made.runs:
            length = run.count * output.dtype.size
            if entry is None:
                target.write(position, bytes(length))
            else:
                pieces.setdefault(entry.name, []).append(_Piece(run, position, output))
            position += length
    together = _read_together(plan)
    if from_its_beginning:
        together.sort(key=lambda entries: min((piece.position for entry in entries for piece in pieces.get(entry.name, [])), default=0))
    seen = Seen()
    with ThreadPoolExecutor(THREADS) as pool:
        running = [pool.submit(_copy_entries, entries, pieces, target, cast_to) for entries in together]
        try:
            for streams in running:
                for stream in streams.result():
                    seen.add(stream)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return seen


def _read_together(plan: Plan) -> list[list[TensorEntry]]:
    """Tensors grouped by the bytes that must be read for them: a whole record if a checksum covers it, else each tensor alone."""
    together: dict[object, list[TensorEntry]] = {}
    for entry in plan.match.checkpoint.tensors.values():
        key = (entry.record, "") if entry.record.crc32 is not None or entry.record.deflated else (entry.record, entry.name)
        together.setdefault(key, []).append(entry)
    return sorted(together.values(), key=lambda entries: (str(entries[0].record.file), entries[0].record.offset, entries[0].offset))


def _copy_entries(entries: list[TensorEntry], pieces: Mapping[str, list[_Piece]], target: Target, cast_to: DType | None) -> list[_Stream]:
    """Read some tensors, in one go if they are stored in order in one record, and write them."""
    record = entries[0].record
    streams = [_Stream(entry, pieces.get(entry.name, []), target, cast_to) for entry in entries]
    if (record.crc32 is None and not record.deflated) or record.byteorder != "little":
        straight: list[_Stream] = []
    else:
        straight = [stream for stream in streams if stream.entry.stride is None]
        position = 0
        for chunk in record_chunks(record):  # to its end even if nothing of it is needed, as only then its checksum is verified
            for stream in straight:
                begin = stream.entry.offset - position
                stream.feed(chunk[max(begin, 0) : max(begin + stream.entry.size, 0)])
            position += len(chunk)
    if len(straight) < len(streams):
        with _PUTTING_IN_ORDER:
            for stream in streams:
                if stream not in straight:
                    for elements in tensor_chunks(stream.entry):
                        stream.feed(elements)
    return streams


class _Stream:
    """Distributes one tensor's elements, from first to last, to all places that need some of them."""

    def __init__(self, entry: TensorEntry, pieces: list[_Piece], target: Target, cast_to: DType | None) -> None:
        self.entry = entry
        self.not_finite = 0
        self.checksum = promised_checksum(entry) or 0
        self._is_promised = promised_checksum(entry) is not None
        self._pieces = pieces
        self._target = target
        self.cast = Cast(cast_to) if cast_to is not None else None
        self._done = 0

    def feed(self, part: bytes | memoryview) -> None:
        size = self.entry.dtype.size
        if not part:
            return
        if not self._is_promised:
            self.checksum = zlib.crc32(part, self.checksum)
        self.not_finite += count_not_finite(self.entry.dtype, part)
        view = memoryview(part)
        for piece in self._pieces:
            begin = piece.run.start * size
            taken = view[max(begin - self._done, 0) : max(begin + piece.run.count * size - self._done, 0)]
            if taken:
                place = piece.position + (max(self._done, begin) - begin) // size * piece.output.dtype.size
                self._target.write(place, self._converted(piece.output, taken))
        self._done += len(part)

    def _converted(self, output: Output, elements: memoryview) -> bytes | memoryview:
        if self.cast is None or output.dtype is self.entry.dtype:
            return elements
        return self.cast(printable(self.entry.name), self.entry.dtype, elements)
