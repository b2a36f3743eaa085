"""Run a program as an unprivileged user: PostgreSQL refuses to run as root.

Started as a program of its own (``python demoted.py PLAN COMMAND ...``), because the steps must
happen in the new process, one after the other, and cannot be undone. PLAN is JSON:

* ``uid``, ``gid``: whom to become.
* ``capability``: the number of a Linux capability to keep, or null. It lets the program reach
  files below folders that only root may pass; nothing else of root's is kept.
* ``namespace``: true where this user cannot become another one (a container with one user).
  The program then runs in a user namespace of its own, where the same user has that uid.
"""

import ctypes
import json
import os
import sys
from pathlib import Path
from typing import Any, Final

CAP_DAC_OVERRIDE: Final = 1
CAP_DAC_READ_SEARCH: Final = 2

_CLONE_NEWUSER: Final = 0x10000000
_PR_SET_SECUREBITS: Final = 28
_PR_CAP_AMBIENT: Final = 47
_PR_CAP_AMBIENT_RAISE: Final = 2
# Without it access(2) overlooks capabilities, and PostgreSQL asks access(2) for its programs.
_SECBIT_NO_SETUID_FIXUP: Final = 1 << 2
_CAPABILITY_VERSION_3: Final = 0x20080522


def main(arguments: list[str]) -> None:
    """Become whom the plan says, and be replaced by the command."""
    plan: dict[str, Any] = json.loads(arguments[0])
    try:
        if plan["namespace"]:
            _enter_namespace(plan["uid"], plan["gid"])
        else:
            _change_user(plan["uid"], plan["gid"], plan["capability"])
    except OSError as error:
        sys.exit(
            f"PostgreSQL refuses to run as root, and this root cannot change its user "
            f"({error.strerror}): run as a normal user"
        )
    os.execv(arguments[1], arguments[1:])  # noqa: S606  (the supervisor's own command)


def _change_user(uid: int, gid: int, capability: int | None) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if capability is not None:
        _check(libc.prctl(_PR_SET_SECUREBITS, _SECBIT_NO_SETUID_FIXUP, 0, 0, 0))
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    if capability is None:
        return
    bit = 1 << capability
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    # Effective, permitted, inheritable; for capabilities 0-31, then for the others.
    sets = (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0)
    _check(libc.capset(header, sets))
    _check(libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, capability, 0, 0))


def _enter_namespace(uid: int, gid: int) -> None:
    outer_uid, outer_gid = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    _check(libc.unshare(_CLONE_NEWUSER))
    me = Path("/proc/self")
    (me / "setgroups").write_text("deny")
    (me / "uid_map").write_text(f"{uid} {outer_uid} 1")
    (me / "gid_map").write_text(f"{gid} {outer_gid} 1")


def _check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


if __name__ == "__main__":
    main(sys.argv[1:])
