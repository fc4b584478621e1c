"""What `scripts/environment` needs before it makes anything."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

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
