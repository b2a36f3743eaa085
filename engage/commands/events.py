"""`engage events retract`: retract everything that was sent with one API key in a period.

Ingest writes the ID of the key into the headers of each record. The topic is read as far back as
it goes, and the retractions go to the ingest service like any other: sent again, they change
nothing.
"""

import asyncio
import re
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, NamedTuple

import msgspec
import typer
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from engage.client import post_array
from engage.target import Target, find
from engage.terminal import CHECK_FAILED, DEFAULT_DIR, Dir, DryRun, Yes, instant
from runtime.progress import Progress, shown
from runtime.transport import kafka_arguments, start
from schema.errors import InvalidEvent, SetupError, Unavailable
from schema.event import MAX_BATCH_EVENTS
from schema.times import EPOCH
from schema.topics import KEY_HEADER
from schema.wire import decode_record

app = typer.Typer(name="events", help="Retract events.", no_args_is_help=True)
_KEY_ID: Final = re.compile(r"[a-z0-9]{10}")

_STEP: Final = "records"
_FETCH_MS: Final = 500
_STALLED_SECONDS: Final = 30.0
# Kafka's time of a record is a little later than its receipt, and of another clock.
_CLOCK_SLACK: Final = timedelta(minutes=10)


class Sender(NamedTuple):
    """A key, and the period of receipt, its end excluded."""

    key_id: str
    start: datetime
    end: datetime


@dataclass
class Summary:
    """The numbers of found and retracted events.

    Attributes:
        events: sent with the key in the period.
        retracted: of these, whose retraction is in Kafka.
        refused: the others by error code.
        log_begins: the topic no longer has what the period has before this; None: it has all.
    """

    events: int = 0
    retracted: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    log_begins: datetime | None = None


async def count_events(system: Target, sender: Sender, progress: Progress) -> Summary:
    """Count the events that would be retracted. Raises Unavailable."""
    summary = Summary()
    async for batch in _batches(system, sender, summary, progress):
        summary.events += len(batch)
    return summary


async def retract_events(system: Target, sender: Sender, progress: Progress) -> Summary:
    """Retract the key's events, and return when all retractions are acknowledged.

    Raises:
        Unavailable: Kafka or the ingest service does not answer; run it again.
        RequestRejected: the ingest service does not accept the caller's key.
    """
    summary = Summary()
    url = f"{system.ingest_url}/events/retractions"
    async for batch in _batches(system, sender, summary, progress):
        summary.events += len(batch)
        errors = await asyncio.to_thread(post_array, url, system.ingest_key, batch)
        summary.refused.update(error["error"] for error in errors)
        summary.retracted += len(batch) - len(errors)
    return summary


async def _batches(
    system: Target, sender: Sender, summary: Summary, progress: Progress
) -> AsyncIterator[list[bytes]]:
    """Yield the retractions of the key's events in batches of one request."""
    batch: list[bytes] = []
    async for message in _records(system, sender, summary, progress):
        if (retraction := _retraction(message, sender)) is None:
            continue
        batch.append(retraction)
        if len(batch) == MAX_BATCH_EVENTS:
            yield batch
            batch = []
    if batch:
        yield batch


def _retraction(message: Any, sender: Sender) -> bytes | None:
    """Return the retraction of a record; None: the key did not send it in the period."""
    if (KEY_HEADER, sender.key_id.encode()) not in message.headers:
        return None
    try:
        record = decode_record(message.value or b"")
    except InvalidEvent:
        return None  # a retraction itself
    received = record.received_timestamp or EPOCH + timedelta(milliseconds=message.timestamp)
    if not sender.start <= received < sender.end:
        return None
    named = {"post_id": record.post_id} if record.post_id else {"post": record.post}
    identity = {"event_id": record.event_id, "engaged_timestamp": record.engaged_timestamp}
    return msgspec.json.encode(identity | named)


async def _records(
    system: Target, sender: Sender, summary: Summary, progress: Progress
) -> AsyncIterator[Any]:
    """Yield the topic's records of the period. Raises SetupError, Unavailable."""
    arguments = kafka_arguments(system.kafka) | {"isolation_level": "read_committed"}
    consumer = AIOKafkaConsumer(system.topic, **arguments, group_id=None)
    try:
        await start(consumer)
        partitions = sorted(consumer.assignment())
        if not partitions:
            raise SetupError(f"Kafka has no topic {system.topic}: set ENGAGE_TOPIC")
        bounds = await _bounds(consumer, partitions, sender)
        async for message in _read(consumer, bounds, summary, progress):
            yield message
    except KafkaError as error:
        raise Unavailable(f"Kafka does not answer: {type(error).__name__}") from error
    finally:
        await consumer.stop()


class _Bounds(NamedTuple):
    """The offsets of a partition to read; ``is_truncated``: records before are deleted."""

    first: int
    end: int
    is_truncated: bool


async def _bounds(consumer: Any, partitions: list[Any], sender: Sender) -> dict[Any, _Bounds]:
    begins = await consumer.beginning_offsets(partitions)
    ends = await consumer.end_offsets(partitions)
    first = await _offsets_at(consumer, partitions, sender.start - _CLOCK_SLACK)
    last = await _offsets_at(consumer, partitions, sender.end + _CLOCK_SLACK)
    found = {}
    for each in partitions:
        start_at, end_at = first[each], last[each]
        found[each] = _Bounds(
            ends[each] if start_at is None else start_at,
            ends[each] if end_at is None else min(end_at, ends[each]),
            begins[each] > 0 and start_at in (None, begins[each]),
        )
    return found


async def _offsets_at(
    consumer: Any, partitions: list[Any], moment: datetime
) -> dict[Any, int | None]:
    milliseconds = max(0, (moment - EPOCH) // timedelta(milliseconds=1))
    found = await consumer.offsets_for_times(dict.fromkeys(partitions, milliseconds))
    return {each: at.offset if (at := found.get(each)) else None for each in partitions}


async def _read(
    consumer: Any, bounds: dict[Any, _Bounds], summary: Summary, progress: Progress
) -> AsyncIterator[Any]:
    """Yield the records within the bounds. Raises Unavailable when reading stalls."""
    left = {each for each, bound in bounds.items() if bound.first < bound.end}
    total = sum(bounds[each].end - bounds[each].first for each in left)
    for each, bound in bounds.items():
        consumer.seek(each, bound.first)
        if each not in left:
            consumer.pause(each)
    positions = {each: bounds[each].first for each in left}
    moved_at = time.monotonic()
    while left:
        for each, messages in (await consumer.getmany(*left, timeout_ms=_FETCH_MS)).items():
            _record_log_begin(summary, bounds[each], messages)
            for message in messages:
                if message.offset < bounds[each].end:
                    yield message
        # Marks of transactions are passed over, and are no messages.
        now_at = {each: await consumer.position(each) for each in left}
        if any(now_at[each] > positions[each] for each in left):
            moved_at = time.monotonic()
        positions |= now_at
        left = {each for each in left if positions[each] < bounds[each].end}
        done = sum(min(at, bounds[each].end) - bounds[each].first for each, at in positions.items())
        progress(_STEP, done, total, "")
        if left and time.monotonic() - moved_at > _STALLED_SECONDS:
            numbers = sorted(each.partition for each in left)
            raise Unavailable(f"Kafka sends no more records of the partitions {numbers}")


def _record_log_begin(summary: Summary, bounds: _Bounds, messages: list[Any]) -> None:
    """Record the time of the first record where earlier ones are deleted."""
    if bounds.is_truncated and messages and messages[0].offset == bounds.first:
        begins = EPOCH + timedelta(milliseconds=messages[0].timestamp)
        summary.log_begins = max(begins, summary.log_begins or begins)


@app.command()
def retract(  # noqa: PLR0913, PLR0917  (the command line's options)
    key_id: Annotated[
        str, typer.Option("--key", help="ID of the API key, as `engage keys list` shows it.")
    ],
    start: Annotated[
        str, typer.Option("--from", help="Start of the period of receipt, RFC 3339 with offset.")
    ],
    end: Annotated[
        str, typer.Option("--to", help="End of the period, excluded. Default: now.")
    ] = "",
    folder: Dir = DEFAULT_DIR,
    is_dry_run: DryRun = False,
    is_confirmed: Yes = False,
) -> None:
    """Retract all events that were sent with an API key in a period, such as after it leaked.

    The events are found in the topic, which keeps them for seven days unless you set more. Revoke
    the key first. Running the command again changes nothing. Exit code 1: some events could not be
    retracted, or the topic no longer has the whole period.
    """
    system, sender = find(folder), _sender(key_id, start, end)
    if is_dry_run or not is_confirmed:
        with shown() as progress:
            found = asyncio.run(count_events(system, sender, progress))
        if is_dry_run:
            print(f"would retract {found.events:,} events")
            _end(found)
            return
        typer.confirm(f"retract {found.events:,} events?", abort=True, err=True)
    with shown() as progress:
        found = asyncio.run(retract_events(system, sender, progress))
    print(f"retracted {found.retracted:,} of {found.events:,} events")
    _end(found)


def _sender(key_id: str, start: str, end: str) -> Sender:
    """Return the sender that the options name. Raises BadParameter."""
    if not _KEY_ID.fullmatch(key_id):
        raise typer.BadParameter("key: the id alone, as `engage keys list` shows it")
    sender = Sender(
        key_id, instant("from", start), instant("to", end) if end else datetime.now(UTC)
    )
    if sender.start >= sender.end:
        raise typer.BadParameter("from: must be before --to")
    return sender


def _end(found: Summary) -> None:
    """Print what could not be retracted; exit with 1 if anything could not."""
    for code, count in found.refused.items():
        print(f"{count:,} events were not retracted: {code}", file=sys.stderr)
    if found.log_begins is not None:
        print(
            f"the topic no longer has all records before {found.log_begins.isoformat()}:"
            " events received earlier were not found",
            file=sys.stderr,
        )
    if found.refused or found.log_begins is not None:
        raise typer.Exit(CHECK_FAILED)
