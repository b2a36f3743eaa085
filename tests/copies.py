"""Copies of an embedded PostgreSQL that runs, made with its own programs as operators make them."""

import shutil
import subprocess
from pathlib import Path

from engage.embedded import account, ports
from engage.embedded.postgres import PostgresServer
from engage.embedded.postgres_programs import environment, programs_folder


def run(server: PostgresServer, program: str, *arguments: str | Path) -> None:
    """Run one of PostgreSQL's programs in the server's folder, as the user that it runs as."""
    programs = programs_folder(server.version)
    who = account.choose(server.folder / "data", programs)
    who.own(server.folder)
    answer = subprocess.run(
        who.command([programs / program, *arguments]),
        cwd=server.folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr


def copied(source: PostgresServer, folder: Path, *options: str) -> PostgresServer:
    """Return a server in *folder* with a base backup of *source*; it is not started."""
    copy = PostgresServer(folder, port=ports.pick(), version=source.version)
    copy.folder.mkdir(mode=0o700, parents=True)
    shutil.copy(source.folder.parent / "postgres.password", folder)
    # Where to is relative to the folder that the program runs in.
    asked = ("-D", "data", "-d", source.superuser_url, "--checkpoint=fast", "--no-sync")
    run(copy, "pg_basebackup", *asked, *options)
    return copy
