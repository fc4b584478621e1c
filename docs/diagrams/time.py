"""A film as a network of films sees it: one place in all frames, and windows of frames that share some."""

from __future__ import annotations

from diagrams import scene
from muggle_convert.draw.diagrams.elements import COLOURS
from muggle_convert.draw.diagrams.svg import PALE, Drawing
from muggle_convert.predict.films import ALIGNED, FADED, KEPT, STEP, WINDOW

BLUE, TIME = COLOURS["imgencoder"], COLOURS["motion"]
FRAME = 11.0  # width of one frame of the film
LEFT = 120.0


def draw() -> str:
    drawing = Drawing(1120, 640, "Depth that is steady over a film")
    _draw_place(drawing, 36, 108)
    _draw_windows(drawing, 350)
    return drawing.svg()


def _draw_place(drawing: Drawing, x: float, y: float) -> None:
    """Maps of several frames behind each other, and the one place that is looked at in all of them."""
    drawing.text(x, 44, "motion", size=15, bold=True)
    drawing.text(x, 64, "every place of a coarse map looks at the same place in all frames of a window", size=12.5, fill=PALE)
    places = []
    for number in range(6):
        left, side = x + 176 * number, 130.0
        _draw_map(drawing, left, y, side, number)
        places.append((left + side * 4.5 / 8, y + side * 3.5 / 8))
        drawing.text(left + side / 2, y - 8, f"frame {number}" if number < 5 else "frame 31", size=12, anchor="middle", fill=PALE)
        if number == 4:
            drawing.text(left + side + 23, y + side / 2 + 5, "…", size=18, anchor="middle")
    centre, height = places[2], y + 130 + 34
    for across, down in places:
        drawing.line((across, down), (across, height), stroke=TIME, width=1.4)
    drawing.line((places[0][0], height), (places[-1][0], height), stroke=TIME, width=1.4)
    drawing.arrow((centre[0], height), (centre[0], centre[1] + 12))
    drawing.text(
        x,
        height + 26,
        "It is told when each was seen by a position for each of 32 frames; attention twice, and an MLP.",
        size=12.5,
        fill=PALE,
    )


def _draw_map(drawing: Drawing, x: float, y: float, side: float, shift: int) -> None:
    """A coarse map of the scene, while the camera pans."""
    step = side / 8
    for row in range(8):
        for column in range(8):
            near = scene.nearness(min(0.99, (column + 0.5) / 10 + shift * 0.04), (row + 0.5) / 8)
            here = (row, column) == (3, 4)
            drawing.box(
                x + column * step,
                y + row * step,
                step - 1,
                step - 1,
                TIME if here else scene.mixed(COLOURS["reassemble"], 0.15 + 0.7 * near),
                radius=2,
            )


def _draw_windows(drawing: Drawing, y: float) -> None:
    drawing.text(36, y, "windows", size=15, bold=True)
    drawing.text(
        LEFT,
        y,
        f"{WINDOW} frames each; the next begins {STEP} frames later, with {len(KEPT)} frames of the one before",
        size=12.5,
        fill=PALE,
    )
    film = y + 24
    drawing.text(36, film + 14, "film", size=12.5)
    for number in range(WINDOW + 2 * STEP):
        drawing.box(LEFT + number * FRAME, film, FRAME - 1.5, 18, scene.mixed(BLUE, 0.35), radius=2)
    for window in range(3):
        top, first = film + 50 + 62 * window, LEFT + window * STEP * FRAME
        drawing.text(36, top + 14, f"window {window}", size=12.5)
        for number in range(WINDOW):
            is_kept = bool(window) and number < len(KEPT)
            colour = COLOURS["head"] if is_kept and number < ALIGNED else COLOURS["fusion"] if is_kept else BLUE
            drawing.box(first + number * FRAME, top, FRAME - 1.5, 18, scene.mixed(colour, 0.75), radius=2)
        if window:
            for place, kept in enumerate(KEPT):
                begin = (first - STEP * FRAME + (kept + 0.4) * FRAME, top - 44)
                drawing.line(begin, (first + (place + 0.4) * FRAME, top - 2), stroke=scene.mixed(PALE, 0.6), width=0.8)
    foot = film + 50 + 62 * 3 - 12
    for row, (colour, words) in enumerate(
        (
            ("head", f"{ALIGNED} frames by which scale and shift are found, where depth has no unit"),
            ("fusion", f"{FADED} frames over which the window before is faded into this one"),
        )
    ):
        drawing.box(LEFT, foot + 22 * row, FRAME - 1.5, 14, scene.mixed(COLOURS[colour], 0.75), radius=2)
        drawing.text(LEFT + 20, foot + 12 + 22 * row, words, size=12.5, fill=PALE)
