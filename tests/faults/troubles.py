"""One bad thing at a time: each block makes it so, and undoes it when it ends."""

import asyncio
import os
import socket
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

from tests.e2e.stacks import eventually, request
from tests.faults.isolation import POST_OF, Probe
from tests.faults.scene import Scene
from tests.processes import freeze, wake

UNREADABLE_PARTITION = 1
BLOCKED_PARTITION = 2
ALERT_SECONDS = 60.0
_CLIENTS = 100
_REPORTS = 40
_new_days = count(40)


@contextmanager
def nothing(_: Scene) -> Iterator[None]:
    """Nothing is bad: what the others are compared with."""
    yield


@contextmanager
def _transaction(scene: Scene, statement: str) -> Iterator[None]:
    """Keep a transaction open that has executed this."""
    with asyncio.Runner() as runner:
        connection = runner.run(asyncpg.connect(scene.database_url))
        runner.run(connection.execute(f"BEGIN; {statement}"))
        try:
            yield
        finally:
            runner.run(connection.close())


@contextmanager
def unreadable_batch(scene: Scene) -> Iterator[None]:
    """A batch in the log of one partition is damaged before it is consumed."""
    consumers = scene.pids("consumer")
    for pid in consumers:
        freeze(pid)
    try:
        status, _ = scene.stack.post({"post_id": POST_OF[UNREADABLE_PARTITION], "type": "view"})
        assert status == 202
        _damage_last_batch(scene, UNREADABLE_PARTITION)
    finally:
        for pid in consumers:
            wake(pid)
    partition = str(UNREADABLE_PARTITION)
    try:
        yield
        eventually(
            lambda: "partition_halted" in alerts(scene), "the halt is an alert", ALERT_SECONDS
        )
    finally:
        scene.stack.engage("consumer", "resume", "--partition", partition, "--from", "latest")


def _damage_last_batch(scene: Scene, partition: int) -> None:
    topic = scene.stack.file["topic"]
    [*_, segment] = sorted(scene.stack.folder.glob(f"kafka/data/{topic}-{partition}/*.log"))
    with segment.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        last = file.read(1)[0]
        file.seek(-1, os.SEEK_END)
        file.write(bytes([last ^ 0xFF]))


def alerts(scene: Scene) -> set[str]:
    """Return the names of the active alerts."""
    status, ledger = scene.get("/ops/ledger")
    return {alert["name"] for alert in ledger["alerts"]} if status == 200 else set()


@contextmanager
def blocked_day(scene: Scene) -> Iterator[None]:
    """An event comes to one partition of a day whose own partition cannot be created."""
    moment = datetime.now(UTC) - timedelta(days=next(_new_days))
    event = {
        "event_id": str(uuid.uuid4()),
        "post_id": POST_OF[BLOCKED_PARTITION],
        "type": "view",
        "engaged_timestamp": moment.isoformat(),
    }
    with _transaction(scene, "LOCK TABLE ONLY engagements IN SHARE UPDATE EXCLUSIVE MODE"):
        assert scene.stack.post(event)[0] == 202
        yield


@contextmanager
def slow_analyze(scene: Scene) -> Iterator[None]:
    """An ANALYZE does not end: it waits for the lock of today's partition."""
    today = scene.value("SELECT partition_name(current_date)")
    with _transaction(scene, f"LOCK TABLE {today} IN SHARE UPDATE EXCLUSIVE MODE"):
        yield


@contextmanager
def long_reader(scene: Scene) -> Iterator[None]:
    """A transaction reads all days and stays open, as pg_dump does."""
    with _transaction(scene, "SELECT count(*) FROM engagements"):
        yield


@contextmanager
def busy_report_pool(scene: Scene) -> Iterator[None]:
    """Many clients of another API key request reports whose queries do not end."""
    ending = threading.Event()
    created = scene.stack.engage("keys", "create", "--scope", "read", "--label", "busy")
    key, url = created.stdout.strip(), scene.stack.file["api_url"]

    def request_reports(number: int) -> None:
        while not ending.is_set():
            with suppress(OSError, ValueError):
                request(url, f"/reports/overview?author={number}", key)

    lock = _transaction(scene, "LOCK TABLE post_metadata IN ACCESS EXCLUSIVE MODE")
    with ThreadPoolExecutor(_REPORTS) as clients:
        with lock:
            for number in range(1, _REPORTS + 1):
                clients.submit(request_reports, number)
            eventually(
                lambda: scene.value(
                    "SELECT count(*) > 2 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                ),
                "queries wait",
            )
            yield
        ending.set()


@contextmanager
def _sockets(url: str, payload: bytes) -> Iterator[None]:
    """Keep connections open that have sent this and read nothing."""
    address = urlsplit(url)
    with ExitStack() as opened:
        for _ in range(_CLIENTS):
            client = opened.enter_context(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect((address.hostname, address.port))
            with suppress(OSError):
                client.sendall(payload)
        yield


@contextmanager
def unfinished_bodies(scene: Scene) -> Iterator[None]:
    """Many requests with events never end."""
    stack = scene.stack.file
    head = _head("POST", "/events/batch", stack["ingest_key"])
    body = b'[{"post_id": 1, "type": "view"}' + b" " * 500_000
    length = b"Content-Type: application/json\r\nContent-Length: 1000000\r\n\r\n"
    with _sockets(stack["ingest_url"], head + length + body):
        yield


@contextmanager
def slow_clients(scene: Scene) -> Iterator[None]:
    """Many clients request reports and do not read them."""
    stack = scene.stack.file
    head = _head("GET", "/sample/posts?limit=100", stack["read_key"]) + b"\r\n"
    with _sockets(stack["api_url"], head * 20):
        yield


def _head(method: str, path: str, key: str) -> bytes:
    host = "Host: localhost\r\n"
    return f"{method} {path} HTTP/1.1\r\n{host}Authorization: Bearer {key}\r\n".encode()


@contextmanager
def frozen_webhook(scene: Scene) -> Iterator[None]:
    """The receiver of alerts takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as receiver:
        port = receiver.getsockname()[1]
        settings = {
            "ENGAGE_WEBHOOK_URL": f"http://127.0.0.1:{port}/",
            "ENGAGE_WEBHOOK_SECRET": "whsec_" + "A" * 40,
        }
        monitor = subprocess.Popen(
            [sys.executable, "-m", "engage", "monitor", "--dir", str(scene.stack.folder)],
            env=os.environ | settings,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield
            assert monitor.wait(ALERT_SECONDS) == 1, "the failed delivery is not a warning"
        finally:
            monitor.kill()
            monitor.wait()


@contextmanager
def full_archive(scene: Scene) -> Iterator[None]:
    """There is no room for archived days: they are kept."""
    ballast = scene.stack.folder / "archive" / "ballast"
    try:
        with suppress(OSError), ballast.open("wb", buffering=0) as file:
            while file.write(b"\0" * 4096):
                pass
        day = Probe(scene).make_old_day()
        yield
        assert Probe(scene).has_partition(day), "a day was dropped that is in no file"
    finally:
        ballast.unlink()


def frozen(role: str) -> Callable[[Scene], "contextmanager[None]"]:
    """Return the trouble that the processes of a role are stopped."""

    @contextmanager
    def stopped(scene: Scene) -> Iterator[None]:
        pids: Sequence[int] = scene.pids(role)
        for pid in pids:
            freeze(pid)
        try:
            yield
        finally:
            for pid in pids:
                wake(pid)

    return stopped


@contextmanager
def mounted(folder: Path) -> Iterator[bool]:
    """Mount a small tmpfs on the folder; False where that is not allowed."""
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k,mode=777", "tmpfs", str(folder)]
    is_mounted = subprocess.run(mount, check=False, capture_output=True).returncode == 0
    try:
        yield is_mounted
    finally:
        if is_mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=False)
