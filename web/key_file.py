"""Changes of the key file, which root may make in a folder that the services' user can write to.

The folder is opened once, and all files by its descriptor, so that no link in it leads elsewhere.
A lock that the services' user cannot open serialises changes.
"""

import fcntl
import os
import pwd
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from runtime.files import Owner, open_regular, read_regular, replace_file
from schema.errors import SetupError
from web.auth import KeyEntry, KeyFile, decode_keys

_LOCK_SECONDS: Final = 10.0
_POLL_SECONDS: Final = 0.05
_ROOT_LOCKS: Final = Path("/run")
_LOCK_TABLE: Final = Path("/proc/locks")


def add(path: Path, entry: KeyEntry) -> None:
    """Add a key to the file, which is created if it is missing. Raises SetupError."""
    with _editing(path) as folder:
        _write(path, folder, [*_read(path, folder), entry])


def revoke(path: Path, key_id: str) -> bool:
    """Revoke a key; services notice within 60 s. Return whether the key was valid.

    Raises:
        SetupError: the file is missing, damaged or cannot be changed.
    """
    with _editing(path) as folder:
        if _find(path, folder) is None:
            raise SetupError(f"the key file cannot be read: not found: {path}")
        keys = _read(path, folder)
        now = datetime.now(UTC)
        changed = [
            msgspec.structs.replace(key, revoked_timestamp=now)
            if key.key_id == key_id and key.revoked_timestamp is None
            else key
            for key in keys
        ]
        if changed != keys:
            _write(path, folder, changed)
    return changed != keys


def _read(path: Path, folder: int) -> list[KeyEntry]:
    if _find(path, folder) is None:
        return []
    return decode_keys(read_regular(path.name, folder=folder), path)


def _write(path: Path, folder: int, keys: Sequence[KeyEntry]) -> None:
    """Replace the file, and keep its owner, group and read permissions."""
    content = msgspec.json.format(msgspec.json.encode(KeyFile(list(keys))))
    owner, mode = _owner_and_mode(path, folder)
    replace_file(path.name, content, folder=folder, mode=mode, owner=owner, is_durable=True)


def _owner_and_mode(path: Path, folder: int) -> tuple[Owner | None, int]:
    """Return the owner of the replaced file (None: the caller), and its mode.

    A new file belongs to the owner of its folder. In a setgid folder the group may read it, so
    that services get access to keys in a folder of root.
    """
    found, home = _find(path, folder), os.fstat(folder)
    is_shared = bool(home.st_mode & stat.S_ISGID)
    mode = (0o640 if is_shared else 0o600) if found is None else found.st_mode & 0o644
    if os.geteuid() != 0:
        return None, mode
    if found is not None:
        return Owner(found.st_uid, found.st_gid), mode
    return Owner(home.st_uid, home.st_gid if is_shared else -1), mode


def _find(path: Path, folder: int) -> os.stat_result | None:
    """Return the status of the key file, or None. Raises SetupError for a link."""
    try:
        found = os.stat(path.name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
        raise SetupError(
            f"the key file cannot be changed: {path} is a link, a pipe or a device; remove it, or"
            " set ENGAGE_API_KEYS_FILE to the file itself"
        )
    return found


@contextmanager
def _editing(path: Path) -> Iterator[int]:
    """Hold the lock of the key file, and yield the descriptor of its folder.

    Raises:
        SetupError: it cannot be changed.
    """
    try:
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            _require_trusted(path.parent, os.fstat(folder))
            with _locked(path, folder):
                yield folder
        finally:
            os.close(folder)
    except OSError as error:
        raise SetupError(f"the key file cannot be changed: {error.strerror}: {path}") from None


def _require_trusted(path: Path, found: os.stat_result) -> None:
    """Raise SetupError if other users could replace the key file in this folder."""
    if found.st_mode & stat.S_IWOTH:
        raise SetupError(
            f"every user can write to {path}, and so create keys: chmod o-w {path}, or set"
            " ENGAGE_API_KEYS_FILE to a file elsewhere"
        )
    if found.st_mode & stat.S_IWGRP and found.st_gid not in _private_groups(found.st_uid):
        raise SetupError(
            f"a group can write to {path}, and so create keys: chmod g-w {path}, or set"
            " ENGAGE_API_KEYS_FILE to a file elsewhere"
        )


def _private_groups(uid: int) -> set[int]:
    """Return the groups that count as the folder's owner or the caller."""
    try:
        primary = pwd.getpwuid(uid).pw_gid
    except KeyError:
        primary = uid
    return {0, primary, os.getegid()}


@contextmanager
def _locked(path: Path, folder: int) -> Iterator[None]:
    """Hold the lock. Raises SetupError that names its holder after ten seconds."""
    descriptor = _open_lock(path, folder)
    if descriptor is None:
        yield
        return
    try:
        _wait_for(descriptor, path)
        yield
    finally:
        os.close(descriptor)


def _open_lock(path: Path, folder: int) -> int | None:
    """Open a lock file that no other user can open; None if there is no folder for one.

    In a folder of another user, root uses a file elsewhere, because that user could hold any lock
    in the folder forever, and so prevent that a key is revoked.
    """
    flags = os.O_RDWR | os.O_CREAT
    home = os.fstat(folder)
    if os.geteuid() != 0 or home.st_uid == 0:
        return open_regular(f"{path.name}.lock", flags, folder=folder)
    try:
        return open_regular(_ROOT_LOCKS / f"engage-keys-{home.st_dev:x}-{home.st_ino}.lock", flags)
    except OSError:
        return None


def _wait_for(descriptor: int, path: Path) -> None:
    deadline = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise SetupError(
                    f"the key file cannot be changed: {_holder(descriptor)} has held its lock for"
                    f" {_LOCK_SECONDS:.0f} s: end that process and try again: {path}"
                ) from None
            time.sleep(_POLL_SECONDS)
        else:
            return


def _holder(descriptor: int) -> str:
    """Return the process that holds the lock, if the system lists it."""
    found = os.fstat(descriptor)
    place = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
    try:
        table = [line.split() for line in _LOCK_TABLE.read_text().splitlines()]
    except OSError:
        table = []
    # 1: FLOCK ADVISORY WRITE 4711 fe:01:131 0 EOF
    holders = [line[4] for line in table if place in line and line[1] == "FLOCK"]
    return f"process {holders[0]}" if holders else "another process"
