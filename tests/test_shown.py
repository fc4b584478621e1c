"""What Python and a notebook show of results: a line, a table, a picture."""

from __future__ import annotations

import pickle
from dataclasses import replace
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from IPython.core.formatters import DisplayFormatter
from PIL import Image

from model_defs.network import Network
from muggle_convert import convert, export, inspect, load_any_dpt, verify
from muggle_convert.checkpoints.brief import LONGEST
from tests.goldens import golden, uint8_picture

PICTURE = uint8_picture(50, 81, 1)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("results")
    original, converted = golden("depth_anything_v2").save(folder, "depth_anything_v2_vits.pth"), folder / "v2.safetensors"
    report = convert(original, converted, sync=False)
    inspection = inspect(original)
    return {
        "report": report,
        "plan": report.plan,
        "inspection": inspection,
        "match": inspection.match,
        "checkpoint": inspection.match.checkpoint,
        "verification": verify(original, converted),
        "exported": export(converted, folder / "back.pth", fill_unused=True, sync=False),
    }


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Network:
    return load_any_dpt(golden("depth_anything_v2").save(tmp_path_factory.mktemp("model"), "depth_anything_v2_vits.pth"))


def shown(result: Any) -> dict[str, Any]:
    """As a notebook would, by type."""
    data, _ = DisplayFormatter().format(result)
    return dict(data)


def test_every_result_is_one_short_line(results: dict[str, Any]) -> None:
    for result in results.values():
        assert repr(result).startswith(f"<{type(result).__name__}: ")
        assert "\n" not in repr(result)
        assert len(repr(result)) <= LONGEST + 2


def test_a_line_says_what_matters(results: dict[str, Any]) -> None:
    assert "wrote " in repr(results["report"])
    assert "v2.safetensors" in repr(results["report"])
    assert "verdict holds" in repr(results["verification"])
    assert "Depth-Anything V2" in repr(results["inspection"])
    assert "relative inverse depth" in repr(results["inspection"])


def test_a_notebook_shows_every_result_as_a_table(results: dict[str, Any]) -> None:
    for result in results.values():
        page = shown(result)["text/html"]
        assert page.startswith("<table")
        assert page.count("<tr>") == page.count("</tr>") == len(result.told())


def test_nothing_that_a_file_says_becomes_markup(results: dict[str, Any]) -> None:
    tags: list[str] = []

    class Tags(HTMLParser):
        def handle_starttag(self, tag: str, attributes: Any) -> None:
            tags.append(tag)

    hostile = replace(results["checkpoint"], known_as="<script>alert('x')</script><img src=x onerror=\"y\">&amp;\x1b[31m")
    for result in (
        hostile,
        replace(results["match"], checkpoint=hostile),
        replace(results["plan"], match=replace(results["match"], checkpoint=hostile)),
    ):
        page = shown(result)["text/html"]
        Tags().feed(page)
        assert "&lt;script&gt;" in page
        assert "\x1b" not in page
        assert "\x1b" not in repr(result)
    assert set(tags) == {"table", "caption", "tr", "th", "td"}


def test_a_notebook_shows_a_prediction_as_a_picture(model: Network) -> None:
    data = shown(model.predict(PICTURE))
    with Image.open(BytesIO(data["image/png"])) as image:
        assert image.format == "PNG"
        assert image.width >= 81
        assert image.height > 50  # with the legend below
    assert data["text/plain"].startswith("array([[")


def test_a_large_prediction_is_shown_smaller(model: Network) -> None:
    prediction = model.predict(np.kron(PICTURE, np.ones((40, 40, 1), np.uint8)))
    with Image.open(BytesIO(shown(prediction)["image/png"])) as image:
        assert prediction.shape == (2000, 3240)
        assert image.width <= 1000


def test_a_prediction_is_an_array_like_any(model: Network) -> None:
    prediction = model.predict(PICTURE)
    assert isinstance(prediction, np.ndarray)
    for computed in (prediction * 2, np.sqrt(prediction), prediction > 1, prediction + prediction[::-1]):
        assert type(computed) is np.ndarray
    assert type(prediction.mean()) is type(prediction.max()) is type(prediction[0, 0]) is np.float32
    assert torch.from_numpy(prediction).shape == (50, 81)
    stored = BytesIO()
    np.save(stored, prediction)
    stored.seek(0)
    assert np.array_equal(np.load(stored), prediction)


def test_whoever_unpickles_a_prediction_gets_a_plain_array(model: Network) -> None:
    prediction = model.predict(PICTURE)
    for protocol in (2, 5):
        back = pickle.loads(pickle.dumps(prediction, protocol))
        assert type(back) is np.ndarray
        assert np.array_equal(back, prediction)


def test_what_no_picture_can_show_is_shown_as_numbers(model: Network) -> None:
    prediction = model.predict(PICTURE)
    assert "image/png" not in shown(prediction[0])
    assert "image/png" not in shown(prediction * 2)
    assert "image/png" in shown(prediction[10:30, 10:40])


def test_classes_have_a_picture_too(tmp_path: Path) -> None:
    segmenting = golden("vit_seg_19")
    prediction = load_any_dpt(segmenting.save(tmp_path), **segmenting.options).predict(PICTURE)
    assert "image/png" in shown(prediction)
