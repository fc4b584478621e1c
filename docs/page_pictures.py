"""The picture of the page in docs/looking.md: the page itself, written by `depth` and opened in a real browser, by `python docs/make.py`.

A browser draws letters as its machine has them, so no test holds the pictures against the page, and those that look the same are kept.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import browser
from PIL import Image, ImageChops, ImageStat

from muggle_convert.many.batches import BatchPredictor

ROOT = Path(__file__).parent.parent
MODEL = ROOT / "fixtures" / "toy_dpt_hybrid_160.pt"
PICTURE = ROOT / "fixtures" / "images" / "rendered_room.png"
SIZE = {"width": 1240, "height": 840}
ALIKE = 1.5  # shades of 255, on average
QUALITY = 90  # of a JPEG: a table of colours would show bands that are not there


def draw(folder: Path) -> str | None:
    """Picture and depth, and the same in space; or why there is no picture."""
    if why := browser.lacking():
        return why
    with tempfile.TemporaryDirectory() as made, browser.browser() as started:
        page_file = Path(made) / "room.html"
        (row,) = BatchPredictor(MODEL, "html", device="cpu", dtype="float32", side_by_side=True)([("room.png", PICTURE.read_bytes())])
        assert row.depth is not None
        page_file.write_bytes(row.depth)
        page = started.new_page(viewport=SIZE, color_scheme="light")  # type: ignore[arg-type]
        page.goto(page_file.as_uri())
        page.locator("#right").wait_for()
        for name in ("page", "space"):
            if name == "space":
                page.locator("input[value=space]").check(force=True)
                page.locator("#counted", has_text="triangles").wait_for()
                for _ in range(4):
                    page.locator("#scene").press("ArrowRight")
                page.locator("#scene").blur()
                page.wait_for_timeout(1000)
                while page.evaluate(
                    "(() => { const scene = document.getElementById('scene'); return scene.width < scene.clientWidth; })()"
                ):
                    page.wait_for_timeout(100)  # until it rests, and is drawn in full
            shot = Path(made) / f"{name}.png"
            page.screenshot(path=shot)
            with Image.open(shot) as image:
                _keep(image.convert("RGB"), folder / f"{name}.jpg")
    return None


def _keep(image: Image.Image, path: Path) -> None:
    if path.exists():
        with Image.open(path) as before:
            if before.size == image.size and max(ImageStat.Stat(ImageChops.difference(before, image)).mean) < ALIKE:
                return
    image.save(path, quality=QUALITY, optimize=True)
