"""One table of names and sizes, from which the tensors of a configuration follow, and the configuration of tensors."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from muggle_convert.rules import (
    Misfit,
    Missing,
    RuleError,
    RuleSet,
    Table,
    batch_norm,
    convolution,
    each,
    given,
    linear,
    norm,
    optional,
    rename,
    tensor,
    under,
    unread,
    where,
)

LAYOUT = RuleSet(
    tensor("cls", "cls_token", 1, "width"),
    each(
        "n",
        "depth",
        norm("block.{n}.norm{i:1|2}", "blocks.{n}.norm{i:1|2}", "width"),
        given("mlp", "gelu", linear("block.{n}.fc1", "blocks.{n}.fc1", "mlp_width", "width")),
        given("mlp", "swiglu", linear("block.{n}.w12", "blocks.{n}.gate_and_value", "2*mlp_width", "width")),
        where(lambda encoder, fields: fields["n"] == 0, tensor("block.{n}.extra", "blocks.{n}.extra", "width//2")),
    ),
    under("head.", each("s", 2, convolution("project.{s}", "resample.{s}", "reassemble.features[s]", "width", 3, bias="fusion.bias"))),
    optional("fusion.batch_norm", batch_norm("bn", "norm", "width")),
    linear("classifier", unread("nobody classifies"), 10, "width"),
)
TABLE = Table([LAYOUT])


def config(**changes: Any) -> SimpleNamespace:
    encoder = {"width": 4, "depth": 2, "mlp": "gelu", "mlp_width": 8, **changes}
    fusion = SimpleNamespace(bias=True, batch_norm=False)
    return SimpleNamespace(encoder=SimpleNamespace(**encoder), reassemble=SimpleNamespace(features=(5, 6)), fusion=fusion)


TENSORS = TABLE.inventory(config())


def test_a_layer_stands_for_its_tensors() -> None:
    assert TENSORS["blocks.1.fc1.weight"] == (8, 4) and TENSORS["blocks.1.fc1.bias"] == (8,)
    assert TENSORS["resample.1.weight"] == (6, 4, 3, 3)


def test_rows_are_repeated_as_often_as_the_configuration_says() -> None:
    assert len([name for name in TABLE.inventory(config(depth=5)) if name.endswith("norm2.weight")]) == 5


def test_rows_of_another_choice_are_not_there() -> None:
    assert "blocks.0.fc1.weight" not in TABLE.inventory(config(mlp="swiglu"))
    assert TABLE.inventory(config(mlp="swiglu"))["blocks.0.gate_and_value.weight"] == (16, 4)


def test_rows_of_some_blocks_are_in_those_only() -> None:
    assert [name for name in TENSORS if name.endswith("extra")] == ["blocks.0.extra"]


def test_what_no_network_reads_is_owned_by_models_of_the_layout() -> None:
    assert LAYOUT.owned(config()) == {"classifier.weight": (10, 4), "classifier.bias": (10,)}
    assert not any("classifier" in name for name in TENSORS)


def test_the_configuration_is_measured_from_the_shapes() -> None:
    assert TABLE.measure(TENSORS).values == {
        "encoder.width": 4,
        "encoder.depth": 2,
        "encoder.mlp": "gelu",
        "encoder.mlp_width": 8,
        "reassemble.features": (5, 6),
        "fusion.bias": True,
        "fusion.batch_norm": False,
    }


def test_a_multiple_tells_the_value_itself() -> None:
    assert TABLE.measure(TABLE.inventory(config(mlp="swiglu", mlp_width=12))).values["encoder.mlp_width"] == 12


def test_each_value_is_told_by_the_first_tensor_of_the_table() -> None:
    measured = TABLE.measure(dict(reversed(TENSORS.items())))
    assert measured.told_by["encoder.width"] == ("cls_token",)
    assert measured.told_by["reassemble.features"] == ("resample.0.weight", "resample.1.weight")
    assert measured.counted["encoder.depth"] == ("blocks.0.norm1.weight", "blocks.1.norm1.weight")
    assert measured.absent["fusion.batch_norm"] == "norm.weight"


def without(*names: str) -> dict[str, tuple[int, ...]]:
    return {name: shape for name, shape in TENSORS.items() if not name.startswith(names)}


def test_a_gap_in_the_blocks_names_what_is_missing_and_what_is_there() -> None:
    shapes = {**without("blocks.1."), "blocks.2.norm1.weight": (4,)}
    with pytest.raises(Missing) as found:
        TABLE.measure(shapes)
    assert (found.value.name, found.value.there) == ("blocks.1.norm1.weight", "blocks.2.norm1.weight")


def test_one_of_a_fixed_number_of_layers_is_never_alone() -> None:
    with pytest.raises(Missing) as found:
        TABLE.measure(without("resample.1"))
    assert found.value.name == "resample.1.weight"


@pytest.mark.parametrize(
    ("name", "shape", "expected"),
    [("cls_token", (1, 1, 4), "2 axes were expected"), ("blocks.0.gate_and_value.weight", (15, 4), "a multiple of 2 was expected")],
)
def test_a_shape_that_no_configuration_has_is_a_misfit(name: str, shape: tuple[int, ...], expected: str) -> None:
    with pytest.raises(Misfit) as found:
        TABLE.measure({**TENSORS, name: shape})
    assert (found.value.name, found.value.expected) == (name, expected)


def test_a_value_that_nothing_tells_has_a_tensor_that_would() -> None:
    assert TABLE.missing("encoder.width") == "cls_token"
    assert TABLE.missing("encoder.depth") == "blocks.0.norm1.weight"


def test_layouts_of_one_table_may_not_disagree() -> None:
    with pytest.raises(RuleError, match="cls_token has the sizes"):
        Table([LAYOUT, RuleSet(tensor("token", "cls_token", "width", 1))])


def test_a_field_that_nothing_counts_is_a_mistake() -> None:
    with pytest.raises(RuleError, match=r"nothing says how many n there are in blocks\.\{n\}\.weight"):
        Table([RuleSet(tensor("block.{n}.weight", "blocks.{n}.weight", "width"))])


def test_a_layer_without_a_name_is_in_no_file_of_the_layout() -> None:
    layout = RuleSet(tensor(None, "only.here", "width"), rename("a", "b"))
    assert layout.of_canonical("only.here") is None
    assert Table([layout]).inventory(config()) == {"only.here": (4,)}
