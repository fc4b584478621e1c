from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from examples.finetune.objective import objective
from examples.finetune.run import Recipe, Run
from examples.finetune.trainable import adam, batch_norms, to_training, trainable
from muggle_convert import Refusal, load_any_dpt
from muggle_convert.predict.predictor import with_predict
from tests.configurations import SMALL
from tests.families.small import Small
from tests.goldens import golden
from tests.same import assert_same


def steps(network: Small, count: int = 2) -> Run:
    """A run that has made some steps on noise."""
    torch.manual_seed(0)
    run = Run(trainable(with_predict(network.network())), Recipe(batch=2), objective(network.config.output, "relative", 0.5))
    for number in range(count):
        images = network.images(2) + number
        run.advance([(images, 1 + 9 * torch.rand(2, *images.shape[2:]))])
    return run


def test_training_leaves_the_file_and_the_loaded_network_as_they_were(model: Path) -> None:
    before, loaded = model.read_bytes(), load_any_dpt(model)
    own = trainable(loaded)
    with torch.no_grad():
        for parameter in own.parameters():
            parameter += 1
    assert model.read_bytes() == before
    assert_same(loaded.state_dict(), load_any_dpt(model).state_dict())


def test_half_precision_weights_are_trained_in_single_precision(model: Path) -> None:
    assert {parameter.dtype for parameter in trainable(load_any_dpt(model).half()).parameters()} == {torch.float32}


def test_the_encoder_learns_at_a_rate_of_its_own() -> None:
    network = SMALL["depth_anything_v2"].network()
    encoder, decoder = adam(network, 1e-5, 1e-4).param_groups
    names = {id(parameter): name.partition(".")[0] for name, parameter in network.named_parameters()}
    assert (encoder["lr"], decoder["lr"]) == (1e-5, 1e-4)
    assert {names[id(parameter)] for parameter in encoder["params"]} == {"patch_embed", "posenc", "imgencoder"}
    assert {names[id(parameter)] for parameter in decoder["params"]} == {"reassemble", "fusion", "head"}


def test_batch_norm_stands_still_in_the_decoder() -> None:
    small = SMALL["depth_anything_v2"]
    small = replace(small, config=replace(small.config, fusion=replace(small.config.fusion, batch_norm=True)))
    before, run = small.network().state_dict(), steps(small)
    after = run.model.state_dict()
    norms = [name for name in after if name.startswith("fusion.") and ".norm." in name]
    assert norms
    assert all(torch.equal(before[name], after[name]) for name in norms)
    assert not torch.equal(before["fusion.blocks.0.scale_proj_seq.2.weight"], after["fusion.blocks.0.scale_proj_seq.2.weight"])


def test_batch_norm_goes_on_learning_in_the_encoder() -> None:
    after = steps(SMALL["midas_v21"], 1).model
    assert not batch_norms(after)
    assert any("running_mean" in name and tensor.abs().sum() for name, tensor in after.state_dict().items())
    to_training(after)
    assert after.imgencoder.training


@pytest.mark.parametrize("name", ["depth_anything_v2", "dpt_hybrid, performer", "dpt_beit", "dpt_swin"])
def test_the_fast_road_of_inference_sees_what_was_learned(name: str) -> None:
    """Layers that leave torch's own arithmetic when no gradient is asked for must not keep old weights."""
    model = steps(SMALL[name], 2).model.eval()
    image = SMALL[name].images()
    with torch.no_grad():
        fast = model(image)
    plain = model(image).detach()  # with gradients, which only the plain arithmetic has
    assert torch.allclose(fast, plain, rtol=1e-4, atol=1e-4)
    assert not torch.allclose(fast, SMALL[name].network()(image), rtol=1e-4, atol=1e-4)


def test_a_network_of_two_pictures_is_refused(tmp_path: Path) -> None:
    case = golden("dust3r_small")
    with pytest.raises(Refusal, match="dust3r looks at 2 pictures together"):
        trainable(load_any_dpt(case.save(tmp_path), **case.options))
