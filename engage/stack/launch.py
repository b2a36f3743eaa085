"""A stack's life from outside: run in the foreground or detached, end and wipe it."""

import asyncio
import fcntl
import logging
import os
import shutil
import signal
import socket
import sys
import traceback
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import Any, Final, NoReturn

import msgspec

from engage.embedded.machine import StackError, explain_os_error
from engage.embedded.ports import PortLeases, listen
from engage.embedded.processes import ClusterProcesses, ProcessId, end, identify
from engage.embedded.programs import open_limited_log
from engage.stack.backends import EmbeddedBackend, ExternalBackend, Secrets, ensure_keys
from engage.stack.layout import Layout, MemberState, StackKind, StackSpec, State
from engage.stack.supervisor import Supervisor
from runtime.files import open_regular
from runtime.logging import configure_logging

_PIPE: Final = 3
_FIRST_HIGH: Final = 10
_SUPERVISOR_SECONDS: Final = 90.0
_SERVICE_SECONDS: Final = 15.0
_SERVER_SECONDS: Final = 20.0
_SERVERS: Final = ("kafka", "postgres")
_HIDDEN: Final = frozenset({"event", "level", "timestamp", "service", "_record", "_from_structlog"})

Report = Callable[["Outcome"], None]


class Outcome(msgspec.Struct):
    """The first report of the supervisor: it is ready, or why it is not."""

    exit_code: int
    message: str = ""


def in_background(log_path: Path, work: Callable[[Report], None]) -> Outcome:
    """Run *work* in a detached process and return its first report.

    Args:
        log_path: where the process's output goes.
        work: gets a function to report with, and may run on afterwards.

    Returns:
        The report; an exit code of 1 when the process ended without one.
    """
    log_path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
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
    # Reap the intermediate process; the detached one is a child of init.
    os.waitpid(child, 0)
    if not text:
        return Outcome(1, f"the supervisor ended without a report: see {log_path}")
    return msgspec.json.decode(text, type=Outcome)


def _become_background(log_path: Path, writable: int, work: Callable[[Report], None]) -> NoReturn:
    os.setsid()
    if os.fork():
        os._exit(0)
    # Out of the way of the standard streams, which the caller may have had closed.
    pipe = fcntl.fcntl(writable, fcntl.F_DUPFD, _FIRST_HIGH)
    log = open_regular(log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (log, 1), (log, 2), (pipe, _PIPE)):
        os.dup2(source, target, inheritable=target != _PIPE)
    os.closerange(_PIPE + 1, os.sysconf("SC_OPEN_MAX"))
    code = 1
    try:
        work(_report)
        code = 0
    except BaseException:  # noqa: BLE001  (no caller is left)
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _report(outcome: Outcome) -> None:
    os.write(_PIPE, msgspec.json.encode(outcome) + b"\n")
    os.close(_PIPE)


@asynccontextmanager
async def running(spec: StackSpec) -> AsyncIterator[Supervisor]:
    """Yield the supervisor of a ready stack, which is stopped with the block.

    Raises:
        StackError, Unavailable: another stack runs in the folder, or this one cannot be started;
            started processes are stopped.
    """
    layout = Layout(spec.folder.absolute())
    with ExitStack() as held:
        held.enter_context(_locked(layout))
        await asyncio.to_thread(end_leftovers, layout)
        leases = held.enter_context(PortLeases(layout.ports_file))
        supervisor = _wired(spec, layout, leases, held)
        try:
            await supervisor.start()
            yield supervisor
        finally:
            await supervisor.stop()


def run_until_stopped(main: Coroutine[Any, Any, None]) -> None:
    """Run *main*. The first SIGINT, SIGTERM or SIGHUP cancels it, so that its stack is stopped."""

    async def cancellable() -> None:
        task = asyncio.create_task(main)

        def cancel() -> None:
            if not task.cancelling():
                if sys.stderr.isatty():
                    print("\nstopping the stack ...", file=sys.stderr)
                task.cancel()

        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, cancel)
        await asyncio.wait({task})
        if not task.cancelled():
            task.result()

    asyncio.run(cancellable())


@contextmanager
def _locked(layout: Layout) -> Iterator[None]:
    try:
        layout.prepare_folder()
        descriptor = open_regular(layout.lock_file, os.O_RDWR | os.O_CREAT)
    except OSError as error:
        raise explain_os_error(error, layout.folder) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise StackError(
            f"a stack already runs in {layout.folder}: see `engage status`, stop it with"
            " `engage down`, or choose another --dir"
        ) from None
    finally:
        os.close(descriptor)


def _wired(spec: StackSpec, layout: Layout, leases: PortLeases, held: ExitStack) -> Supervisor:
    secrets = Secrets.read(layout.secrets_file)
    ensure_keys(layout, secrets)
    secrets.write(layout.secrets_file)
    sockets = {
        "ingest": listen(leases.take("ingest", asked=spec.ingest_port, usual=8000)),
        "api": listen(leases.take("api", asked=spec.api_port, usual=8001)),
        "catalogue": listen(leases.take("catalogue", usual=8002)),
    }
    for listener in sockets.values():
        held.enter_context(listener)
    embedded = spec.kind is StackKind.EMBEDDED
    backend = EmbeddedBackend(layout, leases, secrets, held) if embedded else ExternalBackend()
    places = _places(spec, leases)
    leases.remember()
    me = identify(os.getpid())
    if me is None:
        raise StackError("this process cannot find itself: is /proc mounted?")
    supervisor = Supervisor(
        layout=layout,
        backend=backend,
        secrets=secrets,
        places=places,
        listeners=_described(sockets),
        me=me,
    )
    supervisor.warnings += leases.replaced
    return supervisor


def _places(spec: StackSpec, leases: PortLeases) -> list[MemberState]:
    several = {"ingest": spec.ingest_workers, "consumer": spec.consumers}
    counts = several | {"refresher": 1, "api": 1, "catalogue": 1}
    return [
        MemberState(role, slot, metrics_port=leases.take(f"{role}-{slot} metrics port"))
        for role, count in counts.items()
        for slot in range(count)
    ]


def _described(sockets: dict[str, socket.socket]) -> dict[str, tuple[int, int]]:
    return {role: (s.fileno(), s.getsockname()[1]) for role, s in sockets.items()}


def end_stack(layout: Layout) -> bool:
    """Stop the stack of a folder, its supervisor first. Block. Return whether it was running.

    Raises:
        StackError: a process could not be ended.
    """
    state = State.read(layout.state_file)
    if state is None:
        layout.stack_file.unlink(missing_ok=True)
        return False
    was_running = state.is_running or bool(state.leftovers())
    end([state.supervisor], grace_seconds=_SUPERVISOR_SECONDS)
    end_leftovers(layout)
    if left := state.leftovers():
        raise StackError(
            f"processes {sorted(p.pid for p in left)} cannot be stopped: kill them, then try again"
        )
    return was_running


def running_processes(layout: Layout) -> list[ProcessId]:
    """Return the recorded processes of a stack that run, its supervisor first."""
    state = State.read(layout.state_file)
    if state is None:
        return []
    return [each for each in (state.supervisor, *state.leftovers()) if each.is_running()]


def end_leftovers(layout: Layout) -> None:
    """Stop the recorded processes of a supervisor that ended, and none that reuses a pid."""
    state = State.read(layout.state_file)
    if state is not None:
        left = {m.name: m.process for m in state.members if m.process}
        services = [process for name, process in left.items() if name not in _SERVERS]
        end(services, grace_seconds=_SERVICE_SECONDS)
        if kafka := left.get("kafka"):
            end([kafka], grace_seconds=_SERVER_SECONDS)
        if postgres := left.get("postgres"):
            end([postgres], first=signal.SIGINT, grace_seconds=_SERVER_SECONDS)
    if layout.postgres.is_dir():
        # Backends outlive a postmaster that was killed.
        ClusterProcesses(layout.postgres).end_all()
    layout.stack_file.unlink(missing_ok=True)
    layout.state_file.unlink(missing_ok=True)


def wipe_files(layout: Layout) -> None:
    """Delete the files of a stack, and its folder if it is empty then."""
    for path in layout.everything:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    if layout.folder.is_dir() and not any(layout.folder.iterdir()):
        layout.folder.rmdir()


def open_log(path: Path, *, is_verbose: bool) -> None:
    """Send the supervisor's log to *path*.

    Args:
        path: one JSON line a message is appended to it.
        is_verbose: also print each message on stderr, in words.
    """
    configure_logging("supervisor")
    root = logging.getLogger()
    written = root.handlers[0]
    if isinstance(written, logging.StreamHandler):
        file = open_limited_log(path)
        written.setStream(TextIOWrapper(file, encoding="utf-8", line_buffering=True))
    if is_verbose:
        root.addHandler(_Spoken())


class _Spoken(logging.Handler):
    """Prints messages of the supervisor, not those of its libraries."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith("engage") and isinstance(record.msg, dict):
            print(_in_words(record.msg), file=sys.stderr, flush=True)


def _in_words(fields: dict[str, Any]) -> str:
    process = fields.get("process")
    said = f"{process}: {fields['event']}" if process else str(fields["event"])
    others = ", ".join(
        f"{name.replace('_', ' ')} {value}"
        for name, value in fields.items()
        if name not in _HIDDEN and name != "process"
    )
    return f"{said} ({others})" if others else said
