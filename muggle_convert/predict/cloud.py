"""The trusted points of a scene, with the colours they were seen in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from muggle_convert.draw import glb, ply
from muggle_convert.draw.relief import Pinhole, Relief
from muggle_convert.errors import Refusal
from muggle_convert.predict.photographs import Pixels
from muggle_convert.predict.scene import Samples, Scene

WRITERS = {".ply": ply.write_points, ".glb": glb.write_points}  # by what the file's name ends in
UP = np.array([1, -1, -1], np.float32)  # from y down and z away to y up and z towards the viewer


@dataclass(frozen=True)
class Trust:
    """Which points are kept: from a confidence on, or without this share of them, the least trusted."""

    confidence: float | None = None
    without: float | None = None  # from 0 to 1

    def least(self, scene: Scene) -> float:
        """The lowest confidence that is kept."""
        if self.without is None:
            return self.confidence or 0.0
        return float(np.quantile(np.concatenate([view.confidence.ravel() for view in scene.views]), self.without))

    def __str__(self) -> str:
        if self.without is None:
            return f"a confidence of at least {self.confidence:g}"
        return f"all but the {100 * self.without:g}% least trusted"


@dataclass(frozen=True)
class Cloud:
    """Points of all views in the scene's frame."""

    points: Samples  # (N, 3)
    colours: Pixels  # (N, 3)

    def write(self, file: BinaryIO, suffix: str, comments: list[str]) -> None:
        WRITERS[suffix](file, self.points * UP, self.colours, comments)


def trusted_points(scene: Scene, trust: Trust) -> Cloud:
    least = trust.least(scene)
    kept = [(view.confidence >= least) & np.isfinite(view.points).all(axis=-1) for view in scene.views]
    points = np.concatenate([view.points[mask] for view, mask in zip(scene.views, kept, strict=True)])
    if not len(points):
        most = max(float(view.confidence.max()) for view in scene.views)
        raise Refusal(f"no point is trusted with a confidence of {least:g}; the highest is {most:.3g}: pass a lower --confidence.")
    return Cloud(points, np.concatenate([view.picture[mask] for view, mask in zip(scene.views, kept, strict=True)]))


def relief_of_scene(scene: Scene, trust: Trust, unit: str) -> Relief:
    """Of its only view, before the camera that was found for it."""
    (view,) = scene.views
    (across, _, centre_x), (_, down, centre_y), _ = view.intrinsics.tolist()
    away = np.where(view.confidence >= trust.least(scene), view.depth, np.nan)
    known = away[np.isfinite(away) & (away > 0)]
    nearest, farthest = (float(known.min()), float(known.max())) if known.size else (1.0, 1.0)
    return Relief(away, nearest, farthest, unit, Pinhole(across, down, centre_x, centre_y, known=True))
