"""The fast road on a CPU and the plain definitions lead to the same numbers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from model_defs.arithmetic import LONG, Convolution, Linear, LinearGELU, attention, goes_through_onednn
from torch import Tensor


def _random(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


def _attention(bias: Tensor | None) -> Callable[[Tensor], Tensor]:
    return lambda tokens: attention(tokens, tokens.flip(2), tokens.roll(1, 2), bias)


WORK: dict[str, tuple[Callable[[], Callable[[Tensor], Tensor]], Tensor]] = {
    "linear": (lambda: Linear(24, 40), _random(2, 9, 24)),
    "linear and GELU": (lambda: LinearGELU(24, 40), _random(2, 9, 24)),
    "convolution": (lambda: Convolution(6, 8, 3, stride=2, padding=1, groups=2), _random(2, 6, 15, 17)),
    "short attention": (lambda: _attention(None), _random(2, 3, LONG - 1, 16)),
    "long attention": (lambda: _attention(None), _random(2, 3, LONG + 50, 16)),
    "attention in several parts": (lambda: _attention(_random(1, 1, 1100, 1100)), _random(1, 1, 1100, 16)),
}


@pytest.mark.parametrize(("make", "value"), WORK.values(), ids=WORK)
def test_both_paths_lead_to_the_same(make: Callable[[], Callable[[Tensor], Tensor]], value: Tensor) -> None:
    torch.manual_seed(2)
    work = make()
    with torch.inference_mode():
        fast = work(value)
        with torch.backends.mkldnn.flags(enabled=False):
            assert not goes_through_onednn(value)
            plain = work(value)
    torch.testing.assert_close(fast, plain, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("value", [_random(2, 3).double(), _random(2, 3).bfloat16()], ids=["double", "bfloat16"])
def test_other_precisions_take_the_plain_road(value: Tensor) -> None:
    with torch.inference_mode():
        assert not goes_through_onednn(value)


def test_where_gradients_are_kept_the_plain_road_is_taken() -> None:
    assert not goes_through_onednn(_random(2, 3))
