"""Drawing is below predicting: it draws arrays, wherever they come from."""

from __future__ import annotations

import ast
from pathlib import Path

import muggle_convert.draw

ABOVE = ("muggle_convert.predict", "muggle_convert.evaluation", "muggle_convert.pushing", "muggle_convert.cli")


def test_drawing_imports_nothing_from_the_rooms_above_it() -> None:
    files = list(Path(muggle_convert.draw.__file__).parent.rglob("*.py"))
    assert len(files) > 10
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom):
                assert not str(node.module).startswith(ABOVE), f"{file.name} imports {node.module}"
