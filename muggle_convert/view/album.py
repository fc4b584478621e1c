"""The pictures and videos that the page offers: those that were named when it began, and those that were dropped onto it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import count
from pathlib import Path
from threading import Lock, Semaphore

from PIL import ImageOps

from muggle_convert.checkpoints import printable
from muggle_convert.errors import Refusal
from muggle_convert.many.inputs import pictures_in
from muggle_convert.predict import video
from muggle_convert.predict.photographs import Pixels, decode_picture, in_our_words, opened, read_picture

MOST_BYTES = 1 << 26  # of one picture that is dropped
MOST_DROPPED = 1 << 29  # bytes of all of them; the first make room for the last
THUMBNAIL = 320  # pixels
NOWHERE = ""  # nothing is written


@dataclass(frozen=True)
class Entry:
    """One picture or video: a file, or the bytes of one."""

    number: int
    path: Path
    content: bytes | None = None

    @property
    def is_video(self) -> bool:
        return self.content is None and self.path.suffix.lower() in video.SUFFIXES

    def read(self) -> Pixels:
        return read_picture(self.path) if self.content is None else decode_picture(self.content, self.path.name)

    def described(self) -> dict[str, object]:
        return {"id": self.number, "name": printable(self.path.name), "isVideo": self.is_video}


class Album:
    def __init__(self, named: Sequence[str]) -> None:
        self._numbers = count(1)
        self._lock = Lock()
        self._drawing = Semaphore(2)  # thumbnails at a time, however many a browser asks for
        self._entries: dict[int, Entry] = {}
        for picture in pictures_in(named, out=NOWHERE) if named else ():
            self._put(Path(picture.path))

    def entries(self) -> list[Entry]:
        with self._lock:
            return list(self._entries.values())

    def find(self, number: int) -> Entry | None:
        with self._lock:
            return self._entries.get(number)

    def add(self, name: str, content: bytes) -> Entry:
        """A picture from the page, which has to be one."""
        entry = self._put(Path(Path(name).name or "picture"), content)
        try:
            entry.read()
        except Refusal:
            with self._lock:
                self._entries.pop(entry.number, None)
            raise
        return entry

    def thumbnail(self, entry: Entry) -> bytes:
        with self._drawing, in_our_words(entry.path), opened(entry.path, entry.content) as image:
            image.draft("RGB", (THUMBNAIL, THUMBNAIL))  # a JPEG is decoded no larger than it is shown
            image.thumbnail((THUMBNAIL, THUMBNAIL))
            file = BytesIO()
            ImageOps.exif_transpose(image).convert("RGB").save(file, "jpeg", quality=80)
            return file.getvalue()

    def _put(self, path: Path, content: bytes | None = None) -> Entry:
        with self._lock:
            entry = Entry(next(self._numbers), path, content)
            self._entries[entry.number] = entry
            dropped = [one for one in self._entries.values() if one.content is not None]
            while sum(len(one.content or b"") for one in dropped) > MOST_DROPPED:
                del self._entries[dropped.pop(0).number]
            return entry
