"""A small server of the page, for one person on one machine.

It is Python's own: a handful of addresses need no framework, nothing more has to be installed or kept up to date, and all rules that matter
(who may come in, and how much they may send) stand in sight here and in `door`.
"""

from __future__ import annotations

import json
import re
import select
import socket
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import parse_qs, urlsplit

from muggle_convert.checkpoints import printable
from muggle_convert.checkpoints.regular_file import open_regular
from muggle_convert.errors import Refusal
from muggle_convert.many.pipeline import in_words
from muggle_convert.page.assets import START, TYPES, assets, maps
from muggle_convert.page.message import message
from muggle_convert.page.sight import jpeg
from muggle_convert.predict.flow import FAILURES
from muggle_convert.view.album import MOST_BYTES, Album, Entry
from muggle_convert.view.door import ADDRESS, Door
from muggle_convert.view.predictions import Gone, Predictions

PATIENCE = 60  # seconds for which a connection may be silent
LINGER = 2  # seconds in which the rest of an unwanted body may come
PIECE = 1 << 20  # bytes of a video sent, or of such a body taken, at a time
PICTURE = re.compile(r"api/pictures/(?P<number>\d{1,9})/(?P<what>thumbnail|picture|depth|video)")
RANGE = re.compile(r"bytes=(\d{1,15})-(\d{0,15})")
VIDEOS = {".mp4": "video/mp4", ".m4v": "video/mp4", ".webm": "video/webm", ".mov": "video/quicktime", ".mkv": "video/x-matroska"}
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True)
class Shown:
    """What the page is about."""

    album: Album
    predictions: Predictions
    is_live: bool  # begins with the camera

    def about(self) -> Mapping[str, Any]:
        return {**maps(), "models": self.predictions.viewer.names, "mostBytes": MOST_BYTES, "isLive": self.is_live}


class Server(ThreadingHTTPServer):
    """Listens from the beginning, and answers from `serve_forever` on."""

    daemon_threads = True

    def __init__(self, shown: Shown, port: int) -> None:
        try:
            super().__init__((ADDRESS, port), _Handler)
        except OSError as problem:
            raise Refusal(f"port {port} of {ADDRESS} cannot be used ({problem.strerror}); leave --port out for a free one.") from None
        self.shown = shown
        self.door = Door(self.server_port)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that closes a connection is no error."""
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    timeout = PATIENCE

    def do_GET(self) -> None:
        self._answer(self._get, changes=False)

    def do_POST(self) -> None:
        self.close_connection = True  # what is not read of a body must not be taken for the next request
        self._answer(self._post, changes=True)
        self._hear_out()

    def version_string(self) -> str:
        return "muggle-convert"

    def log_message(self, format: str, *arguments: Any) -> None:
        """Nothing is written down."""

    def _answer(self, respond: Callable[[str], None], changes: bool) -> None:
        hosts, origins = (self.headers.get_all(name, []) for name in ("Host", "Origin"))
        try:
            path = urlsplit(self.path).path
        except ValueError:  # such as of brackets that hold no address
            return self._refuse(HTTPStatus.BAD_REQUEST, "the request is for no address.")
        if objection := self.server.door.objection(hosts, origins, path, changes):
            return self._refuse(HTTPStatus.FORBIDDEN, objection)
        try:
            respond(path.removeprefix(f"/{self.server.door.token}").removeprefix("/"))
        except ConnectionError:
            raise
        except FAILURES as problem:
            self._refuse(HTTPStatus.UNPROCESSABLE_ENTITY, in_words(problem))
        except Gone:
            self.close_connection = True

    def _get(self, path: str) -> None:
        name, shown = path or START, self.server.shown
        if name in assets():
            self._send(assets()[name], TYPES[PurePosixPath(name).suffix])
        elif name == "api/about":
            self._send_json(shown.about())
        elif name == "api/pictures":
            self._send_json([entry.described() for entry in shown.album.entries()])
        elif (asked := PICTURE.fullmatch(name)) and (entry := shown.album.find(int(asked["number"]))) is not None:
            self._send_part(entry, asked["what"])
        else:
            self._refuse(HTTPStatus.NOT_FOUND, "there is no such thing here.")

    def _send_part(self, entry: Entry, what: str) -> None:
        if what == "video":
            self._send_video(entry)
        elif what == "thumbnail":
            self._send(self.server.shown.album.thumbnail(entry), "image/jpeg")
        elif what == "picture":
            self._send(jpeg(entry.read()), "image/jpeg")
        else:
            self._send(message(self.server.shown.predictions.of(entry, self._is_gone)), "application/octet-stream")

    def _post(self, path: str) -> None:
        if path not in ("api/pictures", "api/frames"):
            return self._refuse(HTTPStatus.NOT_FOUND, "there is no such thing here.")
        length = self.headers.get("Content-Length", "")
        if not re.fullmatch(r"\d{1,15}", length) or "Transfer-Encoding" in self.headers:
            return self._refuse(HTTPStatus.LENGTH_REQUIRED, "the request does not say how long it is.")
        if int(length) > MOST_BYTES:
            return self._refuse(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a picture from the page may have {MOST_BYTES >> 20} MiB, and this one is larger."
            )
        content = self.rfile.read(int(length))
        if len(content) < int(length):
            return None
        if path == "api/pictures":
            name = parse_qs(urlsplit(self.path).query).get("name", ["picture"])[0]
            return self._send_json(self.server.shown.album.add(printable(name), content).described())
        sight = self.server.shown.predictions.of_frame(content)
        if sight is None:
            return self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "another prediction is under way.")
        return self._send(message(sight), "application/octet-stream")

    def _hear_out(self) -> None:
        """The rest of a body that nobody wanted: a connection that is closed while it comes would take the answer along."""
        end = time.monotonic() + LINGER
        with suppress(OSError):  # whoever is gone wants no answer
            self.connection.shutdown(socket.SHUT_WR)
            while (left := end - time.monotonic()) > 0:
                self.connection.settimeout(left)
                if not self.connection.recv(PIECE):
                    return

    def _is_gone(self) -> bool:
        """A browser that waits for an answer is silent; one that has closed the connection can be read to the end."""
        if not select.select([self.connection], [], [], 0)[0]:
            return False
        try:
            return not self.connection.recv(1, socket.MSG_PEEK)
        except OSError:
            return True

    def _send_video(self, entry: Entry) -> None:
        """All of it, or the range that a browser asks for when somebody jumps."""
        if not entry.is_video:
            return self._refuse(HTTPStatus.NOT_FOUND, f"{printable(entry.path.name)} is not a video.")
        with open_regular(entry.path) as file:
            size = file.seek(0, 2)
            asked = RANGE.fullmatch(self.headers.get("Range", ""))
            first, last = (int(asked[1]), min(int(asked[2] or size - 1), size - 1)) if asked else (0, size - 1)
            if first > last:
                return self._refuse(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, f"the video has {size} bytes.")
            more = {"Accept-Ranges": "bytes", **({"Content-Range": f"bytes {first}-{last}/{size}"} if asked else {})}
            status = HTTPStatus.PARTIAL_CONTENT if asked else HTTPStatus.OK
            self._head(status, VIDEOS.get(entry.path.suffix.lower(), "application/octet-stream"), last + 1 - first, more)
            file.seek(first)
            left = last + 1 - first
            while left and (piece := file.read(min(PIECE, left))):
                self.wfile.write(piece)
                left -= len(piece)
            if left:
                self.close_connection = True
        return None

    def _send_json(self, value: Any) -> None:
        self._send(json.dumps(value).encode(), "application/json")

    def _send(self, content: bytes, kind: str) -> None:
        self._head(HTTPStatus.OK, kind, len(content))
        self.wfile.write(content)

    def _refuse(self, status: HTTPStatus, sentence: str) -> None:
        content = json.dumps({"error": sentence}).encode()
        self._head(status, "application/json", len(content))
        self.wfile.write(content)

    def _head(self, status: HTTPStatus, kind: str, length: int, more: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {**HEADERS, **(more or {}), "Content-Type": kind, "Content-Length": str(length)}.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
