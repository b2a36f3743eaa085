"""Ending a stack from outside, and whatever a killed supervisor left behind."""

import shutil
import signal
from typing import Final

from engage.embedded import processes
from engage.embedded.cluster import ClusterProcesses
from engage.embedded.errors import StackError
from engage.stack.layout import Layout
from engage.stack.state import State

_SUPERVISOR_SECONDS: Final = 90.0
_SERVICE_SECONDS: Final = 15.0
_SERVER_SECONDS: Final = 20.0
_SERVERS: Final = ("kafka", "postgres")


def end_stack(layout: Layout) -> bool:
    """End the stack of a folder, its supervisor first. Blocks. False: none was running.

    Raises:
        StackError: a process could not be ended.
    """
    state = State.read(layout.state_file)
    if state is None:
        layout.stack_file.unlink(missing_ok=True)
        return False
    was_running = state.is_running or bool(state.leftovers())
    processes.end([state.supervisor], grace_seconds=_SUPERVISOR_SECONDS)
    end_leftovers(layout)
    if left := state.leftovers():
        raise StackError(f"processes {sorted(p.pid for p in left)} cannot be ended")
    return was_running


def end_leftovers(layout: Layout) -> None:
    """End the recorded processes whose supervisor is gone; never a stranger with a used pid."""
    state = State.read(layout.state_file)
    if state is not None:
        left = {m.name: m.process for m in state.members if m.process}
        services = [process for name, process in left.items() if name not in _SERVERS]
        processes.end(services, grace_seconds=_SERVICE_SECONDS)
        if kafka := left.get("kafka"):
            processes.end([kafka], grace_seconds=_SERVER_SECONDS)
        if postgres := left.get("postgres"):
            processes.end([postgres], first=signal.SIGINT, grace_seconds=_SERVER_SECONDS)
    if layout.postgres.is_dir():
        # Backends outlive a postmaster that was killed.
        ClusterProcesses(layout.postgres).end_earlier()
    layout.stack_file.unlink(missing_ok=True)
    layout.state_file.unlink(missing_ok=True)


def wipe(layout: Layout) -> None:
    """Delete what a stack keeps in its folder, and the folder if nothing else is in it."""
    for path in layout.everything:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    if layout.folder.is_dir() and not any(layout.folder.iterdir()):
        layout.folder.rmdir()
