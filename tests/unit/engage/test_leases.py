"""Ports are leased to one stack."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from engage.embedded.machine import StackError
from engage.embedded.ports import PortLeases, listen

HOLDER = """
import sys
from pathlib import Path
from engage.embedded.ports import PortLeases
with PortLeases(Path(sys.argv[1])) as leases:
    print(leases.take("kafka"), flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def _private_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_port_leased_by_another_process_is_not_taken(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "a.json")]
    with (
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder,
        PortLeases(tmp_path / "b.json") as leases,
    ):
        assert holder.stdout is not None
        theirs = int(holder.stdout.readline())

        assert leases.take("kafka", usual=theirs) != theirs
        with pytest.raises(StackError):
            leases.take("api", asked=theirs)


def test_ports_of_the_last_run_are_taken_again(tmp_path: Path) -> None:
    with PortLeases(tmp_path / "ports.json") as first:
        port = first.take("kafka", asked=0)
        first.remember()
    with PortLeases(tmp_path / "ports.json") as second:
        assert second.take("kafka", usual=port + 1) == port
        second.take("metrics port")
        assert second.replaced == []


def test_port_that_is_listened_on_is_not_given(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, PortLeases(tmp_path / "p") as leases:
        taken = server.getsockname()[1]

        port = leases.take("api", usual=taken)
        assert port != taken
        assert leases.replaced == [f"port {taken} is in use: api listens on {port}"]
        with pytest.raises(StackError, match=str(taken)):
            leases.take("ingest", asked=taken)


def test_listening_socket_accepts_connections_immediately(tmp_path: Path) -> None:
    with PortLeases(tmp_path / "p") as leases, listen(leases.take("api")) as listener:
        socket.create_connection(listener.getsockname(), timeout=1).close()
