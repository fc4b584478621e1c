"""Converted files that say of themselves what is not so."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from muggle_convert import Refusal, load_any_dpt
from muggle_convert.inspecting import inspect
from tests.conftest import Command
from tests.hostile.conftest import MOST_MEBIBYTES, MOST_SECONDS
from tests.hostile.lies import JSON_VALUES, Described, paths, replaced
from tests.test_old_files import EXPECTED, OLD

PICTURE = np.random.default_rng(0).integers(0, 255, (40, 50, 3)).astype(np.uint8)


@cache
def described(name: str) -> Described:
    return Described(OLD / name)


@cache
def places(name: str) -> list[tuple[Any, ...]]:
    """What is said twice as often as it would be by chance: everything but the evidence, which is mostly text."""
    everything = list(paths(described(name).document))
    return everything + [path for path in everything if path[:1] != ("evidence",)]


ANY = st.sampled_from(JSON_VALUES) | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20) | st.lists(st.integers(), max_size=5)


@st.composite
def lies(draw: st.DrawFn) -> tuple[str, bytes]:
    """A file of any family with one value of its description replaced."""
    file = described(draw(st.sampled_from(sorted(EXPECTED))))
    path = draw(st.sampled_from(places(file.name)))
    lie = draw(ANY)
    return file.name, file.with_document(replaced(file.document, path, lie))


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(lies())
def test_any_value_of_a_description_may_be_any_other_without_a_traceback(tmp_path: Path, lie: tuple[str, bytes]) -> None:
    name, content = lie
    (tmp_path / name).write_bytes(content)
    try:
        inspect(tmp_path / name).to_dict()
        model = load_any_dpt(tmp_path / name)
        model.predict(*[PICTURE] * len(model.inputs))
    except Refusal as refusal:
        assert str(refusal).isprintable() and len(str(refusal)) < 1000


LIES: tuple[tuple[str, tuple[Any, ...], Any], ...] = (
    ("dpt_vit", ("config", "encoder", "heads"), 0),
    ("dpt_vit", ("config", "encoder", "heads"), 5),
    ("dpt_vit", ("config", "encoder", "taps"), []),
    ("dpt_vit", ("config", "encoder", "taps"), [0, 1, 2, 99]),
    ("dpt_vit", ("config", "image", "multiple"), 0),
    ("dpt_vit", ("config", "image", "multiple"), 10**7),
    ("dpt_vit", ("config", "image", "size"), 10**19),
    ("dpt_vit", ("config", "image", "std"), [0.0, 0.0, 0.0]),
    ("dpt_vit", ("config", "output", "max_depth"), -3.0),
    ("dpt_vit", ("aliases",), {"a": "b"}),
    ("dpt_vit", ("dropped",), {"pretrained.model.norm.weight": ["", "F32", [0, 10**19 * 4]]}),
    ("dpt_vit", ("source", "fingerprint"), "\x1b[2J"),
    ("dpt_swin2", ("config", "encoder", "pretrained_windows"), []),
    ("dpt_swin2", ("config", "encoder", "depths"), [30_000_000, -30_000_000, 2, 2]),
    ("dpt_swin2", ("config", "encoder", "depths"), [10**7] * 4),
    ("dpt_levit", ("config", "encoder", "heads"), []),
)


@pytest.mark.parametrize(("family", "path", "lie"), LIES, ids=[f"{path[-1]}={lie}"[:40] for _, path, lie in LIES])
def test_every_command_has_a_sentence_for_a_description_that_lies(
    muggle_convert_here: Command, tmp_path: Path, family: str, path: tuple[Any, ...], lie: Any
) -> None:
    file = described(f"{family}.safetensors")
    source, picture = tmp_path / "lying.safetensors", tmp_path / "picture.png"
    source.write_bytes(file.with_document(replaced(file.document, path, lie)))
    Image.fromarray(PICTURE).save(picture)
    before = {one.name for one in tmp_path.iterdir()}
    for line in (
        ("inspect", source, "--picture", tmp_path / "drawing.svg"),
        ("depth", picture, "-m", source, "-o", tmp_path / "out.png"),
        ("verify", OLD.parent / "toy_depth_anything_v2_vit.pth", source, "--predict"),
        ("export", source, "--to", "original", "-o", tmp_path / "out.pth", "--fill-unused"),
        ("convert", source, "-o", tmp_path / "out.safetensors"),
    ):
        done = muggle_convert_here(*line)
        assert done.returncode in (0, 1) and "Traceback" not in done.stderr, (line, done.stderr)
        assert done.stderr.isascii() and "\x1b" not in done.stderr + done.stdout
        if done.returncode:
            assert {one.name for one in tmp_path.iterdir()} == before, line
        for made in {one.name for one in tmp_path.iterdir()} - before:
            (tmp_path / made).unlink()


@pytest.mark.parametrize("depths", [[30_000_000, -30_000_000, 2, 2], [10**7] * 4, [9_999] * 4])
def test_counts_that_cancel_each_other_cost_nothing(hostile: Any, depths: list[int]) -> None:
    file = described("dpt_swin2.safetensors")
    hostile.source.write_bytes(file.with_document(replaced(file.document, ("config", "encoder", "depths"), depths)))
    outcome = hostile.command_line.run("inspect", hostile.source)
    assert outcome.status == 1 and outcome.err.count("\n") == 1
    assert outcome.busy < MOST_SECONDS and outcome.mebibytes < MOST_MEBIBYTES


def test_zeros_of_an_export_are_bounded_by_what_the_file_holds(muggle_convert_here: Command, tmp_path: Path) -> None:
    file = described("dpt_vit.safetensors")
    dropped = {"pretrained.model.norm.weight": ["the network never reads it", "F32", [300_000_000]]}
    (tmp_path / "lying.safetensors").write_bytes(file.with_document({**file.document, "dropped": dropped}))
    done = muggle_convert_here("export", tmp_path / "lying.safetensors", "--to", "original", "-o", tmp_path / "out.pth", "--fill-unused")
    assert done.returncode == 1 and "more than" in done.stderr
    assert not (tmp_path / "out.pth").exists()


def test_the_size_of_an_export_can_be_bounded(muggle_convert_here: Command, tmp_path: Path) -> None:
    content = (OLD / "dpt_vit.safetensors").read_bytes()
    (tmp_path / "converted.safetensors").write_bytes(content)
    line = ("export", tmp_path / "converted.safetensors", "--to", "original", "-o", tmp_path / "out.pth", "--fill-unused")
    assert muggle_convert_here(*line, "--max-output", "1").returncode == 0
