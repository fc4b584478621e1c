"""The drawing of a network: every part is there, and every word fits its place."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree

import pytest

from muggle_convert.draw.diagrams.measure import measure
from muggle_convert.draw.diagrams.model import draw_network
from muggle_convert.identify.read import ReadOptions, read
from tests.configurations import ROWS, SMALL
from tests.conftest import Command
from tests.goldens import golden, goldens

SVG = "{http://www.w3.org/2000/svg}"
TWO_VIEWS = ["dust3r_small", "dust3r_one_decoder", "mast3r_small"]
OF_THEIR_OWN = ["promptda_vits_small", "da3mono_small", "dinov2_dpt_nyu_small"]
ANY_VIEWS = ["VGGT, other registers", "Depth Anything 3, any view", "Depth Anything 3, nested"]
LINEAR = ["DINOv2's linear head", "DINOv2's linear head on four taps"]
DRAWN = [*SMALL, *TWO_VIEWS, *OF_THEIR_OWN, *ANY_VIEWS, *LINEAR]


@cache
def drawn(name: str) -> ElementTree.Element:
    """Of a small configuration, or of a reference case."""
    if name in SMALL:
        config, rows, columns = SMALL[name].config, SMALL[name].height, SMALL[name].width
    elif name in ROWS:
        config, rows, columns = ROWS[name].make(), 42, 56
    else:
        case = golden(name)
        rows, columns = case.manifest["inputs"][0]["shape"][-2:]
        with TemporaryDirectory() as folder:
            config = read(case.save(Path(folder)), ReadOptions(**case.told)).config
    return ElementTree.fromstring(draw_network(config, measure(config, rows, columns), rows, columns, "A <network> & more"))


def words(picture: ElementTree.Element) -> list[str]:
    return [element.text or "" for element in picture.iter(f"{SVG}text")]


def test_every_family_is_among_the_drawings() -> None:
    cases = {golden(name).family for name in (*TWO_VIEWS, *OF_THEIR_OWN)}
    assert {case.family for case in goldens()} == {small.config.family for small in SMALL.values()} | cases | {"vggt"}


@pytest.mark.parametrize("name", DRAWN)
def test_every_family_has_a_drawing_with_all_its_parts(name: str) -> None:
    shown = words(drawn(name))
    assert "A <network> & more" in shown
    decoder = set() if name in LINEAR else {"reassemble", "fusion", "spatial_upx4", "blocks.0"}
    assert {"patch_embed", "imgencoder", "head", *decoder} <= set(shown)
    assert any(line.startswith(("prediction, ", "points, ", "depth, ")) for line in shown)


@pytest.mark.parametrize("name", DRAWN)
def test_nothing_is_drawn_beyond_the_edge_and_no_bar_has_a_gap(name: str) -> None:
    picture = drawn(name)
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


@pytest.mark.parametrize("name", DRAWN)
def test_no_words_run_into_each_other(name: str) -> None:
    lines = sorted(placed(drawn(name)), key=lambda line: (line[1], line[0]))
    for (_, height, right, words), (next_left, next_height, _, next_words) in pairwise(lines):
        assert height != next_height or right < next_left, f"{words!r} and {next_words!r}"


def placed(picture: ElementTree.Element, down: float = 0.0) -> Iterator[tuple[float, float, float, str]]:
    """Left end, height and right end of every line, at half its size for a letter, and the line."""
    for element in picture:
        if element.tag == f"{SVG}g":
            yield from placed(element, down + float(element.attrib["transform"].split()[-1].rstrip(")")))
        elif element.tag == f"{SVG}text":
            words, size = element.text or "", float(element.attrib["font-size"])
            width = 0.5 * size * len(words)
            left = float(element.attrib["x"]) - {"start": 0.0, "middle": width / 2, "end": width}[element.attrib["text-anchor"]]
            yield left, float(element.attrib["y"]) + down, left + width, words


@pytest.mark.parametrize(
    ("name", "beside"),
    [
        ("da3mono_small", {"sky, 140 × 196"}),
        ("Depth Anything 3, any view", {"ray_fusion", "ray_head", "camera_encoder", "camera_decoder", "rays, 2 × 24 × 32 × 6"}),
        ("Depth Anything 3, nested", {"metric", "a network for one picture beside this one: metres, and the sky"}),
        ("zoedepth", {"every path moves the centres of the bins"}),
        ("promptda_vits_small", {"sees the prompt, 1 × 84 × 112"}),
        ("DINOv2's linear head", {"scores, 7 × 3 × 4", "blocks 0 to 11"}),
    ],
)
def test_what_only_some_networks_have_is_drawn_too(name: str, beside: set[str]) -> None:
    assert beside <= set(words(drawn(name)))


@pytest.mark.parametrize("name", TWO_VIEWS)
def test_a_network_of_two_views_has_two_decoders_and_two_heads(name: str) -> None:
    shown = words(drawn(name))
    decoders = ["decoder, for both"] * 2 if name == "dust3r_one_decoder" else ["decoder.first", "decoder.second"]
    assert [line for line in shown if line.startswith("decoder") and line != "decoder"] == decoders
    assert sum(line == "head" for line in shown) == 3, "one for each view, and one in the legend"
    assert sum(line.startswith("confidence, ") for line in shown) == 2
    assert sum(line.startswith("descriptors, ") for line in shown) == (2 if name == "mast3r_small" else 0)


def test_inspect_draws_in_addition_to_its_tables(tmp_path: Path, muggle_convert_here: Command) -> None:
    case = golden("depth_anything_v2")
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
    case = golden("depth_anything_v2")
    done = muggle_convert_here("inspect", case.save(tmp_path), *case.arguments, *options)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not list(tmp_path.glob("network*"))
