"""Addresses given as models: what is on the Hub is fetched with its own client, and others are refused with what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from muggle_convert import Refusal
from muggle_convert.hub.addresses import OnTheHub, as_address, on_the_hub
from muggle_convert.identify.read import read
from tests.conftest import Command
from tests.hub.conftest import CASE
from tests.hub.server import Hub, Repository

FILE = "depth_anything_v2_vits.pth"


@pytest.mark.parametrize(
    ("address", "meant"),
    [
        ("https://huggingface.co/me/depth", OnTheHub("me/depth")),
        ("https://hf.co/me/depth/", OnTheHub("me/depth")),
        ("https://huggingface.co/me/depth/tree/v1", OnTheHub("me/depth", "v1")),
        ("https://huggingface.co/me/depth/blob/main/a/model.pth", OnTheHub("me/depth", "main", "a/model.pth")),
        (
            "https://huggingface.co/me/depth/resolve/refs%2Fpr%2F1/model%20b.pth?download=true",
            OnTheHub("me/depth", "refs/pr/1", "model b.pth"),
        ),
        ("hf://me/depth@v1/model.pth", OnTheHub("me/depth", "v1", "model.pth")),
        ("https://huggingface.co/datasets/me/pictures", None),
        ("https://huggingface.co/me/depth/discussions/3", None),
        ("https://example.org/me/depth/resolve/main/model.pth", None),
    ],
)
def test_an_address_of_the_hub_means_a_file_in_a_repository(address: str, meant: OnTheHub | None) -> None:
    assert on_the_hub(address) == meant


def test_a_path_of_an_address_is_the_address_again() -> None:
    assert as_address(str(Path("https://example.org/model.pth"))) == "https://example.org/model.pth"
    assert as_address("C:/model.pth") is as_address("zoo:dpt_hybrid_384") is as_address("runs/https/model.pth") is None


@pytest.mark.parametrize(
    ("address", "way"),
    [
        ("https://example.org/model.pth", "curl -LO https://example.org/model.pth"),
        ("s3://bucket/model.pth", r"aws s3 cp s3://bucket/model.pth \."),
        ("gs://bucket/model.pth", r"gcloud storage cp gs://bucket/model.pth \."),
        ("file:///home/me/model.pth", "give the path /home/me/model.pth instead"),
    ],
)
def test_other_addresses_are_shown_whole_and_refused_with_what_to_do(address: str, way: str) -> None:
    for given in (address, Path(address)):
        with pytest.raises(Refusal, match=f"^{address} is an address.*{way}"):
            read(given)


def test_the_address_of_a_file_on_the_hub_is_read_like_the_file(hub: Hub, run: Command, tmp_path: Path) -> None:
    hub.repositories["me/depth"] = Repository()
    hub.repositories["me/depth"].commit("main", {FILE: CASE.save(tmp_path, FILE).read_bytes(), "other.pth": b"another"})
    done = run("inspect", f"{hub.address}/me/depth/blob/main/{FILE}")
    assert done.returncode == 0, done.stderr
    assert f"me/depth/{FILE}" in done.stdout
    missing = run("inspect", f"{hub.address}/me/depth/resolve/main/none.pth")
    assert missing.returncode == 1 and "me/depth holds no none.pth" in missing.stderr
