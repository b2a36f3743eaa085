"""The loop: fetch records, store each batch while the next one fills, and back off on errors.

Data flows one way: topic -> assignment (decode, batch) -> writer (transaction). What the writer
found comes back as a WriteResult or an exception, and the loop applies it to the assignment.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import Final

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition

from consumer import metrics
from consumer.assignment import Assignment
from consumer.batch import Batch
from consumer.instance_id import InstanceId
from consumer.settings import ConsumerSettings
from consumer.topic import InstanceIdConflict, Topic
from consumer.transaction import BatchWriter, RowsRejected, WriteResult
from runtime import tracing
from runtime.logging import about_batch, get_logger
from schema.errors import Unavailable
from sql.pool import OUTAGES, describe_error
from web.health import OperatorNeeded

_IDLE_POLL_MS: Final = 200
_PAUSED_POLL_MS: Final = 50
_WRITING_POLL_MS: Final = 5
# Few enough that the transaction never waits long for the event loop.
_POLL_RECORDS: Final = 2_000
_PROGRESS_SECONDS: Final = 0.5
_UNASSIGNED_CHECK_SECONDS: Final = 5.0
_RETRY_SECONDS: Final = (0.2, 0.5, 1.0, 2.0)
_POLL_RETRY_SECONDS: Final = 0.05
_FAILED_POLLS: Final = 20
"""Failed polls in a row that make the consumer unready."""
_REVOKE_SECONDS: Final = 2.0
_INSTANCE_ID_POLL_SECONDS: Final = 0.2
_JOINING: Final = "joining the group"

logger = get_logger("consumer")


class Worker(ConsumerRebalanceListener):  # type: ignore[misc]
    """Stores the topic's events until it is stopped."""

    def __init__(self, settings: ConsumerSettings, kafka: AIOKafkaConsumer) -> None:
        self._settings = settings
        self._kafka = kafka
        self._topic = Topic(kafka, settings.topic)
        self._assignment = Assignment(settings, self._topic)
        self._writer = BatchWriter(settings)
        self._writing: asyncio.Task[WriteResult] | None = None
        self._stored_offsets: dict[int, int] = {}
        self._is_stopping = False
        self._is_rebalancing = True
        self._instance_id = InstanceId(
            settings.consumer_instance_id, settings.session_timeout_seconds
        )
        self._must_leave = False
        self._has_left = False
        self._problem: str | None = _JOINING
        self._failures = 0
        self._failed_polls = 0
        self._next_attempt_at = 0.0
        self._next_progress_at = 0.0
        self._next_unassigned_check_at = time.monotonic() + _UNASSIGNED_CHECK_SECONDS
        self._progress_at = time.monotonic()

    def stop(self) -> None:
        """Make ``run`` write what was read, and return."""
        self._is_stopping = True

    def terminate(self) -> None:
        """Drop the connection to PostgreSQL, and with it the batch that is being written."""
        self._writer.terminate()

    def not_ready(self) -> str | None:
        """Return why this consumer does not work, or None."""
        if self._assignment.halted:
            partition, halt = min(self._assignment.halted.items())
            return OperatorNeeded(f"partition {partition} is halted: {halt.reason}")
        if self._instance_id.problem is not None:
            return OperatorNeeded(self._instance_id.problem)
        if self._problem is None and self._failed_polls >= _FAILED_POLLS:
            return "Kafka returns no records"
        if self._problem is None and self._topic.count_partitions() == 0:
            # The group assigns no partition of a missing topic, and none to a spare consumer.
            return (
                f"Kafka shows no topic {self._settings.topic}: create it with kafka-topics.sh"
                " --create, or allow this login to read it"
            )
        return self._problem

    def seconds_without_progress(self) -> float:
        """Return seconds since something was read or written, or found to be unavailable."""
        return time.monotonic() - self._progress_at

    async def run(self) -> None:
        """Work until stopped; then write what was read."""
        self._subscribe()
        while not self._is_stopping:
            await self._step()
        await self._start_writing()
        await self._finish_writing()
        self._writer.terminate()

    def _subscribe(self) -> None:
        self._kafka.subscribe([self._settings.topic], listener=self)

    async def _step(self) -> None:
        if self._must_leave:
            await self._leave_instance_id()
        if self._instance_id.is_waiting:
            self._progress_at = time.monotonic()
            await asyncio.sleep(_INSTANCE_ID_POLL_SECONDS)
            return
        if self._has_left:
            self._has_left = False
            self._subscribe()
        if self._writing is not None and self._writing.done():
            await self._finish_writing()
        has_positions = await self._seek_positions()
        batch = self._assignment.batch
        if batch.is_full or (batch.is_due and self._writing is None):
            await self._start_writing()
        await self._fetch(self._poll_ms() if has_positions else _PAUSED_POLL_MS)
        if time.monotonic() >= self._next_progress_at:
            self._next_progress_at = time.monotonic() + _PROGRESS_SECONDS
            self._instance_id.clear_conflict()
            await self._record_progress()

    # Reading.

    async def _seek_positions(self) -> bool:
        """Read each partition from its offset row on. Return False if some have no position yet."""
        todo = self._assignment.without_position()
        if not todo:
            return True
        if self._is_rebalancing or time.monotonic() < self._next_attempt_at:
            return False
        await self._finish_writing()
        try:
            await self._assignment.seek_positions(await self._writer.connection(), todo)
        except (Unavailable, *OUTAGES) as error:
            self._back_off("Kafka or PostgreSQL is away", error)
            return False
        self._problem = None
        return True

    def _poll_ms(self) -> int:
        if self._writing is not None:
            return _WRITING_POLL_MS
        due_in = self._assignment.batch.due_in_seconds
        return _IDLE_POLL_MS if due_in is None else max(1, int(1000 * due_in))

    async def _fetch(self, timeout_ms: int) -> None:
        """Add the next records to the batch."""
        room = self._settings.batch_max_rows - self._assignment.batch.records
        try:
            polled = await self._topic.poll(timeout_ms, max(1, min(_POLL_RECORDS, room)))
        except InstanceIdConflict:
            self._must_leave = True
        except Unavailable as error:
            # Includes "no position" and "out of range": the offset rows show which.
            self._failed_polls += 1
            log = logger.warning if self._failed_polls == _FAILED_POLLS else logger.debug
            log("poll failed", error=str(error))
            self._assignment.discard_all()
            await asyncio.sleep(_POLL_RETRY_SECONDS)
        else:
            self._failed_polls = 0
            for partition, messages in polled.items():
                self._assignment.add(partition, messages)

    # Writing.

    async def _start_writing(self) -> None:
        """Begin to write the batch as soon as the previous one is written."""
        await self._finish_writing()
        if self._assignment.batch.opened_at is None:
            return  # the previous write failed, and this batch was discarded with it
        batch = self._assignment.take_batch()
        self._writing = asyncio.create_task(self._write(batch), name=batch.batch_id)
        await asyncio.sleep(0)

    async def _finish_writing(self) -> None:
        """Wait for the batch that is being written, and apply its outcome."""
        writing, self._writing = self._writing, None
        if writing is None:
            return
        with about_batch(writing.get_name()):
            try:
                self._apply(await writing)
            except RowsRejected as error:
                self._assignment.reject(error.days, error.events)
                logger.warning("rows rejected", days=len(error.days), events=len(error.events))
                self._assignment.discard_all()
            except (Unavailable, *OUTAGES) as error:
                self._back_off("PostgreSQL is away", error)
            except Exception as error:  # noqa: BLE001  (the offset rows show what was written)
                self._back_off("a batch could not be written", error)
            else:
                self._failures = 0

    async def _write(self, batch: Batch) -> WriteResult:
        """Write a batch, and report it to metrics, log and traces."""
        with about_batch(batch.batch_id):
            result = await self._writer.write(batch)
            metrics.record_batch(batch, result.seconds)
            parts = batch.partitions
            logger.debug(
                "batch stored",
                offsets={p: [part.first_offset, part.next_offset] for p, part in parts.items()},
                rows=sum(len(part.rows) for part in parts.values()),
                duplicates=sum(part.duplicates for part in parts.values()),
                dead_letters=sum(len(part.dead_letters) for part in parts.values()),
                seconds=round(result.seconds, 4),
            )
        if tracing.is_on():
            parents = {parent for part in parts.values() for parent in part.trace_parents}
            tracing.record_stored(batch.batch_id, self._settings.topic, result.seconds, parents)
        return result

    def _apply(self, result: WriteResult) -> None:
        """Apply the outcome of a write to the partitions."""
        if result.conflicts:
            metrics.FENCED.inc(len(result.conflicts))
            logger.warning("offset conflict", partitions=sorted(result.conflicts))
            for partition in result.conflicts:
                self._assignment.discard(partition)
        if result.locked_days:
            self._assignment.postpone_days(result.locked_days, result.locked_partitions)
            days = sorted(map(str, result.locked_days))
            logger.warning("days locked", days=days, partitions=sorted(result.locked_partitions))
        for partition, part in result.batch.partitions.items():
            if partition in self._topic.assigned():
                self._stored_offsets[partition] = part.next_offset
            self._assignment.forget_rejections(part.dead_letters)
            if part.halt is not None:
                self._assignment.halt(partition, part.halt)

    def _back_off(self, problem: str, error: Exception) -> None:
        """Discard everything read ahead; try again after a pause that grows to two seconds."""
        metrics.FAILURES.inc()
        self._progress_at = time.monotonic()
        self._problem = problem
        logger.warning(problem, error=type(error).__name__, detail=describe_error(error))
        self._writer.terminate()
        self._assignment.discard_all()
        pause = _RETRY_SECONDS[min(self._failures, len(_RETRY_SECONDS) - 1)]
        self._failures += 1
        self._next_attempt_at = time.monotonic() + pause

    # Progress without records.

    async def _record_progress(self) -> None:
        """Record when partitions were read to their end, and commit offsets to Kafka's group."""
        is_reading = self._assignment.has_polled() and not (
            self._is_rebalancing or self._failed_polls
        )
        if self._writing is not None or is_reading:
            self._progress_at = time.monotonic()
        if self._assignment.is_idle and self._writing is None:
            try:
                await self._assignment.skip_markers()
                await self._assignment.update_caught_up(await self._writer.connection())
            except (Unavailable, *OUTAGES) as error:
                self._back_off("Kafka or PostgreSQL is away", error)
                return
        if time.monotonic() >= self._next_unassigned_check_at:
            self._next_unassigned_check_at = time.monotonic() + _UNASSIGNED_CHECK_SECONDS
            await self._request_unassigned()
        try:
            await self._topic.commit(self._stored_offsets)
        except Unavailable as error:
            logger.debug("offset commit failed", error=str(error))

    async def _request_unassigned(self) -> None:
        """Request a rebalance if the topic has partitions that were never assigned."""
        await self._finish_writing()
        if self._failures or self._is_rebalancing:
            return
        try:
            unassigned = await self._assignment.count_unassigned(await self._writer.connection())
        except (Unavailable, *OUTAGES) as error:
            self._back_off("PostgreSQL is away", error)
            return
        if not self._topic.assigned():
            self._problem = None
        if unassigned > 0:
            logger.warning("unassigned partitions", partitions=unassigned)
            self._topic.request_rebalance()

    # The group. The offset rows reject what is written too late.

    async def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:
        """Wait for the current write, up to a timeout, and discard what was read ahead."""
        self._is_rebalancing = True
        if self._writing is not None:
            await asyncio.wait({self._writing}, timeout=_REVOKE_SECONDS)
        for tp in revoked:
            self._assignment.revoke(tp.partition)
            self._stored_offsets.pop(tp.partition, None)

    async def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        """Leave the new partitions paused until they have a position."""
        self._is_rebalancing = False
        self._must_leave = self._instance_id.record_join(self._topic.member_id())
        partitions = sorted(tp.partition for tp in assigned)
        for partition in {*partitions, *self._assignment.halted}:
            self._assignment.revoke(partition)
        if self._problem == _JOINING or not partitions:
            self._problem = None
        logger.info("partitions assigned", partitions=partitions)

    async def _leave_instance_id(self) -> None:
        """Leave the instance ID to the other consumer that has it, and join again later."""
        self._must_leave, self._has_left = False, True
        await self._finish_writing()
        for partition in self._topic.assigned():
            self._assignment.revoke(partition)
        self._assignment.discard_all()
        self._kafka.unsubscribe()
        if self._instance_id.back_off():
            logger.error("instance ID conflict", reason=self._instance_id.problem)
