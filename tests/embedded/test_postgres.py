import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from engage.embedded import ports, processes
from engage.embedded.cluster import ClusterProcesses
from engage.embedded.errors import StackError
from engage.embedded.postgres import PostgresServer
from engage.embedded.postgres_programs import VERSIONS, Version

_SPINNING = "DO $$ BEGIN LOOP END LOOP; END $$"


@pytest.fixture(params=VERSIONS)
async def server(
    request: pytest.FixtureRequest, stack_folder: Path
) -> AsyncIterator[PostgresServer]:
    server = PostgresServer(stack_folder, port=ports.pick(), version=request.param)
    await server.start()
    await server.wait_ready()
    yield server
    await server.stop()


async def ask(server: PostgresServer, query: str) -> object:
    connection = await asyncpg.connect(server.superuser_url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


def alive(server: PostgresServer) -> processes.ProcessId:
    assert server.pid is not None
    process = processes.identify(server.pid)
    assert process is not None
    return process


async def test_rows_survive_kill_9_although_a_backend_lives_on(server: PostgresServer) -> None:
    await ask(server, "CREATE TABLE kept AS SELECT 1 AS one")
    busy = await asyncpg.connect(server.superuser_url)
    backend_pid = busy.get_server_pid()
    query = asyncio.create_task(busy.execute(_SPINNING))
    await asyncio.sleep(0.2)
    alive(server).send(signal.SIGKILL)
    backend = processes.identify(backend_pid)

    await server.start()
    await server.wait_ready()

    assert await ask(server, "SELECT one FROM kept") == 1
    assert backend is not None
    assert not backend.is_running()
    with pytest.raises((asyncpg.PostgresError, OSError)):
        await query


async def test_a_server_left_by_a_killed_supervisor_is_ended(
    server: PostgresServer, stack_folder: Path
) -> None:
    earlier = alive(server)

    successor = PostgresServer(stack_folder, port=server.port, version=server.version)
    await successor.start()
    await successor.wait_ready()

    assert not earlier.is_running()
    await successor.stop()
    assert ports.is_free(successor.port)


async def test_it_is_of_the_wanted_version_durable_and_needs_a_password(
    server: PostgresServer,
) -> None:
    version = await ask(server, "SHOW server_version_num")
    durable = await ask(server, "SHOW fsync")

    assert str(version).startswith(str(server.version))
    assert durable == "on"
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(server.url(user="postgres", password="wrong", database="postgres"))


async def test_a_stale_pid_file_that_names_a_stranger_does_not_matter(
    server: PostgresServer,
) -> None:
    pid_path = server.folder / "data" / "postmaster.pid"
    text = pid_path.read_text()
    await server.stop()
    pid_path.write_text(text.replace(text.split("\n")[0], str(os.getppid()), 1))

    await server.start()
    await server.wait_ready()

    assert await ask(server, "SELECT 1") == 1


async def test_data_of_another_version_are_refused(stack_folder: Path) -> None:
    data = stack_folder / "postgres" / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("15\n")
    version: Version = 18

    with pytest.raises(StackError, match="not made by PostgreSQL 18"):
        await PostgresServer(stack_folder, port=ports.pick(), version=version).start()


def test_a_program_that_merely_speaks_of_the_cluster_is_left_alone(stack_folder: Path) -> None:
    cluster = ClusterProcesses(stack_folder)
    command = [sys.executable, "-c", "input()", f"--cluster_name={cluster.name}"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as stranger:
        cluster.end_earlier()

        assert stranger.poll() is None
        stranger.communicate(b"\n")
    assert stranger.returncode == 0
