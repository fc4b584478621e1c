from __future__ import annotations

import pytest
import torch

from model_defs.build import build
from model_defs.precision import kept_in_float32
from tests.configurations import ROWS, SMALL


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_predicts_the_same_but_for_some_steps_of_its_precision(name: str, dtype: torch.dtype) -> None:
    images = SMALL[name].images()
    with torch.inference_mode():
        expected = SMALL[name].network()(images)
        prediction = SMALL[name].network().to(dtype)(images.to(dtype))
    assert prediction.dtype is dtype
    assert (prediction.float() - expected).abs().mean() < 16 * torch.finfo(dtype).eps * expected.std()


@pytest.mark.parametrize("name", SMALL)
def test_double_precision_shows_that_single_precision_is_enough(name: str) -> None:
    images = SMALL[name].images()
    with torch.inference_mode():
        expected = SMALL[name].network().double()(images.double())
        prediction = SMALL[name].network()(images)
    assert (prediction - expected).abs().max() < 5e-5 * expected.std()


def test_scenes_in_half_precision_may_have_focal_lengths_that_it_cannot_hold() -> None:
    network = build(ROWS["Depth Anything 3, any view"].make()).eval()
    kept = kept_in_float32(network)
    weights = network.state_dict()
    network.load_state_dict({name: weight if name in kept else weight.half() for name, weight in weights.items()}, assign=True)
    with torch.no_grad():
        network.camera_decoder.angles.bias.fill_(-10)  # no angle of view at all
    with torch.inference_mode():
        seen = network.scene([*torch.randn(2, 3, 42, 42).half()])
    lengths = torch.stack([view.intrinsics[0, 0] for view in seen])
    assert network.dtype is torch.float16 and (lengths > torch.finfo(torch.float16).max).all() and lengths.isfinite().all()
    assert all(view.points.isfinite().all() for view in seen)
