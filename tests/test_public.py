"""What `import muggle_convert` offers."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields
from inspect import Parameter, signature
from pathlib import Path
from typing import Any

import pytest

import muggle_convert
from muggle_convert import convert, export, inspect, load_any_dpt, push, verify
from muggle_convert.identify.read import ReadOptions
from muggle_convert.writing.converted_file import WriteOptions
from tests.conftest import ROOT

RUNNING_ONLY = {"like"}  # what is said of graphs, which are run and inspected, and not converted
DEFAULTS = {field.name: field.default for field in (*fields(ReadOptions), *fields(WriteOptions))}


def keywords(function: Callable[..., Any]) -> dict[str, Any]:
    return {name: one.default for name, one in signature(function).parameters.items() if one.kind is Parameter.KEYWORD_ONLY}


def test_every_public_name_is_there_and_listed_before_anything_is_imported() -> None:
    script = (
        "import sys, muggle_convert\n"
        "assert set(muggle_convert.__all__) <= set(dir(muggle_convert))\n"
        "assert not {'torch', 'numpy'} & set(sys.modules)\n"
        "assert all(hasattr(muggle_convert, name) for name in muggle_convert.__all__)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'muggle_convert' has no attribute 'Convert'"):
        _ = muggle_convert.Convert


@pytest.mark.parametrize("function", [convert, inspect, export, verify, push, load_any_dpt])
def test_what_a_function_returns_has_a_public_name(function: Callable[..., Any]) -> None:
    assert set(signature(function).return_annotation.split(" | ")) <= set(muggle_convert.__all__)


def test_every_option_of_a_conversion_is_a_keyword_of_convert() -> None:
    assert keywords(convert) == {name: default for name, default in DEFAULTS.items() if name not in RUNNING_ONLY}


@pytest.mark.parametrize("function", [inspect, export, load_any_dpt])
def test_reading_has_the_same_keywords_everywhere(function: Callable[..., Any]) -> None:
    assert {"state", "drops", "revision", "filename"} <= keywords(function).keys()
    assert all(DEFAULTS[name] == default for name, default in keywords(function).items() if name in DEFAULTS)


@pytest.mark.parametrize("function", [convert, inspect, export, push])
def test_a_mistyped_keyword_is_an_error_of_the_function_that_was_called(function: Callable[..., Any], tmp_path: Path) -> None:
    arguments = [tmp_path / "model.pth", *([tmp_path / "out.safetensors"] if function is not inspect else [])]
    with pytest.raises(TypeError, match=rf"^{function.__name__}\(\) got an unexpected keyword argument 'keepunused'"):
        function(*arguments, keepunused=True)
