"""Layers as rows of a table: each stands for its tensors, as the constructor of such a layer in a network does.

    linear("pretrained.blocks.{n}.mlp.fc1", "imgencoder.blocks.{n}.mlp.fc1", "mlp_width", "width")

The original's name comes first, and the network's second. None in the first place is a layer that no file of this layout has, and
`unread(why)` in the second one that the network never reads.
"""

from __future__ import annotations

from dataclasses import dataclass

from muggle_convert.rules.rows import Row, optional
from muggle_convert.rules.rule import Drop, Rule, rename, unused
from muggle_convert.rules.sizes import Size, Sizes
from muggle_convert.rules.templates import Template

Bias = bool | str  # whether there is one, or the path of the value that says so


@dataclass(frozen=True)
class Unread:
    """Stands where the network's name would, for a layer that it never reads."""

    reason: str
    originally: str | None = None  # what the original layout calls it, in a table of another one

    def named(self, name: str) -> Unread:
        return Unread(self.reason, f"{self.originally}.{name}" if self.originally else None)


Here = str | Unread


def unread(reason: str, originally: str | None = None) -> Unread:
    return Unread(reason, originally)


def tensor(original: str | None, here: Here, *sizes: Size) -> Rule | Drop:
    """One tensor, whose name is written out."""
    if isinstance(here, Unread):
        assert original is not None, "a layer that is in no file and in no network is nothing"
        return unused(original, here.reason, here.originally, sizes)
    return rename(original, here, sizes=sizes) if original is not None else Rule((), (Template(here),), sizes=(sizes,))


def linear(original: str | None, here: Here, outputs: Size, inputs: Size, bias: Bias = True) -> tuple[Row, ...]:
    return _weight_and_bias(original, here, (outputs, inputs), bias)


def convolution(original: str | None, here: Here, outputs: Size, inputs: Size, kernel: Size, bias: Bias = True) -> tuple[Row, ...]:
    """Over an image, with a square kernel; `inputs` are those of one group."""
    return _weight_and_bias(original, here, (outputs, inputs, kernel, kernel), bias)


def norm(original: str | None, here: Here, width: Size) -> tuple[Row, ...]:
    """A scale and a shift for each channel, as layer norm and group norm have them."""
    return tuple(_named(original, here, name, width) for name in ("weight", "bias"))


def batch_norm(original: str | None, here: Here, width: Size) -> tuple[Row, ...]:
    statistics = (_named(original, here, name, width) for name in ("running_mean", "running_var"))
    return (*norm(original, here, width), *statistics, _named(original, here, "num_batches_tracked"))


def normalized_convolution(original: str, original_norm: str, here: str, outputs: Size, inputs: Size, kernel: Size) -> tuple[Row, ...]:
    """A convolution whose bias the batch norm after it makes superfluous."""
    return (*convolution(original, here, outputs, inputs, kernel, bias=False), *batch_norm(original_norm, f"{here}.norm", outputs))


def _weight_and_bias(original: str | None, here: Here, sizes: Sizes, bias: Bias) -> tuple[Row, ...]:
    weight, shift = _named(original, here, "weight", *sizes), _named(original, here, "bias", sizes[0])
    if isinstance(bias, str):
        return weight, optional(bias, shift)
    return (weight, shift) if bias else (weight,)


def _named(original: str | None, here: Here, name: str, *sizes: Size) -> Rule | Drop:
    tensor_here = here.named(name) if isinstance(here, Unread) else f"{here}.{name}"
    return tensor(f"{original}.{name}" if original is not None else None, tensor_here, *sizes)
