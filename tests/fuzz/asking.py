"""Ways to a service: as ASGI in this process, as uvicorn would call it, and over a socket."""

import asyncio
import json
import re
import urllib.parse
from dataclasses import dataclass, field
from typing import Any

from schema.http.edge import Application
from tests.fuzz.mutations import CANARY
from tests.fuzz.seeds import Request

MAX_PROBLEM_BYTES = 4096
MAX_BATCH_BYTES = 128 * 1024
_MANY = (b"/events/batch", b"/events/beacon", b"/events/retractions", b"/catalogue/batch")
_ANSWER_SECONDS = 30.0


@dataclass
class Reply:
    """What came back; status 0: the connection was closed without an answer."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def json(self) -> Any:
        return json.loads(self.body)


async def call(app: Application, request: Request) -> Reply:
    """Call the application. What it raises is raised."""
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
    waiting = [{"type": "http.request", "body": request.body, "more_body": False}]
    reply = Reply()

    async def receive() -> Any:
        return waiting.pop() if waiting else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            assert reply.status == 0, "answered twice"
            reply.status = message["status"]
            reply.headers = {n.decode().lower(): v.decode("latin-1") for n, v in message["headers"]}
        else:
            reply.body += message.get("body", b"")

    async with asyncio.timeout(_ANSWER_SECONDS):
        await app(scope, receive, send)
    assert reply.status, "no answer"
    return reply


async def send_raw(url: str, raw: bytes) -> Reply:
    """Send bytes over a connection of their own; returns the first answer."""
    host, _, port = url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            writer.write(raw)
            return await _first(reader, has_body=not raw.lstrip(b"\r\n").startswith(b"HEAD "))
    except (asyncio.IncompleteReadError, ConnectionError):
        return Reply()
    finally:
        writer.transport.abort()


async def _first(reader: asyncio.StreamReader, *, has_body: bool) -> Reply:
    status = 100
    while status == 100:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.split("\r\n")
        status = int(first.split(" ")[1])
    pairs = (line.split(": ", 1) for line in lines if line)
    headers = {name.lower(): value for name, value in pairs}
    length = int(headers.get("content-length", 0)) if has_body else 0
    return Reply(status, headers, await reader.readexactly(length))


def faults(request: Request, reply: Reply) -> list[str]:
    """Return what is wrong with an answer, whatever was asked."""
    found = []
    headers = "\n".join(f"{name}: {value}" for name, value in reply.headers.items())
    if reply.status >= 500:
        found.append(f"status {reply.status}")
    is_refusal = reply.status >= 400 or reply.status == 207
    if CANARY in headers or (is_refusal and CANARY.encode() in reply.body):
        found.append("echoes what was sent")
    if b"Traceback" in reply.body:
        found.append("a traceback")
    if len(reply.body) >= MAX_BATCH_BYTES and is_refusal:
        found.append(f"{len(reply.body)} bytes")
    if reply.status >= 400 and request.method != "HEAD":
        found += _problem_faults(request, reply)
    return found


def _problem_faults(request: Request, reply: Reply) -> list[str]:
    cap = MAX_BATCH_BYTES if request.target in _MANY else MAX_PROBLEM_BYTES
    if len(reply.body) >= cap:
        return [f"{len(reply.body)} bytes"]
    if reply.headers.get("content-type") != "application/problem+json":
        return [f"content type {reply.headers.get('content-type')}"]
    try:
        problem = reply.json
    except ValueError:
        return ["no JSON"]
    if problem["status"] != reply.status or not re.fullmatch(r"[a-z_]+", problem["code"]):
        return ["a problem that contradicts its answer"]
    return []
