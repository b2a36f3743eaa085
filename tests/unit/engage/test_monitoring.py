"""Alerts, when they are due, and the signed webhook that sends them."""

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

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
from engage.cli import app
from engage.commands.monitor import Notifier
from engage.settings import MonitorSettings
from engage.webhook import Webhook, key_of, signature
from schema.errors import SetupError, Unavailable

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
NEWS = Alert("movers", Severity.WARNING, "author 1 above", "Ann: 9 times as much", "/r")
CRITICAL = Alert("pipeline", Severity.CRITICAL, "halted partition 0", "poison", "/ops/ledger")
UNBALANCED = {"name": "ledger_unbalanced", "subject": "", "severity": "critical", "detail": "d"}


def test_summary_has_the_highest_severity_first_and_counts_after_the_bar() -> None:
    assert worst([]) is Severity.OK
    assert summary([], ["pipeline", "movers"]) == "OK: no alerts | pipeline=0 movers=0"
    line = summary([NEWS, CRITICAL], ["pipeline", "weak-hours", "movers"])
    assert line == "CRITICAL: poison; Ann: 9 times as much | pipeline=1 weak_hours=0 movers=1"


def test_alerts_of_the_ledger_keep_their_severity() -> None:
    halted = UNBALANCED | {"name": "partition_halted", "subject": "partition 3"}
    growing = UNBALANCED | {"name": "lag_growing", "severity": "warning"}
    found = list(pipeline_alerts({"balanced": True, "alerts": [halted, growing]}))

    assert [(alert.severity, alert.subject) for alert in found] == [
        (Severity.CRITICAL, "partition_halted partition 3"),
        (Severity.WARNING, "lag_growing"),
    ]


@pytest.mark.parametrize("alerts", [[], [UNBALANCED]])
def test_unbalanced_ledger_is_one_critical_alert(alerts: list[dict[str, str]]) -> None:
    (found,) = pipeline_alerts({"balanced": False, "alerts": alerts})
    assert (found.severity, found.subject) == (Severity.CRITICAL, "ledger_unbalanced")


def test_mover_is_a_warning_with_its_sentence() -> None:
    mover = {"dimension": "post", "key": "7", "direction": "above", "sentence": "Title: 9"}
    (found,) = mover_alerts([mover])

    assert (found.key, found.detail) == ("movers:post 7 above", "Title: 9")
    assert found.severity is Severity.WARNING


@pytest.mark.parametrize(
    ("posts", "weak_pct", "is_alert"), [(3, 66.7, True), (2, 100.0, False), (9, 50.0, False)]
)
def test_author_in_weak_hours_is_an_alert_with_enough_posts(
    posts: int, weak_pct: float, is_alert: bool
) -> None:
    author = {"author_id": 1, "author_name": "Ann", "posts": posts, "in_weak": 2}
    assert bool(list(weak_hour_alerts([author | {"weak_pct": weak_pct}]))) is is_alert


@pytest.mark.parametrize(
    ("text", "clock", "is_quiet"),
    [
        pytest.param("22:00-07:00", "23:30", True, id="before midnight"),
        pytest.param("22:00-07:00", "06:59", True, id="after midnight"),
        pytest.param("22:00-07:00", "07:00", False, id="over"),
        pytest.param("12:00-13:00", "12:30", True, id="noon"),
        pytest.param("12:00-13:00", "11:59", False, id="before noon"),
        pytest.param("", "03:00", False, id="never"),
        pytest.param("08:00-08:00", "08:00", False, id="no time at all"),
    ],
)
def test_quiet_hours(text: str, clock: str, is_quiet: bool) -> None:
    moment = datetime.fromisoformat(f"2026-06-01T{clock}").replace(tzinfo=ZoneInfo("Asia/Tokyo"))
    assert QuietHours.parse(text).include(moment) is is_quiet


@pytest.mark.parametrize("text", ["22", "22:00", "22:00-25:00", "a-b", "1:00-2:00-3:00"])
def test_quiet_hours_reject_invalid_text(text: str) -> None:
    with pytest.raises(SetupError, match="QUIET_HOURS"):
        QuietHours.parse(text)


def test_alert_is_due_again_after_the_cooldown_or_when_its_severity_rises() -> None:
    sent = Sent().with_sent([NEWS], now=100.0)

    assert due([NEWS, CRITICAL], sent, 60, 130.0, is_quiet=False) == [CRITICAL]
    assert due([NEWS], sent, 60, 160.0, is_quiet=False) == [NEWS]
    risen = NEWS._replace(severity=Severity.CRITICAL)
    assert due([risen], sent, 3600, 101.0, is_quiet=False) == [risen]


def test_only_critical_alerts_are_due_in_quiet_hours() -> None:
    assert due([NEWS, CRITICAL], Sent(), 60, 0.0, is_quiet=True) == [CRITICAL]


def test_resolved_alert_is_forgotten_after_the_cooldown() -> None:
    sent = Sent().with_sent([NEWS, CRITICAL], now=0.0)

    assert set(sent.without_resolved([NEWS], 60, 61.0).at) == {NEWS.key}
    assert set(sent.without_resolved([], 60, 30.0).at) == {NEWS.key, CRITICAL.key}


Requests = list[tuple[dict[str, str], bytes]]


@contextmanager
def receiving(*statuses: int) -> Iterator[tuple[str, Requests]]:
    """Run a receiver on loopback that responds with these statuses, then 204."""
    received: Requests = []
    left = list(statuses)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append(({k.lower(): v for k, v in self.headers.items()}, body))
            self.send_response(left.pop(0) if left else 204)
            self.send_header("Location", "http://127.0.0.1:1/")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/hook?a=b", received
        finally:
            server.shutdown()
            thread.join()


def test_webhook_signs_the_body_it_sends() -> None:
    with receiving() as (url, received):
        Webhook(url, SECRET).send("engage.alerts", {"alerts": [NEWS.as_row()]})

    ((headers, body),) = received
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    digest = hmac.new(bytes(range(32)), signed, hashlib.sha256).digest()
    assert headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"
    sent = json.loads(body)
    assert (sent["type"], sent["data"]["alerts"][0]["severity"]) == ("engage.alerts", "warning")


def test_signature_matches_the_example_of_the_standard() -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    body = b'{"test": 2432232314}'

    found = signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert found == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    ("statuses", "pauses", "is_delivered"),
    [
        pytest.param((503, 429), [1, 2], True, id="works at last"),
        pytest.param((500, 500, 500), [1, 2], False, id="never works"),
        pytest.param((400,), [], False, id="is rejected"),
        pytest.param((302,), [], False, id="redirects are not followed"),
    ],
)
def test_webhook_retries_with_the_same_id_what_may_work_later(
    statuses: tuple[int, ...], pauses: list[float], is_delivered: bool
) -> None:
    slept: list[float] = []
    outcome = nullcontext() if is_delivered else pytest.raises(Unavailable, match="HTTP")
    with receiving(*statuses) as (url, received), outcome:
        Webhook(url, SECRET).send("t", {}, sleep=slept.append)

    assert slept == pauses
    assert len(received) == len(pauses) + 1
    assert len({headers["webhook-id"] for headers, _ in received}) == 1


def test_webhook_raises_without_a_receiver() -> None:
    with pytest.raises(Unavailable, match="ConnectionRefusedError"):
        Webhook("http://127.0.0.1:1/", SECRET, attempts=1).send("t", {})


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_c2hvcnQ=", "c2VjcmV0" * 6, "whsec_*" * 9])
def test_weak_secret_is_rejected(secret: str) -> None:
    with pytest.raises(SetupError, match="openssl rand"):
        key_of(secret)


def settings(url: str, secret: str | None = SECRET, **others: Any) -> MonitorSettings:
    hidden = SecretStr(secret) if secret else None
    return MonitorSettings(webhook_url=url, webhook_secret=hidden, **others)


@pytest.mark.parametrize(
    ("url", "secret"),
    [
        pytest.param("http://example.org/", SECRET, id="plain text beyond this machine"),
        pytest.param("ftp://127.0.0.1/", SECRET, id="no HTTP"),
        pytest.param("https://", SECRET, id="no host"),
        pytest.param("https://example.org/", None, id="no secret"),
    ],
)
def test_settings_reject_unsafe_webhooks(url: str, secret: str | None) -> None:
    with pytest.raises(ValueError, match="ENGAGE_WEBHOOK"):
        settings(url, secret)


def test_notifier_stores_what_it_sent(tmp_path: Path) -> None:
    state = tmp_path / "monitor.json"
    with receiving(400) as (url, received):
        with pytest.raises(Unavailable):
            Notifier(settings(url), state).send([NEWS])
        assert Notifier(settings(url), state).send([NEWS]) == 1, "due again after a failure"
        assert Notifier(settings(url), state).send([NEWS]) == 0
        assert Notifier(settings(url), state).send([NEWS, CRITICAL]) == 1
        assert Notifier(settings(url, webhook_cooldown_seconds=0), state).send([NEWS]) == 1

    assert len(received) == 4


@pytest.mark.parametrize("content", [b"", b"[]", b'{"a": 1}', b'{"a": ["x", "y"]}', b"\xff"])
def test_notifier_treats_a_damaged_file_as_empty(tmp_path: Path, content: bytes) -> None:
    state = tmp_path / "monitor.json"
    state.write_bytes(content)
    with receiving() as (url, _):
        assert Notifier(settings(url), state).send([NEWS]) == 1


def test_notifier_without_webhook_writes_nothing(tmp_path: Path) -> None:
    assert Notifier(MonitorSettings(), tmp_path / "monitor.json").send([NEWS]) == 0
    assert list(tmp_path.iterdir()) == []


def test_notifier_sends_only_critical_alerts_in_quiet_hours(tmp_path: Path) -> None:
    hour = datetime.now(UTC).hour
    now = f"{(hour - 1) % 24:02}:00-{(hour + 2) % 24:02}:00"
    with receiving() as (url, received):
        quiet = settings(url, webhook_quiet_hours=now)
        assert Notifier(quiet, tmp_path / "monitor.json").send([NEWS, CRITICAL]) == 1

    assert b"poison" in received[0][1]


def test_monitor_exits_with_unknown_without_a_stack(tmp_path: Path) -> None:
    answer = CliRunner().invoke(app, ["monitor", "--dir", str(tmp_path)])

    assert answer.exit_code == 3
    assert answer.stdout.startswith("UNKNOWN: no stack runs")
    assert "engage up" in answer.stdout
