"""Where each pixel of a map lies in its picture's plane, as waves of many lengths that are added to the map.

The plane's diagonal is two units long, whatever the shape of the picture; half of the channels tell the column, half the row.
"""

from __future__ import annotations

import torch
from torch import Tensor

from model_defs.config import Grid
from model_defs.tracing import as_tensor

SHARE = 0.1  # of the waves in what they are added to
BASE = 100.0  # the longest wave over the shortest


def with_view_plane(feature_map: Tensor, image_size: Grid) -> Tensor:
    """(B, C, h, w), whose pixels are spread over a picture of this size."""
    height, width = (as_tensor(side, feature_map) for side in image_size)
    diagonal = (height**2 + width**2).sqrt()
    channels = feature_map.shape[1] // 2
    by_row = _waves(feature_map.shape[2], height / diagonal, channels, feature_map)
    by_column = _waves(feature_map.shape[3], width / diagonal, channels, feature_map)
    columns, rows = feature_map.split(channels, dim=1)
    return torch.cat([columns + by_column[:, None, :], rows + by_row[:, :, None]], dim=1)


def _waves(count: int, extent: Tensor, channels: int, like: Tensor) -> Tensor:
    """Sines, then cosines, of `count` pixels' centres from one edge to the other: (channels, count)."""
    numbers = torch.arange(count, dtype=torch.float32, device=like.device)
    centres = extent.float() * ((2 * numbers + 1) / count - 1)
    lengths = channels // 2
    rates = BASE ** -(torch.arange(lengths, dtype=torch.float32, device=like.device) / lengths)
    angles = rates[:, None] * centres
    return (SHARE * torch.cat([angles.sin(), angles.cos()])).to(like.dtype)
