"""Context managers that cause a fault of one part of a stack, and remove it afterwards."""

import asyncio
import os
import socket
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from urllib.parse import urlsplit

import asyncpg

from tests.e2e.stacks import eventually, request
from tests.faults.disks import full_disk
from tests.faults.probes import POST_OF, Probe
from tests.faults.stack import FaultStack
from tests.processes import freeze, wake

UNREADABLE_PARTITION = 1
BLOCKED_PARTITION = 2
ALERT_SECONDS = 60.0
SLOW_CLIENTS = 100
REPORT_CLIENTS = 40
_new_days = count(40)


@contextmanager
def frozen(stack: FaultStack, role: str) -> Iterator[None]:
    pids = stack.role_pids(role)
    for pid in pids:
        freeze(pid)
    try:
        yield
    finally:
        for pid in pids:
            wake(pid)


@contextmanager
def transaction(stack: FaultStack, statement: str) -> Iterator[None]:
    """Keep a transaction open that has executed a statement."""
    with asyncio.Runner() as runner:
        connection = runner.run(asyncpg.connect(stack.database_url))
        runner.run(connection.execute(f"BEGIN; {statement}"))
        try:
            yield
        finally:
            runner.run(connection.close())


@contextmanager
def unreadable_batch(stack: FaultStack) -> Iterator[None]:
    """Damage a batch in the log of a partition before it is consumed."""
    with frozen(stack, "consumer"):
        status, _ = stack.post({"post_id": POST_OF[UNREADABLE_PARTITION], "type": "view"})
        assert status == 202
        log = f"kafka/data/{stack.file['topic']}-{UNREADABLE_PARTITION}/*.log"
        with max(stack.folder.glob(log)).open("r+b") as segment:
            segment.seek(-1, os.SEEK_END)
            last = segment.read(1)[0]
            segment.seek(-1, os.SEEK_END)
            segment.write(bytes([last ^ 0xFF]))
    try:
        yield
        eventually(
            lambda: "partition_halted" in active_alerts(stack), "an alert is active", ALERT_SECONDS
        )
    finally:
        partition = ("--partition", str(UNREADABLE_PARTITION))
        stack.engage("consumer", "resume", *partition, "--from", "latest")


def active_alerts(stack: FaultStack) -> set[str]:
    status, ledger = stack.get("/ops/ledger")
    return {alert["name"] for alert in ledger["alerts"]} if status == 200 else set()


@contextmanager
def blocked_day(stack: FaultStack) -> Iterator[None]:
    """Send an event of a day whose daily partition cannot be created."""
    day = datetime.now(UTC) - timedelta(days=next(_new_days))
    event = {
        "event_id": str(uuid.uuid4()),
        "post_id": POST_OF[BLOCKED_PARTITION],
        "type": "view",
        "engaged_timestamp": day.isoformat(),
    }
    with transaction(stack, "LOCK TABLE ONLY engagements IN SHARE UPDATE EXCLUSIVE MODE"):
        assert stack.post(event)[0] == 202
        yield


@contextmanager
def blocked_analyze(stack: FaultStack) -> Iterator[None]:
    """Make ANALYZE wait for the lock of today's partition."""
    today = stack.value("SELECT partition_name(current_date)")
    with transaction(stack, f"LOCK TABLE {today} IN SHARE UPDATE EXCLUSIVE MODE"):
        yield


@contextmanager
def busy_report_pool(stack: FaultStack) -> Iterator[None]:
    """Request reports, with another API key, whose queries wait for a lock."""
    stopping = threading.Event()
    created = stack.engage("keys", "create", "--scope", "read", "--label", "busy")
    key, url = created.stdout.strip(), stack.file["api_url"]

    def request_reports(author: int) -> None:
        while not stopping.is_set():
            with suppress(OSError, ValueError):
                request(url, f"/reports/overview?author={author}", key)

    waiting = "SELECT count(*) > 2 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    with ThreadPoolExecutor(REPORT_CLIENTS) as clients:
        with transaction(stack, "LOCK TABLE post_metadata IN ACCESS EXCLUSIVE MODE"):
            for author in range(1, REPORT_CLIENTS + 1):
                clients.submit(request_reports, author)
            eventually(lambda: stack.value(waiting), "queries wait")
            yield
        stopping.set()


@contextmanager
def clients_that_do_not_read(url: str, data: bytes) -> Iterator[None]:
    """Keep connections open that have sent data and read nothing."""
    address = urlsplit(url)
    with ExitStack() as clients:
        for _ in range(SLOW_CLIENTS):
            client = clients.enter_context(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect((address.hostname, address.port))
            with suppress(OSError):
                client.sendall(data)
        yield


@contextmanager
def incomplete_bodies(stack: FaultStack) -> Iterator[None]:
    head = (
        "POST /events/batch HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {stack.file['ingest_key']}\r\nContent-Length: 1000000\r\n\r\n"
    )
    body = b'[{"post_id": 1, "type": "view"}' + b" " * 500_000
    with clients_that_do_not_read(stack.file["ingest_url"], head.encode() + body):
        yield


@contextmanager
def unread_responses(stack: FaultStack) -> Iterator[None]:
    head = (
        "GET /sample/posts?limit=100 HTTP/1.1\r\nHost: localhost\r\n"
        f"Authorization: Bearer {stack.file['read_key']}\r\n\r\n"
    )
    with clients_that_do_not_read(stack.file["api_url"], head.encode() * 20):
        yield


@contextmanager
def unresponsive_webhook(stack: FaultStack) -> Iterator[None]:
    """Send alerts to a receiver that accepts connections and does not respond."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as receiver:
        settings = {
            "ENGAGE_WEBHOOK_URL": f"http://127.0.0.1:{receiver.getsockname()[1]}/",
            "ENGAGE_WEBHOOK_SECRET": "whsec_" + "A" * 40,
        }
        monitor = subprocess.Popen(
            [sys.executable, "-m", "engage", "monitor", "--dir", str(stack.folder)],
            env=os.environ | settings,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield
            assert monitor.wait(ALERT_SECONDS) == 1, "the failed delivery is not reported"
        finally:
            monitor.kill()
            monitor.wait()


@contextmanager
def full_archive(stack: FaultStack) -> Iterator[None]:
    with full_disk(stack.folder / "archive"):
        day = Probe(stack).store_expired_day()
        yield
        assert Probe(stack).has_partition(day), "a day was dropped that is not archived"
