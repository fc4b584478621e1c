"""A coverage-guided run over the reader: everything from bytes to a `Checkpoint`, and every tensor's bytes.

    python -m venv /tmp/fuzz && /tmp/fuzz/bin/pip install atheris numpy
    PYTHONPATH=. /tmp/fuzz/bin/python fuzz/atheris_reader.py fuzz/corpus -max_total_time=600 -max_len=4096

Whatever is not a `Refusal` is a finding, and so are a message that does not print, two seconds for one input, or 500 MB. Put the file
that atheris leaves behind into `tests/hostile/regressions/`, where the tests judge it from then on.
"""

from __future__ import annotations

import os
import struct
import sys
import zlib
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["muggle_convert"]):
    from muggle_convert.checkpoints import open_checkpoint, read_tensor
    from muggle_convert.errors import Refusal

FOLDER = Path(os.environ.get("FUZZ_FOLDER", "/dev/shm" if Path("/dev/shm").is_dir() else "/tmp")) / f"fuzz.{os.getpid()}"
SOURCE = FOLDER / "source"
SMALL = 1 << 20


def as_torch_zip(pickle: bytes, storage: bytes) -> bytes:
    """A right archive around a pickle, as no fuzzer finds a checksum by trying."""
    body = directory = b""
    for name, data in ((b"a/data.pkl", pickle), (b"a/data/0", storage)):
        fields = struct.pack("<4H3L2H", 0, 0, 0, 0, zlib.crc32(data), len(data), len(data), len(name), 0)
        directory += b"PK\x01\x02\x14\x00\x14\x00" + fields + struct.pack("<3H2L", 0, 0, 0, 0, len(body)) + name
        body += b"PK\x03\x04\x14\x00" + fields + name + data
    return body + directory + b"PK\x05\x06" + struct.pack("<4H2LH", 0, 0, 2, 2, len(directory), len(body), 0)


def test_one_input(data: bytes) -> None:
    """The first byte says what the others are: a whole file, or the pickle of one."""
    whole = not data or data[0] % 2
    SOURCE.write_bytes(data[1:] if whole else as_torch_zip(data[1:], bytes(64)))
    try:
        checkpoint = open_checkpoint(SOURCE)
        for entry in checkpoint.tensors.values():
            if entry.size <= SMALL:
                assert len(read_tensor(entry)) == entry.size
        said = " ".join((*checkpoint.unwrapped, *checkpoint.ignored, *checkpoint.warnings))
    except Refusal as refusal:
        said = str(refusal)
    assert said.isprintable(), said


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    atheris.Setup([*sys.argv, "-timeout=2", "-rss_limit_mb=500"], test_one_input)
    atheris.Fuzz()
