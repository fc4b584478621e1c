"""How the two packages are built: which room stands on which, how many floors there are, and how many lines: python scripts/rooms.py

A room is a folder of muggle_convert, a module at its top, or model_defs. It stands above every room that it imports, wherever in its
files; what is imported for types alone does not count.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGES = ("muggle_convert", "model_defs")

Graph = dict[str, set[str]]  # what each imports


def files() -> Iterator[tuple[str, Path]]:
    """Every module of the two packages by its dotted name."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def imports() -> Graph:
    """What each module imports of the two packages."""
    modules = dict(files())
    return {name: {found for found in _imported(path, modules) if found != name} for name, path in modules.items()}


def rooms() -> Graph:
    """The same for rooms."""
    graph: Graph = {}
    for name, imported in imports().items():
        graph.setdefault(room(name), set()).update(room(other) for other in imported if room(other) != room(name))
    return graph


def room(module: str) -> str:
    return ".".join(module.split(".")[:2]) if module.startswith("muggle_convert.") else module.split(".")[0]


def floors(graph: Graph) -> dict[str, int]:
    """The floor of each: one above the highest that it imports. CycleError where some import each other."""
    found: dict[str, int] = {}
    for name in TopologicalSorter(graph).static_order():
        found[name] = 1 + max((found[other] for other in graph.get(name, ())), default=0)
    return found


def lines() -> int:
    return sum(len(path.read_text(encoding="utf-8").splitlines()) for _, path in files())


def top_modules() -> list[str]:
    return sorted(path.name for path in (ROOT / "muggle_convert").glob("*.py"))


def _imported(path: Path, modules: dict[str, Path]) -> Iterator[str]:
    for node in _run(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules)
        elif (isinstance(node, ast.ImportFrom) and node.module in modules) or (
            isinstance(node, ast.ImportFrom) and node.module in PACKAGES
        ):
            for alias in node.names:
                inside = f"{node.module}.{alias.name}"
                yield inside if inside in modules else str(node.module)


def _run(node: ast.AST) -> Iterator[ast.AST]:
    """Every node but those that only a type checker sees."""
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return
    yield node
    for child in ast.iter_child_nodes(node):
        yield from _run(child)


if __name__ == "__main__":
    try:
        standing = floors(rooms())
        for floor in range(max(standing.values()), 0, -1):
            print(f"{floor:3}  {', '.join(sorted(name for name, where in standing.items() if where == floor))}")
        print(f"{max(standing.values())} floors of rooms, {max(floors(imports()).values())} of files")
    except CycleError as circle:
        print("a circle:", " -> ".join(circle.args[1]))
    print(f"{len(top_modules())} modules at the top of muggle_convert, {lines():,} lines in {len(dict(files()))} files")
