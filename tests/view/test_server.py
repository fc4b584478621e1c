"""The server of the page: who may come in, and what they may send."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from muggle_convert.errors import Refusal
from muggle_convert.predict.viewer import Viewer
from muggle_convert.view.album import MOST_BYTES, Album
from muggle_convert.view.server import Server
from tests.conftest import ROOT, Command
from tests.view.conftest import MODEL, ask


def api(server: Server, path: str) -> str:
    return f"/{server.door.token}/api/{path}"


def number_of(server: Server, name: str) -> int:
    entries = json.loads(ask(server, api(server, "pictures")).read())
    return int(next(entry["id"] for entry in entries if entry["name"] == name))


def test_it_listens_on_this_machine_alone(server: Server) -> None:
    assert server.server_address[0] == "127.0.0.1"
    assert server.door.url == f"http://127.0.0.1:{server.server_port}/{server.door.token}/"
    assert len(server.door.token) >= 32


@pytest.mark.parametrize(
    ("headers", "method"),
    [
        ({"Host": "evil.example"}, "GET"),
        ({"Host": "evil.example:{port}"}, "GET"),
        ({"Host": "127.0.0.1"}, "GET"),
        ({"Host": "127.0.0.1:{port}.evil.example"}, "GET"),
        ({"Origin": "http://evil.example"}, "GET"),
        ({"Origin": "http://evil.example"}, "POST"),
        ({"Origin": "null"}, "POST"),
        ({"Origin": "http://localhost:{port}"}, "POST"),
        ({"Origin": "https://127.0.0.1:{port}"}, "POST"),
        ({"Origin": ""}, "POST"),
    ],
)
def test_other_hosts_and_origins_are_refused(server: Server, headers: dict[str, str], method: str) -> None:
    named = {name: value.format(port=server.door.port) for name, value in headers.items()}
    answer = ask(server, api(server, "pictures"), method, b"" if method == "POST" else None, **named)
    assert answer.status == 403 and set(json.loads(answer.read())) == {"error"}


@pytest.mark.parametrize("path", ["/", "/api/about", "/x/api/about", "/../{token}/api/about", "/{short}/api/about"])
def test_without_the_token_nothing_is_told(server: Server, path: str) -> None:
    answer = ask(server, path.format(token=server.door.token, short=server.door.token[:-1]))
    assert answer.status == 403 and b"token" in answer.read()


def test_the_address_works_with_the_name_localhost_too(server: Server) -> None:
    assert ask(server, server.door.url.partition(str(server.door.port))[2], Host=f"localhost:{server.door.port}").status == 200


@pytest.mark.parametrize(
    "path", ["../sight.py", "static/main.js", "..%2fsight.py", "api/pictures/999/depth", "api/pictures/1/../1/depth", "main.py"]
)
def test_nothing_but_the_page_and_its_pictures_is_handed_out(server: Server, path: str) -> None:
    assert ask(server, f"/{server.door.token}/{path}").status == 404


def test_what_it_sends_may_not_be_used_by_other_pages(server: Server) -> None:
    answer = ask(server, f"/{server.door.token}/")
    assert answer.status == 200
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert answer.headers["Referrer-Policy"] == "no-referrer", "the address holds the token"
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_depth_travels_as_the_very_numbers_of_predict(server: Server, viewer: Viewer, photographs: Path) -> None:
    answer = ask(server, api(server, f"pictures/{number_of(server, 'standing.jpg')}/depth")).read()
    (length,) = struct.unpack_from("<I", answer)
    facts = json.loads(answer[4 : 4 + length])
    assert (facts["height"], facts["width"], facts["step"]) == (128, 96, 1), "upright"
    expected = viewer.models[0].predict(photographs / "standing.jpg", size=98)
    assert np.array_equal(np.frombuffer(answer, "<f4", offset=4 + length).reshape(128, 96), expected)
    assert facts["layers"][0]["inverse"] and not facts["layers"][0]["metres"]


def test_a_broken_picture_is_a_sentence(server: Server) -> None:
    for what in ("depth", "picture"):
        answer = ask(server, api(server, f"pictures/{number_of(server, 'broken.png')}/{what}"))
        assert answer.status == 422
        assert "broken.png is damaged and cannot be read as a picture" in json.loads(answer.read())["error"]


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"no picture", {}, 422),
        (b"", {}, 422),
        (b"x", {"Content-Length": str(MOST_BYTES + 1)}, 413),
        (b"x", {"Content-Length": "-1"}, 411),
        (iter([b"some", b"more"]), {}, 411),
    ],
)
def test_uploads_are_limited_and_have_to_be_pictures(server: Server, body: Any, headers: dict[str, str], status: int) -> None:
    before = json.loads(ask(server, api(server, "pictures")).read())
    answer = ask(server, api(server, "pictures?name=%3Cb%3E.png"), "POST", body, **headers)
    assert answer.status == status and json.loads(answer.read())["error"].endswith(".")
    assert json.loads(ask(server, api(server, "pictures")).read()) == before


def test_a_refusal_is_heard_by_who_is_still_sending(server: Server) -> None:
    head = (
        f"POST {api(server, 'pictures')} HTTP/1.1\r\nHost: 127.0.0.1:{server.door.port}\r\nOrigin: http://127.0.0.1:{server.door.port}\r\n"
    )
    with socket.create_connection(("127.0.0.1", server.server_port), 10) as sent:
        sent.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
        sent.recv(1, socket.MSG_PEEK)  # the answer is there before the body
        for _ in range(64):
            sent.sendall(b"10000\r\n" + bytes(1 << 16) + b"\r\n")
        answer = b"".join(iter(lambda: sent.recv(1 << 16), b""))
    assert answer.startswith(b"HTTP/1.1 411 ") and answer.endswith(b'does not say how long it is."}')


def test_a_frame_never_waits_for_another_prediction(server: Server, photographs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = (photographs / "a room.png").read_bytes()
    begun, end = threading.Event(), threading.Event()
    whole = server.shown.predictions._predict

    def slow(picture: Any) -> Any:
        begun.set()
        end.wait(10)
        return whole(picture)

    monkeypatch.setattr(server.shown.predictions, "_predict", slow)
    first = threading.Thread(target=ask, args=[server, api(server, "frames"), "POST", frame])
    first.start()
    assert begun.wait(10)
    assert ask(server, api(server, "frames"), "POST", frame).status == 503
    end.set()
    first.join()


def test_a_video_is_sent_in_the_ranges_that_are_asked_for(server: Server, photographs: Path) -> None:
    path, content = api(server, f"pictures/{number_of(server, 'walk.mp4')}/video"), (photographs / "walk.mp4").read_bytes()
    assert ask(server, path).read() == content
    answer = ask(server, path, Range="bytes=100-199")
    assert (answer.status, answer.read()) == (206, content[100:200])
    assert ask(server, path, Range=f"bytes={len(content)}-").status == 416
    assert ask(server, api(server, f"pictures/{number_of(server, 'a room.png')}/video")).status == 404


def test_dropped_pictures_make_room_for_later_ones(monkeypatch: pytest.MonkeyPatch, photographs: Path) -> None:
    content = (photographs / "a room.png").read_bytes()
    monkeypatch.setattr("muggle_convert.view.album.MOST_DROPPED", 2 * len(content))
    album = Album([str(photographs / "a room.png")])
    added = [album.add("../../etc/passwd", content) for _ in range(4)]
    assert {entry.path.name for entry in added} == {"passwd"}
    assert [entry.number for entry in album.entries()] == [1, added[2].number, added[3].number]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["missing.png", "-m", MODEL], "missing.png does not exist."),
        (["-m", ROOT / "README.md"], "README.md"),
        (["-m", MODEL, "--focal", "500"], "so a focal length is of no use"),
    ],
)
def test_what_cannot_be_shown_is_refused_before_anything_opens(
    muggle_convert_here: Command, monkeypatch: pytest.MonkeyPatch, arguments: list[object], sentence: str
) -> None:
    monkeypatch.setattr("webbrowser.open", lambda url: pytest.fail(url))
    done = muggle_convert_here("view", *arguments, "--dtype", "float32")
    assert (done.returncode, done.stdout) == (1, "")
    assert sentence in done.stderr and done.stderr.count("\n") == 1


def test_ctrl_c_ends_it_in_silence(photographs: Path) -> None:
    line = [sys.executable, "-m", "muggle_convert", "view", photographs, "-m", MODEL, "--dtype", "float32", "--no-browser"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        rest, problems = process.communicate(timeout=30)
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/[\w-]{32,}/ shows the page until Ctrl-C ends it\n", said)
    assert (process.returncode, rest.strip(), problems) == (0, "", "")


def test_pictures_beyond_what_a_page_holds_are_thinned_out(viewer: Viewer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from muggle_convert.page.sight import jpeg
    from muggle_convert.predict.sights import sight_of

    monkeypatch.setattr("muggle_convert.page.sight.MOST", 1000)
    shown = sight_of(viewer, viewer.view(np.zeros((50, 70, 3), np.uint8)), 60)
    assert (shown.step, shown.described()["height"], shown.described()["width"]) == (2, 25, 35)
    assert np.array_equal(shown.shown(shown.layers[0]), shown.layers[0].prediction[::2, ::2])
    (tmp_path / "shown.jpg").write_bytes(jpeg(shown.picture))
    assert Image.open(tmp_path / "shown.jpg").size == (35, 25)


@pytest.mark.parametrize("target", ["http://[/", "//[", "http://[::1/x", "*", "x" * 300])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_request_for_no_address_is_refused_and_nothing_is_said_on_the_terminal(
    server: Server, capfd: pytest.CaptureFixture[str], method: str, target: str
) -> None:
    with socket.create_connection(("127.0.0.1", server.server_port), 10) as sent:
        sent.sendall(f"{method} {target} HTTP/1.1\r\nHost: 127.0.0.1:{server.server_port}\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: sent.recv(1 << 16), b""))
    assert re.match(rb"HTTP/1.1 40[03] ", answer)
    assert capfd.readouterr().err == ""


def test_a_damaged_picture_has_no_thumbnail_and_a_sentence(tmp_path: Path) -> None:
    file = BytesIO()
    Image.fromarray(np.zeros((40, 50, 3), np.uint8)).save(file, "png")
    whole, path = file.getvalue(), tmp_path / "a.png"
    path.write_bytes(whole)
    album = Album([str(path)])
    said = set()
    for place in range(8, len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x40]) + whole[place + 1 :])
        try:
            album.thumbnail(album.entries()[0])
        except Refusal as refusal:
            said.add(str(refusal))
    assert said and all(sentence.startswith("a.png ") and sentence.isprintable() for sentence in said)
