from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from muggle_convert.errors import Refusal
from muggle_convert.families import BY_NAME
from muggle_convert.hub.zoo import entries
from tests.conftest import Command, plain
from tests.hub.conftest import CASE
from tests.hub.server import Fault, Hub, Repository


@pytest.fixture
def own(hub: Hub, tmp_path: Path) -> dict[str, str]:
    """A table of the user's own, whose files are on loopback; its name carries the hash as torch.hub's do."""
    content = CASE.save(tmp_path, "weights.pth").read_bytes()
    name = f"depth_anything_v2_mine-{hashlib.sha256(content).hexdigest()[:8]}"
    hub.published[f"{name}.pt"] = content
    row = {"name": name, "family": "depth_anything_v2", "licence": "mit", "predicts": "relative inverse depth", "million_parameters": 1}
    (tmp_path / "zoo.json").write_text(json.dumps([{**row, "url": f"{hub.address}/releases/{name}.pt"}]))
    return {"name": name, "table": str(tmp_path / "zoo.json")}


def test_the_zoo_lists_checkpoints_of_every_family_but_those_nobody_may_copy() -> None:
    assert {entry.family for entry in entries()} <= set(BY_NAME)
    assert {"dpt_beit_large_512", "midas_v21_small_256", "dpt_hybrid_384", "depth_anything_v2_vitl"} <= {entry.name for entry in entries()}


def test_addresses_are_the_published_ones() -> None:
    known = {entry.name: entry for entry in entries()}
    assert known["dpt_swin2_tiny_256"].url == "https://github.com/isl-org/MiDaS/releases/download/v3_1/dpt_swin2_tiny_256.pt"
    assert known["dpt_hybrid_384"].url == "https://github.com/isl-org/MiDaS/releases/download/v3/dpt_hybrid_384.pt"
    assert known["midas_v21-f6b98070"].url == "https://github.com/isl-org/MiDaS/releases/download/v2_1/midas_v21-f6b98070.pt"
    assert known["midas_v21_small-70d6b9c8"].hash_prefix == "70d6b9c8"
    assert known["depth_anything_v2_vitb"].repository == "depth-anything/Depth-Anything-V2-Base"
    assert known["depth_anything_v2_vitb"].licence == "cc-by-nc-4.0"


def test_files_of_transformers_and_what_others_trained_further_are_listed() -> None:
    known = {entry.name: entry for entry in entries()}
    assert known["zoedepth-nyu-kitti"].place == "Intel/zoedepth-nyu-kitti: model.safetensors"
    assert known["prompt-depth-anything-vits-hf"].place == "depth-anything/prompt-depth-anything-vits-hf: model.safetensors"
    assert known["Distill-Any-Depth-Small"].place == "xingyang1/Distill-Any-Depth: small/model.safetensors"
    assert known["Distill-Any-Depth-Small"].is_commercial and not known["Distill-Any-Depth-Large"].is_commercial
    assert known["depth_anything_AC_vits"].is_non_commercial


def test_the_table_is_shown(run: Command) -> None:
    shown = run("zoo").stdout
    assert "dpt_beit_large_512" in shown and "345 M" in shown and "cc-by-nc-4.0" in shown
    assert all(line == line.rstrip() for line in shown.splitlines())


@pytest.mark.parametrize("width", ["80", "100", "200"])
def test_the_table_fits_a_terminal_and_cuts_no_name(run: Command, width: str) -> None:
    shown = plain(run("zoo", FORCE_COLOR="1", COLUMNS=width).stdout)
    assert max(map(len, shown.splitlines())) <= int(width)
    words = shown.split()
    assert {entry.name for entry in entries()} | {entry.licence for entry in entries()} <= set(words)


@pytest.mark.parametrize("terminal", [{}, {"FORCE_COLOR": "1", "COLUMNS": "80"}])
def test_addresses_have_lines_of_their_own_and_are_never_broken(run: Command, terminal: dict[str, str]) -> None:
    lines = [line.strip() for line in plain(run("zoo", "--long", **terminal).stdout).splitlines()]
    assert {entry.place for entry in entries()} | {entry.name for entry in entries()} <= set(lines)


def test_what_may_be_used_commercially_is_listed_apart(run: Command) -> None:
    names = {row["name"]: row["licence"] for row in json.loads(run("zoo", "--commercial", "--json").stdout)}
    assert {"dpt_beit_large_512", "depth_anything_v2_vits"} <= names.keys()
    assert not {"depth_anything_v2_vitl", "depth_anything_v2_metric_vkitti_vitl"} & names.keys()  # one forbids it, the other says nothing
    assert {entry.name for entry in entries() if entry.is_non_commercial or entry.licence == "unknown"}.isdisjoint(names)


def test_the_json_names_its_units_and_leaves_out_unknown_values(run: Command) -> None:
    rows = json.loads(run("zoo", "--json").stdout)
    assert len(rows) == len(entries())
    assert {row["name"]: row["million_parameters"] for row in rows}["dpt_beit_large_512"] == 345
    assert not any(None in row.values() for row in rows)


def test_a_checkpoint_is_fetched_and_converted(hub: Hub, run: Command, own: dict[str, str], tmp_path: Path) -> None:
    done = run("zoo", "get", own["name"], "-o", tmp_path / "out", "--convert", MUGGLE_CONVERT_ZOO=own["table"])
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / f"{own['name']}.pt").read_bytes() == hub.published[f"{own['name']}.pt"]
    assert "licence" in run("inspect", tmp_path / "out" / f"{own['name']}.safetensors").stdout


def test_every_command_takes_the_name_of_a_published_checkpoint(run: Command, own: dict[str, str], tmp_path: Path) -> None:
    name, table = f"zoo:{own['name']}", {"MUGGLE_CONVERT_ZOO": own["table"]}
    for arguments in (
        [name, "-o", "kept.safetensors"],
        ["inspect", name],
        ["verify", name, "kept.safetensors"],
        ["export", name, "--to", "original", "-o", "same.pth"],
        ["export", "kept.safetensors", "--to", "original", "--with", name, "-o", "back.pth"],
        ["push", name, "me/model", "--licence", "mit", "--dry-run"],
    ):
        done = run(*arguments, **table)
        assert done.returncode == 0, done.stderr
    assert run("verify", "back.pth", "kept.safetensors").stdout.startswith("239 tensors")


def test_an_interrupted_download_resumes_where_it_stopped(hub: Hub, run: Command, own: dict[str, str], tmp_path: Path) -> None:
    hub.faults = [Fault("GET", "/releases/", after=1_500_000)]
    first = run("zoo", "get", own["name"], "-o", tmp_path / "out", MUGGLE_CONVERT_ZOO=own["table"])
    assert first.returncode == 1 and "run it again to resume" in first.stderr
    assert {path.name for path in (tmp_path / "out").iterdir()} == {f"{own['name']}.pt.part", f"{own['name']}.pt.part.etag"}
    kept = (tmp_path / "out" / f"{own['name']}.pt.part").stat().st_size
    assert kept > 0
    assert run("zoo", "get", own["name"], "-o", tmp_path / "out", MUGGLE_CONVERT_ZOO=own["table"]).returncode == 0
    assert [path.name for path in (tmp_path / "out").iterdir()] == [f"{own['name']}.pt"]
    assert (tmp_path / "out" / f"{own['name']}.pt").read_bytes() == hub.published[f"{own['name']}.pt"]


def test_a_file_that_is_not_what_its_name_promises_is_thrown_away(hub: Hub, run: Command, own: dict[str, str], tmp_path: Path) -> None:
    hub.published[f"{own['name']}.pt"] = b"something else"
    done = run("zoo", "get", own["name"], "-o", tmp_path / "out", MUGGLE_CONVERT_ZOO=own["table"])
    assert done.returncode == 1 and "was expected; it is not used" in done.stderr
    assert list((tmp_path / "out").iterdir()) == []


def test_a_missing_file_is_one_sentence(hub: Hub, run: Command, own: dict[str, str], tmp_path: Path) -> None:
    hub.published.clear()
    done = run("zoo", "get", own["name"], "-o", tmp_path / "out", MUGGLE_CONVERT_ZOO=own["table"])
    assert done.returncode == 1 and "answers 404" in done.stderr and done.stderr.count("\n") == 1


def test_a_checkpoint_of_the_zoo_is_loaded_by_its_name_and_fetched_once(hub: Hub, run: Command, own: dict[str, str]) -> None:
    for _ in range(2):
        found = json.loads(run("inspect", f"zoo:{own['name']}", "--json", MUGGLE_CONVERT_ZOO=own["table"]).stdout)
        assert found["family"] == "depth_anything_v2"
    assert hub.asked("GET", "/releases/") == 1


def test_a_checkpoint_of_the_zoo_that_was_damaged_since_is_fetched_again(
    hub: Hub, run: Command, own: dict[str, str], tmp_path: Path
) -> None:
    for _ in range(2):
        done = run("inspect", f"zoo:{own['name']}", MUGGLE_CONVERT_ZOO=own["table"])
        assert done.returncode == 0, done.stderr
        (tmp_path / "hf" / "muggle-convert" / f"{own['name']}.pt").write_bytes(b"damaged")
    assert hub.asked("GET", "/releases/") == 2


def test_a_checkpoint_of_the_zoo_is_checked_where_it_is_loaded_too(hub: Hub, run: Command, tmp_path: Path) -> None:
    hub.repositories["you/mine"] = Repository()
    hub.repositories["you/mine"].commit("main", {"a.pt": b"another"})
    row = {**ROW, "url": None, "repository": "you/mine", "file": "a.pt", "sha256": "0" * 64}
    (tmp_path / "zoo.json").write_text(json.dumps([row]))
    done = run("inspect", "zoo:mine", MUGGLE_CONVERT_ZOO=str(tmp_path / "zoo.json"))
    assert done.returncode == 1 and "you/mine: a.pt gave a file whose SHA-256 begins with" in done.stderr


def test_a_name_the_zoo_does_not_have_is_refused_with_near_ones(run: Command) -> None:
    done = run("zoo", "get", "beit")
    assert done.returncode == 1 and "the zoo has no beit; it has dpt_beit_large_512" in done.stderr


ROW = {
    "name": "mine",
    "family": "dpt_vit",
    "licence": "mit",
    "predicts": "depth",
    "million_parameters": 1,
    "url": "https://example.org/a.pt",
}


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        (json.dumps([{**ROW, "name": "../../x"}]), "../../x is not a plain name"),
        (json.dumps([{**ROW, "url": "file:///etc/passwd"}]), "the url of mine is not an http or https address"),
        (json.dumps([{**ROW, "million_parameters": "many"}]), "million_parameters of entry 1 is not a whole number"),
        (json.dumps([{**ROW, "licence": 3}]), "licence of entry 1 is not a text"),
        (json.dumps([ROW, {"name": "x"}]), "entry 2 has no family"),
        (json.dumps([{**ROW, "colour": 1}]), "entry 1 has colour, which is not one of name"),
        (json.dumps({"name": "x"}), "it is not a list of entries"),
        ("[3]", "entry 1 is not an object"),
        ("[", "it is not JSON from line 1"),
        ("[" * 100_000, "it is nested too deeply"),
        (b"\xff", "it is not UTF-8"),
    ],
)
def test_a_broken_table_of_ones_own_is_refused(table: str | bytes, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "zoo.json").write_bytes(table if isinstance(table, bytes) else table.encode())
    monkeypatch.setenv("MUGGLE_CONVERT_ZOO", str(tmp_path / "zoo.json"))
    with pytest.raises(Refusal, match="is not a table of checkpoints") as refusal:
        entries()
    assert sentence in str(refusal.value)


def test_a_file_is_not_a_folder_to_put_a_checkpoint_in(run: Command, own: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    done = run("zoo", "get", own["name"], "-o", tmp_path / "file", MUGGLE_CONVERT_ZOO=own["table"])
    assert done.returncode == 1 and "cannot be a folder to write to" in done.stderr and done.stderr.count("\n") == 1


def test_a_file_of_a_repository_is_checked_too(hub: Hub, run: Command, tmp_path: Path) -> None:
    hub.repositories["you/mine"] = Repository()
    hub.repositories["you/mine"].commit("main", {"a.pt": b"another"})
    row = {**ROW, "url": None, "repository": "you/mine", "file": "a.pt", "sha256": "0" * 64}
    (tmp_path / "zoo.json").write_text(json.dumps([row]))
    done = run("zoo", "get", "mine", "-o", tmp_path / "out", MUGGLE_CONVERT_ZOO=str(tmp_path / "zoo.json"))
    assert done.returncode == 1 and "you/mine: a.pt gave a file whose SHA-256 begins with" in done.stderr
    assert list((tmp_path / "out").iterdir()) == []
