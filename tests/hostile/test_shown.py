"""Every word that a stranger can choose, on its way to every place where somebody reads it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muggle_convert.checkpoints.safe_text import code, markdown, printable
from muggle_convert.errors import Refusal
from muggle_convert.evaluation.metrics import NAMES
from tests.conftest import Command
from tests.hostile.lies import Described, paths, replaced
from tests.test_old_files import OLD

EVIL = "\x1b]0;owned\x07[/b][link=http://evil]x[/link] | <img src=x> `\n# heading\n![](http://evil) [a](b) \u202e**"
FILE = Described(OLD / "dpt_vit.safetensors")
CHECKED = {("source", "fingerprint"), ("source", "sha256")}  # what no other word may stand for


def words() -> Iterator[tuple[Any, ...]]:
    """The way to every text of a description that may be any."""
    for path in paths(FILE.document):
        value = FILE.document
        for key in path:
            value = value[key]
        is_reason = len(path) == 3 and path[0] == "evidence" and path[2] == 1
        is_free = len(path) > 0 and path[0] in ("layout", "source", "versions") and path not in CHECKED
        if isinstance(value, str) and (is_reason or is_free):
            yield path


@pytest.fixture(scope="module")
def evil(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A converted file all of whose words are a stranger's."""
    document: Any = FILE.document
    for path in words():
        document = replaced(document, path, EVIL)
    document = {**document, "versions": {**document["versions"], EVIL: EVIL}, "licence": "mit", "dropped": {EVIL: [EVIL, "F32", [1]]}}
    document["source"] = {**document["source"], "training": EVIL}
    path = tmp_path_factory.mktemp("evil") / "evil.safetensors"
    path.write_bytes(FILE.with_document(document))
    return path


def is_harmless(text: str) -> bool:
    """On a terminal: lines of characters that can be shown, and rich's own colours."""
    return all(line.isprintable() for line in re.sub(r"\x1b\[[0-9;]*m", "", text).split("\n"))


@pytest.mark.parametrize(
    "line",
    [
        ("inspect", "EVIL"),
        ("inspect", "EVIL", "--json"),
        ("convert", "EVIL", "--dry-run"),
        ("convert", "EVIL", "-o", "OUT.safetensors", "--force"),
        ("export", "EVIL", "--to", "original", "-o", "OUT.pth", "--fill-unused", "--force"),
        ("verify", "EVIL", "EVIL"),
    ],
    ids=lambda line: " ".join(line[:1] + line[2:3]),
)
@pytest.mark.parametrize("columns", ["80", "200"])
def test_no_word_of_a_description_commands_a_terminal(muggle_convert: Command, evil: Path, line: tuple[str, ...], columns: str) -> None:
    arguments = [str(part).replace("EVIL", str(evil)).replace("OUT", str(evil.with_name("out"))) for part in line]
    done = muggle_convert(*arguments, env={"FORCE_COLOR": "1", "COLUMNS": columns})
    assert "Traceback" not in done.stderr
    assert is_harmless(done.stdout) and is_harmless(done.stderr)
    assert "\x1b]8" not in done.stdout, "rich would have made a link"


def test_no_word_of_a_description_becomes_a_part_of_the_card(muggle_convert: Command, evil: Path, tmp_path: Path) -> None:
    fingerprint = FILE.document["source"]["fingerprint"]
    numbers = dict.fromkeys(NAMES, 0.5)
    row = {"model": EVIL, "family": EVIL, "fingerprint": fingerprint, "dtype": "F16", "align": EVIL, "numbers": numbers, "images": {}}
    about = {
        "dataset": EVIL,
        "title": EVIL,
        "images": 3,
        "crop": EVIL,
        "kb_crop": False,
        "cap": None,
        "align_over": EVIL,
        "rows": [row],
        "data": EVIL,
    }
    (tmp_path / "results.json").write_text(json.dumps({"format": "muggle-convert evaluation", "version": 1, **about}))
    done = muggle_convert("push", evil, "me/model", "--dry-run", "--results", tmp_path / "results.json")
    assert done.returncode == 0, done.stderr
    card = done.stdout
    assert is_harmless(card)
    assert re.findall(r"^#+ .*", card, re.MULTILINE) == [
        "# model", "## How to use it", "## What the numbers mean", "## Limitations", "## Numbers", "## Licence, and where it came from", "## Citation"
    ]  # fmt: skip
    prose = re.sub(r"`[^`\n]*`|^- \{.*$", "", card, flags=re.MULTILINE)
    for markup in ("](http://evil", "<img", "http://evil", "**\n"):
        assert not re.search(r"(?<!\\)" + re.escape(markup), prose), markup
    rows = [line for line in card.splitlines() if line.startswith("| ") and "→" not in line]
    assert all(re.sub(r"\\\|", "", row).count("|") in (3, 4, 10) for row in rows)
    front = card.split("---\n")[1]
    assert front.count("license:") == 1 and "\nlicense: mit\n" in front


@given(st.text(max_size=300))
def test_any_text_is_one_harmless_line_of_each_kind(text: str) -> None:
    assert printable(text).isprintable() and len(printable(text)) <= 201
    assert markdown(text).isprintable()
    assert not re.search(r"(?<!\\)(?:\\\\)*([`*<>|~&]|\](?=[(\[:]))", markdown(text))
    assert code(text).count("`") == 2 and "|" not in code(text)
    assert str(Refusal(text)).isprintable()


def test_a_refusal_has_a_length() -> None:
    assert len(str(Refusal("a" * 3_000_000))) < 3000


def test_every_quotation_of_a_description_beside_the_weights_has_a_length(muggle_convert: Command, tmp_path: Path) -> None:
    from tests.goldens import golden

    golden("depth_anything_v2").save(tmp_path, "depth_anything_v2_vits.pth")
    for config in (
        {"hidden_act": "x" * 900_000},
        {"model_type": "depth_anything", "hidden_act": "x" * 900_000},
        {"\x1b[2J": "y", "z" * 900_000: EVIL},
    ):
        (tmp_path / "config.json").write_text(json.dumps(config))
        done = muggle_convert("inspect", tmp_path / "depth_anything_v2_vits.pth")
        assert len(done.stderr) < 3000 and len(done.stdout) < 30_000
        assert is_harmless(done.stdout + done.stderr)


def test_a_zoo_table_with_words_that_cannot_be_shown_is_refused(muggle_convert: Command, tmp_path: Path) -> None:
    row = {"name": "mine", "family": "dpt_vit", "licence": "mit", "predicts": "depth", "million_parameters": 1, "url": "http://host/a.pt"}
    for change in (
        {"licence": EVIL},
        {"predicts": "\x1b[2J"},
        {"family": "x" * 5000},
        {"url": "http://[/a.pt"},
        {"url": "http://host/ä.pt"},
    ):
        (tmp_path / "zoo.json").write_text(json.dumps([{**row, **change}]))
        done = muggle_convert("zoo", env={"MUGGLE_CONVERT_ZOO": str(tmp_path / "zoo.json")})
        assert done.returncode == 1 and done.stderr.count("\n") == 1 and is_harmless(done.stderr)
    (tmp_path / "zoo.json").write_text(json.dumps([{**row, "licence": "[/b]", "predicts": "[link=http://evil]x[/link]"}]))
    done = muggle_convert("zoo", env={"MUGGLE_CONVERT_ZOO": str(tmp_path / "zoo.json"), "FORCE_COLOR": "1"})
    assert done.returncode == 0 and "[/b]" in done.stdout and "\x1b]8" not in done.stdout


@pytest.mark.parametrize("change", [{"cap": "x"}, {"images": "3"}, {"title": 3}, {"data": 3}, {"rows": [{}]}, {"crop": None}])
def test_results_that_are_not_what_they_should_be_are_refused(muggle_convert: Command, tmp_path: Path, change: dict[str, Any]) -> None:
    about = {
        "dataset": "kitti",
        "title": "KITTI",
        "images": 3,
        "crop": "garg",
        "kb_crop": False,
        "cap": 80.0,
        "align_over": "image",
        "rows": [],
    }
    (tmp_path / "results.json").write_text(json.dumps({"format": "muggle-convert evaluation", "version": 1, **about, **change}))
    done = muggle_convert(
        "push", OLD / "dpt_vit.safetensors", "me/model", "--dry-run", "--license", "mit", "--results", tmp_path / "results.json"
    )
    assert done.returncode == 1 and "is not a file that muggle-convert eval --results wrote" in done.stderr
    assert done.stderr.count("\n") == 1
