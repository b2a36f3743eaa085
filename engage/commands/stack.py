"""`engage up`, `down`, `status`, `env`, `doctor`: a stack's life."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engage.stack.layout import Layout, StackFile, StackKind, StackSpec
from engage.terminal.options import (
    CHECK_FAILED,
    DEFAULT_DIR,
    Dir,
    Output,
    OutputOption,
    exit_code,
    failing_well,
)

if TYPE_CHECKING:
    from engage.stack.detach import Report

_Port = typer.Option(
    min=0, max=65535, help="This very port; 0: any free one. Default: the usual one if free."
)


@failing_well
def up(  # noqa: PLR0913, PLR0917  (the command line's options)
    folder: Dir = DEFAULT_DIR,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Return once ready.")] = False,
    stack: Annotated[
        StackKind,
        typer.Option(help="external: use ENGAGE_KAFKA_BOOTSTRAP_SERVERS and ENGAGE_DATABASE_URL."),
    ] = StackKind.EMBEDDED,
    ingest_port: Annotated[int | None, _Port] = None,
    api_port: Annotated[int | None, _Port] = None,
    ingest_workers: Annotated[int, typer.Option(min=1, help="Processes that take events.")] = 1,
    consumers: Annotated[
        int, typer.Option(min=0, help="Processes that store events; 0: they wait in Kafka.")
    ] = 2,
) -> None:
    """Start Kafka, PostgreSQL and every service; restart whatever ends, until Ctrl-C.

    When all is ready, DIR/stack.json says where everything is.
    """
    spec = StackSpec(folder, stack, ingest_port, api_port, ingest_workers, consumers)
    fetch(spec)
    if sys.stderr.isatty():
        print("starting ...", file=sys.stderr)
    if not detach:
        _up(spec, speaks=True)
        return
    from engage.stack.detach import in_background

    layout = Layout(folder)

    def work(report: "Report") -> None:
        _up(spec, speaks=False, report=report)

    outcome = in_background(layout.log("supervisor"), work)
    if outcome.exit_code:
        print(f"error: {outcome.message}", file=sys.stderr)
        raise typer.Exit(outcome.exit_code)
    print_addresses(StackFile.read(layout.stack_file), folder)
    _warn(outcome.message.splitlines())


def _warn(decisions: Iterable[str]) -> None:
    for decision in decisions:
        print(f"warning: {decision}", file=sys.stderr)


def fetch(spec: StackSpec) -> None:
    """Download and prepare what is needed once for each user, showing how far it is."""
    if spec.kind is StackKind.EXTERNAL:
        return
    from rich.console import Console

    from engage.embedded import jars, warmup
    from engage.embedded.progress import shown

    with shown(Console(stderr=True)) as report:
        jars.JarStore().ensure(report)
        warmup.ensure(report)


def _up(spec: StackSpec, *, speaks: bool, report: "Report | None" = None) -> None:
    from engage.stack.launch import run_until_stopped
    from engage.stack.logs import open_log
    from schema.errors import EngagementError

    open_log(Layout(spec.folder).log("supervisor"), speaks=speaks)
    try:
        run_until_stopped(_keep_up(spec, report))
    except EngagementError as error:
        if report is None:
            raise
        from engage.stack.detach import Outcome

        report(Outcome(exit_code(error), str(error)))


async def _keep_up(spec: StackSpec, report: "Report | None") -> None:
    import asyncio

    from engage.stack.detach import Outcome
    from engage.stack.launch import running

    async with running(spec) as supervisor:
        if report is None:
            print_addresses(supervisor.stack, spec.folder)
            _warn(supervisor.decisions)
            print("Ctrl-C ends it.", file=sys.stderr)
        else:
            report(Outcome(0, "\n".join(supervisor.decisions)))
        await asyncio.Event().wait()


def print_addresses(stack: StackFile, folder: Path) -> None:
    """Say where to go, the page for people first."""
    print(f"dashboard  {stack.api_url}/dashboard#key={stack.read_key}")
    print(f"read API   {stack.api_url}/docs")
    print(f"ingest     {stack.ingest_url}/docs")
    print(f"catalogue  {stack.catalogue_url}/docs")
    print(f"the rest   {folder / 'stack.json'}")


@failing_well
def down(
    folder: Dir = DEFAULT_DIR,
    wipe: Annotated[bool, typer.Option(help="Delete the stack's data as well.")] = False,
) -> None:
    """End a stack, and whatever a killed one left behind."""
    from engage.stack import teardown

    layout = Layout(folder)
    was_running = teardown.end_stack(layout)
    print(f"ended the stack in {folder}" if was_running else f"no stack was running in {folder}")
    if wipe:
        teardown.wipe(layout)
        print("deleted its data")


@failing_well
def status(
    folder: Dir = DEFAULT_DIR,
    is_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Show each process, the lag of each partition, the age of the reports' view.

    Exit code 1: something is not ready.
    """
    from engage.stack import status as stack_status
    from engage.terminal.output import print_json

    found = stack_status.read(folder)
    if is_json:
        print_json(found)
    else:
        _print_status(found)
    if not found["ready"]:
        raise typer.Exit(CHECK_FAILED)


def _print_status(found: dict[str, Any]) -> None:
    from engage.terminal.output import print_rows

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
    print(f"\nnot yet stored, by partition  {shown}")
    age = found["view_age_seconds"]
    print(f"reports' view                 {'?' if age is None else f'{age:.0f} s old'}")


def _lasting(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"


def _megabytes(size_bytes: int | None) -> str:
    return "-" if size_bytes is None else f"{size_bytes / 2**20:,.0f} MiB"


@failing_well
def env(folder: Dir = DEFAULT_DIR) -> None:
    """Print a stack's addresses and keys for a shell: `eval "$(engage env)"`.

    That sets ENGAGE_INGEST_URL, ENGAGE_INGEST_KEY and so on, as commands and services read them.
    ENGAGE_DATABASE_URL is the owner's, also for psql; its password stays in DIR/pgpass.
    """
    import shlex

    from engage.stack.shell import variables

    for name, value in variables(Layout(folder)).items():
        print(f"export {name}={shlex.quote(value)}")


@failing_well
def doctor(folder: Dir = DEFAULT_DIR, output: OutputOption = Output.TABLE) -> None:
    """Check whether this machine can run the stack, one line a thing. Exit code 1: it cannot."""
    from dataclasses import asdict

    from engage.embedded.doctor import examine
    from engage.terminal.output import print_rows

    findings = examine(folder)
    if output is Output.TABLE:
        width = max(len(finding.name) for finding in findings)
        for finding in findings:
            mark = "ok  " if finding.ok else "FAIL"
            fix = f"; to fix it: {finding.fix}" if finding.fix else ""
            print(f"{mark}  {finding.name:<{width}}  {finding.detail}{fix}")
    else:
        print_rows([asdict(finding) for finding in findings], output)
    if not all(finding.ok for finding in findings):
        raise typer.Exit(CHECK_FAILED)
