"""Names of what goes into a graph and of what comes out, and a sentence for each."""

from __future__ import annotations

from collections.abc import Mapping

from model_defs.config import DPTConfig
from muggle_convert.outputs import kind_of, sentence_about

PIXEL_VALUES, PREDICTED_DEPTH = "pixel_values", "predicted_depth"  # the first input and output, as the ecosystem calls them
PROMPT_DEPTH = "prompt_depth"
PICTURES = "pictures"  # the input of a graph with preprocessing: uint8 (batch, height, width, 3)
POINTS = "a point in space for each pixel, x, y and z in the frame of the first view's camera"
TRUST = "how far each pixel is to be trusted; larger is surer"
SENTENCES: Mapping[str, str] = {
    PICTURES: "pictures in bytes, red, green and blue last",
    PROMPT_DEPTH: "measured depth of the same scene in metres, as a map of any size",
    "logits": "a score for each class of each pixel",
    "sky": "how much each pixel looks like sky",
    "depth_conf": TRUST,
    "ray": "six numbers for the ray of each pixel of a coarser map",
    "ray_conf": TRUST,
    "extrinsics": "a camera for each view: rotation and translation from the world to it",
    "intrinsics": "for each camera the matrix of focal lengths and centre, in pixels of the input",
    "pose_enc": "a camera for each view: translation, a quaternion whose real part comes last, and the angles of view up and down and across",
    "world_points": POINTS,
    "world_points_conf": TRUST,
    "pts3d": POINTS,
    "conf": TRUST,
    "desc": "a description of length one for each pixel, by which it is found again in the other view",
    "desc_conf": "how far each description is to be trusted; larger is surer",
}


def sentence_of(name: str, config: DPTConfig) -> str:
    """Names that end in a number are of one of two views."""
    stem, _, number = name.rpartition("_")
    of_view = f" (of the {'first' if number == '1' else 'second'} view)" if number in ("1", "2") else ""
    if name.startswith(PIXEL_VALUES):
        return f"colours in the order red, green, blue, from 0 to 1, less mean and over std{of_view}"
    if name == PREDICTED_DEPTH:
        return (
            sentence_about(config.output, config.head.channels) if kind_of(config.output).distance else "depth for each pixel of each view"
        )
    return SENTENCES[stem if of_view else name] + of_view
