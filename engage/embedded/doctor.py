"""Checks whether this machine can run the embedded stack."""

import os
import platform
import shutil
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from engage.embedded import broker, ports, postgres, warmup
from engage.embedded.jars import JarStore, locked_jars
from engage.embedded.machine import StackError, cache_folder, staging
from engage.embedded.programs import version_of

PORTS: Final = {"ingest": 8000, "read API": 8001, "Kafka": 9092}
_OLDEST_PYTHON: Final = (3, 11)
_DISK_BYTES: Final = 2 * 1024**3
_MEMORY_BYTES: Final = 1536 * 1024**2
_MEMINFO: Final = Path("/proc/meminfo")
_MACHINES: Final = ("x86_64", "AMD64", "aarch64", "arm64")


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of a check.

    Attributes:
        name: the subject of the check.
        ok: whether the check passed.
        detail: the result in a few words.
        fix: the remedy; empty when ok.
    """

    name: str
    ok: bool
    detail: str
    fix: str = ""


def examine(folder: Path) -> list[Finding]:
    """Check everything, in the order in which a start needs it; blocks for a few seconds.

    Args:
        folder: where a stack would keep its data; it need not exist.
    """
    checks: list[tuple[str, Callable[[], Finding]]] = [
        ("Python", _python),
        ("platform", _platform),
        ("cache folder", _cache),
        ("Java", _java),
        ("Kafka's jars", _jars),
        ("Kafka's start-up cache", _warmup),
        *((f"PostgreSQL {v}", lambda v=v: _postgres(v)) for v in postgres.VERSIONS),
        ("disk", lambda: _disk(folder)),
        ("memory", _memory),
        ("loopback", _loopback),
        *((f"port {p}", lambda n=n, p=p: _port(n, p)) for n, p in PORTS.items()),
    ]
    return [_guarded(name, check) for name, check in checks]


def _guarded(name: str, check: Callable[[], Finding]) -> Finding:
    try:
        return check()
    except StackError as error:
        detail, _, fix = str(error).partition(": ")
        return Finding(name, ok=False, detail=detail, fix=fix)


def _ok(name: str, detail: str) -> Finding:
    return Finding(name, ok=True, detail=detail)


def _python() -> Finding:
    version = platform.python_version()
    if sys.version_info >= _OLDEST_PYTHON:
        return _ok("Python", version)
    return Finding("Python", ok=False, detail=version, fix="uv python install 3.12 && make setup")


def _platform() -> Finding:
    detail = f"{platform.system()} {platform.machine()} {' '.join(platform.libc_ver())}".strip()
    good = platform.system() in ("Linux", "Darwin") and platform.machine() in _MACHINES
    musl = platform.system() == "Linux" and platform.libc_ver()[0] != "glibc"
    if good and not musl:
        return _ok("platform", detail)
    fix = "use Linux with glibc or macOS on x86-64 or ARM64, or `engage up --stack external`"
    return Finding("platform", ok=False, detail=detail, fix=fix)


def _cache() -> Finding:
    folder = cache_folder()
    with staging(folder):
        return _ok("cache folder", f"{folder} can be written")


def _jars() -> Finding:
    store = JarStore()
    missing = store.missing()
    if not missing:
        return _ok("Kafka's jars", f"{len(locked_jars())} cached, hashes right")
    store.try_download()
    return _ok("Kafka's jars", f"{len(missing)} to download at the first start, which works")


def _warmup() -> Finding:
    made = warmup.located().is_complete
    return _ok("Kafka's start-up cache", "made" if made else "is made at the first start")


def _java() -> Finding:
    java = broker.java_home() / "bin" / "java"
    return _ok("Java", version_of([java, "--version"], broker.environment()))


def _postgres(version: postgres.Version) -> Finding:
    program = postgres.programs_folder(version) / "postgres"
    return _ok(f"PostgreSQL {version}", version_of([program, "--version"], postgres.environment()))


def _disk(folder: Path) -> Finding:
    absolute = folder.absolute()
    existing = next(part for part in (absolute, *absolute.parents) if part.exists())
    free = shutil.disk_usage(existing).free
    detail = f"{free / 1024**3:.1f} GiB free at {existing}"
    if not os.access(existing, os.W_OK):
        return Finding("disk", ok=False, detail=f"{existing} is read-only", fix="another --dir")
    if free < _DISK_BYTES:
        return Finding("disk", ok=False, detail=detail, fix="free 2 GiB, or use another --dir")
    return _ok("disk", detail)


def _memory() -> Finding:
    if not _MEMINFO.exists():
        return _ok("memory", "not known on this system; the stack takes 1.5 GiB")
    values = dict(line.split(":") for line in _MEMINFO.read_text().splitlines())
    available = int(values["MemAvailable"].split()[0]) * 1024
    detail = f"{available / 1024**3:.1f} GiB available"
    if available < _MEMORY_BYTES:
        return Finding("memory", ok=False, detail=detail, fix="end programs until 1.5 GiB are free")
    return _ok("memory", detail)


def _loopback() -> Finding:
    try:
        with socket.create_server((ports.LOOPBACK, 0)) as server:
            socket.create_connection(server.getsockname(), timeout=2).close()
    except OSError as error:
        return Finding("loopback", ok=False, detail=str(error), fix="ip link set lo up")
    return _ok("loopback", f"{ports.LOOPBACK} works")


def _port(name: str, port: int) -> Finding:
    free = ports.is_free(port)
    detail = f"free, for {name}" if free else f"taken; for {name} `engage up` picks another"
    return _ok(f"port {port}", detail)
