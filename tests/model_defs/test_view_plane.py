from __future__ import annotations

import torch

from model_defs.parts.view_plane import with_view_plane


def test_half_of_the_channels_tell_the_column_and_half_the_row() -> None:
    waves = with_view_plane(torch.zeros(1, 16, 5, 7), (50, 70))[0]
    assert torch.equal(waves[:8], waves[:8, :1].expand(8, 5, 7)) and torch.equal(waves[8:], waves[8:, :, :1].expand(8, 5, 7))


def test_the_first_wave_is_the_sine_of_how_far_a_pixel_is_from_the_middle() -> None:
    waves = with_view_plane(torch.zeros(1, 16, 3, 4), (30, 40))[
        0
    ]  # a diagonal of 50: the outermost centres are 0.6 and 0.4 from the middle
    assert torch.allclose(waves[0, 0], 0.1 * torch.tensor([-0.6, -0.2, 0.2, 0.6]).sin())
    assert torch.allclose(waves[8, :, 0], 0.1 * torch.tensor([-0.4, 0.0, 0.4]).sin())
    assert torch.allclose(waves[4, 0], 0.1 * torch.tensor([-0.6, -0.2, 0.2, 0.6]).cos())
