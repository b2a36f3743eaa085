import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest

from engage.embedded import ports, processes
from engage.embedded.machine import StackError
from engage.embedded.postgres import PostgresServer
from engage.embedded.processes import ClusterProcesses
from tests.databases import fetchval
from tests.waiting import until

_SPINNING = "DO $$ BEGIN LOOP END LOOP; END $$"


def running(server: PostgresServer) -> processes.ProcessId:
    assert server.pid is not None
    process = processes.identify(server.pid)
    assert process is not None
    return process


async def test_rows_survive_kill_9_while_a_backend_still_runs(
    postgres_server: PostgresServer,
) -> None:
    await fetchval(postgres_server.superuser_url, "CREATE TABLE kept AS SELECT 1 AS one")
    busy = await asyncpg.connect(postgres_server.superuser_url)
    backend_pid = busy.get_server_pid()
    query = asyncio.create_task(busy.execute(_SPINNING))
    is_spinning = f"SELECT state = 'active' FROM pg_stat_activity WHERE pid = {backend_pid}"
    await until(lambda: fetchval(postgres_server.superuser_url, is_spinning))
    backend = processes.identify(backend_pid)
    running(postgres_server).send(signal.SIGKILL)

    await postgres_server.start()
    await postgres_server.wait_ready()

    assert await fetchval(postgres_server.superuser_url, "SELECT one FROM kept") == 1
    assert backend is not None
    assert not backend.is_running()
    with pytest.raises((asyncpg.PostgresError, OSError)):
        await query


async def test_server_left_by_a_killed_supervisor_is_ended(
    postgres_server: PostgresServer, stack_folder: Path
) -> None:
    earlier = running(postgres_server)
    port, version = postgres_server.port, postgres_server.version

    successor = PostgresServer(stack_folder, port=port, version=version)
    await successor.start()
    await successor.wait_ready()

    assert not earlier.is_running()
    await successor.stop()
    assert ports.is_free(port)


async def test_server_has_the_chosen_version_is_durable_and_needs_a_password(
    postgres_server: PostgresServer,
) -> None:
    version = await fetchval(postgres_server.superuser_url, "SHOW server_version_num")

    assert str(version).startswith(str(postgres_server.version))
    assert await fetchval(postgres_server.superuser_url, "SHOW fsync") == "on"
    wrong = postgres_server.url(user="postgres", password="wrong", database="postgres")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(wrong)


async def test_stale_pid_file_that_names_another_process_is_ignored(
    postgres_server: PostgresServer,
) -> None:
    pid_path = postgres_server.folder / "data" / "postmaster.pid"
    text = pid_path.read_text()
    await postgres_server.stop()
    pid_path.write_text(text.replace(text.split("\n")[0], str(os.getppid()), 1))

    await postgres_server.start()
    await postgres_server.wait_ready()

    assert await fetchval(postgres_server.superuser_url, "SELECT 1") == 1


async def test_data_of_another_version_are_rejected(stack_folder: Path) -> None:
    data = stack_folder / "postgres" / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("15\n")

    with pytest.raises(StackError, match="not made by PostgreSQL 18"):
        await PostgresServer(stack_folder, port=ports.pick(), version=18).start()


def test_program_that_only_has_the_clusters_name_as_an_argument_is_not_ended(
    stack_folder: Path,
) -> None:
    cluster = ClusterProcesses(stack_folder)
    command = [sys.executable, "-c", "input()", f"--cluster_name={cluster.name}"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as other:
        cluster.end_all()

        assert other.poll() is None
        other.communicate(b"\n")
    assert other.returncode == 0
