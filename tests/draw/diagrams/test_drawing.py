"""The drawing of a network: every part is there, and every word fits its place."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree

import pytest

from muggle_convert.draw.diagrams.measure import measure
from muggle_convert.draw.diagrams.model import draw_network
from muggle_convert.identify.read import ReadOptions, read
from tests.conftest import Command
from tests.goldens import Golden, golden, goldens

SVG = "{http://www.w3.org/2000/svg}"
ONE_OF_EACH = list({case.family: case for case in goldens()}.values())


@cache
def drawn(case: Golden) -> ElementTree.Element:
    with TemporaryDirectory() as folder:
        config = read(case.save(Path(folder)), ReadOptions(**case.told)).config
    rows, columns = case.manifest["inputs"][0]["shape"][2:]
    return ElementTree.fromstring(draw_network(config, measure(config, rows, columns), rows, columns, "A <network> & more"))


def words(picture: ElementTree.Element) -> list[str]:
    return [element.text or "" for element in picture.iter(f"{SVG}text")]


@pytest.mark.parametrize("case", ONE_OF_EACH, ids=lambda case: case.family)
def test_every_family_has_a_drawing_with_all_its_parts(case: Golden) -> None:
    shown = words(drawn(case))
    assert "A <network> & more" in shown
    assert {"patch_embed", "imgencoder", "reassemble", "fusion", "head", "spatial_upx4", "blocks.0"} <= set(shown)
    assert any(line.startswith("points, " if case.family == "dust3r" else "prediction, ") for line in shown)


@pytest.mark.parametrize("case", ONE_OF_EACH, ids=lambda case: case.family)
def test_nothing_is_drawn_beyond_the_edge_and_no_bar_has_a_gap(case: Golden) -> None:
    picture = drawn(case)
    width, height = float(picture.attrib["width"]), float(picture.attrib["height"])
    boxes = [[float(box.attrib.get(key, 0)) for key in ("x", "y", "width", "height")] for box in picture.iter(f"{SVG}rect")]
    for x, y, across, down in boxes:
        assert x >= 0 and y >= 0 and x + across <= width + 0.1 and y + down <= height + 0.1
    for text in picture.iter(f"{SVG}text"):
        assert 0 < float(text.attrib["x"]) < width and 0 < float(text.attrib["y"]) < height
    bar = sorted(box for box in boxes if box[3] == 30)
    for top in {box[1] for box in bar}:
        row = [box for box in bar if box[1] == top]
        assert all(right[0] == pytest.approx(left[0] + left[2], abs=0.2) for left, right in pairwise(row))


@pytest.mark.parametrize("case", [golden("dust3r_small"), golden("dust3r_one_decoder")], ids=lambda case: case.name)
def test_a_network_of_two_views_has_two_decoders_and_two_heads(case: Golden) -> None:
    shown = words(drawn(case))
    decoders = ["decoder.first", "decoder.second"] if case.name == "dust3r_small" else ["decoder, for both"] * 2
    assert [line for line in shown if line.startswith("decoder") and line != "decoder"] == decoders
    assert sum(line == "head" for line in shown) == 3, "one for each view, and one in the legend"
    assert sum(line.startswith("confidence, ") for line in shown) == 2


def test_inspect_draws_in_addition_to_its_tables(tmp_path: Path, muggle_convert_here: Command) -> None:
    case = next(case for case in ONE_OF_EACH if case.family == "depth_anything_v2")
    target = tmp_path / "network.svg"
    done = muggle_convert_here("inspect", case.save(tmp_path), *case.arguments, "--picture", target, "--size", "70x98")
    assert done.returncode == 0, done.stderr
    assert "imgencoder" in done.stdout
    assert "picture, 3 × 70 × 98" in words(ElementTree.parse(target).getroot())


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--picture", "network.png"], "does not end in .svg"),
        (["--picture", "network.svg", "--size", "70"], "is not ROWSxCOLUMNS, such as --size 70x70"),
        (["--picture", "network.svg", "--size", "70x71"], "multiples of 14"),
        (["--picture", "networks/small.svg"], "the folder networks does not exist; make it first"),
    ],
)
def test_a_picture_that_cannot_be_drawn_is_refused(
    tmp_path: Path, muggle_convert_here: Command, monkeypatch: pytest.MonkeyPatch, options: list[str], sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    case = next(case for case in ONE_OF_EACH if case.family == "depth_anything_v2")
    done = muggle_convert_here("inspect", case.save(tmp_path), *case.arguments, *options)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not list(tmp_path.glob("network*"))
