"""From one map to the prediction, and what the last numbers are made into."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model_defs.config import DepthHeadConfig, DPTConfig, Grid, OutputConfig, SegmentationHeadConfig
from model_defs.parts.fusion import doubled
from model_defs.parts.view_plane import with_view_plane


class DepthHead(nn.Module):
    """A convolution, enlarging to the image's size, and a projection to one channel (or as many as a fine-tune predicts)."""

    align_corners = True

    def __init__(self, fusion_width: int, config: DepthHeadConfig, output: OutputConfig) -> None:
        super().__init__()
        self.spatial_upsampler = nn.Sequential(nn.Conv2d(fusion_width, config.upsampler_width, kernel_size=3, padding=1))
        self.proj_1ch = nn.Sequential(
            nn.Conv2d(config.upsampler_width, config.projection_width, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(config.projection_width, config.channels, kernel_size=1),
        )
        self.activation = activation(output)

    def forward(self, path: Tensor, image_size: Grid) -> Tensor:
        logits = self.proj_1ch(self.enlarged(path, image_size))
        prediction = self.activation(logits)  # (B, channels, H, W)
        return prediction.squeeze(1) if prediction.shape[1] == 1 else prediction  # ONNX squeezes nothing that is not one

    def enlarged(self, path: Tensor, image_size: Grid) -> Tensor:
        feature_map = self.spatial_upsampler(path)
        size = self.size(feature_map, image_size)
        return F.interpolate(feature_map, size=size, mode="bilinear", align_corners=self.align_corners)

    def features(self, path: Tensor, image_size: Grid) -> Tensor:
        """The activation before the last convolution, which heads for metric depth build on."""
        return self.proj_1ch[:-1](self.enlarged(path, image_size))

    def size(self, feature_map: Tensor, image_size: Grid) -> Grid:
        """What the map is enlarged to."""
        return image_size


class DoublingDepthHead(DepthHead):
    """The same, but the map's sides are doubled, whatever the size of the image."""

    def size(self, feature_map: Tensor, image_size: Grid) -> Grid:
        return doubled(feature_map)


class UnalignedDepthHead(DoublingDepthHead):
    """Doubling as MiDaS v2.1 does it: pixels are areas, not points, so that corners do not lie on each other."""

    align_corners = False


class PlaneHead(nn.Module):
    """The same convolutions, with enlarging to the image's size; then every pixel is told where it lies in the picture."""

    keeps_float32 = True  # what it tells goes through exponentials

    def __init__(self, fusion_width: int, upsampler_width: int, projection_width: int, channels: int) -> None:
        super().__init__()
        self.spatial_upsampler = nn.Sequential(nn.Conv2d(fusion_width, upsampler_width, kernel_size=3, padding=1))
        self.proj_1ch = nn.Sequential(
            nn.Conv2d(upsampler_width, projection_width, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(projection_width, channels, kernel_size=1),
        )

    def forward(self, path: Tensor, image_size: Grid) -> Tensor:
        """(B, C, h, w) -> (B, channels, H, W), before any activation."""
        feature_map = F.interpolate(self.spatial_upsampler(path), size=image_size, mode="bilinear", align_corners=True)
        return self.proj_1ch(with_view_plane(feature_map, image_size))


class SegmentationHead(nn.Module):
    """A score for each class at each pixel; the scores are enlarged last."""

    def __init__(self, fusion_width: int, config: SegmentationHeadConfig) -> None:
        super().__init__()
        width = config.upsampler_width
        convolution = nn.Conv2d(fusion_width, width, kernel_size=3, padding=1, bias=False)
        self.refine = nn.Sequential(convolution, nn.BatchNorm2d(width), nn.ReLU(inplace=True))
        self.proj_classes = nn.Conv2d(width, config.channels, kernel_size=1)

    def forward(self, path: Tensor, image_size: Grid) -> Tensor:
        scores = self.proj_classes(self.refine(path))  # (B, classes, h, w)
        return F.interpolate(scores, size=doubled(scores), mode="bilinear", align_corners=True)


class MetricDepth(nn.Module):
    """Metres, from nothing to the largest depth there was in training."""

    def __init__(self, max_depth: float) -> None:
        super().__init__()
        self.max_depth = max_depth

    def forward(self, logits: Tensor) -> Tensor:
        return self.max_depth * torch.sigmoid(logits)


class DepthBetweenLimits(nn.Module):
    """Metres above the smallest depth there is, up to the largest there was in training."""

    def __init__(self, min_depth: float, max_depth: float) -> None:
        super().__init__()
        self.min_depth = min_depth
        self.max_depth = max_depth

    def forward(self, logits: Tensor) -> Tensor:
        return (F.relu(logits) + self.min_depth).clamp(max=self.max_depth)


class DepthByShares(nn.Module):
    """Metres, as the mean of evenly spaced depths: each has a score, and no score is so low that its depth has no share."""

    floor = 0.1  # added to every score

    def __init__(self, min_depth: float, max_depth: float) -> None:
        super().__init__()
        self.min_depth = min_depth
        self.max_depth = max_depth

    def forward(self, scores: Tensor) -> Tensor:
        """(B, depths, H, W) -> (B, 1, H, W)"""
        shares = F.relu(scores) + self.floor
        depths = torch.linspace(self.min_depth, self.max_depth, scores.shape[1], dtype=scores.dtype, device=scores.device)
        return F.conv2d(shares, depths.view(1, -1, 1, 1)) / shares.sum(dim=1, keepdim=True)


class DepthFromDisparity(nn.Module):
    """Metres, from the relative inverse depth and the scale and shift it was trained with."""

    def __init__(self, scale: float, shift: float) -> None:
        super().__init__()
        self.scale = scale
        self.shift = shift

    def forward(self, disparity: Tensor) -> Tensor:
        return 1.0 / (self.scale * disparity + self.shift).clamp(min=1e-8)


def activation(output: OutputConfig) -> nn.Module:
    if output.activation == "sigmoid":
        assert output.max_depth is not None, "checked where the configuration is read"
        return MetricDepth(output.max_depth)
    if output.activation == "sigmoid of the prompt's range":
        return nn.Sigmoid()  # the network knows the range
    if output.activation in ("relu between limits", "shares of depths"):
        assert output.min_depth is not None and output.max_depth is not None, "checked where the configuration is read"
        kind = DepthBetweenLimits if output.activation == "relu between limits" else DepthByShares
        return kind(output.min_depth, output.max_depth)
    last: nn.Module = nn.ReLU() if output.activation == "relu" else nn.Identity()
    if output.invert:
        assert output.scale is not None and output.shift is not None, "checked where the configuration is read"
        return nn.Sequential(last, DepthFromDisparity(output.scale, output.shift))
    return last


DEPTH_HEADS: dict[str, type[DepthHead]] = {"to image": DepthHead, "double": DoublingDepthHead, "double unaligned": UnalignedDepthHead}


def head(config: DPTConfig, width: int | None = None) -> nn.Module:
    """The head on a path of this width, which is the fusion's unless something stands between them."""
    width = width or config.fusion.widths[0]
    if isinstance(config.head, SegmentationHeadConfig):
        return SegmentationHead(width, config.head)
    assert isinstance(config.head, DepthHeadConfig), "networks with other heads put themselves together"
    return DEPTH_HEADS[config.head.resize](width, config.head, config.output)
