"""Files that were converted once load for ever: each format's files are kept in fixtures/converted."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch

from model_defs.plain_values import to_dict
from muggle_convert import load_any_dpt
from muggle_convert.families import BY_NAME
from tests.conftest import ROOT

OLD = ROOT / "fixtures" / "converted"
EXPECTED: dict[str, dict[str, Any]] = json.loads((OLD / "expected.json").read_text())

of_every_file = pytest.mark.parametrize("name", EXPECTED)


def image(height: int, width: int) -> torch.Tensor:
    ramp = torch.linspace(-1.5, 1.5, 3 * height * width).reshape(1, 3, height, width)
    return torch.sin(7 * ramp) + ramp.flip(2)


def contains(now: Any, before: Any) -> bool:
    """Whether everything that was said then is still said; fields with defaults may have come since."""
    if isinstance(before, dict):
        return all(name in now and contains(now[name], value) for name, value in before.items())
    return bool(now == before)


def test_a_file_of_every_first_family_is_kept() -> None:
    assert {expected["config"]["family"] for expected in EXPECTED.values()} <= set(BY_NAME)
    assert {path.name for path in OLD.glob("*.safetensors")} == set(EXPECTED)


@of_every_file
def test_an_old_file_still_describes_the_same_configuration(name: str) -> None:
    assert contains(to_dict(load_any_dpt(OLD / name).config), EXPECTED[name]["config"])


@of_every_file
def test_an_old_file_still_predicts_what_it_predicted(name: str) -> None:
    model, expected = load_any_dpt(OLD / name).float(), EXPECTED[name]
    picture = image(*expected["size"])
    with torch.inference_mode():
        found = model(*[picture, picture.flip(3)][: len(model.inputs)])
    for output, prediction in (found if isinstance(found, dict) else {"prediction": found}).items():
        wanted = expected["predictions"][output]
        assert list(prediction.shape) == wanted["shape"]
        values = prediction.flatten()[:: max(1, prediction.numel() // 7)][:8].numpy()
        assert np.allclose(values, wanted["values"], rtol=2e-4, atol=2e-4)
