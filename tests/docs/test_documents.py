"""Documents do not drift away from the code."""

from __future__ import annotations

import importlib.util
import re
import sys
from types import ModuleType
from xml.etree import ElementTree

import pytest

from tests.conftest import ROOT

DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def make() -> ModuleType:
    sys.path.insert(0, str(DOCS))
    spec = importlib.util.spec_from_file_location("make_documents", DOCS / "make.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_diagram_is_what_its_code_draws(make: ModuleType) -> None:
    for name, draw in make.PICTURES.items():
        committed = (DOCS / "pictures" / f"{name}.svg").read_text(encoding="utf-8")
        assert committed == draw(), f"{name}.svg is out of date: run python docs/make.py"
        ElementTree.fromstring(committed)


def test_every_document_is_what_is_written_from_the_code(make: ModuleType) -> None:
    for document, text in make.written().items():
        assert document.exists() and document.read_text(encoding="utf-8") == text, (
            f"{document.name} is out of date: run python docs/make.py"
        )


def test_every_other_link_leads_somewhere(make: ModuleType) -> None:
    for document in make.documents():
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text(encoding="utf-8")):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"


def test_every_family_is_in_the_table(make: ModuleType) -> None:
    from muggle_convert.families import BY_NAME

    text = (DOCS / "families.md").read_text(encoding="utf-8")
    assert [name for name in BY_NAME if f"| `{name}` |" not in text] == []
