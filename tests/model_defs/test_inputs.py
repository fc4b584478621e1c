from __future__ import annotations

import re

import numpy as np
import pytest
import torch

from model_defs.dpt import DPT
from tests.configurations import SMALL
from tests.families.small import Small

SIZES = [(0, 64), (1, 1), (7, 9), (16, 16), (32, 32), (28, 42), (36, 44), (32, 96), (64, 80), (128, 128)]


@pytest.fixture(params=SMALL)
def small(request: pytest.FixtureRequest) -> Small:
    return SMALL[request.param]


@pytest.fixture
def network(small: Small) -> DPT:
    return small.network()


def test_predictions_are_as_large_as_the_images(small: Small, network: DPT) -> None:
    channels, images = small.config.head.channels, small.images(2)
    with torch.inference_mode():
        prediction = network(images)
    assert prediction.shape == (*images.shape[:-3], *((channels,) if channels > 1 else ()), small.height, small.width)


def test_images_of_a_batch_do_not_see_each_other(small: Small, network: DPT) -> None:
    images = small.images(2)
    with torch.inference_mode():
        together, apart = network(images), torch.cat([network(images[:1]), network(images[1:])])
    torch.testing.assert_close(together, apart, rtol=0, atol=1e-4)


def test_a_batch_of_no_images_has_no_predictions(small: Small, network: DPT) -> None:
    with torch.inference_mode():
        assert len(network(small.images(2)[:0])) == 0


def test_an_image_without_a_batch_is_refused_with_the_shape_it_should_have(small: Small, network: DPT) -> None:
    images = small.images()[0]
    with pytest.raises(ValueError, match=rf"shape \(batch, .*3, height, width\), got {re.escape(str(tuple(images.shape)))}"):
        network(images)


@pytest.mark.parametrize("channels", [1, 4])
def test_other_channels_are_refused_with_how_many_are_right(small: Small, network: DPT, channels: int) -> None:
    with pytest.raises(ValueError, match=f"expected 3 channels, got {channels}"):
        network(*network.trial(torch.zeros(1, channels, small.height, small.width)))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16])
def test_another_element_type_is_refused_with_the_right_one(small: Small, network: DPT, dtype: torch.dtype) -> None:
    with pytest.raises(ValueError, match=f"expected torch.float32 like the weights, got {dtype}"):
        network(*network.trial(torch.zeros(1, 3, small.height, small.width, dtype=dtype)))


def test_a_picture_is_refused_where_its_normalised_values_belong(small: Small, network: DPT) -> None:
    with pytest.raises(ValueError, match=r"normalised as config\.image says, got torch\.uint8") as refusal:
        network(*network.trial(torch.zeros(1, 3, small.height, small.width, dtype=torch.uint8)))
    assert "model.to" not in str(refusal.value)


def test_an_array_is_refused_with_how_to_make_a_tensor_of_it(small: Small, network: DPT) -> None:
    with pytest.raises(ValueError, match=r"expected a tensor, got ndarray; torch\.as_tensor"):
        network(np.zeros((1, 3, small.height, small.width)))


@pytest.mark.parametrize(("down", "across"), [(1, 0), (0, 1), (-1, 2)])
def test_a_size_that_does_not_fit_is_refused_with_one_that_does(small: Small, network: DPT, down: int, across: int) -> None:
    height, width = small.height + down, small.width + across
    with pytest.raises(ValueError, match=f"expected .*, got {height} x {width}") as refusal:
        network(*network.trial(torch.zeros(1, 3, height, width)))
    fitting = re.search(r"expected (\d+) x (\d+)|(\d+) x (\d+) is near", str(refusal.value))
    assert fitting is not None
    rows, columns = (int(side) for side in fitting.groups() if side)
    with torch.inference_mode():
        assert network(*network.trial(torch.zeros(1, 3, rows, columns))).shape[-2:] == (rows, columns)


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_every_size_is_predicted_or_refused_but_never_fails_inside(small: Small, network: DPT, height: int, width: int) -> None:
    with torch.inference_mode():
        try:
            prediction = network(*network.trial(torch.zeros(1, 3, height, width)))
        except ValueError as refusal:
            assert re.search(r"expected .*, got \d+ x \d+", str(refusal))
        else:
            assert prediction.shape[-2:] == (height, width)
