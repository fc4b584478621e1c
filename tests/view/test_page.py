"""The served page in a real browser."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from model_defs.network import Network
from muggle_convert.predict.viewer import Viewer
from muggle_convert.view.server import Server
from tests.view.conftest import Open, served

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser


def test_the_first_picture_is_shown_with_the_exact_number_of_every_pixel(
    open_page: Open, server: Server, viewer: Viewer, photographs: Path
) -> None:
    page = open_page(server.door.url)
    network: Network = viewer.models[0]
    depth = network.predict(photographs / "a room.png", size=98)
    assert page.title() == "a room.png"
    box = page.locator("#frame").bounding_box()
    assert box is not None
    for x, y in ((3, 5), (100, 90)):
        page.mouse.move(box["x"] + (x + 0.5) * box["width"] / 128, box["y"] + (y + 0.5) * box["height"] / 96)
        assert page.locator("#reading").inner_text() == f"{x}, {y}: {float(np.float32(depth[y, x])):.6g} relative inverse depth"


def test_the_gallery_leads_to_other_pictures_and_a_broken_one_says_what_is_wrong(open_page: Open, server: Server) -> None:
    page = open_page(server.door.url)
    tiles = page.locator("#tiles button")
    page.locator("#mark").click()
    page.locator("#frame").press("Enter")  # and what is marked in one picture is forgotten with it
    assert page.locator("#known li").count() == 1
    assert tiles.all_inner_texts() == ["a room.png", "broken.png", "standing.jpg", "walk.mp4"]
    tiles.nth(1).click()
    page.locator("#message").wait_for()
    assert "broken.png is damaged and cannot be read as a picture" in page.locator("#message").inner_text()
    assert page.locator("#downloads [value=png]").is_disabled()
    assert page.locator("#known li").count() == 0
    tiles.nth(2).click()
    page.locator("#right").wait_for()
    assert page.title() == "standing.jpg" and page.locator("#message").is_hidden()
    assert page.evaluate("[document.getElementById('right').width, document.getElementById('right').height]") == [96, 128]
    page.set_viewport_size({"width": 360, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360, "it fits a phone"


def test_pictures_are_added_and_what_is_none_is_refused(open_page: Open, server: Server, photographs: Path, tmp_path: Path) -> None:
    from playwright.sync_api import expect

    page = open_page(server.door.url)
    (tmp_path / "another.png").write_bytes((photographs / "a room.png").read_bytes())
    (tmp_path / "words.png").write_text("no picture")
    page.locator("#files").set_input_files([tmp_path / "words.png", tmp_path / "another.png"])
    expect(page).to_have_title("another.png")
    page.locator("#right").wait_for()
    assert page.locator("#tiles button").last.inner_text() == "another.png"
    page.locator("#files").set_input_files(tmp_path / "words.png")
    page.locator("#message").wait_for()
    assert "words.png is not a picture in a format that is read here" in page.locator("#message").inner_text()


def test_a_page_from_elsewhere_learns_nothing(chromium: Browser, server: Server, tmp_path: Path) -> None:
    (tmp_path / "hostile.html").write_text("<p>hostile</p>")
    page = chromium.new_page()
    page.goto((tmp_path / "hostile.html").as_uri())
    told = page.evaluate(
        "async (address) => (await Promise.allSettled([fetch(address), fetch(address, { method: 'POST', mode: 'no-cors', body: 'x' })]))"
        ".map((one) => one.reason?.name ?? one.value.type)",
        f"{server.door.url}api/pictures",
    )
    page.close()
    assert told in (["TypeError", "TypeError"], ["TypeError", "opaque"])


def test_the_camera_and_its_depth_run_beside_each_other(open_page: Open, viewer: Viewer, photographs: Path) -> None:
    from playwright.sync_api import expect

    with served(viewer, photographs / "a room.png", is_live=True) as server:
        page = open_page(server.door.url)
        expect(page.locator("#pace")).to_have_text(re.compile(r"^(?!0\.0)[\d.]+ frames a second, \d+ ms behind$"))
        moving = page.locator("#moving")
        first = moving.screenshot()
        page.wait_for_timeout(300)
        assert moving.screenshot() != first
        assert page.locator("#live figcaption").first.inner_text() == "Camera"
        page.locator("#camera").click()
        page.wait_for_timeout(200)
        assert page.locator("#camera").inner_text() == "Start the camera"
        assert page.evaluate("document.getElementById('video').srcObject") is None


def test_a_film_plays_with_its_depth_beside_it(open_page: Open, server: Server) -> None:
    from playwright.sync_api import expect

    page = open_page(server.door.url)
    page.locator("#tiles button", has_text="walk.mp4").click()
    expect(page.locator("#pace")).to_have_text(re.compile(r"^[\d.]+ frames a second, \d+ ms behind$"))
    assert page.locator("#live figcaption").first.inner_text() == "walk.mp4"
    assert page.evaluate("document.getElementById('moving').width") == 128
