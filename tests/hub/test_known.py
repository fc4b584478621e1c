from __future__ import annotations

import json
from pathlib import Path

import pytest

from muggle_convert import convert, inspect
from muggle_convert.families.shared.evidence import Source
from muggle_convert.identify.licences import Licence
from tests.goldens import golden
from tests.hub.conftest import CASE


def test_published_weights_are_known_under_any_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    latest = CASE.save(tmp_path, "latest.pth")
    fingerprint = inspect(latest, family="depth_anything_v2").source["fingerprint"]
    row = {
        "family": "depth_anything_v2",
        "licence": "mit",
        "predicts": "metres",
        "million_parameters": 1,
        "url": "https://example.org/x.pth",
    }
    (tmp_path / "zoo.json").write_text(json.dumps([{"name": "depth_anything_v2_metric_vkitti_mine", "fingerprint": fingerprint, **row}]))
    monkeypatch.setenv("MUGGLE_CONVERT_ZOO", str(tmp_path / "zoo.json"))
    found = inspect(latest).match
    assert found.family.name == "depth_anything_v2" and found.evidence["family"].source is Source.KNOWN_FILE
    assert found.config.output.max_depth == 80.0 and found.evidence["output.max_depth"].source is Source.KNOWN_FILE


def test_the_licence_of_published_weights_is_carried_from_their_file_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = golden("dust3r_small").save(tmp_path, "renamed.pth")
    found = inspect(source)
    assert found.licence is None
    row = {
        "family": "dust3r",
        "licence": "cc-by-nc-sa-4.0",
        "predicts": "points",
        "million_parameters": 1,
        "url": "https://example.org/x.pth",
    }
    (tmp_path / "zoo.json").write_text(json.dumps([{"name": "mine", "fingerprint": found.source["fingerprint"], **row}]))
    monkeypatch.setenv("MUGGLE_CONVERT_ZOO", str(tmp_path / "zoo.json"))
    assert inspect(source).licence == Licence("cc-by-nc-sa-4.0", "the zoo's entry mine")
    assert convert(source, tmp_path / "out.safetensors").document.licence == "cc-by-nc-sa-4.0"
