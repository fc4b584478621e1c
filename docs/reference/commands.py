"""docs/cli.md: what every command's own help says."""

from __future__ import annotations

import click

from muggle_convert.cli import COMMANDS, muggle_convert

WIDTH = 110

HEAD = r"""# The command line

This page is what `muggle-convert COMMAND --help` prints, written by `python docs/make.py`.
`python -m muggle_convert` is the same program.

Exit status: 0 done; 1 refused or failed, with one sentence on standard error and nothing written; 2 wrong usage.

## Completion

Commands, options, families, settings, the names in the zoo and files are completed with the Tab key once the shell knows how:

| shell | line | file |
|---|---|---|
| bash 4.4 or later | `eval "$(_MUGGLE_CONVERT_COMPLETE=bash_source muggle-convert)"` | `~/.bashrc` |
| zsh | `eval "$(_MUGGLE_CONVERT_COMPLETE=zsh_source muggle-convert)"` | `~/.zshrc` |
| fish | `_MUGGLE_CONVERT_COMPLETE=fish_source muggle-convert \| source` | `~/.config/fish/completions/muggle-convert.fish` |

bash ends a word at a colon, so names after `zoo:` are completed in zsh and fish only.

## muggle-convert
"""


def document() -> str:
    group = click.Context(
        muggle_convert, info_name="muggle-convert", terminal_width=WIDTH, max_content_width=WIDTH, **muggle_convert.context_settings
    )
    sections = [HEAD, _block(muggle_convert.get_help(group))]
    for name in COMMANDS:
        command = muggle_convert.get_command(group, name)
        assert command is not None
        sections.append(f"## {name}\n")
        context = click.Context(command, info_name=name, parent=group, terminal_width=WIDTH, max_content_width=WIDTH)
        sections.append(_block(command.get_help(context)))
        if isinstance(command, click.Group):
            for inner in command.list_commands(context):
                found = command.get_command(context, inner)
                assert found is not None
                below = click.Context(found, info_name=inner, parent=context, terminal_width=WIDTH, max_content_width=WIDTH)
                sections += [f"### {name} {inner}\n", _block(found.get_help(below))]
    return "\n".join(sections)


def _block(text: str) -> str:
    return "```\n" + "\n".join(line.rstrip() for line in text.splitlines()) + "\n```\n"
