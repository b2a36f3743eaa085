from typing import Any

import pytest
from aiokafka import TopicPartition, codec
from aiokafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import calc_crc32c

from consumer import codecs, record_batches
from consumer.record_batches import PartitionRecords, UnreadableBatch, split

CODECS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
VALUE = b'{"event_id": "0190a0f0-0000-7000-8000-000000000001", "type": "view"}'


@pytest.fixture(autouse=True)
def installed() -> None:
    record_batches.install()


def batch(
    compression: int, base_offset: int = 0, values: tuple[bytes, ...] = (VALUE,) * 3
) -> bytes:
    """Return a record batch as a broker hands it out."""
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=compression,
        is_transactional=0,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=-1,
        batch_size=2**31 - 1,
    )
    for offset, value in enumerate(values):
        assert builder.append(offset, timestamp=1, key=b"7", value=value, headers=[])
    return base_offset.to_bytes(8, "big") + bytes(builder.build())[8:]


def with_valid_crc(raw: bytes) -> bytes:
    """Return a batch whose CRC is that of its bytes."""
    return raw[:17] + calc_crc32c(raw[21:]).to_bytes(4, "big") + raw[21:]


def read(*batches: bytes) -> tuple[list[Any], UnreadableBatch | None]:
    """Read batches as aiokafka's fetcher does."""
    partition = TopicPartition("events", 0)
    records = MemoryRecords(b"".join(batches))
    return split(list(PartitionRecords(partition, records, [], 0, None, None, True, 1)))


@pytest.mark.parametrize("name", [name for name in CODECS if name != "none"])
def test_batch_that_expands_far_is_read_up_to_the_bound(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = b"x" * 3_000_000
    assert read(batch(CODECS[name], values=(large,)))[0][0].value == large

    monkeypatch.setattr(codecs, "MAX_BATCH_BYTES", 1_000_000)
    records, unreadable = read(batch(CODECS[name], values=(large,)))
    assert records == []
    assert unreadable is not None
    assert "BatchTooLargeError" in unreadable.error


def test_multiple_gzip_members_are_one_batch() -> None:
    payload = codec.gzip_encode(b"one") + codec.gzip_encode(b"two")

    assert codecs.gzip_decode(payload) == b"onetwo"


def resized(raw: bytes) -> bytes:
    """Return a batch whose length field is that of its bytes."""
    return raw[:8] + (len(raw) - 12).to_bytes(4, "big") + raw[12:]


DAMAGES = {
    "bad CRC": lambda raw: raw[:-1] + bytes([raw[-1] ^ 1]),
    "cut": lambda raw: with_valid_crc(resized(raw[:-9])),
    "garbled": lambda raw: with_valid_crc(raw[:61] + bytes(byte ^ 0x5A for byte in raw[61:])),
    "unknown magic": lambda raw: raw[:16] + b"\x07" + raw[17:],
    "unsupported codec": lambda raw: with_valid_crc(raw[:22] + bytes([raw[22] | 5]) + raw[23:]),
}


@pytest.mark.parametrize("name", CODECS)
@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_unreadable_batch_ends_the_records_with_its_place(name: str, damage: Any) -> None:
    good, bad = batch(CODECS["zstd"]), batch(CODECS[name], base_offset=3)
    records, unreadable = read(good, damage(bad), batch(CODECS["lz4"], base_offset=6))

    assert [record.offset for record in records] in ([0, 1, 2], [0, 1, 2, 3], [0, 1, 2, 3, 4])
    assert unreadable is not None
    assert (unreadable.offset, unreadable.next_offset) == (len(records), 6)
    assert "--partition 2 --offset 6`" in unreadable.as_halt(2).detail


def test_codec_without_its_library_is_unreadable(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = batch(CODECS["lz4"])
    monkeypatch.setattr(codec, "has_lz4", lambda: False)
    records, unreadable = read(raw)

    assert records == []
    assert unreadable is not None
    assert "lz4" in unreadable.error


def test_magic_of_the_compiled_batch_is_used() -> None:
    assert "_crecords" in DefaultRecordBatch.__module__
