import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from schema.errors import SetupError
from schema.http.keys import KeyRing, Scope, add, mint, read_keys, revoke


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


def bearer(key: str) -> bytes:
    return f"Bearer {key}".encode()


def test_a_key_opens_and_nothing_like_it_does(path: Path) -> None:
    minted = mint(Scope.READ)
    add(path, minted.entry)
    ring = KeyRing(path)

    assert ring.find(bearer(minted.plaintext)) == minted.entry
    for other in (minted.plaintext[:-1], minted.plaintext + "a", minted.plaintext.upper(), ""):
        assert ring.find(bearer(other)) is None
    assert ring.find(None) is None
    assert ring.find(b"Basic " + minted.plaintext.encode()) is None
    assert ring.find(b"Bearer \xff\xfe_\xff_\xff_\xff") is None


def test_the_file_holds_no_key_and_is_its_owners_alone(path: Path) -> None:
    minted = mint(Scope.INGEST, label="web")
    add(path, minted.entry)

    assert minted.plaintext.split("_")[3] not in path.read_text(encoding="utf-8")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_root_leaves_the_file_to_whom_it_belongs(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[tuple[Path, int, int]] = []
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("os.chown", lambda *to: given.append(to))
    add(path, mint(Scope.INGEST).entry)
    assert given == []

    add(path, mint(Scope.READ).entry)
    owner = path.stat()
    assert given == [(path.with_name("keys.json.new"), owner.st_uid, owner.st_gid)]


def test_a_revoked_key_is_refused_at_the_next_look(path: Path) -> None:
    minted, clock = mint(Scope.READ), Clock()
    add(path, minted.entry)
    ring = KeyRing(path, clock)
    assert revoke(path, minted.entry.key_id)
    clock.seconds = 6.0

    assert ring.find(bearer(minted.plaintext)) is None
    assert not revoke(path, minted.entry.key_id)


def test_keys_that_are_made_and_revoked_at_once_are_all_kept(path: Path) -> None:
    add(path, mint(Scope.READ).entry)

    def work(_: int) -> str:
        entry = mint(Scope.INGEST).entry
        add(path, entry)
        assert revoke(path, entry.key_id)
        return entry.key_id

    with ThreadPoolExecutor(8) as workers:
        made = set(workers.map(work, range(40)))

    assert {key.key_id for key in read_keys(path) if key.revoked_timestamp} == made


def test_a_file_that_cannot_be_changed_is_told(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="nowhere"):
        add(tmp_path / "nowhere" / "keys.json", mint(Scope.READ).entry)


def test_a_damaged_file_stops_the_start_but_not_a_running_service(path: Path) -> None:
    minted, clock = mint(Scope.READ), Clock()
    add(path, minted.entry)
    ring = KeyRing(path, clock)
    path.write_text("{", encoding="utf-8")
    with capture_logs() as logs:
        for clock.seconds in (6.0, 12.0):
            assert ring.find(bearer(minted.plaintext)) == minted.entry
    assert [line["event"] for line in logs] == ["keys stay as they were"]
    with pytest.raises(SetupError, match="damaged"):
        KeyRing(path)
    with pytest.raises(SetupError, match="cannot be read"):
        read_keys(path.with_name("missing"))


def test_a_file_without_origins_and_rates_is_read(path: Path) -> None:
    minted = mint(Scope.READ)
    add(path, minted.entry)
    assert "origins" not in path.read_text(encoding="utf-8")

    [entry] = read_keys(path)
    assert (entry.origins, entry.rate_per_second) == ((), None)


def test_origins_and_rate_are_kept(path: Path) -> None:
    minted = mint(Scope.INGEST, origins=("https://a.example",), rate_per_second=2.5)
    add(path, minted.entry)

    assert read_keys(path) == [minted.entry]


def test_origins_are_those_of_keys_in_force_for_the_service(path: Path) -> None:
    clock = Clock()
    gone = mint(Scope.INGEST, origins=("https://a.example",))
    for minted in (
        gone,
        mint(Scope.INGEST, origins=("https://b.example", "https://c.example")),
        mint(Scope.READ, origins=("https://d.example",)),
    ):
        add(path, minted.entry)
    ring = KeyRing(path, clock)
    assert "https://a.example" in ring.origins(Scope.INGEST)
    revoke(path, gone.entry.key_id)
    clock.seconds = 6.0

    assert ring.origins(Scope.INGEST) == {"https://b.example", "https://c.example"}
    assert ring.origins(Scope.READ) == {"https://d.example"}
