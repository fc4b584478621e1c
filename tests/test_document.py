from __future__ import annotations

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
    ["", "[]", "{}", '{"format": 2}', DOCUMENT.to_json().replace('"layout"', '"lay"'), DOCUMENT.to_json().replace('"shape"', '"guess"')],
)
def test_a_damaged_or_newer_document_is_refused(text: str) -> None:
    with pytest.raises(Refusal, match="convert the original again"):
        read_document(text, "model.safetensors")
