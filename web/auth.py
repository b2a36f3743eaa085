"""API keys: ``eng_<scope>_<id>_<secret>``, stored as hashes in a file that all services read.

A key is found by its ID, and the hash of the whole key is compared in constant time.
"""

import asyncio
import hashlib
import hmac
import os
import re
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import msgspec

from runtime.files import open_regular, read_linked
from runtime.logging import get_logger
from schema.errors import SetupError

_ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz0123456789"
_ID_LENGTH: Final = 10
_SECRET_LENGTH: Final = 52  # 36 ** 52 > 2 ** 256
_CHECK_SECONDS: Final = 5.0
_RECORD_SECONDS: Final = 30.0
REQUEST_KEY: Final = "engage.key"
"""Key of the ASGI scope under which an authenticated request has its KeyEntry."""
_BEARER: Final = b"bearer "
_DAYS: Final = re.compile(r"([1-9][0-9]{0,3})d")

logger = get_logger("keys")


class Scope(StrEnum):
    """Purposes of keys."""

    INGEST = "ingest"
    READ = "read"
    ADMIN = "admin"


class KeyEntry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One key of the key file, which has the hash of the key and not the key itself.

    Attributes:
        key_id: the ID in the key.
        sha256: of the whole key, hexadecimal.
        revoked_timestamp: since when the key is not valid any more.
        expires_timestamp: from when the key is not valid any more. None: never.
        origins: origins whose pages may use the key. Empty: the key is not bound to pages.
        rate_per_second: requests per second to one service process. None: unlimited.
    """

    key_id: str
    scope: Scope
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    created_timestamp: datetime
    label: str = ""
    revoked_timestamp: datetime | None = None
    origins: tuple[str, ...] = ()
    rate_per_second: float | None = None
    expires_timestamp: datetime | None = None

    def has_expired(self, now: datetime) -> bool:
        """Return whether the key is not valid any more because of its age."""
        return self.expires_timestamp is not None and self.expires_timestamp <= now

    @property
    def is_public(self) -> bool:
        """Whether the key is in web pages, where every reader can copy it."""
        return bool(self.origins)


class KeyFile(msgspec.Struct, frozen=True):
    """The content of the key file."""

    keys: list[KeyEntry]
    version: int = 1


class NewKey(NamedTuple):
    """A new key: its plain text, which is shown once, and its entry in the key file."""

    plaintext: str
    entry: KeyEntry


def create_key(
    scope: Scope,
    *,
    label: str = "",
    origins: tuple[str, ...] = (),
    rate_per_second: float | None = None,
    expires_timestamp: datetime | None = None,
) -> NewKey:
    """Create a key with 256 random bits."""
    key_id = _random_text(_ID_LENGTH)
    plaintext = f"eng_{scope}_{key_id}_{_random_text(_SECRET_LENGTH)}"
    entry = KeyEntry(
        key_id,
        scope,
        _digest(plaintext.encode()).hex(),
        datetime.now(UTC),
        label,
        origins=origins,
        rate_per_second=rate_per_second,
        expires_timestamp=expires_timestamp,
    )
    return NewKey(plaintext, entry)


def parse_expiry(text: str, now: datetime) -> datetime:
    """Return when a key expires: ``30d`` from now, or with the end of a UTC day, ``2027-01-31``.

    Raises:
        ValueError: the text is neither, or not in the future.
    """
    if found := _DAYS.fullmatch(text):
        expiry = now + timedelta(days=int(found[1]))
    else:
        try:
            day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
        except ValueError:
            raise ValueError("give days, such as 30d, or a date, such as 2027-01-31") from None
        expiry = day + timedelta(days=1)
    if expiry <= now:
        raise ValueError("the date is in the past")
    return expiry


def read_keys(path: Path) -> list[KeyEntry]:
    """Read the key file. Raises SetupError when it is missing or damaged."""
    try:
        content = read_linked(path)
    except OSError as error:
        raise SetupError(f"the key file cannot be read: {error.strerror}: {path}") from None
    return decode_keys(content, path)


def decode_keys(content: bytes, path: Path) -> list[KeyEntry]:
    """Decode the content of the key file at *path*. Raises SetupError."""
    try:
        return msgspec.json.decode(content, type=KeyFile).keys
    except msgspec.MsgspecError:
        raise SetupError(
            f"the key file is damaged: restore it or create new keys: {path}"
        ) from None


class KeyRing:
    """The valid keys of the key file, which is checked for changes every five seconds.

    Args:
        path: of the key file.
        clock: in monotonic seconds.
        now: the date and time, by which keys expire.

    Raises:
        SetupError: the file is missing or damaged. Later, when a change of the file cannot be
            read, the previous keys stay valid.
    """

    def __init__(
        self,
        path: Path,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.path = path
        self._clock = clock
        self._now = now
        self._next_check_at = clock() + _CHECK_SECONDS
        self._loaded = self._rejected = self._stamp()
        self._load(read_keys(path))

    def find(self, authorization: bytes | None) -> KeyEntry | None:
        """Return the valid key in an Authorization header, or None."""
        entry = self._find(authorization)
        return None if entry is None or self._has_expired(entry) else entry

    def has_expired(self, authorization: bytes | None) -> bool:
        """Return whether an Authorization header has a key that was valid until it expired."""
        entry = self._find(authorization)
        return entry is not None and self._has_expired(entry)

    def _has_expired(self, entry: KeyEntry) -> bool:
        return entry.expires_timestamp is not None and entry.has_expired(self._now())

    def _find(self, authorization: bytes | None) -> KeyEntry | None:
        if authorization is None or authorization[:7].lower() != _BEARER:
            return None
        self._reload_if_changed()
        given = authorization[7:].strip()
        parts = given.split(b"_")
        # An unknown ID takes as long as a wrong secret.
        expected, entry = self._keys.get(parts[2] if len(parts) == 4 else b"", _NO_KEY)
        matches = hmac.compare_digest(_digest(given), expected)
        return entry if matches else None

    def origins(self, scope: Scope) -> frozenset[str]:
        """Return the origins that the valid keys for a service of this scope are bound to."""
        self._reload_if_changed()
        return self._origins[scope]

    @property
    def has_origins(self) -> bool:
        """Whether any key is bound to an origin, as of the last check of the file."""
        return self._has_origins

    def _load(self, keys: Sequence[KeyEntry]) -> None:
        kept = [key for key in keys if key.revoked_timestamp is None]
        self._keys: dict[bytes, tuple[bytes, KeyEntry | None]] = {
            key.key_id.encode(): (bytes.fromhex(key.sha256), key) for key in kept
        }
        valid = [key for key in kept if not self._has_expired(key)]
        self._has_origins = any(key.origins for key in valid)
        self._origins = {
            scope: frozenset(
                origin
                for key in valid
                if key.scope in (scope, Scope.ADMIN)
                for origin in key.origins
            )
            for scope in Scope
        }

    def _reload_if_changed(self) -> None:
        now = self._clock()
        if now < self._next_check_at:
            return
        self._next_check_at = now + _CHECK_SECONDS
        stamp = self._stamp()
        if stamp == self._loaded:
            return
        try:
            self._load(read_keys(self.path))
        except SetupError as error:
            if stamp != self._rejected:
                self._rejected = stamp
                logger.warning("key file not reloaded", error=str(error))
            return
        self._loaded = stamp

    def _stamp(self) -> tuple[int, int, int]:
        try:
            found = self.path.stat()
        except OSError:
            return (0, 0, 0)
        return (found.st_mtime_ns, found.st_size, found.st_ino)


def _random_text(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()


_NO_KEY: Final = (_digest(secrets.token_bytes(32)), None)


class LastUses:
    """Records when keys were last used, as modification times of one file per key.

    It is a hint for operators: its resolution is 30 seconds, and a folder that cannot be written
    is logged once and otherwise ignored.

    Args:
        folder: ENGAGE_KEY_USES_DIR; created if missing. Several processes can share it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._next_record_at: dict[str, float] = {}
        self._has_failed = False

    def record(self, key_id: str) -> None:
        """Record that a key was used at this moment. Needs a running event loop."""
        now = time.monotonic()
        if now >= self._next_record_at.get(key_id, 0.0):
            self._next_record_at[key_id] = now + _RECORD_SECONDS
            # In a thread, because the folder may be on a slow disk.
            asyncio.get_running_loop().run_in_executor(None, self._touch, key_id)

    def _touch(self, key_id: str) -> None:
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            file = open_regular(self._folder / key_id, os.O_WRONLY | os.O_CREAT)
            try:
                os.utime(file, ns=(time.time_ns(), time.time_ns()))
            finally:
                os.close(file)
        except OSError as error:
            if not self._has_failed:
                logger.warning("key use not recorded", error=error.strerror)
            self._has_failed = True


def last_uses(folders: Iterable[Path]) -> dict[str, datetime]:
    """Return the last recorded use of each key, by its ID.

    Args:
        folders: ENGAGE_KEY_USES_DIR of each service.
    """
    found: dict[str, datetime] = {}
    for path in (path for folder in folders for path in folder.glob("*")):
        used = datetime.fromtimestamp(path.lstat().st_mtime, UTC)
        found[path.name] = max(used, found.get(path.name, used))
    return found
