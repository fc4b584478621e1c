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
from muggle_convert.checkpoints import DType, TensorEntry, printable
from muggle_convert.checkpoints.tensor_bytes import MappedFiles, gathered, tensor_chunks, verify_checksums
from muggle_convert.errors import Notice, Refusal, as_told
from muggle_convert.identify.dropped import check_dropped
from muggle_convert.identify.graphs import runnable
from muggle_convert.identify.match import Match
from muggle_convert.identify.translation import UNUSED
from muggle_convert.onnx.running import graph_network
from muggle_convert.placement import Placement, is_half
from muggle_convert.plan import Output, plan
from muggle_convert.predict.known_kernels import recall
from muggle_convert.predict.predictor import with_predict

TORCH_TYPES = {
    DType.F64: torch.float64, DType.F32: torch.float32, DType.F16: torch.float16, DType.BF16: torch.bfloat16,
    DType.I64: torch.int64, DType.I32: torch.int32, DType.I16: torch.int16, DType.I8: torch.int8, DType.U8: torch.uint8, DType.BOOL: torch.bool,
}  # fmt: skip
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
        {output.name: _tensor(output, files) for output in settled.outputs if not output.name.startswith(UNUSED)},
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


def _tensor(output: Output, files: MappedFiles) -> Tensor:
    parts = [
        torch.zeros(run.count, dtype=TORCH_TYPES[output.dtype])
        if entry is None
        else _elements(entry, files)[run.start : run.start + run.count]
        for entry, run in output.made.runs
    ]
    return (parts[0] if len(parts) == 1 else torch.cat(parts)).view(output.shape)


def _elements(entry: TensorEntry, files: MappedFiles) -> Tensor:
    """All elements of a stored tensor in order: the mapped file itself if it stores them so, otherwise a copy."""
    dtype = TORCH_TYPES.get(entry.dtype)
    if dtype is None:
        raise Refusal(
            f"{printable(entry.name)} holds {entry.dtype.code}, in which no network here can compute; convert it with --dtype float32 first."
        )
    if not entry.count:
        return torch.empty(0, dtype=dtype)
    if entry.is_in_order and not entry.record.deflated:
        return torch.frombuffer(files.record(entry.record), dtype=dtype, count=entry.count, offset=entry.offset)
    return torch.frombuffer(gathered(tensor_chunks(entry)), dtype=dtype)
