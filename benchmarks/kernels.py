"""Whether the way that was chosen is the faster one: a network's kernels beside plain torch, on every shape of one prediction."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from functools import partial
from typing import Any

import torch

from benchmarks.cases import chosen, drawn
from benchmarks.measure import clock_for, in_turn
from model_defs.fast import freeze
from model_defs.fast.choosing import described
from model_defs.fast.installing import remove
from model_defs.fast.kernel import installed
from model_defs.network import Network

MATTERS = 0.001  # seconds; below it the clock says more about the machine than about the kernel
ALLOWED = 1.1  # times as long as plain torch


def kernels(arguments: argparse.Namespace) -> None:
    """A row for each shape; ends with 1 where one takes more than a tenth longer than plain torch."""
    from muggle_convert import load_any_dpt

    torch.set_num_threads(arguments.threads)
    slower, clock = 0, clock_for(arguments.threads)
    print("| case | kernel and shape | seconds | plain | plain / chosen |\n|---|---|---|---|---|", flush=True)
    for case in chosen(arguments):
        path = drawn(case, arguments.folder)
        mine, plain = load_any_dpt(path, **case.options), load_any_dpt(path, **case.options)
        freeze(mine), remove(plain)
        inputs = mine.trial(torch.randn(1, 3, *[arguments.size[0]] * 2)) if arguments.size else case.inputs()[0]
        with torch.inference_mode():
            for what, name, given in _shapes(mine, inputs if isinstance(inputs, tuple) else (inputs,)):
                mine_here, plain_here = mine.get_submodule(name), plain.get_submodule(name)
                first, second = in_turn(arguments.runs, partial(mine_here, *given), partial(plain_here, *given), clock=clock)
                if second.seconds < MATTERS:
                    continue
                ratio = second.seconds / first.seconds
                slower += ratio < 1 / ALLOWED
                print(f"| {case.name} | {what} | {first.seconds:.4f} | {second.seconds:.4f} | **{ratio:.2f}** |", flush=True)
    if slower:
        sys.exit(f"{slower} of these take more than a tenth longer than plain torch")


def _shapes(network: Network, inputs: tuple[torch.Tensor, ...]) -> Iterator[tuple[str, str, tuple[Any, ...]]]:
    """Every kernel and shape once: what it is, the name of a module that has it, and what that is given."""
    network(*inputs)  # decides
    places = {id(module): name for name, module in network.named_modules()}
    found: dict[str, tuple[str, tuple[Any, ...]]] = {}
    handles = []
    for module, kernel in list(installed(network)):

        def kept(module: torch.nn.Module, given: tuple[Any, ...], what: str = kernel.function.__name__) -> None:
            found.setdefault(described(what, module, given, is_frozen=False), (places[id(module)], given))

        handles.append(module.register_forward_pre_hook(kept))
    network(*inputs)
    for handle in handles:
        handle.remove()
    for what, (name, given) in found.items():
        yield what, name, given
