"""From a checkpoint to a network that predicts."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch

from model_defs.network import Network
from muggle_convert.building import load
from muggle_convert.checkpoints import Checkpoint
from muggle_convert.identify.assumptions import tell_assumptions
from muggle_convert.identify.read import ReadOptions, read
from muggle_convert.loading.given import Given, readable
from muggle_convert.placement import Placement
from muggle_convert.writing.networks import FileOrigin, origin_in_memory


def load_any_dpt(
    path_or_repo: Given,
    family: str | None = None,
    *,
    backbone: Given | None = None,
    state: str | None = None,
    drops: Sequence[str] = (),
    revision: str | None = None,
    filename: str | None = None,
    like: str | Path | None = None,
    device: str | torch.device | None = None,
    dtype: str | torch.dtype | None = None,
    **overrides: Any,
) -> Network:
    """A network in evaluation mode, from a checkpoint in any layout known here, original or converted.

        model = load_any_dpt("hybrid.safetensors")
        model = load_any_dpt("latest.pth", family="depth_anything_v2", max_depth=20, state="ema")
        model = load_any_dpt("hybrid.onnx", device="cuda")
        model = load_any_dpt("dinov2_vits14_nyu_dpt_head.pth", backbone="dinov2_vits14_pretrain.pth")  # a model in two files
        model = load_any_dpt(torch.load("latest.pth"), family="depth_anything_v2")  # what is in memory already, and has no name that tells

    The source is a file, a folder, a repository on the Hugging Face Hub (with its `revision` and a `filename` in it), `zoo:NAME`, an open file,
    the bytes of one, or a dictionary of tensors, which may lie in it as deep as in a file and are copied. All give the same model. `family`, `state` and
    `drops` are the options `--family`, `--state` and `--drop` of the command line; all other keywords are settings, such as `max_depth=20`.
    An ONNX file becomes a network that ONNX Runtime computes; where it does not say what it is, `like` names a checkpoint of the same model,
    and so it does for a plain `model.state_dict()` of a network from here.
    `device` and `dtype` say where the network computes and in which type, such as device="cuda", dtype="float16"; weights go there straight
    from the file. By default that is torch's own device, and the file's own type, or the widest one if it mixes several; on a processor
    without arithmetic for half precision such weights are widened to float32, which a warning says. On a card float32 is exact, unlike
    torch's default; dtype="tf32" rounds products, which is faster. `model_defs.fast.freeze(model)` makes convolutional networks a little
    faster still: their weights are constants from then on. `model.save("tuned.safetensors")` keeps what it has become.
    """
    with ExitStack() as stack:
        source = stack.enter_context(readable(path_or_repo, state, drops))
        half = stack.enter_context(readable(backbone, drops=drops)) if backbone is not None else None
        options = ReadOptions(family, overrides, state, tuple(drops), revision, filename, backbone=half, like=like)
        matched = read(source, options)
        tell_assumptions(matched)
        network = load(matched, Placement(device, dtype))
        if matched.graph is None:
            is_in_memory = isinstance(source, Checkpoint) or isinstance(half, Checkpoint)
            network.origin = origin_in_memory(matched, network) if is_in_memory else FileOrigin(matched)
        return network
