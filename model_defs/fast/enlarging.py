"""Maps that are enlarged last, or never exist as a whole."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model_defs.config import Grid
from model_defs.fast.products import product
from model_defs.fast.suiting import untouched
from model_defs.parts.fusion import Enlarge, RefineEnlargeProject
from model_defs.parts.head import DepthHead

BAND = 16 << 20  # bytes: what a processor's last cache holds, and the system's allocator keeps instead of asking for it again


def project_then_enlarge(block: RefineEnlargeProject, feature_map: Tensor, size: Grid) -> Tensor | None:
    """The same in the other order, on a quarter of the pixels: enlarging mixes pixels with weights that add up to one, projecting mixes channels."""
    refine, enlarge, project = block
    if not untouched(enlarge, Enlarge) or not untouched(project, nn.Conv2d) or project.kernel_size != (1, 1):
        return None
    return enlarge(project(refine(feature_map)), size)


def head(module: DepthHead, path: Tensor, image_size: Grid) -> Tensor | None:
    """The map at full size is the largest of a network, and new memory costs more time than filling it: in bands, a tenth to a third less."""
    project = module.proj_1ch
    if len(project) != 3 or not all(map(untouched, (project, *project), (nn.Sequential, nn.Conv2d, nn.ReLU, nn.Conv2d))):
        return None
    around, _, pixelwise = project
    if around.kernel_size != (3, 3) or around.padding != (1, 1) or pixelwise.kernel_size != (1, 1):
        return None
    feature_map = module.spatial_upsampler(path)
    size = module.size(feature_map, image_size)
    return module.activation(in_bands(project, feature_map, size, module.align_corners)).squeeze(1)


def in_bands(project: Callable[[Tensor], Tensor], feature_map: Tensor, size: Grid, align_corners: bool) -> Tensor:
    """A projection of the bilinearly enlarged map that sees each pixel and its eight neighbours; the enlarged map never exists as a whole."""
    above, below, share = _sampled_rows(feature_map, size[0], align_corners)
    rows = max(8, BAND // (feature_map.shape[1] * size[1] * feature_map.element_size()))
    images = []
    for image in feature_map.split(1):
        bands = []
        for start in range(0, size[0], rows):
            end = min(start + rows, size[0])
            first, last = max(start - 1, 0), min(end + 1, size[0])  # with the neighbours of its outermost rows
            band = slice(first, last)
            projected = project(_band(image, size[1], above[band], below[band], share[band], align_corners))
            bands.append(projected[:, :, start - first : end - first])
        images.append(torch.cat(bands, dim=2))
    return torch.cat(images)


def _band(image: Tensor, width: int, above: Tensor, below: Tensor, share: Tensor, align_corners: bool) -> Tensor:
    """Some rows of the enlarged map: first each row is widened, then every new row is mixed from two of them."""
    first, last = int(above[0]), int(below[-1]) + 1
    wide = F.interpolate(image[:, :, first:last], size=(last - first, width), mode="bilinear", align_corners=align_corners)
    mixing = image.new_zeros(len(share), last - first)
    mixing.scatter_add_(1, (above - first)[:, None], 1 - share[:, None])
    mixing.scatter_add_(1, (below - first)[:, None], share[:, None])
    pixels = wide.permute(0, 2, 3, 1)  # (1, C, h, W) -> (1, h, W, C)
    mixed = product(mixing, pixels.reshape(last - first, -1).t())  # (rows, W * C)
    return mixed.view(1, len(share), *pixels.shape[2:]).permute(0, 3, 1, 2)


def _sampled_rows(feature_map: Tensor, enlarged_height: int, align_corners: bool) -> tuple[Tensor, Tensor, Tensor]:
    """For each row of the enlarged map the two rows it lies between, and the share of the lower one."""
    height = feature_map.shape[2]
    rows = torch.arange(enlarged_height, dtype=feature_map.dtype, device=feature_map.device)
    if align_corners:
        position = rows * ((height - 1) / max(enlarged_height - 1, 1))
    else:
        position = ((rows + 0.5) * (height / enlarged_height) - 0.5).clamp(min=0)
    above = position.long().clamp(max=height - 1)
    return above, (above + 1).clamp(max=height - 1), position - above
