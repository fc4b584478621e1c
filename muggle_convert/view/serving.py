"""From the first request to Ctrl-C."""

from __future__ import annotations

import threading
import webbrowser
from contextlib import suppress

import click

from muggle_convert.view.server import Server, Shown


def serve(shown: Shown, port: int, is_opened: bool) -> None:
    with Server(shown, port) as server, suppress(KeyboardInterrupt):
        click.echo(f"{server.door.url} shows the page until Ctrl-C ends it")
        if is_opened:
            threading.Thread(target=webbrowser.open, args=[server.door.url], daemon=True).start()  # which waits where it is a text browser
        server.serve_forever()
