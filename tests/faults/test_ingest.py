"""The ingest service crashes, is stopped, and meets hostile clients."""

import gzip
import http.client
import json
import signal
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from engage.embedded import ports
from tests.e2e.stacks import eventually, is_open
from tests.faults.conftest import Say
from tests.faults.oracle import until_drained, verify_all
from tests.faults.proxy import Mode
from tests.faults.rig import Rig
from tests.faults.scene import resident_mb
from tests.processes import Process, process

pytestmark = pytest.mark.faults
EXIT_SECONDS = 20.0
BODY = json.dumps({"post_id": 1, "type": "view"}).encode()
BOMB = gzip.compress(b" " * 16_000_000)


def test_f7_a_crashing_service_leaves_unknowns_that_a_retry_settles(rig: Rig, say: Say) -> None:
    with rig.under_load() as load:
        for _ in range(5):
            rig.until_replaced("ingest", rig.kill("ingest"))
            time.sleep(3)

    assert load.facts.unknown_at, "no client saw a crash"
    say(str(verify_all(rig, load)))


@contextmanager
def own_ingest(rig: Rig, folder: Path, **more: str) -> Iterator[tuple[Process, int]]:
    """Yield a service without keys, with these settings, and its port."""
    port = ports.pick()
    settings = {
        "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{rig.to_kafka.port}",
        "PORT": str(port),
    }
    with process("ingest_service", folder, settings | more) as service:
        eventually(lambda: is_open(port), "it listens")
        eventually(lambda: post(port) == 202, "it accepts events")
        yield service, port


def post(port: int, post_id: int = 1) -> int:
    """Send a view; return the status, 0 without an answer."""
    body = json.dumps({"post_id": post_id, "type": "view"}).encode()
    return _send(f"http://127.0.0.1:{port}/events", body, {"Content-Type": "application/json"})


def _send(url: str, body: bytes, headers: dict[str, str]) -> int:
    """Return the status; 0 without an answer."""
    request = urllib.request.Request(url, body, headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            answer.read()
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return int(error.code)
    except (OSError, http.client.HTTPException):
        return 0


def _half_a_request(port: int, key: str = "") -> socket.socket:
    """Open a connection that announces a body and sends half of it."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=30)
    head = f"POST /events HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(BODY)}\r\n"
    head += f"Authorization: Bearer {key}\r\n" if key else ""
    connection.sendall(head.encode() + b"Content-Type: application/json\r\n\r\n" + BODY[:10])
    return connection


def test_f8_told_to_end_it_answers_what_it_has(rig: Rig, tmp_path: Path, say: Say) -> None:
    requests = 50
    before = rig.value("SELECT count(*) FROM engagements")
    with (
        own_ingest(rig, tmp_path) as (service, port),
        _half_a_request(port),
        rig.fault(),
        ThreadPoolExecutor(requests) as clients,
    ):
        rig.to_kafka.delay_seconds = 0.4
        answers = [clients.submit(post, port) for _ in range(requests)]
        time.sleep(0.6)
        in_flight = sum(not answer.done() for answer in answers)
        service.child.terminate()
        began = time.monotonic()
        statuses = [answer.result() for answer in answers]
        service.child.wait(EXIT_SECONDS)
        seconds = time.monotonic() - began

    assert in_flight > 10, "too little was in flight to tell"
    assert set(statuses) == {202}
    assert service.child.returncode == 0
    until_drained(rig)
    assert rig.value("SELECT count(*) FROM engagements") == before + requests + 1
    say(f"{in_flight} in flight and half a body: all answered, ended after {seconds:.1f} s")


def test_f9_it_ends_although_kafka_is_silent(rig: Rig, tmp_path: Path, say: Say) -> None:
    with own_ingest(rig, tmp_path) as (service, port), _half_a_request(port), rig.fault():
        rig.to_kafka.mode = Mode.BLACKHOLE
        waiting = threading.Thread(target=post, args=(port,))
        waiting.start()
        time.sleep(0.5)
        service.child.send_signal(signal.SIGTERM)
        began = time.monotonic()
        service.child.wait(EXIT_SECONDS)
        waiting.join()

    say(f"ended after {time.monotonic() - began:.1f} s")


def test_f39_slow_clients_and_bombs_hold_nobody_up(rig: Rig, say: Say) -> None:
    (pid,) = rig.pids("ingest")
    stack = rig.stack.file
    port = urlsplit(stack["ingest_url"]).port
    with rig.under_load() as load, ExitStack() as held:
        before = resident_mb(pid)
        bombs = held.enter_context(ThreadPoolExecutor(1))
        slow = [held.enter_context(_half_a_request(port, stack["ingest_key"])) for _ in range(200)]
        began = time.monotonic()
        answers = [bombs.submit(_bomb, stack["ingest_url"], stack["ingest_key"]) for _ in range(50)]
        for connection in slow:
            connection.settimeout(20)
            while connection.recv(4096):
                pass
        closed_after = time.monotonic() - began
        assert {answer.result() for answer in answers} == {413}
        grown = resident_mb(pid) - before

    assert closed_after < 15
    assert grown < 50
    assert load.facts.unknown_at == []
    assert load.facts.longest_answer_seconds < 1.5
    numbers = verify_all(rig, load)
    say(f"{numbers}; 200 slow clients closed after {closed_after:.1f} s; {grown:.0f} MB more")


def _bomb(url: str, key: str) -> int:
    """Send a few kilobytes that inflate to 16 MB; return the status."""
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    return _send(f"{url}/events", BOMB, headers | {"Authorization": f"Bearer {key}"})
