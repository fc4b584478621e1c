"""What exporters compute in the graph is what `windows` does, for every grid."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from model_defs.config import Grid, Swin2Config, SwinConfig
from model_defs.encoders.traced_windows import traced_layout
from model_defs.encoders.windows import cut, join, regions
from model_defs.window_layout import window_layout
from tests.configurations import SMALL

ENCODERS = [SMALL[name].config.encoder for name in ("dpt_swin", "dpt_swin2")]
GRIDS = [(16, 16), (16, 32), (32, 16), (64, 64), (32, 64)]


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("encoder", ENCODERS, ids=lambda encoder: encoder.kind)
def test_tokens_go_where_known_windows_take_them_and_come_back(encoder: SwinConfig | Swin2Config, grid: Grid) -> None:
    stages = zip(window_layout(encoder, grid), traced_layout(encoder, grid, torch.zeros(1)), strict=True)
    for known, traced in ((one.unshifted, other.unshifted) if plain else (one, other) for one, other in stages for plain in (True, False)):
        tokens = torch.randn(2, *known.grid, 3)
        apart = cut(tokens, traced)
        assert torch.equal(apart, cut(tokens, known))
        assert torch.equal(join(apart, traced), tokens)
        ours, theirs = (regions(windows, tokens) for windows in (traced, known))
        if theirs is None:
            assert ours is None or not ours.any()  # a shift by nothing brings nothing together
        else:
            assert ours is not None
            assert torch.equal(ours.long(), theirs.long())


def test_a_grid_that_windows_do_not_fit_in_is_refused_by_whatever_gathers() -> None:
    encoder = ENCODERS[0]
    first = traced_layout(encoder, (18, 16), torch.zeros(1))[0]
    with pytest.raises((IndexError, RuntimeError), match="out of"):
        first.cut(torch.zeros(1, 18, 16, 3))


def test_where_tokens_go_is_exact_in_a_grid_of_a_million() -> None:
    (first, *_) = traced_layout(ENCODERS[0], (1024, 1024), torch.zeros(1, dtype=torch.float16))
    places = replace(first, shift=None).places(torch.zeros(1, dtype=torch.float16))
    assert places[-1] == 1024 * 1024 - 1
    assert places.unique().numel() == 1024 * 1024
