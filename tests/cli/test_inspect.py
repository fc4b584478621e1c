from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, Command, plain
from tests.goldens import golden

CASE = golden("depth_anything_v2_metric")


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    return CASE.save(tmp_path, "depth_anything_v2_metric_vkitti_vits.pth")


def test_inspect_as_json_has_all_there_is_to_know(checkpoint: Path, muggle_convert: Command) -> None:
    found = json.loads(muggle_convert("inspect", checkpoint, "--json").stdout)
    assert {"family", "layout", "config", "evidence", "tensors", "source"} <= found.keys()
    assert found["config"]["output"]["max_depth"] == 80.0
    assert found["evidence"]["output.max_depth"] == ["file name", checkpoint.name]
    assert found["tensors"]["source"] == 239
    assert found["parts"].keys() == {"patch_embed", "posenc", "imgencoder", "reassemble", "fusion", "head"}


def test_inspect_is_a_table_a_person_can_read(checkpoint: Path, muggle_convert: Command) -> None:
    shown = muggle_convert("inspect", checkpoint).stdout
    for expected in ("Depth-Anything V2", "depth in metres, up to 80", "encoder.width", "64 features for each head", "imgencoder"):
        assert expected in shown


def test_a_pipe_gets_each_value_on_one_line_and_no_blanks_at_its_end(checkpoint: Path, muggle_convert: Command) -> None:
    lines = muggle_convert("inspect", checkpoint).stdout.splitlines()
    assert all(line == line.rstrip() for line in lines)
    (row,) = [line for line in lines if "reassemble.features" in line]
    assert "depth_head.projects.0.weight is [" in row and row.endswith("and 3 more like it")


def test_a_narrow_terminal_gets_reasons_below_their_values(checkpoint: Path, muggle_convert: Command) -> None:
    shown = plain(muggle_convert("inspect", checkpoint, env={"FORCE_COLOR": "1", "COLUMNS": "80"}).stdout)
    lines = [line.rstrip() for line in shown.splitlines()]
    assert max(map(len, lines)) <= 80
    kind = [line.split() for line in lines].index(["output.kind", "metric", "depth"])
    assert lines[kind + 1] == f"    file name: {checkpoint.name}"
    alike = [
        number
        for number, line in enumerate(lines)
        if line.startswith(("image.mean ", "image.std ", "image.resize ", "image.reflected ", "image.mirrored "))
    ]
    assert alike == list(range(alike[0], alike[0] + 5)) and "ImageNet's mean and standard" in lines[alike[-1] + 1]


def test_inspect_of_a_converted_file_shows_where_it_came_from(checkpoint: Path, muggle_convert: Command) -> None:
    target = checkpoint.with_name("out.safetensors")
    muggle_convert(checkpoint, "-o", target, "--licence", "apache-2.0")
    shown = muggle_convert("inspect", target).stdout
    assert checkpoint.name in shown and "apache-2.0" in shown and "file name: depth_anything_v2_metric" in shown


def test_the_size_is_that_of_the_file_at_hand(checkpoint: Path, muggle_convert: Command) -> None:
    target = checkpoint.with_name("half.safetensors")
    muggle_convert(checkpoint, "-o", target, "--dtype", "float16")
    assert f"{target.stat().st_size / 1e6:.1f} MB, F16" in muggle_convert("inspect", target).stdout
    assert json.loads(muggle_convert("inspect", target, "--json").stdout)["size"] == target.stat().st_size


def test_a_drawing_is_announced_and_never_replaced_without_force(checkpoint: Path, muggle_convert: Command) -> None:
    drawing = checkpoint.with_name("network.svg")
    assert f"drew {drawing}" in muggle_convert("inspect", checkpoint, "--picture", drawing).stderr
    drawing.write_text("mine")
    refused = muggle_convert("inspect", checkpoint, "--picture", drawing)
    assert refused.returncode == 1 and "exists already; pass --force" in refused.stderr and drawing.read_text() == "mine"
    assert muggle_convert("inspect", checkpoint, "--picture", drawing, "--force").returncode == 0
    assert "<svg" in drawing.read_text()


@pytest.mark.parametrize("command", [["inspect"], ["convert", "-o", "out.safetensors", "--force"]])
def test_torch_is_not_imported_to_look_or_to_convert(command: list[str], checkpoint: Path) -> None:
    script = (
        "import sys; from muggle_convert.cli import muggle_convert as group\n"
        f"group({[*command, str(checkpoint)]!r}, standalone_mode=False)\n"
        "assert not {'torch', 'transformers', 'PIL'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=checkpoint.parent, env={"PYTHONPATH": str(ROOT)}
    )
    assert done.returncode == 0, done.stderr


def test_names_with_terminal_escapes_are_shown_harmlessly(tmp_path: Path, muggle_convert: Command) -> None:
    path = CASE.save(tmp_path, "depth_anything_v2_\x1b[31mred.pth")
    for arguments in (["inspect", path], ["inspect", path, "--json"], [path, "-o", tmp_path / "out.safetensors"]):
        done = muggle_convert(*arguments)
        assert done.returncode == 0 and "\x1b" not in done.stdout + done.stderr
