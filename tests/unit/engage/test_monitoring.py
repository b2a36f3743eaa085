"""What is found, what of it is sent, and how it is signed."""

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from engage.cli import app
from engage.monitoring.findings import (
    Finding,
    Severity,
    of_movers,
    of_pipeline,
    of_weak_hours,
    summary,
    worst,
)
from engage.monitoring.looking import Notifier
from engage.monitoring.notices import QuietHours, Sent, due
from engage.monitoring.webhook import Webhook, key_of, signature
from engage.settings import MonitorSettings
from schema.errors import SetupError, Unavailable

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
NEWS = Finding("movers", Severity.WARNING, "author 1 above", "Ann: 9 times as much", "/r")
GRAVE = Finding("pipeline", Severity.CRITICAL, "halted partition 0", "poison", "/ops/ledger")


def alarm(name: str, subject: str = "") -> dict[str, str]:
    return {"alarm": name, "subject": subject, "detail": f"{name} happened"}


def test_a_calm_system_has_no_findings() -> None:
    assert list(of_pipeline({"balanced": True, "alarms": []})) == []
    assert worst([]) is Severity.OK
    assert summary([], ["pipeline", "movers"]) == "OK: nothing unusual | pipeline=0 movers=0"


def test_grave_alarms_are_critical_and_others_are_warnings() -> None:
    ledger = {"balanced": True, "alarms": [alarm("halted", "partition 3"), alarm("stalled")]}
    halted, stalled = of_pipeline(ledger)

    assert (halted.severity, halted.subject) == (Severity.CRITICAL, "halted partition 3")
    assert stalled.severity is Severity.WARNING


def test_an_imbalance_is_critical_before_the_watch_has_seen_it() -> None:
    (found,) = of_pipeline({"balanced": False, "alarms": []})
    assert (found.severity, found.subject) == (Severity.CRITICAL, "imbalance")
    assert len(list(of_pipeline({"balanced": False, "alarms": [alarm("imbalance")]}))) == 1


def test_movers_say_their_sentence() -> None:
    mover = {"dimension": "post", "key": "7", "direction": "above", "sentence": "Title: 9"}
    (found,) = of_movers([mover])

    assert (found.key, found.detail) == ("movers:post 7 above", "Title: 9")
    assert found.severity is Severity.WARNING


@pytest.mark.parametrize(
    ("posts", "weak_pct", "is_told"), [(3, 66.7, True), (2, 100.0, False), (9, 50.0, False)]
)
def test_who_publishes_mostly_in_weak_hours_is_told(
    posts: int, weak_pct: float, is_told: bool
) -> None:
    author = {"author_id": 1, "author_name": "Ann", "posts": posts, "in_weak": 2}
    assert bool(list(of_weak_hours([author | {"weak_pct": weak_pct}]))) is is_told


def test_the_plugins_line_has_the_gravest_first_and_numbers_after_the_bar() -> None:
    line = summary([NEWS, GRAVE], ["pipeline", "weak-hours", "movers"])

    assert line == "CRITICAL: poison; Ann: 9 times as much | pipeline=1 weak_hours=0 movers=1"


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
def test_what_are_no_quiet_hours_is_refused(text: str) -> None:
    with pytest.raises(SetupError, match="quiet hours"):
        QuietHours.parse(text)


def test_a_finding_is_sent_again_only_after_the_cooldown() -> None:
    sent = Sent().with_sent([NEWS], now=100.0)

    assert due([NEWS, GRAVE], sent, 60, 130.0, is_quiet=False) == [GRAVE]
    assert due([NEWS], sent, 60, 160.0, is_quiet=False) == [NEWS]


def test_what_got_graver_is_sent_at_once() -> None:
    sent = Sent().with_sent([GRAVE._replace(severity=Severity.WARNING)], now=100.0)

    assert due([GRAVE], sent, 3600, 101.0, is_quiet=False) == [GRAVE]


def test_in_quiet_hours_only_the_critical_is_sent_and_the_rest_afterwards() -> None:
    assert due([NEWS, GRAVE], Sent(), 60, 0.0, is_quiet=True) == [GRAVE]
    assert due([NEWS], Sent(), 60, 1.0, is_quiet=False) == [NEWS]


def test_what_ended_long_ago_is_forgotten_and_what_stands_is_not() -> None:
    sent = Sent().with_sent([NEWS, GRAVE], now=0.0)

    assert set(sent.still_standing([NEWS], 60, 61.0).at) == {NEWS.key}
    assert set(sent.still_standing([], 60, 30.0).at) == {NEWS.key, GRAVE.key}


class Received:
    """What a receiver got, and what it answers."""

    def __init__(self) -> None:
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.statuses: list[int] = []


@contextmanager
def receiving(*statuses: int) -> Iterator[tuple[str, Received]]:
    """Run a receiver on loopback that gives these answers, then 204."""
    received = Received()
    received.statuses = list(statuses)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            received.requests.append((headers, body))
            status = received.statuses.pop(0) if received.statuses else 204
            self.send_response(status)
            self.send_header("Location", "http://127.0.0.1:1/")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook?a=b", received
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def never(_: float) -> None: ...


def test_a_receiver_can_check_who_sent_it() -> None:
    with receiving() as (url, received):
        Webhook(url, SECRET).send("engage.findings", {"findings": [NEWS.as_row()]})

    ((headers, body),) = received.requests
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    digest = hmac.new(bytes(range(32)), signed, hashlib.sha256).digest()
    assert headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"
    sent = json.loads(body)
    assert sent["type"] == "engage.findings"
    assert sent["data"]["findings"][0]["severity"] == "warning"


def test_the_signature_is_that_of_the_standards_example() -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    body = b'{"test": 2432232314}'

    found = signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert found == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_what_failed_is_sent_again_with_the_same_id() -> None:
    pauses: list[float] = []
    with receiving(503, 429) as (url, received):
        Webhook(url, SECRET).send("t", {}, sleep=pauses.append)

    assert pauses == [1.0, 2.0]
    assert len({headers["webhook-id"] for headers, _ in received.requests}) == 1
    assert len(received.requests) == 3


@pytest.mark.parametrize(
    ("statuses", "requests"),
    [
        pytest.param((500, 500, 500), 3, id="it never works"),
        pytest.param((400,), 1, id="it is refused"),
        pytest.param((302,), 1, id="redirects are not followed"),
    ],
)
def test_what_was_not_delivered_is_an_error(statuses: tuple[int, ...], requests: int) -> None:
    with receiving(*statuses) as (url, received), pytest.raises(Unavailable, match="HTTP"):
        Webhook(url, SECRET).send("t", {}, sleep=never)

    assert len(received.requests) == requests


def test_nobody_there_is_an_error_too() -> None:
    with pytest.raises(Unavailable, match="ConnectionRefusedError"):
        Webhook("http://127.0.0.1:1/", SECRET).send("t", {}, sleep=never)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_c2hvcnQ=", "c2VjcmV0" * 6, "whsec_*" * 9])
def test_a_weak_secret_is_refused(secret: str) -> None:
    with pytest.raises(SetupError, match="openssl rand"):
        key_of(secret)


@pytest.mark.parametrize(
    ("url", "secret"),
    [
        pytest.param("http://example.org/", SECRET, id="plain text beyond this machine"),
        pytest.param("ftp://127.0.0.1/", SECRET, id="no HTTP"),
        pytest.param("https://", SECRET, id="no host"),
        pytest.param("https://example.org/", None, id="no secret"),
    ],
)
def test_settings_that_would_send_unsafely_are_refused(url: str, secret: str | None) -> None:
    with pytest.raises(ValueError, match="ENGAGE_WEBHOOK"):
        MonitorSettings(webhook_url=url, webhook_secret=SecretStr(secret) if secret else None)


def settings(url: str, **others: Any) -> MonitorSettings:
    return MonitorSettings(webhook_url=url, webhook_secret=SecretStr(SECRET), **others)


def test_a_notifier_remembers_over_restarts_what_it_sent(tmp_path: Path) -> None:
    state = tmp_path / "monitor.json"
    with receiving() as (url, received):
        assert Notifier(settings(url), state).tell([NEWS]) == 1
        assert Notifier(settings(url), state).tell([NEWS]) == 0
        assert Notifier(settings(url), state).tell([NEWS, GRAVE]) == 1
        assert Notifier(settings(url, webhook_cooldown_seconds=0), state).tell([NEWS]) == 1

    assert len(received.requests) == 3


def test_what_was_not_taken_is_due_again(tmp_path: Path) -> None:
    state = tmp_path / "monitor.json"
    with receiving(400) as (url, _):
        with pytest.raises(Unavailable):
            Notifier(settings(url), state).tell([NEWS])
        assert Notifier(settings(url), state).tell([NEWS]) == 1


@pytest.mark.parametrize("content", [b"", b"[]", b'{"a": 1}', b'{"a": ["x", "y"]}', b"\xff"])
def test_a_broken_memory_counts_as_none(tmp_path: Path, content: bytes) -> None:
    state = tmp_path / "monitor.json"
    state.write_bytes(content)
    with receiving() as (url, _):
        assert Notifier(settings(url), state).tell([NEWS]) == 1


def test_without_a_webhook_nothing_is_sent_nor_written(tmp_path: Path) -> None:
    assert Notifier(MonitorSettings(), tmp_path / "monitor.json").tell([NEWS]) == 0
    assert list(tmp_path.iterdir()) == []


def all_day(now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> str:
    """Quiet hours that hold now."""
    hour = now().hour
    return f"{(hour - 1) % 24:02}:00-{(hour + 2) % 24:02}:00"


def test_a_notifier_keeps_quiet_in_the_reporting_zones_hours(tmp_path: Path) -> None:
    with receiving() as (url, received):
        quiet = settings(url, webhook_quiet_hours=all_day())
        assert Notifier(quiet, tmp_path / "monitor.json").tell([NEWS, GRAVE]) == 1

    assert b"poison" in received.requests[0][1]


def test_without_a_stack_the_plugin_says_unknown_and_how_to_start_one(tmp_path: Path) -> None:
    answer = CliRunner().invoke(app, ["monitor", "--dir", str(tmp_path)])

    assert answer.exit_code == 3
    assert answer.stdout.startswith("UNKNOWN: no stack runs")
    assert "engage up" in answer.stdout
