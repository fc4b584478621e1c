from __future__ import annotations

import pytest
import torch

from tests.configurations import SMALL


@pytest.fixture(autouse=True)
def nothing_compiled_before() -> None:
    torch._dynamo.reset()


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("backend", ["aot_eager", pytest.param("inductor", marks=pytest.mark.full)])
def test_a_network_compiles_as_one_graph(name: str, backend: str) -> None:
    network, images = SMALL[name].network(), SMALL[name].images()
    with torch.no_grad():
        torch.testing.assert_close(torch.compile(network, backend=backend, fullgraph=True)(images), network(images), rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", SMALL)
def test_a_network_is_exported_for_batches_of_any_size(name: str) -> None:
    network, images = SMALL[name].network(), SMALL[name].images(3)
    with torch.no_grad():
        exported = torch.export.export(network, (images[:2],), dynamic_shapes=({0: torch.export.Dim("batch")},)).module()
        for count in (1, 3):
            torch.testing.assert_close(exported(images[:count]), network(images[:count]), rtol=0, atol=1e-4)


OTHERS = [pytest.param(name, marks=pytest.mark.full) for name in ("dpt_hybrid", "dpt_next_vit", "midas_v21_small")]


@pytest.mark.parametrize("name", ["dpt_vit", "midas_v21", *OTHERS])
def test_networks_that_take_many_sizes_are_exported_for_many(name: str) -> None:
    network = SMALL[name].network()
    side = torch.export.Dim.AUTO
    with torch.no_grad():
        exported = torch.export.export(network, (torch.zeros(2, 3, 128, 160),), dynamic_shapes=({2: side, 3: side},)).module()
        images = torch.randn(2, 3, 96, 192)
        torch.testing.assert_close(exported(images), network(images), rtol=0, atol=1e-4)
