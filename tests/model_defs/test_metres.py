"""A network that turns its prediction over, from inverse depth to metres."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from model_defs.config import OutputConfig
from tests.configurations import SMALL

RELATIVE = SMALL["dpt_hybrid"]
METRIC = replace(RELATIVE, config=replace(RELATIVE.config, output=OutputConfig("metric depth", "relu", scale=2.0, shift=0.5, invert=True)))


def test_every_weight_learns_through_the_inversion() -> None:
    network = METRIC.network()
    network(METRIC.images()).sum().backward()
    assert [name for name, weight in network.named_parameters() if weight.grad is None or not weight.grad.any()] == []


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_enough_for_it(dtype: torch.dtype) -> None:
    images = METRIC.images()
    with torch.inference_mode():
        expected, found = METRIC.network()(images), METRIC.network().to(dtype)(images.to(dtype))
    assert (found.float() - expected).abs().mean() < 16 * torch.finfo(dtype).eps * expected.std()
