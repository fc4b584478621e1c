"""docs/api.md: every public name with its signature and what its docstring says."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import muggle_convert

ROOT = Path(__file__).parent.parent.parent
LONG = 110

HEAD = """# The Python interface

Everything that `import muggle_convert` offers, written from the docstrings by `python docs/make.py`.
Nothing is imported before it is used: only what loads a network needs torch.
"""
ORDER = (
    "load_any_dpt",
    "Network",
    "View",
    "DescribedView",
    "Scene",
    "SceneView",
    "BatchPredictor",
    "Predicted",
    "convert",
    "inspect",
    "verify",
    "export",
    "push",
)  # first what most people call


def document() -> str:
    names = [name for name in muggle_convert.__all__ if not name.startswith("_")]
    ordered = [*ORDER, *(name for name in names if name not in ORDER)]
    assert sorted(ordered) == sorted(names), "every public name is described once"
    return "\n".join([HEAD, *(section for name in ordered for section in _described(name))])


def _described(name: str) -> Iterator[str]:
    found: Any = getattr(muggle_convert, name)
    yield f"## {name}\n"
    node = _definition(found)
    if isinstance(node, ast.FunctionDef):
        yield _code(_signature(node))
        yield _words(found)
        return
    yield _code(_fields(node)) if _fields(node) else ""
    yield _words(found)
    for method in node.body:
        if isinstance(method, ast.FunctionDef) and not method.name.startswith("_") and ast.get_docstring(method):
            is_property = any(isinstance(one, ast.Name) and one.id in ("property", "cached_property") for one in method.decorator_list)
            yield f"### {name}.{method.name}\n"
            yield _code(f"{method.name}: {_annotation(method.returns)}" if is_property else _signature(method))
            yield dedent(ast.get_docstring(method) or "") + "\n"


def _definition(found: Any) -> ast.FunctionDef | ast.ClassDef:
    tree = ast.parse(Path(inspect.getsourcefile(found) or "").read_text(encoding="utf-8"))
    return next(node for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name == found.__name__)


def _signature(node: ast.FunctionDef) -> str:
    arguments = [ast.unparse(one) for one in _arguments(node)]
    returns = _annotation(node.returns)
    line = f"{node.name}({', '.join(arguments)}) -> {returns}"
    return line if len(line) <= LONG else f"{node.name}(\n" + "".join(f"    {one},\n" for one in arguments) + f") -> {returns}"


def _arguments(node: ast.FunctionDef) -> Iterator[ast.AST]:
    """Each argument by itself, with its annotation and default, and a star where keywords begin."""
    given = node.args
    defaults = [None] * (len(given.args) - len(given.defaults)) + list(given.defaults)
    for one, default in zip(given.args, defaults, strict=True):
        if one.arg != "self":
            yield _with_default(one, default)
    if given.vararg:
        yield ast.Name(f"*{ast.unparse(given.vararg)}")
    elif given.kwonlyargs:
        yield ast.Name("*")
    yield from (_with_default(one, default) for one, default in zip(given.kwonlyargs, given.kw_defaults, strict=True))
    if given.kwarg:
        yield ast.Name(f"**{ast.unparse(given.kwarg)}")


def _with_default(argument: ast.arg, default: ast.expr | None) -> ast.AST:
    return ast.Name(ast.unparse(argument) + (f" = {ast.unparse(default)}" if default is not None else ""))


def _annotation(node: ast.expr | None) -> str:
    return ast.unparse(node) if node is not None else "None"


def _fields(node: ast.FunctionDef | ast.ClassDef) -> str:
    """A dataclass's fields."""
    fields = [one for one in node.body if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name)]
    return "\n".join(ast.unparse(one) for one in fields)


def _words(found: Any) -> str:
    return (inspect.getdoc(found) or "") + "\n"


def _code(unparsed: str) -> str:
    """With the quotes of the source, which `ast.unparse` does not keep."""
    return "```python\n" + unparsed.replace("'", '"') + "\n```\n"
