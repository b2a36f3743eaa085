"""A stack as its users see it: command line, stack.json and HTTP."""

import contextlib
import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

ENGAGE = (sys.executable, "-m", "engage")
DEADLINE_SECONDS = 30.0


def engage(
    *arguments: str | Path,
    timeout_seconds: float = 120,
    environment: Mapping[str, str] = MappingProxyType({}),
) -> subprocess.CompletedProcess[str]:
    """Run the command line with *environment* as its only settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ENGAGE_")}
    return subprocess.run(
        [*ENGAGE, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout_seconds,
        env=kept | {"NO_COLOR": "1"} | environment,
        check=False,
    )


@dataclass
class Stack:
    folder: Path

    @property
    def file(self) -> dict[str, Any]:
        return json.loads((self.folder / "stack.json").read_text())

    def engage(
        self, *arguments: str | Path, timeout_seconds: float = 120
    ) -> subprocess.CompletedProcess[str]:
        return engage(*arguments, "--dir", self.folder, timeout_seconds=timeout_seconds)

    def up(self, *options: str, environment: Mapping[str, str] = MappingProxyType({})) -> None:
        ports = ("--ingest-port", "0", "--api-port", "0", "--dir", str(self.folder))
        answer = engage("up", "--detach", *ports, *options, environment=environment)
        assert answer.returncode == 0, answer.stderr

    def pids(self) -> set[int]:
        """Return every process of the stack, its supervisor included."""
        status = json.loads(self.engage("status", "--json").stdout)
        named = {pid for pids in self.file["processes"].values() for pid in pids}
        return named | {status["supervisor_pid"]}

    def ports(self) -> list[int]:
        return list(json.loads((self.folder / "ports.json").read_text()).values())

    def post(self, *events: dict[str, Any]) -> tuple[int, Any]:
        stack = self.file
        return request(stack["ingest_url"], "/events/batch", stack["ingest_key"], list(events))

    def catalogue(self, line: dict[str, Any]) -> tuple[int, Any]:
        stack = self.file
        path, kind = "/catalogue/batch", "application/x-ndjson"
        return request(stack["catalogue_url"], path, stack["admin_key"], line, kind)

    def get(self, path: str) -> tuple[int, Any]:
        stack = self.file
        return request(stack["api_url"], path, stack["read_key"])

    def until_stored(self) -> None:
        """Wait until no record is in flight."""
        eventually(lambda: not self.get("/ops/ledger")[1]["totals"]["in_flight"], "all is stored")


def request(
    url: str, path: str, key: str, body: Any = None, kind: str = "application/json"
) -> tuple[int, Any]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": kind}
    method = "GET" if body is None else "POST"
    with contextlib.closing(connection):
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in "ZX"


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def eventually(
    holds: Callable[[], Any], what: str, timeout_seconds: float = DEADLINE_SECONDS
) -> Any:
    """Return the first true result; fail when there is none in time."""
    deadline = time.monotonic() + timeout_seconds
    while not (found := holds()):
        assert time.monotonic() < deadline, f"not within {timeout_seconds} s: {what}"
        time.sleep(0.02)
    return found


@contextlib.contextmanager
def started(
    folder: Path, *options: str, environment: Mapping[str, str] = MappingProxyType({})
) -> Iterator[Stack]:
    """Run a stack; it ends with the block."""
    stack = Stack(folder)
    try:
        stack.up(*options, environment=environment)
        yield stack
    finally:
        stack.engage("down")
