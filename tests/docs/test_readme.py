"""What the README shows is what happens."""

from __future__ import annotations

import re
from pathlib import Path

from tests.conftest import ROOT, Command

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_first_conversion_prints_what_is_shown(muggle_convert: Command, tmp_path: Path) -> None:
    line, shown = re.findall(r"    \$ muggle-convert (.+)\n((?:    .+\n)+)", README)[0]
    source, target = ROOT / line.split()[0], tmp_path / "toy.safetensors"
    done = muggle_convert(source, "-o", target)
    said = (done.stdout + done.stderr).replace(str(target), "toy.safetensors")
    assert " ".join(said.split()) == " ".join(shown.split())


def test_it_is_read_in_one_go() -> None:
    assert len(README.splitlines()) <= 79
