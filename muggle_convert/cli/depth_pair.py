"""muggle-convert depth FIRST SECOND -m MODEL -o POINTS.ply, for a model that sees two pictures together"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from muggle_convert.checkpoints import printable
from muggle_convert.cli.options import to_device
from muggle_convert.errors import Refusal
from muggle_convert.files.target import check_folder_of


def pair(inputs: tuple[Path, ...], out: Path, confidence: float, force: bool, *, model: str, reading: dict[str, Any], **more: Any) -> None:
    from muggle_convert.building import load
    from muggle_convert.files.atomic import replacing
    from muggle_convert.identify.read import ReadOptions, read
    from muggle_convert.predict.views import write_pair

    if out.exists() and not force:
        raise Refusal(f"{printable(out)} exists; predict it again with --force.")
    check_folder_of(out)
    if out.resolve() in {path.resolve() for path in inputs}:
        raise Refusal(f"{printable(out)} is one of the pictures themselves; write to another file.")
    network = to_device(load(read(model, ReadOptions(**reading))), more["device"])
    if len(network.inputs) != 2:
        raise Refusal(f"{printable(out)} is the name of one file, and {model} sees one picture at a time; name a folder to write to.")
    if unused := [option for option in ("side_by_side", "compare") if more[option]]:
        raise Refusal(f"--{unused[0].replace('_', '-')} draws pictures, and two views become points; leave it out.")
    views = network.predict(inputs[0], inputs[1], more["size"])
    with replacing(out) as part, open(part, "wb") as file:
        count = write_pair(file, views, confidence)
    click.echo(f"{count:,} points of two views, in {printable(out)}")
