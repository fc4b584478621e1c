from __future__ import annotations

import json
from pathlib import Path

import pytest

from muggle_convert import inspect
from muggle_convert.families.evidence import Source
from tests.hub.conftest import CASE


def test_published_weights_are_known_under_any_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    latest = CASE.save(tmp_path, "latest.pth")
    fingerprint = inspect(latest, family="depth_anything_v2").source["fingerprint"]
    row = {"family": "depth_anything_v2", "licence": "mit", "predicts": "metres", "parameters": 1, "url": "https://example.org/x.pth"}
    (tmp_path / "zoo.json").write_text(json.dumps([{"name": "depth_anything_v2_metric_vkitti_mine", "fingerprint": fingerprint, **row}]))
    monkeypatch.setenv("MUGGLE_CONVERT_ZOO", str(tmp_path / "zoo.json"))
    found = inspect(latest).match
    assert found.family.name == "depth_anything_v2" and found.evidence["family"].source is Source.KNOWN_FILE
    assert found.config.output.max_depth == 80.0 and found.evidence["output.max_depth"].source is Source.KNOWN_FILE
