"""Safetensors files hold for this reader what they hold for the safetensors library."""

from __future__ import annotations

import pytest
import safetensors.torch
import torch

from muggle_convert.checkpoints.element_types import DType
from muggle_convert.checkpoints.opening import open_checkpoint
from muggle_convert.errors import Refusal


def test_every_tensor_is_what_was_saved(tmp_path, state_dict, holds) -> None:
    path = tmp_path / "model.safetensors"
    safetensors.torch.save_file(state_dict, path, metadata={"format": "pt", "licence": "MIT"})
    checkpoint = holds(path, safetensors.torch.load_file(path))
    assert checkpoint.container == "safetensors"
    assert checkpoint.metadata == {"format": "pt", "licence": "MIT"}


def test_a_file_whose_header_length_looks_like_gzip_is_still_safetensors(tmp_path, state_dict, holds) -> None:
    path = tmp_path / "model.safetensors"
    safetensors.torch.save_file(state_dict, path)
    raw = path.read_bytes()
    length = int.from_bytes(raw[:8], "little")
    padded = 0x8B1F
    path.write_bytes(padded.to_bytes(8, "little") + raw[8 : 8 + length] + b" " * (padded - length) + raw[8 + length :])
    assert path.read_bytes().startswith(b"\x1f\x8b")
    holds(path, safetensors.torch.load_file(path))


def test_every_element_type_of_the_format_has_its_code_and_size() -> None:
    for dtype in DType:
        code = {"F8_E4M3": "float8_e4m3fn", "F8_E8M0": "float8_e8m0fnu"}.get(dtype.code)
        if code is None:
            continue
        assert getattr(torch, code).itemsize == dtype.size


def test_an_element_type_of_less_than_a_byte_is_refused_by_its_name(tmp_path) -> None:
    header = b'{"x":{"dtype":"F4","shape":[2],"data_offsets":[0,1]}}'
    (tmp_path / "x").write_bytes(len(header).to_bytes(8, "little") + header + b"\0")
    with pytest.raises(Refusal, match="element type F4, which is not supported"):
        open_checkpoint(tmp_path / "x")
