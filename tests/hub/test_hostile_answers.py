"""Servers that answer what no server should."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from tests.conftest import Command
from tests.hub.server import Hub, Repository


@pytest.fixture
def table(hub: Hub, tmp_path: Path) -> dict[str, str]:
    """A table of one's own with a file that is known to have a thousand bytes."""
    row = {"name": "mine", "family": "dpt_vit", "licence": "mit", "predicts": "depth", "million_parameters": 1, "size": 1000}
    (tmp_path / "zoo.json").write_text(json.dumps([{**row, "url": f"{hub.address}/releases/mine.pt"}]))
    return {"MUGGLE_CONVERT_ZOO": str(tmp_path / "zoo.json")}


DOWNLOADS: dict[str, tuple[int, dict[str, str], bytes]] = {
    "a length in other digits": (200, {"Content-Length": "\xb2"}, b"x" * 900),
    "a length of thousands of digits": (200, {"Content-Length": "9" * 5000}, b"x" * 900),
    "more than is expected, announced": (200, {}, b"x" * 100_000),
    "more than is expected, not announced": (200, {"Content-Length": "", "Connection": "close"}, b"x" * 3_000_000),
    "an address that is none": (302, {"Location": "http://[/"}, b""),
    "an address of files": (302, {"Location": "ftp://127.0.0.1/a"}, b""),
    "an address of this machine": (302, {"Location": "file:///etc/passwd"}, b""),
    "itself": (302, {"Location": "/releases/mine.pt"}, b""),
    "a reason with commands": (404, {"reason": "\x1b]0;owned\x07 no"}, b""),
    "packed zeros": (200, {"Content-Encoding": "gzip"}, b"\x1f\x8b" + bytes(998)),
}


@pytest.mark.parametrize("answer", DOWNLOADS)
def test_a_download_that_is_answered_oddly_is_refused_in_a_line(
    run: Command, hub: Hub, table: dict[str, str], tmp_path: Path, answer: str
) -> None:
    status, headers, body = DOWNLOADS[answer]
    hub.odd = [("mine.pt", status, dict(headers), body)]
    done = run("zoo", "get", "mine", "-o", tmp_path / "out", "--convert", **table)
    assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.rstrip("\n").isprintable() and len(done.stderr) < 2500
    left = {path.name: path.stat().st_size for path in (tmp_path / "out").iterdir()}
    assert all(size <= 1000 for size in left.values()), left


def test_a_partial_file_is_not_written_through_a_link(run: Command, hub: Hub, table: dict[str, str], tmp_path: Path) -> None:
    hub.published["mine.pt"] = b"x" * 1000
    (tmp_path / "out").mkdir()
    for name in ("mine.pt.part", "mine.pt.part.etag"):
        (tmp_path / f"precious {name}").write_text("precious")
        (tmp_path / "out" / name).symlink_to(tmp_path / f"precious {name}")
        run("zoo", "get", "mine", "-o", tmp_path / "out", **table)
        assert (tmp_path / f"precious {name}").read_text() == "precious"
        (tmp_path / "out" / name).unlink(missing_ok=True)


def test_a_name_that_just_fits_is_downloaded(run: Command, hub: Hub, tmp_path: Path, table: dict[str, str]) -> None:
    name = "m" * 249
    (row,) = json.loads(Path(table["MUGGLE_CONVERT_ZOO"]).read_text())
    Path(table["MUGGLE_CONVERT_ZOO"]).write_text(json.dumps([{**row, "name": name}]))
    hub.published["mine.pt"] = b"x" * 1000
    done = run("zoo", "get", name, "-o", tmp_path / "out", **table)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in (tmp_path / "out").iterdir()] == [f"{name}.pt"]


EVIL = "../../../evil"
NAMES: dict[str, tuple[str, int, dict[str, str], bytes]] = {
    "an ETag": ("/resolve/", 200, {"ETag": f'"{EVIL}"', "X-Repo-Commit": "0" * 40}, b"x"),
    "a linked ETag": ("/resolve/", 200, {"ETag": '"a"', "X-Linked-ETag": f'"{EVIL}"', "X-Repo-Commit": "0" * 40}, b"x"),
    "a commit of a file": ("/resolve/", 200, {"ETag": '"a"', "X-Repo-Commit": EVIL}, b"x"),
    "a commit of a repository": ("/api/models/", 200, {}, json.dumps({"id": "me/model", "sha": EVIL, "siblings": [{"rfilename": "model.safetensors"}]}).encode()),
}  # fmt: skip


@pytest.mark.parametrize("what", NAMES)
def test_no_name_that_the_hub_gives_leads_out_of_its_cache(run: Command, hub: Hub, tmp_path: Path, what: str) -> None:
    hub.repositories["me/model"] = Repository()
    hub.repositories["me/model"].commit("main", {"model.safetensors": b"x"})
    hub.odd = [NAMES[what]]
    done = run("inspect", "me/model")
    assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
    assert "not a plain one" in done.stderr
    assert not list(tmp_path.rglob("*evil*"))


ANSWERS = ("null", "[]", "3", '"a"', "{}", "[null]", '{"siblings": [1]}', '{"siblings": {"a": 1}}', '{"siblings": [{"rfilename": 3}]}',
           '{"siblings": [{}]}', '{"id": 3, "siblings": null}', '{"siblings": [{"rfilename": "../../x.safetensors"}]}', "{", "\x00")  # fmt: skip


@pytest.mark.parametrize("body", ANSWERS)
def test_an_answer_of_another_form_is_refused_in_a_line(run: Command, hub: Hub, converted: Path, body: str) -> None:
    hub.odd = [("/api/models/", 200, {"Content-Type": "application/json"}, body.encode())]
    for line in (("inspect", "me/model"), ("push", converted, "me/model", "--license", "mit")):
        done = run(*line)
        assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
        assert done.stderr.rstrip("\n").isprintable()


BOMB = gzip.compress(b'{"id": "' + bytes(300_000_000) + b'"}', 1)


@pytest.mark.parametrize("what", ["/api/models/", "/resolve/"])
def test_a_packed_answer_of_the_hub_is_not_unpacked(run: Command, hub: Hub, what: str) -> None:
    hub.repositories["me/model"] = Repository()
    hub.repositories["me/model"].commit("main", {"model.safetensors": b"x"})
    hub.odd = [(what, 200, {"Content-Encoding": "gzip", "ETag": '"a"', "X-Repo-Commit": "0" * 40}, BOMB)]
    done = run("inspect", "me/model")
    assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
    assert "packed as gzip, which nobody asked for" in done.stderr


def test_an_answer_of_the_hub_without_an_end_is_not_read_to_it(run: Command, hub: Hub) -> None:
    hub.odd = [("/api/models/", 200, {}, b" " * (65 << 20))]
    done = run("inspect", "me/model")
    assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
    assert "answers with more than the" in done.stderr


CARDS = {
    "a licence that refers to itself": "a: &a [1, 1]\n" + "".join(f"{chr(98 + n)}: &{chr(98 + n)} [*{chr(97 + n)}, *{chr(97 + n)}]\n" for n in range(24)) + "license: *y",
    "a licence in brackets": "license: " + "[" * 3000,
    "a long card": "license: mit\n" + "x" * (1 << 20),
    "commands": "license: \"\\e[31m[/b]\\e]0;owned\\a\"",
    "a program": "license: !!python/object/apply:os.system ['touch canary']",
}  # fmt: skip


@pytest.mark.parametrize("card", CARDS)
def test_a_card_of_somebody_else_is_read_with_care(run: Command, hub: Hub, converted: Path, tmp_path: Path, card: str) -> None:
    hub.repositories["me/model"] = Repository()
    hub.repositories["me/model"].commit("main", {"README.md": f"---\n{CARDS[card]}\n---\n".encode()})
    done = run("push", converted, "me/model", "--license", "mit")
    assert done.returncode in (0, 1) and done.stderr.count("\n") <= 1, done.stderr
    assert len(done.stderr) < 1000 and (done.stderr + done.stdout).replace("\n", "").isprintable()
    assert not list(tmp_path.rglob("canary"))
