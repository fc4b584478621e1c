"""muggle-convert depth IMAGE_OR_FOLDER... -m MODEL -o OUT"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from muggle_convert.cli.device import to_device
from muggle_convert.cli.options import parse_settings, reading_options
from muggle_convert.errors import Refusal
from muggle_convert.target import make_folder

if TYPE_CHECKING:
    from muggle_convert.images.metres import Known
    from muggle_convert.images.seeing import Seer

FORMATS = {"png": ".png", "npy": ".npy", "png16": ".png", "exr": ".exr", "ply": ".ply"}  # and what their files end in


@click.command("depth", short_help="Predict depth for pictures, folders and videos.")
@click.argument("inputs", metavar="IMAGE_OR_FOLDER...", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option("-m", "--model", required=True, help="A checkpoint, original or converted: anything that load_any_dpt takes.")
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="A folder to write to, or a file for a single picture.")
@reading_options
@click.option("--format", "form", type=click.Choice(list(FORMATS)), help="What to write; by default what OUT ends in, or png, in colours.")
@click.option("--side-by-side", is_flag=True, help="Put the picture beside its depth.")
@click.option("--compare", metavar="MODEL", help="Draw what this other model predicts too, and the difference.")
@click.option("--no-legend", is_flag=True, help="Nothing but the colours, at the size of the picture.")
@click.option("--size", type=click.IntRange(min=1), metavar="PIXELS", help="Predict at another resolution than the one in training.")
@click.option("--known", metavar="X,Y=METRES", multiple=True, help="How far away a pixel is; two or more turn relative depth into metres.")
@click.option("--fov", type=click.FloatRange(1, 170), default=60.0, show_default=True, help="Degrees the camera saw, for ply.")
@click.option("--confidence", type=float, default=3.0, show_default=True, help="Leave out less trusted points of two views, for ply.")
@click.option("--fps", type=click.FloatRange(0, 1000, min_open=True), help="Frames per second to take from a video; by default all.")
@click.option("--device", help="Where to predict, such as cpu or cuda; by default a graphics card where there is one.")
@click.option("--force", is_flag=True, help="Predict again and replace existing files.")
def command(
    inputs: tuple[Path, ...],
    out: Path,
    form: str | None,
    known: tuple[str, ...],
    fov: float,
    confidence: float,
    fps: float | None,
    force: bool,
    **more: Any,
) -> None:
    """Predict depth for pictures, folders of pictures and videos.

    Finished files are kept, so an interrupted run resumes. Pictures that fail are listed at the end. A model of two views makes one file of
    points from two pictures: -o POINTS.ply.
    """
    from muggle_convert.cli.depth_pair import pair
    from muggle_convert.cli.depth_progress import Progress
    from muggle_convert.images.jobs import plan_jobs

    form = _format(form, out)
    if form != "png" and (more["side_by_side"] or more["no_legend"]):
        raise Refusal(f"--side-by-side and --no-legend are for pictures in colours; {form} holds nothing but the prediction.")
    if form == "ply" and len(inputs) == 2 and out.suffix.lower() == ".ply" and not out.is_dir():
        return pair(inputs, out, confidence, force, **more)
    distances = dict(map(_distance, known))
    jobs = plan_jobs(inputs, out, FORMATS[form])
    left = [job for job in jobs if force or not job.target.exists()]
    if not left and jobs[0].target == out:
        raise Refusal(f"{out} exists; predict it again with --force.")
    try:
        with Progress(len(jobs), len(jobs) - len(left)) as progress:
            if left:
                from muggle_convert.images.work import Wishes, work

                seer = _seer(form, distances, **more)
                for folder in {job.target.parent for job in left}:
                    make_folder(folder)
                work(seer, left, Wishes(form, fov, fps), progress.events)
    except KeyboardInterrupt:
        click.echo("muggle-convert: interrupted; finished files are kept, and the same command resumes.", err=True)
        sys.exit(130)
    progress.summarise(out)
    sys.exit(1 if progress.failures else 0)


def _seer(
    form: str,
    known: Known,
    *,
    model: str,
    compare: str | None,
    family: str | None,
    settings: tuple[str, ...],
    state: str | None,
    drops: tuple[str, ...],
    **more: Any,
) -> Seer:
    from PIL import Image

    from muggle_convert.images.seeing import Seer
    from muggle_convert.loading import load_any_dpt

    Image.MAX_IMAGE_PIXELS = 1 << 29  # a panorama is no attack: whoever runs this chose the pictures
    models = [to_device(load_any_dpt(model, family, state=state, drops=drops, **parse_settings(settings)), more["device"])]
    models += [to_device(load_any_dpt(compare), more["device"])] if compare else []
    names = tuple(Path(name).name for name in (model, compare) if name)
    seer = Seer(tuple(models), names, more["size"], known, more["side_by_side"], not more["no_legend"])
    seer.check(form)
    return seer


def _format(form: str | None, out: Path) -> str:
    """What to write, which the name of the file may say and must not contradict."""
    by_suffix = {".mp4": "png"} | {suffix: name for name, suffix in reversed(FORMATS.items())}
    suffix = "" if out.is_dir() else out.suffix.lower()
    if form is None:
        return by_suffix.get(suffix, "png")
    if suffix in by_suffix and FORMATS[form] != FORMATS[by_suffix[suffix]]:
        raise Refusal(f"{out} ends in {out.suffix}, and --format {form} writes {FORMATS[form]}; name one of the two.")
    return form


def _distance(text: str) -> tuple[tuple[int, int], float]:
    try:
        pixel, metres = text.split("=")
        x, y = pixel.split(",")
        return (int(x), int(y)), float(metres)
    except ValueError:
        raise Refusal(f"--known {text!r} is not X,Y=METRES, such as --known 120,340=1.5 for a pixel that is 1.5 metres away.") from None
