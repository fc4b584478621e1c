"""From what was predicted to what the page shows, and to what stands in space."""

from __future__ import annotations

import math

from muggle_convert.draw.relief import Pinhole, Relief, relief_of
from muggle_convert.draw.scales import Scale
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


def relief_of_view(viewer: Viewer, viewed: Viewed, field_of_view: float, scale: Scale | None = None) -> Relief:
    """Of a prediction that tells near from far. A known focal length says what the camera saw."""
    height, width = viewed.prediction.shape
    scale = scale or viewer.scale(viewed)
    assert scale is not None
    if viewer.focal is not None:
        return relief_of(viewed.prediction, scale, Pinhole.of(height, width, viewer.focal, known=True))
    return relief_of(viewed.prediction, scale, Pinhole.that_sees(height, width, field_of_view))
