"""The parameters, FLOPs and output shapes of each part of a network for an input of some size, found without any weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from model_defs.build import build
from model_defs.config import DPTConfig

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Part:
    """One part, with all parts inside it."""

    parameters: int
    flops: int  # of convolutions and matrix products, two per multiply-add
    outputs: tuple[Shape, ...]  # without the batch; none of a part that runs only when asked for


def measure(config: DPTConfig, rows: int, columns: int) -> Mapping[str, Part]:
    """Every named part in the order of the network, and the whole network under the empty name."""
    with torch.device("meta"):
        # In half precision no network inspects values to decide how to compute; on the meta device there are none to inspect.
        network = build(config).eval().to(torch.bfloat16)
        image = torch.empty(1, config.image.channels, rows, columns, dtype=torch.bfloat16)
    outputs: dict[str, tuple[Shape, ...]] = {}
    for name, module in network.named_modules():
        module.register_forward_hook(_recorder(outputs, name))
    with FlopCounterMode(display=False) as counter, torch.no_grad():  # inference mode counts the same, slower
        network(*network.trial(image))
    counts: Mapping[str, Mapping[Any, int]] = counter.get_flop_counts()
    root = type(network).__name__
    return {
        name: Part(
            sum(map(Tensor.numel, module.parameters())), sum(counts.get(f"{root}.{name}".rstrip("."), {}).values()), outputs.get(name, ())
        )
        for name, module in network.named_modules()
        if name in outputs or name in dict(network.named_children())
    }


def _recorder(outputs: dict[str, tuple[Shape, ...]], name: str) -> Any:
    def record(module: nn.Module, inputs: object, output: object) -> None:
        outputs[name] = tuple(tuple(tensor.shape[1:]) for tensor in _tensors(output))

    return record


def _tensors(output: object) -> Iterator[Tensor]:
    if isinstance(output, Tensor):
        yield output
    elif isinstance(output, (list, tuple, dict)):
        for one in output.values() if isinstance(output, dict) else output:
            yield from _tensors(one)
