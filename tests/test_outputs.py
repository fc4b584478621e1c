"""Every kind of prediction has a row that says what it means."""

from __future__ import annotations

import subprocess
import sys
from typing import get_args, get_type_hints

import pytest

from model_defs.config import OutputConfig
from muggle_convert.outputs import FORMATS, KINDS, farthest, kind_of, paragraph_about, sentence_about

METRIC = OutputConfig("metric depth", "sigmoid", max_depth=20.0)


def test_every_kind_of_a_configuration_has_a_row() -> None:
    assert set(KINDS) == set(get_args(get_type_hints(OutputConfig)["kind"]))


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_fills_its_sentences_and_names_formats_there_are(kind: str) -> None:
    output = OutputConfig(kind, "none")  # type: ignore[arg-type]
    for words in (sentence_about(output, 19), paragraph_about(output, 19)):
        assert words and "{" not in words
    assert set(KINDS[kind].formats) <= set(FORMATS)
    compile(KINDS[kind].example, kind, "exec")


def test_only_predictions_of_distance_become_points_or_one_number_for_each_pixel() -> None:
    for kind in KINDS.values():
        assert {"exr", "ply"} <= set(kind.formats) or kind.distance is None
        assert not {"exr", "ply"} & set(kind.formats) or kind.distance is not None


def test_metres_say_how_far_they_reach_where_it_is_known() -> None:
    assert sentence_about(METRIC, 1) == "depth in metres, up to 20"
    assert paragraph_about(METRIC, 1).startswith("Depth in metres, from 0 to 20, as trained")
    assert sentence_about(OutputConfig("metric depth", "relu"), 1) == "depth in metres"
    assert paragraph_about(OutputConfig("metric depth", "relu"), 1).startswith("Depth in metres, as trained")


def test_relative_depth_is_explained_as_depth() -> None:
    output = OutputConfig("relative depth", "relu")
    assert "larger is farther" in sentence_about(output, 1)
    assert "between these numbers and metres" in paragraph_about(output, 1)
    assert kind_of(output).unit == "relative depth, without a unit"


def test_the_farthest_is_the_bound_or_where_disparity_is_zero() -> None:
    assert farthest(METRIC) == 20
    assert farthest(OutputConfig("metric depth", "relu", scale=0.000305, shift=0.1378, invert=True)) == pytest.approx(7.26, abs=0.01)
    assert farthest(OutputConfig("metric depth", "relu")) == float("inf")


def test_the_table_is_read_without_numpy_and_torch() -> None:
    code = "import sys, muggle_convert.outputs; sys.exit(bool({'numpy', 'torch'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
