"""Days of events as Parquet files, in a folder or an object store: written, read back, compared.

``day=2025-10-01/part-1.parquet``, so that query engines take the day from the folder's name. A
file stands there whole or not at all: it is written under another name, and then renamed. This
module alone needs the extra ``archive``.
"""

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import fs, parquet

TYPES: Final = ("view", "like", "comment", "share")
SCHEMA: Final = pa.schema(
    [
        pa.field("event_id", pa.uuid(), nullable=False),
        pa.field("post_id", pa.int64(), nullable=False),
        pa.field("user_id", pa.int64()),
        pa.field("type", pa.string(), nullable=False),
        pa.field("engaged_timestamp", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("received_timestamp", pa.timestamp("us", tz="UTC"), nullable=False),
    ]
)
ROWS_AT_ONCE: Final = 50_000
"""Rows of a row group, and in memory at a time."""

_WIDTHS_BYTES: Final = (16, 8, 8, 4, 8, 8)
ARCHIVE_ERRORS: Final = (OSError, pa.ArrowException)
"""What a store that is away, full or damaged raises."""


@dataclass(frozen=True)
class Content:
    """What is in a file: so many rows, whose values have this digest."""

    rows: int
    sha256: str


class Digest:
    """SHA-256 of rows, row group by row group and column by column, as little-endian values."""

    def __init__(self) -> None:
        self._rows = 0
        self._hash = hashlib.sha256()

    def add(self, group: pa.Table) -> None:
        """Add a row group. A user is never 0, which stands for nobody."""
        columns = [group.column(name).combine_chunks() for name in SCHEMA.names]
        columns[0] = columns[0].storage
        columns[2] = pc.fill_null(columns[2], 0)
        columns[3] = pc.index_in(columns[3], pa.array(TYPES))
        for column, width_bytes in zip(columns, _WIDTHS_BYTES, strict=True):
            begin = column.offset * width_bytes
            self._hash.update(column.buffers()[1][begin : begin + len(column) * width_bytes])
        self._rows += len(group)

    @property
    def content(self) -> Content:
        """What was added."""
        return Content(self._rows, self._hash.hexdigest())


class Writer:
    """Takes the row groups of a file that is being written."""

    def __init__(self, file: parquet.ParquetWriter) -> None:
        self._file = file
        self._digest = Digest()

    def add(self, group: pa.Table) -> None:
        """Write a row group."""
        self._digest.add(group)
        self._file.write_table(group, row_group_size=len(group))

    @property
    def content(self) -> Content:
        """What was written so far."""
        return self._digest.content


def table(rows: Sequence[Sequence[Any]]) -> pa.Table:
    """Return rows, in the order of ``SCHEMA``, as a table."""
    ids, *others = zip(*rows, strict=True)
    storage = pa.array([event_id.bytes for event_id in ids], pa.binary(16))
    columns = [pa.ExtensionArray.from_storage(pa.uuid(), storage)]
    for field, values in zip(list(SCHEMA)[1:], others, strict=True):
        columns.append(pa.array(values, field.type))
    return pa.Table.from_arrays(columns, schema=SCHEMA)


class Archive:
    """The files under an absolute path or an address such as ``s3://bucket/events?region=eu-central-1``.

    Methods raise ARCHIVE_ERRORS; all of them block.
    """

    def __init__(self, url: str) -> None:
        self._files, self._base = fs.FileSystem.from_uri(url)
        self._is_local = isinstance(self._files, fs.LocalFileSystem)

    def _path(self, day: date, part: int) -> str:
        return f"{self._base}/day={day}/part-{part}.parquet"

    @contextmanager
    def writing(self, day: date, part: int) -> Iterator["Writer"]:
        """Yield what takes tables; when the block ends well, the file is there and on the disk.

        Before it gets its name it is read back. Raises OSError: it is not what was written.
        """
        path = self._path(day, part)
        unfinished = f"{path}.unfinished"
        if self._is_local:
            self._files.create_dir(str(Path(path).parent))
        with (
            self._files.open_output_stream(unfinished) as file,
            parquet.ParquetWriter(file, SCHEMA, compression="zstd") as opened,
        ):
            writer = Writer(opened)
            yield writer
        if self._content(unfinished) != writer.content:
            raise OSError(f"{unfinished} does not read as it was written")
        if self._is_local:
            _flush(unfinished)
        self._files.move(unfinished, path)
        if self._is_local:
            _flush(str(Path(path).parent))
            _flush(self._base)

    def groups(self, day: date, part: int) -> Iterator[pa.Table]:
        """Yield the row groups of a file."""
        return self._groups(self._path(day, part))

    def content(self, day: date, part: int) -> Content:
        """Read a file and return what is in it."""
        return self._content(self._path(day, part))

    def _groups(self, path: str) -> Iterator[pa.Table]:
        with parquet.ParquetFile(path, filesystem=self._files) as file:
            for number in range(file.num_row_groups):
                yield file.read_row_group(number)

    def _content(self, path: str) -> Content:
        digest = Digest()
        for group in self._groups(path):
            digest.add(group)
        return digest.content

    def size_bytes(self, day: date, part: int) -> int:
        """Return how large a file is."""
        size: int = self._files.get_file_info(self._path(day, part)).size
        return size

    def delete(self, day: date, part: int) -> None:
        """Delete a file; one that is not there is deleted already."""
        path = self._path(day, part)
        if self._files.get_file_info(path).type is fs.FileType.File:
            self._files.delete_file(path)


def _flush(path: str) -> None:
    """Wait until a file, or a folder's names, are on the disk: the rows are dropped next."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
