"""Tensors that a user asks to leave out, by templates of their names: as the file has them, or as they are without prefixes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from muggle_convert.checkpoints import Checkpoint, printable
from muggle_convert.errors import Refusal
from muggle_convert.identify.document import Document
from muggle_convert.rules.templates import Template, TemplateError

ASKED = "left out as asked"  # how the reason of such a tensor begins


class Drops:
    """What `--drop` says. It counts before anything is taken off the names, and once more after each time that something was."""

    def __init__(self, texts: Sequence[str]) -> None:
        templates = {text: _template(text) for text in texts}
        self.plain = {text for text, template in templates.items() if not template.fields}
        self.templates = {text: template for text, template in templates.items() if template.fields}

    def reason(self, name: str) -> str | None:
        if name in self.plain:
            return _reason(name)
        return next((_reason(text) for text, template in self.templates.items() if template.match(name) is not None), None)

    def leave_out(self, checkpoint: Checkpoint) -> Checkpoint:
        """The same, without what is meant by names that its tensors have by now."""
        asked = {name: reason for name in checkpoint.tensors if (reason := self.reason(name)) is not None}
        return replace(checkpoint, left_out={**checkpoint.left_out, **asked})

    def refuse_idle(self, checkpoint: Checkpoint) -> None:
        """Refuse what means no tensor, as it is likely to be a slip."""
        reasons = set(checkpoint.left_out.values())
        for text in (*self.plain, *self.templates):
            if _reason(text) not in reasons:
                raise Refusal(
                    f"{printable(checkpoint.name)} holds no tensor that --drop {printable(text)!r} could mean; give a whole name, with "
                    "{n} for numbers."
                )


def asked_before(document: Document | None) -> tuple[str, ...]:
    """The names of what was left out as asked when a file was converted, as templates; a stranger may have written them."""
    dropped = document.dropped if document is not None else {}
    return tuple(name for name, left in dropped.items() if left.reason.startswith(ASKED) and _is_plain(name))


def _is_plain(name: str) -> bool:
    try:
        return not Template(name).fields
    except TemplateError:
        return False


def _reason(text: str) -> str:
    return f"{ASKED} ({text})"


def _template(text: str) -> Template:
    try:
        return Template(text)
    except ValueError as problem:
        raise Refusal(f"--drop {printable(problem)}.") from None
