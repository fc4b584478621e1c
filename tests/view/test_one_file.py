"""The page with a picture in it, as a real browser opens it from a disk."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import trimesh
from PIL import Image

from muggle_convert.draw import colours
from muggle_convert.draw.mesh import mesh_of
from muggle_convert.draw.relief import Pinhole, relief_of
from muggle_convert.draw.scales import scale_of
from muggle_convert.outputs import METRES
from muggle_convert.page.assets import assets
from muggle_convert.page.one_file import LARGEST
from muggle_convert.page.sight import Sight
from muggle_convert.predict.metres import to_metres
from muggle_convert.predict.viewer import Viewer
from tests.conftest import ROOT, Command
from tests.view.conftest import FIELD_OF_VIEW, HEIGHT, METRIC, MODEL, RELATIVE, WIDTH, Open, sight, slope

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

pytestmark = pytest.mark.browser

InFile = Callable[[Sight], str]
HALF_A_STEP = 0.51 * (slope().max() - slope().min()) / LARGEST


def point_at(page: Page, x: int, y: int) -> str:
    """What is said of a pixel."""
    box = page.locator("#frame").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + (x + 0.5) * box["width"] / WIDTH, box["y"] + (y + 0.5) * box["height"] / HEIGHT)
    return page.locator("#reading").inner_text()


def painted(page: Page, side: str = "right") -> np.ndarray[Any, Any]:
    """Red, green and blue of every pixel of a canvas."""
    page.evaluate("new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))")
    numbers = page.evaluate(
        f"(() => {{ const shown = document.getElementById('{side}'); const copy = new OffscreenCanvas(shown.width, shown.height); "
        "const context = copy.getContext('2d', { willReadFrequently: true }); context.drawImage(shown, 0, 0); "
        "return [copy.height, copy.width, ...context.getImageData(0, 0, copy.width, copy.height).data]; })()"
    )
    return np.array(numbers[2:], np.uint8).reshape(numbers[0], numbers[1], 4)[..., :3]


def slide(slider: Locator, value: int) -> None:
    slider.evaluate("(one, value) => { one.value = value; one.dispatchEvent(new Event('input', { bubbles: true })); }", value)


def downloaded(page: Page, kind: str, folder: Path) -> Path:
    with page.expect_download() as download:
        page.locator(f"#downloads [value={kind}]").click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def test_it_says_of_every_pixel_what_was_predicted(open_page: Open, in_file: InFile) -> None:
    page = open_page(in_file(sight(slope())))
    assert page.title() == "a view"
    for x, y in ((0, 0), (25, 20), (63, 47), (40, 10)):
        said = re.fullmatch(rf"{x}, {y}: ([\d.]+) relative inverse depth", point_at(page, x, y))
        assert said is not None
        assert float(said[1]) == pytest.approx(slope()[y, x], abs=HALF_A_STEP + 1e-6)


def test_metres_are_called_so_and_what_has_no_depth_says_it(open_page: Open, in_file: InFile) -> None:
    metres = 1 / slope()
    metres[5, 5] = np.inf
    page = open_page(in_file(sight(metres, output=METRIC)))
    assert point_at(page, 30, 30) == f"30, 30: {metres[30, 30]:.4g} m"
    assert point_at(page, 5, 5) == "5, 5: no depth"
    assert "predicts metres" in page.locator("#measure-note").inner_text()


def test_the_divider_is_dragged_and_moved_by_keys(open_page: Open, in_file: InFile) -> None:
    page = open_page(in_file(sight(slope())))
    divider, right = page.locator("#divider"), page.locator("#right")
    box = page.locator("#frame").bounding_box()
    assert box is not None and divider.get_attribute("aria-valuenow") == "50"
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + 60)
    page.mouse.up()
    assert divider.get_attribute("aria-valuenow") == "25"
    assert "25%" in str(right.evaluate("one => one.style.clipPath"))
    divider.press("ArrowRight")
    assert divider.get_attribute("aria-valuenow") == "26"
    divider.press("End")
    assert divider.get_attribute("aria-valuenow") == "100"


def test_the_colours_are_those_of_the_range_between_the_sliders(open_page: Open, in_file: InFile) -> None:
    page = open_page(in_file(sight(slope())))
    slide(page.locator("#far"), 250)
    slide(page.locator("#near"), 750)
    least, most = slope().min(), slope().max()
    far, near = least + 0.25 * (most - least), least + 0.75 * (most - least)
    expected = colours.near_and_far((slope() - far) / (near - far))
    assert np.abs(painted(page).astype(int) - expected).max() <= 6, "of 256 shades the nearest"
    assert page.locator("#near-end").inner_text() == f"near {near:.6g}"
    page.locator("input[value=grey]").check(force=True)
    assert np.ptp(painted(page).astype(int), axis=-1).max() <= 1


def test_two_places_and_their_distances_turn_relative_depth_into_metres(open_page: Open, in_file: InFile) -> None:
    page = open_page(in_file(sight(slope())))
    page.locator("#mark").click()
    for number, ((x, y), metres) in enumerate({(4, 40): 1.5, (50, 4): 6.0}.items()):
        point_at(page, x, y)
        page.mouse.down()
        page.mouse.up()
        page.locator("#known input").nth(number).fill(str(metres))
    page.locator("#mark").click()
    expected = to_metres(slope(), RELATIVE, {(4, 40): 1.5, (50, 4): 6.0})
    for x, y in ((4, 40), (50, 4), (25, 20), (60, 46)):
        assert re.fullmatch(rf"{x}, {y}: ([\d.]+) m", said := point_at(page, x, y)), said
        assert float(said.split()[-2]) == pytest.approx(expected[y, x], rel=2e-3)
    page.locator("#known input").nth(1).fill("0.5")
    assert "predicted nearer; check the distances" in page.locator("#measure-note").inner_text()
    assert "relative inverse depth" in point_at(page, 25, 20)


def test_a_floor_is_taken_away_and_the_box_on_it_stays(open_page: Open, in_file: InFile) -> None:
    page = open_page(in_file(sight(slope())))
    page.locator("#plane").select_option("floor")
    seen = painted(page).astype(int)
    floor, box = seen[: HEIGHT // 3 - 1], seen[HEIGHT // 3 : 2 * HEIGHT // 3, WIDTH // 3 : WIDTH // 2]
    assert np.ptp(floor.reshape(-1, 3), axis=0).max() <= 4, "one colour"
    assert box.mean() > floor.mean() + 80
    slide(page.locator("#plane-share"), 0)
    assert np.ptp(painted(page)[: HEIGHT // 3 - 1].astype(int).reshape(-1, 3), axis=0).max() > 60


def test_contours_are_lines_of_equal_depth(open_page: Open, in_file: InFile) -> None:
    page = open_page(in_file(sight(np.linspace(0, 1, HEIGHT)[:, None].repeat(WIDTH, axis=1))))
    before = painted(page).astype(int)
    slide(page.locator("#contours"), 5)
    lines = (np.abs(painted(page) - before) > 20).any(axis=-1)
    assert (lines.all(axis=1) | ~lines.any(axis=1)).all(), "whole rows"
    assert 4 <= (np.diff(np.append(False, lines.any(axis=1)).astype(int)) == 1).sum() <= 6


def test_two_models_are_compared(open_page: Open, in_file: InFile) -> None:
    page = open_page(in_file(sight(slope(), slope() + 0.25)))
    assert "half of all pixels within 0.25" in page.locator("#differing").inner_text()
    page.locator("#left-side").select_option(label="model 1")
    page.locator("#right-side").select_option(label="model 2")
    left, right = (float(point_at(page, x, 20).split()[-4]) for x in (10, 50))
    assert (left, right) == pytest.approx((slope()[20, 10], slope()[20, 50] + 0.25), abs=2 * HALF_A_STEP)
    page.locator("#right-side").select_option(label="The difference")
    assert point_at(page, 50, 20).endswith(" apart")
    assert float(point_at(page, 50, 20).split()[-2]) == pytest.approx(0.25, abs=4 * HALF_A_STEP)


def test_space_is_drawn_turned_and_cut(open_page: Open, in_file: InFile) -> None:
    from playwright.sync_api import expect

    page = open_page(in_file(sight(slope())))
    page.locator("input[value=space]").check(force=True)
    counted, scene = page.locator("#counted"), page.locator("#scene")
    slide(page.locator("#cutting"), 0)
    whole = f"{HEIGHT * WIDTH:,} points, {2 * (HEIGHT - 1) * (WIDTH - 1):,} triangles"
    expect(counted).to_have_text(whole)
    before = scene.screenshot()
    scene.press("ArrowLeft")
    page.wait_for_timeout(400)
    by_key = scene.screenshot()
    box = scene.bounding_box()
    assert box is not None and before != by_key
    page.mouse.move(box["x"] + 200, box["y"] + 200)
    page.mouse.down()
    page.mouse.move(box["x"] + 300, box["y"] + 230, steps=3)
    page.mouse.up()
    page.wait_for_timeout(400)
    assert by_key != scene.screenshot()
    slide(page.locator("#cutting"), 60)
    expect(counted).not_to_have_text(whole)
    assert counted.inner_text().startswith(f"{HEIGHT * WIDTH:,} points, ")


def test_while_it_turns_it_has_fewer_points_and_the_same_outline(open_page: Open, in_file: InFile) -> None:
    page = open_page(in_file(sight(slope())))
    away = [*range(1, 71)]
    coarse = page.evaluate(
        "(away) => import('page/space/mesh.js').then(({ coarser }) => coarser({ columns: 10, rows: 7, step: 2, away }, 4))", away
    )
    assert (coarse["columns"], coarse["rows"], coarse["step"]) == (4, 3, 8)
    assert coarse["away"] == [1, 5, 9, 10, 41, 45, 49, 50, 61, 65, 69, 70]


def test_meshes_are_downloaded_and_opened_elsewhere(open_page: Open, in_file: InFile, tmp_path: Path) -> None:
    page = open_page(in_file(sight(1 / slope(), output=METRIC)))
    slide(page.locator("#cutting"), 0)
    glb = downloaded(page, "glb", tmp_path)
    scene = trimesh.load_scene(glb, process=False)
    (mesh,) = scene.geometry.values()
    assert glb.name == "a view.glb"
    assert len(mesh.vertices) == HEIGHT * WIDTH and len(mesh.faces) == 2 * (HEIGHT - 1) * (WIDTH - 1)
    assert sorted(-mesh.vertices[:, 2]) == pytest.approx(sorted((1 / slope()).ravel()), rel=1e-3)
    assert mesh.visual.material.baseColorTexture.size == (WIDTH, HEIGHT)
    focal = WIDTH / 2 / np.tan(np.radians(30))
    x, y, z = mesh.vertices.T
    assert np.abs(-x / z * focal).max() == pytest.approx(WIDTH / 2 - 0.5, rel=1e-4)
    assert np.abs(-y / z * focal).max() == pytest.approx(HEIGHT / 2 - 0.5, rel=1e-4)

    slide(page.locator("#cutting"), 60)  # as at first
    (usual,) = trimesh.load_scene(downloaded(page, "glb", tmp_path), process=False).geometry.values()
    written = mesh_of(relief_of(1 / slope(), scale_of(1 / slope(), METRES), Pinhole.that_sees(HEIGHT, WIDTH, FIELD_OF_VIEW)))
    assert len(usual.faces) == len(written.faces), "as the command line writes it"
    assert np.sort(usual.vertices, axis=0) == pytest.approx(np.sort(written.points, axis=0), rel=2e-3, abs=2e-3)

    slide(page.locator("#cutting"), 80)
    cut = trimesh.load(downloaded(page, "ply", tmp_path), process=False)
    assert 0 < len(cut.faces) < len(mesh.faces) and len(cut.vertices) <= HEIGHT * WIDTH
    assert np.median(cut.visual.vertex_colors, axis=0)[:3] == pytest.approx([60, 90, 160], abs=12)


def test_sixteen_bits_are_those_of_the_command_line(open_page: Open, in_file: InFile, tmp_path: Path) -> None:
    page = open_page(in_file(sight(slope())))
    with Image.open(downloaded(page, "png16", tmp_path)) as image:
        numbers, text = np.asarray(image).astype(float), image.info
    assert image.mode.startswith("I;16") and text["unit"] == "relative inverse depth, without a unit"
    restored = float(text["offset"]) + float(text["step"]) * numbers
    assert np.abs(restored - slope()).max() < 4 * HALF_A_STEP
    with Image.open(downloaded(page, "png", tmp_path)) as image:
        assert image.size == (WIDTH, HEIGHT)


def test_the_keyboard_reaches_everything_and_everything_has_a_name(open_page: Open, in_file: InFile) -> None:
    page = open_page(in_file(sight(slope())))
    page.locator("#frame").press("ArrowRight")
    assert page.locator("#reading").inner_text().startswith(f"{WIDTH // 2 + 1}, {HEIGHT // 2}: ")
    nameless = page.evaluate(
        "[...document.querySelectorAll('input, select, button, [tabindex]')].filter((one) => "
        "!(one.ariaLabel || one.labels?.[0]?.textContent.trim() || one.textContent.trim())).map((one) => one.outerHTML)"
    )
    assert nameless == []
    reached = set()
    for _ in range(25):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id || document.activeElement.name || document.activeElement.value"))
    assert {"divider", "map", "far", "near", "contours", "plane", "mark", "png", "ply", "mode"} <= reached


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_and_follows_light_and_dark(open_page: Open, in_file: InFile, scheme: str) -> None:
    from playwright.sync_api import expect

    page = open_page(in_file(sight(slope())))
    page.set_viewport_size({"width": 360, "height": 700})
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    for mode in ("flat", "space"):
        page.locator(f"input[value={mode}]").check(force=True)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.locator("#mark").click()
    frame = page.locator("#frame")
    expect(frame).to_be_in_viewport(ratio=1)
    box = frame.bounding_box()
    assert box is not None
    finger = {"pointerType": "touch", "clientX": box["x"] + 1, "clientY": box["y"] + 1}
    for event in ("pointerdown", "pointerup", "pointerleave"):
        frame.dispatch_event(event, finger)
    assert page.locator("#reading").inner_text().startswith("0, 0: "), "it stays when the finger is gone"
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (int(re.findall(r"\d+", ground)[0]) > 128) == (scheme == "light")


def test_it_asks_for_nothing_and_is_small_beside_its_data(open_page: Open, in_file: InFile) -> None:
    address = in_file(sight(slope()))
    asked: list[str] = []
    page = open_page(address)
    page.on("request", lambda request: asked.append(request.url))
    page.reload()
    page.locator("#right").wait_for()
    assert [url for url in asked if not url.startswith("data:")] == [address]
    text = Path(page.evaluate("decodeURIComponent(location.pathname)")).read_text()
    enclosed = re.search(r'id="enclosed">(.+?)</script>', text)
    assert enclosed is not None and len(text) - len(enclosed[1]) < 2_000_000
    assert not re.search(r"(?:src|href)=\"(?!data:)|https?://(?!www\.w3\.org|registry\.khronos)", text)


def test_depth_writes_it(open_page: Open, muggle_convert_here: Command, viewer: Viewer, tmp_path: Path) -> None:
    with Image.open(ROOT / "fixtures" / "images" / "rendered_room.png") as whole:
        whole.convert("RGB").resize((WIDTH, HEIGHT)).save(tmp_path / "room.png")
    done = muggle_convert_here("depth", tmp_path / "room.png", "-m", MODEL, "--dtype", "float32", "-o", tmp_path / "room.html")
    assert done.returncode == 0, done.stderr
    page = open_page((tmp_path / "room.html").as_uri())
    depth = viewer.models[0].predict(tmp_path / "room.png")
    step = float(np.ptp(depth)) / LARGEST
    for x, y in ((10, 10), (40, 40)):
        assert float(point_at(page, x, y).split()[-4]) == pytest.approx(depth[y, x], abs=step)


def test_the_package_carries_every_file_of_the_page() -> None:
    found = {path.suffix for path in (ROOT / "muggle_convert" / "page" / "static").rglob("*") if path.is_file()}
    assert found == {".html", ".css", ".js"} and len(assets()) > 20
    assert '"page/static/**/*"' in (ROOT / "pyproject.toml").read_text()
