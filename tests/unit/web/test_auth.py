import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from schema.errors import SetupError
from tests.factories import Clock
from tests.waiting import until
from web.auth import KeyRing, LastUses, Scope, create_key, last_uses, parse_expiry, read_keys
from web.key_file import add, revoke


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


def bearer(key: str) -> bytes:
    return f"Bearer {key}".encode()


def test_only_the_exact_key_is_found(path: Path) -> None:
    created = create_key(Scope.READ)
    add(path, created.entry)
    ring = KeyRing(path)

    assert ring.find(bearer(created.plaintext)) == created.entry
    for other in (created.plaintext[:-1], created.plaintext + "a", created.plaintext.upper(), ""):
        assert ring.find(bearer(other)) is None
    assert ring.find(None) is None
    assert ring.find(b"Basic " + created.plaintext.encode()) is None
    assert ring.find(b"Bearer \xff\xfe_\xff_\xff_\xff") is None


def test_key_file_is_private_and_has_everything_but_the_plain_text(path: Path) -> None:
    page = "https://a.example"
    created = create_key(Scope.INGEST, label="web", origins=(page,), rate_per_second=2.5)
    add(path, created.entry)

    assert read_keys(path) == [created.entry]
    assert created.plaintext.split("_")[3] not in path.read_text(encoding="utf-8")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_revoked_key_is_not_found_after_the_next_check(path: Path) -> None:
    created, clock = create_key(Scope.READ), Clock()
    add(path, created.entry)
    ring = KeyRing(path, clock)
    assert revoke(path, created.entry.key_id)
    clock.seconds = 6.0

    assert ring.find(bearer(created.plaintext)) is None
    assert not revoke(path, created.entry.key_id)


def test_key_is_found_until_it_expires(path: Path) -> None:
    expiry = datetime(2027, 1, 31, tzinfo=UTC)
    created = create_key(Scope.READ, origins=("https://a.example",), expires_timestamp=expiry)
    add(path, created.entry)
    now = expiry - timedelta(seconds=1)
    ring = KeyRing(path, now=lambda: now)
    assert ring.find(bearer(created.plaintext)) == created.entry
    assert not ring.has_expired(bearer(created.plaintext))

    now = expiry
    assert ring.find(bearer(created.plaintext)) is None
    assert ring.has_expired(bearer(created.plaintext))
    for other in (created.plaintext + "a", "eng_read_0123456789_a"):
        assert not ring.has_expired(bearer(other))
    assert KeyRing(path, now=lambda: now).origins(Scope.READ) == set()


@pytest.mark.parametrize(
    ("text", "expiry"),
    [
        ("1d", datetime(2026, 12, 2, 9, tzinfo=UTC)),
        ("30d", datetime(2026, 12, 31, 9, tzinfo=UTC)),
        ("2026-12-01", datetime(2026, 12, 2, tzinfo=UTC)),
        ("2027-01-31", datetime(2027, 2, 1, tzinfo=UTC)),
    ],
)
def test_expiry_is_a_number_of_days_or_the_end_of_a_day(text: str, expiry: datetime) -> None:
    assert parse_expiry(text, datetime(2026, 12, 1, 9, tzinfo=UTC)) == expiry


@pytest.mark.parametrize("text", ["0d", "-1d", "30", "soon", "2026-11-30", "31.12.2026", "20261d"])
def test_expiry_that_is_past_or_malformed_is_rejected(text: str) -> None:
    with pytest.raises(ValueError, match=r"such as|in the past"):
        parse_expiry(text, datetime(2026, 12, 1, 9, tzinfo=UTC))


def test_damaged_file_is_an_error_at_start_and_ignored_later(path: Path) -> None:
    created, clock = create_key(Scope.READ), Clock()
    add(path, created.entry)
    ring = KeyRing(path, clock)
    path.write_text("{", encoding="utf-8")
    with capture_logs() as logs:
        for clock.seconds in (6.0, 12.0):
            assert ring.find(bearer(created.plaintext)) == created.entry
    assert [line["event"] for line in logs] == ["key file not reloaded"]
    with pytest.raises(SetupError, match="damaged"):
        KeyRing(path)
    with pytest.raises(SetupError, match="cannot be read"):
        read_keys(path.with_name("missing"))


def test_origins_are_those_of_valid_keys_of_the_scope(path: Path) -> None:
    clock = Clock()
    revoked = create_key(Scope.INGEST, origins=("https://a.example",))
    add(path, revoked.entry)
    add(path, create_key(Scope.INGEST, origins=("https://b.example", "https://c.example")).entry)
    add(path, create_key(Scope.READ, origins=("https://d.example",)).entry)
    ring = KeyRing(path, clock)
    assert "https://a.example" in ring.origins(Scope.INGEST)
    revoke(path, revoked.entry.key_id)
    clock.seconds = 6.0

    assert ring.origins(Scope.INGEST) == {"https://b.example", "https://c.example"}
    assert ring.origins(Scope.READ) == {"https://d.example"}


async def test_last_use_of_a_key_is_recorded_by_any_process(tmp_path: Path) -> None:
    folder = tmp_path / "uses"
    before = datetime.now(UTC)
    earlier: dict[str, datetime] = {}
    for _ in range(2):
        LastUses(folder).record("a")
        await until(lambda known=earlier: last_uses([folder]) != known)
        recorded = last_uses([folder])
        assert before <= recorded["a"] <= datetime.now(UTC)
        earlier = recorded

    assert stat.S_IMODE((folder / "a").stat().st_mode) == 0o600


def test_last_use_that_cannot_be_recorded_is_logged_once(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    uses = LastUses(tmp_path / "file")
    with capture_logs() as logs:
        for key_id in ("a", "b"):
            uses._touch(key_id)

    assert [line["event"] for line in logs] == ["key use not recorded"]
