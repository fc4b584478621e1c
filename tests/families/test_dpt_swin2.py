from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from model_defs.build import build
from model_defs.config import DPTConfig, Swin2Config
from muggle_convert import Refusal, convert
from muggle_convert.families import BY_NAME
from muggle_convert.families.dpt_swin2 import LAYOUTS
from muggle_convert.families.shared.evidence import Source
from tests.families.swin_files import MASK, TABLE, configuration, save
from tests.goldens import golden
from tests.originals import match_file, original_state

SWIN2 = Swin2Config(8, (2, 2, 2, 2), (1, 2, 2, 4), (16, 32, 64, 128), 8, (0, 0, 0, 0), 16, 4, (32, 32))


def swin2(window: int = 8, grid: int = 32, pretrained: tuple[int, ...] = (0, 0, 0, 0), **sizes: object) -> DPTConfig:
    return configuration("dpt_swin2", replace(SWIN2, window=window, grid=(grid, grid), pretrained_windows=pretrained, **sizes))  # type: ignore[arg-type]


def encoder_of(path: Path, **overrides: object) -> Swin2Config:
    encoder = match_file(path, **overrides).config.encoder
    assert isinstance(encoder, Swin2Config)
    return encoder


@pytest.mark.parametrize("pretrained", [(4, 4, 4, 2), (6, 6, 6, 3), (0, 0, 0, 0), (12, 12, 12, 6), (0, 5, 0, 7)])
def test_the_windows_of_pretraining_are_read_from_a_table(pretrained: tuple[int, ...], tmp_path: Path) -> None:
    matched = match_file(save(swin2(pretrained=pretrained), tmp_path / "model.pt", MASK, TABLE))
    assert matched.config == swin2(pretrained=pretrained)
    assert matched.evidence["encoder.pretrained_windows"].source is Source.BUFFER


@pytest.mark.parametrize(("window", "grid", "expected"), [(24, 96, (12, 12, 12, 6)), (16, 64, (0, 0, 0, 0)), (8, 32, (0, 0, 0, 0))])
def test_without_a_table_the_windows_of_pretraining_are_what_models_of_the_window_had(
    window: int, grid: int, expected: tuple[int, ...], tmp_path: Path
) -> None:
    file = save(swin2(window, grid), tmp_path / "model.pt", MASK)
    assert encoder_of(file).pretrained_windows == expected
    assert match_file(file).evidence["encoder.pretrained_windows"].source is Source.CONVENTION


def test_the_windows_of_pretraining_can_be_told(tmp_path: Path) -> None:
    file = save(swin2(), tmp_path / "model.pt", MASK)
    assert encoder_of(file, pretrained_windows="4,4,4,2").pretrained_windows == (4, 4, 4, 2)
    for text in ("4,4,4", "4,4,4,-1", "four"):
        with pytest.raises(Refusal, match="is not"):
            match_file(file, pretrained_windows=text)


@pytest.mark.parametrize(
    ("name", "window", "pixels"),
    [
        ("dpt_swin2_tiny_256.pt", 16, 256),
        ("dpt_swin2_base_384.pt", 24, 384),
        ("dpt-swinv2-large-384-finetuned.pt", 24, 384),
    ],
)
def test_names_in_the_wild_tell_the_windows(name: str, window: int, pixels: int, tmp_path: Path) -> None:
    matched = match_file(save(swin2(), tmp_path / name))
    assert (matched.config.encoder.window, matched.config.image.size) == (window, pixels)  # type: ignore[union-attr]
    assert matched.evidence["encoder.window"].source is Source.FILE_NAME


def test_masks_are_trusted_more_than_the_name(tmp_path: Path) -> None:
    file = save(swin2(), tmp_path / "dpt_swin2_tiny_256.pt", MASK)
    assert match_file(file).config == swin2()


def test_windows_that_nothing_tells_are_asked_for(tmp_path: Path) -> None:
    file = save(swin2(), tmp_path / "latest.pt")
    with pytest.raises(Refusal, match=r"--set window=PATCHES, such as 16, and --set size=PIXELS"):
        match_file(file)
    assert match_file(file, window=8, size=128).config == swin2()
    assert match_file(file, window=8).evidence["image.size"].source is Source.ASSUMED


@pytest.mark.parametrize(("width", "depths", "window"), [(96, (2, 2, 6, 2), 16), (128, (2, 2, 18, 2), 24)])
def test_a_released_size_has_its_windows_whatever_the_file_is_called(
    width: int, depths: tuple[int, ...], window: int, tmp_path: Path
) -> None:
    sizes = {"width": width, "depths": depths, "heads": (1, 1, 1, 1), "mlp_widths": (8, 8, 8, 8)}
    with torch.device("meta"):
        state = original_state(build(swin2(**sizes)), LAYOUTS["original"])
    torch.save({name: torch.zeros(tensor.shape) for name, tensor in state.items()}, tmp_path / "latest.pt")
    matched = match_file(tmp_path / "latest.pt")
    assert matched.config.encoder.window == window  # type: ignore[union-attr]
    assert matched.evidence["encoder.window"].source is Source.ASSUMED


def test_a_window_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    file = save(swin2(), tmp_path / "model.pt", MASK)
    with pytest.raises(Refusal, match="windows of 6, 6, 6, 6, which do not fit a grid of 32 x 32 patches"):
        match_file(file, window=6, size=128)
    convert(file, tmp_path / "model.safetensors")
    with pytest.raises(Refusal, match="window 6 does not fit: a grid of 32 x 32"):
        match_file(tmp_path / "model.safetensors", window=6)


@pytest.mark.parametrize("shape", [(15, 15, 2), (1, 14, 14, 2), (1, 15, 15, 3), (2, 15, 15, 2)])
def test_what_is_no_table_of_positions_is_refused(shape: tuple[int, ...], tmp_path: Path) -> None:
    file = save(swin2(), tmp_path / "model.pt", MASK, more={TABLE.format(0, 0): torch.zeros(shape)})
    with pytest.raises(Refusal, match="which is no table of relative positions"):
        match_file(file)


def test_keys_have_no_bias(tmp_path: Path) -> None:
    case = golden("swin2")
    state = case.state_dict()
    convert(case.save(tmp_path), tmp_path / "model.safetensors")
    queries, keys, values = load_file(tmp_path / "model.safetensors")["imgencoder.stages.1.blocks.0.attn.qkv.bias"].chunk(3)
    block = "pretrained.model.layers.1.blocks.0.attn."
    assert torch.equal(queries, state[block + "q_bias"]) and torch.equal(values, state[block + "v_bias"])
    assert not keys.any()


def test_released_sizes_are_named() -> None:
    family = BY_NAME["dpt_swin2"]
    assert family.nearest_released(swin2(16, 64, width=96, depths=(2, 2, 6, 2))) == ("dpt_swin2_tiny_256", True)
    assert family.nearest_released(swin2(24, 96, width=128, depths=(2, 2, 18, 2))) == ("dpt_swin2_base_384", True)
    assert family.nearest_released(swin2(24, 96, width=192, depths=(2, 2, 18, 2))) == ("dpt_swin2_large_384", True)
    assert family.nearest_released(swin2(16, 64, depths=(2, 2, 6, 2))) == ("dpt_swin2_tiny_256", False)
