"""A map that is enlarged only to be looked at once: made and looked at band by band, so that it never exists as a whole."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from model_defs.arithmetic import goes_through_onednn, linear
from model_defs.patch_embed import Grid

BAND = 16 << 20  # bytes: what the processor's last cache holds, and the system's allocator keeps instead of asking for it again


def enlarged(feature_map: Tensor, size: Grid, look: Callable[[Tensor], Tensor], align_corners: bool) -> Tensor:
    """What `look` makes of the bilinearly enlarged map; it sees a pixel and its eight neighbours.

    The map at full size is the largest of a network, and memory that is new costs more time than filling it: in bands a head
    takes a tenth to a third less time.
    """
    if not goes_through_onednn(feature_map):
        return look(F.interpolate(feature_map, size=size, mode="bilinear", align_corners=align_corners))
    above, below, share = _sources(feature_map, size[0], align_corners)
    rows = max(8, BAND // (feature_map.shape[1] * size[1] * feature_map.element_size()))
    images = []
    for image in feature_map.split(1):
        bands = []
        for start in range(0, size[0], rows):
            end = min(start + rows, size[0])
            first, last = max(start - 1, 0), min(end + 1, size[0])  # with the neighbours of its outermost rows
            band = slice(first, last)
            seen = look(_band(image, size[1], above[band], below[band], share[band], align_corners))
            bands.append(seen[:, :, start - first : end - first])
        images.append(torch.cat(bands, dim=2))
    return torch.cat(images)


def _band(image: Tensor, width: int, above: Tensor, below: Tensor, share: Tensor, align_corners: bool) -> Tensor:
    """Some rows of the enlarged map: first each row by itself, then every new row as a mixture of two of them."""
    first, last = int(above[0]), int(below[-1]) + 1
    wide = F.interpolate(image[:, :, first:last], size=(last - first, width), mode="bilinear", align_corners=align_corners)
    mixing = image.new_zeros(len(share), last - first)
    mixing.scatter_add_(1, (above - first)[:, None], 1 - share[:, None])
    mixing.scatter_add_(1, (below - first)[:, None], share[:, None])
    pixels = wide.permute(0, 2, 3, 1)  # (1, C, h, W) -> (1, h, W, C)
    mixed = linear(mixing, pixels.reshape(last - first, -1).t())  # (rows, W * C)
    return mixed.view(1, len(share), *pixels.shape[2:]).permute(0, 3, 1, 2)


def _sources(feature_map: Tensor, enlarged_height: int, align_corners: bool) -> tuple[Tensor, Tensor, Tensor]:
    """For each row of the enlarged map the two rows it lies between, and the share of the lower one."""
    height = feature_map.shape[2]
    rows = torch.arange(enlarged_height, dtype=feature_map.dtype, device=feature_map.device)
    if align_corners:
        position = rows * ((height - 1) / max(enlarged_height - 1, 1))
    else:
        position = ((rows + 0.5) * (height / enlarged_height) - 0.5).clamp(min=0)
    above = position.long().clamp(max=height - 1)
    return above, (above + 1).clamp(max=height - 1), position - above
