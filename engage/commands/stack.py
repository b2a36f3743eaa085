"""`engage up`, `down`, `status`, `env`, `doctor`, `fetch-charts`: operate a stack."""

import asyncio
import shlex
import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from engage.embedded import warmup
from engage.embedded.doctor import examine
from engage.embedded.jars import CHART_LIBRARY, JarStore
from engage.stack import status as stack_status
from engage.stack.launch import (
    Outcome,
    Report,
    end_stack,
    in_background,
    open_log,
    run_until_stopped,
    running,
    running_processes,
    wipe_files,
)
from engage.stack.layout import Layout, StackFile, StackKind, StackSpec
from engage.stack.services import variables
from engage.target import kafka_of
from engage.terminal import (
    CHECK_FAILED,
    DEFAULT_DIR,
    Dir,
    DryRun,
    Output,
    OutputOption,
    exit_code,
    print_json,
    print_rows,
)
from engage.topic_check import examine_topic
from runtime.progress import shown
from schema.errors import EngagementError

_Port = typer.Option(
    min=0, max=65535, help="Port to listen on. 0 picks a free port. Default: the usual one if free."
)


def up(  # noqa: PLR0913, PLR0917  (the command line's options)
    folder: Dir = DEFAULT_DIR,
    detach: Annotated[
        bool,
        typer.Option("--detach", "-d", help="Return when the stack is ready, and keep it running."),
    ] = False,
    stack: Annotated[
        StackKind,
        typer.Option(
            help="embedded: start Kafka and PostgreSQL. external: use those of"
            " ENGAGE_KAFKA_BOOTSTRAP_SERVERS and ENGAGE_DATABASE_URL."
        ),
    ] = StackKind.EMBEDDED,
    ingest_port: Annotated[int | None, _Port] = None,
    api_port: Annotated[int | None, _Port] = None,
    ingest_workers: Annotated[int, typer.Option(min=1, help="Number of ingest processes.")] = 1,
    consumers: Annotated[
        int,
        typer.Option(
            min=0, help="Number of consumer processes. 0 starts none: events stay in Kafka."
        ),
    ] = 2,
) -> None:
    """Start Kafka, PostgreSQL and every service, and restart processes that end, until Ctrl-C.

    DIR/stack.json has the addresses, keys and process IDs as soon as all are ready.
    """
    spec = StackSpec(folder, stack, ingest_port, api_port, ingest_workers, consumers)
    Layout(folder).prepare_folder()
    fetch(spec)
    if sys.stderr.isatty():
        print("starting ...", file=sys.stderr)
    if not detach:
        _up(spec, is_verbose=True)
        return
    layout = Layout(folder)

    def work(report: Report) -> None:
        _up(spec, is_verbose=False, report=report)

    outcome = in_background(layout.log("supervisor"), work)
    if outcome.exit_code:
        print(f"error: {outcome.message}", file=sys.stderr)
        raise typer.Exit(outcome.exit_code)
    print_addresses(StackFile.read(layout.stack_file), folder)
    print_warnings(outcome.message.splitlines())


def print_warnings(warnings: Iterable[str]) -> None:
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)


def fetch(spec: StackSpec) -> None:
    """Download Kafka and prepare its start-up cache, once per user, with progress."""
    if spec.kind is StackKind.EXTERNAL:
        return
    with shown(Console(stderr=True)) as report:
        JarStore().ensure(report)
        warmup.ensure(report)


def _up(spec: StackSpec, *, is_verbose: bool, report: Report | None = None) -> None:
    open_log(Layout(spec.folder).log("supervisor"), is_verbose=is_verbose)
    try:
        run_until_stopped(_keep_up(spec, report))
    except EngagementError as error:
        if report is None:
            raise
        report(Outcome(exit_code(error), str(error)))


async def _keep_up(spec: StackSpec, report: Report | None) -> None:
    async with running(spec) as supervisor:
        if report is None:
            print_addresses(supervisor.stack, spec.folder)
            print_warnings(supervisor.warnings)
            print("Press Ctrl-C to stop it.", file=sys.stderr)
        else:
            report(Outcome(0, "\n".join(supervisor.warnings)))
        await asyncio.Event().wait()


def print_addresses(stack: StackFile, folder: Path) -> None:
    print(f"dashboard  {stack.api_url}/dashboard#key={stack.read_key}")
    print(f"read API   {stack.api_url}/docs")
    print(f"ingest     {stack.ingest_url}/docs")
    print(f"catalogue  {stack.catalogue_url}/docs")
    print(f"all URLs   {folder / 'stack.json'}")


def down(
    folder: Dir = DEFAULT_DIR,
    wipe: Annotated[bool, typer.Option(help="Delete the stack's data as well.")] = False,
    is_dry_run: DryRun = False,
) -> None:
    """Stop a stack, and processes that a killed supervisor left behind."""
    layout = Layout(folder)
    layout.require_own_folder()
    if is_dry_run:
        for process in running_processes(layout):
            print(f"would stop process {process.pid}")
        for path in filter(Path.exists, layout.everything if wipe else ()):
            print(f"would delete {path}")
        return
    was_running = end_stack(layout)
    print(f"stopped the stack in {folder}" if was_running else f"no stack was running in {folder}")
    if wipe:
        wipe_files(layout)
        print("deleted its data")


def status(
    folder: Dir = DEFAULT_DIR,
    is_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show each process, the lag of each partition, the age of the stats view and the URLs.

    Exit code 1: a process is not ready.
    """
    found = stack_status.read(folder)
    if is_json:
        print_json(found)
    else:
        _print_status(found)
    if not found["ready"]:
        raise typer.Exit(CHECK_FAILED)


def _print_status(found: dict[str, Any]) -> None:
    rows = [
        {
            "process": process["name"],
            "pid": process["pid"],
            "up": _lasting(process["uptime_seconds"]),
            "restarts": process["restarts"],
            "ready": process["not_ready"] or "yes",
            "memory": _megabytes(process["rss_bytes"]),
        }
        for process in found["processes"]
    ]
    print_rows(rows)
    lag = found["lag"]
    shown = ", ".join(f"{p}: {'?' if n is None else n}" for p, n in lag.items()) if lag else "?"
    print(f"\nlag by partition  {shown}")
    age = found["view_age_seconds"]
    print(f"stats view        {'?' if age is None else f'{age:.0f} s old'}")
    for name, url in found["urls"].items():
        print(f"{name:<16}  {url}")


def _lasting(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"


def _megabytes(size_bytes: int | None) -> str:
    return "-" if size_bytes is None else f"{size_bytes / 2**20:,.0f} MiB"


def env(folder: Dir = DEFAULT_DIR) -> None:
    """Print the addresses and keys of a stack for a shell: `eval "$(engage env)"`.

    This sets ENGAGE_INGEST_URL, ENGAGE_INGEST_KEY and so on, which commands and services read. It
    also sets ENGAGE_DATABASE_URL, for `psql` too; the password is in DIR/pgpass.
    """
    for name, value in variables(Layout(folder)).items():
        print(f"export {name}={shlex.quote(value)}")


def doctor(folder: Dir = DEFAULT_DIR, output: OutputOption = Output.TABLE) -> None:
    """Check whether this machine can run the embedded stack, and the settings of its topic.

    The topic is that of the stack that runs in DIR, or of ENGAGE_KAFKA_BOOTSTRAP_SERVERS. Exit
    code 1: a check failed.
    """
    findings = examine(folder)
    if (kafka := kafka_of(folder)) is not None:
        findings += examine_topic(kafka)
    if output is Output.TABLE:
        width = max(len(finding.name) for finding in findings)
        for finding in findings:
            mark = "ok  " if finding.ok else "FAIL"
            fix = f"; {finding.fix}" if finding.fix else ""
            print(f"{mark}  {finding.name:<{width}}  {finding.detail}{fix}")
    else:
        print_rows([asdict(finding) for finding in findings], output)
    if not all(finding.ok for finding in findings):
        raise typer.Exit(CHECK_FAILED)


def fetch_charts(
    to: Annotated[
        Path | None, typer.Option(help="Folder to copy it to. Default: the cache folder.")
    ] = None,
) -> None:
    """Download uPlot, verify its hash and print its path, for ENGAGE_CHART_LIBRARY.

    `engage up` does so itself. Without uPlot the dashboard draws simpler charts.
    """
    print(JarStore().fetch_webjar(CHART_LIBRARY, to))
