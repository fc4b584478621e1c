from __future__ import annotations

import torch

from model_defs.parts.head import PlaneHead
from model_defs.parts.reassemble import ReassembleTokensInPlane
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


def test_a_head_tells_its_pixels_where_they_lie_once_they_are_as_many_as_the_picture_has() -> None:
    torch.manual_seed(0)
    head = PlaneHead(8, 8, 4, 2)
    path = torch.randn(1, 8, 6, 8)
    enlarged = torch.nn.functional.interpolate(head.spatial_upsampler(path), size=(21, 28), mode="bilinear", align_corners=True)
    with torch.no_grad():
        assert torch.allclose(head(path, (21, 28)), head.proj_1ch(with_view_plane(enlarged, (21, 28))))


def test_tokens_are_told_where_they_lie_between_projection_and_resampling() -> None:
    torch.manual_seed(0)
    part = ReassembleTokensInPlane(8, 4, 6, "spatial_noscale")
    tokens = torch.randn(1, 6, 8)
    projected = part.resample[0](tokens.transpose(1, 2).unflatten(2, (2, 3)))
    with torch.no_grad():
        assert torch.allclose(part(tokens, (2, 3)), part.fuse_proj(with_view_plane(projected, (28, 42))))
