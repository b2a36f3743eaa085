"""`engage monitor`: health checks for monitoring systems and webhooks."""

import json
import sys
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

from engage.alerts import (
    Alert,
    QuietHours,
    Sent,
    Severity,
    due,
    mover_alerts,
    pipeline_alerts,
    summary,
    weak_hour_alerts,
    worst,
)
from engage.settings import MonitorSettings
from engage.target import Target, find
from engage.terminal import DEFAULT_DIR, Dir, Output, OutputOption, print_rows
from runtime.files import replace_file
from schema.errors import Unavailable

_MAX_ROWS: Final = 1000


class Check(StrEnum):
    PIPELINE = "pipeline"
    MOVERS = "movers"
    WEAK_HOURS = "weak-hours"


def run_checks(
    system: Target, checks: Iterable[Check], hours: int, false_alarms: float
) -> list[Alert]:
    """Run health checks and return their alerts. Raises as ``Target.get`` does."""
    found: list[Alert] = []
    for check in checks:
        if check is Check.PIPELINE:
            found += pipeline_alerts(system.get("/ops/ledger"))
        elif check is Check.MOVERS:
            movers = {"hours": hours, "false_alarms": false_alarms, "limit": _MAX_ROWS}
            found += mover_alerts(system.get("/reports/movers", **movers))
        else:
            week = {"period": "7d", "limit": _MAX_ROWS}
            found += weak_hour_alerts(system.get("/reports/posting-hours", **week))
    return found


class Notifier:
    """Posts due alerts to the webhook, and stores in a file when each was sent.

    Args:
        settings: of the webhook.
        path: the file; None: every alert is sent each time.
    """

    def __init__(self, settings: MonitorSettings, path: Path | None) -> None:
        self._settings = settings
        self._path = path
        self._sent = _read(path)

    def send(self, alerts: Sequence[Alert]) -> int:
        """Send due alerts and return their number.

        Raises:
            Unavailable: the webhook failed; the alerts are due again at the next check.
        """
        webhook, settings, now = self._settings.webhook, self._settings, time.time()
        if webhook is None:
            return 0
        quiet = QuietHours.parse(settings.webhook_quiet_hours)
        is_quiet = quiet.include(datetime.fromtimestamp(now, UTC).astimezone(settings.zone))
        cooldown = settings.webhook_cooldown_seconds
        news = due(alerts, self._sent, cooldown, now, is_quiet=is_quiet)
        if news:
            webhook.send("engage.alerts", {"alerts": [alert.as_row() for alert in news]})
        known = self._sent.with_sent(news, now).without_resolved(alerts, cooldown, now)
        if known != self._sent:
            self._sent = known
            if self._path is not None:
                replace_file(self._path, json.dumps(known.at).encode())
        return len(news)


def _read(path: Path | None) -> Sent:
    """Read the sent alerts. A damaged file counts as empty: an alert may be sent twice."""
    try:
        stored = json.loads(path.read_bytes()) if path else {}
        return Sent(
            {str(key): (float(at), int(severity)) for key, (at, severity) in stored.items()}
        )
    except (OSError, ValueError, TypeError, AttributeError):
        return Sent()


Checks = Annotated[
    list[Check] | None,
    typer.Option("--check", help="Health check to run. Repeatable. Default: pipeline and movers."),
]
Once = Annotated[
    bool, typer.Option("--once/--watch", help="Run the checks once, or repeat them until Ctrl-C.")
]
Every = Annotated[
    float, typer.Option("--every", min=1, help="Seconds between health checks with --watch.")
]
Hours = Annotated[int, typer.Option(min=1, max=168, help="Look-back window of movers in hours.")]
FalseAlarms = Annotated[
    float,
    typer.Option(
        min=0.001,
        max=1000,
        help="Alerts for movers a week that are expected by chance, with one health check for each"
        " look-back window. Continuous checks raise up to ten times as many.",
    ),
]
State = Annotated[
    Path | None,
    typer.Option(help="File with the alerts that were sent. Default: DIR/monitor.json."),
]


def monitor(  # noqa: PLR0913, PLR0917  (options of a command)
    folder: Dir = DEFAULT_DIR,
    checks: Checks = None,
    is_once: Once = True,
    every_seconds: Every = 60,
    hours: Hours = 24,
    false_alarms: FalseAlarms = 0.1,
    state: State = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Run health checks and print the alerts.

    Exit codes are those of a monitoring plugin: 0 no alert, 1 warning, 2 critical, 3 the read API
    does not respond. With ENGAGE_WEBHOOK_URL, alerts are also posted there, each again only after
    ENGAGE_WEBHOOK_COOLDOWN_SECONDS.
    """
    system, names = find(folder), checks or [Check.PIPELINE, Check.MOVERS]
    remembered = state or (folder / "monitor.json" if folder.is_dir() else None)
    notifier = Notifier(MonitorSettings.load(), remembered)
    while True:
        try:
            found = run_checks(system, names, hours, false_alarms)
        except Unavailable as error:
            found = [Alert("pipeline", Severity.UNKNOWN, "unreachable", str(error), "/readyz")]
        _print(found, names, output)
        is_sent = _notify(notifier, found)
        if is_once:
            raise typer.Exit(_code(found, is_sent=is_sent))
        time.sleep(every_seconds)


def _print(found: Sequence[Alert], checks: Sequence[Check], output: Output) -> None:
    if output is Output.TABLE:
        print(summary(found, checks), flush=True)
    else:
        print_rows([alert.as_row() for alert in found], output)


def _notify(notifier: Notifier, found: Sequence[Alert]) -> bool:
    try:
        notifier.send(found)
    except Unavailable as error:
        print(f"error: {error}", file=sys.stderr)
        return False
    return True


def _code(found: Sequence[Alert], *, is_sent: bool) -> int:
    """Return the exit code. A webhook that fails is a warning."""
    return int(max(worst(found), Severity.OK if is_sent else Severity.WARNING))
