from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from muggle_convert import load_any_dpt
from tests.goldens import golden


@pytest.fixture(params=["vit", "vit_seg_19", "hybrid", "hybrid_kitti", "beit"])
def network(request: pytest.FixtureRequest, tmp_path: Path) -> nn.Module:
    return load_any_dpt(golden(request.param).save(tmp_path))


@pytest.mark.parametrize(("height", "width", "near"), [(50, 64, "48 x 64"), (64, 70, "64 x 64"), (7, 32, "16 x 32"), (0, 32, "16 x 32")])
def test_a_side_that_patches_do_not_divide_is_refused_with_one_that_they_do(network: nn.Module, height: int, width: int, near: str) -> None:
    with pytest.raises(ValueError, match=f"multiples of 16, got {height} x {width}; {near} is near"):
        network(torch.zeros(1, 3, height, width))


def test_grids_that_the_decoder_cannot_halve_evenly_are_fine(network: nn.Module) -> None:
    with torch.inference_mode():
        assert network(torch.zeros(1, 3, 48, 80)).shape[-2:] == (48, 80)
        assert network(torch.zeros(1, 3, 16, 16)).shape[-2:] == (16, 16)


def test_every_parameter_gets_a_gradient(network: nn.Module) -> None:
    image = golden("vit").inputs()[0].requires_grad_()
    network(image).sum().backward()
    assert image.grad is not None and image.grad.any()
    assert [name for name, tensor in network.named_parameters() if tensor.grad is None or not tensor.grad.any()] == []


def test_a_batch_is_what_its_images_are_one_by_one(network: nn.Module) -> None:
    images = golden("vit").inputs()[1]
    with torch.inference_mode():
        together, apart = network(images), torch.cat([network(image[None]) for image in images])
    torch.testing.assert_close(together, apart, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_close(network: nn.Module, dtype: torch.dtype) -> None:
    image = golden("vit").inputs()[0]
    with torch.inference_mode():
        exact, rounded = network(image), network.to(dtype)(image.to(dtype))
    assert rounded.dtype is dtype
    assert (rounded.float() - exact).abs().mean() < 0.1 * exact.std()


def test_an_exported_network_predicts_the_same(network: nn.Module) -> None:
    image = golden("vit").inputs()[1]
    exported = torch.export.export(network, (image,)).module()
    torch.testing.assert_close(exported(image), network(image), rtol=1e-4, atol=1e-4)
