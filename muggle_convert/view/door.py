"""Who may come in: the browser that was given the address, and nobody who is led here by another page.

A page from anywhere can make a browser send requests to this machine. It cannot know the token; it cannot change the `Origin` its requests bear;
and where it lets its own name lead here (DNS rebinding), the requests bear that name as their `Host`.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from hmac import compare_digest

ADDRESS = "127.0.0.1"
NAMES = (ADDRESS, "localhost")


@dataclass(frozen=True)
class Door:
    port: int
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))

    @property
    def url(self) -> str:
        return f"http://{ADDRESS}:{self.port}/{self.token}/"

    def objection(self, hosts: Sequence[str], origins: Sequence[str], path: str, changes: bool) -> str | None:
        """Why a request is refused, from all its headers of these names; None where it may come in."""
        if len(hosts) != 1 or hosts[0].lower() not in {f"{name}:{self.port}" for name in NAMES}:
            return f"this page is at {ADDRESS}:{self.port}, and the request names another host."
        if (origins or changes) and list(origins) != [f"http://{hosts[0].lower()}"]:
            return "the request comes from another page than this one."
        if not compare_digest(path.split("/")[1].encode() if path.startswith("/") else b"", self.token.encode()):
            return "the address lacks the token; open the one that muggle-convert view printed."
        return None
