"""Days of events as Parquet files in a folder or an object store.

The path is ``day=2025-10-01/part-1.parquet``, so that query engines take the day from the folder's
name. A file is written under a name with an underscore in front, which these engines ignore, read
back and then renamed, so that none is incomplete.
Only this module needs the extra ``archive``.
"""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import IO, Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import fs, parquet

import sql
from runtime.files import open_regular
from schema.event import TYPES
from sql.event_columns import SCHEMA, CopyReader
from sql.pool import Connection

ARCHIVE_ERRORS: Final = (OSError, pa.ArrowException)
"""Errors of a store that is unreachable, full or damaged."""

# Query engines read row groups in parallel.
_CHUNK_BYTES: Final = 1 << 20
_ROWS_PER_GROUP: Final = 122_880
_COPY_TIMEOUT_SECONDS: Final = 3600.0
_DELTA: Final = "DELTA_BINARY_PACKED"
_ENCODINGS: Final = {
    "event_id": "PLAIN",
    "post_id": _DELTA,
    "user_id": _DELTA,
    "engaged_timestamp": _DELTA,
    "received_timestamp": _DELTA,
}
_WIDTHS_BYTES: Final = (16, 8, 8, 4, 8, 8)
_ARCHIVE_LOCK: Final = "engagements.archive"


@dataclass(frozen=True)
class Content:
    """Content of a file: number of rows, and the digest of their values."""

    rows: int
    sha256: str


class Digest:
    """SHA-256 of the little-endian values of rows, by row group and column."""

    def __init__(self) -> None:
        self._rows = 0
        self._hash = hashlib.sha256()

    def add(self, group: pa.Table) -> None:
        """Add a row group. User 0, which does not exist, represents null."""
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
        """Number of rows added, and their digest."""
        return Content(self._rows, self._hash.hexdigest())


class Writer:
    """Writes the row groups of a file."""

    def __init__(self, file: parquet.ParquetWriter) -> None:
        self._file = file
        self._digest = Digest()

    def add(self, group: pa.Table) -> None:
        """Write a row group."""
        self._digest.add(group)
        self._file.write_table(group, row_group_size=len(group))

    @property
    def content(self) -> Content:
        """Content written so far."""
        return self._digest.content


class Archive:
    """Files under an absolute path or an address such as ``s3://bucket/events?region=eu-central-1``.

    All methods block, and raise ARCHIVE_ERRORS.
    """

    def __init__(self, url: str) -> None:
        self._files, self._base = fs.FileSystem.from_uri(url)
        self._is_local = isinstance(self._files, fs.LocalFileSystem)

    def _path(self, day: date, part: int, name: str = "part") -> str:
        return f"{self._base}/day={day}/{name}-{part}.parquet"

    @contextmanager
    def writing(self, day: date, part: int) -> Iterator["Writer"]:
        """Write a file: it exists, flushed to disk, when the block ends without an error.

        Raises OSError: reading the file back gave other content.
        """
        path, unfinished = self._path(day, part), self._path(day, part, "_part")
        if self._is_local:
            self._files.create_dir(str(Path(path).parent))
        with (
            self._created(unfinished) as file,
            parquet.ParquetWriter(
                file,
                SCHEMA,
                compression="zstd",
                use_dictionary=["type"],
                column_encoding=_ENCODINGS,
            ) as opened,
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

    def _created(self, path: str) -> Any:
        return _create(Path(path)) if self._is_local else self._files.open_output_stream(path)

    def groups(self, day: date, part: int) -> Iterator[pa.Table]:
        """Yield the row groups of a file."""
        return self._groups(self._path(day, part))

    def content(self, day: date, part: int) -> Content:
        """Read a file and return its content."""
        return self._content(self._path(day, part))

    def _groups(self, path: str) -> Iterator[pa.Table]:
        if self._is_local and Path(path).exists() and not Path(path).is_file():
            raise OSError(f"{path} is not a plain file")  # reading a pipe would block
        with parquet.ParquetFile(path, filesystem=self._files) as file:
            for number in range(file.num_row_groups):
                yield file.read_row_group(number)

    def _content(self, path: str) -> Content:
        digest = Digest()
        for group in self._groups(path):
            digest.add(group)
        return digest.content

    def size_bytes(self, day: date, part: int) -> int:
        """Return the size of a file."""
        size: int = self._files.get_file_info(self._path(day, part)).size
        return size

    def file_sha256(self, day: date, part: int) -> str:
        """Return the digest of a file as it is stored."""
        digest = hashlib.sha256()
        with self._files.open_input_stream(self._path(day, part)) as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                digest.update(chunk)
        return digest.hexdigest()

    def delete(self, day: date, part: int) -> None:
        """Delete a file, and one that was not finished, if they exist."""
        for name in ("part", "_part"):
            path = self._path(day, part, name)
            if self._files.get_file_info(path).type is fs.FileType.File:
                self._files.delete_file(path)


def _create(path: Path) -> IO[bytes]:
    """Create a file with the owner of its folder, replacing an unfinished one.

    `engage archive` may run as root in the folder of the refresher's user, who could have placed a
    link there.
    """
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        with suppress(FileNotFoundError):
            os.unlink(path.name, dir_fd=folder)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        descriptor = open_regular(path.name, flags, mode=0o644, folder=folder)
        if os.geteuid() == 0:
            owner = os.fstat(folder)
            os.fchown(descriptor, owner.st_uid, owner.st_gid)
    finally:
        os.close(folder)
    return os.fdopen(descriptor, "wb")


def _flush(path: str) -> None:
    """Flush a file, or the names in a folder, to disk: the rows are dropped next."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


async def write_day(connection: Connection, archive: Archive, day: date, part: int) -> Content:
    """Write the events of a UTC day into a file. Raises ARCHIVE_ERRORS."""
    async with (
        in_threads(archive.writing(day, part)) as writer,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        await copy_day(connection, day, writer)
    return writer.content


async def copy_day(connection: Connection, day: date, writer: Writer) -> None:
    """Copy the events of a UTC day into an open file, in the transaction of *connection*."""
    query = sql.load("copy_events")
    since = datetime.combine(day, time(), UTC)
    reader = CopyReader()

    async def receive(data: bytes) -> None:
        if reader.feed(data) >= _ROWS_PER_GROUP:
            await asyncio.to_thread(lambda: writer.add(reader.take(_ROWS_PER_GROUP)))

    # Writing may take minutes; the transaction blocks no other session.
    await connection.execute("SET LOCAL idle_in_transaction_session_timeout = '5min'")
    await connection.copy_from_query(
        query.text,
        *query.bind(since=since, before=since + timedelta(days=1)),
        output=receive,
        format="binary",
        timeout=_COPY_TIMEOUT_SECONDS,
    )
    while reader.feed(b""):
        await asyncio.to_thread(lambda: writer.add(reader.take(_ROWS_PER_GROUP)))


@asynccontextmanager
async def in_threads(context: AbstractContextManager[Writer]) -> AsyncIterator[Writer]:
    """Enter and leave a context in threads, as that blocks."""
    value = await asyncio.to_thread(context.__enter__)
    try:
        yield value
    except BaseException as error:
        await asyncio.to_thread(context.__exit__, type(error), error, error.__traceback__)
        raise
    await asyncio.to_thread(context.__exit__, None, None, None)


@asynccontextmanager
async def lock_archive(connection: Connection, name: str = _ARCHIVE_LOCK) -> AsyncIterator[bool]:
    """Lock the files against other sessions. Yields False when another session holds the lock."""
    is_locked = await connection.fetchval("SELECT pg_try_advisory_lock(hashtext($1))", name)
    try:
        yield bool(is_locked)
    finally:
        if is_locked and not connection.is_closed():
            await connection.execute("SELECT pg_advisory_unlock(hashtext($1))", name)
