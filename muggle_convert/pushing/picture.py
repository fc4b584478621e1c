"""A picture for the card: a photograph of the user's, and beside it what the model predicts for it."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

from muggle_convert.checkpoints import printable
from muggle_convert.errors import Refusal

LONGER_SIDE = 720  # pixels, of a page that is read


def drawn_beside(photograph: Path, weights: Path) -> bytes:
    """A PNG file. The photograph loses whatever else its file says, such as where it was taken."""
    from PIL import Image

    from muggle_convert.many.batches import BatchPredictor
    from muggle_convert.predict.photographs import read_picture

    smaller = Image.fromarray(read_picture(photograph))
    smaller.thumbnail((LONGER_SIDE, LONGER_SIDE))
    content = BytesIO()
    smaller.save(content, "PNG")
    (row,) = BatchPredictor(weights, form="png", side_by_side=True)([(photograph.name, content.getvalue())])
    if row.depth is None:
        raise Refusal(f"{printable(photograph)} cannot be the picture of the card: {row.error}")
    return row.depth
