"""Several pictures of one scene, and what a network found out about it: depth, points in one frame, and cameras."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from model_defs.network import Network
from model_defs.scenes.seen import Seen
from muggle_convert.errors import Refusal
from muggle_convert.predict.framing import Framed
from muggle_convert.predict.photographs import Pixels

Samples = npt.NDArray[np.float32]


@dataclass(frozen=True)
class View:
    """One photograph as the network saw it, and what it predicted for each pixel."""

    picture: Pixels  # (H, W, 3)
    points: Samples  # (H, W, 3), right, down and away from the first view's camera
    confidence: Samples  # (H, W), larger is surer


@dataclass(frozen=True)
class DescribedView(View):
    """The same with descriptions: two pixels that show the same point are described alike."""

    descriptors: Samples  # (H, W, C), of length one
    descriptor_confidence: Samples  # (H, W)


@dataclass(frozen=True)
class SceneView(View):
    """The same with depth and the camera. Cameras look along z, with x to the right and y down."""

    depth: Samples  # (H, W), along the camera's axis
    extrinsics: Samples  # (3, 4), a rotation beside a translation: from the scene's frame to the camera's
    intrinsics: Samples  # (3, 3), from the camera's frame to pixels of `picture`
    placement: npt.NDArray[np.float64]  # (3, 3), from pixels of the picture as given to those of `picture`

    @classmethod
    def of(cls, framed: Framed, seen: Seen) -> SceneView:
        maps = {name: tensor.float().cpu().numpy() for name, tensor in vars(seen).items()}
        return cls(picture=framed.pixels, placement=framed.placement, **maps)


@dataclass(frozen=True)
class Scene:
    """Every view in the order of the pictures; their points are in one frame."""

    views: tuple[SceneView, ...]

    @property
    def extrinsics(self) -> Samples:
        """Of all cameras: (N, 3, 4)."""
        return np.stack([view.extrinsics for view in self.views])

    @property
    def intrinsics(self) -> Samples:
        """Of all cameras, each in pixels of its own picture as seen: (N, 3, 3)."""
        return np.stack([view.intrinsics for view in self.views])


def known_cameras(network: Network, views: Sequence[Framed], extrinsics: Any, intrinsics: Any) -> dict[str, Samples]:
    """What `scene` of a network is told, in pixels of what it sees: nothing, where nothing is known."""
    given = {name: found for name, found in {"extrinsics": extrinsics, "intrinsics": intrinsics}.items() if found is not None}
    if not given:
        return {}
    if not network.takes_cameras:
        raise Refusal(f"this network finds cameras by itself and cannot be told {' and '.join(given)}; leave them out.")
    if len(given) < 2:
        raise Refusal(f"{next(iter(given))} alone say too little of a camera; pass extrinsics and intrinsics, or neither.")
    poses, matrices = np.asarray(extrinsics, np.float64), np.asarray(intrinsics, np.float64)
    if poses.shape not in {(len(views), 3, 4), (len(views), 4, 4)} or matrices.shape != (len(views), 3, 3):
        raise Refusal(
            f"extrinsics of shape {poses.shape} and intrinsics of shape {matrices.shape} do not belong to {len(views)} pictures, which take "
            f"({len(views)}, 3 or 4, 4) and ({len(views)}, 3, 3)."
        )
    if not (np.isfinite(poses).all() and np.isfinite(matrices).all()):
        raise Refusal("extrinsics and intrinsics hold NaN or infinity; finite numbers are needed.")
    seen = np.stack([view.placement @ matrix for view, matrix in zip(views, matrices, strict=True)])
    return {"extrinsics": poses[:, :3].astype(np.float32), "intrinsics": seen.astype(np.float32)}
