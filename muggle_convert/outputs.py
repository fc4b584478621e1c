"""What the numbers of a prediction are, in words."""

from __future__ import annotations

from model_defs.config import OutputConfig


def meaning(output: OutputConfig, channels: int) -> str:
    if output.kind == "metric depth":
        return f"depth in metres, up to {output.max_depth:g}" if output.max_depth else "depth in metres"
    if output.kind == "relative inverse depth":
        return "relative inverse depth: larger is nearer, without a unit"
    if output.kind == "relative depth":
        return "relative depth: larger is farther, without a unit"
    if output.kind == "points":
        return "points of two views in the frame of the first, without a unit, and how far each is to be trusted"
    return f"scores of {channels} classes" if output.kind == "classes" else f"{channels} channels for each pixel"
