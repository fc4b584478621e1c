"""Encoded pictures in, encoded predictions and facts out."""

from __future__ import annotations

import pickle
import subprocess
import sys
from dataclasses import asdict
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model_defs.network import Network
from muggle_convert import BatchPredictor, Refusal
from tests.conftest import ROOT
from tests.goldens import uint8_picture

PICTURE = uint8_picture(50, 81, 1)


def encoded(height: int = 50, width: int = 81, seed: int = 1) -> bytes:
    file = BytesIO()
    Image.fromarray(uint8_picture(height, width, seed)).save(file, "PNG")
    return file.getvalue()


def test_each_picture_becomes_a_row_with_what_a_file_would_hold(checkpoint: Path, model: Network) -> None:
    (row,) = BatchPredictor(checkpoint)([("one.png", encoded())])
    assert row.depth is not None
    depth = np.load(BytesIO(row.depth))
    assert np.allclose(depth, model.predict(PICTURE), atol=1e-5)
    assert asdict(row) | {"depth": None} == {
        "key": "one.png", "depth": None, "height": 50, "width": 81, "unit": "relative inverse depth, without a unit",
        "scale": 1.0, "offset": 0.0, "model": BatchPredictor(checkpoint).fingerprint, "error": None,
    }  # fmt: skip


def test_scale_and_offset_turn_stored_numbers_into_the_prediction(checkpoint: Path, model: Network) -> None:
    (row,) = BatchPredictor(checkpoint, form="png16")([("one.png", encoded())])
    assert row.depth is not None and row.scale is not None and row.offset is not None
    numbers = np.asarray(Image.open(BytesIO(row.depth))).astype(np.float64)
    assert np.abs(row.offset + row.scale * numbers - model.predict(PICTURE)).max() < row.scale


def test_colours_are_no_numbers(checkpoint: Path) -> None:
    (row,) = BatchPredictor(checkpoint, form="png")([("one.png", encoded())])
    assert row.depth is not None and (row.scale, row.offset) == (None, None)


def test_a_picture_that_fails_becomes_a_row_with_a_sentence_and_harms_no_other(checkpoint: Path) -> None:
    rows = BatchPredictor(checkpoint)([("one", encoded()), ("words", b"no picture"), ("half", encoded()[:700]), ("two", encoded(seed=2))])
    assert [row.key for row in rows] == ["one", "words", "half", "two"]
    assert [row.error is None for row in rows] == [True, False, False, True]
    assert rows[1].depth is None and str(rows[1].error).startswith("words is not a picture in a format that is read here")
    assert str(rows[2].error).startswith("half is damaged and cannot be read as a picture")


def test_it_travels_as_a_description_and_loads_where_it_is_used(checkpoint: Path) -> None:
    predictor = BatchPredictor(checkpoint, form="png16", reading={"overrides": {"max_depth": 20}})
    before = predictor([("one", encoded())])
    sent = pickle.dumps(predictor)
    assert len(sent) < 1000
    assert pickle.loads(sent)([("one", encoded())]) == before


def test_a_driver_needs_no_torch_to_describe_it() -> None:
    script = "import sys, muggle_convert; muggle_convert.BatchPredictor('zoo:any'); assert 'torch' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr


def test_what_is_wrong_with_the_options_is_refused_before_any_picture(checkpoint: Path) -> None:
    with pytest.raises(Refusal, match="there is no format 'jpeg'; the formats are png, "):
        BatchPredictor(checkpoint, form="jpeg")
    with pytest.raises(Refusal, match="so known distances are of no use"):
        BatchPredictor(checkpoint, reading={"overrides": {"max_depth": 20}}, known={(1, 1): 1.0, (2, 2): 3.0})([("one", encoded())])
