"""Requests to a service: as ASGI in this process, and over a socket."""

import asyncio
import json
import urllib.parse
from dataclasses import dataclass, field
from typing import Any

from schema.codes import CODES
from tests.fuzz.mutations import CANARY
from tests.fuzz.seeds import Request
from tests.raw_http import connected
from web.asgi import Application

MAX_PROBLEM_BYTES = 4096
MAX_BATCH_BYTES = 128 * 1024
_BATCHES = (b"/events/batch", b"/events/beacon", b"/events/retractions", b"/catalogue/batch")
_TIMEOUT_SECONDS = 30.0


@dataclass
class Reply:
    """A response; status 0: the connection was closed without one."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def json(self) -> Any:
        return json.loads(self.body)


async def call(app: Application, request: Request) -> Reply:
    """Call the application. Its exceptions are raised."""
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": urllib.parse.unquote(request.target.decode("ascii")),
        "raw_path": request.target,
        "query_string": request.query,
        "root_path": "",
        "headers": [*request.headers, (b"content-length", b"%d" % len(request.body))],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
        "state": {},
    }
    parts = [{"type": "http.request", "body": request.body, "more_body": False}]
    reply = Reply()
    has_begun = asyncio.Event()

    async def receive() -> Any:
        """Return the request, then that the client disconnected, once the response has begun."""
        if parts:
            return parts.pop()
        await has_begun.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            assert reply.status == 0, "two responses"
            reply.status = message["status"]
            has_begun.set()
            reply.headers = {n.decode().lower(): v.decode("latin-1") for n, v in message["headers"]}
        else:
            reply.body += message.get("body", b"")

    async with asyncio.timeout(_TIMEOUT_SECONDS):
        await app(scope, receive, send)
    assert reply.status, "no response"
    return reply


async def send_raw(url: str, raw: bytes) -> Reply:
    """Send bytes over a new connection, and return the first response."""
    has_body = not raw.lstrip(b"\r\n").startswith(b"HEAD ")
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS), connected(url) as connection:
            await connection.send(raw)
            found = await connection.answer(has_body=has_body)
            while found and found[0] == 100:
                found = await connection.answer(has_body=has_body)
    except (asyncio.IncompleteReadError, ConnectionError):
        return Reply()
    return Reply(*found) if found else Reply()


def faults(request: Request, reply: Reply) -> list[str]:
    """Return what is wrong with a response to any request."""
    found = []
    headers = "\n".join(f"{name}: {value}" for name, value in reply.headers.items())
    is_error = reply.status >= 400 or reply.status == 207
    limit = MAX_BATCH_BYTES if request.target in _BATCHES else MAX_PROBLEM_BYTES
    if reply.status >= 500:
        found.append(f"status {reply.status}")
    if CANARY in headers or (is_error and CANARY.encode() in reply.body):
        found.append("repeats input")
    if b"Traceback" in reply.body:
        found.append("a traceback")
    if is_error and len(reply.body) >= (MAX_BATCH_BYTES if reply.status == 207 else limit):
        found.append(f"{len(reply.body)} bytes")
    elif reply.status >= 400 and request.method != "HEAD":
        found += _problem_faults(reply)
    return found


def _problem_faults(reply: Reply) -> list[str]:
    if reply.headers.get("content-type") != "application/problem+json":
        return [f"content type {reply.headers.get('content-type')}"]
    try:
        problem = reply.json
    except ValueError:
        return ["no JSON"]
    if problem["status"] != reply.status or problem["code"] not in CODES:
        return ["a problem that contradicts its response"]
    return []
