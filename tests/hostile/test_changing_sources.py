"""Row 15: a source that changes, shrinks, grows or disappears while it is read is refused, at whichever moment that happens."""

from __future__ import annotations

import pytest

from tests.hostile import forge

MOMENTS = range(2, 14)


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
def test_a_disk_that_cannot_read_the_file_to_its_end_is_refused(hostile, legacy) -> None:
    content = forge.torch_legacy(forge.mapping(hostile.state(True)), hostile.arrays) if legacy else hostile.file()
    hostile.source.write_bytes(content)
    event = {"paths": [str(hostile.source)], "number": 1, "action": "fail"}
    message = hostile.refused(event=event)
    assert "source.pth: Input/output error" in message


@pytest.mark.parametrize("number", MOMENTS)
@pytest.mark.parametrize("action", ["touch", "shrink", "grow", "replace", "remove"])
def test_a_source_that_changes_while_it_is_read_is_refused(hostile, number, action) -> None:
    """At the n-th time that the source is opened: the first is before anything was read, so that there is no change to see yet."""
    hostile.source.write_bytes(forge.torch_zip(forge.mapping(hostile.state()), hostile.records))
    event = {"paths": [str(hostile.source)], "number": number, "action": action}
    outcome = hostile.convert(event=event)
    assert outcome.status == 1, outcome.out
    assert outcome.err.count("\n") == 1
    assert not hostile.target.exists()
    assert {path.name for path in hostile.folder.iterdir()} <= {hostile.source.name}
