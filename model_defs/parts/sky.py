"""What is done with the sky, which has no depth: it goes behind almost everything else."""

from __future__ import annotations

import torch
from torch import Tensor

HORIZON = 0.3  # from which on a pixel is sky
FEWEST = 10  # pixels, of the sky and of everything else, up to which nothing is done
PERCENT = 99  # of what is not sky are nearer than the sky


def is_land(sky: Tensor) -> Tensor:
    """Which pixels are not sky."""
    return sky < HORIZON


def quantile(values: Tensor, among: Tensor, percent: int) -> Tensor:
    """That quantile of those of the values that are meant, between the two nearest where it is none of them.

    All of them are sorted. Where there are more than 100 000, the original draws so many of them at random instead.
    """
    meant = torch.where(among, values, torch.inf).flatten()
    ordered = torch.cat([meant.sort().values, meant.new_full((2,), torch.inf)])
    rank = percent * (among.sum() - 1).clamp(min=0)  # in hundredths of a place
    place, share = rank // 100, (rank % 100).to(values.dtype) / 100
    lower, upper = ordered.gather(0, torch.stack([place, place + 1]))
    return torch.where(share == 0, lower, torch.lerp(lower, upper, share))


def with_far_sky(depth: Tensor, sky: Tensor) -> Tensor:
    """The depth of everything that one call of the network sees, with its sky behind 99 % of the rest."""
    land = is_land(sky)
    count = land.sum()
    has_both = (count > FEWEST) & (land.numel() - count > FEWEST)
    return torch.where(land | ~has_both, depth, quantile(depth, land, PERCENT))
