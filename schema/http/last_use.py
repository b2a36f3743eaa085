"""When each key was last used: noted in memory, written beside the key file now and then.

Every process writes a file of its own into ``<key file>.used/``, so that none waits for
another; readers merge them. It is a hint for operators: where the folder cannot be written,
nothing is noted and nothing breaks.
"""

import asyncio
import secrets
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from schema.telemetry import get_logger

_FIRST_WRITE_SECONDS: Final = 1.0
_WRITE_SECONDS: Final = 30.0
_STALE_SECONDS: Final = 600.0

logger = get_logger("keys")


class Uses(msgspec.Struct, frozen=True):
    """The content of one file: the last use of each key by its id, in Unix seconds."""

    used: dict[str, float]


def folder_of(keys_path: Path) -> Path:
    """Return where the uses of this file's keys are kept."""
    return keys_path.with_name(keys_path.name + ".used")


def last_uses(keys_path: Path) -> dict[str, datetime]:
    """Return the last known use of each key, by its id, of all processes."""
    merged = _merge(_read(path) for path in _files(folder_of(keys_path)))
    return {key_id: datetime.fromtimestamp(moment, UTC) for key_id, moment in merged.items()}


class LastUse:
    """Notes the uses of keys for one process; nothing is touched before the first.

    Args:
        keys_path: the key file.
        service: a word for the process's file name.
        first_write_seconds: how long after the first use the file is written.
        write_seconds: it is then written no more often than this.
    """

    def __init__(
        self,
        keys_path: Path,
        service: str,
        *,
        first_write_seconds: float = _FIRST_WRITE_SECONDS,
        write_seconds: float = _WRITE_SECONDS,
    ) -> None:
        self._folder = folder_of(keys_path)
        self._path = self._folder / f"{service}-{secrets.token_hex(4)}.json"
        self._pause_seconds = first_write_seconds
        self._write_seconds = write_seconds
        self._used: dict[str, float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._has_written = False

    def note(self, key_id: str) -> None:
        """Note that a key was used at this moment. Needs a running event loop."""
        self._used[key_id] = time.time()
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._pause_seconds, self._start_writing)
            self._pause_seconds = self._write_seconds

    def close(self) -> None:
        """Write what is not written yet."""
        if self._timer is not None:
            self._timer.cancel()
            self._write(dict(self._used))

    def _start_writing(self) -> None:
        self._timer = None
        # In a thread: the folder may be far away, and requests must not wait for it.
        asyncio.get_running_loop().run_in_executor(None, self._write, dict(self._used))

    def _write(self, used: dict[str, float]) -> None:
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            stale = [] if self._has_written else list(_stale(self._folder))
            kept = [_read(path) for path in (self._path, *(path for path, _ in stale))]
            _replace(self._path, _merge([used, *kept]))
            for path, written_at in stale:
                # One that its process has written since is not stale after all.
                if path.stat().st_mtime == written_at:
                    path.unlink()
        except OSError as error:
            if not self._has_written:
                logger.warning("uses of keys are not noted", reason=error.strerror)
        self._has_written = True


def _replace(path: Path, used: dict[str, float]) -> None:
    fresh = path.with_suffix(".new")
    fresh.touch(mode=0o600)
    fresh.write_bytes(msgspec.json.encode(Uses(used)))
    fresh.replace(path)


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.json"))


def _stale(folder: Path) -> Iterable[tuple[Path, float]]:
    """Find the files of processes that have ended, or have had no request for long."""
    for path in _files(folder):
        written_at = path.stat().st_mtime
        if written_at < time.time() - _STALE_SECONDS:
            yield path, written_at


def _read(path: Path) -> dict[str, float]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Uses).used
    except (OSError, msgspec.MsgspecError):
        return {}


def _merge(many: Iterable[dict[str, float]]) -> dict[str, float]:
    merged: dict[str, float] = {}
    for used in many:
        for key_id, moment in used.items():
            merged[key_id] = max(moment, merged.get(key_id, moment))
    return merged
