from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from model_defs.config import DPTConfig, SwinConfig
from muggle_convert import Refusal
from muggle_convert.families import BY_NAME
from muggle_convert.families.shared.evidence import Source
from tests.families.swin_files import configuration, save
from tests.goldens import golden
from tests.originals import match_file

SWIN = SwinConfig(8, (2, 2, 2, 2), (1, 2, 2, 4), (16, 32, 64, 128), (4, 4, 4, 4), 4, (32, 32))


def swin(windows: tuple[int, ...], grid: int) -> DPTConfig:
    return configuration("dpt_swin", replace(SWIN, windows=windows, grid=(grid, grid)))


def test_a_stage_with_smaller_windows_than_others_tells_the_grid(tmp_path: Path) -> None:
    config = swin((8, 8, 8, 4), 32)
    matched = match_file(save(config, tmp_path / "model.pt"))
    assert matched.config == config
    assert matched.evidence["encoder.grid"].source is Source.SHAPE
    assert "stage 3 has windows of 4 x 4 where others have 8 x 8" in matched.evidence["encoder.grid"].detail


def test_the_name_of_the_file_tells_the_size_where_nothing_else_does(tmp_path: Path) -> None:
    matched = match_file(golden("swin_no_buffers").save(tmp_path))
    assert matched.config.image.size == 384
    assert matched.evidence["image.size"].source is Source.FILE_NAME


@pytest.mark.parametrize("name", ["latest.pt", "dpt_swin_large_200.pt"])
def test_the_usual_size_is_assumed_aloud_where_the_name_says_nothing_that_fits(name: str, tmp_path: Path) -> None:
    matched = match_file(save(swin((4, 4, 4, 4), 32), tmp_path / name))
    assert matched.config.image.size == 128
    assert matched.evidence["image.size"].source is Source.ASSUMED


def test_a_table_of_no_square_window_is_refused(tmp_path: Path) -> None:
    state = torch.load(save(swin((4, 4, 4, 4), 32), tmp_path / "model.pt"))
    for number in range(2):
        state[f"pretrained.model.layers.1.blocks.{number}.attn.relative_position_bias_table"] = torch.zeros(48, 2)
    torch.save(state, tmp_path / "model.pt")
    with pytest.raises(
        Refusal, match=r"relative_position_bias_table is \[48, 2\], where a square of relative positions, such as .* was expected"
    ):
        match_file(tmp_path / "model.pt")


def test_released_sizes_are_named() -> None:
    large = replace(SWIN, width=192, depths=(2, 2, 18, 2), windows=(12, 12, 12, 12), grid=(96, 96))
    assert BY_NAME["dpt_swin"].nearest_released(configuration("dpt_swin", large)) == ("dpt_swin_large_384", True)
    assert BY_NAME["dpt_swin"].nearest_released(swin((4, 4, 4, 4), 32)) == ("dpt_swin_large_384", False)
