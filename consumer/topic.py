"""The topic of a Kafka consumer: partitions by number, and a timeout for every request."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError, RecordTooLargeError
from aiokafka.structs import OffsetAndMetadata

from consumer.decode import from_milliseconds
from consumer.offsets import OffsetRange
from consumer.record_batches import FencedInstanceIdError, UnreadableBatch
from schema.errors import Unavailable

_TIMEOUT_SECONDS: Final = 5.0


class InstanceIdConflict(Unavailable):
    """Another consumer joined the group with this consumer's instance ID."""


class Topic:
    """One topic of a Kafka consumer. Assigned partitions are paused until ``read_from``."""

    def __init__(self, kafka: AIOKafkaConsumer, name: str) -> None:
        self._kafka = kafka
        self._name = name

    def _tp(self, partition: int) -> TopicPartition:
        return TopicPartition(self._name, partition)

    def assigned(self) -> set[int]:
        """Return the partitions that are assigned to this consumer."""
        return {tp.partition for tp in self._kafka.assignment()}

    def count_partitions(self) -> int:
        """Return the number of partitions of the topic; 0 if Kafka does not show it."""
        return len(self._kafka.partitions_for_topic(self._name) or ())

    def request_rebalance(self) -> None:
        """Join the group again; if this consumer leads the group, all members do.

        aiokafka does so by itself when the topic grows, unless the leader came back as a static
        member: then it gets its partitions, but not the information that it leads (KIP-814).
        """
        self._kafka._coordinator.request_rejoin()  # noqa: SLF001  (not public)

    def member_id(self) -> str:
        """Return the ID that the broker gave this consumer when it joined the group."""
        return str(self._kafka._coordinator.member_id)  # noqa: SLF001  (not public)

    def reading(self) -> set[int]:
        """Return the assigned partitions that are not paused."""
        return self.assigned() - {tp.partition for tp in self._kafka.paused()}

    def pause(self, partitions: Iterable[int]) -> None:
        """Pause those of *partitions* that are still assigned."""
        self._kafka.pause(*(self._tp(p) for p in self.assigned().intersection(partitions)))

    def read_from(self, partition: int, offset: int) -> None:
        """Seek to *offset* and resume."""
        self._kafka.seek(self._tp(partition), offset)
        self._kafka.resume(self._tp(partition))

    def pause_at(self, partition: int, offset: int) -> None:
        """Seek to *offset* and pause: without any position, polls of all partitions would fail."""
        self.pause([partition])
        self._kafka.seek(self._tp(partition), offset)

    async def offset_ranges(self, partitions: Iterable[int]) -> dict[int, OffsetRange]:
        """Return the first and the end offset of each partition. Raises Unavailable."""
        tps = [self._tp(partition) for partition in partitions]
        async with _timeout():
            starts = await self._kafka.beginning_offsets(tps)
            ends = await self._kafka.end_offsets(tps)
        return {tp.partition: OffsetRange(starts[tp], ends[tp]) for tp in tps}

    async def poll(self, timeout_ms: int, max_records: int) -> Mapping[int, Sequence[Any]]:
        """Return records by partition, in offset order. Raises Unavailable, InstanceIdConflict.

        The last one may be an UnreadableBatch. Unavailable includes "no position" and "position out
        of range": reading the offset rows again shows which.
        """
        try:
            polled = await self._kafka.getmany(timeout_ms=timeout_ms, max_records=max_records)
        except RecordTooLargeError as error:
            _, tp, offset, *_ = error.args
            reason = "the broker's response ends within the batch"
            return {tp.partition: [UnreadableBatch(offset, None, reason)]}
        except KafkaError as error:
            # aiokafka wraps the broker's error in its own, whose text has the name.
            if FencedInstanceIdError.__name__ in str(error):
                raise InstanceIdConflict from error
            raise Unavailable(f"Kafka: {type(error).__name__}") from error
        return {tp.partition: messages for tp, messages in polled.items()}

    def end(self, partition: int) -> int | None:
        """Return the end offset as of the last poll; None before it, or if unassigned."""
        if partition not in self.assigned():
            return None
        end: int | None = self._kafka.highwater(self._tp(partition))
        return end

    def polled_at(self, partition: int) -> datetime | None:
        """Return when the broker was last polled; None before that, or if unassigned."""
        if partition not in self.assigned():
            return None
        polled_ms = self._kafka.last_poll_timestamp(self._tp(partition))
        return from_milliseconds(polled_ms) if polled_ms else None

    async def position(self, partition: int) -> int | None:
        """Return the offset that is read next, behind markers without a record.

        None if the partition was revoked meanwhile. Raises Unavailable.
        """
        async with _timeout():
            try:
                position: int = await self._kafka.position(self._tp(partition))
            except IllegalStateError:
                return None
        return position

    async def commit(self, next_offsets: Mapping[int, int]) -> None:
        """Commit offsets to Kafka's group, for tools that show lag. Raises Unavailable."""
        partitions = self.assigned().intersection(next_offsets)
        if not partitions:
            return
        offsets = {self._tp(p): OffsetAndMetadata(next_offsets[p], "") for p in partitions}
        async with _timeout():
            await self._kafka.commit(offsets)


@asynccontextmanager
async def _timeout() -> AsyncIterator[None]:
    """Limit the time of requests to Kafka; raise Unavailable for their errors."""
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            yield
    except (KafkaError, TimeoutError) as error:
        raise Unavailable(f"Kafka: {type(error).__name__}") from error
