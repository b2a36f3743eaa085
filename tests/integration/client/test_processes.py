"""The client when processes exit, fork and are idle."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.client import faulty_server as faults
from tests.integration.client.faulty_server import faulty_server

ROOT = Path(__file__).parents[3]


def run(program: str, url: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-c", program, url],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def test_buffered_events_are_delivered_at_process_exit() -> None:
    program = """
import sys
from engagement_client import Client
client = Client(sys.argv[1])
for n in range(1, 2501):
    print(client.view(post_id=n))
"""
    with faulty_server(faults.status(503)) as server:
        found = run(program, server.url)
        assert (found.returncode, found.stderr.count("Traceback")) == (0, 0)
        assert server.ids == set(found.stdout.split())
        assert len(server.ids) == 2_500


def test_failing_process_delivers_its_events_and_does_not_wait_for_a_dead_service() -> None:
    program = """
import sys
from engagement_client import Client, Limits
def keep(failure):
    print(failure.reason, *(event.to_json() for event in failure.events), sep="\\n")
clients = [
    Client(url, on_failure=keep, limits=Limits(close_seconds=0.5))
    for url in (sys.argv[1], "http://127.0.0.1:9")
]
for client in clients:
    client.like(post="a-post")
raise SystemExit(3)
"""
    with faulty_server() as server:
        found = run(program, server.url)
        assert found.returncode == 3
        assert len(server.ids) == 1
        reason, event = found.stdout.splitlines()
        assert (reason, json.loads(event)["post"]) == ("closed", "a-post")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_forked_child_starts_with_an_empty_buffer() -> None:
    program = """
import os, sys, warnings
warnings.simplefilter("ignore", DeprecationWarning)
from engagement_client import Client, Limits
client = Client(sys.argv[1], limits=Limits(flush_seconds=30))
client.view(post_id=1)
child = os.fork()
if not child:
    assert client.counts.waiting == 0
    client.view(post_id=2)
    sys.exit(0)
assert os.waitpid(child, 0)[1] == 0
assert client.counts.waiting == 1
client.view(post_id=3)
"""
    with faulty_server() as server:
        found = run(program, server.url)
        assert (found.returncode, found.stderr) == (0, "")
        batches = [[event["post_id"] for event in request] for request in server.requests]
        assert batches == [[2], [1, 3]]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_child_forked_during_a_request_does_not_repeat_it() -> None:
    program = """
import os, sys, time, warnings
warnings.simplefilter("ignore", DeprecationWarning)
from engagement_client import Client, Limits
client = Client(sys.argv[1], limits=Limits(flush_seconds=0, request_seconds=1))
client.view(post_id=1)
while client._sender._buffer.due_at() is not None or not client._sender._buffer._out:
    time.sleep(0.001)
child = os.fork()
if not child:
    client.view(post_id=2)
    assert client.flush()
    sys.exit(0)
assert os.waitpid(child, 0)[1] == 0
assert client.flush()
"""
    with faulty_server(faults.hang) as server:
        found = run(program, server.url)
        assert found.returncode == 0, found.stderr
        delivered = [request[0]["post_id"] for request in server.requests[1:]]
        assert sorted(delivered) == [1, 2]
        assert set(server.accepted.values()) == {1}


def test_idle_client_uses_no_processor_time() -> None:
    program = """
import sys, time
from engagement_client import Client, Limits
client = Client(sys.argv[1], limits=Limits(flush_seconds=0.01))
client.view(post_id=1)
assert client.flush()
began = time.process_time()
time.sleep(1)
print(time.process_time() - began)
"""
    with faulty_server() as server:
        assert float(run(program, server.url).stdout) < 0.02
