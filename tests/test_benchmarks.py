"""The measurements run where there is no card, too, in a small form."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def test_the_accuracy_of_every_precision_is_a_table(tmp_path: Path) -> None:
    line = [sys.executable, "benchmarks/run.py", "accuracy", "--narrow", "vit_4_channels", "--folder", str(tmp_path)]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=True)
    heading, _, row = done.stdout.splitlines()
    assert heading == "| case | float32 | float16 | bfloat16 |"
    name, exact, half, brain = row.strip("| ").split(" | ")
    assert name == "vit_4_channels" and float(exact) < 5e-5 < float(half) < float(brain) < 0.5


@pytest.mark.full
def test_all_that_is_measured_on_a_card_runs_without_one() -> None:
    environment = {**os.environ, "PYTHON": sys.executable, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(["bash", "benchmarks/gpu.sh", "cpu"], cwd=ROOT, capture_output=True, text=True, env=environment)
    assert done.returncode == 0 and "fails" not in done.stdout
    assert "| levit_128s |" in done.stdout and "| midas_v31.dpt_swin2_tiny_256, 256 x 256 |" in done.stdout
