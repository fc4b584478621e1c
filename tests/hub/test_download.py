from __future__ import annotations

import resource
from pathlib import Path

import pytest

from muggle_convert.errors import Refusal
from muggle_convert.files.atomic import resuming
from muggle_convert.hub.download import download
from tests.hub.server import Fault, Hub

OLD = b"old" * 1000


def cut(hub: Hub, folder: Path, after: int = 1200) -> Path:
    """What an attempt leaves whose connection ended."""
    hub.published["a.pt"] = OLD
    hub.faults = [Fault("GET", "/releases/", after=after)]
    with pytest.raises(Refusal, match="run it again to resume"):
        download(f"{hub.address}/releases/a.pt", folder / "a.pt")
    return folder / "a.pt"


def test_the_bytes_of_another_file_are_never_joined(hub: Hub, tmp_path: Path) -> None:
    target = cut(hub, tmp_path)
    hub.published["a.pt"] = b"new" * 1000
    assert download(f"{hub.address}/releases/a.pt", target).read_bytes() == b"new" * 1000


def test_a_partial_file_is_complete_if_the_server_says_so(hub: Hub, tmp_path: Path) -> None:
    target = cut(hub, tmp_path)
    (tmp_path / "a.pt.part").write_bytes(OLD)
    assert download(f"{hub.address}/releases/a.pt", target).read_bytes() == OLD
    assert [path.name for path in tmp_path.iterdir()] == ["a.pt"]


def test_a_partial_file_longer_than_the_servers_is_fetched_again(hub: Hub, tmp_path: Path) -> None:
    target = cut(hub, tmp_path)
    (tmp_path / "a.pt.part").write_bytes(OLD + b"more")
    before = hub.asked("GET", "/releases/")
    assert download(f"{hub.address}/releases/a.pt", target).read_bytes() == OLD
    assert hub.asked("GET", "/releases/") == before + 2


def test_partial_bytes_of_unknown_origin_are_fetched_again(hub: Hub, tmp_path: Path) -> None:
    target = cut(hub, tmp_path)
    (tmp_path / "a.pt.part").write_bytes(b"x" * 1200)
    (tmp_path / "a.pt.part.etag").unlink()
    assert download(f"{hub.address}/releases/a.pt", target).read_bytes() == OLD


def test_a_second_download_to_one_file_is_refused_and_harms_nothing(hub: Hub, tmp_path: Path) -> None:
    target = cut(hub, tmp_path)
    kept = (tmp_path / "a.pt.part").read_bytes()
    with pytest.raises(InterruptedError), resuming(target):
        with pytest.raises(Refusal, match="is being written by another download"):
            download(f"{hub.address}/releases/a.pt", target)
        raise InterruptedError
    assert (tmp_path / "a.pt.part").read_bytes() == kept
    assert download(f"{hub.address}/releases/a.pt", target).read_bytes() == OLD


def test_a_full_disk_is_one_sentence_and_the_download_resumes_later(hub: Hub, tmp_path: Path) -> None:
    hub.published["a.pt"] = OLD
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(Refusal, match=r"^cannot write .*a\.pt\.part: File too large\.$"):
            download(f"{hub.address}/releases/a.pt", tmp_path / "a.pt")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert download(f"{hub.address}/releases/a.pt", tmp_path / "a.pt").read_bytes() == OLD


def test_an_unreachable_server_is_reported_in_words_without_an_error_number(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=r"cannot fetch http://127\.0\.0\.1:9/a\.pt: [A-Z]\w+ \w+"):
        download("http://127.0.0.1:9/a.pt", tmp_path / "a.pt")
