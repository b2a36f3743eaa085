"""API keys: ``eng_<scope>_<id>_<secret>``, kept only as hashes, in a file both services read.

A key is found by its id and compared by the hash of the whole key, in constant time.
"""

import fcntl
import hashlib
import hmac
import os
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import msgspec

from schema.errors import SetupError
from schema.telemetry import get_logger

_ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz0123456789"
_ID_LENGTH: Final = 10
_SECRET_LENGTH: Final = 52  # 36 ** 52 > 2 ** 256
_LOOK_SECONDS: Final = 5.0
_BEARER: Final = b"bearer "

logger = get_logger("keys")


class Scope(StrEnum):
    """What a key is for."""

    INGEST = "ingest"
    READ = "read"
    ADMIN = "admin"


class KeyEntry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One key as the file keeps it: never the key itself.

    Attributes:
        key_id: the part of the key that names it.
        sha256: of the whole key, hexadecimal.
        revoked_timestamp: set once the key is good for nothing any more.
        origins: the pages it is for, as browsers write origins; none: it is not for pages alone.
        rate_per_second: requests a second that a service process allows; None: any number.
    """

    key_id: str
    scope: Scope
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    created_timestamp: datetime
    label: str = ""
    revoked_timestamp: datetime | None = None
    origins: tuple[str, ...] = ()
    rate_per_second: float | None = None


class KeyFile(msgspec.Struct, frozen=True):
    """The whole file."""

    keys: list[KeyEntry]
    version: int = 1


class Minted(NamedTuple):
    """A new key: its text, which is shown once, and what the file keeps of it."""

    plaintext: str
    entry: KeyEntry


def mint(
    scope: Scope,
    *,
    label: str = "",
    origins: tuple[str, ...] = (),
    rate_per_second: float | None = None,
) -> Minted:
    """Make a key of 256 random bits."""
    key_id = _draw(_ID_LENGTH)
    plaintext = f"eng_{scope}_{key_id}_{_draw(_SECRET_LENGTH)}"
    entry = KeyEntry(
        key_id,
        scope,
        _digest(plaintext.encode()).hex(),
        datetime.now(UTC),
        label,
        origins=origins,
        rate_per_second=rate_per_second,
    )
    return Minted(plaintext, entry)


def read_keys(path: Path) -> list[KeyEntry]:
    """Return the file's keys. Raises SetupError when it is missing or damaged."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=KeyFile).keys
    except OSError as error:
        raise SetupError(f"the key file cannot be read: {error.strerror}: {path}") from None
    except msgspec.MsgspecError:
        raise SetupError(f"the key file is damaged, restore it or make new keys: {path}") from None


def write_keys(path: Path, keys: Iterable[KeyEntry]) -> None:
    """Replace the file atomically, readable by its owner alone, who stays the same."""
    fresh = path.with_name(path.name + ".new")
    fresh.touch(mode=0o600)
    if os.geteuid() == 0 and path.exists():
        # The services run as somebody else, who must still be able to read it.
        owner = path.stat()
        os.chown(fresh, owner.st_uid, owner.st_gid)
    fresh.write_bytes(msgspec.json.format(msgspec.json.encode(KeyFile(list(keys)))))
    fresh.replace(path)


def add(path: Path, entry: KeyEntry) -> None:
    """Add a key to the file, making the file if need be."""
    with _alone(path):
        write_keys(path, [*(read_keys(path) if path.exists() else []), entry])


def revoke(path: Path, key_id: str) -> bool:
    """Revoke a key; services notice within 60 s. False: there is no such key in force."""
    with _alone(path):
        keys = read_keys(path)
        now = datetime.now(UTC)
        changed = [
            msgspec.structs.replace(key, revoked_timestamp=now)
            if key.key_id == key_id and key.revoked_timestamp is None
            else key
            for key in keys
        ]
        if changed != keys:
            write_keys(path, changed)
    return changed != keys


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Keep others from changing the file meanwhile: of two changes one would be lost.

    Raises:
        SetupError: it cannot be changed.
    """
    try:
        # The folder is locked, as the file itself is replaced.
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)
    except OSError as error:
        raise SetupError(f"the key file cannot be changed: {error.strerror}: {path}") from None


class KeyRing:
    """The keys in force. Follows the file: looks at it every five seconds at most.

    Raises:
        SetupError: at the start, when the file is missing or damaged; later the last good
            keys stay in force.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.path = path
        self._clock = clock
        self._next_look_at = clock() + _LOOK_SECONDS
        self._seen = self._refused = self._stamp()
        self._take(read_keys(path))

    def find(self, authorization: bytes | None) -> KeyEntry | None:
        """Return the key that an Authorization header carries, or None."""
        if authorization is None or authorization[:7].lower() != _BEARER:
            return None
        self._follow()
        given = authorization[7:].strip()
        parts = given.split(b"_")
        # An unknown id costs the same comparison as a wrong secret.
        expected, entry = self._keys.get(parts[2] if len(parts) == 4 else b"", _NO_KEY)
        matches = hmac.compare_digest(_digest(given), expected)
        return entry if matches else None

    def origins(self, scope: Scope) -> frozenset[str]:
        """Return the origins that keys in force for this scope's service are bound to."""
        self._follow()
        return self._origins[scope]

    @property
    def has_origins(self) -> bool:
        """Whether any key is bound to an origin, as of the last look at the file."""
        return self._has_origins

    def _take(self, keys: Sequence[KeyEntry]) -> None:
        in_force = [key for key in keys if key.revoked_timestamp is None]
        self._keys: dict[bytes, tuple[bytes, KeyEntry | None]] = {
            key.key_id.encode(): (bytes.fromhex(key.sha256), key) for key in in_force
        }
        self._has_origins = any(key.origins for key in in_force)
        self._origins = {
            scope: frozenset(
                origin
                for key in in_force
                if key.scope in (scope, Scope.ADMIN)
                for origin in key.origins
            )
            for scope in Scope
        }

    def _follow(self) -> None:
        now = self._clock()
        if now < self._next_look_at:
            return
        self._next_look_at = now + _LOOK_SECONDS
        stamp = self._stamp()
        if stamp == self._seen:
            return
        try:
            self._take(read_keys(self.path))
        except SetupError as error:
            if stamp != self._refused:
                self._refused = stamp
                logger.warning("keys stay as they were", why=str(error))
            return
        self._seen = stamp

    def _stamp(self) -> tuple[int, int, int]:
        try:
            found = self.path.stat()
        except OSError:
            return (0, 0, 0)
        return (found.st_mtime_ns, found.st_size, found.st_ino)


def _draw(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()


_NO_KEY: Final = (_digest(secrets.token_bytes(32)), None)
