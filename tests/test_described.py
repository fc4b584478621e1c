"""Converted files whose description a stranger wrote: refused for what it says, not by what breaks."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from model_defs.plain_values import to_dict
from muggle_convert import Refusal, convert, inspect
from muggle_convert.identify.document import KEY
from tests.configurations import SMALL
from tests.goldens import golden


@pytest.fixture
def described(tmp_path: Path) -> Callable[[Callable[[dict[str, Any]], object]], Path]:
    """A converted file with something changed in the configuration it brings along."""
    source, target = golden("vit").save(tmp_path), tmp_path / "converted.safetensors"
    convert(source, target, **golden("vit").told, sync=False)

    def write(change: Callable[[dict[str, Any]], object]) -> Path:
        with safe_open(target, "pt") as opened:
            metadata = opened.metadata()
        document = json.loads(metadata[KEY])
        change(document["config"])
        save_file(load_file(target), target, {**metadata, KEY: json.dumps(document)})
        return target

    return write


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda config: config.update(encoder=to_dict(SMALL["dpt_beit"].config)["encoder"]), "describes a network that cannot be"),
        (lambda config: config["reassemble"].update(features=[8, 8, 8]), "describes a network that cannot be"),
        (lambda config: config["fusion"].update(widths=[]), "describes a network that cannot be"),
        (lambda config: config["encoder"].update(depth=10**9), "its description is damaged .encoder.depth has 1000000000."),
        (lambda config: config["output"].update(activation="sigmoid", max_depth=None), "nothing says of what depth it is a share"),
    ],
    ids=["encoder of another family", "a scale too few", "no scale at all", "a thousand million blocks", "a share of nothing"],
)
def test_an_impossible_network_is_refused(
    described: Callable[[Callable[[dict[str, Any]], object]], Path], change: Callable[[dict[str, Any]], object], sentence: str
) -> None:
    with pytest.raises(Refusal, match=sentence):
        inspect(described(change))
