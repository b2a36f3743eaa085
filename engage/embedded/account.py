"""The account of PostgreSQL, which refuses to run as root."""

import contextlib
import json
import os
import pwd
import stat
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from engage.embedded import demoted
from engage.embedded.machine import StackError, cache_folder, locked
from runtime.files import Owner
from runtime.logging import get_logger

NAME: Final = "engage-postgres"
"""The system account that PostgreSQL runs as when root starts it."""

_CREATE: Final = (
    "useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent",
    "--shell", "/usr/sbin/nologin", NAME,
)  # fmt: skip
_ADMIN_PATH: Final = "/usr/sbin:/sbin:/usr/bin:/bin"
# The account `nobody`, which many programs share.
_SHARED_IDS: Final = (65534, 65534)
_OPEN_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_LAUNCHER: Final = Path(demoted.__file__)
_STATUS: Final = Path("/proc/self/status")
_UID_MAP: Final = Path("/proc/self/uid_map")
_SETGROUPS: Final = Path("/proc/self/setgroups")
_CAP_CHOWN, _CAP_SETGID, _CAP_SETUID, _CAP_SETPCAP = 0, 6, 7, 8

logger = get_logger("embedded")


@dataclass(frozen=True, slots=True)
class Account:
    """An account other than root that commands are started with.

    Attributes:
        uid, gid: whom the command believes to be.
        capability: a Linux capability it keeps, see ``demoted``.
        namespace: whether the user is only renamed, in a namespace.
        is_caller: nothing to do: the caller is no root.
    """

    uid: int
    gid: int
    capability: int | None = None
    namespace: bool = False
    is_caller: bool = False

    def command(self, command: Sequence[str | Path]) -> list[str]:
        """Return *command*, through the launcher if the user must be changed."""
        plain = [str(part) for part in command]
        if self.is_caller:
            return plain
        plan = {
            "uid": self.uid,
            "gid": self.gid,
            "capability": self.capability,
            "namespace": self.namespace,
        }
        return [sys.executable, "-I", "-S", str(_LAUNCHER), json.dumps(plan), *plain]

    @property
    def file_owner(self) -> Owner | None:
        """The owner of the account's files; None: the caller."""
        return None if self.is_caller or self.namespace else Owner(self.uid, self.gid)

    def own_folder(self, path: Path) -> None:
        """Make the folder *path* this account's. Raises OSError when it is a link."""
        if self.file_owner is None:
            return
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            os.fchown(descriptor, *self.file_owner)
        finally:
            os.close(descriptor)


def choose(data: Path, programs: Path) -> Account:
    """Return the account that can run the programs in *programs* on the folder *data*.

    A normal user is taken as is. Root becomes the owner of existing data, else the account
    ``engage-postgres``, which no other process uses. Data of an account that other programs
    share are given to ``engage-postgres``.

    Raises:
        StackError: root can neither use nor create such an account.
    """
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid(), is_caller=True)
    if (data.exists() and data.stat().st_uid == 0) or not _may_become_others():
        return Account(*_SHARED_IDS, namespace=True)
    uid, gid = _owner(data)
    if not _is_mapped(uid):
        return Account(*_SHARED_IDS, namespace=True)
    if _others_read(programs) and _others_pass(data.parent.parent):
        return Account(uid, gid)
    capability = _passing_capability()
    if capability is not None:
        return Account(uid, gid, capability=capability)
    if not data.exists():
        return Account(*_SHARED_IDS, namespace=True)
    raise StackError(
        "PostgreSQL cannot run as root, and other users cannot reach this folder: run as a "
        "normal user, or keep the project and --dir in folders that others may pass (chmod o+x)"
    )


def _owner(data: Path) -> tuple[int, int]:
    """Return the owner of *data*, after moving a shared account's data to the dedicated one."""
    if data.exists() and (owner := data.stat()).st_uid != _SHARED_IDS[0]:
        return owner.st_uid, owner.st_gid
    uid, gid = _dedicated()
    if data.exists():
        logger.warning("changed the owner of PostgreSQL's data", folder=data, account=NAME)
        _give(data.parent, uid, gid)
    return uid, gid


def _dedicated() -> tuple[int, int]:
    """Return the ids of the dedicated account, which is created if it is missing."""
    with contextlib.suppress(KeyError), locked(cache_folder(), "account"):
        if not _exists():
            _create()
        entry = pwd.getpwnam(NAME)
        return entry.pw_uid, entry.pw_gid
    raise StackError(
        f"PostgreSQL cannot run as root and has no account: create one with `{' '.join(_CREATE)}`,"
        " or run as a normal user"
    )


def _exists() -> bool:
    with contextlib.suppress(KeyError):
        return pwd.getpwnam(NAME).pw_uid != 0
    return False


def _create() -> None:
    with contextlib.suppress(OSError):
        subprocess.run(_CREATE, env={"PATH": _ADMIN_PATH}, capture_output=True, check=False)


def _give(folder: Path, uid: int, gid: int) -> None:
    """Change the owner of *folder* and everything in it.

    Its present owner may still write there, so no name is followed: every object is opened
    first, and one with several names (hard links) keeps its owner.
    """
    for _, _, names, descriptor in os.fwalk(folder, follow_symlinks=False):
        os.fchown(descriptor, uid, gid)
        for name in names:
            with contextlib.suppress(OSError):
                file = os.open(name, _OPEN_FILE, dir_fd=descriptor)
                try:
                    if os.fstat(file).st_nlink == 1:
                        os.fchown(file, uid, gid)
                finally:
                    os.close(file)


def _may_become_others() -> bool:
    """Return whether this root can change its user. In some containers it cannot."""
    if not _STATUS.exists():
        return True
    groups = not _SETGROUPS.exists() or _SETGROUPS.read_text().strip() == "allow"
    return groups and all(map(_has, (_CAP_CHOWN, _CAP_SETGID, _CAP_SETUID)))


def _is_mapped(uid: int) -> bool:
    """Return whether *uid* exists in this user namespace."""
    return not _UID_MAP.exists() or any(
        int(first) <= uid < int(first) + int(count)
        for first, _, count in map(str.split, _UID_MAP.read_text().splitlines())
    )


def _passing_capability() -> int | None:
    keepable = _has(_CAP_SETPCAP)
    wanted = (demoted.CAP_DAC_READ_SEARCH, demoted.CAP_DAC_OVERRIDE)
    return next((capability for capability in wanted if keepable and _has(capability)), None)


def _has(capability: int) -> bool:
    if not _STATUS.exists():
        return False
    lines = _STATUS.read_text().splitlines()
    permitted = next(line.split()[1] for line in lines if line.startswith("CapPrm"))
    return bool(int(permitted, 16) >> capability & 1)


def _others_pass(folder: Path) -> bool:
    absolute = folder.resolve()
    return all(part.stat().st_mode & stat.S_IXOTH for part in (absolute, *absolute.parents))


def _others_read(folder: Path) -> bool:
    return bool(folder.stat().st_mode & stat.S_IROTH) and _others_pass(folder)
