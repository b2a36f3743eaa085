"""Base backups of a running embedded PostgreSQL, made with its own programs."""

import shutil
import subprocess
from pathlib import Path

from engage.embedded import account, ports
from engage.embedded.postgres import PostgresServer, environment, programs_folder


def run_program(server: PostgresServer, program: str, *arguments: str | Path) -> None:
    """Run one of PostgreSQL's programs in the server's folder, as the user that it runs as."""
    programs = programs_folder(server.version)
    owner = account.choose(server.folder / "data", programs)
    owner.own_folder(server.folder)
    result = subprocess.run(
        owner.command([programs / program, *arguments]),
        cwd=server.folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stderr


def base_backup(source: PostgresServer, folder: Path, *options: str) -> PostgresServer:
    """Return a server in *folder* with a base backup of *source*; it is not started."""
    copy = PostgresServer(folder, port=ports.pick(), version=source.version)
    copy.folder.mkdir(mode=0o700, parents=True)
    shutil.copy(source.folder.parent / "postgres.password", folder)
    # The target is relative to the folder that the program runs in.
    source_options = ("-D", "data", "-d", source.superuser_url, "--checkpoint=fast", "--no-sync")
    run_program(copy, "pg_basebackup", *source_options, *options)
    return copy
