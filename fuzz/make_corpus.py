"""Small files of every kind for the coverage-guided run to start from: python fuzz/make_corpus.py fuzz/corpus"""

from __future__ import annotations

import io
import json
import sys
import zipfile
from argparse import Namespace
from collections import OrderedDict
from pathlib import Path

import torch

PICKLE, WHOLE, HEADER = b"\x00", b"\x01", b"\x02"  # as atheris_reader.py tells them apart


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    weight = torch.arange(16.0)
    values = {
        "flat": {"a": weight, "b": weight.reshape(4, 4).T},
        "training": {
            "model": OrderedDict({"module.a": weight}),
            "args": Namespace(encoder="vits", size=(1, 2)),
            "epoch": 3,
            "rates": [0.1, None],
        },
        "parameter": torch.nn.Linear(2, 2).state_dict(),
        "module": torch.nn.Linear(2, 2),
        "small types": {
            "a": weight.to(torch.float8_e4m3fn),
            "b": weight.to(torch.uint16),
            "c": weight > 3,
            "d": weight.to(torch.complex64),
        },
    }
    for name, value in values.items():
        for protocol in (2, 4):
            held = io.BytesIO()
            torch.save(value, held, pickle_protocol=protocol)
            (folder / f"{name} {protocol} zip").write_bytes(WHOLE + held.getvalue())
            pickle = next(zipfile.ZipFile(held).read(entry) for entry in zipfile.ZipFile(held).namelist() if entry.endswith("data.pkl"))
            (folder / f"{name} {protocol} pickle").write_bytes(PICKLE + pickle)
            held = io.BytesIO()
            torch.save(value, held, pickle_protocol=protocol, _use_new_zipfile_serialization=False)
            (folder / f"{name} {protocol} legacy").write_bytes(WHOLE + held.getvalue())
    header = json.dumps({"__metadata__": {"format": "pt"}, "a": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}}).encode()
    (folder / "safetensors").write_bytes(WHOLE + len(header).to_bytes(8, "little") + header + bytes(16))
    (folder / "header").write_bytes(HEADER + header)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
