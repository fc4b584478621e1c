"""One scene out of pairs of views: the strongest pairs that hold all views together, each brought onto those already placed.

"DUSt3R", Wang et al., https://arxiv.org/abs/2312.14132, section 3.4, as its code begins; the many steps of descent that may follow are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from model_defs.scenes.geometry import Similarity, centred, focal_length, refined_pose, similarity
from model_defs.scenes.seen import Seen, seen_by_points, to_camera


@dataclass(frozen=True)
class Pair:
    """What a network says about two views: points of both in the first one's frame, (H, W, 3), and how far to trust them, (H, W)."""

    first: int
    second: int
    here: Tensor
    trust_here: Tensor
    there: Tensor
    trust_there: Tensor

    @cached_property
    def strength(self) -> float:
        return float(self.trust_here.double().mean() * self.trust_there.double().mean())

    def of(self, view: int) -> tuple[Tensor, Tensor]:
        """The points of one of the two, and their trust."""
        return (self.here, self.trust_here) if view == self.first else (self.there, self.trust_there)


@dataclass
class Gathered:
    """What is kept of all pairs while they come: never more than a pair for each view and another in the tree."""

    tree: list[Pair] = field(default_factory=list)  # the strongest that connect the views so far without a circle
    own: dict[int, Pair] = field(default_factory=dict)  # the strongest in whose frame each view's points are its own camera's
    trust: dict[int, Tensor] = field(default_factory=dict)  # of each view's pixels, the highest of all pairs

    def add(self, pair: Pair) -> None:
        if pair.first not in self.own or self.own[pair.first].strength < pair.strength:
            self.own[pair.first] = pair
        for view in (pair.first, pair.second):
            trust = pair.of(view)[1]
            self.trust[view] = torch.maximum(self.trust[view], trust) if view in self.trust else trust
        circle = _between(self.tree, pair.first, pair.second)
        if circle is None:
            self.tree.append(pair)
        elif (weakest := min(circle, key=lambda edge: edge.strength)).strength < pair.strength:
            self.tree = [pair if edge is weakest else edge for edge in self.tree]


def _between(tree: list[Pair], start: int, end: int) -> list[Pair] | None:
    """The pairs on the way from one view to another; None where they are not connected."""
    if start == end:
        return []
    for edge in tree:
        if start in (edge.first, edge.second):
            rest = [other for other in tree if other is not edge]
            beyond = _between(rest, edge.second if start == edge.first else edge.first, end)
            if beyond is not None:
                return [edge, *beyond]
    return None


def scene_of(pairs: Iterable[Pair]) -> list[Seen]:
    """All views in the frame of the first; pairs have to connect them, and to begin with each view once."""
    gathered = Gathered()
    for pair in pairs:
        gathered.add(pair)
    root, *others = sorted(gathered.tree, key=lambda edge: -edge.strength)
    if not others:
        root = gathered.own[0]  # of two pictures, whoever names them says which is the first
    placed = {root.first: root.here, root.second: root.there}
    for known, new, edge in _from(root, others):
        points, trust = edge.of(known)
        placed[new] = similarity(points, placed[known], trust)(edge.of(new)[0])
    cameras = {view: _camera(view, gathered, points, is_frame=view == root.first) for view, points in placed.items()}
    frame = cameras[0][0]
    return [
        seen_by_points(to_camera(placed[view], frame), gathered.trust[view], relative(cameras[view][0], frame), cameras[view][1])
        for view in sorted(placed)
    ]


def _from(root: Pair, others: list[Pair]) -> Iterator[tuple[int, int, Pair]]:
    """A view that is placed, a new one, and the pair that connects them, the strongest possible first."""
    placed, left = {root.first, root.second}, list(others)
    while left:
        edge = next(edge for edge in left if edge.first in placed or edge.second in placed)
        left.remove(edge)
        known, new = (edge.first, edge.second) if edge.first in placed else (edge.second, edge.first)
        placed.add(new)
        yield known, new, edge


def _camera(view: int, gathered: Gathered, points: Tensor, is_frame: bool) -> tuple[Tensor, Tensor]:
    """Extrinsics and intrinsics of a view whose points have been placed."""
    own = gathered.own[view].here
    intrinsics = centred(focal_length(own), (own.shape[0], own.shape[1]))
    if is_frame:
        return torch.eye(4, dtype=torch.float64)[:3], intrinsics
    motion: Similarity = similarity(own, points, gathered.own[view].trust_here)
    return refined_pose(motion.camera(), points, gathered.trust[view], intrinsics), intrinsics


def relative(extrinsics: Tensor, frame: Tensor) -> Tensor:
    """A camera in the frame of another: (3, 4) and (3, 4) -> (3, 4)."""
    rotation = extrinsics[:, :3] @ frame[:, :3].T
    return torch.cat([rotation, (extrinsics[:, 3] - rotation @ frame[:, 3])[:, None]], dim=1)
