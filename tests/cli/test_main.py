from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from muggle_convert.cli import COMMANDS
from tests.conftest import ROOT, Command
from tests.goldens import golden

CASE = golden("depth_anything_v2")
ONLY_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has /dev/full")


@pytest.mark.parametrize("arguments", ["zoo", "zoo --json", "--help", "inspect {}", "inspect {} --json", "{} --dry-run"])
@pytest.mark.parametrize(
    ("redirection", "words"), [pytest.param("> /dev/full", "No space left", marks=ONLY_LINUX), (">&-", "standard output is closed")]
)
def test_output_that_cannot_be_written_is_one_line_on_standard_error(arguments: str, redirection: str, words: str, tmp_path: Path) -> None:
    line = f"{sys.executable} -m muggle_convert {arguments.format(CASE.save(tmp_path, 'depth_anything_v2_vits.pth'))} {redirection}"
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert (done.returncode, done.stderr.count("\n")) == (1, 1) and words in done.stderr


@pytest.mark.parametrize("arguments", [["zoo"], ["--help"]])
def test_a_reader_that_closes_the_pipe_is_not_an_error(arguments: list[str]) -> None:
    line = f"{sys.executable} -m muggle_convert {' '.join(arguments)} | true"
    assert subprocess.run(["sh", "-c", line], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}).stderr == ""


def test_the_help_names_every_command_in_a_whole_sentence(muggle_convert: Command) -> None:
    shown = muggle_convert("--help").stdout.partition("Commands:")[2]
    listed = dict(re.findall(r"^  (\w+)\*? +(\S.*\.)$", shown, re.MULTILINE))
    assert tuple(listed) == COMMANDS and "..." not in shown


def test_the_help_needs_nothing_that_takes_time_to_import() -> None:
    script = (
        "import sys; from muggle_convert.cli import muggle_convert as group\n"
        "group(['--help'], standalone_mode=False)\n"
        "assert not {'torch', 'numpy', 'PIL', 'rich', 'huggingface_hub'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr


def test_an_unsupported_system_is_refused_in_one_line() -> None:
    script = "import os; from muggle_convert.cli import main; os.name = 'nt'; main()"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "muggle-convert: this needs Linux or macOS; on Windows, run it in WSL.\n"


def test_characters_that_a_terminal_cannot_show_are_escaped(tmp_path: Path, muggle_convert: Command) -> None:
    path = CASE.save(tmp_path, "depth_anything_v2_größe.pth")
    done = muggle_convert("inspect", path, env={"PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0 and "gr\\xf6\\xdfe" in done.stdout
    refused = muggle_convert("inspect", path.with_name("größe.pth"), env={"PYTHONIOENCODING": "ascii"})
    assert refused.returncode == 1 and "gr\\xf6\\xdfe" in refused.stderr
