"""Results that are short where Python prints them, and a table where a notebook shows them."""

from __future__ import annotations

from collections.abc import Mapping

from muggle_convert.checkpoints.safe_text import html, printable

LONGEST = 400  # characters of a line


class Brief:
    """What has a few facts to tell of itself, by their names."""

    def told(self) -> Mapping[str, object]:
        raise NotImplementedError

    def __repr__(self) -> str:
        return printable(f"<{type(self).__name__}: {'; '.join(f'{name} {value}' for name, value in self.told().items())}", LONGEST) + ">"

    def _repr_html_(self) -> str:
        """For IPython, by whose name it goes."""
        rows = "".join(f"<tr><th>{html(name)}</th><td>{html(value)}</td></tr>" for name, value in self.told().items())
        return f'<table class="tex2jax_ignore mathjax_ignore"><caption>{html(type(self).__name__)}</caption>{rows}</table>'
