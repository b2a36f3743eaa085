"""The state of a stack: processes, the lag of each partition, the age of the stats view, URLs."""

import asyncio
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import psutil

from engage.client import get, send
from engage.embedded.ports import LOOPBACK
from engage.stack.layout import Layout, MemberState, StackFile, State
from engage.target import fetch_value
from schema.errors import EngagementError, Unavailable
from web.health import NEEDS_OPERATOR

_READY_SECONDS: Final = 2.0
_TIMEOUT_SECONDS: Final = 5.0
_MAX_REASON_BYTES: Final = 200


class Readiness(NamedTuple):
    """The readiness of a process.

    Attributes:
        reason: why it is not ready; None when it is.
        needs_operator: it waits for a decision of the operator and for nothing else.
    """

    reason: str | None
    needs_operator: bool = False


def ask(metrics_port: int) -> Readiness:
    """Ask the process with this metrics port; blocks for two seconds at most."""
    url = f"http://{LOOPBACK}:{metrics_port}/readyz"
    try:
        response = send("GET", url, timeout_seconds=_READY_SECONDS)
    except Unavailable:
        return Readiness("does not respond")
    if response.status == 200:
        return Readiness(None)
    reason = response.body[:_MAX_REASON_BYTES].decode(errors="replace").strip()
    needs_operator = NEEDS_OPERATOR in response.headers.get("content-type", "")
    return Readiness(reason or f"HTTP {response.status}", needs_operator)


def accepts(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=_READY_SECONDS):
            return True
    except OSError:
        return False


def read(folder: Path) -> dict[str, Any]:
    """Return the status of the stack in *folder*, within a few seconds.

    Processes are asked in parallel, so that one that does not respond delays the rest by
    one timeout at most.

    Returns:
        ``ready``: whether every process is ready. ``processes``: one object each.
        ``lag``: records not yet stored, by partition; null: unknown. ``view_age_seconds``.
        ``urls``: of the dashboard and the HTTP services; empty while the stack starts.

    Raises:
        Unavailable: no stack runs there.
    """
    layout = Layout(folder)
    state = State.read(layout.state_file)
    if state is None or not state.is_running:
        if state is not None and (left := state.leftovers()):
            raise Unavailable(
                f"the supervisor of {folder} is not running, but {len(left)} of its processes are:"
                " run `engage up` to recover or `engage down` to stop them"
            )
        raise Unavailable(f"no stack runs in {folder}: start one with `engage up`")
    stack = StackFile.read(layout.stack_file) if layout.stack_file.exists() else None
    with ThreadPoolExecutor(len(state.members) + 2) as threads:
        lag = threads.submit(_lag, stack)
        view_age = threads.submit(_view_age, stack)
        processes = list(threads.map(lambda member: _process(member, stack), state.members))
    return {
        "ready": stack is not None and all(p["not_ready"] is None for p in processes),
        "supervisor_pid": state.supervisor.pid,
        "processes": processes,
        "lag": lag.result(),
        "view_age_seconds": view_age.result(),
        "urls": _urls(stack),
    }


def _urls(stack: StackFile | None) -> dict[str, str]:
    if stack is None:
        return {}
    return {
        "dashboard": f"{stack.api_url}/dashboard",
        "read API": stack.api_url,
        "ingest": stack.ingest_url,
        "catalogue": stack.catalogue_url,
    }


def _process(member: MemberState, stack: StackFile | None) -> dict[str, Any]:
    pid = member.process.pid if member.process else None
    return {
        "name": member.name,
        "pid": pid,
        "uptime_seconds": None if pid is None else round(time.time() - member.began_seconds, 1),
        "restarts": member.restarts,
        "not_ready": _why_not_ready(member, stack),
        "rss_bytes": None if pid is None else _resident_bytes(pid),
    }


def _why_not_ready(member: MemberState, stack: StackFile | None) -> str | None:
    if member.is_looping:
        return "crash loop"
    if member.process is None:
        return "starting"
    if member.metrics_port:
        return ask(member.metrics_port).reason
    if stack is None:
        return "starting"
    if member.role == "kafka-gateway":
        # The supervisor holds its socket, which accepts connections in any case.
        return None
    kafka = stack.kafka_sasl_bootstrap_servers or stack.kafka_bootstrap_servers
    address = kafka if member.role == "kafka" else urlsplit(stack.database_url).netloc
    host, _, port = address.rpartition("@")[2].rpartition(":")
    return None if accepts(host, int(port)) else "does not respond"


def _resident_bytes(pid: int) -> int | None:
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return None


def _lag(stack: StackFile | None) -> dict[str, int | None] | None:
    if stack is None:
        return None
    try:
        url, key = f"{stack.api_url}/ops/ledger", stack.read_key
        ledger = get(url, key, timeout_seconds=_TIMEOUT_SECONDS).json()
    except EngagementError:
        return None
    return {str(row["partition"]): row["in_flight"] for row in ledger["partitions"]}


def _view_age(stack: StackFile | None) -> float | None:
    if stack is None:
        return None
    age_of_view = fetch_value(stack.database_url, "stats_view_age")
    try:
        age = asyncio.run(asyncio.wait_for(age_of_view, _TIMEOUT_SECONDS))
    except (EngagementError, TimeoutError):
        return None
    return None if age is None else round(float(age), 1)
