"""A server on loopback that answers as the Hugging Face Hub does, as far as its own client asks, and fails where it is told to."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN = "hf_a-token-that-must-never-be-shown"
LARGE = 10_000  # bytes from which on a file goes to large-file storage


@dataclass
class Repository:
    """Branches by name, each a list of commits, each the files it holds."""

    private: bool = False
    gated: bool = False
    branches: dict[str, list[tuple[str, dict[str, bytes]]]] = field(default_factory=lambda: {"main": [("0" * 40, {})]})

    def at(self, revision: str) -> tuple[str, dict[str, bytes]] | None:
        if revision in self.branches:
            return self.branches[revision][-1]
        commits = [commit for branch in self.branches.values() for commit in branch]
        return next((commit for commit in commits if commit[0] == revision), None)

    def commit(self, revision: str, changes: dict[str, bytes]) -> str:
        files = {**self.branches[revision][-1][1], **changes}
        listing = "".join(f"{name}:{hashlib.sha1(content).hexdigest()}" for name, content in sorted(files.items()))
        sha = hashlib.sha1(f"{revision}{len(self.branches[revision])}{listing}".encode()).hexdigest()
        self.branches[revision].append((sha, files))
        return sha


@dataclass
class Fault:
    """What goes wrong at requests like this, as often as `times` says."""

    method: str
    path: str
    status: int = 0  # 0: the connection is cut
    after: int = 0  # bytes that still go through before a cut
    times: int = 1
    error_code: str = ""


class Hub(ThreadingHTTPServer):
    """The state of the server, which tests look into."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repositories: dict[str, Repository] = {}
        self.storage: dict[str, bytes] = {}  # large files by their SHA-256
        self.faults: list[Fault] = []
        self.requests: list[tuple[str, str]] = []
        self.chunk_size: int | None = None  # uploads in parts of this size
        self.published: dict[str, bytes] = {}  # plain downloads by path, as a release page has them
        self.move_before_commit = False
        self.forbidden = False
        self.odd: list[tuple[str, int, dict[str, str], bytes]] = []  # answers to paths like this, before any other

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def asked(self, method: str, pattern: str) -> int:
        """How many requests of this kind there were."""
        return sum(1 for had, path in self.requests if had == method and re.search(pattern, path))

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # a client that goes away is part of these tests


@contextmanager
def running() -> Iterator[Hub]:
    hub = Hub()
    thread = threading.Thread(target=hub.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.shutdown()
        hub.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *arguments: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._answer()

    do_HEAD = do_POST = do_PUT = do_GET

    def _answer(self) -> None:
        url = urlsplit(self.path)
        path = unquote(url.path)
        self.query = {key: values[-1] for key, values in parse_qs(url.query).items()}
        self.server.requests.append((self.command, path))
        fault = next(
            (fault for fault in self.server.faults if fault.times and fault.method == self.command and re.search(fault.path, path)), None
        )
        self.cut_after: int | None = None
        if fault is not None:
            fault.times -= 1
            if fault.status:
                self._read()
                headers = {"X-Error-Code": fault.error_code} if fault.error_code else {}
                if fault.status == 429:
                    headers["RateLimit"] = '"api";r=0;t=0'  # as the Hub says how long to wait
                return self._send(fault.status, {"error": f"told to fail; {TOKEN}"}, headers)
            self.cut_after = fault.after
            if self.command in ("PUT", "POST"):
                self.rfile.read(min(fault.after, int(self.headers.get("Content-Length", 0))))
                self.close_connection = True
                return self.connection.close()
        for pattern, status, headers, body in self.server.odd:
            if re.search(pattern, path):
                self._read()
                return self._send_as_told(status, headers, body)
        for method, pattern, handler in _ROUTES:
            if method == self.command and (match := re.fullmatch(pattern, path)):
                return handler(self, *match.groups())
        self._read()
        self._send(404, {"error": f"no route {self.command} {path}"})

    def _read(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _send(self, status: int, content: Any = b"", headers: dict[str, str] | None = None) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return None
        if self.cut_after is not None:
            self.wfile.write(body[: self.cut_after])
            self.close_connection = True
            return self.connection.close()
        self.wfile.write(body)

    def _send_as_told(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status, headers.pop("reason", None) if "reason" in headers else None)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.close_connection = True

    def _authorised(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def _may_write(self) -> bool:
        if not self._authorised():
            self._read()
            self._send(401, {"error": "Invalid username or password."})
            return False
        if self.server.forbidden:
            self._read()
            self._send(403, {"error": "no write token"})
            return False
        return True

    def _found(self, name: str) -> Repository | None:
        repository = self.server.repositories.get(name)
        if repository is None or (repository.private and not self._authorised()):
            self._send(404 if self._authorised() else 401, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"})
            return None
        if repository.gated:
            self._send(403, {"error": "gated"}, {"X-Error-Code": "GatedRepo"})
            return None
        return repository

    def create(self) -> None:
        if not self._may_write():
            return None
        asked = json.loads(self._read())
        name = f"{asked.get('organization') or 'me'}/{asked['name']}"
        address = {"url": f"{self.server.address}/{name}", "name": name, "id": name}
        if name in self.server.repositories:
            return self._send(409, {"error": "exists", **address})
        self.server.repositories[name] = Repository(private=bool(asked.get("private")) or asked.get("visibility") == "private")
        self._send(200, address)

    def whoami(self) -> None:
        self._send(200, {"name": "me", "type": "user", "orgs": []}) if self._may_write() else None

    def validate(self) -> None:
        content = json.loads(self._read())["content"]
        errors = [] if content.startswith("---\n") else [{"message": "no front matter"}]
        self._send(400 if errors else 200, {"errors": errors, "warnings": []})

    def branch(self, name: str, branch: str) -> None:
        if self._may_write() and (repository := self._found(name)):
            self._read()
            repository.branches.setdefault(branch, list(repository.branches["main"]))
            self._send(200, {})

    def preupload(self, name: str, revision: str) -> None:
        if not self._may_write() or (repository := self._found(name)) is None:
            return
        there = (repository.at(revision) or ("", {}))[1]
        files = []
        for asked in json.loads(self._read())["files"]:
            mode = "lfs" if asked["size"] >= LARGE else "regular"
            content = there.get(asked["path"])
            oid = None if content is None else hashlib.sha256(content).hexdigest() if mode == "lfs" else _git_hash(content)
            files.append({"path": asked["path"], "uploadMode": mode, "shouldIgnore": False, "oid": oid})
        self._send(200, {"files": files})

    def batch(self, name: str) -> None:
        if not self._may_write():
            return
        objects = []
        for asked in json.loads(self._read())["objects"]:
            oid, size = asked["oid"], asked["size"]
            answer: dict[str, Any] = {"oid": oid, "size": size}
            if oid not in self.server.storage:
                upload: dict[str, Any] = {"href": f"{self.server.address}/store/{oid}", "header": {}}
                if self.server.chunk_size:
                    count = -(-size // self.server.chunk_size)
                    parts = {f"{part + 1:05}": f"{self.server.address}/store/{oid}/{part}" for part in range(count)}
                    upload = {
                        "href": f"{self.server.address}/complete/{oid}",
                        "header": {"chunk_size": str(self.server.chunk_size), **parts},
                    }
                answer["actions"] = {"upload": upload, "verify": {"href": f"{self.server.address}/verify/{oid}"}}
            objects.append(answer)
        self._send(200, {"transfer": "multipart" if self.server.chunk_size else "basic", "objects": objects})

    def store(self, oid: str) -> None:
        content = self._read()
        if hashlib.sha256(content).hexdigest() != oid:
            return self._send(400, {"error": "the hash is another one"})
        self.server.storage[oid] = content
        self._send(200)

    def store_part(self, oid: str, part: str) -> None:
        content = self._read()
        self.server.storage[f"{oid}/{part}"] = content
        self._send(200, headers={"ETag": f'"{hashlib.md5(content).hexdigest()}"'})

    def complete(self, oid: str) -> None:
        count = len(json.loads(self._read())["parts"])
        whole = b"".join(self.server.storage.pop(f"{oid}/{part}") for part in range(count))
        if hashlib.sha256(whole).hexdigest() != oid:
            return self._send(400, {"error": "the hash is another one"})
        self.server.storage[oid] = whole
        self._send(200)

    def verify(self, oid: str) -> None:
        self._read()
        self._send(200 if oid in self.server.storage else 404, {})

    def commit(self, name: str, revision: str) -> None:
        if not self._may_write() or (repository := self._found(name)) is None:
            return None
        lines = [json.loads(line) for line in self._read().splitlines()]
        if self.server.move_before_commit:
            self.server.move_before_commit = False
            repository.commit(revision, {"by-somebody-else.txt": b"meanwhile"})
        wanted = lines[0]["value"].get("parentCommit")
        if wanted and wanted != repository.branches[revision][-1][0]:
            return self._send(412, {"error": "the branch has moved"})
        changes = {}
        for line in lines[1:]:
            value = line["value"]
            if line["key"] == "file":
                changes[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                changes[value["path"]] = self.server.storage[value["oid"]]
        target = revision
        if self.query.get("create_pr"):
            target = f"refs/pr/{1 + sum(branch.startswith('refs/pr/') for branch in repository.branches)}"
            repository.branches[target] = list(repository.branches[revision])
        sha = repository.commit(target, changes)
        pull = f"{self.server.address}/{name}/discussions/{target.rpartition('/')[2]}" if target != revision else None
        self._send(
            200, {"success": True, "commitOid": sha, "commitUrl": f"{self.server.address}/{name}/commit/{sha}", "pullRequestUrl": pull}
        )

    def info(self, name: str, revision: str | None = None) -> None:
        if (repository := self._found(name)) is None:
            return None
        found = repository.at(revision or "main")
        if found is None:
            return self._send(404, {"error": "no such revision"}, {"X-Error-Code": "RevisionNotFound"})
        siblings = [{"rfilename": path, **_about(content)} for path, content in found[1].items()]
        self._send(200, {"id": name, "modelId": name, "sha": found[0], "private": repository.private, "siblings": siblings, "tags": []})

    def tree(self, name: str, revision: str) -> None:
        if (repository := self._found(name)) is not None:
            found = repository.at(revision)
            if found is None:
                return self._send(404, {"error": "no such revision"}, {"X-Error-Code": "RevisionNotFound"})
            about = [(path, content, _about(content)) for path, content in found[1].items()]
            entries = [
                {"type": "file", "path": path, "size": len(content), "oid": facts["blobId"], **facts} for path, content, facts in about
            ]
            self._send(200, entries)

    def resolve(self, name: str, revision: str, path: str) -> None:
        if (repository := self._found(name)) is None:
            return None
        found = repository.at(revision)
        if found is None:
            return self._send(404, {"error": "no such revision"}, {"X-Error-Code": "RevisionNotFound"})
        if path not in found[1]:
            return self._send(404, {"error": "no such file"}, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": found[0]})
        content = found[1][path]
        about = _about(content)
        digest = about["lfs"]["sha256"] if about["lfs"] else about["blobId"]
        linked = {"X-Linked-Etag": f'"{digest}"', "X-Linked-Size": str(len(content))} if about["lfs"] else {}
        self._ranged(content, {"X-Repo-Commit": found[0], "ETag": f'"{digest}"', **linked})

    def release(self, path: str) -> None:
        if path not in self.server.published:
            return self._send(404)
        content = self.server.published[path]
        self._ranged(content, {"ETag": f'"{hashlib.md5(content).hexdigest()}"'})

    def _ranged(self, content: bytes, headers: dict[str, str]) -> None:
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if asked is None or self.headers.get("If-Range", headers["ETag"]) != headers["ETag"]:
            return self._send(200, content, {**headers, "Accept-Ranges": "bytes"})
        start = int(asked[1])
        if start >= len(content):
            return self._send(416, b"", {**headers, "Content-Range": f"bytes */{len(content)}"})
        end = int(asked[2]) if asked[2] else len(content) - 1
        self._send(206, content[start : end + 1], {**headers, "Content-Range": f"bytes {start}-{end}/{len(content)}"})


def _git_hash(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def _about(content: bytes) -> dict[str, Any]:
    digest = hashlib.sha256(content).hexdigest()
    lfs = {"sha256": digest, "oid": digest, "size": len(content), "pointerSize": 130} if len(content) >= LARGE else None
    return {"size": len(content), "blobId": _git_hash(content), "lfs": lfs}


_NAME = r"([\w.-]+/[\w.-]+)"
_ROUTES = [
    ("POST", r"/api/repos/create", _Handler.create),
    ("GET", r"/api/whoami-v2", _Handler.whoami),
    ("POST", r"/api/validate-yaml", _Handler.validate),
    ("POST", rf"/api/models/{_NAME}/branch/(.+)", _Handler.branch),
    ("POST", rf"/api/models/{_NAME}/preupload/(.+)", _Handler.preupload),
    ("POST", rf"/{_NAME}\.git/info/lfs/objects/batch", _Handler.batch),
    ("PUT", r"/store/(\w+)", _Handler.store),
    ("PUT", r"/store/(\w+)/(\d+)", _Handler.store_part),
    ("POST", r"/complete/(\w+)", _Handler.complete),
    ("POST", r"/verify/(\w+)", _Handler.verify),
    ("POST", rf"/api/models/{_NAME}/commit/(.+)", _Handler.commit),
    ("GET", rf"/api/models/{_NAME}/revision/(.+)", _Handler.info),
    ("GET", rf"/api/models/{_NAME}/tree/([^/]+)", _Handler.tree),
    ("GET", rf"/api/models/{_NAME}", _Handler.info),
    ("HEAD", rf"/{_NAME}/resolve/([^/]+)/(.+)", _Handler.resolve),
    ("GET", rf"/{_NAME}/resolve/([^/]+)/(.+)", _Handler.resolve),
    ("GET", r"/releases/(.+)", _Handler.release),
]
