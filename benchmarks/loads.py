"""From a file to a network that is ready, in a fresh process that has torch imported already."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from benchmarks.cases import chosen, drawn
from benchmarks.measure import run
from benchmarks.table import Row

TIMED = """
import resource, sys, time
import torch{imports}
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
begin = time.perf_counter()
model = {load}
seconds = time.perf_counter() - begin
print(seconds, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""
OURS = TIMED.format(imports=", muggle_convert.loading, PIL.Image", load="muggle_convert.loading.load_any_dpt(sys.argv[1])")
TRANSFORMERS = TIMED.format(
    imports="\nfrom transformers import DepthAnythingForDepthEstimation, DPTForDepthEstimation",
    load="({'depth_anything': DepthAnythingForDepthEstimation}.get(sys.argv[2], DPTForDepthEstimation)).from_pretrained(sys.argv[1])",
)


def load(arguments: argparse.Namespace) -> Iterator[Row]:
    """Target: 0.3 s for the converted file of 1.3 GB, 0.8 s for the original; no second copy of the weights."""
    from muggle_convert import Refusal, convert, export

    for case in chosen(arguments, ("v2.vitl",)):
        original = drawn(case, arguments.folder)
        with tempfile.TemporaryDirectory(dir=original.parent) as folder:
            converted = Path(folder) / "converted.safetensors"
            convert(original, converted, sync=False)
            contestants = {"converted": [OURS, converted], "original": [OURS, original]}
            try:
                export(converted, Path(folder) / "hf", "transformers")
                kind = "depth_anything" if case.family.startswith("depth_anything") else "dpt"
                contestants["transformers"] = [TRANSFORMERS, Path(folder) / "hf", kind]
            except Refusal:
                pass  # not every family exists there
            taken: dict[str, list[tuple[float, float]]] = {name: [] for name in contestants}
            for _ in range(arguments.runs):
                for name, (script, *rest) in contestants.items():
                    seconds, memory = map(float, run([sys.executable, "-c", script, *rest]).output.split()[-2:])
                    taken[name].append((seconds, memory))
            figures = {name: (median(one[0] for one in all_), median(one[1] for one in all_)) for name, all_ in taken.items()}
            peer = figures.get("transformers", figures["original"])
            for name in ("converted", "original"):
                yield Row(case.name, f"load_any_dpt, {name}", figures[name][0], list(figures)[-1], peer[0], figures[name][1], peer[1])
