"""muggle-convert export CHECKPOINT --to onnx -o OUT.onnx: the options that only graphs have, and what is said of one."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from muggle_convert.checkpoints import printable
from muggle_convert.errors import Refusal

if TYPE_CHECKING:
    from muggle_convert.exporting.onnx import WrittenGraph

_OPTIONS = (
    click.option("--size", metavar="HEIGHTxWIDTH", help="For onnx: inputs of this size only, which some runtimes want."),
    click.option("--dtype", type=click.Choice(["float32", "float16"]), help="For onnx: the type of the weights; inputs stay float32."),
    click.option("--quantize", type=click.Choice(["int8"]), help="For onnx: weights of matrix products in eight bits."),
    click.option("--with-preprocessing", is_flag=True, help="For onnx: uint8 pictures in, depth of their own size out."),
    click.option("--layout", type=click.Choice(["transformers.js"]), help="For onnx: a folder with the names this library expects."),
    click.option(
        "--max-error",
        type=click.FloatRange(min=0, min_open=True),
        metavar="DEVIATIONS",
        help="For onnx: how far a graph may differ from the network.",
    ),
)


def graph_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of graphs; the command gets those that were given as one `asked`."""

    @wraps(command)
    def gathered(
        *,
        size: str | None,
        dtype: str | None,
        quantize: str | None,
        with_preprocessing: bool,
        layout: str | None,
        max_error: float | None,
        **more: Any,
    ) -> Any:
        named = {
            "--size": size,
            "--dtype": dtype,
            "--quantize": quantize,
            "--with-preprocessing": with_preprocessing or None,
            "--layout": layout,
            "--max-error": max_error,
        }
        return command(asked={name: value for name, value in named.items() if value is not None}, **more)

    for option in reversed(_OPTIONS):
        option(gathered)
    return gathered


def write_graph(checkpoint: str, out: Path, asked: dict[str, Any], reading: dict[str, Any], *, sync: bool, force: bool) -> WrittenGraph:
    from muggle_convert.exporting.onnx import GraphOptions, export_for_transformers_js, export_onnx
    from muggle_convert.identify.read import ReadOptions

    if "--quantize" in asked and "--dtype" in asked:
        raise Refusal("--quantize int8 leaves what is not in eight bits in float32; leave --dtype out.")
    options = GraphOptions(
        size=parse_size(asked["--size"]) if "--size" in asked else None,
        precision=asked.get("--quantize", asked.get("--dtype", "float32")),
        with_preprocessing="--with-preprocessing" in asked,
        largest_error=asked.get("--max-error"),
        sync=sync,
        force=force,
    )
    write = export_for_transformers_js if "--layout" in asked else export_onnx
    return write(checkpoint, out, options, ReadOptions(**reading))


def parse_size(text: str) -> tuple[int, int]:
    height, _, width = text.lower().partition("x")
    if not (height.isdecimal() and width.isdecimal()) or len(text) > 20:
        raise Refusal(f"--size {text!r} is not HEIGHTxWIDTH in pixels, such as 518x518.")
    return int(height), int(width)


def facts(written: WrittenGraph) -> dict[str, object]:
    graph = written.graph
    return {
        "files": [str(file) for file in written.files],
        "bytes": written.size,
        "inputs": dict(graph.inputs),
        "outputs": dict(graph.outputs),
        "precision": graph.precision,
        "opset": graph.opset,
        "tried": [{"shape": trial.shape, "error": trial.error, "problem": trial.problem} for trial in graph.trials],
        "largest_error": graph.largest_error,
    }


def show(written: WrittenGraph) -> None:
    graph = written.graph
    click.echo(f"wrote a graph in {graph.precision}, which ONNX Runtime ran and which was compared with the network:")
    for file in written.files:
        click.echo(f"  {printable(file)}: {file.stat().st_size:,} bytes")
    for kind, named in (("takes", graph.inputs), ("gives", graph.outputs)):
        for name, dimensions in named.items():
            click.echo(f"{kind} {name}: {' x '.join(map(str, dimensions))}")
    for trial in graph.trials:
        result = f"{trial.error:.1e} standard deviations" if trial.error is not None else f"does not run ({printable(trial.problem or '')})"
        click.echo(f"tried {' x '.join(map(str, trial.shape))}: {result}")
