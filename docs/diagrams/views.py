"""Several views of one scene: a pair at a time, whose points are brought onto each other, or all at once, with a camera's token for each."""

from __future__ import annotations

from diagrams import scene
from muggle_convert.draw.diagrams.elements import COLOURS
from muggle_convert.draw.diagrams.svg import PALE, Drawing, Point

BLUE, TEAL, PINK, GOLD = (COLOURS[part] for part in ("imgencoder", "decoder", "head", "patch_embed"))
LEFT, MIDDLE, RIGHT = (0.0, 0.14, 0.72), (0.14, 0.14, 0.72), (0.28, 0.14, 0.72)  # what each view shows of the scene: left, top, width
SIDE, PIXELS = 96.0, 24  # of a small picture
STRONG, WEAK = ((0, 1), (1, 2)), (0, 2)  # pairs of three views


def draw() -> str:
    drawing = Drawing(1120, 700, "Several views of one scene")
    drawing.text(36, 44, "a pair at a time", size=15, bold=True)
    drawing.text(36, 64, "DUSt3R and MASt3R: two views go through one encoder; two decoders look at each other", size=12.5, fill=PALE)
    _draw_pair(drawing, 36, 92)
    _draw_tree(drawing, 776, 72)
    drawing.text(36, 372, "all at once", size=15, bold=True)
    drawing.text(36, 392, "VGGT and Depth Anything 3: blocks see one view, then all views, in turn", size=12.5, fill=PALE)
    _draw_together(drawing, 36, 420)
    return drawing.svg()


def _draw_pair(drawing: Drawing, x: float, y: float) -> None:
    for row, (window, view) in enumerate(((LEFT, "first"), (RIGHT, "second"))):
        top = y + row * 124
        scene.paint(drawing, x, top, SIDE, PIXELS, scene.colour, window)
        for left, name, colour in ((x + 136, "imgencoder", BLUE), (x + 316, f"decoder.{view}", TEAL), (x + 496, f"views.{view}", PINK)):
            _box(drawing, left, top + 20, 134, 56, name, colour)
        for left, right in ((x + SIDE, x + 134), (x + 270, x + 314), (x + 450, x + 494), (x + 630, x + 662)):
            drawing.arrow((left, top + 48), (right, top + 48))
        drawing.text(x + 668, top + 45, "points, in the", size=12.5)
        drawing.text(x + 668, top + 62, "first's frame", size=12.5)
    drawing.arrow((x + 366, y + 76), (x + 366, y + 142))
    drawing.arrow((x + 400, y + 144), (x + 400, y + 78))


def _draw_tree(drawing: Drawing, x: float, y: float) -> None:
    places = [(x + 60, y + 168), (x + 150, y + 60), (x + 246, y + 150)]
    drawing.text(x + 24, y - 28, "one scene of many pairs", size=15, bold=True)
    drawing.text(x + 24, y - 8, "the strongest pairs that connect all views", size=12.5, fill=PALE)
    for one, other in STRONG:
        drawing.line(places[one], places[other], stroke=PINK, width=4)
    drawing.line(places[WEAK[0]], places[WEAK[1]], stroke=scene.mixed(PINK, 0.3), width=1.4)
    for number, place in enumerate(places):
        _camera(drawing, place, number + 1)
    drawing.text(x + 24, y + 218, "focal lengths and poses follow from the points", size=12.5, fill=PALE)


def _draw_together(drawing: Drawing, x: float, y: float) -> None:
    for row, window in enumerate((LEFT, MIDDLE, RIGHT)):
        top = y + row * 84
        scene.paint(drawing, x, top, 64, 16, scene.colour, window)
        drawing.arrow((x + 64, top + 32), (x + 102, top + 32))
        drawing.box(x + 106, top + 4, 16, 16, GOLD, radius=3)
        for patch in range(5):
            drawing.box(x + 126 + patch * 20, top + 4, 16, 16, scene.mixed(BLUE, 0.35 + 0.13 * ((patch * 2 + row) % 5)), radius=3)
        drawing.text(x + 106, top + 42, "camera, patches", size=12, fill=PALE)
        drawing.arrow((x + 228, top + 32), (x + 258, top + 32))
    for step in range(2):
        left = x + 260 + step * 216
        for row in range(3):
            _box(drawing, left, y + row * 84 + 6, 84, 52, "one view", BLUE)
            drawing.arrow((left + 84, y + row * 84 + 32), (left + 106, y + row * 84 + 32))
            drawing.arrow((left + 192, y + row * 84 + 32), (left + 214, y + row * 84 + 32))
        _box(drawing, left + 108, y + 6, 84, 220, "all views", TEAL)
    for row, window in enumerate((LEFT, MIDDLE, RIGHT)):
        top = y + row * 84
        scene.paint(drawing, x + 694, top, 64, 32, scene.depth, window)
        drawing.arrow((x + 758, top + 32), (x + 800, top + 32))
        _camera(drawing, (x + 826, top + 34), row + 1)
    drawing.text(x + 694, y + 254, "depth and confidence", size=12.5, fill=PALE)
    drawing.text(x + 868, y + 28, "a camera of each view,", size=12.5)
    drawing.text(x + 868, y + 46, "out of its token", size=12.5)
    drawing.text(x + 868, y + 112, "depth and camera", size=12.5)
    drawing.text(x + 868, y + 130, "make points", size=12.5)


def _box(drawing: Drawing, x: float, y: float, width: float, height: float, name: str, colour: str) -> None:
    drawing.box(x, y, width, height, scene.mixed(colour, 0.18), colour)
    drawing.text(x + width / 2, y + height / 2 + 5, name, size=13, anchor="middle", bold=True)


def _camera(drawing: Drawing, place: Point, number: int) -> None:
    """A small camera that looks up."""
    x, y = place
    drawing.polygon(((x, y), (x - 20, y - 26), (x + 20, y - 26)), scene.mixed(GOLD, 0.3), GOLD)
    drawing.circle(x, y, 10, "#ffffff", GOLD)
    drawing.text(x, y + 4.5, str(number), size=12, anchor="middle", bold=True)
