"""Start, addresses, second start, end and clean-up of a stack."""

import json
import os
import signal
import socket
import stat
from pathlib import Path
from urllib.parse import urlsplit

from tests.e2e.stacks import Stack, engage, eventually, is_alive, is_open, started
from tests.e2e.test_operators import produce

ROLES = {
    "kafka": 1, "kafka-gateway": 1, "postgres": 1, "ingest": 2, "consumer": 0, "refresher": 1,
    "api": 1, "catalogue": 1,
}  # fmt: skip


def test_stack_file_names_all_processes_and_down_leaves_none(tmp_path: Path) -> None:
    with started(tmp_path / "a stack", "--ingest-workers", "2", "--consumers", "0") as stack:
        file, pids = stack.file, stack.pids()
        mode = stat.S_IMODE((stack.folder / "stack.json").stat().st_mode)
        second = stack.engage("up", "--detach")
        status, _ = stack.get("/ops/ledger")
        ended = stack.engage("down")

        assert mode == 0o600
        assert {role: len(pids) for role, pids in file["processes"].items()} == ROLES
        assert {role: len(urls) for role, urls in file["metrics"].items()} == {
            "ingest": 2, "refresher": 1, "api": 1, "catalogue": 1,
        }  # fmt: skip
        assert (second.returncode, "runs in" in second.stderr) == (1, True)
        assert status == 200
        assert ended.returncode == 0
        assert [pid for pid in pids if is_alive(pid)] == []
        assert [port for port in stack.ports() if is_open(port)] == []
        assert not (stack.folder / "stack.json").exists()
        assert stack.engage("status").returncode == 3


def test_keys_ports_and_events_survive_the_next_start(tmp_path: Path) -> None:
    with started(tmp_path, "--consumers", "0") as stack:
        before = stack.file
        stack.post({"post_id": 1, "type": "view"})
        stack.engage("down")
        stack.up("--consumers", "1")

        assert stack.file["ingest_key"] == before["ingest_key"]
        changed = {name for name in before if before[name] != stack.file[name]}
        # The stacks of the tests ask for any free port of these two services.
        assert changed <= {"processes", "metrics", "ingest_url", "api_url"}
        eventually(lambda: _stored(stack) == 1, "the event of the first run is stored")


def test_port_in_use_is_named_with_the_port_that_replaces_it(tmp_path: Path) -> None:
    with started(tmp_path, "--consumers", "0") as stack:
        before = urlsplit(stack.file["catalogue_url"]).port
        stack.engage("down")
        with socket.create_server(("127.0.0.1", before or 0)):
            again = stack.engage("up", "--detach", "--consumers", "0")
            now = stack.file["catalogue_url"]
            shown = stack.engage("status").stdout

        assert f"port {before} is in use: catalogue listens on {urlsplit(now).port}" in again.stderr
        assert now in shown
        assert f"{stack.file['api_url']}/dashboard" in shown


def test_down_and_up_clean_up_after_a_killed_supervisor(tmp_path: Path) -> None:
    with started(tmp_path, "--consumers", "1") as stack:
        orphans = _kill_supervisor(stack)
        stack.up("--consumers", "1")

        assert [pid for pid in orphans if is_alive(pid)] == []

        orphans = _kill_supervisor(stack)
        ended = stack.engage("down", "--wipe")

        assert ended.returncode == 0
        assert [pid for pid in orphans if is_alive(pid)] == []
        assert list(tmp_path.iterdir() if tmp_path.exists() else []) == []


def _kill_supervisor(stack: Stack) -> set[int]:
    """Kill it with -9 and return the processes that it leaves."""
    supervisor = json.loads(stack.engage("status", "--json").stdout)["supervisor_pid"]
    orphans = stack.pids() - {supervisor}
    os.kill(supervisor, signal.SIGKILL)
    eventually(lambda: not is_alive(supervisor), "the supervisor ends")
    assert all(is_alive(pid) for pid in orphans)
    status = stack.engage("status")
    assert (status.returncode, "supervisor of" in status.stderr) == (3, True)
    return orphans


def _stored(stack: Stack) -> int:
    _, ledger = stack.get("/ops/ledger")
    return sum(partition["stored"] for partition in ledger["partitions"])


async def test_stack_with_a_halted_partition_starts_again_and_reports_it(tmp_path: Path) -> None:
    with started(tmp_path, "--consumers", "1") as stack:
        await produce(stack, [b"no event"] * 100)
        eventually(lambda: "is halted" in stack.engage("status").stdout, "the partition is halted")
        stack.engage("down")
        again = engage("up", "--detach", "--ingest-port", "0", "--api-port", "0", "--dir", tmp_path)

        assert again.returncode == 0, again.stderr
        assert "partition 3" in again.stderr
        assert stack.engage("status").returncode == 1
        assert "resumes" in stack.engage("consumer", "resume").stdout
        eventually(lambda: stack.engage("status").returncode == 0, "the partition goes on")
