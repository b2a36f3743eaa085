"""Drives the real pipeline: a topic and a database per example, and consumers in this process."""

import asyncio
import time
import uuid
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import asyncpg
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete
from aiokafka.errors import TopicAlreadyExistsError
from pydantic import SecretStr

from analytics_api.ledger import RowCounts, balance, read_counts
from consumer.__main__ import kafka_consumer
from consumer.loop import Worker
from consumer.replay import Replayer
from consumer.settings import ConsumerSettings
from engage.archive_files import Damaged, restore, scrub
from engage.commands.consumer import ResumeFrom, resume_partitions
from engage.commands.db import run_checks
from engage.erasure import Subject, erase
from engage.stack.layout import StackFile
from engage.target import Target
from refresher.archive import Archive
from refresher.partitions import Partitions
from refresher.settings import RefresherSettings
from schema.migrate import migrate
from schema.validation import Window
from tests.backends import Backend
from tests.conftest import database_url

SETTLE_SECONDS = 30.0
WIDE = Window(past=timedelta(days=400), future=timedelta(minutes=5))
Result = TypeVar("Result")
P = ParamSpec("P")


@dataclass
class Consumer:
    worker: Worker
    kafka: Any
    task: asyncio.Task[None]


def synchronous(
    method: Callable[Concatenate["Harness", P], Coroutine[Any, Any, Result]],
) -> Callable[Concatenate["Harness", P], Result]:
    """Run an async method in the harness's event loop: the state machine is not async."""

    @wraps(method)
    def run(harness: "Harness", *arguments: P.args, **options: P.kwargs) -> Result:
        return harness.run(method(harness, *arguments, **options))

    return run


class Harness:
    """Servers, an event loop and a template database, which outlive an example."""

    def __init__(self, servers: Backend, folder: Path, posts: Sequence[tuple[int, datetime]]):
        self._servers = servers
        self._folder = folder
        self._runner = asyncio.Runner()
        self._template = f"template_{uuid.uuid4().hex}"
        self._consumers: list[Consumer] = []
        self.run(self._prepare(posts))

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return self._runner.run(work)

    async def _prepare(self, posts: Sequence[tuple[int, datetime]]) -> None:
        servers = self._servers.kafka_bootstrap_servers
        self._admin = AIOKafkaAdminClient(bootstrap_servers=servers)
        self._producer = AIOKafkaProducer(bootstrap_servers=servers, acks="all")
        await asyncio.gather(self._admin.start(), self._producer.start())
        self._server = await asyncpg.connect(self._servers.database_url)
        await self._server.execute(f"CREATE DATABASE {self._template}")
        connection = await asyncpg.connect(database_url(self._servers, self._template))
        await migrate(connection)
        await connection.execute(
            "INSERT INTO authors VALUES (1, 'An author', '2026-01-01', 'Tech')"
        )
        await connection.executemany(
            "INSERT INTO posts VALUES ($1, 1, 'Tech', $2, 'A post', 100, false)", posts
        )
        await connection.close()

    def close(self) -> None:
        self.run(self._close())
        self._runner.close()

    async def _close(self) -> None:
        await self._drop(self._template)
        await self._server.close()
        await asyncio.gather(self._admin.close(), self._producer.stop())

    async def _drop(self, name: str) -> None:
        await self._server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    async def _copy(self, source: str, name: str) -> None:
        await self._server.execute(f"CREATE DATABASE {name} TEMPLATE {source} STRATEGY file_copy")

    # An example.

    def begin(self, days: Iterable[date], partitions: int) -> None:
        self._name = f"pipeline_{uuid.uuid4().hex}"
        self._topic = f"pipeline.{uuid.uuid4().hex}"
        self._partitions = range(partitions)
        self._archive = Archive(str(self._folder / self._name))
        self._counts = RowCounts()
        self._numbers: dict[int | str, set[int]] = {}
        self._begin(days)

    @synchronous
    async def _begin(self, days: Iterable[date]) -> None:
        await self._admin.create_topics([NewTopic(self._topic, len(self._partitions), 1)])
        await self._copy(self._template, self._name)
        await self._connect()
        for day in days:
            await self.connection.execute("SELECT ensure_partition($1)", day)

    async def _connect(self) -> None:
        self.url = database_url(self._servers, self._name)
        self.connection = await asyncpg.connect(self.url)

    def end(self) -> None:
        while self._consumers:
            self.end_consumer(is_crash=True)
        self._end()

    @synchronous
    async def _end(self) -> None:
        await self.connection.close()
        await self._drop(self._name)
        await self._drop(f"{self._name}_backup")

    # Each consumer has its own group: none waits for another, and two read all records twice.

    def start_consumer(self, window: timedelta, dead_letter_limit: int) -> None:
        settings = ConsumerSettings(
            kafka_bootstrap_servers=self._servers.kafka_bootstrap_servers,
            database_url=SecretStr(self.url),
            topic=self._topic,
            consumer_group=f"group-{uuid.uuid4()}",
            retention_days=window.days,
            dead_letter_limit=dead_letter_limit,
        )
        self._start(settings)

    @synchronous
    async def _start(self, settings: ConsumerSettings) -> None:
        kafka = kafka_consumer(settings)
        await kafka.start()
        worker = Worker(settings, kafka)
        self._consumers.append(Consumer(worker, kafka, asyncio.create_task(worker.run())))

    def end_consumer(self, *, is_crash: bool) -> None:
        """End the oldest consumer. A crash loses what it had read but not written."""
        self._stop(self._consumers.pop(0), is_crash=is_crash)

    @synchronous
    async def _stop(self, consumer: Consumer, *, is_crash: bool) -> None:
        if is_crash:
            consumer.worker.terminate()
            consumer.task.cancel()
        else:
            consumer.worker.stop()
        await asyncio.wait({consumer.task}, timeout=SETTLE_SECONDS)
        await consumer.kafka.stop()

    @synchronous
    async def settle(self, expected: dict[int, tuple[int, str | None]]) -> None:
        """Wait until the partitions have these next offsets and halts."""
        timeout_at = time.monotonic() + SETTLE_SECONDS
        query = "SELECT partition, next_offset, halt_reason FROM consumer_offsets"
        found: dict[int, tuple[int, str | None]] = {}
        while found != expected and time.monotonic() < timeout_at:
            await asyncio.sleep(0.005)
            found = {row[0]: (row[1], row[2]) for row in await self.connection.fetch(query)}
        assert found == expected

    # The log.

    @synchronous
    async def produce(self, records: Sequence[tuple[int, bytes | None]]) -> None:
        sent = [
            await self._producer.send(self._topic, value, key=b"k", partition=partition)
            for partition, value in records
        ]
        await asyncio.gather(*sent)

    def truncate_log(self, partition: int, offset: int) -> None:
        tp = TopicPartition(self._topic, partition)
        self.run(self._admin.delete_records({tp: RecordsToDelete(before_offset=offset)}))

    @synchronous
    async def recreate_topic(self) -> None:
        await self._admin.delete_topics([self._topic])
        while True:
            try:
                await self._admin.create_topics([NewTopic(self._topic, len(self._partitions), 1)])
                break
            except TopicAlreadyExistsError:
                await asyncio.sleep(0.02)
        await self._producer.client.force_metadata_update()

    # The operator.

    def resume(self, partition: int, position: str | int) -> None:
        stack = StackFile(
            "", "", self._servers.kafka_bootstrap_servers, self.url, "", "", {}, {}, "", "",
            self._topic,
        )  # fmt: skip
        target = Target(self._folder, stack, None)  # type: ignore[arg-type]
        if isinstance(position, int):
            self.run(resume_partitions(target, partition, offset=position))
        else:
            self.run(resume_partitions(target, partition, ResumeFrom(position)))

    @synchronous
    async def replay(self) -> None:
        replayer = Replayer(self.connection, WIDE, "the test")
        query = "SELECT dead_letter_id FROM dead_letters WHERE replay_outcome IS NULL ORDER BY 1"
        for row in await self.connection.fetch(query):
            await replayer.replay(row[0], is_dry_run=False)

    def erase(self, user: int | str, *, is_linked: bool) -> None:
        self._record_numbers()
        subject = Subject(user) if isinstance(user, int) else Subject(external_id=user)
        self.run(erase(self.url, subject, requested_by="the test", is_linked=is_linked))

    def assign_number(self, kind: str, name: str) -> None:
        self._record_numbers()
        number = 880000001 + sum(map(len, self._numbers.values()))
        self.fetch("SELECT move_external_id($1, $2, $3)", kind, name, number)
        self._record_numbers()

    def _record_numbers(self) -> None:
        for name, number in self.fetch("SELECT external_id, id FROM external_ids"):
            self._numbers.setdefault(name, set()).add(number)

    def numbers_of(self, users: Iterable[int | str]) -> set[int]:
        """Return current and former numbers of users."""
        return {n for user in users for n in self._numbers.get(user, {user}) if isinstance(n, int)}

    def expire(self, first_kept: date, *, has_archive: bool) -> None:
        """Expire the days before *first_kept*, as the refresher does after retention."""
        settings = RefresherSettings(
            database_url=SecretStr(self.url),
            topic_retention_days=0,
            archive_url=str(self._folder / self._name) if has_archive else None,
        )
        age_days = (datetime.now(UTC).date() - first_kept).days
        retention = {"retention_days": age_days - settings.max_record_age_days}
        settings = settings.model_copy(update=retention)
        assert self.run(Partitions(settings).expire(self.connection))

    def restore(self, day: date, keep_until: date) -> bool:
        """Restore an archived day. Return False if its file is damaged."""
        try:
            self.run(restore(self.url, self._archive, day, keep_until=keep_until))
        except Damaged:
            return False
        return True

    def scrub(self) -> None:
        self.run(scrub(self.url, self._archive))

    def back_up(self) -> None:
        self._replace(self._name, f"{self._name}_backup")

    def roll_back(self) -> None:
        # New external IDs may get numbers that others had.
        self._numbers.clear()
        self._replace(f"{self._name}_backup", self._name)

    @synchronous
    async def _replace(self, source: str, name: str) -> None:
        await self.connection.close()
        await self._drop(name)
        await self._copy(source, name)
        await self._connect()

    # Queries.

    def fetch(self, query: str, *values: Any) -> list[Any]:
        return self.run(self.connection.fetch(query, *values))

    def refresh(self) -> None:
        self.run(self.connection.execute("SELECT refresh_engagement_stats()"))

    def failed_checks(self) -> list[dict[str, Any]]:
        """Return the failed checks of `engage db verify`."""
        return [check.as_row() for check in self.run(run_checks(self.url)) if not check.is_right]

    def is_balanced(self, ends: dict[int, int]) -> bool:
        """Return `balanced` of `GET /ops/ledger`."""
        counts = self.run(read_counts(self.connection, self._topic, self._counts))
        return balance(counts, self._topic, ends).balanced

    def archived_users(self, days: Iterable[date]) -> set[int]:
        groups = [group for day in days for group in self._archive.groups(day, 1)]
        return {user for group in groups for user in group.column("user_id").to_pylist() if user}
