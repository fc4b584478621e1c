"""Pictures side by side, each with a title above and a legend below."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from muggle_convert.draw.colours import Colours, Values
from muggle_convert.draw.scales import Tick

PAPER, INK, PALE = (252, 252, 250), (38, 38, 42), (120, 120, 126)
ROWS = 256  # pasted at a time


@dataclass(frozen=True)
class Legend:
    """A bar of all colours, and what they mean."""

    paint: Callable[[Values], Colours]  # of values from `low` to 1
    bounds: tuple[str, str]  # what its first and last colour mean
    caption: str
    ticks: Sequence[Tick] = ()
    low: float = 0.0


@dataclass(frozen=True)
class Panel:
    """One of several pictures."""

    picture: Colours
    title: str = ""
    legend: Legend | None = None


def arrange(panels: Sequence[Panel]) -> Image.Image:
    """All panels in a row; the text is as large as the pictures allow."""
    height = max(len(panel.picture) for panel in panels)
    text = max(11, round(0.032 * min(height, *(panel.picture.shape[1] for panel in panels))))
    widths = [max(panel.picture.shape[1], _least_width(panel, text)) for panel in panels]
    gap = text // 2 if len(panels) > 1 else 0
    above = round(2.2 * text) if any(panel.title for panel in panels) else 0
    below = round(max((5.2 if panel.legend.ticks else 4.1) * text if panel.legend else 0 for panel in panels))
    sheet = Image.new("RGB", (sum(widths) + gap * (len(panels) - 1), above + height + below), PAPER)
    draw, left = ImageDraw.Draw(sheet), 0
    for panel, width in zip(panels, widths, strict=True):
        rows, columns = panel.picture.shape[:2]
        corner = left + (width - columns) // 2, above + (height - rows) // 2
        for top in range(0, rows, ROWS):  # no second copy of a large picture
            sheet.paste(Image.fromarray(panel.picture[top : top + ROWS]), (corner[0], corner[1] + top))
        draw.text((left + width / 2, above / 2), _fitting(panel.title, width, text), fill=INK, font=_font(text), anchor="mm")
        if panel.legend is not None:
            _draw_legend(sheet, draw, panel.legend, (left, above + height), width, text)
        left += width + gap
    return sheet


def _least_width(panel: Panel, text: int) -> int:
    """Room for the caption, which must not be cut; a title may be."""
    if panel.legend is None:
        return 18 * text if panel.title else 0
    return max(18 * text, math.ceil(_font(text).getlength(panel.legend.caption)) + text)


def _draw_legend(sheet: Image.Image, draw: ImageDraw.ImageDraw, legend: Legend, corner: tuple[int, int], width: int, text: int) -> None:
    font, (left, top) = _font(text), corner
    margins = [round(font.getlength(word) + 1.4 * text) for word in legend.bounds]
    start, length, middle = left + margins[0], width - sum(margins), top + round(1.5 * text)
    values = np.linspace(legend.low, 1, max(2, length))[None].repeat(round(1.2 * text), axis=0)
    bar = Image.fromarray(legend.paint(values))
    sheet.paste(bar, (start, middle - bar.height // 2))
    draw.text((start - 0.5 * text, middle), legend.bounds[0], fill=INK, font=font, anchor="rm")
    draw.text((start + bar.width + 0.5 * text, middle), legend.bounds[1], fill=INK, font=font, anchor="lm")
    taken: list[tuple[float, float]] = []
    for place, label in legend.ticks:
        across, half = start + place * bar.width, font.getlength(label) / 2
        space = (across - half - 0.6 * text, across + half + 0.6 * text)
        if space[0] < left or space[1] > left + width or any(space[0] < end and begin < space[1] for begin, end in taken):
            continue
        taken.append(space)
        draw.line((across, middle + bar.height / 2, across, middle + bar.height / 2 + text // 4), fill=INK, width=max(1, text // 12))
        draw.text((across, middle + bar.height / 2 + 0.35 * text), label, fill=INK, font=font, anchor="mt")
    below = top + (4.3 if legend.ticks else 3.2) * text
    draw.text((left + width / 2, below), _fitting(legend.caption, width, text), fill=PALE, font=font, anchor="mm")


def _fitting(words: str, width: int, text: int) -> str:
    """As much of the text as fits."""
    font = _font(text)
    if font.getlength(words) <= width - text:
        return words
    while words and font.getlength(words + "…") > width - text:
        words = words[:-1]
    return words + "…"


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont), "Pillow is built with FreeType"
    return font
