"""muggle-convert depth PICTURE... -m MODEL -o scene.ply|scene.glb: pictures of one scene become one cloud of points, and cameras beside it.

A single one becomes a surface, as it does with any other network, seen by the camera that the network found.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from muggle_convert.checkpoints import printable
from muggle_convert.cli.options import placement
from muggle_convert.errors import Refusal
from muggle_convert.files.target import check_folder_of

if TYPE_CHECKING:
    from muggle_convert.predict.cloud import Trust


SCENES = (".ply", ".glb")


def is_scene(inputs: tuple[Path, ...], out: Path, model: str, reading: dict[str, Any]) -> bool:
    """One file out of several pictures. A single picture becomes a file by itself, unless the network finds its camera or sees nothing but scenes."""
    suffix = out.suffix.lower()
    if out.is_dir() or suffix not in SCENES:
        return False
    if len(inputs) > 1 or inputs[0].is_dir():
        return True
    return suffix == ".glb" and _sees_scenes(model, reading)


def _sees_scenes(model: str, reading: dict[str, Any]) -> bool:
    from model_defs.config import DINOv2ViewsConfig
    from muggle_convert.identify.read import ReadOptions, read
    from muggle_convert.outputs import kind_of

    config = read(model, ReadOptions(**reading)).config
    return not kind_of(config.output).formats or isinstance(config.encoder, DINOv2ViewsConfig)


def write_scene(
    inputs: tuple[Path, ...],
    out: Path,
    *,
    model: str,
    confidence: str | None,
    cameras: Path | None,
    size: int | None,
    force: bool,
    reading: dict[str, Any],
    device: str | None,
    dtype: str | None,
    unused: dict[str, Any],
) -> None:
    """`unused` are options for pictures seen one at a time, of which none may be given."""
    from muggle_convert.building import load
    from muggle_convert.draw.glb import write_mesh
    from muggle_convert.files.atomic import replacing
    from muggle_convert.identify.read import ReadOptions, read
    from muggle_convert.outputs import kind_of
    from muggle_convert.predict.cloud import Trust, relief_of_scene, trusted_points

    if given := next((option for option, value in unused.items() if value), None):
        raise Refusal(f"{given} is for pictures seen one at a time, and pictures of a scene become points together; leave it out.")
    trust = parse_trust(confidence) if confidence is not None else None
    _check_targets(inputs, out, cameras, force)
    pictures = _pictures(inputs)
    network = load(read(model, ReadOptions(**reading)), placement(device, dtype))
    if network.framing is None:
        raise Refusal(f"{printable(out)} is the name of one file, and {model} sees one picture at a time; name a folder to write to.")
    if len(pictures) < network.fewest_views:
        raise Refusal(
            f"{model} makes a scene of {network.fewest_views} pictures or more, and was given {len(pictures)}: "
            f"muggle-convert depth FIRST.png SECOND.png -m MODEL -o {printable(out)}."
        )
    scene = network.predict_views(pictures, size=size)
    unit, usual = kind_of(network.config.output).unit, parse_trust(network.usual_trust)
    cloud = trusted_points(scene, trust or usual)
    with replacing(out) as part, open(part, "wb") as file:
        if len(scene.views) == 1 and out.suffix.lower() == ".glb":
            write_mesh(file, scene.views[0].picture, relief_of_scene(scene, trust or Trust(), unit))
            made = "a surface"
        else:
            cloud.write(file, out.suffix.lower(), [f"{unit}, all in one frame", str(trust or usual)])
            made = f"{len(cloud.points):,} points of {len(scene.views)} views"
    if cameras is not None:
        from muggle_convert.predict.cameras import write_colmap, write_json

        names = [picture.name for picture in pictures]
        write_json(cameras, scene, names) if cameras.suffix.lower() == ".json" else write_colmap(cameras, scene, cloud, names)
    beside = f", and their cameras in {printable(cameras)}" if cameras is not None else ""
    click.echo(f"{made}, in {printable(out)}{beside}")


def parse_trust(text: str) -> Trust:
    """A confidence, such as 3, or the share of points to leave out, such as 40%."""
    from muggle_convert.predict.cloud import Trust

    try:
        number = float(text.removesuffix("%"))
        is_share = text.endswith("%")
        if not (0 <= number < 100 if is_share else number >= 0):
            raise ValueError
    except ValueError:
        raise Refusal(
            f"--confidence {text!r} is neither a confidence, such as 3, nor a share of points to leave out, such as 40%."
        ) from None
    return Trust(without=number / 100) if is_share else Trust(confidence=number)


def _check_targets(inputs: tuple[Path, ...], out: Path, cameras: Path | None, force: bool) -> None:
    for target in (out, cameras):
        if target is None:
            continue
        if target.exists() and not force and not (target.is_dir() and not any(target.iterdir())):
            raise Refusal(f"{printable(target)} exists; predict it again with --force.")
        check_folder_of(target)
        if target.resolve() in {path.resolve() for path in inputs}:
            raise Refusal(f"{printable(target)} is one of the pictures themselves; write to another file.")
    if cameras is not None and cameras.suffix.lower() == ".json" and cameras.is_dir():
        raise Refusal(f"{printable(cameras)} is a folder; name a file for the cameras, or a folder that does not end in .json.")


def _pictures(inputs: tuple[Path, ...]) -> list[Path]:
    """As they are named; those of a folder by their names' order."""
    from muggle_convert.predict.photographs import SUFFIXES

    found: list[Path] = []
    for path in inputs:
        inside = sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES) if path.is_dir() else [path]
        if not inside:
            raise Refusal(f"there is no picture in {printable(path)}; pictures end in {', '.join(sorted(SUFFIXES))}.")
        found += inside
    return found
