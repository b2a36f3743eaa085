"""A batch on its way to the tables: what is still ours of it is written, and then told of."""

import time

from consumer import metrics
from consumer.batch import Batch
from consumer.reader import Reader
from consumer.transaction import Fenced
from consumer.writer import Writer
from schema import tracing
from schema.telemetry import about_batch, get_logger

logger = get_logger("consumer")


async def deliver(batch: Batch, writer: Writer, reader: Reader, topic: str) -> None:
    """Write the shares that no other consumer has moved; the reader forgets the others.

    Raises:
        Refused, Unavailable, asyncpg errors, TimeoutError: as Writer.write.
    """
    with about_batch(batch.batch_id):
        seconds = await _write_what_is_ours(batch, writer, reader)
        metrics.report(batch, seconds)
        _log(batch, seconds)
    if tracing.is_on():
        parents = {parent for share in batch.shares.values() for parent in share.parents}
        tracing.note_stored(batch.batch_id, topic, seconds, parents)


async def _write_what_is_ours(batch: Batch, writer: Writer, reader: Reader) -> float:
    """Return the seconds it took."""
    began = time.monotonic()
    while batch.shares:
        try:
            await writer.write(batch)
            break
        except Fenced as error:
            metrics.FENCED.inc(len(error.partitions))
            logger.warning("fenced", partitions=sorted(error.partitions))
            for partition in error.partitions:
                del batch.shares[partition]
                reader.forget(partition)
    return time.monotonic() - began


def _log(batch: Batch, seconds: float) -> None:
    """Tell, to who wants to know of each batch, where in the topic it stood."""
    shares = batch.shares
    logger.debug(
        "batch stored",
        offsets={partition: [s.expected, s.next_offset] for partition, s in shares.items()},
        rows=sum(len(share.rows) for share in shares.values()),
        duplicates=sum(share.duplicates for share in shares.values()),
        dead_letters=sum(len(share.dead) for share in shares.values()),
        seconds=round(seconds, 4),
    )
