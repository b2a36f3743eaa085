"""A streaming replica of an embedded PostgreSQL, made as an operator makes one."""

import subprocess
from pathlib import Path

from engage.embedded import account, ports
from engage.embedded.postgres import PostgresServer
from engage.embedded.postgres_programs import environment, programs_folder


def run(server: PostgresServer, program: str, *arguments: str | Path, folder: Path) -> None:
    """Run one of PostgreSQL's programs in *folder*, as the user that the server runs as."""
    programs = programs_folder(server.version)
    who = account.choose(server.folder / "data", programs)
    who.own(folder)
    answer = subprocess.run(
        who.command([programs / program, *arguments]),
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr


def copied(primary: PostgresServer, folder: Path) -> PostgresServer:
    """Return a replica of *primary* in *folder*, copied while it runs; it is not started."""
    replica = PostgresServer(folder, port=ports.pick(), version=primary.version)
    replica.folder.mkdir(mode=0o700, parents=True)
    (folder / "postgres.password").write_text(
        (primary.folder.parent / "postgres.password").read_text()
    )
    data = replica.folder / "data"
    options = ("--write-recovery-conf", "--checkpoint=fast", "--no-sync")
    run(
        primary, "pg_basebackup", "-D", data, "-d", primary.superuser_url, *options,
        folder=replica.folder,
    )  # fmt: skip
    return replica
