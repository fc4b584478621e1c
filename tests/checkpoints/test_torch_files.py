"""Files of torch.save, new and old, hold for this reader what they hold for torch."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections import OrderedDict
from pathlib import Path

import pytest
import torch

from muggle_convert.checkpoints.opening import open_checkpoint
from muggle_convert.checkpoints.tensor_bytes import read_tensor, verify_checksums
from muggle_convert.errors import Refusal
from tests.hostile import forge

DTYPES = [
    torch.float64,
    torch.float32,
    torch.float16,
    torch.bfloat16,
    torch.float8_e4m3fn,
    torch.float8_e5m2,
    torch.float8_e4m3fnuz,
    torch.float8_e5m2fnuz,
    torch.float8_e8m0fnu,
    torch.complex64,
    torch.int64,
    torch.int32,
    torch.int16,
    torch.int8,
    torch.uint64,
    torch.uint32,
    torch.uint16,
    torch.uint8,
    torch.bool,
]
CODES = ["F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2", "F8_E4M3FNUZ", "F8_E5M2FNUZ", "F8_E8M0", "C64"]
CODES += ["I64", "I32", "I16", "I8", "U64", "U32", "U16", "U8", "BOOL"]


@pytest.fixture(params=[True, False], ids=["zip", "legacy"])
def new_format(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def save(value: object, path: Path, new_format: bool, protocol: int = 2) -> Path:
    torch.save(value, path, pickle_protocol=protocol, _use_new_zipfile_serialization=new_format)
    return path


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_every_tensor_is_what_torch_load_gives(tmp_path, state_dict, holds, new_format, protocol) -> None:
    path = save(state_dict, tmp_path / "model.pth", new_format, protocol)
    checkpoint = holds(path, torch.load(path, weights_only=False))
    assert checkpoint.container == ("torch zip" if new_format else "legacy torch pickle")
    assert checkpoint.files == (path,)


@pytest.mark.parametrize(("dtype", "code"), list(zip(DTYPES, CODES, strict=True)), ids=CODES)
def test_every_element_type_of_safetensors_is_read(tmp_path, holds, new_format, dtype, code) -> None:
    # As random bytes, since not every type can be computed with. A bool must be 0 or 1.
    raw = torch.randint(0, 2 if dtype is torch.bool else 256, (48,), dtype=torch.uint8)
    tensors = {"x": raw.view(dtype).reshape(2, -1)}
    assert holds(save(tensors, tmp_path / "x.pt", new_format), tensors).tensors["x"].dtype.code == code


def test_protocols_0_and_1_are_refused_with_the_way_out(tmp_path, state_dict) -> None:
    with pytest.raises(Refusal, match=r"not of protocol 2 to 5.*save it again"):
        open_checkpoint(save(state_dict, tmp_path / "old.pth", True, protocol=1))


def test_a_tensor_in_another_order_is_read_in_its_own(tmp_path, holds, new_format) -> None:
    base = torch.randn(6, 5, 4)
    views = {
        "transposed": base.permute(2, 0, 1),
        "slice": base[1:4, 2],
        "every second": base[::2, ::2, 1::2],
        "expanded": torch.randn(3, 1).expand(3, 7),
        "one": base[2:3, 1:2, ::3],
        "scalar": base[1, 2, 3],
    }
    checkpoint = holds(save(views, tmp_path / "views.pth", new_format), views)
    assert checkpoint.tensors["transposed"].stride == (1, 20, 4)
    assert checkpoint.tensors["slice"].stride == (20, 1)
    assert checkpoint.tensors["scalar"].stride is None


def test_tied_tensors_share_their_bytes_and_views_of_one_storage_do_not(tmp_path, holds, new_format) -> None:
    base = torch.randn(4, 4)
    tied = {"a": base, "b": base, "half": base[:2], "copy": base.clone()}
    entries = holds(save(tied, tmp_path / "tied.pth", new_format), tied).tensors
    assert entries["a"].place == entries["b"].place
    assert entries["half"].record == entries["a"].record
    assert entries["half"].place != entries["a"].place
    assert entries["copy"].place != entries["a"].place


def test_tensors_without_elements_are_read(tmp_path, holds, new_format) -> None:
    empty = {"none": torch.zeros(0), "flat": torch.zeros(3, 0, 2), "some": torch.ones(1)}
    holds(save(empty, tmp_path / "empty.pth", new_format), empty)


def test_parameters_and_tensors_with_attributes_are_tensors(tmp_path, holds, new_format) -> None:
    attributed = torch.nn.Parameter(torch.randn(3))
    attributed.origin = "somewhere"  # type: ignore[attr-defined]
    plain = torch.randn(2)
    plain.note = 3  # type: ignore[attr-defined]
    tensors = {"parameter": torch.nn.Parameter(torch.randn(2, 2)), "attributed": attributed, "plain": plain}
    holds(save(tensors, tmp_path / "parameters.pth", new_format), tensors)


def test_the_state_dict_of_a_module_with_its_metadata_is_read(tmp_path, holds, new_format) -> None:
    state = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2)).state_dict()
    assert isinstance(state, OrderedDict)
    assert state._metadata  # type: ignore[attr-defined]
    assert holds(save(state, tmp_path / "module.pth", new_format), state).ignored == ()


def test_every_record_promises_a_checksum_in_a_zip_and_none_in_a_legacy_file(tmp_path, state_dict, new_format) -> None:
    checkpoint = open_checkpoint(save(state_dict, tmp_path / "model.pth", new_format))
    assert {record.crc32 is not None for record in checkpoint.records} == {new_format}
    verify_checksums(checkpoint.records)


def test_a_file_saved_without_checksums_is_read_with_a_warning(tmp_path, state_dict, holds) -> None:
    torch.serialization.set_crc32_options(False)
    try:
        path = save(state_dict, tmp_path / "unchecked.pth", True)
    finally:
        torch.serialization.set_crc32_options(True)
    checkpoint = holds(path, state_dict)
    assert "without checksums" in checkpoint.warnings[0]
    verify_checksums(checkpoint.records)


def test_a_deflated_archive_is_read_like_a_stored_one(tmp_path, state_dict, holds) -> None:
    state_dict["large"] = torch.randn(300, 1000).round()
    state_dict["transposed"] = torch.randn(30, 40).T
    path = save(state_dict, tmp_path / "stored.pth", True)
    with zipfile.ZipFile(path) as stored, zipfile.ZipFile(tmp_path / "deflated.pth", "w", zipfile.ZIP_DEFLATED) as deflated:
        for name in stored.namelist():
            deflated.writestr(name, stored.read(name))
    checkpoint = holds(tmp_path / "deflated.pth", state_dict)
    assert all(record.deflated for record in checkpoint.records)


def test_an_archive_packed_again_with_folders_is_read(tmp_path, state_dict, holds) -> None:
    path = save(state_dict, tmp_path / "stored.pth", True)
    with zipfile.ZipFile(path) as stored, zipfile.ZipFile(tmp_path / "again.pth", "w") as again:
        again.mkdir("model/")
        again.mkdir("model/data/")
        for name in stored.namelist():
            again.writestr("model/" + name.partition("/")[2], stored.read(name))
    holds(tmp_path / "again.pth", state_dict)


def test_an_archive_beyond_4_gib_is_read_as_torch_writes_it(tmp_path) -> None:
    """64-bit sizes and offsets; the large storage is a hole in the file, and its bytes are not looked at."""
    large = 4_500_000_000
    ones = torch.ones(3).numpy().tobytes()
    value = {"large": (torch.uint8, "0", large), "behind": (torch.float32, "1", 3)}
    pickle = forge.pickled(
        forge.mapping(
            {
                name: forge.tensor(
                    forge.storage(key, count, forge.glob("torch", "ByteStorage" if dtype is torch.uint8 else "FloatStorage")), [count]
                )
                for name, (dtype, key, count) in value.items()
            }
        )
    )
    path = tmp_path / "large.pth"
    directory = b""
    with open(path, "wb") as file:
        for name, data, size in ((b"a/data.pkl", pickle, len(pickle)), (b"a/data/0", None, large), (b"a/data/1", ones, len(ones))):
            start, crc32 = file.tell(), zlib.crc32(data or b"x")
            wide = [size, size] * (size >= 1 << 32) + [start] * (start >= 1 << 32)
            known = [size, 0] * (size >= 1 << 32) + [start] * (start >= 1 << 32)  # before the data its stored size is not known yet
            extra, local = (struct.pack(f"<2H{len(values)}Q", 1, 8 * len(values), *values) if values else b"" for values in (wide, known))
            file.write(struct.pack("<4s5H3L2H", b"PK\x03\x04", 0, 0x808, 0, 0, 0, 0, 0, 0, len(name), len(local)) + name + local)
            file.write(data or b"")
            file.seek(file.tell() + (0 if data else size))
            file.write(struct.pack("<4sL2Q" if wide else "<4s3L", b"PK\x07\x08", crc32, size, size))
            short, place = min(size, 0xFFFFFFFF), min(start, 0xFFFFFFFF)
            fields = (0, 0, 0x808, 0, 0, 0, crc32, short, short, len(name), len(extra), 0, 0, 0, 0, place)
            directory += struct.pack("<4s6H3L5H2L", b"PK\x01\x02", *fields) + name + extra
        start = file.tell()
        end = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 798, 45, 0, 0, 3, 3, len(directory), start)
        locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, start + len(directory), 1)
        file.write(directory + end + locator + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 3, 3, len(directory), 0xFFFFFFFF, 0))
    checkpoint = open_checkpoint(path)
    assert checkpoint.tensors["large"].size == large
    assert checkpoint.tensors["behind"].record.offset > large
    assert read_tensor(checkpoint.tensors["behind"]) == ones


def test_a_file_from_a_big_endian_machine_is_turned_round(tmp_path) -> None:
    tensors = {
        "wide": torch.randn(3, 4, dtype=torch.float64),
        "half": torch.randn(5).to(torch.bfloat16),
        "byte": torch.arange(4, dtype=torch.uint8),
        "complex": torch.randn(3, dtype=torch.complex64),
    }
    path = save(tensors, tmp_path / "little.pth", True)
    words = {"0": 8, "1": 2, "2": 1, "3": 4}
    with zipfile.ZipFile(path) as little, zipfile.ZipFile(tmp_path / "big.pth", "w") as big:
        for name in little.namelist():
            raw = little.read(name)
            if name.endswith("byteorder"):
                raw = b"big"
            if "/data/" in name:
                word = words[name.rpartition("/")[2]]
                raw = b"".join(raw[place : place + word][::-1] for place in range(0, len(raw), word))
            big.writestr(name, raw)
    checkpoint = open_checkpoint(tmp_path / "big.pth")
    for name, tensor in torch.load(path).items():
        assert read_tensor(checkpoint.tensors[name]) == tensor.reshape(-1).view(torch.uint8).numpy().tobytes()


def test_the_name_of_the_file_means_nothing(tmp_path, state_dict, holds, new_format) -> None:
    for name in ("model.bin", "model.safetensors", "model.zip", "model.png", "model"):
        holds(save(state_dict, tmp_path / name, new_format), state_dict)


def test_strings_of_python_2_are_names(tmp_path, state_dict, holds) -> None:
    path = save(state_dict, tmp_path / "new.pth", True)
    with zipfile.ZipFile(path) as new, zipfile.ZipFile(tmp_path / "old.pth", "w") as old:
        for name in new.namelist():
            raw = new.read(name)
            if name.endswith("data.pkl"):
                for text in state_dict:
                    encoded = text.encode()
                    raw = raw.replace(b"X" + len(encoded).to_bytes(4, "little") + encoded, b"U" + bytes([len(encoded)]) + encoded)
            old.writestr(name, raw)
    holds(tmp_path / "old.pth", state_dict)
