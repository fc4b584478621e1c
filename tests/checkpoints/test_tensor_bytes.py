"""The bytes of tensors: streamed, at once, or mapped; always checked."""

from __future__ import annotations

import os
import zipfile
import zlib
from dataclasses import replace
from pathlib import Path

import pytest
import safetensors.torch
import torch

from muggle_convert.checkpoints import Checkpoint, Record
from muggle_convert.checkpoints.opening import open_checkpoint
from muggle_convert.checkpoints.tensor_bytes import MappedFiles, read_tensor, record_chunks, tensor_chunks, verify_checksums
from muggle_convert.errors import Refusal


@pytest.fixture
def opened(tmp_path: Path) -> Checkpoint:
    torch.manual_seed(0)
    torch.save({"a": torch.randn(1000), "b": torch.randn(50, 40)}, tmp_path / "model.pth")
    return open_checkpoint(tmp_path / "model.pth")


def record_of(checkpoint: Checkpoint, name: str) -> Record:
    return checkpoint.tensors[name].record


def damage(checkpoint: Checkpoint, name: str) -> Record:
    """Flip a bit in a record, and leave the times of the file as they were."""
    record = record_of(checkpoint, name)
    before = record.file.stat()
    with open(record.file, "r+b") as file:
        file.seek(record.offset + record.stored_size // 2)
        byte = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 4]))
    os.utime(record.file, ns=(before.st_atime_ns, before.st_mtime_ns))
    return record


def test_chunks_are_the_record_in_order_in_a_buffer_that_is_used_again(opened) -> None:
    record = record_of(opened, "a")
    pieces = []
    buffers = set()
    for chunk in record_chunks(record, 512):
        buffers.add(id(chunk.obj))
        pieces.append(bytes(chunk))
    assert len(pieces) == 8
    assert len(buffers) == 1
    assert b"".join(pieces) == record.file.read_bytes()[record.offset : record.offset + record.size]


def test_a_wrong_checksum_names_the_record(opened) -> None:
    record = damage(opened, "b")
    for read in (lambda: list(record_chunks(record)), lambda: read_tensor(opened.tensors["b"]), lambda: verify_checksums(opened.records)):
        with pytest.raises(Refusal, match=f"model.pth: record {record.name} is damaged"):
            read()
    assert read_tensor(opened.tensors["a"])


def test_a_file_that_changed_after_it_was_opened_is_refused(opened) -> None:
    os.utime(opened.path, ns=(1, 1))
    with pytest.raises(Refusal, match=r"model\.pth changed after it was first read"):
        next(record_chunks(record_of(opened, "a")))


def test_a_file_that_was_replaced_by_an_equal_one_is_refused(opened) -> None:
    copy = opened.path.with_name("copy")
    copy.write_bytes(opened.path.read_bytes())
    copy.replace(opened.path)
    with pytest.raises(Refusal, match="changed after it was first read"):
        read_tensor(opened.tensors["a"])


def test_a_file_that_changes_while_a_record_is_read_is_refused(opened) -> None:
    chunks = record_chunks(record_of(opened, "a"), 512)
    next(chunks)
    os.utime(opened.path, ns=(1, 1))
    with pytest.raises(Refusal, match="changed while it was read"):
        list(chunks)


def test_a_file_that_shrinks_while_a_record_is_read_is_refused(opened) -> None:
    record = record_of(opened, "a")
    chunks = record_chunks(record, 512)
    next(chunks)
    os.truncate(opened.path, record.offset + 1000)
    with pytest.raises(Refusal, match="cut off or has been changed"):
        list(chunks)


def test_a_file_that_was_removed_is_refused(opened) -> None:
    opened.path.unlink()
    with pytest.raises(Refusal, match=r"cannot open .*No such file"):
        read_tensor(opened.tensors["a"])


@pytest.mark.parametrize("size", [0, 1, 1000, 100_000])
@pytest.mark.parametrize("chunk_size", [64, 1 << 20])
def test_a_deflated_record_is_inflated_in_chunks(tmp_path, size, chunk_size) -> None:
    raw = (b"some text that repeats itself " * (size // 30 + 1))[:size]
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x", raw)
    (info,) = zipfile.ZipFile(tmp_path / "x.zip").infolist()
    record = Record(tmp_path / "x.zip", "x", 30 + 1, info.compress_size, size, zlib.crc32(raw), deflated=True)
    pieces = [bytes(chunk) for chunk in record_chunks(record, chunk_size)]
    assert b"".join(pieces) == raw
    assert all(len(piece) <= chunk_size for piece in pieces)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16])
def test_no_element_of_a_deflated_tensor_is_cut_by_the_end_of_a_chunk(tmp_path, dtype) -> None:
    tensor = torch.rand(200_001).to(dtype)  # more than is inflated at once
    torch.save({"x": tensor, "y": tensor[1:]}, tmp_path / "x.pth")
    with zipfile.ZipFile(tmp_path / "x.pth") as stored, zipfile.ZipFile(tmp_path / "deflated.pth", "w", zipfile.ZIP_DEFLATED) as deflated:
        for name in stored.namelist():
            deflated.writestr(name, stored.read(name))
    opened = open_checkpoint(tmp_path / "deflated.pth")
    for name, expected in (("x", tensor), ("y", tensor[1:])):
        pieces = [bytes(chunk) for chunk in tensor_chunks(opened.tensors[name], 1000)]
        assert b"".join(pieces) == expected.numpy().tobytes()
        assert all(len(piece) % dtype.itemsize == 0 for piece in pieces)


@pytest.mark.parametrize("promised", [0, 50, 99, 101, 1 << 40])
def test_a_deflated_record_that_is_longer_or_shorter_than_promised_is_refused(tmp_path, promised) -> None:
    deflater = zlib.compressobj(wbits=-15)
    raw = deflater.compress(bytes(100)) + deflater.flush()
    (tmp_path / "x").write_bytes(raw)
    with pytest.raises(Refusal, match="does not inflate to the"):
        list(record_chunks(Record(tmp_path / "x", "x", 0, len(raw), promised, None, deflated=True), 32))


def test_broken_deflated_data_is_refused(tmp_path) -> None:
    (tmp_path / "x").write_bytes(b"\xff" * 50)
    with pytest.raises(Refusal, match="cannot be inflated"):
        list(record_chunks(Record(tmp_path / "x", "x", 0, 50, 100, None, deflated=True)))


@pytest.mark.parametrize("chunk_size", [64, 1000, 1 << 20])
def test_the_chunks_of_a_transposed_tensor_are_its_rows(tmp_path, chunk_size) -> None:
    tensor = torch.arange(7 * 11 * 13, dtype=torch.int32).reshape(7, 11, 13).permute(2, 0, 1)
    torch.save({"x": tensor}, tmp_path / "x.pth")
    pieces = [bytes(chunk) for chunk in tensor_chunks(open_checkpoint(tmp_path / "x.pth").tensors["x"], chunk_size)]
    assert b"".join(pieces) == tensor.contiguous().numpy().tobytes()
    assert all(len(piece) <= chunk_size for piece in pieces)


def test_mapped_records_serve_torch_without_a_copy_and_protect_the_file(opened) -> None:
    before = opened.path.read_bytes()
    entry = opened.tensors["b"]
    mapped = MappedFiles()
    memory = mapped.record(entry.record)
    tensor = torch.frombuffer(memory, dtype=torch.float32, count=entry.count, offset=entry.offset).reshape(entry.shape)
    assert torch.equal(tensor, torch.load(opened.path)["b"])
    assert mapped.record(entry.record).obj is memory.obj
    tensor.zero_()
    assert opened.path.read_bytes() == before


def test_one_tensor_of_a_safetensors_file_is_read_without_the_others(tmp_path) -> None:
    tensors = {"a": torch.randn(100), "b": torch.randn(5)}
    safetensors.torch.save_file(tensors, tmp_path / "model.safetensors")
    checkpoint = open_checkpoint(tmp_path / "model.safetensors")
    assert sum(map(len, tensor_chunks(checkpoint.tensors["b"]))) == 20
    assert read_tensor(checkpoint.tensors["b"]) == tensors["b"].numpy().tobytes()


def test_a_read_error_half_way_is_a_refusal(tmp_path) -> None:
    """/proc/self/mem opens like a file and fails when its first page is read."""
    with pytest.raises(Refusal, match=r"not a regular file|Input/output error"):
        record = Record(Path("/proc/self/mem"), "x", 0, 10, 10)
        list(record_chunks(replace(record)))
