"""The comparison in docs/why-an-own-reader.md: what the installed torch makes of files that are refused here."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch

from muggle_convert.checkpoints.opening import open_checkpoint
from muggle_convert.checkpoints.tensor_bytes import verify_checksums
from muggle_convert.errors import Refusal
from tests.hostile.forge import Entry, archive, mapping, pickled, storage, tensor, zipped


def entries() -> list[Entry]:
    return archive(pickled(mapping({"x": tensor(storage("0", 4), [4])})), {"data/0": np.ones(4, np.float32).tobytes()})


def changed(place: int, **fields: object) -> bytes:
    made = entries()
    for name, value in fields.items():
        setattr(made[place], name, value)
    return zipped(made)


FILES = {
    "a local header unlike the central one": changed(1, local={"size": 99, "crc32": 5}),
    "a local name unlike the central one": changed(0, local={"name": "archive/data.pkm"}),
    "two pickles": zipped([*entries(), Entry("archive/data.pkl", pickled(mapping({})))]),
    "a twin in capitals": zipped([Entry("archive/DATA.PKL", pickled(mapping({}))), *entries()]),
    "bytes between": zipped(entries(), between=b"x" * 10),
    "bytes behind": zipped(entries(), after=b"x" * 10),
    "a wrong checksum of weights": changed(1, crc32=7),
    "a wrong checksum of the pickle": changed(0, crc32=7),
    "a second pickle": changed(0, data=entries()[0].data + pickled(mapping({}))),
}


@pytest.mark.parametrize("what", FILES)
def test_what_torch_loads_is_refused_here(tmp_path, what) -> None:
    assert torch.equal(torch.load(io.BytesIO(FILES[what]), weights_only=True)["x"], torch.ones(4))
    (tmp_path / "x.pth").write_bytes(FILES[what])
    with pytest.raises(Refusal):
        verify_checksums(open_checkpoint(tmp_path / "x.pth").records)
