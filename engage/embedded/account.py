"""Which user a server runs as that refuses to be root."""

import json
import os
import pwd
import stat
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from engage.embedded import demoted
from engage.embedded.errors import NotPermitted

_LAUNCHER: Final = Path(demoted.__file__)
_STATUS: Final = Path("/proc/self/status")
_UID_MAP: Final = Path("/proc/self/uid_map")
_SETGROUPS: Final = Path("/proc/self/setgroups")
_CAP_CHOWN, _CAP_SETGID, _CAP_SETUID, _CAP_SETPCAP = 0, 6, 7, 8


@dataclass(frozen=True, slots=True)
class Account:
    """How a command is started so that it does not run as root.

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

    def own(self, path: Path) -> None:
        """Make *path* this account's."""
        if not self.is_caller and not self.namespace:
            os.chown(path, self.uid, self.gid)


def choose(data: Path, programs: Path) -> Account:
    """Return the account that can run the programs in *programs* on the folder *data*.

    A normal user is taken as is. Root becomes the owner of data that are there, else nobody.

    Raises:
        NotPermitted: this root can become nobody else.
    """
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid(), is_caller=True)
    uid, gid = _nobody()
    renamed = Account(uid, gid, namespace=True)
    if data.exists():
        owner = data.stat()
        if owner.st_uid == 0:
            return renamed
        uid, gid = owner.st_uid, owner.st_gid
    if not _may_become(uid):
        return renamed
    if _others_read(programs) and _others_pass(data.parent.parent):
        return Account(uid, gid)
    capability = _passing_capability()
    if capability is not None:
        return Account(uid, gid, capability=capability)
    if not data.exists():
        return renamed
    raise NotPermitted(
        "PostgreSQL cannot run as root, and other users cannot reach this folder: run as a "
        "normal user, or keep the project and --dir in folders that others may pass (chmod o+x)"
    )


def _nobody() -> tuple[int, int]:
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        raise NotPermitted(
            "PostgreSQL cannot run as root, and there is no user nobody: run as a normal user"
        ) from None
    return entry.pw_uid, entry.pw_gid


def _may_become(uid: int) -> bool:
    if not _STATUS.exists():
        return True
    mapped = any(
        int(first) <= uid < int(first) + int(count)
        for first, _, count in map(str.split, _UID_MAP.read_text().splitlines())
    )
    groups = not _SETGROUPS.exists() or _SETGROUPS.read_text().strip() == "allow"
    return mapped and groups and all(map(_has, (_CAP_CHOWN, _CAP_SETGID, _CAP_SETUID)))


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
