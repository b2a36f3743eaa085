"""A disk that is full: PostgreSQL's, its journal's, then Kafka's.

Each is a small tmpfs, which root may mount.
"""

import asyncio
import contextlib
import errno
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import asyncpg
import pytest

from tests.e2e.stacks import eventually
from tests.faults.conftest import Say
from tests.faults.oracle import verify_all
from tests.faults.rig import Rig, rigged
from tests.faults.scene import RECOVERY_SECONDS

pytestmark = pytest.mark.faults
_ROOM_BYTES = 64 * 1024
_CHUNK = b"\0" * 64 * 1024


@contextmanager
def _mounted(folder: Path, size: str) -> Iterator[Path]:
    """Mount a tmpfs on the folder; where that is not allowed, say so and skip."""
    folder.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs", str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("a full disk needs a tmpfs, which only root may mount here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def _full(folder: Path) -> Iterator[None]:
    """Leave no room but a little in the file system of a folder."""
    ballast = folder / "ballast"
    try:
        with ballast.open("wb", buffering=0) as file:
            with contextlib.suppress(OSError):
                while file.write(_CHUNK) == len(_CHUNK):
                    pass
            file.truncate(max(0, file.tell() - _ROOM_BYTES))
        yield
    finally:
        ballast.unlink(missing_ok=True)


@pytest.fixture(scope="module")
def small_rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """A rig whose Kafka has 300 MB, today's events 64 MB, and PostgreSQL's journal 256 MB."""
    folder = tmp_path_factory.mktemp("small")
    with ExitStack() as held:
        held.enter_context(_mounted(folder / "kafka", "300m"))
        rig = held.enter_context(rigged(folder, 0))
        for name, size in (("small", "64m"), ("wal", "256m")):
            mounted = held.enter_context(_mounted(rig.postgres.folder / name, size))
            owner = (rig.postgres.folder / "data").stat()
            os.chown(mounted, owner.st_uid, owner.st_gid)
        rig.execute(f"CREATE TABLESPACE small LOCATION '{rig.postgres.folder / 'small'}'")
        _move_journal(rig)
        yield rig


def _move_journal(rig: Rig) -> None:
    """Put PostgreSQL's write-ahead log into the file system made for it."""
    asyncio.run(rig.postgres.stop())
    journal = rig.postgres.folder / "data" / "pg_wal"
    new_place = rig.postgres.folder / "wal" / "pg_wal"
    shutil.copytree(journal, new_place)
    owner = journal.stat()
    for path in (new_place, *new_place.rglob("*")):
        os.chown(path, owner.st_uid, owner.st_gid)
    new_place.chmod(0o700)
    shutil.rmtree(journal)
    journal.symlink_to(new_place)
    rig.heal()


@pytest.fixture
def rig(small_rig: Rig, seed: int) -> Rig:
    """The small rig, with this test's seed."""
    small_rig.seed = seed
    small_rig.until_ready()
    return small_rig


def test_f16_a_full_disk_of_postgresql_is_waited_for(rig: Rig, say: Say) -> None:
    with rig.under_load(rate_per_second=500) as load:
        today = rig.value(
            "SELECT tableoid::regclass::text FROM engagements"
            " ORDER BY engaged_timestamp DESC LIMIT 1"
        )
        rig.execute(f"SET lock_timeout = '20s'; ALTER TABLE {today} SET TABLESPACE small")
        with _full(rig.postgres.folder / "small"):
            eventually(lambda: 503 in rig.readiness("consumer"), "not ready", RECOVERY_SECONDS)
            time.sleep(5)

    assert "DiskFullError" in rig.log("consumer")
    assert load.facts.unknown_at == []
    say(str(verify_all(rig, load)))


def test_f16_a_full_disk_of_postgresqls_journal_is_a_crash_that_is_recovered_from(
    rig: Rig, say: Say
) -> None:
    with rig.under_load(rate_per_second=500) as load:
        with rig.fault() as fault, _full(rig.postgres.folder / "wal"):
            eventually(lambda: _has_panicked(rig), "PostgreSQL crashes", RECOVERY_SECONDS)
            eventually(lambda: 200 not in rig.readiness("consumer"), "not ready", RECOVERY_SECONDS)
            time.sleep(5)
        rig.until_ready()

    assert load.facts.unknown_at == []
    assert load.facts.accepted_between(fault.began, fault.ended) > 1_000
    say(str(verify_all(rig, load)))


def _has_panicked(rig: Rig) -> bool:
    """Have PostgreSQL begin another segment of its journal, for which there is no room."""
    with contextlib.suppress(asyncpg.PostgresError, OSError):
        rig.execute("SELECT pg_logical_emit_message(false, 'room', repeat('x', 4000000))")
    return "PANIC" in rig.postgres.log_path.read_text(errors="replace")


def test_f16_a_full_disk_of_kafka_is_answered_503(rig: Rig, say: Say) -> None:
    with rig.under_load(rate_per_second=500, batch_events=100) as load:
        with rig.fault(), _full(rig.kafka.folder):
            eventually(lambda: rig.readiness("ingest") == [503], "not ready", RECOVERY_SECONDS)
            time.sleep(3)
        rig.until_ready()

    assert os.strerror(errno.ENOSPC) in rig.kafka.log_path.read_text(errors="replace")
    assert load.facts.statuses[503] > 0
    say(str(verify_all(rig, load)))
