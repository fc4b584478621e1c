"""The cameras of a scene, as COLMAP's text files or as JSON."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from muggle_convert.files.atomic import replacing
from muggle_convert.files.target import make_folder
from muggle_convert.predict.cloud import Cloud
from muggle_convert.predict.scene import Scene

_NO_LETTER = re.compile(r"[^\w.-]")  # a space ends a name there, and a line a picture
MOST_POINTS = 100_000  # in COLMAP's text, which every reader takes in whole


def write_json(path: Path, scene: Scene, names: list[str]) -> None:
    """One object for each picture, with matrices as rows."""
    views = [
        {
            "picture": name,
            "height": view.picture.shape[0],
            "width": view.picture.shape[1],
            "extrinsics": view.extrinsics.tolist(),
            "intrinsics": view.intrinsics.tolist(),
            "placement": view.placement.tolist(),
        }
        for name, view in zip(names, scene.views, strict=True)
    ]
    meaning = {
        "extrinsics": "from the scene to the camera, which looks along z with x to the right and y down",
        "intrinsics": "from the camera to pixels of the picture as the network saw it, of this height and width",
        "placement": "from pixels of the picture as given to those",
    }
    with replacing(path) as part:
        part.write_text(json.dumps({"meaning": meaning, "views": views}, indent=1) + "\n", "utf-8")


def write_colmap(folder: Path, scene: Scene, cloud: Cloud, names: list[str]) -> None:
    """cameras.txt, images.txt and points3D.txt; and in images/ the pictures as the network saw them, whose pixels the cameras are about."""
    make_folder(folder / "images")
    unique = [f"{number:04}_{_NO_LETTER.sub('_', Path(name).stem)[:50]}.png" for number, name in enumerate(names, 1)]
    for name, view in zip(unique, scene.views, strict=True):
        with replacing(folder / "images" / name) as part:
            Image.fromarray(view.picture).save(part, "png")
    cameras, images = (
        ["# CAMERA_ID MODEL WIDTH HEIGHT FX FY CX CY"],
        ["# IMAGE_ID QW QX QY QZ TX TY TZ CAMERA_ID NAME, then its points: none"],
    )
    for number, (name, view) in enumerate(zip(unique, scene.views, strict=True), 1):
        height, width, _ = view.picture.shape
        (across, _, centre_x), (_, down, centre_y), _ = view.intrinsics.tolist()
        cameras.append(f"{number} PINHOLE {width} {height} {_row([across, down, centre_x, centre_y])}")
        pose = [*_quaternion(view.extrinsics[:, :3].astype(np.float64)), *view.extrinsics[:, 3].tolist()]
        images += [f"{number} {_row(pose)} {number} {name}", ""]
    step = -(-len(cloud.points) // MOST_POINTS)
    rows = zip(cloud.points[::step].tolist(), cloud.colours[::step].tolist(), strict=True)
    points = [f"{number} {_row(point)} {' '.join(map(str, colour))} 0" for number, (point, colour) in enumerate(rows, 1)]
    for name, lines in {"cameras": cameras, "images": images, "points3D": ["# POINT3D_ID X Y Z R G B ERROR", *points]}.items():
        with replacing(folder / f"{name}.txt") as part:
            part.write_text("\n".join(lines) + "\n", "utf-8")


def _row(numbers: list[float]) -> str:
    return " ".join(f"{number:.9g}" for number in numbers)


def _quaternion(rotation: npt.NDArray[np.float64]) -> list[float]:
    """w, x, y, z of length one, w not negative: the eigenvector of the largest eigenvalue (Bar-Itzhack)."""
    (xx, xy, xz), (yx, yy, yz), (zx, zy, zz) = rotation
    symmetric = np.array(
        [
            [xx + yy + zz, zy - yz, xz - zx, yx - xy],
            [zy - yz, xx - yy - zz, yx + xy, xz + zx],
            [xz - zx, yx + xy, yy - xx - zz, zy + yz],
            [yx - xy, xz + zx, zy + yz, zz - xx - yy],
        ]
    )
    w, x, y, z = map(float, np.linalg.eigh(symmetric)[1][:, -1])
    return [w, x, y, z] if w >= 0 else [-w, -x, -y, -z]
