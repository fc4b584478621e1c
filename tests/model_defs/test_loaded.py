"""A network that was loaded consists of torch's own layers, and tools that look for those find them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from model_defs.encoders.hybrid import StandardizedConvolution
from model_defs.encoders.levit import NormalizedLinear
from model_defs.networks.levit import NormalizedTransposedConvolution
from model_defs.parts.convolution import NormalizedConvolution
from muggle_convert import load_any_dpt
from tests.goldens import golden

WITH_A_NORM_OF_THEIR_OWN = (NormalizedConvolution, StandardizedConvolution, NormalizedLinear, NormalizedTransposedConvolution)
LAYERS = (nn.Linear, nn.modules.conv._ConvNd, nn.LayerNorm, nn.GroupNorm, nn.modules.batchnorm._BatchNorm)
CASES = ("depth_anything_v2", "vit", "hybrid", "beit", "swin2", "levit", "next_vit_small_narrow", "midas_v21_g8", "midas_v21_small_narrow")


@pytest.mark.parametrize("case", CASES)
def test_every_layer_of_a_loaded_network_is_torchs_own_or_is_written_down_in_the_network(case: str, tmp_path: Path) -> None:
    network = load_any_dpt(golden(case).save(tmp_path), **golden(case).options)
    layers = {name: module for name, module in network.named_modules() if isinstance(module, LAYERS)}
    assert len(layers) > 20
    ours = {name for name, layer in layers.items() if not type(layer).__module__.startswith("torch.nn.")}
    assert ours == {name for name, layer in layers.items() if isinstance(layer, WITH_A_NORM_OF_THEIR_OWN)}


@pytest.mark.skipif(torch.backends.quantized.engine == "none", reason="this torch cannot compute with quantised weights")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("case", ["depth_anything_v2", "beit"])
def test_dynamic_quantisation_quantises_every_linear_layer_and_predicts_about_the_same(case: str, tmp_path: Path) -> None:
    network = load_any_dpt(golden(case).save(tmp_path), **golden(case).options)
    image = golden(case).inputs()[0]
    linear = {name for name, module in network.named_modules() if isinstance(module, nn.Linear)}
    quantised = torch.ao.quantization.quantize_dynamic(network, {nn.Linear})
    found = {name for name, module in quantised.named_modules() if isinstance(module, torch.ao.nn.quantized.dynamic.Linear)}
    assert found == linear and len(linear) >= 4 * len(network.get_submodule("imgencoder.blocks"))  # type: ignore[arg-type]
    with torch.inference_mode():
        expected, prediction = network(image), quantised(image)
    assert 0 < (prediction - expected).abs().mean() < 0.2 * expected.std()
