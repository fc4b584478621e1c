from __future__ import annotations

import pytest
import torch

from tests.configurations import SMALL


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
