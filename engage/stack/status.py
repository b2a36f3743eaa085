"""How a stack fares: each process, the lag of each partition, the age of the reports' view."""

import asyncio
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from engage.client import get_json
from engage.stack import readiness
from engage.stack.layout import Layout, StackFile
from engage.stack.state import MemberState, State
from schema.errors import EngagementError, Unavailable

_PAGE_KIB: Final = 1024
_STATUS: Final = "/proc/{}/status"


def read(folder: Path) -> dict[str, Any]:
    """Return the status of the stack in *folder*.

    Returns:
        ``ready``: whether every process does its work. ``processes``: one object each.
        ``lag``: records not yet stored, by partition; null: unknown. ``view_age_seconds``.

    Raises:
        Unavailable: no stack runs there.
    """
    layout = Layout(folder)
    state = State.read(layout.state_file)
    if state is None or not state.is_running:
        if state is not None and (left := state.leftovers()):
            raise Unavailable(
                f"nobody watches over the stack in {folder}, of which {len(left)} processes still"
                " run: `engage up` puts it in order, `engage down` ends it"
            )
        raise Unavailable(f"no stack runs in {folder}: start one with `engage up`")
    stack = StackFile.read(layout.stack_file) if layout.stack_file.exists() else None
    processes = [_process(member, stack) for member in state.members]
    return {
        "ready": stack is not None and all(p["not_ready"] is None for p in processes),
        "supervisor_pid": state.supervisor.pid,
        "processes": processes,
        "lag": _lag(stack),
        "view_age_seconds": _view_age(stack),
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
        return "crash loop: ends as soon as it is started"
    if member.process is None:
        return "being started"
    if member.side_port:
        return readiness.ask(member.side_port).reason
    if stack is None:
        return "being started"
    is_kafka = member.role == "kafka"
    address = stack.kafka_bootstrap_servers if is_kafka else urlsplit(stack.database_url).netloc
    host, _, port = address.rpartition("@")[2].rpartition(":")
    return None if readiness.accepts(host, int(port)) else "does not answer"


def _resident_bytes(pid: int) -> int | None:
    try:
        lines = Path(_STATUS.format(pid)).read_text().splitlines()
    except OSError:
        command = ["/bin/ps", "-o", "rss=", "-p", str(pid)]
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
        return int(answer.stdout) * _PAGE_KIB if answer.stdout.strip().isdigit() else None
    sizes: Iterable[str] = (line for line in lines if line.startswith("VmRSS:"))
    return next((int(line.split()[1]) * _PAGE_KIB for line in sizes), None)


def _lag(stack: StackFile | None) -> dict[str, int | None] | None:
    if stack is None:
        return None
    try:
        ledger = get_json(stack.api_url, "/ops/ledger", stack.read_key)
    except EngagementError:
        return None
    return {str(row["partition"]): row["in_flight"] for row in ledger["partitions"]}


def _view_age(stack: StackFile | None) -> float | None:
    if stack is None:
        return None
    from engage.database import fetch_value

    try:
        age = asyncio.run(fetch_value(stack.database_url, "view_age"))
    except EngagementError:
        return None
    return None if age is None else round(float(age), 1)
