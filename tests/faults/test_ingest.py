"""The ingest service crashes, is stopped, and has slow and hostile clients."""

import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.faults.comparison import compare
from tests.faults.proxied import EXIT_SECONDS, ProxiedStack, send_view
from tests.faults.proxy import Mode

pytestmark = pytest.mark.faults


def incomplete_request(url: str, key: str = "") -> socket.socket:
    """Open a connection and send half a request."""
    address = urlsplit(url)
    connection = socket.create_connection((address.hostname, address.port), timeout=30)
    authorization = f"Authorization: Bearer {key}\r\n" if key else ""
    connection.sendall(
        f"POST /events HTTP/1.1\r\nHost: 127.0.0.1\r\n{authorization}"
        'Content-Type: application/json\r\nContent-Length: 30\r\n\r\n{"post_id":'.encode()
    )
    return connection


def test_f7_a_retry_is_stored_once_when_ingest_crashes(proxied_stack: ProxiedStack) -> None:
    with proxied_stack.under_load() as load:
        for _ in range(5):
            proxied_stack.until_replaced("ingest", proxied_stack.kill("ingest"))
            time.sleep(3)

    assert load.unknown > 0
    assert compare(proxied_stack, load).differences == []


def test_f8_ingest_answers_requests_in_flight_when_it_is_stopped(
    proxied_stack: ProxiedStack, tmp_path: Path
) -> None:
    stored = "SELECT count(*) FROM engagements"
    requests, before = 50, proxied_stack.value(stored)
    with (
        proxied_stack.ingest_process(tmp_path) as (service, url),
        incomplete_request(url),
        proxied_stack.fault(),
        ThreadPoolExecutor(requests) as clients,
    ):
        proxied_stack.kafka_proxy.delay_seconds = 0.4
        responses = [clients.submit(send_view, url) for _ in range(requests)]
        time.sleep(0.6)
        in_flight = sum(not response.done() for response in responses)
        service.child.terminate()
        statuses = {response.result() for response in responses}
        assert service.child.wait(EXIT_SECONDS) == 0

    assert in_flight > 10
    assert statuses == {202}
    proxied_stack.until_drained()
    assert proxied_stack.value(stored) == before + requests + 1  # sent by ingest_process


def test_f9_ingest_stops_while_kafka_does_not_respond(
    proxied_stack: ProxiedStack, tmp_path: Path
) -> None:
    with (
        proxied_stack.ingest_process(tmp_path) as (service, url),
        incomplete_request(url),
        proxied_stack.fault(),
    ):
        proxied_stack.kafka_proxy.mode = Mode.BLACKHOLE
        waiting = threading.Thread(target=send_view, args=(url,))
        waiting.start()
        time.sleep(0.5)
        service.child.send_signal(signal.SIGTERM)
        assert service.child.wait(EXIT_SECONDS) == 0
        waiting.join()
