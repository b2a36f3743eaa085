"""Confines an unreadable record batch to its partition and offset.

aiokafka raises the error of any partition's batch from the poll of all partitions, without the
partition, and drops the records it read before. Here an unreadable batch is the last element of its
partition's records.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from aiokafka import errors
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException

from consumer import codecs
from schema.errors import Halted

_ERROR_CHARACTERS: Final = 200
_NEWEST_MAGIC: Final = 2


class UnreadableBatch(NamedTuple):
    """A record batch that cannot be read.

    Attributes:
        offset: the first offset that could not be read.
        next_offset: where the next batch begins, from the batch's header; None if unknown.
        error: the decoder's error.
    """

    offset: int
    next_offset: int | None
    error: str

    def as_halt(self, partition: int) -> Halted:
        """Return the halt of the partition, with the command that skips the batch."""
        target = self.offset + 1 if self.next_offset is None else self.next_offset
        return Halted(
            "unreadable_batch",
            f"the record batch at offset {self.offset} cannot be read ({self.error});"
            f" `engage consumer resume --partition {partition} --offset {target}` skips it",
        )


class _Batches:
    """The batches of a fetch, with the last one that was returned."""

    def __init__(self, records: Any) -> None:
        self._records = records
        self.has_next = records.has_next
        self.last: Any = None

    def next_batch(self) -> Any:
        self.last = None
        self.last = self._records.next_batch()
        # aiokafka decodes every later format as this one.
        if getattr(self.last, "magic", 0) > _NEWEST_MAGIC:
            raise CorruptRecordException(f"unknown message format {self.last.magic}")
        return self.last


class PartitionRecords(fetcher.PartitionRecords):  # type: ignore[misc]
    """The records of a partition in a fetch; an unreadable batch is the last one of them."""

    def __init__(self, tp: Any, records: Any, *arguments: Any) -> None:
        self._batches = _Batches(records)
        super().__init__(tp, self._batches, *arguments)

    def _unpack_records(self) -> Iterator[Any]:
        try:
            yield from super()._unpack_records()
        except Exception as error:  # noqa: BLE001  (the bytes may be anything)
            yield self._unreadable(error)

    def _unreadable(self, error: Exception) -> UnreadableBatch:
        offset: int = self.next_fetch_offset
        batch = self._batches.last
        end = None if batch is None else batch.next_offset
        text = f"{type(error).__name__}: {error}"[:_ERROR_CHARACTERS]
        return UnreadableBatch(offset, end if end is not None and end > offset else None, text)


class FencedInstanceIdError(errors.BrokerResponseError):  # type: ignore[misc]
    """Another member of the group has this static member ID; aiokafka lacks the code."""

    errno = 82
    message = "FENCED_INSTANCE_ID"
    description = "The broker rejected this static consumer: another one has its instance ID."


def install() -> None:
    """Make aiokafka's consumers use the classes of this module and of codecs."""
    fetcher.PartitionRecords = PartitionRecords
    errors.kafka_errors[FencedInstanceIdError.errno] = FencedInstanceIdError
    codecs.install()


def split(messages: Sequence[Any]) -> tuple[Sequence[Any], UnreadableBatch | None]:
    """Separate the records from an unreadable batch behind them."""
    if messages and isinstance(messages[-1], UnreadableBatch):
        return messages[:-1], messages[-1]
    return messages, None
