"""The loop: settle where to read, poll, decode while the batch before is being written."""

import asyncio
import time
from collections.abc import Sequence
from typing import Final

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition

from consumer import metrics
from consumer.batch import Batch
from consumer.delivery import deliver
from consumer.log import Log
from consumer.reader import Reader
from consumer.settings import ConsumerSettings
from consumer.writer import Refused, Writer
from schema.errors import Unavailable
from schema.http.side_port import PersonNeeded
from schema.telemetry import about_batch, get_logger
from sql.pool import OUTAGES, told

_IDLE_POLL_MS: Final = 200
_UNSETTLED_POLL_MS: Final = 50
_WRITING_POLL_MS: Final = 5
_NOTE_SECONDS: Final = 0.5
_LOOK_SECONDS: Final = 5.0
_RETRY_SECONDS: Final = (0.2, 0.5, 1.0, 2.0)
_POLL_FAILED_SECONDS: Final = 0.05
_FAILED_POLLS: Final = 20
"""So many in a row are no passing state."""
_REVOKE_SECONDS: Final = 2.0
_JOINING: Final = "joining the group"

logger = get_logger("consumer")


class Worker(ConsumerRebalanceListener):  # type: ignore[misc]
    """Moves events from the topic to the tables until asked to stop."""

    def __init__(self, settings: ConsumerSettings, kafka: AIOKafkaConsumer) -> None:
        self._settings = settings
        self._kafka = kafka
        self._log = Log(kafka, settings.topic)
        self._reader = Reader(settings, self._log)
        self._writer = Writer(settings)
        self._writing: asyncio.Task[None] | None = None
        self._stored: dict[int, int] = {}
        self._stopping = False
        self._rebalancing = True
        self._problem: str | None = _JOINING
        self._failures = 0
        self._failed_polls = 0
        self._next_attempt_at = 0.0
        self._next_note_at = 0.0
        self._next_look_at = time.monotonic() + _LOOK_SECONDS
        self._heard_at = time.monotonic()

    def stop(self) -> None:
        """Ask the loop to write what it holds and return."""
        self._stopping = True

    def abandon(self) -> None:
        """Drop what is being written: its connection ends at once."""
        self._writer.terminate()

    def not_ready(self) -> str | None:
        """Return why this consumer does not do its work, or None."""
        if self._reader.halted:
            partition, why = min(self._reader.halted.items())
            return PersonNeeded(f"partition {partition} is halted: {why.reason}")
        if self._problem is None and self._failed_polls >= _FAILED_POLLS:
            return "Kafka gives no records"
        if self._problem is None and self._log.partitions() == 0:
            # The group hands out nothing of a topic that is not there, as it does to a spare.
            return (
                f"Kafka shows no topic {self._settings.topic}: make it with kafka-topics.sh"
                " --create, or allow this login to read it"
            )
        return self._problem

    def silent_seconds(self) -> float:
        """Return for how long nothing was read, written or found to be away."""
        return time.monotonic() - self._heard_at

    async def run(self) -> None:
        """Work until stopped; what was read by then is written."""
        self._kafka.subscribe([self._settings.topic], listener=self)
        while not self._stopping:
            await self._step()
        await self._start_writing()
        await self._finish_writing()
        self._writer.terminate()

    async def _step(self) -> None:
        if self._writing is not None and self._writing.done():
            await self._finish_writing()
        settled = await self._settle()
        batch = self._reader.batch
        if batch.is_full or (batch.is_due and self._writing is None):
            await self._start_writing()
        await self._read(self._patience_ms() if settled else _UNSETTLED_POLL_MS)
        if time.monotonic() >= self._next_note_at:
            self._next_note_at = time.monotonic() + _NOTE_SECONDS
            await self._note_progress()

    async def _read(self, patience_ms: int) -> None:
        try:
            await self._reader.read(patience_ms)
        except Unavailable as error:
            # Also "no position" and "outside the log": the offset rows tell which.
            self._failed_polls += 1
            log = logger.warning if self._failed_polls == _FAILED_POLLS else logger.debug
            log("poll failed", error=str(error))
            self._reader.unsettle()
            await asyncio.sleep(_POLL_FAILED_SECONDS)
        else:
            self._failed_polls = 0

    def _patience_ms(self) -> int:
        if self._writing is not None:
            return _WRITING_POLL_MS
        due_in = self._reader.batch.due_in_seconds
        return _IDLE_POLL_MS if due_in is None else max(1, int(1000 * due_in))

    # The rebalance listener only sets flags; the offset rows fence what comes too late.

    async def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:
        """Let the write under way finish within a bound, and forget what was read ahead."""
        self._rebalancing = True
        if self._writing is not None:
            await asyncio.wait({self._writing}, timeout=_REVOKE_SECONDS)
        for tp in revoked:
            self._reader.let_go(tp.partition)
            self._stored.pop(tp.partition, None)

    async def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        """Leave the new partitions paused until they are settled."""
        self._rebalancing = False
        partitions = sorted(tp.partition for tp in assigned)
        for partition in {*partitions, *self._reader.halted}:
            self._reader.let_go(partition)
        if self._problem == _JOINING or not partitions:
            self._problem = None
        logger.info("partitions assigned", partitions=partitions)

    async def _settle(self) -> bool:
        """Move each unsettled partition to its offset row. False: not all could be."""
        todo = self._reader.unsettled()
        if not todo:
            return True
        if self._rebalancing or time.monotonic() < self._next_attempt_at:
            return False
        await self._finish_writing()
        try:
            await self._reader.settle(await self._writer.connection(), todo)
        except (Unavailable, *OUTAGES) as error:
            self._failed("Kafka or PostgreSQL is away", error)
            return False
        self._problem = None
        return True

    # Writing.

    async def _start_writing(self) -> None:
        """Begin to write the batch, once the one before is written."""
        await self._finish_writing()
        if self._reader.batch.opened_at is None:
            return  # the write before failed and took this batch with it
        batch = self._reader.hand_over()
        self._writing = asyncio.create_task(self._write(batch), name=batch.batch_id)
        await asyncio.sleep(0)

    async def _finish_writing(self) -> None:
        writing, self._writing = self._writing, None
        if writing is None:
            return
        with about_batch(writing.get_name()):
            await self._judge(writing)

    async def _judge(self, writing: asyncio.Task[None]) -> None:
        """Wait for a write, and go on according to how it ended."""
        try:
            await writing
        except Refused as error:
            self._reader.refuse(error)
            logger.warning("refused", days=len(error.days), events=len(error.events))
            self._reader.unsettle()
        except (Unavailable, *OUTAGES) as error:
            self._failed("PostgreSQL is away", error)
        except Exception as error:  # noqa: BLE001  (whatever it was, the offset rows tell)
            self._failed("a batch could not be written", error)
        else:
            self._failures = 0

    async def _write(self, batch: Batch) -> None:
        await deliver(batch, self._writer, self._reader, self._settings.topic)
        for partition, share in batch.shares.items():
            self._stored[partition] = share.next_offset
            self._reader.kept(share.dead)
            if share.halt is not None and partition in self._log.assigned():
                self._reader.note_halt(partition, share.halt)

    def _failed(self, what: str, error: Exception) -> None:
        """Forget everything read ahead; try again after a pause that grows to two seconds."""
        metrics.FAILURES.inc()
        self._heard_at = time.monotonic()
        self._problem = what
        logger.warning(what, error=type(error).__name__, detail=told(error))
        self._writer.terminate()
        self._reader.unsettle()
        pause = _RETRY_SECONDS[min(self._failures, len(_RETRY_SECONDS) - 1)]
        self._failures += 1
        self._next_attempt_at = time.monotonic() + pause

    async def _note_progress(self) -> None:
        """Note in our rows that the log was read to its end, and in Kafka's group how far."""
        is_reading = self._reader.hears() and not (self._rebalancing or self._failed_polls)
        if self._writing is not None or is_reading:
            self._heard_at = time.monotonic()
        if self._reader.is_idle and self._writing is None:
            try:
                await self._reader.skip_what_has_no_records()
                await self._reader.note_caught_up(await self._writer.connection())
            except (Unavailable, *OUTAGES) as error:
                self._failed("Kafka or PostgreSQL is away", error)
                return
        if time.monotonic() >= self._next_look_at:
            self._next_look_at = time.monotonic() + _LOOK_SECONDS
            await self._look_for_nobodys()
        try:
            await self._log.tell_group(self._stored)
        except Unavailable as error:
            logger.debug("group not told", error=str(error))

    async def _look_for_nobodys(self) -> None:
        """Have the partitions shared out anew if the topic has some that nobody reads."""
        await self._finish_writing()
        if self._failures or self._rebalancing:
            return
        try:
            nobodys = await self._reader.nobodys(await self._writer.connection())
        except (Unavailable, *OUTAGES) as error:
            self._failed("PostgreSQL is away", error)
            return
        if not self._log.assigned():
            self._problem = None
        if nobodys > 0:
            logger.warning("partitions are nobody's", partitions=nobodys)
            self._log.share_out_anew()
