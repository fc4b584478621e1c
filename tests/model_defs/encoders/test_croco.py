from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from model_defs.build import build
from model_defs.config import CroCoConfig, DepthHeadConfig, DPTConfig, FusionConfig, ImageConfig, OutputConfig, ReassembleConfig
from model_defs.dpt import DPT
from model_defs.networks.dust3r import points

CONFIG = DPTConfig(
    family="dust3r",
    encoder=CroCoConfig(32, 2, 2, 64, 16, 16, 4, 2, 32, True, 100.0, (0, 2, 3, 4)),
    reassemble=ReassembleConfig((8, 12, 16, 20), "none"),
    fusion=FusionConfig((8,) * 4, "double and crop"),
    head=DepthHeadConfig(8, 6, 4, "double"),
    image=ImageConfig(3, 512, True, "at most", 16, (0.5,) * 3, (0.5,) * 3),
    output=OutputConfig("points", "exp"),
)


@pytest.fixture
def network() -> DPT:
    torch.manual_seed(0)
    return build(CONFIG).eval()


def views(batch: int, *sides: tuple[int, int]) -> list[Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(batch, 3, *side, generator=generator) for side in sides]


def test_points_lie_in_the_direction_of_the_three_channels_at_an_exponential_distance() -> None:
    assert torch.allclose(points(torch.tensor([0.0, 3.0, 4.0])), torch.tensor([0.0, 0.6, 0.8]) * (torch.tensor(5.0).exp() - 1))
    assert torch.equal(points(torch.zeros(3)), torch.zeros(3))


@pytest.mark.parametrize("sides", [((32, 48), (32, 48)), ((80, 48), (80, 48)), ((48, 80), (80, 48)), ((16, 16), (112, 16))])
def test_views_of_any_sizes_in_steps_of_a_patch(network: DPT, sides: tuple[tuple[int, int], tuple[int, int]]) -> None:
    maps = network(*views(2, *sides))
    for number, (height, width) in enumerate(sides, 1):
        assert maps[f"pts3d_{number}"].shape == (2, height, width, 3) and maps[f"conf_{number}"].shape == (2, height, width)


def test_other_sizes_are_refused_with_one_that_is_near(network: DPT) -> None:
    with pytest.raises(ValueError, match="multiples of 16, got 40 x 48; 32 x 48"):
        network(*views(1, (32, 48), (40, 48)))


def test_views_without_a_partner_are_refused(network: DPT) -> None:
    with pytest.raises(ValueError, match="2 first and 1 second"):
        network(views(2, (32, 32))[0], views(1, (32, 32))[0])


def test_two_pairs_together_are_what_they_are_alone(network: DPT) -> None:
    first, second = views(2, (32, 48), (32, 48))
    together = network(first, second)
    for number in range(2):
        alone = network(first[number : number + 1], second[number : number + 1])
        assert all(torch.allclose(together[name][number], alone[name][0], atol=1e-5) for name in alone)


def test_the_order_of_the_views_matters(network: DPT) -> None:
    first, second = views(1, (32, 48), (32, 48))
    assert not torch.allclose(network(first, second)["pts3d_1"], network(second, first)["pts3d_2"], atol=1e-3)


@pytest.mark.parametrize("two_decoders", [True, False])
def test_every_weight_learns(two_decoders: bool) -> None:
    assert isinstance(CONFIG.encoder, CroCoConfig)
    network = build(replace(CONFIG, encoder=replace(CONFIG.encoder, two_decoders=two_decoders)))
    sum(one.square().sum() for one in network(*views(1, (32, 48), (32, 48))).values()).backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_half_precision_is_close(network: DPT) -> None:
    pair = views(1, (32, 48), (32, 48))
    expected = network(*pair)
    found = network.bfloat16()(*(view.bfloat16() for view in pair))
    for name, maps in expected.items():
        assert (found[name].float() - maps).abs().mean() <= 0.03 * maps.abs().mean()


def test_it_compiles_as_one_graph(network: DPT) -> None:
    torch._dynamo.reset()
    pair = views(1, (32, 48), (32, 48))
    with torch.no_grad():
        compiled = torch.compile(network, backend="eager", fullgraph=True)(*pair)
        assert all(torch.allclose(compiled[name], maps, atol=1e-4) for name, maps in network(*pair).items())


def test_it_is_exported_for_pairs_of_any_number(network: DPT) -> None:
    batch = {0: torch.export.Dim("batch")}
    with torch.no_grad():
        exported = torch.export.export(network, tuple(views(2, (32, 48), (48, 32))), dynamic_shapes=(batch, batch), strict=False).module()
        pairs = views(3, (32, 48), (48, 32))
        found = exported(*pairs)
        assert all(torch.allclose(found[name], maps, atol=1e-4) for name, maps in network(*pairs).items())
