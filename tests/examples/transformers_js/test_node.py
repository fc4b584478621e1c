"""The folder for transformers.js, loaded by transformers.js itself: node, and its package in a folder that TRANSFORMERS_JS names."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch

from muggle_convert import load_any_dpt
from muggle_convert.predict.photographs import read_picture
from muggle_convert.predict.tensors import prepare
from tests.conftest import ROOT
from tests.goldens import RELEASED, TOLERANCE, Golden

PACKAGES = Path(os.environ.get("TRANSFORMERS_JS", ROOT)) / "node_modules"
PICTURE = ROOT / "fixtures" / "images" / "photograph_like.jpg"

pytestmark = [
    pytest.mark.full,
    pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed"),
    pytest.mark.skipif(not (PACKAGES / "@huggingface" / "transformers").is_dir(), reason="npm install @huggingface/transformers first"),
]


def test_transformers_js_predicts_what_the_network_does(tmp_path: Path) -> None:
    from muggle_convert.exporting.onnx import export_for_transformers_js

    checkpoint = Golden(RELEASED / "depth_anything_v2.vits").save(tmp_path, "depth_anything_v2_vits.pth")
    export_for_transformers_js(checkpoint, tmp_path / "model")
    shutil.copy(ROOT / "examples" / "transformers_js" / "depth.mjs", tmp_path)
    (tmp_path / "node_modules").symlink_to(PACKAGES)  # where Node looks for what a script imports
    done = subprocess.run(["node", "depth.mjs", "model", PICTURE, "out.json"], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    written = json.loads((tmp_path / "out.json").read_text())
    pixels, found = (
        torch.from_numpy(np.array(written[name]["data"], np.float32).reshape(written[name]["dims"]))
        for name in ("pixel_values", "predicted_depth")
    )
    network = load_any_dpt(checkpoint)
    own = prepare(read_picture(PICTURE), network.config.image)[None]
    assert own.shape == pixels.shape
    with torch.inference_mode():
        same, whole = network(pixels), network(own)
    assert (found - same).abs().max() / same.std() <= TOLERANCE, "the same pixels make the same depth"
    assert (found - whole).abs().mean() / whole.std() <= 0.05, "its cubic resizing is another one, by a hundredth of a deviation"
