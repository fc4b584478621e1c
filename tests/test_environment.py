"""What `scripts/environment` needs before it makes anything, and what is said of versions."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from muggle_convert.version import VERSION
from tests.conftest import ROOT


@pytest.mark.parametrize(
    ("version", "sentence"),
    [
        ("3.9", "is Python 3.9, and 3.10 to 3.13 is needed"),
        ("3.14", "is Python 3.14, and 3.10 to 3.13 is needed"),
        (None, "does not run; name a Python from 3.10 to 3.13"),
    ],
)
def test_a_python_that_does_not_fit_is_refused_before_anything_is_made(version: str | None, sentence: str, tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\necho {version}\n" if version else "#!/bin/sh\nexit 1\n")
    python.chmod(0o755)
    (tmp_path / "scripts").mkdir()
    script = shutil.copy(ROOT / "scripts" / "environment", tmp_path / "scripts")
    for name in ("pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    done = subprocess.run(
        ["bash", script], capture_output=True, text=True, env={"PYTHON": str(python), "PATH": "/usr/bin:/bin"}, timeout=20
    )
    assert done.returncode == 1 and done.stdout == ""
    assert f"{python} {sentence}" in done.stderr and done.stderr.count("\n") == 1
    assert not (tmp_path / ".venv").exists()


def test_the_pythons_that_are_named_are_those_that_fit() -> None:
    named = re.findall(r'"Programming Language :: Python :: 3\.(\d+)"', (ROOT / "pyproject.toml").read_text())
    workflow = (ROOT / ".github" / "workflows" / "test.yml").read_text()
    assert named == ["10", "11", "12", "13"]
    assert set(re.findall(r'"3\.(\d+)"', workflow)) == {named[0], named[-1]}
    assert "ubuntu-latest" in workflow and "macos-latest" in workflow, "README promises Linux and macOS"


def test_the_version_that_files_are_stamped_with_is_in_the_changelog_and_has_security_fixes() -> None:
    assert f"\n## [{VERSION}] - " in (ROOT / "CHANGELOG.md").read_text()
    assert f"\n| {VERSION.rpartition('.')[0]} | yes |\n" in (ROOT / "SECURITY.md").read_text()


def test_the_demo_refuses_what_it_does_not_take_before_it_installs_anything(tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    script = shutil.copy(ROOT / "scripts" / "demo", tmp_path / "scripts")
    done = subprocess.run(["bash", script, "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "takes no arguments, and was given: --help" in done.stderr and done.stdout == ""
