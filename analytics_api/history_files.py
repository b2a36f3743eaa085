"""Files of sealed days, which are read only while they are what was written."""

import hashlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from runtime.logging import get_logger

_CHUNK_BYTES: Final = 1 << 20

logger = get_logger("history")


class _Checked(NamedTuple):
    """What is known of a file that was read: it need not be read again until this changes."""

    inode: int
    size_bytes: int
    modified_ns: int
    sha256: str


class SealedFiles:
    """Checks files of a folder by their digests. An engine would not notice a flipped bit."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._checked: dict[str, _Checked] = {}

    def paths(self, sealed: Iterable[Any]) -> Sequence[str] | None:
        """Return the paths of rows of history_days; None: one is missing or damaged. Blocks."""
        found = []
        for row in sealed:
            path = f"{self._folder}/day={row['day']}/part-{row['part']}.parquet"
            try:
                sha256 = self._sha256(path)
            except OSError as error:
                logger.error("file of a sealed day cannot be read", path=path, detail=str(error))  # noqa: TRY400
                return None
            if sha256 != row["file_sha256"]:
                logger.error("file of a sealed day is damaged", path=path)
                return None
            found.append(path)
        return found

    def _sha256(self, path: str) -> str:
        with Path(path).open("rb") as file:
            status = os.fstat(file.fileno())
            seen = (status.st_ino, status.st_size, status.st_mtime_ns)
            known = self._checked.get(path)
            if known is not None and known[:3] == seen:
                return known.sha256
            digest = hashlib.sha256()
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
        self._checked[path] = _Checked(*seen, digest.hexdigest())
        return digest.hexdigest()
