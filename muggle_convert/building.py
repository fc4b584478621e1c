"""The network of a checkpoint, built without weights and then given the file's own bytes as weights."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Set
from functools import reduce

import torch
from torch import Tensor

from model_defs.build import build
from model_defs.fast import install
from model_defs.network import Network
from model_defs.precision import kept_in_float32
from muggle_convert.checkpoints import printable
from muggle_convert.checkpoints.tensor_bytes import MappedFiles, verify_checksums
from muggle_convert.errors import Notice, Refusal, as_told
from muggle_convert.identify.as_torch import tensor_of
from muggle_convert.identify.dropped import check_dropped
from muggle_convert.identify.graphs import runnable
from muggle_convert.identify.match import Match
from muggle_convert.identify.translation import UNUSED
from muggle_convert.onnx.running import graph_network
from muggle_convert.placement import Placement, is_half
from muggle_convert.plan import plan
from muggle_convert.predict.known_kernels import recall
from muggle_convert.predict.predictor import with_predict

MOST_SAID = 300  # characters of torch's own message, which may name every tensor


def load(matched: Match, placement: Placement = Placement()) -> Network:
    """The network of a match, its weights mapped from the file, and copied once where they belong elsewhere or in another type; a graph takes the
    place of its parts."""
    if matched.graph is not None:
        return with_predict(graph_network(matched.config, matched.graph, runnable(matched.checkpoint), placement).eval())
    check_dropped(matched)
    settled = plan(matched)
    verify_checksums({entry.record for output in settled.outputs for entry, _ in output.made.runs if entry is not None})
    with as_told(f"{printable(matched.checkpoint.name)} describes a network that cannot be built"), torch.device("meta"):
        model = build(matched.config)
    files = MappedFiles()
    weights = _placed(
        {output.name: tensor_of(output.made, files) for output in settled.outputs if not output.name.startswith(UNUSED)},
        placement,
        kept_in_float32(model),
    )
    aliases = {**(matched.document.aliases if matched.document else {}), **settled.aliases}
    weights |= {alias: weights[name] for alias, name in aliases.items()}
    try:
        model.load_state_dict(weights, strict=True, assign=True)
    except RuntimeError as problem:
        file, said = printable(matched.checkpoint.name), " ".join(str(problem).split())[:MOST_SAID]
        raise Refusal(f"{file} does not fill the network its configuration describes: {said}") from None
    model.exact = placement.is_exact
    recall()
    install(model)
    return with_predict(model.eval())


def _placed(weights: Mapping[str, Tensor], placement: Placement, kept: Set[str]) -> dict[str, Tensor]:
    """Torch multiplies only numbers of one type; if a file mixes several, the narrower ones are widened, which is exact. Some keep float32 where others
    are in half precision."""
    floating = {tensor.dtype for tensor in weights.values() if tensor.is_floating_point()} or {torch.float32}
    dtype = placement.element_type(reduce(torch.promote_types, floating))
    if is_half(dtype) and kept >= weights.keys():
        warnings.warn("this network outgrows half precision: it is computed in float32", Notice, stacklevel=2)
    types = {name: torch.float32 if name in kept and is_half(dtype) else dtype for name in weights}
    placed = {
        name: tensor.to(placement.place, types[name] if tensor.is_floating_point() else tensor.dtype) for name, tensor in weights.items()
    }
    if dtype is torch.float16:
        for name, tensor in placed.items():
            if tensor.dtype is dtype and not tensor.isfinite().all() and weights[name].isfinite().all():
                raise Refusal(f"{name} holds numbers beyond the range of float16; bfloat16 and float32 can hold them.")
    return placed
