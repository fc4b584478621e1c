"""What helps on the command line: the help, completion, and tables that fit a terminal."""

from __future__ import annotations

import re

import pytest

from muggle_convert.families import BY_NAME
from muggle_convert.hub.zoo import entries
from tests.conftest import Command


def test_without_arguments_the_help_is_shown(muggle_convert_here: Command) -> None:
    alone, asked = muggle_convert_here(), muggle_convert_here("--help")
    assert (alone.returncode, alone.stderr) == (0, "") and alone.stdout == asked.stdout and "Commands:" in alone.stdout


@pytest.mark.parametrize("command", ["convert", "inspect", "export", "depth", "eval", "push"])
def test_the_help_lists_families_and_settings_and_how_names_are_written(command: str, muggle_convert_here: Command) -> None:
    shown = muggle_convert_here(command, "--help").stdout
    listed = shown.partition("Families, and what --set tells of each:")[2]
    for name, family in BY_NAME.items():
        row = re.search(rf"^  {name}  +(\S.*(\n {{20,}}.*)*)", listed, re.MULTILINE)
        assert row is not None and re.split(r",\s+", row[1]) == list(family.settings)
    assert "{n} stands" in " ".join(shown.split()) and "{p:weight|bias}" in shown


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("muggle-convert insp", ["inspect"]),
        ("muggle-convert model.pth --fam", ["--family"]),
        ("muggle-convert inspect model.pth --family zoe", ["zoedepth"]),
        ("muggle-convert inspect --family depth_anything_v2 --set ", ["heads=", "max_depth=", "taps="]),
        ("muggle-convert inspect zoo:ZoeD_M12_NK", ["zoo:ZoeD_M12_NK"]),
    ],
)
def test_the_shell_completes(words: str, completed: list[str], muggle_convert_here: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_MUGGLE_CONVERT_COMPLETE", "zsh_complete")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split(" ")) - 1))
    done = muggle_convert_here()
    assert done.returncode == 0 and done.stdout.splitlines()[1::3] == completed


def test_the_zoo_is_one_line_a_row_on_a_terminal_of_80_columns(muggle_convert_here: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    shown = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in muggle_convert_here("zoo").stdout.splitlines()]
    rows = shown[1 : shown.index("")]
    assert [row.split()[0] for row in rows] == [entry.name for entry in entries()]
    assert max(map(len, shown)) <= 80
    assert {row.split()[-1] for row in rows} == {"relative", "metres", "views", "scene", "points", "classes", "backbone"}


def test_what_is_read_by_another_program_is_told_in_full(muggle_convert_here: Command) -> None:
    assert "metres, of a picture and a prompt" in muggle_convert_here("zoo").stdout


def test_numbers_of_an_evaluation_are_one_line_a_row_on_a_terminal_of_80_columns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from muggle_convert.cli.eval_tables import show
    from muggle_convert.evaluation.metrics import NAMES
    from muggle_convert.evaluation.results import Results, Row

    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    numbers = dict.fromkeys(NAMES, 12.3456)
    rows = [Row(f"{name}.safetensors", "dpt_vit", None, "float32", "scale-shift", numbers, {}) for name in ("a" * 30, "b" * 30)]
    show(Results("plain", "pictures", 2, "none", False, None, "image", rows), 0)
    shown = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in capsys.readouterr().out.splitlines()]
    assert max(map(len, shown)) <= 80
    assert f"1  {'a' * 30}.safetensors, float32, aligned: scale-shift" in shown
    assert [line.split() for line in shown if "12.3456" in line] == [["1", *["12.3456"] * 9], ["2", *["12.3456"] * 9]]
