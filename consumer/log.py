"""The topic as the worker reads it: partitions by number, every question bounded in time."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError
from aiokafka.structs import OffsetAndMetadata

from consumer.decode import instant_of
from consumer.positions import LogBounds
from schema.errors import Unavailable

_ANSWER_SECONDS: Final = 5.0


class Log:
    """One topic of a Kafka consumer. Assigned partitions are paused until ``read_from``."""

    def __init__(self, kafka: AIOKafkaConsumer, topic: str) -> None:
        self._kafka = kafka
        self._topic = topic

    def _tp(self, partition: int) -> TopicPartition:
        return TopicPartition(self._topic, partition)

    def assigned(self) -> set[int]:
        """Return the partitions this consumer has."""
        return {tp.partition for tp in self._kafka.assignment()}

    def partitions(self) -> int:
        """Return how many partitions the topic has, whoever has them."""
        return len(self._kafka.partitions_for_topic(self._topic) or ())

    def share_out_anew(self) -> None:
        """Join the group once more; where this is its leader, all others do, too.

        The client would by itself, but not a leader that came back by its static name: it is
        handed its share, and not told that it leads (KIP-814).
        """
        self._kafka._coordinator.request_rejoin()  # noqa: SLF001  (there is no other way)

    def reading(self) -> set[int]:
        """Return the assigned partitions that are not paused."""
        return self.assigned() - {tp.partition for tp in self._kafka.paused()}

    def pause(self, partitions: Iterable[int]) -> None:
        """Read no more from *partitions*; those that were lost meanwhile are left alone."""
        self._kafka.pause(*(self._tp(p) for p in self.assigned().intersection(partitions)))

    def read_from(self, partition: int, offset: int) -> None:
        """Go on at *offset*."""
        self._kafka.seek(self._tp(partition), offset)
        self._kafka.resume(self._tp(partition))

    def hold_at(self, partition: int, offset: int) -> None:
        """Read no more from the partition; the client believes to stand at *offset*."""
        self.pause([partition])
        self._kafka.seek(self._tp(partition), offset)

    async def bounds(self, partitions: Iterable[int]) -> dict[int, LogBounds]:
        """Return where each log starts and ends. Raises Unavailable."""
        tps = [self._tp(partition) for partition in partitions]
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                starts = await self._kafka.beginning_offsets(tps)
                ends = await self._kafka.end_offsets(tps)
        except (KafkaError, TimeoutError) as error:
            raise Unavailable(f"Kafka: {type(error).__name__}") from error
        return {tp.partition: LogBounds(starts[tp], ends[tp]) for tp in tps}

    async def poll(self, timeout_ms: int, max_records: int) -> Mapping[int, Sequence[Any]]:
        """Return records by partition, in offset order. Raises Unavailable.

        That also stands for "no position" and "position outside the log": whoever reads the
        offset rows again learns which it is.
        """
        try:
            polled = await self._kafka.getmany(timeout_ms=timeout_ms, max_records=max_records)
        except KafkaError as error:
            raise Unavailable(f"Kafka: {type(error).__name__}") from error
        return {tp.partition: messages for tp, messages in polled.items()}

    def end(self, partition: int) -> int | None:
        """Return the log's end as of the last poll; None before the first, or when lost."""
        if partition not in self.assigned():
            return None
        end: int | None = self._kafka.highwater(self._tp(partition))
        return end

    def polled_timestamp(self, partition: int) -> datetime | None:
        """Return when the broker was last asked; None before the first time, or when lost."""
        if partition not in self.assigned():
            return None
        polled_ms = self._kafka.last_poll_timestamp(self._tp(partition))
        return instant_of(polled_ms) if polled_ms else None

    async def position(self, partition: int) -> int | None:
        """Return the offset the client reads next; it passes markers without a record.

        None: the partition was lost meanwhile.
        """
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                position: int = await self._kafka.position(self._tp(partition))
        except IllegalStateError:
            return None
        except (KafkaError, TimeoutError) as error:
            raise Unavailable(f"Kafka: {type(error).__name__}") from error
        return position

    async def tell_group(self, next_offsets: Mapping[int, int]) -> None:
        """Commit to Kafka's group, which only lag tools read. Raises Unavailable."""
        mine = self.assigned().intersection(next_offsets)
        if not mine:
            return
        offsets = {self._tp(p): OffsetAndMetadata(next_offsets[p], "") for p in mine}
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                await self._kafka.commit(offsets)
        except (KafkaError, TimeoutError) as error:
            raise Unavailable(f"Kafka: {type(error).__name__}") from error
