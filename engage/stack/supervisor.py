"""Starting a stack, keeping it alive, and ending it in order."""

import asyncio
import time
from collections.abc import Iterable, Mapping
from typing import Final

from engage.embedded.errors import ServerFailed
from engage.embedded.ports import LOOPBACK
from engage.embedded.processes import ProcessId
from engage.stack import readiness
from engage.stack.backends import Backend
from engage.stack.bootstrap import Secrets
from engage.stack.layout import ROLES, Layout, StackFile
from engage.stack.member import Member
from engage.stack.services import service
from engage.stack.state import MemberState, State
from schema.telemetry import get_logger

_READY_SECONDS: Final = 60.0
_LOOK_SECONDS: Final = 0.05
_DRAIN_SECONDS: Final = 5.0
_SERVICE_STOP_SECONDS: Final = 20.0
_SERVER_STOP_SECONDS: Final = 20.0
_TAIL_LINES: Final = 12
_TAIL_BYTES: Final = 8192

logger = get_logger("supervisor")


class Supervisor:
    """The processes of one stack.

    Args:
        layout: the stack's files; its lock is held by the caller.
        backend: its servers.
        secrets: its keys.
        places: what services there shall be, with their side ports.
        listeners: by role, the file descriptor and the port of the HTTP services' sockets.
        me: the process that supervises.
    """

    def __init__(  # noqa: PLR0913  (wired in one place, engage.stack.launch)
        self,
        *,
        layout: Layout,
        backend: Backend,
        secrets: Secrets,
        places: Iterable[MemberState],
        listeners: Mapping[str, tuple[int, int]],
        me: ProcessId,
    ) -> None:
        self._layout = layout
        self._backend = backend
        self._secrets = secrets
        self._listeners = listeners
        self._is_ready = False
        self.decisions: list[str] = []
        """What waited for a person at the start."""
        self._keeping: list[asyncio.Task[None]] = []
        self._members = [
            Member(MemberState(role, 0), program, self._note)
            for role, program in backend.programs.items()
        ]
        for place in places:
            listen_fd = listeners[place.role][0] if place.role in listeners else None
            program = service(place, wiring=backend.wiring, layout=layout, listen_fd=listen_fd)
            self._members.append(Member(place, program, self._note))
        self._state = State(me, [member.state for member in self._members])

    @property
    def stack(self) -> StackFile:
        """What the outside may know of the stack, as of this moment."""
        return StackFile(
            ingest_url=self._url("ingest"),
            api_url=self._url("api"),
            catalogue_url=self._url("catalogue"),
            kafka_bootstrap_servers=self._backend.wiring.kafka_bootstrap_servers,
            database_url=self._backend.database_url,
            topic=self._backend.wiring.topic,
            ingest_key=self._secrets.keys["ingest"],
            read_key=self._secrets.keys["read"],
            admin_key=self._secrets.keys["admin"],
            processes={role: self._pids(role) for role in ROLES},
            metrics={role: urls for role in ROLES if (urls := self._metrics(role))},
        )

    async def start(self) -> None:
        """Start everything and return when all of it is ready.

        What does not depend on each other starts at the same time. A service may start before
        Kafka, which it waits for, but not before its login exists.

        Raises:
            StackError, Unavailable: something did not get ready; the rest still runs.
        """
        database = asyncio.create_task(self._start_database())
        try:
            await asyncio.gather(self._start_kafka(), self._start("ingest"))
            await database
            await self._start("consumer")
            await self._wait_ready()
        finally:
            database.cancel()
            await asyncio.gather(database, return_exceptions=True)
        self._is_ready = True
        self._note()
        self._keeping = [asyncio.create_task(member.keep()) for member in self._members]

    async def stop(self) -> None:
        """End everything in order: no more events, then the rest of them stored, then the rest."""
        self._layout.stack_file.unlink(missing_ok=True)
        was_ready, self._is_ready = self._is_ready, False
        await self._stop("ingest")
        if was_ready and self._of("consumer"):
            await self._drain()
        await self._stop("consumer")
        await self._stop("refresher", "api", "catalogue")
        await self._stop("kafka", "postgres", timeout_seconds=_SERVER_STOP_SECONDS)
        for task in self._keeping:
            task.cancel()
        await asyncio.gather(*self._keeping, return_exceptions=True)
        self._layout.state_file.unlink(missing_ok=True)

    async def _start_kafka(self) -> None:
        await self._start("kafka")
        await self._backend.prepare_kafka()

    async def _start_database(self) -> None:
        await self._start("postgres")
        await self._backend.prepare_database()
        await self._start("refresher", "api", "catalogue")

    async def _start(self, *roles: str) -> None:
        await asyncio.gather(*(member.start() for role in roles for member in self._of(role)))

    async def _stop(self, *roles: str, timeout_seconds: float = _SERVICE_STOP_SECONDS) -> None:
        members = [member for role in roles for member in self._of(role)]
        await asyncio.gather(*(member.stop(timeout_seconds) for member in members))

    async def _wait_ready(self) -> None:
        """Wait until every process works; what waits for a person is told and does not hinder.

        Raises ServerFailed, quoting the log of what ended or did not get ready.
        """
        deadline = time.monotonic() + _READY_SECONDS
        waiting = [member for member in self._members if member.state.side_port]
        while waiting:
            answers = await asyncio.gather(
                *(readiness.ask_soon(member.state.side_port) for member in waiting)
            )
            asked, waiting = waiting, []
            for member, answer in zip(asked, answers, strict=True):
                if not member.is_running:
                    raise self._failure(member, "ended while it was started")
                if answer.is_for_a_person:
                    self.decisions.append(f"{member.state.name}: {answer.reason}")
                elif answer.reason:
                    waiting.append(member)
                    if time.monotonic() > deadline:
                        what = f"not ready after {_READY_SECONDS:.0f} s: {answer.reason}"
                        raise self._failure(member, what)
            await asyncio.sleep(_LOOK_SECONDS)

    def _failure(self, member: Member, what: str) -> ServerFailed:
        path = self._layout.log(member.state.name)
        with path.open("rb") as log:
            log.seek(max(0, path.stat().st_size - _TAIL_BYTES))
            lines = log.read().decode(errors="replace").splitlines()[-_TAIL_LINES:]
        return ServerFailed("\n".join([f"{member.state.name} {what}; see {path}", *lines]))

    async def _drain(self) -> None:
        """Wait until the consumers stored all that was accepted; what is left waits in Kafka."""
        from loadgen.ledger import fetch_totals, open_reader
        from schema.errors import EngagementError

        deadline = time.monotonic() + _DRAIN_SECONDS
        async with open_reader(self._url("api"), self._secrets.keys["read"]) as reader:
            while time.monotonic() < deadline:
                try:
                    async with asyncio.timeout(_DRAIN_SECONDS):
                        totals = await fetch_totals(reader)
                except (EngagementError, TimeoutError):
                    return
                if not totals.in_flight:
                    return
                await asyncio.sleep(_LOOK_SECONDS)
        logger.warning("stopped before all was stored", in_flight=totals.in_flight)

    def _note(self) -> None:
        """Write down what changed; stack.json only names the living."""
        self._state.write(self._layout.state_file)
        if self._is_ready:
            self.stack.write(self._layout.stack_file)

    def _of(self, role: str) -> list[Member]:
        return [member for member in self._members if member.state.role == role]

    def _pids(self, role: str) -> list[int]:
        states = (member.state for member in self._of(role))
        return [state.process.pid for state in states if state.process]

    def _metrics(self, role: str) -> list[str]:
        ports = (member.state.side_port for member in self._of(role))
        return [f"http://{LOOPBACK}:{port}/metrics" for port in ports if port]

    def _url(self, role: str) -> str:
        return f"http://{LOOPBACK}:{self._listeners[role][1]}"
