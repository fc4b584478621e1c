from __future__ import annotations

import json

import pytest

from muggle_convert import Refusal
from muggle_convert.families.shared.evidence import Evidence, Source
from muggle_convert.identify.document import Document, read_document
from tests.families.test_depth_anything import configuration

DOCUMENT = Document(
    config=configuration(),
    evidence={"encoder.width": Evidence(Source.SHAPE, "pretrained.cls_token is [1, 1, 64]")},
    layout="original",
    source={"file": "model.pth", "size": 3, "fingerprint": "0" * 64},
    versions={"muggle-convert": "0.1.0"},
    licence="mit",
)


def test_a_document_is_read_back_as_it_was_written() -> None:
    assert read_document(DOCUMENT.to_json(), "file") == DOCUMENT


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"format": 0}', DOCUMENT.to_json().replace('"layout"', '"lay"'), DOCUMENT.to_json().replace('"shape"', '"guess"')],
)
def test_a_damaged_document_is_refused(text: str) -> None:
    with pytest.raises(Refusal, match="convert the original again"):
        read_document(text, "model.safetensors")


def test_a_newer_format_is_refused_with_the_version_that_reads_it() -> None:
    newer = DOCUMENT.to_json().replace('"format":1', '"format":2').replace('"muggle-convert":"0.1.0"', '"muggle-convert":"0.7.0"')
    with pytest.raises(
        Refusal, match=r"in format 2 by muggle-convert 0\.7\.0, .* up to 1: install muggle-convert 0\.7\.0 or a later version"
    ):
        read_document(newer, "model.safetensors")


@pytest.mark.parametrize("path", ["encoder.attention", "fusion.batch_norm", "output.invert", "image.size_across"])
def test_a_field_with_a_default_may_be_absent(path: str) -> None:
    data = json.loads(DOCUMENT.to_json())
    part, name = path.split(".")
    del data["config"][part][name]
    assert read_document(json.dumps(data), "model.safetensors") == DOCUMENT


def test_a_field_without_a_default_may_not() -> None:
    data = json.loads(DOCUMENT.to_json())
    del data["config"]["encoder"]["width"]
    with pytest.raises(Refusal, match=r"config\.encoder lacks 'width'"):
        read_document(json.dumps(data), "model.safetensors")
