"""Journals and their sums."""

from pathlib import Path

import pytest

from loadgen.events import ACCEPTED, UNKNOWN, Event, Item, encode
from loadgen.journal import Account, Journal, Run, settle
from loadgen.ledger import Totals


def item(name: str, post_id: int = 1, kind: str = "view") -> Item:
    event = Event(name, post_id, kind, "2026-03-01T10:00:00Z")
    return Item(encode(event), event)


INVALID = Item(b"{", None, "malformed_json")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "journal.ndjson"


def record(path: Path, *batches: tuple[list[Item], list[str] | None]) -> None:
    """Append a run; a batch without outcomes was never answered."""
    with Journal(path) as journal:
        journal.begin(Run("test", Totals(10, 2, 0, 0, is_balanced=True)))
        for items, outcomes in batches:
            number = journal.sent(items)
            if outcomes is not None:
                journal.answered(number, outcomes)


def test_identity_counts_once_however_often_it_was_accepted(path: Path) -> None:
    record(path, ([item("a"), item("a"), item("b", kind="like")], [ACCEPTED] * 3))
    account = settle([path])

    assert (account.sent, account.accepted) == (3, 3)
    assert set(account.identities) == {"a", "b"}
    assert account.posts == {1: {"view": 1, "like": 1}}
    assert account.before == Totals(10, 2, 0, 0, is_balanced=True)
    assert settle([]) == Account()


@pytest.mark.parametrize("outcomes", [[UNKNOWN, ACCEPTED], [ACCEPTED, UNKNOWN]])
def test_identity_accepted_once_is_not_unknown(path: Path, outcomes: list[str]) -> None:
    record(path, ([item("a"), item("a")], outcomes))
    account = settle([path])

    assert (set(account.identities), account.unknown) == ({"a"}, {})


def test_batch_without_a_response_is_unknown_and_a_truncated_line_affects_no_other(
    path: Path,
) -> None:
    record(path, ([item("a")], [ACCEPTED]), ([item("b")], None), ([item("c")], [ACCEPTED]))
    path.write_bytes(path.read_bytes()[:-20])
    record(path, ([item("d")], [ACCEPTED]))
    account = settle([path])

    assert set(account.identities) == {"a", "d"}
    assert set(account.unknown) == {"b", "c"}


@pytest.mark.parametrize(
    ("sent", "outcome", "unexpected"),
    [
        pytest.param(item("a"), ACCEPTED, 0, id="valid and accepted"),
        pytest.param(INVALID, "malformed_json", 0, id="rejected for its reason"),
        pytest.param(item("a"), "invalid_type", 1, id="valid but rejected"),
        pytest.param(INVALID, ACCEPTED, 1, id="invalid but accepted"),
        pytest.param(INVALID, "invalid_type", 1, id="rejected for another reason"),
    ],
)
def test_unexpected_outcomes_are_counted(
    path: Path, sent: Item, outcome: str, unexpected: int
) -> None:
    record(path, ([sent], [outcome]))
    account = settle([path])

    assert account.unexpected.total() == unexpected
    assert account.refused == ({} if outcome == ACCEPTED else {outcome: 1})
