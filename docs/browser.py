"""A real browser for the pictures of the documents, and for the tests of the page: the system's own Chromium, driven by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

NAMES = ("chromium", "chromium-browser", "google-chrome", "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
FLAGS = (
    *("--no-sandbox", "--disable-quic", "--no-first-run"),  # a sandbox of its own is refused to it in many containers
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"),  # WebGL without a graphics card
    *("--disable-gpu-compositing", "--disable-gpu-rasterization"),  # which that would do for the page too, slower than it is done without
    *("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"),  # a camera that shows a clock
)


def lacking() -> str | None:
    """Why there is no browser here; None where there is one."""
    try:
        import playwright  # noqa: F401
    except ImportError:
        return 'Playwright is not installed: pip install "muggle-convert[dev]"'
    if _program() is None:
        return "there is no Chromium on this machine; scripts/environment dev says how to install it"
    return None


@contextmanager
def browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=_program(), args=FLAGS)
        try:
            yield started
        finally:
            started.close()


def _program() -> str | None:
    return next((found for name in NAMES if (found := shutil.which(name) or (name if Path(name).is_file() else None))), None)
