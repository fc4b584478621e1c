"""Every network is one graph for torch's compiler and its exporter, and the kernels are nowhere in it."""

from __future__ import annotations

import pytest
import torch

from model_defs import fast
from tests.configurations import SMALL

_FIRST = {small.config.encoder.kind: name for name, small in reversed(SMALL.items())}  # one of each kind of encoder is enough by default
of_every_network = pytest.mark.parametrize(
    "name", [name if name in _FIRST.values() else pytest.param(name, marks=pytest.mark.full) for name in SMALL]
)


@pytest.fixture(autouse=True)
def nothing_compiled_before() -> None:
    torch._dynamo.reset()


@of_every_network
@pytest.mark.parametrize("backend", ["eager", *(pytest.param(name, marks=pytest.mark.full) for name in ("aot_eager", "inductor"))])
def test_a_network_compiles_as_one_graph(name: str, backend: str) -> None:
    network, images = SMALL[name].network(), SMALL[name].images()
    fast.install(network)
    with torch.no_grad():
        torch.testing.assert_close(torch.compile(network, backend=backend, fullgraph=True)(images), network(images), rtol=0, atol=1e-4)


@of_every_network
def test_a_network_is_exported_for_batches_of_any_size_with_torchs_own_operators(name: str) -> None:
    network, images = SMALL[name].network(), SMALL[name].images(3)
    fast.install(network)
    batch = {0: torch.export.Dim("batch")}
    with torch.no_grad():
        exported = torch.export.export(network, (images[:2],), dynamic_shapes=(batch,), strict=False)
        assert not any("mkldnn" in str(node.target) for node in exported.graph.nodes)
        for count in (1, 3):
            torch.testing.assert_close(exported.module()(images[:count]), network(images[:count]), rtol=0, atol=1e-4)


OTHERS = [pytest.param(name, marks=pytest.mark.full) for name in ("dpt_hybrid", "dpt_next_vit", "midas_v21_small")]


@pytest.mark.parametrize("name", ["dpt_vit", "midas_v21", *OTHERS])
def test_networks_that_take_many_sizes_are_exported_for_many(name: str) -> None:
    network = SMALL[name].network()
    side = torch.export.Dim.AUTO
    with torch.no_grad():
        sides = ({2: side, 3: side},)
        exported = torch.export.export(network, (torch.zeros(2, 3, 128, 160),), dynamic_shapes=sides, strict=False).module()
        images = torch.randn(2, 3, 96, 192)
        torch.testing.assert_close(exported(images), network(images), rtol=0, atol=1e-4)
