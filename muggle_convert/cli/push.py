"""muggle-convert push CHECKPOINT USER/REPO"""

from __future__ import annotations

import json
from typing import Any

import click

from muggle_convert.checkpoints import printable
from muggle_convert.cli.options import PATH, ReadingCommand, complete_model, reading_options


@click.command("push", cls=ReadingCommand, short_help="Upload a model to the Hugging Face Hub, with a card.")
@click.argument("checkpoint", shell_complete=complete_model)
@click.argument("repository", metavar="USER/REPO")
@reading_options
@click.option("--license", "--licence", "licence", metavar="NAME", help="The licence of the weights, where nothing else says it.")
@click.option("--private", is_flag=True, help="Make a new repository private.")
@click.option("--revision", metavar="BRANCH", help="Push to this branch.")
@click.option("--create-pr", is_flag=True, help="Open a pull request instead of changing the branch.")
@click.option("--commit-message", metavar="TEXT", help="What the commit says.")
@click.option("--token", metavar="TOKEN", help="A token to write with; by default the one of `hf auth login`.")
@click.option("--overwrite-card", is_flag=True, help="Replace the README.md that is there.")
@click.option("--results", type=PATH, metavar="FILE", help="Put what `eval --results FILE` wrote on the card.")
@click.option(
    "--picture",
    type=PATH,
    metavar="PHOTO",
    help="Show this photograph on the card, if you may publish it, and what the model predicts for it.",
)
@click.option("--base-model", metavar="USER/REPO", help="The repository that the weights came from, where they do not tell.")
@click.option("--trained-on", metavar="NAME", multiple=True, help="A data set it was trained on, as the Hub calls it; repeatable.")
@click.option("--dry-run", is_flag=True, help="Show the card and the files, and send nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.option("-q", "--quiet", is_flag=True, help="Print only where it went.")
def command(checkpoint: str, repository: str, reading: dict[str, Any], as_json: bool, quiet: bool, **more: Any) -> None:
    """Put CHECKPOINT on the Hugging Face Hub as USER/REPO, converting it first if needed, with its configuration and a card."""
    from muggle_convert.pushing.push import push

    if quiet or as_json:
        from huggingface_hub.utils.tqdm import disable_progress_bars

        disable_progress_bars()
    done = push(checkpoint, repository, **reading, **more)
    if as_json:
        files = [{"name": upload.name, "size": upload.size, "sha256": upload.sha256} for upload in done.uploads]
        facts = {"repository": done.repository, "url": done.url, "files": files, "unchanged": done.unchanged, "kept": done.kept}
        click.echo(json.dumps({**facts, "licence": done.licence, **({"card": done.card} if more["dry_run"] else {})}, indent=1))
        return
    if quiet:
        click.echo(done.url or f"{repository}: unchanged")
        return
    if more["dry_run"]:
        click.echo(done.card)
    verb = "would send" if more["dry_run"] else "sent"
    for upload in done.uploads:
        click.echo(f"{verb} {upload.name}: {upload.size:,} bytes, SHA-256 {upload.sha256}")
    for name in done.unchanged:
        click.echo(f"unchanged {name}")
    for name in done.kept:
        click.echo(f"kept the {name} that is there; --overwrite-card replaces it")
    if "-nc" in done.licence:
        click.echo(f"the licence {done.licence} does not allow commercial use; the card says so")
    click.echo(printable(done.url) if done.url else f"{repository}: nothing was sent")
