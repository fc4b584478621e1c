"""From what was predicted to what the page shows."""

from __future__ import annotations

import math

from muggle_convert.page.sight import Layer, Sight
from muggle_convert.predict.viewer import Viewed, Viewer


def sight_of(viewer: Viewer, viewed: Viewed, field_of_view: float) -> Sight:
    """Where two models are compared, both are in the unit that they are compared in. A known focal length says what the camera saw."""
    assert viewed.picture is not None
    if viewer.focal is not None:
        field_of_view = math.degrees(2 * math.atan(max(viewed.picture.shape[:2]) / 2 / viewer.focal))
    if (compared := viewed.comparison) is not None:
        both = zip(viewer.names, (compared.first, compared.second), strict=True)
        layers = tuple(Layer(name, prediction, compared.output) for name, prediction in both)
        return Sight(viewed.picture, layers, field_of_view, compared.title)
    return Sight(viewed.picture, (Layer(viewer.names[0], viewed.prediction, viewed.output),), field_of_view)
