"""From a training checkpoint to the tensors of one model."""

from __future__ import annotations

import sys
import types
from argparse import Namespace
from collections import OrderedDict, defaultdict
from pathlib import Path, PurePosixPath

import numpy
import pytest
import torch

from muggle_convert.checkpoints.opening import open_checkpoint
from muggle_convert.errors import Refusal


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "latest.pth"


def test_a_training_checkpoint_gives_the_tensors_of_its_model(path, state_dict, holds) -> None:
    parameters = [torch.nn.Parameter(tensor.float()) for tensor in state_dict.values()]
    optimizer = torch.optim.AdamW(parameters)
    sum(parameter.sum() for parameter in parameters).backward()  # type: ignore[union-attr]
    optimizer.step()
    wrapped = OrderedDict((f"module.{name}", tensor) for name, tensor in state_dict.items())
    torch.save({"model": wrapped, "optimizer": optimizer.state_dict(), "args": Namespace(encoder="vits", max_depth=20.0), "epoch": 3}, path)
    checkpoint = holds(path, state_dict)
    assert checkpoint.unwrapped == ("took 'model'", "took the prefix 'module.' off all 3 names")
    assert checkpoint.ignored == ("optimizer: a dictionary with 2 entries", "epoch: 3")
    assert checkpoint.arguments == {"encoder": "vits", "max_depth": 20.0, "epoch": 3}


@pytest.mark.parametrize("key", ["model", "state_dict", "model_state_dict", "params_ema", "params", "net", "ema", "anything"])
def test_a_state_dict_is_found_under_its_key(path, state_dict, holds, key) -> None:
    torch.save({key: state_dict, "epoch": 1}, path)
    assert holds(path, state_dict).unwrapped == (f"took {key!r}",)


def test_nesting_is_taken_off_level_by_level(path, state_dict, holds) -> None:
    torch.save({"checkpoint": {"state_dict": {"model": state_dict}, "epoch": 1}}, path)
    checkpoint = holds(path, state_dict)
    assert checkpoint.unwrapped == ("took 'checkpoint'", "took 'state_dict'", "took 'model'")
    assert checkpoint.ignored == ("epoch: 1",)


def test_a_loss_beside_the_model_is_not_a_weight(path, state_dict, holds) -> None:
    torch.save({"model": state_dict, "loss": torch.tensor(0.5)}, path)
    assert holds(path, state_dict).ignored == ("loss: a tensor [] of F32",)


def test_tensors_beside_an_unknown_state_dict_are_refused_with_the_option_that_decides(path, state_dict, holds) -> None:
    torch.save({"backbone": state_dict, "loss": torch.tensor(0.5)}, path)
    with pytest.raises(Refusal, match="beside the state dict 'backbone'; take that with --state KEY"):
        open_checkpoint(path)
    holds(path, state_dict, state="backbone")


@pytest.mark.parametrize("prefix", ["module.", "module.module.", "model.", "_orig_mod.", "module._orig_mod.", "net.", "model.net."])
def test_a_prefix_of_all_names_is_taken_off(path, state_dict, holds, prefix) -> None:
    torch.save({prefix + name: tensor for name, tensor in state_dict.items()}, path)
    assert holds(path, state_dict).unwrapped


def test_a_prefix_that_only_some_names_have_stays(path, holds) -> None:
    tensors = {"model.weight": torch.ones(1), "loss.weight": torch.ones(2)}
    torch.save(tensors, path)
    assert holds(path, tensors).unwrapped == ()


def test_a_name_is_never_taken_off_altogether(path, holds) -> None:
    tensors = {"model.module.": torch.ones(1)}
    torch.save(tensors, path)
    holds(path, {"module.": tensors["model.module."]})


def test_pretrained_model_of_midas_is_not_removed_as_a_prefix(path, holds) -> None:
    tensors = {"pretrained.model.blocks.0.norm1.weight": torch.ones(1)}
    torch.save(tensors, path)
    holds(path, tensors)


def test_of_several_candidates_the_documented_one_is_taken_and_said(path, state_dict, holds) -> None:
    average = {name: tensor + 1 for name, tensor in state_dict.items()}
    torch.save({"ema": average, "model": state_dict}, path)
    assert holds(path, state_dict).unwrapped == ("took 'model', not 'ema', which --state chooses",)
    assert holds(path, average, state="ema").unwrapped == ("took 'ema', as was asked",)


def test_a_choice_may_be_deep_and_is_unwrapped_further(path, state_dict, holds) -> None:
    torch.save({"trainer": {"ema": {"module": state_dict}, "model": {"x": torch.ones(1)}}}, path)
    for choice in ("ema", "trainer.ema", "trainer.ema.module"):
        holds(path, state_dict, state=choice)


def test_a_choice_ending_in_a_dot_takes_the_names_with_that_prefix(path, state_dict, holds) -> None:
    torch.save({"state_dict": {f"model.{name}": tensor for name, tensor in state_dict.items()} | {"loss.weight": torch.ones(1)}}, path)
    checkpoint = holds(path, state_dict, state="model.")
    assert checkpoint.ignored == ("loss.weight: a tensor [1] of F32",)


def test_a_wrong_choice_lists_what_there_is(path, state_dict) -> None:
    torch.save({"ema": state_dict, "model": state_dict}, path)
    with pytest.raises(Refusal, match="no part 'emma' to take with --state; there is 'ema', 'model'"):
        open_checkpoint(path, "emma")


def test_several_unknown_candidates_are_refused_with_the_option_that_decides(path, state_dict, holds) -> None:
    torch.save({"student": state_dict, "teacher": state_dict}, path)
    with pytest.raises(Refusal, match="several state dicts, 'student', 'teacher'; say which with --state KEY"):
        open_checkpoint(path)
    holds(path, state_dict, state="teacher")


def test_what_lies_between_tensors_is_reported(path, holds) -> None:
    torch.save({"weight": torch.ones(1), "version": 3, "notes": ["a"]}, path)
    assert holds(path, {"weight": torch.ones(1)}).ignored == ("version: 3", "notes: a list of 1 values")


def test_a_pickled_module_is_refused_with_the_way_out(path) -> None:
    for value in (torch.nn.Linear(2, 2), {"model": torch.nn.Linear(2, 2), "epoch": 3}):
        torch.save(value, path)
        with pytest.raises(Refusal, match=r"whole pickled object of the class torch\.nn\.modules\.linear\.Linear.*state_dict"):
            open_checkpoint(path)


def test_a_file_without_tensors_is_refused(path) -> None:
    for value in ({}, {"a": 1}, [1, 2], "text", None, torch.ones(2), [torch.ones(2)]):
        torch.save(value, path)
        with pytest.raises(Refusal, match="state dict"):
            open_checkpoint(path)


def test_arguments_of_many_kinds_become_plain_values(path, state_dict) -> None:
    arguments = {
        "encoder": "vitl",
        "size": (518, 518),
        "root": PurePosixPath("/data/set"),
        "device": torch.device("cuda:1"),
        "rate": numpy.float64(0.25),
        "count": numpy.int64(7),
        "nested": {"decoder": {"features": 256}, "rates": [0.1, 0.2]},
        "object": Namespace(inner=True),
        "function": print,
        "tensor": torch.ones(1),
    }
    torch.save({"state_dict": state_dict, "hyper_parameters": arguments, "counters": defaultdict(int, a=1)}, path)
    assert open_checkpoint(path).arguments == {
        "encoder": "vitl",
        "size": [518, 518],
        "root": "/data/set",
        "device": "cuda:1",
        "rate": 0.25,
        "count": 7,
        "nested.decoder.features": 256,
        "nested.rates": [0.1, 0.2],
        "object.inner": True,
        "counters.a": 1,
    }


def test_a_tree_of_omegaconf_becomes_plain_values(path, state_dict) -> None:
    """Its nodes refer to their parents, so the values are a cyclic graph of objects."""
    module = types.ModuleType("omegaconf")

    class DictConfig:
        pass

    class AnyNode:
        pass

    for kind in (DictConfig, AnyNode):
        kind.__module__, kind.__qualname__ = "omegaconf", kind.__name__
        setattr(module, kind.__name__, kind)
    root, inner, leaf = DictConfig(), DictConfig(), AnyNode()
    leaf.__dict__ = {"_parent": inner, "_val": "vits"}
    inner.__dict__ = {"_parent": root, "_content": {"encoder": leaf}, "_metadata": None}
    root.__dict__ = {"_parent": None, "_content": {"model": inner}, "_metadata": None}
    sys.modules["omegaconf"] = module
    try:
        torch.save({"model": state_dict, "cfg": root}, path)
    finally:
        del sys.modules["omegaconf"]
    assert open_checkpoint(path).arguments == {"model.encoder": "vits"}
