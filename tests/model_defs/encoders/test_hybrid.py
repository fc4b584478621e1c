from __future__ import annotations

import pytest
import torch

from model_defs.encoders.hybrid import StandardizedConvolution


def test_filters_have_mean_zero_and_deviation_one_when_they_are_applied() -> None:
    filters = StandardizedConvolution(8, 32, 3).standardized()
    torch.testing.assert_close(filters.mean(dim=(1, 2, 3)), torch.zeros(32), atol=1e-6, rtol=0)
    torch.testing.assert_close(filters.std(dim=(1, 2, 3), correction=0), torch.ones(32))


def test_scaling_and_shifting_a_filter_changes_nothing() -> None:
    convolution = StandardizedConvolution(8, 32, 3)
    before = convolution.standardized().detach()
    with torch.no_grad():
        convolution.weight.mul_(7).add_(3)
    torch.testing.assert_close(convolution.standardized().detach(), before, rtol=1e-3, atol=1e-4)


def test_filters_that_half_precision_could_not_square_are_standardised_all_the_same() -> None:
    convolution = StandardizedConvolution(8, 32, 3)
    with torch.no_grad():
        convolution.weight.mul_(1e-2)
    exact = convolution.standardized().detach()
    torch.testing.assert_close(convolution.half().standardized().detach().float(), exact, rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize(("kernel_size", "before"), [(7, 2), (3, 0), (1, 0)])
def test_halving_pads_more_after_the_map_than_before_it(kernel_size: int, before: int) -> None:
    convolution = StandardizedConvolution(1, 32, kernel_size, stride=2)
    convolution.norm = torch.nn.Identity()
    image = torch.zeros(1, 1, 8, 8)
    image[0, 0, 4, 4] = 1.0  # which the filter at (2, 2) sees at the place that says how far before its own pixel it begins
    seen = convolution(image)
    assert seen.shape == (1, 32, 4, 4)
    torch.testing.assert_close(seen[0, :, 2, 2], convolution.standardized()[:, 0, before, before])
