"""Rows 10, 11 and 13: what is no checkpoint, what looks like none, and tensors that are not plain."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import socket
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.hostile import forge
from tests.hostile.tiny import FAMILY

# Row 10.


def tar(*names: str) -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as archive:
        for name in names:
            archive.addfile(tarfile.TarInfo(name), io.BytesIO(b""))
    return held.getvalue()


def zip_of(*names: str) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for name in names:
            archive.writestr(name, b"x")
    return held.getvalue()


def script() -> bytes:
    held = io.BytesIO()
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), held)
    return held.getvalue()


def saved(value: object, **options: object) -> bytes:
    held = io.BytesIO()
    torch.save(value, held, **options)  # type: ignore[arg-type]
    return held.getvalue()


STRANGERS = {
    "TorchScript": (script, "TorchScript.*torch.jit.load"),
    "legacy tar": (lambda: tar("sys_info", "pickle", "storages", "tensors"), "tar archive"),
    "Git LFS pointer": (
        lambda: b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 1335\n",
        "Git LFS pointer.*git lfs pull",
    ),
    "HTML error page": (lambda: b"<!DOCTYPE html><html><body>404", "HTML page.*download it again"),
    "HTML in capitals": (lambda: b"\n<HTML><HEAD>", "HTML page"),
    "XML error": (lambda: b'<?xml version="1.0"?><Error><Code>AccessDenied', "XML document"),
    "JSON": (lambda: b'{"error": "gated"}', "JSON, not a checkpoint"),
    "empty file": (lambda: b"", "is empty"),
    "ONNX": (lambda: b"\x08\x07\x12\x07pytorch\x1a\x052.0.0", "ONNX file and holds no graph"),
    "whole module": (lambda: saved(torch.nn.Linear(2, 2)), "whole pickled object of the class torch.nn.modules.linear.Linear"),
    "whole module under model": (lambda: saved({"model": torch.nn.Linear(2, 2), "epoch": 3}), "whole pickled object"),
    "whole module, legacy": (lambda: saved(torch.nn.Linear(2, 2), _use_new_zipfile_serialization=False), "whole pickled object"),
    "plain pickle": (lambda: pickle.dumps({"model": {"a": np.zeros(3)}}), "Python pickle but not one that torch.save wrote"),
    "gzip": (lambda: gzip.compress(b"abc"), "gzip; unpack it"),
    "npz": (lambda: zip_of("a.npy", "b.npy"), "NumPy archive"),
    "npy": (lambda: b"\x93NUMPY\x01\x00", "NumPy array"),
    "zip with a checkpoint": (lambda: zip_of("weights/model.pth"), "unpack it"),
    "zip of something else": (lambda: zip_of("word/document.xml"), "no data.pkl"),
    "Keras": (lambda: b"\x89HDF\r\n\x1a\n" + bytes(100), "HDF5"),
    "GGUF": (lambda: b"GGUF\x03\x00\x00\x00" + bytes(100), "GGUF"),
    "TensorFlow Lite": (lambda: b"\x1c\x00\x00\x00TFL3" + bytes(100), "TensorFlow Lite"),
    "a picture": (lambda: b"\x89PNG\r\n\x1a\n" + bytes(100), "neither a checkpoint"),
    "noise": (lambda: bytes(range(7, 250)), "neither a checkpoint"),
    "one byte": (lambda: b"x", "neither a checkpoint"),
}


@pytest.mark.parametrize("what", STRANGERS)
def test_a_stranger_is_refused_with_what_it_is_and_what_to_do(hostile, what) -> None:
    import re

    make, words = STRANGERS[what]
    assert re.search(words, hostile.refused(make()))


def test_folders_without_weights_are_refused(hostile) -> None:
    folder = hostile.folder / "folder"
    folder.mkdir()
    assert "holds no checkpoint" in hostile.refused(source=folder)
    (folder / "README.md").write_text("nothing")
    (folder / "config.json").write_text("{}")
    assert "holds no checkpoint" in hostile.refused(source=folder)


def test_special_files_are_refused_without_waiting(hostile) -> None:
    pipe = hostile.folder / "pipe"
    os.mkfifo(pipe)
    before = set(os.listdir(hostile.folder))  # noqa: PTH208
    for source in (pipe, Path("/dev/zero"), Path("/dev/null")):
        outcome = hostile.convert(source)
        assert outcome.status == 1
        assert "not a regular file" in outcome.err
    assert set(os.listdir(hostile.folder)) == before  # noqa: PTH208


@pytest.mark.parametrize("what", ["a device", "a pipe", "a socket", "a folder", "nothing", "itself"])
def test_a_link_to_a_special_file_is_refused_without_waiting(hostile, monkeypatch, what) -> None:
    there = hostile.folder / "there"
    if what == "a pipe":
        os.mkfifo(there)
    elif what == "a folder":
        there.mkdir()
    elif what == "a socket":
        monkeypatch.chdir(hostile.folder)  # the path of a socket may have a hundred letters
        with socket.socket(socket.AF_UNIX) as opened:
            opened.bind("there")
    link = hostile.folder / "model.safetensors"
    link.symlink_to({"a device": "/dev/zero", "itself": "model.safetensors"}.get(what, "there"))
    for source in (link, hostile.folder):
        outcome = hostile.convert(source)
        assert outcome.status == 1
        assert outcome.err.count("\n") == 1


def test_a_folder_that_is_named_like_a_file_is_a_folder(hostile) -> None:
    for name in ("source.pth", "model.safetensors", "model.safetensors.index.json"):
        folder = hostile.folder / "outer" / name
        folder.mkdir(parents=True)
        assert "holds no checkpoint" in hostile.refused(source=folder)
    assert "holds no checkpoint" in hostile.refused(source=hostile.folder / "outer")


def test_a_folder_with_thousands_of_files_is_looked_through_quickly(hostile) -> None:
    folder = hostile.folder / "folder"
    folder.mkdir()
    for number in range(3000):
        (folder / f"{number}.pth").write_bytes(b"PK\x03\x04")
    outcome = hostile.convert(folder)
    assert outcome.status == 1
    assert "holds 3000 checkpoints" in outcome.err


HUGE = {
    "zeros": b"",
    "a safetensors header": forge.safetensors(b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'),
    "a safetensors header as large as the file": b"\0\0\0\0\0\x09\0\0{",
    "the beginning of a zip": b"PK\x03\x04",
    "the beginning of a legacy file": forge.MAGIC,
    "the beginning of a pickle": b"\x80\x02",
}


@pytest.mark.parametrize("beginning", HUGE)
def test_a_file_of_ten_terabytes_is_refused_at_once(hostile, beginning) -> None:
    """All of it a hole, which takes no room on the disk and gives zeros for as long as anyone reads."""
    with open(hostile.source, "wb") as file:
        file.write(HUGE[beginning])
        try:
            file.truncate(10 << 40)
        except OSError:
            file.truncate(100 << 30)  # on file systems for smaller files
    outcome = hostile.convert()
    assert outcome.status == 1
    assert outcome.err.count("\n") == 1


def test_a_missing_source_is_refused(hostile) -> None:
    assert "No such file" in hostile.refused(source=hostile.folder / "nothing.pth")
    assert hostile.refused(source=hostile.folder / ("x" * 300))


# Row 11.


@pytest.mark.parametrize("name", ["a.bin", "a.ckpt", "a.pt", "a", "a.safetensors", "a.zip", "a.index.jsonx", ".hidden"])
def test_a_checkpoint_is_known_by_its_content_whatever_its_name(hostile, name) -> None:
    hostile.source = hostile.folder / name
    hostile.converted(hostile.file())


# Row 13.

SPECIAL = {
    "meta": (lambda: torch.zeros(1, 1, 64, device="meta"), "meta device (without values), which a safetensors file cannot hold"),
    "sparse": (lambda: torch.zeros(1, 1, 64).to_sparse(), "sparse"),
    "compressed sparse": (lambda: torch.eye(4).to_sparse_csr(), "sparse"),
    "quantised": (lambda: torch.quantize_per_tensor(torch.zeros(1, 1, 64), 0.1, 0, torch.qint8), "quantised"),
    "conjugated": (lambda: torch.zeros(1, 1, 64, dtype=torch.complex64).conj(), "conjugated"),
    "negated": (lambda: torch.zeros(1, 1, 64, dtype=torch.complex64).conj().imag, "conjugated or negated"),
    "double complex": (lambda: torch.zeros(1, 1, 64, dtype=torch.complex128), "ComplexDouble"),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", SPECIAL)
@pytest.mark.parametrize("new_format", [True, False], ids=["zip", "legacy"])
def test_a_tensor_that_is_not_plain_is_refused_by_its_name_where_it_is_needed(hostile, kind, new_format) -> None:
    make, words = SPECIAL[kind]
    state = {name: torch.from_numpy(array) for name, array in hostile.arrays.items()}
    beside = {"model": state, "extra": make()}
    needed = state | {"pretrained.cls_token": make()}
    message = hostile.refused(saved(needed, _use_new_zipfile_serialization=new_format))
    assert "pretrained.cls_token" in message
    assert words in message
    hostile.converted(saved(beside, _use_new_zipfile_serialization=new_format))


def test_a_complex_weight_is_refused(hostile) -> None:
    hostile.arrays["pretrained.cls_token"] = hostile.arrays["pretrained.cls_token"].astype(np.complex64)
    state = hostile.state() | {
        "pretrained.cls_token": forge.tensor(forge.storage("0", 64, forge.glob("torch", "ComplexFloatStorage")), [1, 1, 64])
    }
    assert "pretrained.cls_token" in hostile.refused(forge.torch_zip(forge.mapping(state), hostile.records))


def test_weights_in_whole_numbers_are_refused(hostile) -> None:
    hostile.arrays["pretrained.cls_token"] = hostile.arrays["pretrained.cls_token"].astype(np.int32)
    state = hostile.state() | {"pretrained.cls_token": forge.tensor(forge.storage("0", 64, forge.glob("torch", "IntStorage")), [1, 1, 64])}
    said = hostile.refused(forge.torch_zip(forge.mapping(state), hostile.records))
    assert "pretrained.cls_token holds I32, but weights must be floating-point numbers" in said


def test_nans_in_weights_convert_with_a_warning_that_counts_and_names_them(hostile) -> None:
    hostile.arrays["pretrained.norm.weight"][3:5] = np.nan
    hostile.arrays["pretrained.norm.bias"][7] = -np.inf
    hostile.source.write_bytes(hostile.file())
    outcome = hostile.convert()
    said = outcome.out + outcome.err
    assert outcome.status == 0
    assert "3 elements are NaN or infinite: 2 in pretrained.norm.weight, 1 in pretrained.norm.bias" in said


def test_nans_in_weights_are_refused_on_request(hostile) -> None:
    hostile.arrays["pretrained.norm.weight"][3:5] = np.nan
    assert "pretrained.norm.weight" in hostile.refused(hostile.file(), "--strict-finite")


def test_every_other_command_goes_through_the_same_reader(hostile) -> None:
    hostile.source.write_bytes(forge.torch_zip(forge.call(forge.glob("posix", "system"), hostile.payload)))
    for arguments in (["inspect"], ["inspect", "--json"], ["convert", "--dry-run"]):
        outcome = hostile.command_line.run(arguments[0], hostile.source, *arguments[1:], *FAMILY)
        assert outcome.status == 1
        assert outcome.err.count("\n") == 1
    assert not hostile.canary.exists()
