"""From stored views to a training batch: random windows, flips, colours and sensor noise. The inverse depth only moves along."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .network import CONFIG
from .pool import View

_GREY = torch.tensor([0.299, 0.587, 0.114])[None, :, None, None]


def normalised(pictures: Tensor) -> Tensor:
    """(B, 3, H, W) between 0 and 1, made into the network's input."""
    mean, std = torch.tensor(CONFIG.image.mean), torch.tensor(CONFIG.image.std)
    return (pictures - mean[:, None, None]) / std[:, None, None]


def window(view: View, height: int, width: int, random: np.random.Generator) -> tuple[Tensor, Tensor]:
    """A random part of the view with the shape asked for, at least three quarters as large as fits, perhaps mirrored."""
    whole_height, whole_width = view.nearness.shape
    scale = min(whole_height / height, whole_width / width) * random.uniform(0.75, 1.0)
    tall, wide = round(height * scale), round(width * scale)
    top, left = random.integers(whole_height - tall + 1), random.integers(whole_width - wide + 1)
    flip = -1 if random.random() < 0.5 else 1
    picture = torch.from_numpy(np.array(view.picture[top : top + tall, left : left + wide][:, ::flip])).permute(2, 0, 1)[None] / 255
    nearness = torch.from_numpy(np.array(view.nearness[top : top + tall, left : left + wide][:, ::flip], np.float32))[None, None]
    picture = F.interpolate(picture, (height, width), mode="bilinear", antialias=True, align_corners=False)
    return picture, F.interpolate(nearness, (height, width), mode="nearest-exact")[:, 0]


def recoloured(pictures: Tensor, random: np.random.Generator) -> Tensor:
    """Each picture as another camera under another light would have it; sometimes grey, blurred or with its channels exchanged."""
    count = len(pictures)

    def each(low: float, high: float, channels: int = 1) -> Tensor:
        return torch.from_numpy(random.uniform(low, high, (count, channels, 1, 1)).astype(np.float32))

    def some(share: float) -> Tensor:
        return torch.from_numpy(random.random((count, 1, 1, 1)) < share)

    order = torch.from_numpy(random.permutation(3))
    pictures = torch.where(some(0.3), pictures[:, order], pictures)
    pictures = pictures ** torch.exp(each(-0.5, 0.5)) * each(0.75, 1.25, 3) * each(0.7, 1.2)
    middle = pictures.mean(dim=(1, 2, 3), keepdim=True)
    pictures = middle + (pictures - middle) * each(0.6, 1.4)
    grey = (pictures * _GREY).sum(dim=1, keepdim=True)
    pictures = grey + (pictures - grey) * torch.where(some(0.1), 0.0, each(0.3, 1.5))
    height, width = pictures.shape[2:]
    blurred = F.interpolate(pictures, (height // 2, width // 2), mode="bilinear", antialias=True, align_corners=False)
    blurred = F.interpolate(blurred, (height, width), mode="bilinear", align_corners=False)
    pictures = pictures + torch.where(some(0.3), each(0, 1), 0.0) * (blurred - pictures)
    noise = torch.from_numpy(random.standard_normal(pictures.shape, dtype=np.float32))
    return (pictures + noise * torch.where(some(0.6), each(0, 0.05), 0.0)).clamp(0, 1)


def batch(views: Sequence[View], height: int, width: int, random: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Network input (B, 3, H, W) and inverse depth (B, H, W)."""
    windows = [window(view, height, width, random) for view in views]
    pictures = torch.cat([picture for picture, _ in windows])
    return normalised(recoloured(pictures, random)), torch.cat([nearness for _, nearness in windows])
