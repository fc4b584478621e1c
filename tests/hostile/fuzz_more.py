"""Mutated descriptions, pictures, videos, answers of servers and ONNX files, as many as are asked for; each is read in this process.

    python -m tests.hostile.fuzz_more documents|pictures|videos|answers|graphs COUNT [FIRST]

A finding is an exception other than a refusal, a sentence that nobody should see, or more than five seconds for one of them.
"""

from __future__ import annotations

import contextlib
import io
import json
import random
import resource
import sys
import tempfile
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from muggle_convert import Refusal, load_any_dpt
from muggle_convert.cli.inspection_tables import show, show_graph
from muggle_convert.hub.download import download
from muggle_convert.identify.document import KEY
from muggle_convert.inspecting import inspect
from muggle_convert.inspection import Inspection
from muggle_convert.onnx.description import GRAPH_KEY, Graph, Trial
from muggle_convert.predict.photographs import FORMATS, read_picture
from muggle_convert.predict.video import open_video
from tests.hostile import onnx_forge
from tests.hostile.lies import JSON_VALUES, Described, paths, replaced
from tests.test_old_files import EXPECTED, OLD

MOST_SECONDS = 5
PICTURE = np.random.default_rng(0).integers(0, 255, (40, 50, 3)).astype(np.uint8)
Try = Callable[[random.Random], None]


def damaged(content: bytes, chance: random.Random) -> bytes:
    """Some bits flipped, a part cut out or repeated, or the end cut off."""
    raw = bytearray(content)
    for _ in range(chance.randint(1, 6)):
        place = chance.randrange(len(raw) or 1)
        kind = chance.randrange(5)
        if kind == 0 and raw:
            raw[place] ^= 1 << chance.randrange(8)
        elif kind == 1:
            raw[place : place + 4] = chance.choice((b"\xff" * 4, bytes(4), b"\x7f\xff\xff\xff", b"\x00\x01\x00\x00"))
        elif kind == 2:
            del raw[place : place + chance.randint(1, 40)]
        elif kind == 3:
            raw[place:place] = raw[place : place + chance.randint(1, 40)]
        elif chance.random() < 0.3:
            del raw[place:]
    return bytes(raw)


def documents(folder: Path) -> Try:
    files = [Described(OLD / name) for name in sorted(EXPECTED)]
    places = {file.name: list(paths(file.document)) for file in files}

    def one(chance: random.Random) -> None:
        file = chance.choice(files)
        document: Any = file.document
        for _ in range(chance.choice((1, 1, 2, 4))):
            path = chance.choice(places[file.name])
            try:
                document = replaced(document, path, chance.choice(JSON_VALUES))
            except (KeyError, IndexError, TypeError, AttributeError):  # what is there no more
                continue
        content = file.with_document(document)
        if chance.random() < 0.3:  # the description as text, damaged
            text = damaged(json.dumps(document).encode(), chance).decode("latin-1")
            file_header = {**file.header, "__metadata__": {**file.header["__metadata__"], "muggle_convert": text}}
            head = json.dumps(file_header).encode()
            content = len(head).to_bytes(8, "little") + head + file.data
        path_there = folder / file.name
        path_there.write_bytes(content)
        inspect(path_there).to_dict()
        model = load_any_dpt(path_there)
        model.predict(*[PICTURE] * len(model.inputs))

    return one


def pictures(folder: Path) -> Try:
    Image.MAX_IMAGE_PIXELS = None
    seeds = []
    for form in FORMATS:
        held = io.BytesIO()
        try:
            Image.fromarray(PICTURE).save(held, form)
        except (KeyError, OSError, ValueError):
            continue
        seeds.append(held.getvalue())

    def one(chance: random.Random) -> None:
        path = folder / "picture.png"
        path.write_bytes(damaged(chance.choice(seeds), chance))
        assert read_picture(path).dtype == np.uint8

    return one


def videos(folder: Path) -> Try:
    """In every container that is read, as far as FFmpeg here can write it."""
    import av

    kinds = {"mp4": "libx264", "mkv": "mpeg4", "webm": "libvpx-vp9", "avi": "mjpeg", "mpg": "mpeg1video", "ts": "mpeg2video", "wmv": "wmv2"}
    seeds = []
    for suffix, codec in kinds.items():
        seed = folder / f"seed.{suffix}"
        try:
            with av.open(str(seed), "w") as container:
                stream = container.add_stream(codec, rate=25)
                stream.height, stream.width, stream.pix_fmt = 48, 64, "yuvj420p" if codec == "mjpeg" else "yuv420p"
                for number in range(8):
                    container.mux(stream.encode(av.VideoFrame.from_ndarray(np.roll(PICTURE[:40, :48], number, 1), format="rgb24")))
                container.mux(stream.encode(None))
        except (av.error.FFmpegError, ValueError):  # an encoder that is not here
            continue
        seeds.append(seed.read_bytes())
    av.logging.set_level(None)

    def one(chance: random.Random) -> None:
        path = folder / "film.mp4"
        path.write_bytes(damaged(chance.choice(seeds), chance))
        for frame in open_video(path):
            assert frame.dtype == np.uint8 and frame.shape[2] == 3

    return one


def answers(folder: Path) -> Try:
    """A server on loopback whose lines and headers are damaged."""
    whole = (
        b'HTTP/1.1 200 OK\r\nETag: "abc"\r\nContent-Length: 300\r\nContent-Range: bytes 10-299/300\r\nLocation: /b\r\nX: y\r\n\r\n'
        + bytes(300)
    )
    told: dict[str, bytes] = {}

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *arguments: Any) -> None:
            pass

        def do_GET(self) -> None:
            self.wfile.write(told["answer"])
            self.close_connection = True

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that goes away is part of this."""

    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_address[1]}/a"

    def one(chance: random.Random) -> None:
        start = whole.replace(b"200 OK", chance.choice((b"200 OK", b"206 Partial", b"302 Found", b"416 Range", b"404 No", b"999 ?")))
        told["answer"] = damaged(start, chance)
        for left in folder.iterdir():
            if chance.random() < 0.5:
                left.unlink()
        download(address, folder / "file", 300)

    return one


def graphs(folder: Path) -> Try:
    """ONNX files that are inspected and shown, and not run: ours, a stranger's, and one whose weights lie beside it."""
    described = Described(OLD / "depth_anything_v2.safetensors").document
    trials = (Trial((1, 3, 70, 70), 1e-6), Trial((2, 3, 70, 84), None, "it does not run"))
    known = Graph({"pixel_values": onnx_forge.IMAGE}, {"predicted_depth": onnx_forge.DEPTH}, "float32", 18, False, None, trials)
    ours = {KEY: json.dumps(described), GRAPH_KEY: known.to_json(), "unit": "metres"}
    branch = onnx_forge.stretch(6, onnx_forge.graph(onnx_forge.nodes(onnx_forge.node("Relu", ["x"], ["y"]))))
    nested = onnx_forge.graph(onnx_forge.nodes(onnx_forge.node("If", ["which"], ["x"], branch)))
    (folder / "weights").write_bytes(bytes(48))
    elsewhere = onnx_forge.outside("weight", [3, 4], location="weights", offset="0", length="48")
    seeds = [
        onnx_forge.model(onnx_forge.mean_graph(), ours),
        onnx_forge.model(onnx_forge.mean_graph()),
        onnx_forge.model(nested, {"unit": "metres"}),
        onnx_forge.model(onnx_forge.graph(onnx_forge.initializers(elsewhere))),
    ]
    path = folder / "model.onnx"

    def one(chance: random.Random) -> None:
        path.write_bytes(damaged(chance.choice(seeds), chance))
        inspection = inspect(path)
        json.dumps(inspection.to_dict())
        with contextlib.redirect_stdout(io.StringIO()) as shown:
            show(inspection) if isinstance(inspection, Inspection) else show_graph(inspection)
        assert all(line.isprintable() for line in shown.getvalue().splitlines())

    return one


def run(what: str, count: int, first: int = 0) -> Iterator[str]:
    """Findings, each with its number, and at the end what came of all."""
    outcomes: Counter[str] = Counter()
    slowest, start = 0.0, time.monotonic()
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        makers = {"documents": documents, "pictures": pictures, "videos": videos, "answers": answers, "graphs": graphs}
        one = makers[what](Path(folder))
        for number in range(first, first + count):
            begun = time.process_time()
            try:
                one(random.Random(number))
                outcomes["read"] += 1
            except Refusal as refusal:
                outcomes["refused"] += 1
                if not str(refusal).isprintable() or len(str(refusal)) > 2100:
                    yield f"{what} {number}: a sentence nobody should see: {str(refusal)[:200]!r}"
            except Exception as problem:
                yield f"{what} {number}: {type(problem).__name__}: {str(problem)[:200]}"
            slowest = max(slowest, time.process_time() - begun)
            if time.process_time() - begun > MOST_SECONDS:
                yield f"{what} {number}: took {time.process_time() - begun:.1f} s"
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    said = ", ".join(f"{number:,} {outcome}" for outcome, number in sorted(outcomes.items()))
    print(
        f"{count:,} {what} from {first} in {time.monotonic() - start:,.0f} s: {said}; at most {slowest:.2f} s, {memory:.0f} MiB",
        file=sys.stderr,
    )


if __name__ == "__main__":
    found = list(run(sys.argv[1], *map(int, sys.argv[2:])))
    print("\n".join(found[:50]) or "no findings")
    sys.exit(bool(found))
