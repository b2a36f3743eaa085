"""API keys: ``eng_<scope>_<id>_<secret>``, kept only as hashes, in a file both services read.

A key is found by its id and compared by the hash of the whole key, in constant time.
"""

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from schema.errors import SetupError

_ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz0123456789"
_ID_LENGTH: Final = 10
_SECRET_LENGTH: Final = 52  # 36 ** 52 > 2 ** 256
_LOOK_SECONDS: Final = 5.0
_BEARER: Final = b"bearer "


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
    """

    key_id: str
    scope: Scope
    sha256: str
    created_timestamp: datetime
    label: str = ""
    revoked_timestamp: datetime | None = None


class KeyFile(msgspec.Struct, frozen=True):
    """The whole file."""

    keys: list[KeyEntry]
    version: int = 1


class Minted(NamedTuple):
    """A new key: its text, which is shown once, and what the file keeps of it."""

    plaintext: str
    entry: KeyEntry


def mint(scope: Scope, *, label: str = "") -> Minted:
    """Make a key of 256 random bits."""
    key_id = _draw(_ID_LENGTH)
    plaintext = f"eng_{scope}_{key_id}_{_draw(_SECRET_LENGTH)}"
    entry = KeyEntry(key_id, scope, _digest(plaintext.encode()), datetime.now(UTC), label)
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
    """Replace the file atomically, readable by its owner alone."""
    fresh = path.with_name(path.name + ".new")
    fresh.touch(mode=0o600)
    fresh.write_bytes(msgspec.json.format(msgspec.json.encode(KeyFile(list(keys)))))
    fresh.replace(path)


def add(path: Path, entry: KeyEntry) -> None:
    """Add a key to the file, making the file if need be."""
    write_keys(path, [*(read_keys(path) if path.exists() else []), entry])


def revoke(path: Path, key_id: str) -> bool:
    """Revoke a key; services notice within 60 s. False: there is no such key in force."""
    keys = read_keys(path)
    now = datetime.now(UTC)
    changed = [
        msgspec.structs.replace(key, revoked_timestamp=now)
        if key.key_id == key_id and key.revoked_timestamp is None
        else key
        for key in keys
    ]
    write_keys(path, changed)
    return changed != keys


class KeyRing:
    """The keys in force. Follows the file: looks at it every five seconds at most.

    Raises:
        SetupError: at the start, when the file is missing or damaged; later the last good
            keys stay in force.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._next_look_at = clock() + _LOOK_SECONDS
        self._seen = self._stamp()
        self._keys = _in_force(read_keys(path))

    def find(self, authorization: bytes | None) -> KeyEntry | None:
        """Return the key that an Authorization header carries, or None."""
        if authorization is None or authorization[:7].lower() != _BEARER:
            return None
        self._follow()
        given = authorization[7:].strip()
        parts = given.split(b"_")
        key_id = parts[2].decode("ascii", "replace") if len(parts) == 4 else ""
        entry = self._keys.get(key_id)
        # An unknown id costs the same comparison as a wrong secret.
        expected = entry.sha256 if entry else _NO_KEY
        matches = hmac.compare_digest(_digest(given).encode(), expected.encode())
        return entry if matches else None

    def _follow(self) -> None:
        now = self._clock()
        if now < self._next_look_at:
            return
        self._next_look_at = now + _LOOK_SECONDS
        stamp = self._stamp()
        if stamp == self._seen:
            return
        try:
            self._keys = _in_force(read_keys(self._path))
        except SetupError:
            return
        self._seen = stamp

    def _stamp(self) -> tuple[int, int, int]:
        try:
            found = self._path.stat()
        except OSError:
            return (0, 0, 0)
        return (found.st_mtime_ns, found.st_size, found.st_ino)


def _in_force(keys: Sequence[KeyEntry]) -> dict[str, KeyEntry]:
    return {key.key_id: key for key in keys if key.revoked_timestamp is None}


def _draw(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def _digest(key: bytes) -> str:
    return hashlib.sha256(key).hexdigest()


_NO_KEY: Final = _digest(secrets.token_bytes(32))
