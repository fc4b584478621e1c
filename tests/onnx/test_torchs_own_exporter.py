"""A loaded model is written by torch's own call, as anybody would write it: gradients on, and every side free."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.export import Dim

from muggle_convert.exporting.onnx.interface import step_of
from tests.configurations import SMALL

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

SLOW = [pytest.param(name, marks=pytest.mark.full) for name in ("depth_anything_v2", "dpt_swin", "dpt_swin2")]  # minutes each


@pytest.mark.parametrize("name", ["dpt_beit", *SLOW])
def test_torchs_own_call_writes_a_graph_for_every_size(name: str, tmp_path: Path) -> None:
    network = SMALL[name].network()
    step = step_of(network)
    assert step is not None
    assert torch.is_grad_enabled()
    sides = {0: Dim("batch"), 2: step[0] * Dim("rows", max=512), 3: step[1] * Dim("columns", max=512)}
    program = torch.onnx.export(
        network, (torch.randn(2, 3, 2 * step[0], 4 * step[1]),), dynamo=True, dynamic_shapes=(sides,), verbose=False
    )
    assert program is not None
    program.save(tmp_path / "x.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "x.onnx")
    for batch, rows, columns in ((2, 2, 4), (1, 4, 4), (3, 4, 2), (1, 2, 1)):
        images = torch.randn(batch, 3, rows * step[0], columns * step[1])
        with torch.no_grad():
            expected = network(images).numpy()
        (found,) = session.run(None, {session.get_inputs()[0].name: images.numpy()})
        assert np.abs(found - expected).max() < 5e-4 * expected.std()
