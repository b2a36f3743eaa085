"""A small server that takes events and misbehaves as it is told."""

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
class Misbehaving:
    """Accepts every request that no act of ``script`` is left for.

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
    told: Misbehaving

    def setup(self) -> None:
        super().setup()
        self.told.connections += 1

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        events = json.loads(body)
        self.told.requests.append(events)
        self.told.headers.append(dict(self.headers))
        act = self.told.script.pop(0) if self.told.script else accept
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
    handler.told.accept(events)
    handler.reply(202)


def status(code: int, **headers: str) -> Act:
    return lambda handler, _events: handler.reply(code, {"code": "told_to"}, **headers)


def unavailable(index: int) -> Act:
    """Accept all but the one at *index*, which Kafka did not acknowledge in time."""

    def act(handler: Handler, events: list[Event]) -> None:
        handler.told.accept([event for i, event in enumerate(events) if i != index])
        errors = [{"index": index, "error": "unavailable", "detail": "told to"}]
        handler.reply(207, {"received": len(events), "errors": errors}, Retry_After="0")

    return act


def limited_to(most: int) -> Act:
    """Refuse bodies with more events."""

    def act(handler: Handler, events: list[Event]) -> None:
        if len(events) > most:
            handler.reply(413)
        else:
            accept(handler, events)

    return act


def accept_and_reset(handler: Handler, events: list[Event]) -> None:
    """Take the events and break off in the middle of the answer."""
    handler.told.accept(events)
    handler.wfile.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 10\r\n\r\n01")
    handler.wfile.flush()
    linger_not = struct.pack("ii", 1, 0)
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_not)
    # Closed at once, without the shutdown that the server would begin with: a reset.
    os.close(handler.connection.detach())
    handler.close_connection = True


def accept_and_cut(*, at: int) -> Act:
    """Take the events and close the connection after so many bytes of the answer."""
    answer = b"HTTP/1.1 202 Accepted\r\nContent-Length: 10\r\n\r\n0123456789"

    def act(handler: Handler, events: list[Event]) -> None:
        handler.told.accept(events)
        handler.wfile.write(answer[:at])
        handler.close_connection = True

    return act


def accept_in_chunks(handler: Handler, events: list[Event]) -> None:
    """Answer as proxies do that do not know the length."""
    handler.told.accept(events)
    handler.wfile.write(b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n")
    handler.wfile.write(b"2\r\n{}\r\n0\r\n\r\n")


def hang_up_when_idle(handler: Handler, events: list[Event]) -> None:
    """Accept, and close the connection without a word, as servers do that were idle."""
    accept(handler, events)
    handler.close_connection = True


def hang(handler: Handler, _events: list[Event]) -> None:
    """Do not answer until the test is over."""
    handler.told.released.wait()
    handler.close_connection = True


def drip(handler: Handler, _events: list[Event]) -> None:
    """Answer byte by byte, so slowly that it never ends."""
    try:
        handler.wfile.write(b"HTTP/1.1 202 Accepted\r\nX: ")
        while not handler.told.released.wait(0.02):
            handler.wfile.write(b"x")
    except OSError:
        pass
    handler.close_connection = True


@contextmanager
def misbehaving(*script: Act) -> Iterator[Misbehaving]:
    """Serve on a free port of loopback while the block runs."""
    told = Misbehaving(list(script))
    handler = type("Told", (Handler,), {"told": told})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    told.url = f"http://127.0.0.1:{server.server_port}"
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    serving.start()
    try:
        yield told
    finally:
        told.released.set()
        server.shutdown()
        serving.join()
        # The handlers end with their connections, which the clients have closed.
        server.server_close()
