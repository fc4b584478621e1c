"""The kernels compute what the networks do, are used where they can be, and are in nobody's way."""

from __future__ import annotations

import copy
import io
import pickle
import weakref
from collections.abc import Callable, Iterator

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import prune

from model_defs import fast
from model_defs.config import DepthHeadConfig, FusionConfig, OutputConfig
from model_defs.encoders.hybrid import StandardizedConvolution
from model_defs.encoders.levit import NormalizedLinear
from model_defs.encoders.transformer import MLP, Attention
from model_defs.fast.attention import QUERIES, attend
from model_defs.fast.suiting import HAS_OPERATORS, has_onednn
from model_defs.parts.convolution import NormalizedConvolution
from model_defs.parts.fusion import RefineEnlargeProject, ResidualConvolution
from model_defs.parts.head import DepthHead
from tests.configurations import SMALL

needs_onednn = pytest.mark.skipif(not has_onednn(), reason="this torch is built without oneDNN, so that there is no fast path to take")


@pytest.fixture(autouse=True)
def kernels_are_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where all other tests run without them."""
    monkeypatch.setenv(fast.SWITCH, "fast")


def _random(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


def _fast(module: nn.Module) -> nn.Module:
    fast.install(module)
    return module.eval()


@pytest.fixture
def operators(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of oneDNN's operators, as they are called."""
    called: list[str] = []
    for name in ("_linear_pointwise", "_convolution_pointwise") if HAS_OPERATORS else ():

        def spy(*arguments: object, name: str = name, operator: Callable[..., Tensor] = getattr(torch.ops.mkldnn, name)) -> Tensor:
            called.append(name)
            return operator(*arguments)

        monkeypatch.setattr(torch.ops.mkldnn, name, spy)
    return called


LINEAR, CONVOLUTION = "_linear_pointwise", "_convolution_pointwise"
HEAD = (4, DepthHeadConfig(4, 6, 1, "to image"), OutputConfig("relative inverse depth", "relu"))
MODULES: dict[str, tuple[Callable[[], nn.Module], tuple[object, ...], list[str]]] = {
    "linear": (lambda: nn.Linear(24, 40), (_random(2, 9, 24),), [LINEAR]),
    "normalised linear": (lambda: NormalizedLinear(24, 40), (_random(2, 9, 24),), [LINEAR]),
    "MLP": (lambda: MLP(24, 40), (_random(2, 9, 24),), [LINEAR] * 2),
    "short attention": (lambda: Attention(24, 3), (_random(2, 9, 24),), [LINEAR] * 2),
    "long attention": (lambda: Attention(24, 3), (_random(2, 300, 24),), [LINEAR] * (2 + 2 * 2 * 3)),
    "longer attention": (lambda: Attention(8, 1), (_random(1, 1100, 8), _random(1, 1, 1100, 1100)), [LINEAR] * (2 + 2 * 2)),
    "convolution": (lambda: nn.Conv2d(6, 8, 3, stride=2, padding=1, groups=2), (_random(2, 6, 15, 17),), [CONVOLUTION]),
    "dilated convolution": (lambda: nn.Conv2d(6, 8, 3, dilation=2), (_random(2, 6, 15, 17),), [CONVOLUTION]),
    "normalised convolution": (lambda: NormalizedConvolution(6, 8, 3, bias=True), (_random(2, 6, 15, 17),), [CONVOLUTION]),
    "normalised convolution of a large map": (lambda: NormalizedConvolution(6, 8, 3), (_random(1, 6, 99, 99),), [CONVOLUTION]),
    "standardised convolution": (lambda: StandardizedConvolution(8, 32, 3, stride=2), (_random(2, 8, 16, 16),), [CONVOLUTION]),
    "fusion": (
        lambda: RefineEnlargeProject(ResidualConvolution(4, FusionConfig((4,), "double")), 4, 6),
        (_random(1, 4, 5, 7), (10, 13)),
        [CONVOLUTION] * 3,
    ),
    "head": (lambda: DepthHead(*HEAD), (_random(1, 4, 5, 7), (10, 13)), [CONVOLUTION, LINEAR, CONVOLUTION, CONVOLUTION]),
}


def _module(name: str) -> nn.Module:
    torch.manual_seed(2)
    module = MODULES[name][0]()
    with torch.no_grad():
        for tensor in (*module.parameters(), *filter(Tensor.is_floating_point, module.buffers())):
            tensor += 0.2 * torch.rand_like(tensor)
    return module.eval()


@pytest.mark.parametrize("name", SMALL)
def test_a_network_predicts_the_same_with_and_without_kernels(name: str) -> None:
    network, images = SMALL[name].network(), SMALL[name].images(2)
    with torch.inference_mode():
        plain = network(images)
        torch.testing.assert_close(_fast(network)(images), plain, rtol=0, atol=5e-5)
        fast.freeze(network)
        torch.testing.assert_close(network(images), plain, rtol=0, atol=5e-5)
        fast.remove(network)
        torch.testing.assert_close(network(images), plain, rtol=0, atol=5e-5)


@pytest.mark.parametrize("name", MODULES)
def test_a_module_computes_the_same_with_and_without_its_kernel(name: str) -> None:
    module, inputs = _module(name), MODULES[name][1]
    with torch.inference_mode():
        plain = module(*inputs)
        torch.testing.assert_close(_fast(module)(*inputs), plain, rtol=1e-4, atol=1e-5)


@needs_onednn
@pytest.mark.parametrize("name", MODULES)
def test_in_inference_on_a_processor_every_product_goes_through_onednn(name: str, operators: list[str]) -> None:
    _, inputs, expected = MODULES[name]
    with torch.inference_mode():
        _fast(_module(name))(*inputs)
    assert operators == expected


@needs_onednn
@pytest.mark.parametrize("name", SMALL)
def test_every_network_takes_the_fast_path(name: str, operators: list[str]) -> None:
    network = _fast(SMALL[name].network())
    with torch.inference_mode():
        network(SMALL[name].images())
    assert len(operators) > 10


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="this torch is built without oneDNN")
def test_torch_still_has_the_operators() -> None:
    assert HAS_OPERATORS, "torch renamed what the fast path calls"


@pytest.fixture(params=["gradients", "double", "bfloat16", "autocast", "disabled"])
def elsewhere(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param == "gradients":
        yield request.param
        return
    autocast, onednn = torch.autocast("cpu", enabled=request.param == "autocast"), torch.backends.mkldnn.flags(request.param != "disabled")
    with torch.no_grad(), autocast, onednn:
        yield request.param


@pytest.mark.parametrize("name", MODULES)
def test_everywhere_else_the_plain_path_is_taken(name: str, elsewhere: str, operators: list[str]) -> None:
    dtype = {"double": torch.float64, "bfloat16": torch.bfloat16}.get(elsewhere, torch.float32)
    inputs = [value.to(dtype) if isinstance(value, Tensor) else value for value in MODULES[name][1]]
    module = _module(name).to(dtype)
    plain = module(*inputs)
    _fast(module)
    tolerance = 4 * torch.finfo(torch.bfloat16 if elsewhere in ("bfloat16", "autocast") else torch.float32).eps
    torch.testing.assert_close(module(*inputs), plain, rtol=tolerance, atol=tolerance)
    assert operators == []


@pytest.mark.filterwarnings("ignore:.*torch.jit.trace:DeprecationWarning")
def test_a_traced_graph_holds_none_of_the_operators(operators: list[str]) -> None:
    with torch.no_grad():
        torch.jit.trace(_fast(_module("MLP")), MODULES["MLP"][1], check_trace=False)
    assert operators == []


def test_gradients_are_those_of_the_plain_network() -> None:
    network, images = SMALL["dpt_hybrid"].network(), SMALL["dpt_hybrid"].images()
    gradients = []
    for module in (network, _fast(copy.deepcopy(network))):
        module(images).square().mean().backward()
        gradients.append({name: parameter.grad for name, parameter in module.named_parameters()})
    torch.testing.assert_close(gradients[1], gradients[0], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("enabled", [True, False], ids=["oneDNN where there is one", "without oneDNN"])
@pytest.mark.parametrize("count", [1, 300, QUERIES + 50])
def test_attention_taken_apart_is_attention(count: int, enabled: bool) -> None:
    queries, keys, values = _random(2, 2, count, 8), _random(2, 2, count, 8).flip(2), _random(2, 2, count, 8).roll(1, 2)
    bias = _random(1, 2, count, count)
    with torch.inference_mode(), torch.backends.mkldnn.flags(enabled=enabled):
        found = attend(queries, keys, values, bias)
    torch.testing.assert_close(found, F.scaled_dot_product_attention(queries, keys, values, attn_mask=bias), rtol=1e-4, atol=1e-5)


def test_removing_leaves_the_modules_as_they_were() -> None:
    network = SMALL["dpt_hybrid"].network()
    before = {name: dict(vars(module)) for name, module in network.named_modules()}
    fast.install(network)
    assert any("forward" in vars(module) for module in network.modules())
    fast.remove(network)
    assert {name: dict(vars(module)) for name, module in network.named_modules()} == before


def test_installing_twice_is_installing_once() -> None:
    network = SMALL["dpt_vit"].network()
    fast.install(network)
    kernels = [vars(module).get("forward") for module in network.modules()]
    fast.install(network)
    assert all(vars(module).get("forward") is kernel for module, kernel in zip(network.modules(), kernels, strict=True))


def test_the_switch_leaves_networks_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(fast.SWITCH, "plain")
    network = _fast(SMALL["dpt_vit"].network())
    assert [name for name, module in network.named_modules() if "forward" in vars(module)] == []


def _saved(network: nn.Module) -> nn.Module:
    file = io.BytesIO()
    torch.save(network, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


COPIES = {"copied": copy.deepcopy, "pickled": lambda network: pickle.loads(pickle.dumps(network)), "saved": _saved}


@needs_onednn
@pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)
def test_a_copy_computes_with_its_own_weights_and_as_fast(copied: Callable[[nn.Module], nn.Module], operators: list[str]) -> None:
    module, tokens = _fast(_module("MLP")), MODULES["MLP"][1][0]
    with torch.inference_mode():
        other, before = copied(module), module(tokens)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()
        operators.clear()
        torch.testing.assert_close(other(tokens), before)
    assert operators == [LINEAR] * 2


def test_a_network_that_is_let_go_is_freed_at_once() -> None:
    module = _fast(_module("MLP"))
    weight = weakref.ref(module.get_parameter("fc1.weight"))
    del module
    assert weight() is None


class LowRank(nn.Module):
    """What a library for fine-tuning puts around a linear layer."""

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, tokens: Tensor) -> Tensor:
        return self.layer(tokens) + 1.0


def _wrapped(mlp: MLP) -> None:
    mlp.fc1 = LowRank(mlp.fc1)  # type: ignore[assignment]


def _hooked(mlp: MLP) -> None:
    mlp.fc1.register_forward_hook(lambda layer, inputs, output: output + 1.0)


def _replaced(mlp: MLP) -> None:
    mlp.fc1.forward = lambda tokens: F.linear(tokens, mlp.fc1.weight) + 1.0  # type: ignore[method-assign]


def _pruned(mlp: MLP) -> None:
    prune.l1_unstructured(mlp.fc1, "weight", amount=0.5)


def _parametrized(mlp: MLP) -> None:
    nn.utils.parametrizations.weight_norm(mlp.fc1)
    with torch.no_grad():
        mlp.fc1.parametrizations.weight.original0.mul_(2.0)


@pytest.mark.parametrize("change", [_wrapped, _hooked, _replaced, _pruned, _parametrized])
def test_what_others_do_to_a_layer_counts_in_the_kernel_around_it(change: Callable[[MLP], None]) -> None:
    plain, accelerated, tokens = _module("MLP"), _fast(_module("MLP")), MODULES["MLP"][1][0]
    with torch.inference_mode():
        before = accelerated(tokens)
    for module in (plain, accelerated):
        assert isinstance(module, MLP)
        change(module)
    with torch.inference_mode():
        assert not torch.allclose(accelerated(tokens), before)
        torch.testing.assert_close(accelerated(tokens), plain(tokens))


@pytest.mark.parametrize("layer", ["0", "2"])
def test_a_hook_in_the_head_sees_the_whole_map(layer: str) -> None:
    head = _fast(_module("head"))
    seen: list[torch.Size] = []
    head.get_submodule(f"proj_1ch.{layer}").register_forward_hook(lambda module, inputs, output: seen.append(inputs[0].shape[2:]))
    with torch.inference_mode():
        head(*MODULES["head"][1])
    assert seen == [(10, 13)]


def test_a_hook_in_the_fusion_sees_the_enlarged_map() -> None:
    block = _fast(_module("fusion"))
    seen: list[torch.Size] = []
    block.get_submodule("2").register_forward_hook(lambda module, inputs, output: seen.append(inputs[0].shape[2:]))
    with torch.inference_mode():
        block(*MODULES["fusion"][1])
    assert seen == [(10, 13)]
