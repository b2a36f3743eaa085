"""Leaving a supervisor behind that has nothing of the caller's: no terminal, no open stream."""

import fcntl
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Final, NoReturn

import msgspec

_PIPE: Final = 3
_FIRST_HIGH: Final = 10

Report = Callable[["Outcome"], None]


class Outcome(msgspec.Struct):
    """What the supervisor says once: it is ready, or why it is not."""

    exit_code: int
    message: str = ""


def in_background(log_path: Path, work: Callable[[Report], None]) -> Outcome:
    """Run *work* in a process of its own and return what it reports first.

    Args:
        log_path: where the process's output goes.
        work: given a function to report with; it may go on as long as it likes.

    Returns:
        The report; an exit code of 1 when the process ended without one.
    """
    log_path.parent.mkdir(parents=True, exist_ok=True)
    readable, writable = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        os.close(readable)
        _become_background(log_path, writable, work)
    os.close(writable)
    with os.fdopen(readable, "rb") as pipe:
        text = pipe.readline()
    # The middle process has ended: the one it left behind is nobody's child.
    os.waitpid(child, 0)
    if not text:
        return Outcome(1, f"the supervisor ended without a word; see {log_path}")
    return msgspec.json.decode(text, type=Outcome)


def _become_background(log_path: Path, writable: int, work: Callable[[Report], None]) -> NoReturn:
    os.setsid()
    if os.fork():
        os._exit(0)
    # Out of the way of the standard streams, which the caller may have had closed.
    pipe = fcntl.fcntl(writable, fcntl.F_DUPFD, _FIRST_HIGH)
    log = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (log, 1), (log, 2), (pipe, _PIPE)):
        os.dup2(source, target, inheritable=target != _PIPE)
    os.closerange(_PIPE + 1, os.sysconf("SC_OPEN_MAX"))
    code = 1
    try:
        work(_report)
        code = 0
    except BaseException:  # noqa: BLE001  (nobody is left to raise to)
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _report(outcome: Outcome) -> None:
    os.write(_PIPE, msgspec.json.encode(outcome) + b"\n")
    os.close(_PIPE)
