"""What stands for pictures on the command line: folders, quoted patterns, lists of names."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from muggle_convert import Refusal
from muggle_convert.many.inputs import pictures_in, written_out
from tests.many.test_jobs import touch


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    touch(tmp_path / "photos", "a.jpg", "june/b.png", "june/notes.txt", "june/.hidden.png", "july/deep/a.jpg")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "photos"


def inside(*given: str) -> list[str]:
    return [picture.inside for picture in pictures_in(given, "out")]


def test_a_quoted_pattern_mirrors_what_is_below_its_fixed_part(photos: Path) -> None:
    assert inside("photos/**/*.jpg") == ["a.jpg", "july/deep/a.jpg"]
    assert inside("photos/j*/*") == ["june/b.png"]
    with pytest.raises(Refusal, match=r"no picture is named like photos/\*\.bmp"):
        inside("photos/*.bmp")


def test_a_file_that_is_named_like_a_pattern_or_a_list_is_itself(photos: Path) -> None:
    touch(photos, "[1].jpg", "1.jpg")
    touch(photos.parent, "@list.png")
    assert inside("photos/[1].jpg", "@list.png") == ["[1].jpg", "@list.png"]


def test_names_of_a_list_keep_their_folders_whatever_else_is_in_it(photos: Path) -> None:
    Path("list.txt").write_bytes(
        b"\xef\xbb\xbfphotos/a.jpg\r\n\r\n./photos/june/b.png\n../elsewhere/c.png\n" + os.fsencode(photos / "july")
    )
    assert inside("@list.txt") == [
        "photos/a.jpg",
        "photos/june/b.png",
        "elsewhere/c.png",
        str(photos / "july/deep/a.jpg").lstrip("/"),
    ]


def test_a_list_may_come_through_a_pipe_and_between_zeros(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"photos/two\nlines.jpg\0photos/a.jpg\0")))
    assert inside("@-") == ["photos/two\nlines.jpg", "photos/a.jpg"]


def test_a_list_that_cannot_be_read_or_holds_urls_is_refused(photos: Path) -> None:
    with pytest.raises(Refusal, match=r"@none\.txt is a list of pictures, one name a line, and none\.txt cannot be read"):
        inside("@none.txt")
    Path("list.txt").write_text("https://somewhere/a.jpg\n")
    with pytest.raises(Refusal, match=r"which is a URL, and those are for --ray"):
        inside("@list.txt")


def test_pictures_of_a_scene_may_be_named_by_patterns_and_lists(photos: Path) -> None:
    Path("list.txt").write_text("photos/a.jpg\n")
    assert written_out(["photos", "photos/*/*.png", "@list.txt"]) == ["photos", "photos/june/b.png", "photos/a.jpg"]


def test_a_picture_that_is_named_twice_is_found_once(photos: Path) -> None:
    assert inside("photos", "photos/a.jpg", "photos/*.jpg") == ["a.jpg", "july/deep/a.jpg", "june/b.png"]
