"""Starting, supervising and stopping the processes of a stack."""

import asyncio
import contextlib
import time
from collections.abc import Iterable, Mapping
from typing import Final

from engage.embedded.machine import StackError
from engage.embedded.ports import LOOPBACK
from engage.embedded.processes import ProcessId
from engage.embedded.programs import log_tail, rotate_logs
from engage.stack.backends import Backend, Secrets
from engage.stack.layout import ROLES, Layout, MemberState, StackFile, State
from engage.stack.member import Member
from engage.stack.services import kafka_fields, service
from engage.stack.status import ask
from loadgen.ledger import fetch_totals, open_reader
from runtime.logging import get_logger
from schema.errors import EngagementError

_READY_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.05
_DRAIN_SECONDS: Final = 5.0
_ROTATION_SECONDS: Final = 2.0
_SERVICE_STOP_SECONDS: Final = 20.0
_SERVER_STOP_SECONDS: Final = 20.0
_NAMED_TO_API: Final = ("ingest", "catalogue")
"""Services whose URLs the dashboard shows."""

logger = get_logger("supervisor")


class Supervisor:
    """The processes of one stack.

    Args:
        layout: the stack's files, whose lock the caller holds.
        backend: its Kafka and PostgreSQL.
        secrets: its keys.
        places: the services to start, with their metrics ports.
        listeners: by role, the file descriptor and the port of the HTTP services' sockets.
        me: the supervisor's own process.
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
        self.warnings: list[str] = []
        """Messages about the start for the operator."""
        self._supervising: list[asyncio.Task[None]] = []
        self._members = [
            Member(MemberState(role, 0), program, self._write_state)
            for role, program in backend.programs.items()
        ]
        urls = {f"{role}_url": self._url(role) for role in _NAMED_TO_API if role in listeners}
        for place in places:
            listen_fd = listeners[place.role][0] if place.role in listeners else None
            program = service(
                place,
                wiring=backend.wiring,
                layout=layout,
                derived_id_secret=secrets.derived_id_secret,
                listen_fd=listen_fd,
                urls=urls,
            )
            self._members.append(Member(place, program, self._write_state))
        self._state = State(me, [member.state for member in self._members])

    @property
    def stack(self) -> StackFile:
        """The content of stack.json at this moment."""
        return StackFile(
            ingest_url=self._url("ingest"),
            api_url=self._url("api"),
            catalogue_url=self._url("catalogue"),
            **kafka_fields(self._backend.wiring),
            database_url=self._backend.database_url,
            topic=self._backend.wiring.topic,
            ingest_key=self._secrets.keys["ingest"],
            read_key=self._secrets.keys["read"],
            admin_key=self._secrets.keys["admin"],
            processes={role: self._pids(role) for role in ROLES},
            metrics={role: urls for role in ROLES if (urls := self._metrics(role))},
        )

    async def start(self) -> None:
        """Start all processes and return when all are ready.

        Independent processes start in parallel. A service may start before Kafka, which it waits
        for, but not before its login exists.

        Raises:
            StackError, Unavailable: a process did not become ready; the others still run.
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
        self._write_state()
        supervising = [member.supervise() for member in self._members]
        supervising.append(self._keep_rotating())
        self._supervising = [asyncio.create_task(each) for each in supervising]

    async def stop(self) -> None:
        """Stop ingest, drain the consumers, then stop all other processes."""
        self._layout.stack_file.unlink(missing_ok=True)
        was_ready, self._is_ready = self._is_ready, False
        await self._stop("ingest")
        if was_ready and self._of("consumer"):
            await self._drain()
        await self._stop("consumer")
        await self._stop("refresher", "api", "catalogue")
        await self._stop("kafka-gateway", "kafka", "postgres", timeout_seconds=_SERVER_STOP_SECONDS)
        for task in self._supervising:
            task.cancel()
        await asyncio.gather(*self._supervising, return_exceptions=True)
        self._layout.state_file.unlink(missing_ok=True)

    async def _start_kafka(self) -> None:
        await self._start("kafka", "kafka-gateway")
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
        """Wait until every process is ready, or waits for a decision of the operator only.

        Raises StackError with the end of the log of a process that ended or is not ready in time.
        """
        deadline = time.monotonic() + _READY_SECONDS
        waiting = [member for member in self._members if member.state.metrics_port]
        while waiting:
            answers = await asyncio.gather(
                *(asyncio.to_thread(ask, member.state.metrics_port) for member in waiting)
            )
            asked, waiting = waiting, []
            for member, answer in zip(asked, answers, strict=True):
                if not member.is_running:
                    raise self._failure(member, "ended during its start")
                if answer.needs_operator:
                    self.warnings.append(f"{member.state.name}: {answer.reason}")
                elif answer.reason:
                    waiting.append(member)
                    if time.monotonic() > deadline:
                        what = f"not ready after {_READY_SECONDS:.0f} s: {answer.reason}"
                        raise self._failure(member, what)
            await asyncio.sleep(_POLL_SECONDS)

    def _failure(self, member: Member, what: str) -> StackError:
        path = self._layout.log(member.state.name)
        return StackError(f"{member.state.name} {what}; see {path}\n{log_tail(path)}")

    async def _drain(self) -> None:
        """Wait until the consumers stored all accepted events, or the timeout has passed."""
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
                await asyncio.sleep(_POLL_SECONDS)
        logger.warning("drain timed out", in_flight=totals.in_flight)

    async def _keep_rotating(self) -> None:
        """Rotate the logs whenever one is over its limit, until cancelled."""
        while True:
            with contextlib.suppress(OSError):
                await asyncio.to_thread(rotate_logs, self._layout.logs)
            await asyncio.sleep(_ROTATION_SECONDS)

    def _write_state(self) -> None:
        """Write state.json, and stack.json with the running processes."""
        self._state.write(self._layout.state_file)
        if self._is_ready:
            self.stack.write(self._layout.stack_file)

    def _of(self, role: str) -> list[Member]:
        return [member for member in self._members if member.state.role == role]

    def _pids(self, role: str) -> list[int]:
        states = (member.state for member in self._of(role))
        return [state.process.pid for state in states if state.process]

    def _metrics(self, role: str) -> list[str]:
        ports = (member.state.metrics_port for member in self._of(role))
        return [f"http://{LOOPBACK}:{port}/metrics" for port in ports if port]

    def _url(self, role: str) -> str:
        return f"http://{LOOPBACK}:{self._listeners[role][1]}"
