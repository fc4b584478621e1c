"""muggle-convert view [PICTURE_OR_FOLDER...] -m MODEL"""

from __future__ import annotations

from typing import Any

import click

from muggle_convert.cli.depth import FIELD_OF_VIEW
from muggle_convert.cli.options import device_option, dtype_option, reading_options, size_option


@click.command("view", short_help="Look into depth in the browser: pictures, folders, a camera.")
@click.argument("given", metavar="[PICTURE_OR_FOLDER]...", type=click.Path(readable=False), nargs=-1)
@click.option("-m", "--model", required=True, help="A checkpoint, original or converted: anything that load_any_dpt takes.")
@reading_options
@click.option("--compare", "compared", metavar="MODEL", help="Show what this other model predicts too, and the difference.")
@click.option("--camera", "is_live", is_flag=True, help="Begin with the browser's camera.")
@click.option("--no-browser", is_flag=True, help="Print the address, and open nothing.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Listen there; by default wherever it is free.")
@size_option
@click.option("--no-mirror", is_flag=True, help="Leave out the second pass, over the mirror image, that some families' own code makes.")
@click.option(
    "--focal", type=click.FloatRange(0, min_open=True), help="The camera's focal length in pixels of the picture; makes metres with it."
)
@click.option("--fov", type=click.FloatRange(1, 170), help=f"Degrees the camera saw; {FIELD_OF_VIEW:g} to begin with.")
@device_option
@dtype_option
def command(
    given: tuple[str, ...],
    model: str,
    compared: str | None,
    is_live: bool,
    no_browser: bool,
    port: int,
    fov: float | None,
    **more: Any,
) -> None:
    """Look into depth in the browser: beside the picture, in space, and live.

    Pictures, folders and videos can be named, or dropped onto the page. It is served to this machine alone, at an address that nobody else
    knows, and nothing leaves the machine. Ctrl-C ends it.
    """
    from muggle_convert.many.batches import BatchPredictor
    from muggle_convert.view.album import Album
    from muggle_convert.view.predictions import Predictions
    from muggle_convert.view.server import Shown
    from muggle_convert.view.serving import serve

    album = Album(given)
    predictor = BatchPredictor(
        model,
        "html",
        more["size"],
        not more["no_mirror"],
        more["device"],
        more["dtype"],
        more["reading"],
        compared,
        side_by_side=True,
        focal=more["focal"],
    )
    predictor.viewer.check_prompts(False)
    serve(Shown(album, Predictions(predictor.viewer, fov or FIELD_OF_VIEW), is_live), port, not no_browser)
