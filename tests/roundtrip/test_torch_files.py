"""Files that are written as torch.save would write them."""

from __future__ import annotations

import zipfile
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from torch import Tensor

from muggle_convert import Refusal
from muggle_convert.checkpoints import DType
from muggle_convert.checkpoints.opening import open_checkpoint
from muggle_convert.checkpoints.tensor_bytes import read_tensor
from muggle_convert.exporting.exported_tensor import ExportedTensor, computed, copied
from muggle_convert.exporting.file_formats import torch_file, write_files
from muggle_convert.identify.translation import Made
from muggle_convert.rules.operations import Run
from tests.same import assert_same

TYPES = {
    DType.F64: torch.float64, DType.F32: torch.float32, DType.F16: torch.float16, DType.BF16: torch.bfloat16, DType.C64: torch.complex64,
    DType.I64: torch.int64, DType.I32: torch.int32, DType.I16: torch.int16, DType.I8: torch.int8, DType.U8: torch.uint8, DType.BOOL: torch.bool,
}  # fmt: skip


def content(name: str, dtype: DType, *shape: int, seed: int = 0) -> tuple[ExportedTensor, Tensor]:
    drawn = torch.randn(shape, generator=torch.Generator().manual_seed(seed)) * 50
    tensor = (drawn > 0) if dtype is DType.BOOL else drawn.abs().to(TYPES[dtype]) if dtype is DType.U8 else drawn.to(TYPES[dtype])
    elements = bytes(tensor.reshape(-1).view(torch.uint8).tolist()) if tensor.numel() else b""
    return computed(name, dtype, shape, lambda: elements), tensor


def write(path: Path, *contents: ExportedTensor) -> Path:
    write_files({path: torch_file(contents)}, force=False, sync=False)
    return path


@pytest.mark.parametrize("dtype", TYPES, ids=lambda dtype: dtype.code)
@pytest.mark.parametrize("shape", [(), (7,), (2, 3, 5), (3, 0, 2)], ids=str)
def test_every_type_and_shape_is_what_torch_reads(dtype: DType, shape: tuple[int, ...], tmp_path: Path) -> None:
    written, tensor = content("some.name", dtype, *shape)
    loaded = torch.load(write(tmp_path / "one.pth", written), weights_only=True)
    assert_same(loaded, {"some.name": tensor})
    assert loaded["some.name"].stride() == tensor.stride()


def test_a_state_dict_keeps_its_order_and_is_an_ordered_dict(tmp_path: Path) -> None:
    names = ["z", "a.b.0.weight", "größe", "m" * 300]
    loaded = torch.load(write(tmp_path / "order.pth", *(content(name, DType.F32, 2)[0] for name in names)), weights_only=True)
    assert type(loaded) is OrderedDict and list(loaded) == names


def test_the_archive_is_sound_to_other_readers_of_zip(tmp_path: Path) -> None:
    path = write(tmp_path / "zip.pth", *(content(f"t{number}", DType.F32, 5, seed=number)[0] for number in range(300)))
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert archive.read("archive/version") == b"3\n" and archive.read("archive/byteorder") == b"little"


def test_every_tensor_is_aligned_so_that_it_can_be_mapped(tmp_path: Path) -> None:
    path = write(tmp_path / "mapped.pth", *(content(f"t{number}", DType.F16, 3, seed=number)[0] for number in range(5)))
    assert all(entry.record.offset % 64 == 0 for entry in open_checkpoint(path).tensors.values())
    assert_same(torch.load(path, weights_only=True, mmap=True), torch.load(path, weights_only=True))


def test_our_own_reader_takes_it_and_holds_it_to_its_checksums(tmp_path: Path) -> None:
    written, tensor = content("weight", DType.F32, 64)
    path = write(tmp_path / "own.pth", written)
    entry = open_checkpoint(path).tensors["weight"]
    assert read_tensor(entry) == bytes(tensor.view(torch.uint8).tolist())
    with open(path, "r+b") as file:
        file.seek(entry.record.offset + 3)
        file.write(b"!")
    with pytest.raises(Refusal, match="checksum"):
        read_tensor(open_checkpoint(path).tensors["weight"])


def test_the_same_tensors_make_the_same_file(tmp_path: Path) -> None:
    one, other = (write(tmp_path / f"{name}.pth", content("weight", DType.F32, 9)[0]) for name in ("one", "other"))
    assert one.read_bytes() == other.read_bytes()


def test_two_names_for_one_tensor_share_one_storage(tmp_path: Path) -> None:
    torch.save({"weight": torch.arange(1000.0)}, tmp_path / "source.pth")
    entry = open_checkpoint(tmp_path / "source.pth").tensors["weight"]
    made = Made("weight", entry.dtype, entry.shape, ((entry, Run(0, 0, entry.count)),))
    path = write(tmp_path / "tied.pth", copied(made), copied(made, "tied.weight"))
    loaded = torch.load(path, weights_only=True)
    assert loaded["weight"].data_ptr() == loaded["tied.weight"].data_ptr()
    assert path.stat().st_size < 6000


def test_tensors_that_are_both_zeros_share_nothing(tmp_path: Path) -> None:
    zeros = [copied(Made(name, DType.F32, (4,), ((None, Run(None, 0, 4)),))) for name in ("one", "other")]
    loaded = torch.load(write(tmp_path / "zeros.pth", *zeros), weights_only=True)
    assert loaded["one"].data_ptr() != loaded["other"].data_ptr() and not loaded["one"].any()


def test_an_element_type_without_a_torch_storage_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=r"weight is F8_E4M3.*write \.safetensors instead"):
        write(tmp_path / "eight.pth", computed("weight", DType.F8_E4M3, (2,), lambda: b"\0\0"))


@pytest.mark.full
def test_a_file_beyond_the_sizes_of_32_bits_is_read_by_torch_and_by_us(tmp_path: Path) -> None:
    count = (1 << 32) // 4 + 5
    large = copied(Made("large", DType.F32, (count,), ((None, Run(None, 0, count)),)))
    after, tensor = content("after", DType.F32, 9)
    path = write(tmp_path / "large.pth", large, after)
    assert torch.load(path, weights_only=True, mmap=True)["large"].shape == (count,)
    assert torch.equal(torch.load(path, weights_only=True, mmap=True)["after"], tensor)
    assert open_checkpoint(path).tensors["large"].shape == (count,)
    assert zipfile.ZipFile(path).testzip() is None
