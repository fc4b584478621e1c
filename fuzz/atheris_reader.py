"""A coverage-guided run over the reader: everything from bytes to a `Checkpoint`, and every tensor's bytes.

    .venv/bin/python fuzz/make_corpus.py fuzz/corpus
    python3 -m venv .venv-fuzz && .venv-fuzz/bin/pip install atheris==3.0.0 numpy
    PYTHONPATH=. .venv-fuzz/bin/python fuzz/atheris_reader.py fuzz/corpus -max_total_time=900 -max_len=4096

Whatever is not a `Refusal` is a finding, and so are a message that does not print, two seconds for one input, a hang, or 500 MB. The run then
ends and leaves the file behind that it was reading, under the name it says: put that into `tests/hostile/regressions/`, where the tests
judge it from then on.
"""

from __future__ import annotations

import os
import struct
import sys
import tempfile
import time
import zlib
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["muggle_convert"]):
    from muggle_convert.checkpoints.opening import open_checkpoint
    from muggle_convert.checkpoints.tensor_bytes import read_tensor
    from muggle_convert.errors import Refusal

FOLDER = Path("/dev/shm" if Path("/dev/shm").is_dir() else tempfile.gettempdir()) / f"muggle-convert-fuzz.{os.getpid()}"
SOURCE = FOLDER / "source"
SMALL = 1 << 20
MOST_SECONDS = 2  # of the processor's time, as the clock also counts what other programs do


def as_torch_zip(pickle: bytes, storage: bytes) -> bytes:
    """A right archive around a pickle, as no fuzzer finds a checksum by trying."""
    body = directory = b""
    for name, data in ((b"a/data.pkl", pickle), (b"a/data/0", storage)):
        fields = struct.pack("<4H3L2H", 0, 0, 0, 0, zlib.crc32(data), len(data), len(data), len(name), 0)
        directory += b"PK\x01\x02\x14\x00\x14\x00" + fields + struct.pack("<3H2L", 0, 0, 0, 0, len(body)) + name
        body += b"PK\x03\x04\x14\x00" + fields + name + data
    return body + directory + b"PK\x05\x06" + struct.pack("<4H2LH", 0, 0, 2, 2, len(directory), len(body), 0)


def as_safetensors(header: bytes) -> bytes:
    return struct.pack("<Q", len(header)) + header + bytes(16)


WRAPPERS = (lambda pickle: as_torch_zip(pickle, bytes(64)), lambda whole: whole, as_safetensors)


def test_one_input(data: bytes) -> None:
    """The first byte says what the others are: the pickle of a file, a whole file, or the header of one."""
    start = time.process_time()
    SOURCE.write_bytes(WRAPPERS[data[0] % len(WRAPPERS)](data[1:]) if data else b"")
    try:
        checkpoint = open_checkpoint(SOURCE)
        for entry in checkpoint.tensors.values():
            if entry.size <= SMALL:
                assert len(read_tensor(entry)) == entry.size
        said = " ".join((*checkpoint.unwrapped, *checkpoint.ignored, *checkpoint.warnings))
    except Refusal as refusal:
        said = str(refusal)
    assert said.isprintable(), said
    assert time.process_time() - start < MOST_SECONDS


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    print(f"What is read at any time is {SOURCE}")
    atheris.Setup([*sys.argv, "-timeout=60", "-rss_limit_mb=500"], test_one_input)
    atheris.Fuzz()
