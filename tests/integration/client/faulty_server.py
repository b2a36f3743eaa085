"""A small HTTP server whose responses are planned."""

import gzip
import json
import os
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Event = dict[str, Any]
Act = Callable[["Handler", list[Event]], None]


@dataclass
class FaultyServer:
    """Performs the acts of ``script``, one per request, and then accepts all requests.

    Attributes:
        script: what to do with the first requests, in order.
        requests: the events of each request, in order.
        headers: of each request.
        accepted: how often each event was accepted, by its identity.
        connections: how many were opened.
    """

    script: list[Act] = field(default_factory=list)
    requests: list[list[Event]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    accepted: Counter[tuple[str, str]] = field(default_factory=Counter)
    connections: int = 0
    url: str = ""
    released: threading.Event = field(default_factory=threading.Event)

    def accept(self, events: list[Event]) -> None:
        self.accepted.update((e["event_id"], e["engaged_timestamp"]) for e in events)

    @property
    def ids(self) -> set[str]:
        return {event_id for event_id, _ in self.accepted}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    plan: FaultyServer

    def setup(self) -> None:
        super().setup()
        self.plan.connections += 1

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        events = json.loads(body)
        self.plan.requests.append(events)
        self.plan.headers.append(dict(self.headers))
        act = self.plan.script.pop(0) if self.plan.script else accept
        act(self, events)

    def reply(self, status: int, document: Any = None, **headers: str) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Stay quiet."""


def accept(handler: Handler, events: list[Event]) -> None:
    handler.plan.accept(events)
    handler.reply(202)


def status(code: int, **headers: str) -> Act:
    return lambda handler, _events: handler.reply(code, {"code": "planned"}, **headers)


def accept_and_reset(handler: Handler, events: list[Event]) -> None:
    """Accept the events and reset the connection in the middle of the response."""
    handler.plan.accept(events)
    handler.wfile.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 10\r\n\r\n01")
    handler.wfile.flush()
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    # Closed without a shutdown, which is a reset.
    os.close(handler.connection.detach())
    handler.close_connection = True


def accept_and_cut(*, at: int) -> Act:
    """Accept the events and close the connection after this number of bytes of the response."""
    response = b"HTTP/1.1 202 Accepted\r\nContent-Length: 10\r\n\r\n0123456789"

    def act(handler: Handler, events: list[Event]) -> None:
        handler.plan.accept(events)
        handler.wfile.write(response[:at])
        handler.close_connection = True

    return act


def accept_in_chunks(handler: Handler, events: list[Event]) -> None:
    """Send a chunked response, as proxies do."""
    handler.plan.accept(events)
    handler.wfile.write(b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n")
    handler.wfile.write(b"2\r\n{}\r\n0\r\n\r\n")


def hang_up_when_idle(handler: Handler, events: list[Event]) -> None:
    """Accept the events, and close the connection afterwards, as idle servers do."""
    accept(handler, events)
    handler.close_connection = True


def hang(handler: Handler, _events: list[Event]) -> None:
    """Send no response until the end of the test."""
    handler.plan.released.wait()
    handler.close_connection = True


def drip(handler: Handler, _events: list[Event]) -> None:
    """Send a response byte by byte that never ends."""
    try:
        handler.wfile.write(b"HTTP/1.1 202 Accepted\r\nX: ")
        while not handler.plan.released.wait(0.02):
            handler.wfile.write(b"x")
    except OSError:
        pass
    handler.close_connection = True


@contextmanager
def faulty_server(*script: Act) -> Iterator[FaultyServer]:
    """Serve on a free port of loopback while the block runs."""
    plan = FaultyServer(list(script))
    handler = type("PlannedHandler", (Handler,), {"plan": plan})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    plan.url = f"http://127.0.0.1:{server.server_port}"
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    serving.start()
    try:
        yield plan
    finally:
        plan.released.set()
        server.shutdown()
        serving.join()
        # The handlers end with their connections, which the clients have closed.
        server.server_close()
