"""Which room stands on which: what anybody can see with python scripts/rooms.py, held."""

from __future__ import annotations

import importlib.util
from types import ModuleType

import pytest

from tests.conftest import ROOT

READING = {"checkpoints", "rules", "families", "identify"}
WRITING = {"writing", "converting", "exporting", "pushing"}
VERBS = {"converting", "loading", "inspecting", "verifying", "pushing"}


@pytest.fixture(scope="module")
def rooms() -> ModuleType:
    spec = importlib.util.spec_from_file_location("rooms", ROOT / "scripts" / "rooms.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_no_files_import_each_other_in_a_circle(rooms: ModuleType) -> None:
    rooms.floors(rooms.imports())


def test_eleven_floors_are_enough(rooms: ModuleType) -> None:
    assert max(rooms.floors(rooms.rooms()).values()) <= 11


def test_the_top_of_the_package_is_seen_at_a_glance(rooms: ModuleType) -> None:
    assert len(rooms.top_modules()) <= 14


def test_reading_imports_nothing_of_writing(rooms: ModuleType) -> None:
    graph = rooms.rooms()
    assert {(room, other) for room in READING for other in WRITING if f"muggle_convert.{other}" in graph[f"muggle_convert.{room}"]} == set()


def test_no_verb_imports_another(rooms: ModuleType) -> None:
    graph = rooms.rooms()
    assert {(verb, other) for verb in VERBS for other in VERBS if f"muggle_convert.{other}" in graph[f"muggle_convert.{verb}"]} == set()


def test_networks_know_nothing_of_the_converter_nor_of_what_makes_them_fast(rooms: ModuleType) -> None:
    for module, imported in rooms.imports().items():
        if module.startswith("model_defs"):
            assert not any(other.startswith("muggle_convert") for other in imported), module
            assert module.startswith("model_defs.fast") or not any(one.startswith("model_defs.fast") for one in imported), module
