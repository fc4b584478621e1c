from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from model_defs.config import OutputConfig
from muggle_convert.many.batches import BatchPredictor
from muggle_convert.page.one_file import write_page
from muggle_convert.page.sight import Layer, Sight
from muggle_convert.predict.video import encoder
from muggle_convert.predict.viewer import Viewer
from muggle_convert.view.album import Album
from muggle_convert.view.predictions import Predictions
from muggle_convert.view.server import Server, Shown
from tests.conftest import ROOT

sys.path.insert(0, str(ROOT / "docs"))
import browser as real

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

MODEL = ROOT / "fixtures" / "toy_depth_anything_v2_vit.pth"
RELATIVE = OutputConfig("relative inverse depth", "relu")
METRIC = OutputConfig("metric depth", "relu", max_depth=20)
HEIGHT, WIDTH = 48, 64
FIELD_OF_VIEW = 60.0
PATIENCE = 30_000  # milliseconds, on a machine that does much else

Open = Callable[[str], "Page"]


@pytest.fixture(scope="session")
def viewer() -> Viewer:
    return BatchPredictor(MODEL, "html", size=98, device="cpu", dtype="float32", side_by_side=True).viewer


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture, a broken one, one that stands on its side, and a film."""
    folder = tmp_path_factory.mktemp("photographs")
    with Image.open(ROOT / "fixtures" / "images" / "rendered_room.png") as whole:
        room = whole.convert("RGB").resize((128, 96))
    room.save(folder / "a room.png")
    (folder / "broken.png").write_bytes((folder / "a room.png").read_bytes()[:900])
    turned = Image.Exif()
    turned[0x0112] = 6  # to be turned by a quarter
    room.save(folder / "standing.jpg", exif=turned)
    with encoder(folder / "walk.mp4", 10, (96, 128)) as write:
        for frame in range(20):
            write(np.roll(np.asarray(room), 2 * frame, axis=1))
    return folder


@contextmanager
def served(viewer: Viewer, *paths: Path, is_live: bool = False) -> Iterator[Server]:
    with Server(Shown(Album([*map(str, paths)]), Predictions(viewer, FIELD_OF_VIEW), is_live), 0) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.02])
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def server(viewer: Viewer, photographs: Path) -> Iterator[Server]:
    with served(viewer, photographs) as running:
        yield running


def ask(server: Server, path: str, method: str = "GET", body: Any = None, **headers: str) -> HTTPResponse:
    """As a browser at the page itself does it, except for what is given."""
    usual = {"Host": f"127.0.0.1:{server.door.port}", **({"Origin": f"http://127.0.0.1:{server.door.port}"} if method == "POST" else {})}
    connection = HTTPConnection("127.0.0.1", server.door.port, timeout=20)
    connection.request(method, path, body, {**usual, **headers})
    return connection.getresponse()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    if why := real.lacking():
        pytest.skip(why)
    with real.browser() as started:
        yield started


@pytest.fixture
def open_page(chromium: Browser) -> Iterator[Open]:
    """A page of its own, in whose console nothing may be written but that a picture was refused."""
    from playwright.sync_api import expect

    expect.set_options(timeout=PATIENCE)
    context = chromium.new_context(viewport={"width": 1000, "height": 600}, accept_downloads=True)
    context.set_default_timeout(PATIENCE)
    said: list[str] = []

    def open_one(address: str) -> Page:
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda problem: said.append(str(problem)))
        page.goto(address)
        page.locator("#right:visible, #message:visible, #live:visible").first.wait_for()
        return page

    yield open_one
    context.close()
    assert [line for line in said if "status of 422" not in line and "GPU stall" not in line] == []


def sight(*predictions: np.ndarray[Any, Any], output: OutputConfig = RELATIVE) -> Sight:
    """A picture of two colours with what some models would have predicted for it."""
    picture = np.full((*predictions[0].shape, 3), (60, 90, 160), np.uint8)
    picture[:, ::8] = (230, 200, 90)
    layers = tuple(Layer(f"model {number}", prediction.astype(np.float32), output) for number, prediction in enumerate(predictions, 1))
    return Sight(picture, layers, FIELD_OF_VIEW, "difference" if len(layers) > 1 else None)


def slope(height: int = HEIGHT, width: int = WIDTH) -> np.ndarray[Any, Any]:
    """Inverse depth of a floor with a box on it: every number is another."""
    down, across = np.mgrid[:height, :width]
    prediction = 0.2 + 0.8 * down / height + 0.0007 * across
    prediction[height // 3 : 2 * height // 3, width // 3 : width // 2] += 0.5
    return prediction


@pytest.fixture
def in_file(tmp_path: Path) -> Callable[[Sight], str]:
    def write(shown: Sight) -> str:
        path = tmp_path / "a view.html"
        with open(path, "wb") as file:
            write_page(file, shown)
        return path.as_uri()

    return write
