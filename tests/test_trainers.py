"""Checkpoints as trainers write them, made by the trainers' own means."""

from __future__ import annotations

import warnings
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.distributed.checkpoint as distributed
from safetensors.torch import save_file
from torch import nn
from torch.distributed.checkpoint.format_utils import dcp_to_torch_save
from torch.optim.swa_utils import AveragedModel

from muggle_convert import Refusal, convert, load_any_dpt, verify
from muggle_convert.checkpoints.tensor_bytes import as_array
from muggle_convert.errors import Assumption
from muggle_convert.families.shared.evidence import Evidence, Source
from muggle_convert.identify.read import ReadOptions, read
from muggle_convert.plan import plan
from tests.goldens import golden

CASE = golden("depth_anything_v2")
FILE = "depth_anything_v2_vits.pth"
OF_TRAINERS = "of its trainer, which no network reads"


def lightning(**more: Any) -> dict[str, Any]:
    """What Lightning saves of a module that has the network as `model`."""
    weights = {f"model.{name}": tensor for name, tensor in CASE.state_dict().items()}
    return {"epoch": 3, "global_step": 9, "pytorch-lightning_version": "2.5.0", "state_dict": weights | more, "optimizer_states": []}


def test_what_a_trainer_keeps_beside_the_network_is_dropped_and_listed(tmp_path: Path) -> None:
    torch.save(lightning(log_vars=torch.ones(2), **{"criterion.pos_weight": torch.ones(1)}), tmp_path / FILE)
    matched = read(tmp_path / FILE)
    assert matched.checkpoint.unwrapped[-1] == "took 'model.' off the beginning of 239 of 241 names"
    dropped = {one.entry.name: one.reason for one in plan(matched).dropped if one.fate is None}
    assert dropped == {"log_vars": OF_TRAINERS, "criterion.pos_weight": OF_TRAINERS}


def test_what_could_be_weights_is_asked_about_by_its_name(tmp_path: Path) -> None:
    torch.save(lightning(**{"teacher.weight": torch.ones(2, 2)}), tmp_path / FILE)
    with pytest.raises(Refusal, match=r"239 tensors .* beside them 'teacher\.weight', .* --state 'model\.', .* --drop 'teacher\.weight'"):
        read(tmp_path / FILE)
    for options in (ReadOptions(state="model."), ReadOptions(state="model"), ReadOptions(drops=("teacher.weight",))):
        assert read(tmp_path / FILE, options).family.name == "depth_anything_v2"


def test_what_is_dropped_counts_under_the_name_that_the_file_has_for_it(tmp_path: Path) -> None:
    """Also where dropping it is what lets a prefix be taken off, and where the same is asked for without the prefix."""
    beside = {"module.teacher.0.weight": torch.ones(2, 2)}
    torch.save({f"module.{name}": tensor for name, tensor in CASE.state_dict().items()} | beside, tmp_path / FILE)
    for template in ("module.teacher.{n}.weight", "teacher.{n}.weight"):
        convert(tmp_path / FILE, tmp_path / "out.safetensors", drops=[template], sync=False, force=True)
        assert verify(tmp_path / FILE, tmp_path / "out.safetensors").holds
    torch.save(lightning(**{"head.weight": torch.ones(2, 2)}), tmp_path / FILE)
    assert read(tmp_path / FILE, ReadOptions(drops=("head.weight",))).left_out == {"head.weight": "left out as asked (head.weight)"}
    with pytest.raises(Refusal, match=r"holds no tensor that --drop 'head\.{n}' could mean"):
        read(tmp_path / FILE, ReadOptions(drops=("head.weight", "head.{n}")))


class Network(nn.Module):
    """The parameters of the reference case under their own names, as the original's code has them."""

    def __init__(self) -> None:
        super().__init__()
        for name, tensor in CASE.state_dict().items():
            parent: nn.Module = self
            *path, last = name.split(".")
            for part in path:
                if not hasattr(parent, part):
                    parent.add_module(part, nn.Module())
                parent = getattr(parent, part)
            parent.register_parameter(last, nn.Parameter(tensor))


def test_an_averaged_model_of_torch_is_read_and_verified(tmp_path: Path) -> None:
    averaged = AveragedModel(Network()).state_dict()
    assert "n_averaged" in averaged and "module.pretrained.cls_token" in averaged
    torch.save(averaged, tmp_path / FILE)
    convert(tmp_path / FILE, tmp_path / "out.safetensors", sync=False)
    assert verify(tmp_path / FILE, tmp_path / "out.safetensors").holds


def test_of_several_networks_under_prefixes_the_usual_one_is_taken_and_the_others_are_named(tmp_path: Path) -> None:
    average = {f"ema_model.module.{name}": tensor + 1 for name, tensor in CASE.state_dict().items()}
    torch.save(lightning(**average), tmp_path / FILE)
    matched = read(tmp_path / FILE)
    said = "took 'model.' off the beginning of 239 of 478 names, not 'ema_model.module.', which --state chooses"
    assert matched.checkpoint.unwrapped == ("took 'state_dict'", said)
    assert set(matched.left_out.values()) == {"of another set of weights, which --state ema_model.module. takes"}
    taken = read(tmp_path / FILE, ReadOptions(state="ema_model.module."))
    assert taken.checkpoint.tensors.keys() == CASE.state_dict().keys() and taken.left_out == {}


def test_of_several_networks_under_unusual_prefixes_one_is_asked_for(tmp_path: Path) -> None:
    both = {f"{role}.{name}": tensor for role in ("student", "teacher") for name, tensor in CASE.state_dict().items()}
    torch.save({"state_dict": both}, tmp_path / FILE)
    with pytest.raises(Refusal, match=r"several sets of weights, 'student\.', 'teacher\.'; say which with --state 'student\.'"):
        read(tmp_path / FILE)
    assert len(read(tmp_path / FILE, ReadOptions(state="teacher")).checkpoint.tensors) == 239


def test_a_nested_average_is_listed_and_reached(tmp_path: Path) -> None:
    weights = CASE.state_dict()
    average = {name: tensor + 1 for name, tensor in weights.items()}
    nested = {"model_ema": {"shadow": average, "decay": 0.999}, "callbacks": [{"best": average}, {"mean": dict(average)}]}
    torch.save({"model": weights, **nested, "optimizer": {"state": weights}}, tmp_path / FILE)
    said = read(tmp_path / FILE).checkpoint.unwrapped
    assert said == ("took 'model', not 'model_ema.shadow', 'callbacks.1.mean', which --state chooses",)
    for state in ("model_ema.shadow", "shadow", "callbacks.0.best", "mean"):
        taken = read(tmp_path / FILE, ReadOptions(state=state)).checkpoint
        assert np.array_equal(as_array(taken.tensors["pretrained.cls_token"]), average["pretrained.cls_token"].numpy())


def test_weights_that_lie_deeper_than_the_usual_keys_are_found(tmp_path: Path) -> None:
    torch.save({"trainer": {"networks": [{"depth": CASE.state_dict()}]}, "epoch": 1}, tmp_path / FILE)
    assert read(tmp_path / FILE).checkpoint.unwrapped == ("took 'trainer.networks.0.depth'",)


def test_an_average_without_names_is_refused_as_what_it_is(tmp_path: Path) -> None:
    """As torch_ema and diffusers keep it."""
    torch.save({"model": CASE.state_dict(), "ema": {"shadow_params": list(CASE.state_dict().values())}}, tmp_path / FILE)
    with pytest.raises(Refusal, match="holds a list of 239 tensors without names, not a state dict"):
        read(tmp_path / FILE, ReadOptions(state="shadow_params"))


@pytest.mark.parametrize("group", ["model", "args"])
def test_hyper_parameters_in_groups_of_their_own_are_found(group: str, tmp_path: Path) -> None:
    torch.save({**lightning(), "hyper_parameters": {group: {"max_depth": 20.0}}}, tmp_path / "latest.pth")
    matched = read(tmp_path / "latest.pth", ReadOptions(family="depth_anything_v2"))
    assert matched.config.output.max_depth == 20.0
    assert matched.evidence["output.max_depth"] == Evidence(Source.ARGUMENTS, f"{group}.max_depth=20.0")


def test_hyper_parameters_that_say_two_things_are_refused_with_the_flag_that_decides(tmp_path: Path) -> None:
    torch.save({**lightning(), "hyper_parameters": {"model": {"max_depth": 20.0}, "data": {"max_depth": 80.0}}}, tmp_path / "latest.pth")
    with pytest.raises(Refusal, match=r"model\.max_depth=20\.0 and data\.max_depth=80\.0: pass --set max_depth=VALUE"):
        read(tmp_path / "latest.pth", ReadOptions(family="depth_anything_v2"))


def test_hyper_parameters_are_more_than_a_name(tmp_path: Path) -> None:
    torch.save({"model": CASE.state_dict(), "args": Namespace(net=Namespace(max_depth=80))}, tmp_path / FILE)
    assert read(tmp_path / FILE).config.output.max_depth == 80.0


@pytest.mark.parametrize(
    ("beside", "folder", "hint"),
    [
        ({"previous_best": {"abs_rel": 0.1, "silog": 0.2}}, "run", r"was trained with previous_best\.silog=0\.2"),
        ({"args": Namespace(dataset="vkitti")}, "run", "was trained with dataset=vkitti"),
        ({"hyper_parameters": {"data": {"train": ["hypersim", "own"]}}}, "run", r"was trained with data\.train=\[hypersim, own\]"),
        ({"config": {"is_metric": True}}, "run", "was trained with is_metric=True"),
        ({}, "hypersim", "lies in the folder hypersim"),
    ],
)
def test_relative_is_not_assumed_where_something_hints_at_metres(beside: dict[str, Any], folder: str, hint: str, tmp_path: Path) -> None:
    """The metric code of Depth-Anything V2 itself saves no more than its measures, in a folder of the user's choice."""
    (tmp_path / folder).mkdir()
    torch.save({"model": CASE.state_dict(), **beside}, tmp_path / folder / "latest.pth")
    with pytest.raises(Refusal, match=f"{hint}, which hints at metres.* --set max_depth=METRES, .* or max_depth=none if it is relative"):
        read(tmp_path / folder / "latest.pth", ReadOptions(family="depth_anything_v2"))
    with warnings.catch_warnings():
        warnings.simplefilter("error", Assumption)
        told = {"family": "depth_anything_v2", "overrides": {"max_depth": "none"}}
        convert(tmp_path / folder / "latest.pth", tmp_path / "out.safetensors", **told, sync=False)
    assert verify(tmp_path / folder / "latest.pth", tmp_path / "out.safetensors").holds
    assert read(tmp_path / "out.safetensors").config.output.kind == "relative inverse depth"


def test_what_is_assumed_is_one_warning_in_python_at_the_line_that_called(tmp_path: Path) -> None:
    torch.save(lightning(), tmp_path / "latest.pth")
    for call in (
        lambda: load_any_dpt(tmp_path / "latest.pth", family="depth_anything_v2"),
        lambda: convert(tmp_path / "latest.pth", tmp_path / "out.safetensors", family="depth_anything_v2", sync=False),
    ):
        with pytest.warns(Assumption, match=r"latest\.pth: assumed output\.kind = relative inverse depth \(nothing says") as said:
            call()
        assert [Path(one.filename).name for one in said] == ["test_trainers.py"]


def test_a_folder_of_torch_distributed_says_how_to_join_it(tmp_path: Path) -> None:
    """With the means of torch itself, which give a file that is read."""
    distributed.save({"state_dict": CASE.state_dict()}, checkpoint_id=tmp_path / "step")
    with pytest.raises(
        Refusal, match=r"is a checkpoint of torch\.distributed, in parts; .* join them with `python -m (?P<way>.*)`, and give"
    ):
        read(tmp_path / "step")
    dcp_to_torch_save(tmp_path / "step", tmp_path / FILE)
    assert read(tmp_path / FILE).family.name == "depth_anything_v2"


def test_a_trainers_folder_says_which_of_its_checkpoints_to_give(tmp_path: Path) -> None:
    """As the Trainer of transformers and Lightning leave them, and where there is a folder of torch.distributed."""
    for step in (2, 10):
        folder = tmp_path / "trainer" / f"checkpoint-{step}"
        folder.mkdir(parents=True)
        save_file({"weight": torch.ones(1)}, folder / "model.safetensors")
        torch.save({"state": {}}, folder / "optimizer.pt")
    lightning_folder = tmp_path / "lightning" / "lightning_logs" / "version_0" / "checkpoints"
    lightning_folder.mkdir(parents=True)
    torch.save(lightning(), lightning_folder / "epoch=3-step=9.ckpt")
    distributed.save({"weight": torch.ones(2)}, checkpoint_id=tmp_path / "sharded" / "step_7")
    for given, count, such_as in (
        ("trainer", "2 checkpoints", "trainer/checkpoint-10"),
        ("lightning", "1 checkpoint", "checkpoints/epoch=3-step=9.ckpt"),
        ("sharded", "1 checkpoint", "sharded/step_7"),
    ):
        with pytest.raises(Refusal, match=rf"with {count} in folders below; give one of them, such as .*{such_as}\.$"):
            read(tmp_path / given)
