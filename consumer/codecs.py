"""Decompression of record batches with a limit on the decompressed size.

A batch of 1 MB can expand to gigabytes, which would end the process for all partitions.
"""

import sys
import zlib
from collections.abc import Callable
from struct import unpack_from
from typing import Any, Final

import cramjam
from aiokafka import codec
from aiokafka.record import default_records, legacy_records

MAX_BATCH_BYTES: Final = 64 * 1024 * 1024
_EXPECTED_RATIO: Final = 32
_MIN_BUFFER_BYTES: Final = 64 * 1024
_GZIP: Final = 31  # zlib's number for a gzip header and trailer
_XERIAL_HEADER_BYTES: Final = 16
_BUFFER_TOO_SMALL: Final = "failed to write whole buffer"


class BatchTooLargeError(ValueError):
    """A record batch expands to more than MAX_BATCH_BYTES."""

    def __init__(self) -> None:
        super().__init__(f"the batch expands to more than {MAX_BATCH_BYTES:,} bytes")


def install() -> None:
    """Make aiokafka decompress record batches with the functions of this module."""
    decoders = {
        "gzip_decode": gzip_decode,
        "snappy_decode": snappy_decode,
        "lz4_decode": lz4_decode,
        "zstd_decode": zstd_decode,
    }
    batches = (default_records.DefaultRecordBatch, legacy_records.LegacyRecordBatch)
    for module in (sys.modules[batch.__module__] for batch in batches):
        for name, decode in decoders.items():
            if hasattr(module, name):
                setattr(module, name, decode)


def gzip_decode(payload: bytes) -> bytes:
    """Decompress gzip. Raises zlib.error, BatchTooLargeError."""
    found, rest = b"", bytes(payload)
    while rest:
        member = zlib.decompressobj(_GZIP)
        found += member.decompress(rest, MAX_BATCH_BYTES - len(found) + 1)
        if len(found) > MAX_BATCH_BYTES:
            raise BatchTooLargeError
        if not member.eof:
            raise zlib.error("incomplete gzip stream")
        rest = member.unused_data
    return found


def snappy_decode(payload: bytes) -> bytes:
    """Decompress Snappy, raw or in the blocks that Java's library writes.

    Raises cramjam.DecompressionError, struct.error, BatchTooLargeError.
    """
    is_in_blocks = codec._detect_xerial_stream(payload)  # noqa: SLF001  (not public)
    size = _xerial_bytes(payload) if is_in_blocks else cramjam.snappy.decompress_raw_len(payload)
    if size > MAX_BATCH_BYTES:
        raise BatchTooLargeError
    return bytes(codec.snappy_decode(payload))


def _xerial_bytes(payload: bytes) -> int:
    """Return the decompressed size of a stream's blocks, from their headers."""
    total, position = 0, _XERIAL_HEADER_BYTES
    while position < len(payload):
        (block_bytes,) = unpack_from("!i", payload, position)
        start, position = position + 4, position + 4 + max(block_bytes, 0)
        total += cramjam.snappy.decompress_raw_len(payload[start:position])
    return total


def lz4_decode(payload: bytes) -> bytes:
    """Decompress an LZ4 frame. Raises cramjam.DecompressionError, BatchTooLargeError."""
    return _decompress(cramjam.lz4.decompress_into, payload)


def zstd_decode(payload: bytes) -> bytes:
    """Decompress Zstandard. Raises cramjam.DecompressionError, BatchTooLargeError."""
    return _decompress(cramjam.zstd.decompress_into, payload)


def _decompress(decompress_into: Callable[[Any, Any], int], payload: bytes) -> bytes:
    """Decompress into a buffer of the expected size, or else of the maximum size."""
    expected = min(MAX_BATCH_BYTES, _EXPECTED_RATIO * len(payload) + _MIN_BUFFER_BYTES)
    for size in (expected, MAX_BATCH_BYTES):
        buffer = bytearray(size)
        try:
            written = decompress_into(payload, buffer)
        except cramjam.DecompressionError as error:
            if _BUFFER_TOO_SMALL not in str(error):
                raise
        else:
            return bytes(memoryview(buffer)[:written])
    raise BatchTooLargeError
