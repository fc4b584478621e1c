"""Networks of every kind are followed for every size, and their graphs give what they give."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from model_defs.build import build
from model_defs.config import ImageConfig
from model_defs.network import Network
from muggle_convert.exporting.onnx.interface import interface
from muggle_convert.exporting.onnx.trace import traced
from muggle_convert.exporting.onnx.trials import trials
from muggle_convert.exporting.onnx.writing import save
from tests.configurations import ROWS, SMALL

QUICK = ("dpt_vit, segmentation",)  # each takes ten seconds or more
OTHERS = (
    "Depth Anything 3, any view",
    "Depth Anything 3, mono",
    "DINOv2's head, as released",
    "DINOv2's linear head",
    "DUSt3R, two decoders",
    "MASt3R, six channels",
    "Prompt-Depth-Anything, as released",
    "VGGT, two heads of the pairs",
)


CASES = (*SMALL, *OTHERS)


def network_of(name: str) -> Network:
    if name in SMALL:
        return SMALL[name].network()
    torch.manual_seed(0)
    network = build(ROWS[name].make()).eval()
    with torch.no_grad():
        for tensor in filter(torch.Tensor.is_floating_point, (*network.parameters(), *network.buffers())):
            if tensor.min() == tensor.max():
                tensor += 0.8 * (torch.rand_like(tensor) - 0.5)
            elif tensor.ndim > 1:
                nn.init.kaiming_normal_(tensor, nonlinearity="linear")
    return network


def shown(image: ImageConfig) -> ImageConfig:
    """Sizes at which float32 can tell what is right: on maps of two pixels, a norm over them makes a coin toss of near equals, and on large ones
    a choice of bins or an exponential under drawn weights brings rounding alone to the bound. Where sides are free they are not whole patches."""
    return replace(image, size=115 if image.multiple == 1 else 112, size_across=None)


@pytest.mark.parametrize("name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.full) for name in CASES])
def test_a_graph_gives_what_its_network_gives(name: str, tmp_path: Path) -> None:
    network = network_of(name)
    network.config = replace(network.config, image=shown(network.config.image))
    faces = interface(network, None)
    model, _ = traced(network, faces)
    save(model, tmp_path / "x.onnx")
    found = trials(network, tmp_path / "x.onnx", faces, None)
    assert not [trial.problem for trial in found if trial.problem]
    assert all(trial.error is not None and trial.error < 5e-4 for trial in found), found
