#!/usr/bin/env python3
"""Measure this project beside its peers, in turn and in one run: every figure is a ratio of medians.

    python benchmarks/run.py inspect|convert|load|forward|pictures|kernels|accuracy|graphs|runtimes [WORDS...] [--peer transformers] [--originals DIR]

Checkpoints are drawn from the manifests in fixtures/released, so nothing is downloaded. `--originals DIR` is a folder with clones of the
original repositories (MiDaS, DPT, Depth-Anything-V2, muggled_dpt) and what they need installed; see benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import files, forwards, loads, pictures
from benchmarks.accuracy import accuracy
from benchmarks.graphs import graphs
from benchmarks.kernels import kernels
from benchmarks.runtimes import runtimes
from benchmarks.table import show

WORKS = {"inspect": files.inspect, "convert": files.convert, "load": loads.load, "forward": forwards.forward, "pictures": pictures.pictures}
TABLES = {"accuracy": accuracy, "graphs": graphs, "kernels": kernels, "runtimes": runtimes}  # of more than two beside each other


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", choices=[*WORKS, *TABLES])
    parser.add_argument("words", nargs="*", help="only cases whose name contains one of these")
    parser.add_argument(
        "--peer",
        action="append",
        choices=["transformers", "original", "muggled_dpt", "plain"],
        help="by default all of others that can run; plain: this project's network without its kernels",
    )
    parser.add_argument("--originals", type=Path, help="a folder with clones of the original repositories")
    parser.add_argument("--runs", type=int, default=7, help="counted runs of each, in turn (7)")
    parser.add_argument("--threads", type=int, default=2, help="threads of torch (2)")
    parser.add_argument("--device", default="cpu", help="forward, pictures: where everybody predicts, such as cuda (cpu)")
    parser.add_argument(
        "--dtype", choices=["float32", "float16", "bfloat16"], default="float32", help="forward: of weights and images (float32)"
    )
    parser.add_argument("--compile", action="store_true", help="forward: everybody through torch.compile")
    parser.add_argument(
        "--optimize", action="store_true", help="forward: this project through model.optimize(), peers through torch.compile"
    )
    parser.add_argument("--batch", type=int, default=1, help="forward: images at once (1)")
    parser.add_argument("--size", type=int, nargs="*", default=[], help="forward: pixels of square images, instead of the case's own sizes")
    parser.add_argument("--narrow", action="store_true", help="accuracy: of the narrow reference cases, beside the originals' predictions")
    parser.add_argument("--gigabytes", type=float, nargs="*", help="inspect and convert: files of these sizes instead")
    parser.add_argument("--folder", type=Path, default=Path(), help="where checkpoints are drawn; needs a few GB")
    arguments = parser.parse_intermixed_args()  # words may stand behind options
    arguments.folder.mkdir(parents=True, exist_ok=True)
    if arguments.work in TABLES:
        TABLES[arguments.work](arguments)
    else:
        show(arguments.work, WORKS[arguments.work](arguments))


if __name__ == "__main__":
    main()
