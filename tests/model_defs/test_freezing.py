"""Nothing that is computed from parameters outlives a change of theirs, unless somebody froze the network; then they refuse to change."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import prune

from model_defs import fast
from model_defs.encoders.hybrid import StandardizedConvolution
from model_defs.fast.convolutions import sources
from model_defs.parts.convolution import NormalizedConvolution
from tests.configurations import SMALL

IMAGE = torch.randn(1, 8, 12, 12, generator=torch.Generator().manual_seed(2))
LARGE_IMAGE = torch.randn(1, 8, 60, 60, generator=torch.Generator().manual_seed(2))  # for which folding a batch norm takes less time


@pytest.fixture(autouse=True)
def kernels_are_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where all other tests run without them."""
    monkeypatch.setenv(fast.SWITCH, "fast")


def _learned(layer: nn.Module) -> nn.Module:
    """As after training: every parameter and every statistic has a value of its own."""
    generator = torch.Generator().manual_seed(1)
    for tensor in layer.state_dict().values():
        if tensor.is_floating_point():
            tensor.copy_(torch.rand(tensor.shape, generator=generator) + 0.1)
    fast.install(layer)
    return layer.eval()


def _frozen(layer: nn.Module) -> nn.Module:
    fast.freeze(_learned(layer))
    return layer


def _predicted(layer: nn.Module, image: Tensor = IMAGE) -> Tensor:
    with torch.inference_mode():
        return layer(image)


def _plain(layer: nn.Module, image: Tensor = IMAGE) -> Tensor:
    with torch.inference_mode():
        return type(layer).forward(layer, image)


LAYERS: dict[str, Callable[[], nn.Module]] = {
    "batch norm": lambda: NormalizedConvolution(8, 32, 3, padding=1),
    "batch norm, own bias": lambda: NormalizedConvolution(8, 32, 3, padding=1, bias=True),
    "standardised": lambda: StandardizedConvolution(8, 32, 3),
}
layers = pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)


COPIES: dict[str, Callable[[nn.Module], nn.Module]] = {
    "copied": copy.deepcopy,
    "pickled": lambda layer: pickle.loads(pickle.dumps(layer)),
}


def _zero_a_filter(layer: nn.Module) -> None:
    layer.get_parameter("weight").data[2] = 0


def _average(layer: nn.Module) -> None:
    """An exponential moving average, as trainers write it, whose first element stays."""
    weight = layer.get_parameter("weight")
    average = 0.5 * weight.detach() + 0.5 * weight.detach().flip(0)
    average[0] = weight.detach()[0]
    weight.data.copy_(average)


def _prune(layer: nn.Module) -> None:
    prune.l1_unstructured(layer, "weight", amount=0.5)


def _write_to_memory(layer: nn.Module) -> None:
    layer.get_parameter("weight").detach().numpy()[3] = 7.0


def _scale_in_place(layer: nn.Module) -> None:
    with torch.no_grad():
        layer.get_parameter("weight").mul_(torch.linspace(0.5, 2, 9).view(3, 3))


def _write_in_inference_mode(layer: nn.Module) -> None:
    with torch.inference_mode():
        layer.get_parameter("weight").neg_()


def _average_of_state_dicts(layer: nn.Module) -> None:
    for tensor in layer.state_dict().values():
        if tensor.is_floating_point():
            tensor.lerp_(tensor.flip(0) ** 2, 0.5)


def _load(layer: nn.Module) -> None:
    layer.load_state_dict({name: tensor.sqrt() for name, tensor in layer.state_dict().items()})


def _load_in_inference_mode(layer: nn.Module) -> None:
    with torch.inference_mode():
        _load(layer)


def _assign(layer: nn.Module) -> None:
    layer.load_state_dict({name: tensor.sqrt() for name, tensor in layer.state_dict().items()}, assign=True)


def _give_another_parameter(layer: nn.Module) -> None:
    layer.weight = nn.Parameter(layer.get_parameter("weight").detach() ** 2)


def _give_other_data(layer: nn.Module) -> None:
    layer.get_parameter("weight").data = layer.get_parameter("weight").detach() ** 2


def _round(layer: nn.Module) -> None:
    layer.bfloat16().float()


WRITES = (
    _zero_a_filter,
    _average,
    _average_of_state_dicts,
    _scale_in_place,
    _write_to_memory,
    _write_in_inference_mode,
    _load,
    _load_in_inference_mode,
)
REPLACEMENTS = (_assign, _give_another_parameter, _give_other_data, _round, _prune)


@pytest.mark.parametrize("image", [IMAGE, LARGE_IMAGE], ids=["small", "large"])
@pytest.mark.parametrize("change", [*WRITES, *REPLACEMENTS])
@layers
def test_a_network_that_nobody_froze_follows_every_change(
    layer: Callable[[], nn.Module], change: Callable[[nn.Module], None], image: Tensor
) -> None:
    changed = _learned(layer())
    before = _predicted(changed, image)
    change(changed)
    after = _predicted(changed, image)
    assert not torch.equal(after, before)
    torch.testing.assert_close(after, _plain(changed, image), rtol=1e-4, atol=1e-4)


def test_a_network_that_nobody_froze_follows_the_statistics_of_training() -> None:
    layer = _learned(NormalizedConvolution(8, 32, 3))
    _predicted(layer)
    with torch.no_grad():
        layer.train()(IMAGE + 3)
    torch.testing.assert_close(_predicted(layer.eval()), _plain(layer), rtol=1e-4, atol=1e-4)


@layers
def test_with_and_without_gradients_the_same_is_computed(layer: Callable[[], nn.Module]) -> None:
    learned = _learned(layer())
    torch.testing.assert_close(_predicted(learned), learned(IMAGE).detach(), rtol=1e-4, atol=1e-4)


@layers
def test_a_frozen_network_computes_what_follows_from_its_weights_once(layer: Callable[[], nn.Module]) -> None:
    frozen = _frozen(layer())
    kernel = vars(frozen)["forward"]
    first = kernel.kept(sources(frozen))
    assert first is not None and kernel.kept(sources(frozen)) is first
    torch.testing.assert_close(_predicted(frozen), _plain(frozen), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("write", WRITES)
@layers
def test_frozen_weights_refuse_to_be_written_to(layer: Callable[[], nn.Module], write: Callable[[nn.Module], None]) -> None:
    frozen = _frozen(layer())
    before = _predicted(frozen)
    values = {name: tensor.clone() for name, tensor in frozen.state_dict().items()}
    with pytest.raises((RuntimeError, ValueError), match=r"constant of a frozen network; call .*thaw|read-only"):
        write(frozen)
    assert torch.equal(_predicted(frozen), before)
    assert all(torch.equal(tensor, values[name]) for name, tensor in frozen.state_dict().items())


@pytest.mark.parametrize("change", REPLACEMENTS)
@layers
def test_what_takes_the_place_of_frozen_weights_counts(layer: Callable[[], nn.Module], change: Callable[[nn.Module], None]) -> None:
    frozen = _frozen(layer())
    before = _predicted(frozen)
    change(frozen)
    assert not torch.equal(_predicted(frozen), before)
    torch.testing.assert_close(_predicted(frozen), _plain(frozen), rtol=1e-4, atol=1e-4)


@layers
def test_torch_objects_where_a_slice_of_frozen_weights_is_written_to(layer: Callable[[], nn.Module]) -> None:
    with pytest.raises(RuntimeError, match=r"[Ii]nplace update to inference tensor"):
        _frozen(layer()).get_parameter("weight")[2].zero_()


@layers
def test_who_held_a_parameter_before_freezing_cannot_write_behind_its_back(layer: Callable[[], nn.Module]) -> None:
    learned = _learned(layer())
    held = learned.get_parameter("weight")
    fast.freeze(learned)
    held.data[2] = 0
    torch.testing.assert_close(_predicted(learned), _plain(learned), rtol=1e-4, atol=1e-4)


@layers
@pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)
def test_a_copy_of_a_frozen_network_is_not_frozen(layer: Callable[[], nn.Module], copied: Callable[[nn.Module], nn.Module]) -> None:
    frozen = _frozen(layer())
    other = copied(frozen)
    _zero_a_filter(other)
    torch.testing.assert_close(_predicted(other), _plain(other), rtol=1e-4, atol=1e-4)
    assert not torch.equal(_predicted(other), _predicted(frozen))


@layers
@pytest.mark.parametrize("copied", [lambda layer: layer, *COPIES.values()], ids=["itself", *COPIES])
def test_thawed_weights_and_those_of_copies_learn_again(layer: Callable[[], nn.Module], copied: Callable[[nn.Module], nn.Module]) -> None:
    frozen = _frozen(layer())
    with pytest.raises(RuntimeError, match=r"[Ii]nference tensor"):
        frozen(IMAGE.clone().requires_grad_())
    thawed = copied(frozen)
    if thawed is frozen:
        fast.thaw(thawed)
    thawed(IMAGE).square().mean().backward()
    assert all(parameter.grad is not None for parameter in thawed.parameters())
    _zero_a_filter(thawed)
    torch.testing.assert_close(_predicted(thawed), _plain(thawed), rtol=1e-4, atol=1e-4)


def test_thawing_leaves_what_did_not_learn_as_it_was() -> None:
    network = SMALL["midas_v21"].network()
    for parameter in network.imgencoder.parameters():
        parameter.requires_grad_(False)
    before = {name: parameter.requires_grad for name, parameter in network.named_parameters()}
    fast.install(network)
    fast.freeze(network)
    assert not any(parameter.requires_grad for parameter in network.parameters())
    network.double().float()
    fast.thaw(network)
    assert {name: parameter.requires_grad for name, parameter in network.named_parameters()} == before


def test_freezing_changes_no_value_and_no_name() -> None:
    network = SMALL["dpt_hybrid"].network()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    fast.install(network)
    fast.freeze(network)
    after = network.state_dict()
    assert before.keys() == after.keys() and all(torch.equal(before[name], after[name]) for name in before)


def test_freezing_copies_only_weights_that_something_is_computed_from() -> None:
    network = SMALL["dpt_hybrid"].network()
    fast.install(network)
    before = {name: parameter.data_ptr() for name, parameter in network.named_parameters()}
    fast.freeze(network)
    moved = {name for name, parameter in network.named_parameters() if parameter.data_ptr() != before[name]}
    standardised = {name for name, module in network.named_modules() if isinstance(module, StandardizedConvolution)}
    assert moved == {f"{name}.weight" for name in standardised}


def test_a_frozen_network_compiles_as_one_graph() -> None:
    network, images = SMALL["midas_v21_small"].network(), SMALL["midas_v21_small"].images()
    fast.install(network)
    with torch.no_grad():
        expected = network(images)
        fast.freeze(network)
        torch._dynamo.reset()
        torch.testing.assert_close(torch.compile(network, backend="eager", fullgraph=True)(images), expected, rtol=0, atol=1e-4)


def test_constants_are_called_constants() -> None:
    assert repr(_frozen(LAYERS["standardised"]()).get_parameter("weight")).startswith("Constant containing:")


def test_tied_weights_stay_tied() -> None:
    network = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    network[1].weight = network[0].weight
    fast.install(network)
    fast.freeze(network)
    assert network[1].weight is network[0].weight
    fast.thaw(network)
    assert network[1].weight is network[0].weight


def test_nothing_is_kept_twice_of_a_convolution_with_very_many_weights() -> None:
    layer = _learned(NormalizedConvolution(1024, 1024, 1))
    before = layer.get_parameter("weight").data_ptr()
    fast.freeze(layer)
    assert layer.get_parameter("weight").data_ptr() == before
    assert vars(layer)["forward"].kept(sources(layer)) is None
    image = torch.randn(1, 1024, 4, 4, generator=torch.Generator().manual_seed(2))
    assert torch.allclose(_predicted(layer, image), _plain(layer, image), atol=1e-4, rtol=1e-5)
