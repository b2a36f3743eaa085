"""From the options of `engage up` to a running stack, and back to nothing."""

import asyncio
import fcntl
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from typing import Any

from engage.embedded.errors import StackError, explain_os_error
from engage.embedded.processes import identify
from engage.stack.backends import EmbeddedBackend, ExternalBackend
from engage.stack.bootstrap import Secrets, ensure_keys
from engage.stack.layout import Layout, StackKind, StackSpec
from engage.stack.leases import PortLeases, listen
from engage.stack.state import MemberState
from engage.stack.supervisor import Supervisor
from engage.stack.teardown import end_leftovers


class StackBusy(StackError):  # noqa: N818  (named for what it is)
    """A stack runs in this folder already."""


@asynccontextmanager
async def running(spec: StackSpec) -> AsyncIterator[Supervisor]:
    """Yield the supervisor of a stack that is ready; the stack ends with the block.

    Raises:
        StackBusy: one runs in the folder already.
        StackError, Unavailable: it cannot be started; what was started is ended again.
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
    """Run *main*; the first SIGINT or SIGTERM cancels it, so that its stack ends in order."""

    async def cancellable() -> None:
        task = asyncio.ensure_future(main)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, _cancel_once(task))
        await asyncio.wait({task})
        if not task.cancelled():
            task.result()

    asyncio.run(cancellable())


def _cancel_once(task: asyncio.Future[None]) -> Any:
    asked: list[bool] = []

    def cancel() -> None:
        if not asked:
            asked.append(True)
            if sys.stderr.isatty():
                print("\nending the stack ...", file=sys.stderr)
            task.cancel()

    return cancel


@contextmanager
def _locked(layout: Layout) -> Iterator[None]:
    """Hold the folder; the kernel lets it go with the process."""
    try:
        layout.logs.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(layout.lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise explain_os_error(error, layout.folder) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise StackBusy(
            f"a stack runs in {layout.folder} already: see `engage status`, end it with"
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
    backend = EmbeddedBackend(layout, leases, secrets) if embedded else ExternalBackend()
    places = _places(spec, leases)
    leases.remember()
    me = identify(os.getpid())
    if me is None:
        raise StackError("this process cannot find itself: is /proc mounted?")
    return Supervisor(
        layout=layout,
        backend=backend,
        secrets=secrets,
        places=places,
        listeners=_described(sockets),
        me=me,
    )


def _places(spec: StackSpec, leases: PortLeases) -> list[MemberState]:
    several = {"ingest": spec.ingest_workers, "consumer": spec.consumers}
    counts = several | {"refresher": 1, "api": 1, "catalogue": 1}
    return [
        MemberState(role, slot, side_port=leases.take(f"{role}-{slot} side port"))
        for role, count in counts.items()
        for slot in range(count)
    ]


def _described(sockets: dict[str, socket.socket]) -> dict[str, tuple[int, int]]:
    return {role: (s.fileno(), s.getsockname()[1]) for role, s in sockets.items()}
