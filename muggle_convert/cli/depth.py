"""muggle-convert depth IMAGE_OR_FOLDER... -m MODEL -o OUT"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from muggle_convert.cli.depth_ray import CONTAINERS, RayOptions, predict_there, ray_options, refuse_without_ray
from muggle_convert.cli.depth_scene import SCENES, is_scene, write_scene
from muggle_convert.cli.options import (
    PATH,
    ReadingCommand,
    complete_model,
    device_option,
    dtype_option,
    like_option,
    reading_options,
    size_option,
)
from muggle_convert.errors import Refusal
from muggle_convert.files.target import make_folder
from muggle_convert.outputs import FORMATS

if TYPE_CHECKING:
    from muggle_convert.cli.depth_progress import Progress
    from muggle_convert.identify.match import Match
    from muggle_convert.many.batches import BatchPredictor
    from muggle_convert.many.jobs import Job
    from muggle_convert.many.recipe import Recipe
    from muggle_convert.predict.metres import Known

FIELD_OF_VIEW = 60.0


@click.command("depth", cls=ReadingCommand, short_help="Predict depth for pictures, folders and videos.")
@click.argument("given", metavar="IMAGE_OR_FOLDER...", type=click.Path(readable=False), nargs=-1, required=True)
@click.option(
    "-m",
    "--model",
    required=True,
    shell_complete=complete_model,
    help="A checkpoint, original or converted: anything that load_any_dpt takes.",
)
@click.option("-o", "--out", "target", required=True, type=click.Path(), help="A folder to write to, or a file for a single picture.")
@reading_options
@like_option
@click.option(
    "--format",
    "form",
    type=click.Choice([*FORMATS, *CONTAINERS]),
    help="What to write; by default what OUT ends in, or png, in colours. webdataset and parquet are for --ray.",
)
@click.option(
    "--prompt",
    type=PATH,
    help="Measured depth beside the picture, for a model that takes it: .npy in metres, 16-bit .png in millimetres, or a folder.",
)
@click.option("--side-by-side", is_flag=True, help="Put the picture beside its depth.")
@click.option("--compare", "compared", metavar="MODEL", multiple=True, help="Draw what this other model predicts too, and the difference.")
@click.option("--no-legend", is_flag=True, help="Nothing but the colours, at the size of the picture.")
@size_option
@click.option("--no-mirror", is_flag=True, help="Leave out the second pass, over the mirror image, that some families' own code makes.")
@click.option("--known", metavar="X,Y=METRES", multiple=True, help="How far away a pixel is; two or more turn relative depth into metres.")
@click.option(
    "--focal", type=click.FloatRange(0, min_open=True), help="The camera's focal length in pixels of the picture; makes metres with it."
)
@click.option(
    "--fov",
    type=click.FloatRange(1, 170),
    help=f"Degrees the camera saw across the longer side, for what stands in space; by default {FIELD_OF_VIEW:g}.",
)
@click.option(
    "--confidence",
    metavar="NUMBER|SHARE%",
    help="Leave out less trusted points of a scene, or that share of them; by default the model's own.",
)
@click.option("--cameras", type=PATH, help="Write the cameras of a scene too: a folder for COLMAP's text files, or a .json file.")
@click.option("--fps", type=click.FloatRange(0, 1000, min_open=True), help="Frames per second to take from a video; by default all.")
@device_option
@dtype_option
@click.option("--optimize", is_flag=True, help="Sizes that come again run the way that is found to be fastest here; for many pictures.")
@click.option(
    "--shard",
    metavar="NUMBER/COUNT",
    help="Predict one of so many parts of the pictures, such as 3/64; their names say which belongs where.",
)
@click.option("--force", is_flag=True, help="Predict again and replace existing files.")
@ray_options
def command(
    given: tuple[str, ...],
    target: str,
    form: str | None,
    prompt: Path | None,
    known: tuple[str, ...],
    focal: float | None,
    compared: tuple[str, ...],
    fov: float | None,
    confidence: str | None,
    cameras: Path | None,
    fps: float | None,
    shard: str | None,
    force: bool,
    **more: Any,
) -> None:
    """Predict depth for pictures, folders, quoted patterns ("photos/**/*.jpg"), lists of names (@list.txt, @-) and videos.

    Finished files are kept, so an interrupted run resumes, and several runs into one folder share the work. Pictures that fail are listed
    at the end. A model that sees scenes turns all pictures into one file of points: -o SCENE.ply or SCENE.glb.
    --format glb and ply-mesh make a surface of each picture, normals, stereo and anaglyph pictures of it.
    """
    from muggle_convert.cli.depth_progress import Progress
    from muggle_convert.many.inputs import written_out
    from muggle_convert.many.jobs import Shard, plan_jobs, with_prompts

    cluster = RayOptions.taken_from(more)
    if cluster.ray is not None:

        def described(form: str) -> tuple[BatchPredictor, Recipe]:
            predictor = _predictor(form, compared, known, fov, focal, more)
            return predictor, _recipe(form, None, predictor.matches, predictor.known or {}, fov, None, focal=focal, **more)

        not_there = {"--prompt": prompt, "--fps": fps, "--confidence": confidence, "--cameras": cameras, "--shard": shard}
        return predict_there(given, target, form, cluster, force, not_there, described)
    refuse_without_ray(given, target, form, cluster)
    out = Path(target)
    inputs = tuple(map(Path, written_out(given) if out.suffix.lower() in SCENES else given))
    if is_scene(inputs, out, more["model"], more["reading"]):
        alone = {f"--{name.replace('_', '-')}": more.pop(name) for name in ("side_by_side", "no_legend", "no_mirror", "optimize")}
        unused = {
            "--fov": fov,
            "--focal": focal,
            "--fps": fps,
            "--known": known,
            "--compare": compared,
            "--prompt": prompt,
            "--shard": shard,
            **alone,
        }
        if form is not None and FORMATS[form].suffix != out.suffix.lower():
            raise Refusal(f"{out} ends in {out.suffix}, and --format {form} writes {FORMATS[form].suffix}; change one of the two.")
        if form == "ply-mesh":
            raise Refusal("pictures of one scene become points, between which there is no surface; leave --format ply-mesh out.")
        return write_scene(inputs, out, confidence=confidence, cameras=cameras, force=force, unused=unused, **more)
    form = _format(form, out)
    if confidence is not None or cameras is not None:
        option = "--cameras" if confidence is None else "--confidence"
        raise Refusal(f"{option} is for pictures of one scene: muggle-convert depth FIRST.png SECOND.png -m MODEL -o POINTS.ply.")
    part = Shard.parsed(shard) if shard else None
    predictor = _predictor(form, compared, known, fov, focal, more)
    jobs = plan_jobs(given, out, FORMATS[form].suffix)
    is_folder = jobs[0].target != out
    shard_holds = []
    if part is not None:
        found, jobs = len(jobs), part.of(jobs, target)
        shard_holds = [f"the shard holds {len(jobs)} of {found}"]
    if prompt is not None and jobs:
        jobs = with_prompts(jobs, prompt)
    if fps and part is None and not any(job.is_video for job in jobs):
        raise Refusal("--fps is for videos, and there is none among the inputs; leave it out.")
    left = [job for job in jobs if force or not job.is_there]
    if jobs and not left and not is_folder:
        raise Refusal(f"{out} exists; predict it again with --force.")
    try:
        with Progress(len(jobs), len(jobs) - len(left)) as progress:
            recipe = _recipe(form, prompt, predictor.matches, predictor.known or {}, fov, fps, focal=focal, **more)
            _predict(predictor, left, out if is_folder else None, prompt is not None, fps, recipe, progress)
    except KeyboardInterrupt:
        click.echo("muggle-convert: interrupted; finished files are kept, and the same command resumes from there.", err=True)
        sys.exit(130)
    progress.summarise(out, *shard_holds)
    if predictor.optimize and left:
        for trial in (trial for network in predictor.viewer.models for trial in network.trials if trial.is_taken):
            click.echo(trial, err=True)
    sys.exit(1 if progress.failed else 0)


def _predict(
    predictor: BatchPredictor,
    left: list[Job],
    folder: Path | None,
    has_prompts: bool,
    fps: float | None,
    recipe: Recipe,
    progress: Progress,
) -> None:
    """What is left to do, in a folder together with whoever else writes there."""
    from muggle_convert.checkpoints.regular_file import read_small
    from muggle_convert.many.claims import Claims
    from muggle_convert.many.failures import Failures
    from muggle_convert.many.recipe import MOST_BYTES, record_recipe, refuse_other_note

    suffix = FORMATS[predictor.form].suffix
    if folder is not None:
        refuse_other_note(folder, progress.kept, suffix, lambda name: read_small(folder / name, MOST_BYTES), recipe)
    if not left:
        return
    from muggle_convert.many.pipeline import predict_all
    from muggle_convert.predict.formats import SaveOptions

    viewer = predictor.viewer
    viewer.check_prompts(has_prompts)
    options = SaveOptions(predictor.form, predictor.field_of_view, fps)
    if folder is None:
        predict_all(viewer, left, options, progress.events)
        return
    with Claims(folder, suffix, recipe) as claims:
        record_recipe(folder, suffix, recipe)
        for path in {os.path.dirname(job.file) for job in left}:
            make_folder(Path(path))
        progress.failures = Failures(folder, suffix, left)
        try:
            predict_all(viewer, left, options, progress.events, claims)
        finally:
            progress.failures.keep(claims)


def _predictor(
    form: str, compared: tuple[str, ...], known: tuple[str, ...], fov: float | None, focal: float | None, more: dict[str, Any]
) -> BatchPredictor:
    from muggle_convert.many.batches import BatchPredictor

    if form != "png" and (more["side_by_side"] or more["no_legend"]):
        raise Refusal(
            f"--side-by-side and --no-legend are for the colours of png, and {form} has neither panels nor a legend; leave them out."
        )
    if fov and not FORMATS[form].has_camera:
        fitting = ", ".join(name for name, one in FORMATS.items() if one.has_camera)
        raise Refusal(f"--fov is for what stands in space, and {form} does not; leave it out, or write one of {fitting}.")
    if fov and focal:
        raise Refusal("--focal says already what the camera saw; leave --fov out.")
    if len(compared) > 1:
        raise Refusal(f"--compare takes one model to compare with, and {len(compared)} were given.")
    return BatchPredictor(
        more["model"],
        form,
        more["size"],
        not more["no_mirror"],
        more["device"],
        more["dtype"],
        more["reading"],
        compared[0] if compared else None,
        _distances(known),
        more["side_by_side"],
        not more["no_legend"],
        fov or FIELD_OF_VIEW,
        focal,
        more["optimize"],
    )


def _recipe(
    form: str, prompt: Path | None, matches: list[Match], known: Known, fov: float | None, fps: float | None, **more: Any
) -> Recipe:
    """Everything that changes what is written, by option."""
    from muggle_convert.many.recipe import weights_of

    options = {
        "--format": form,
        **({"--prompt": prompt} if prompt else {}),
        "--size": more["size"],
        "--side-by-side": more["side_by_side"],
        "--no-legend": more["no_legend"],
        "--no-mirror": more["no_mirror"],
        "--known": " ".join(f"{x},{y}={metres:g}" for (x, y), metres in sorted(known.items())),
        "--focal": more["focal"],
        "--fov": fov,
        "--fps": fps,
        "--dtype": more["dtype"],
    }
    weights = dict(zip(("the model", "--compare"), (f"{match.checkpoint.name} ({weights_of(match)})" for match in matches), strict=False))
    return {**weights, **{name: str(value or "no value") for name, value in options.items()}}


def _format(form: str | None, out: Path) -> str:
    """The format, which the file's name may imply and must not contradict."""
    by_suffix = {".mp4": "png"} | {form.suffix: name for name, form in reversed(list(FORMATS.items()))}
    suffix = "" if out.is_dir() else out.suffix.lower()
    if form is None:
        return by_suffix.get(suffix, "png")
    if suffix in by_suffix and FORMATS[form].suffix != FORMATS[by_suffix[suffix]].suffix:
        raise Refusal(f"{out} ends in {out.suffix}, and --format {form} writes {FORMATS[form].suffix}; change one of the two.")
    return form


def _distances(texts: tuple[str, ...]) -> Known:
    """Checked as far as possible before a model is loaded."""
    known: dict[tuple[int, int], float] = {}
    for text in texts:
        try:
            pixel, metres = text.split("=")
            x, y = map(int, pixel.split(","))
            distance = float(metres)
        except ValueError:
            raise Refusal(f"--known {text!r} is not X,Y=METRES, such as --known 120,340=1.5 for a pixel that is 1.5 metres away.") from None
        if not 0 < distance < float("inf"):
            raise Refusal(f"--known {text!r} says {metres} metres; a finite number above zero is needed.")
        if (x, y) in known:
            raise Refusal(f"--known says twice how far away the pixel {x},{y} is; give each pixel once.")
        known[x, y] = distance
    if len(known) == 1:
        raise Refusal("--known gives one distance; metres take at least two, each for a different pixel.")
    return known
