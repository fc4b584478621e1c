"""The few shapes that drawings are made of, as SVG."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from xml.sax.saxutils import escape

Point = tuple[float, float]

FONT = "Inter, 'Helvetica Neue', Helvetica, Arial, 'DejaVu Sans', sans-serif"
PAPER, INK, PALE, LINE = "#fcfcfa", "#26262a", "#75757c", "#8f8f97"


class Drawing:
    """Shapes in the order they were added, as one document."""

    def __init__(self, width: float, height: float, title: str) -> None:
        self.width, self.height, self.title = width, height, title
        self._shapes: list[str] = []

    def box(
        self, x: float, y: float, width: float, height: float, fill: str, stroke: str = "none", radius: float = 6, dashed: bool = False
    ) -> None:
        dashes = ' stroke-dasharray="5 4"' if dashed else ""
        edges = f' rx="{radius:g}"' if radius else ' shape-rendering="crispEdges"'  # adjacent boxes show no seam
        place = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
        self._shapes.append(f'<rect {place}{edges} fill="{fill}" stroke="{stroke}"{dashes}/>')

    def text(self, x: float, y: float, words: str, size: float = 13, anchor: str = "start", fill: str = INK, bold: bool = False) -> None:
        """Text whose baseline is at y; anchor is start, middle or end."""
        weight = ' font-weight="600"' if bold else ""
        place = f'x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}"'
        self._shapes.append(f'<text {place} fill="{fill}"{weight}>{escape(words)}</text>')

    def arrow(self, *points: Point, stroke: str = LINE) -> None:
        """A line through some points with rounded corners and an arrowhead."""
        self._shapes.append(f'<path d="{_rounded(points)}" fill="none" stroke="{stroke}" stroke-width="1.6" marker-end="url(#head)"/>')

    def line(self, *points: Point, stroke: str = LINE, width: float = 1.6) -> None:
        self._shapes.append(f'<path d="{_rounded(points)}" fill="none" stroke="{stroke}" stroke-width="{width}"/>')

    def polygon(self, points: Iterable[Point], fill: str, stroke: str = "none") -> None:
        places = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self._shapes.append(f'<polygon points="{places}" fill="{fill}" stroke="{stroke}"/>')

    def circle(self, x: float, y: float, radius: float, fill: str, stroke: str = "none") -> None:
        self._shapes.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="{fill}" stroke="{stroke}"/>')

    @contextmanager
    def moved(self, across: float, down: float) -> Iterator[None]:
        """Shifts whatever is drawn meanwhile to the right and down."""
        self._shapes.append(f'<g transform="translate({across:.1f} {down:.1f})">')
        yield
        self._shapes.append("</g>")

    def svg(self) -> str:
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width:g} {self.height:g}" width="{self.width:g}" '
            f'height="{self.height:g}" font-family="{FONT}" role="img">'
        )
        marker = (
            '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
            f'<path d="M0,0.5 L8,4 L0,7.5 z" fill="{LINE}"/></marker></defs>'
        )
        paper = f'<rect width="{self.width:g}" height="{self.height:g}" fill="{PAPER}"/>'
        return "\n".join([head, f"<title>{escape(self.title)}</title>", marker, paper, *self._shapes, "</svg>", ""])


def _rounded(points: tuple[Point, ...], radius: float = 8) -> str:
    """A path through points, with rounded corners."""
    (x, y), *rest = points
    path = [f"M{x:.1f},{y:.1f}"]
    for here, there in pairwise(rest):
        start, end = _towards(here, (x, y), radius), _towards(here, there, radius)
        path.append(f"L{start[0]:.1f},{start[1]:.1f} Q{here[0]:.1f},{here[1]:.1f} {end[0]:.1f},{end[1]:.1f}")
        x, y = here
    path.append(f"L{rest[-1][0]:.1f},{rest[-1][1]:.1f}")
    return " ".join(path)


def _towards(here: Point, there: Point, step: float) -> Point:
    across, down = there[0] - here[0], there[1] - here[1]
    length = max((across**2 + down**2) ** 0.5, 1e-9)
    share = min(step / length, 0.5)
    return here[0] + share * across, here[1] + share * down
