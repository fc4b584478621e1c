from __future__ import annotations

import torch
from torch import Tensor, nn

from model_defs.encoders.views import across_views, first_and_others, within_views


class Mean(nn.Module):
    """Every token becomes the mean of all that it sees, where it stands."""

    def forward(self, tokens: Tensor, places: Tensor) -> Tensor:
        return tokens.mean(dim=1, keepdim=True) + places[0]


TOKENS = torch.arange(12.0).view(1, 3, 4, 1)  # three views of four tokens
PLACES = torch.arange(4.0).view(1, 4, 1)


def test_within_views_nothing_passes_from_one_to_another() -> None:
    assert within_views(Mean(), TOKENS, PLACES)[0, :, 0, 0].tolist() == [1.5, 5.5, 9.5]


def test_across_views_everything_is_seen() -> None:
    assert torch.equal(across_views(Mean(), TOKENS, PLACES), (5.5 + PLACES).expand(1, 3, 4, 1))


def test_the_first_view_has_tokens_of_its_own_and_all_others_share_theirs() -> None:
    learned = torch.tensor([[[1.0], [2.0]]])
    assert first_and_others(learned, 2, 4)[..., 0].tolist() == [[1, 2, 2, 2]] * 2
    assert first_and_others(learned, 1, 1)[..., 0].tolist() == [[1]]
