"""The ways there are to run a finished network many times on inputs of one shape."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from itertools import chain
from typing import Any, TypeAlias, TypeVar

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from model_defs.fast.freezing import freeze
from model_defs.network import Network

AnyNetwork = TypeVar("AnyNetwork", bound=Network)
Run: TypeAlias = Callable[..., Any]  # as a network is called: tensors in, one or several out
Way: TypeAlias = Callable[[Network, tuple[Tensor, ...]], Run]


def ready_ways(device: torch.device) -> Mapping[str, Way]:
    """Those worth trying on a device. A processor is left out of compilers: torch's own products are slower than the kernels here."""
    return WAYS.get(device.type, {"compiled": compiled})


def sharing_weights(network: AnyNetwork) -> AnyNetwork:
    """Modules of its own on the same tensors, so that kernels, constants and layouts can differ."""
    return copy.deepcopy(network, {id(tensor): tensor for tensor in chain(network.parameters(), network.buffers())})


def constants(network: Network, inputs: tuple[Tensor, ...]) -> Run:
    """What follows from weights alone is computed once."""
    own = sharing_weights(network)
    freeze(own)
    return own


def channels_last(network: Network, inputs: tuple[Tensor, ...]) -> Run:
    """Filters lie in memory as convolutions read them, so that they are not brought into that order for every image."""
    own = sharing_weights(network)
    for module in own.modules():
        if isinstance(module, nn.Conv2d):
            module.weight = nn.Parameter(module.weight.detach().contiguous(memory_format=torch.channels_last), requires_grad=False)
    freeze(own)
    return own


def graph(network: Run, inputs: tuple[Tensor, ...]) -> Run:
    """The card repeats what it was told once, without a processor that tells it each step."""
    given = tuple(one.clone() for one in inputs)
    beside = torch.cuda.Stream()
    beside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(beside):  # what is prepared at a first call must not be part of the graph
        for _ in range(3):
            network(*given)
    torch.cuda.current_stream().wait_stream(beside)
    captured = torch.cuda.CUDAGraph()
    with torch.cuda.graph(captured):
        made = network(*given)

    def repeat(*inputs: Tensor) -> Any:
        for mine, theirs in zip(given, inputs, strict=True):
            mine.copy_(theirs)
        captured.replay()
        return tree_map(torch.clone, made)  # the next image is written over it

    return repeat


def compiled(network: Network, inputs: tuple[Tensor, ...]) -> Run:
    """Steps that torch's compiler joined into fewer ones, for this shape alone."""
    own = sharing_weights(network)
    run: Run = torch.compile(own, dynamic=False)
    return run


def graph_of_compiled(network: Network, inputs: tuple[Tensor, ...]) -> Run:
    return graph(compiled(network, inputs), inputs)


WAYS: Mapping[str, Mapping[str, Way]] = {
    "cpu": {"constants": constants, "channels last": channels_last},
    "cuda": {"graph": graph, "compiled": graph_of_compiled},
}
