"""The disk of PostgreSQL, of its write-ahead log or of Kafka is full.

Each is a small tmpfs, which only root may mount.
"""

import asyncio
import contextlib
import errno
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack

import asyncpg
import pytest

from tests.e2e.stacks import eventually
from tests.faults.comparison import compare
from tests.faults.disks import NOT_ALLOWED, full_disk, tmpfs
from tests.faults.proxied import ProxiedStack, run_proxied_stack
from tests.faults.stack import RECOVERY_SECONDS

pytestmark = pytest.mark.faults
FREE_BYTES = 64 * 1024


@pytest.fixture(scope="module")
def module_proxied_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProxiedStack]:
    """A stack with 300 MB for Kafka, 64 MB in a tablespace, and 256 MB for write-ahead log."""
    folder = tmp_path_factory.mktemp("small")
    with ExitStack() as disks:
        if not disks.enter_context(tmpfs(folder / "kafka", "300m")):
            pytest.skip(NOT_ALLOWED)
        stack = disks.enter_context(run_proxied_stack(folder))
        for name, size in (("small", "64m"), ("wal", "256m")):
            disks.enter_context(tmpfs(stack.postgres.folder / name, size))
            owner = (stack.postgres.folder / "data").stat()
            os.chown(stack.postgres.folder / name, owner.st_uid, owner.st_gid)
        stack.execute(f"CREATE TABLESPACE small LOCATION '{stack.postgres.folder / 'small'}'")
        move_write_ahead_log(stack)
        yield stack


def move_write_ahead_log(stack: ProxiedStack) -> None:
    asyncio.run(stack.postgres.stop())
    source = stack.postgres.folder / "data" / "pg_wal"
    target = stack.postgres.folder / "wal" / "pg_wal"
    shutil.copytree(source, target)
    owner = source.stat()
    for path in (target, *target.rglob("*")):
        os.chown(path, owner.st_uid, owner.st_gid)
    target.chmod(0o700)
    shutil.rmtree(source)
    source.symlink_to(target)
    stack.restore()


def test_f16_consumers_wait_for_space_when_the_disk_of_postgresql_is_full(
    proxied_stack: ProxiedStack,
) -> None:
    with proxied_stack.under_load(rate_per_second=500) as load:
        today = proxied_stack.value(
            "SELECT tableoid::regclass::text FROM engagements"
            " ORDER BY engaged_timestamp DESC LIMIT 1"
        )
        proxied_stack.execute(f"SET lock_timeout = '20s'; ALTER TABLE {today} SET TABLESPACE small")
        with full_disk(proxied_stack.postgres.folder / "small", FREE_BYTES):
            proxied_stack.until_not_ready("consumer", RECOVERY_SECONDS)
            time.sleep(5)

    assert "DiskFullError" in proxied_stack.log("consumer")
    assert load.unknown == 0
    assert compare(proxied_stack, load).differences == []


def test_f16_events_are_accepted_when_postgresql_crashes_because_its_write_ahead_log_is_full(
    proxied_stack: ProxiedStack,
) -> None:
    postgres = proxied_stack.postgres

    def has_crashed() -> bool:
        """Write to the write-ahead log, and look for a panic."""
        with contextlib.suppress(asyncpg.PostgresError, OSError):
            proxied_stack.execute(
                "SELECT pg_logical_emit_message(false, 'test', repeat('x', 4000000))"
            )
        return "PANIC" in postgres.log_path.read_text(errors="replace")

    with proxied_stack.under_load(rate_per_second=500) as load:
        with proxied_stack.fault() as fault, full_disk(postgres.folder / "wal", FREE_BYTES):
            eventually(has_crashed, "PostgreSQL crashes", RECOVERY_SECONDS)
            proxied_stack.until_not_ready("consumer", RECOVERY_SECONDS)
            time.sleep(5)
        proxied_stack.until_ready()

    assert load.unknown == 0
    assert load.accepted_between(fault.began, fault.ended) > 1_000
    assert compare(proxied_stack, load).differences == []


def test_f16_ingest_answers_503_while_the_disk_of_kafka_is_full(
    proxied_stack: ProxiedStack,
) -> None:
    with proxied_stack.under_load(rate_per_second=500, batch_events=100) as load:
        with proxied_stack.fault(), full_disk(proxied_stack.kafka.folder, FREE_BYTES):
            proxied_stack.until_not_ready("ingest", RECOVERY_SECONDS)
            time.sleep(3)
        proxied_stack.until_ready()

    log = proxied_stack.kafka.log_path.read_text(errors="replace")
    assert os.strerror(errno.ENOSPC) in log
    assert load.statuses[503] > 0
    assert compare(proxied_stack, load).differences == []
