from __future__ import annotations

import json
from typing import Any

import pytest

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
