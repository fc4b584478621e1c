"""What the models make of pictures, one at a time; the last few are kept."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock

from muggle_convert.page.sight import Sight
from muggle_convert.predict.photographs import Pixels, decode_picture
from muggle_convert.predict.sights import sight_of
from muggle_convert.predict.viewer import Viewer
from muggle_convert.view.album import Entry

KEPT = 4  # sights, of which a large one takes a hundred megabytes


class Gone(Exception):
    """Nobody waits for the answer any more."""


class Predictions:
    def __init__(self, viewer: Viewer, field_of_view: float) -> None:
        self.viewer = viewer
        self._field_of_view = field_of_view
        self._turn = Lock()
        self._kept: OrderedDict[int, Sight] = OrderedDict()

    def of(self, entry: Entry, is_gone: Callable[[], bool]) -> Sight:
        """When its turn comes; by then somebody who looked at many pictures quickly may have gone on to the next."""
        with self._turn:
            if (sight := self._kept.get(entry.number)) is not None:
                self._kept.move_to_end(entry.number)
                return sight
            if is_gone():
                raise Gone
            sight = self._predict(entry.read())
            self._kept[entry.number] = sight
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
            return sight

    def of_frame(self, content: bytes) -> Sight | None:
        """None while another prediction is under way: a frame that waits is out of date when its turn comes."""
        if not self._turn.acquire(blocking=False):
            return None
        try:
            return self._predict(decode_picture(content, "the frame"))
        finally:
            self._turn.release()

    def _predict(self, picture: Pixels) -> Sight:
        return sight_of(self.viewer, self.viewer.view(picture), self._field_of_view)
