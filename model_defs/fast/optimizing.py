"""A network for many images of few sizes: for each size every way to run it is tried once, and the fastest that agrees is kept.

What it costs is the time of the trials, and memory: constants and graphs are held beside the weights.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from model_defs.fast.kernel import in_inference
from model_defs.fast.ways import AnyNetwork, Run, ready_ways, sharing_weights
from model_defs.network import Network

MOST_SIZES = 8  # that are prepared; a graph for each holds all of its intermediate results
OFTEN = 3  # times that a size is seen before it is worth preparing
ROUNDS = 5  # of all ways in turn; the shortest counts
BOUNDS = {torch.float16: 3e-2, torch.bfloat16: 3e-1}  # what these types are off by themselves (docs/precision.md), in standard deviations
EXACT = 5e-4  # of every other type


@dataclass(frozen=True)
class Trial:
    """What became of one way to run a network on inputs of one shape."""

    way: str
    shapes: tuple[tuple[int, ...], ...]
    problem: str = ""  # why it cannot run; all else is then 0
    warm_up: float = 0.0  # seconds until it was ready
    seconds: float = 0.0  # of a prediction
    error: float = 0.0  # the largest difference from the plain network, in standard deviations of its prediction
    is_taken: bool = False

    def __str__(self) -> str:
        sizes = " and ".join(" x ".join(map(str, shape)) for shape in self.shapes)
        if self.problem:
            return f"{sizes}, {self.way}: cannot run: {self.problem}"
        taken = ", taken" if self.is_taken else ""
        return f"{sizes}, {self.way}: {1000 * self.seconds:.2f} ms, off by {self.error:.0e}, ready after {self.warm_up:.1f} s{taken}"


def optimized(network: AnyNetwork, sizes: tuple[tuple[int, int], ...], batch: int) -> AnyNetwork:
    """A second network over the same weights, as they are now, that runs each size the fastest way."""
    if len(sizes) > MOST_SIZES:
        raise ValueError(f"expected at most {MOST_SIZES} sizes, got {len(sizes)}; a graph is kept for each")
    for size in sizes:
        network.check_size(*size)
    quick, forward = sharing_weights(network), OptimizedForward(network)
    vars(quick)["forward"], vars(quick)["trials"] = forward, forward.trials
    like = next(network.parameters())
    with torch.inference_mode(), network.exactly():
        for height, width in sizes:
            image = torch.randn(batch, network.config.image.channels, height, width, device=like.device, dtype=network.dtype)
            forward.prepare(network.trial(image))
    return quick


class OptimizedForward:
    """What stands in for a network's `forward`, and falls back to the plain network for every size that is not prepared."""

    def __init__(self, plain: Network) -> None:
        self.plain = plain
        self.trials: list[Trial] = []
        self._taken: dict[tuple[object, ...], Run] = {}
        self._seen: Counter[tuple[object, ...]] = Counter()

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        if named or not in_inference() or not all(isinstance(one, Tensor) for one in inputs):
            return self.plain(*inputs, **named)
        key = _key(inputs)
        if key not in self._taken and len(self._taken) < MOST_SIZES:
            self._seen[key] += 1
            if self._seen[key] == OFTEN:
                self.prepare(inputs)
        return self._taken.get(key, self.plain)(*inputs)

    def prepare(self, inputs: tuple[Tensor, ...]) -> None:
        """Try every way there is on this device, the plain one among them."""
        expected, shapes = self.plain(*inputs), tuple(tuple(one.shape) for one in inputs)
        ready: dict[str, tuple[Run, float]] = {}
        for name, way in {"plain": lambda network, _: network, **ready_ways(inputs[0].device)}.items():
            start = time.perf_counter()
            try:
                run = way(self.plain, inputs)
                run(*inputs)
            except Exception as problem:  # compilers and graphs fail in many ways, and nothing is lost but speed
                self.trials.append(Trial(name, shapes, " ".join(f"{type(problem).__name__}: {problem}".split())[:200]))
            else:
                ready[name] = run, time.perf_counter() - start
        rounds = [{name: _seconds(run, inputs) for name, (run, _) in ready.items()} for _ in range(ROUNDS)]
        seconds = {name: min(one[name] for one in rounds) for name in ready}
        errors = {name: _difference(run(*inputs), expected) for name, (run, _) in ready.items()}
        bound = BOUNDS.get(inputs[0].dtype, EXACT)
        best = min((name for name in ready if errors[name] <= bound), key=lambda name: seconds[name], default="plain")
        for name, (_, warm_up) in ready.items():
            self.trials.append(Trial(name, shapes, "", warm_up, seconds[name], errors[name], name == best))
        self._taken[_key(inputs)] = ready[best][0]

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Network]]:
        """A copy finds out anew: graphs are bound to the memory that they were made on."""
        return OptimizedForward, (self.plain,)


def _key(inputs: tuple[Tensor, ...]) -> tuple[object, ...]:
    return tuple((one.shape, one.dtype, one.device) for one in inputs)


def _seconds(run: Run, inputs: tuple[Tensor, ...]) -> float:
    start = time.perf_counter()
    run(*inputs)
    if inputs[0].device.type != "cpu":  # which answers before it is done
        torch.accelerator.synchronize()
    return time.perf_counter() - start


def _difference(found: Any, expected: Any) -> float:
    """The largest of all outputs; infinite where one of them is no number and the plain network's is."""
    errors = [
        float((one.double() - other.double()).abs().max() / other.double().std().clamp_min(1e-12))
        for one, other in zip(tree_leaves(found), tree_leaves(expected), strict=True)
    ]
    return max(error if error == error else float("inf") for error in errors)
