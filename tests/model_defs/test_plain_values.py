from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any, Literal

import pytest

from model_defs.config import DINOv2Config, EncoderConfig, FullAttentionConfig, MemoryCompressedConfig, PerformerConfig
from model_defs.plain_values import ConfigError, from_dict, leaves, to_dict
from tests.families.test_depth_anything import configuration


def test_a_configuration_survives_json() -> None:
    assert from_dict(json.loads(json.dumps(to_dict(configuration())))) == configuration()


def test_the_leaves_of_a_configuration_have_dotted_paths() -> None:
    assert leaves(configuration())["encoder.taps"] == (2, 5, 8, 11)


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        (("encoder", "width"), "64", "config.encoder.width is '64'; expected int"),
        (("encoder", "width"), True, "config.encoder.width is True; expected int"),
        (("encoder", "kind"), "resnet", "config.encoder.kind is 'resnet'; expected one of"),
        (("encoder", "surprise"), 1, "config.encoder has 'surprise', which this version does not know"),
        (("encoder", "grid"), [1, 2, 3], r"config.encoder.grid has 3 entries; expected 2"),
        (("reassemble", "readout"), "maybe", "config.reassemble.readout is 'maybe'; expected one of"),
        (("image", "mean"), 0.5, r"config.image.mean is 0.5; expected a list"),
        (("head",), None, "config.head is None; expected a table of values"),
    ],
)
def test_a_configuration_that_does_not_fit_is_refused_with_its_path(path: tuple[str, ...], value: Any, complaint: str) -> None:
    data: Any = to_dict(configuration())
    place = data
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(ConfigError, match=complaint):
        from_dict(data)


def test_a_missing_value_is_not_made_up() -> None:
    data = to_dict(configuration())
    del data["fusion"]["widths"]
    with pytest.raises(ConfigError, match=r"config\.fusion lacks 'widths'"):
        from_dict(data)


@pytest.mark.parametrize(
    ("path", "default"),
    [
        (("image", "size_across"), None),
        (("fusion", "bias"), True),
        (("output", "resize"), "bicubic"),
        (("encoder", "attention"), FullAttentionConfig()),
    ],
)
def test_a_value_with_a_default_may_be_absent(path: tuple[str, str], default: object) -> None:
    data = to_dict(configuration())
    del data[path[0]][path[1]]
    assert getattr(getattr(from_dict(data), path[0]), path[1]) == default


def test_every_kind_is_written_down_with_its_values_and_read_back() -> None:
    for kind in (PerformerConfig(32, 40), MemoryCompressedConfig(3)):
        assert isinstance(configuration().encoder, DINOv2Config)
        config = replace(configuration(), encoder=replace(configuration().encoder, attention=kind))  # type: ignore[call-arg]
        assert from_dict(json.loads(json.dumps(to_dict(config)))) == config


def test_a_new_kind_of_encoder_is_one_dataclass() -> None:
    @dataclass(frozen=True)
    class InventedConfig(EncoderConfig):
        width: int
        kind: Literal["invented"] = "invented"

    try:
        config = replace(configuration(), encoder=InventedConfig(8))
        assert from_dict(to_dict(config)) == config
    finally:
        del EncoderConfig.kinds["invented"]
