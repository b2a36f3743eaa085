"""Journals and what they add up to."""

from pathlib import Path

import pytest

from loadgen.account import Account, settle
from loadgen.events import Event, encode
from loadgen.journal import Journal, Run
from loadgen.ledger import Totals
from loadgen.mixture import Item
from loadgen.replies import ACCEPTED, UNKNOWN


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


def test_an_identity_counts_once_however_often_it_was_accepted(path: Path) -> None:
    record(path, ([item("a"), item("a"), item("b", kind="like")], [ACCEPTED] * 3))
    account = settle([path])

    assert (account.sent, account.accepted) == (3, 3)
    assert set(account.identities) == {"a", "b"}
    assert account.posts == {1: {"view": 1, "like": 1}}
    assert account.before == Totals(10, 2, 0, 0, is_balanced=True)


@pytest.mark.parametrize("outcomes", [[UNKNOWN, ACCEPTED], [ACCEPTED, UNKNOWN]])
def test_an_identity_accepted_once_is_not_unknown(path: Path, outcomes: list[str]) -> None:
    record(path, ([item("a"), item("a")], outcomes))
    account = settle([path])

    assert set(account.identities) == {"a"}
    assert account.unknown == {}


def test_a_batch_without_an_answer_is_unknown(path: Path) -> None:
    record(path, ([item("a")], None))
    record(path, ([item("b")], [ACCEPTED]))
    account = settle([path])

    assert set(account.unknown) == {"a"}
    assert set(account.identities) == {"b"}


def test_a_line_cut_short_spoils_nothing_after_it(path: Path) -> None:
    record(path, ([item("a")], [ACCEPTED]), ([item("b")], [ACCEPTED]))
    path.write_bytes(path.read_bytes()[:-20])
    record(path, ([item("c")], [ACCEPTED]))
    account = settle([path])

    assert set(account.identities) == {"a", "c"}
    assert set(account.unknown) == {"b"}


def test_outcomes_as_they_should_be_are_no_surprise(path: Path) -> None:
    record(path, ([item("a"), INVALID], [ACCEPTED, "malformed_json"]))
    account = settle([path])

    assert account.refused == {"malformed_json": 1}
    assert not account.surprises


@pytest.mark.parametrize(
    ("sent", "outcome"),
    [
        pytest.param(item("a"), "invalid_type", id="valid but refused"),
        pytest.param(INVALID, ACCEPTED, id="invalid but accepted"),
        pytest.param(INVALID, "invalid_type", id="refused for another reason"),
    ],
)
def test_other_outcomes_are(path: Path, sent: Item, outcome: str) -> None:
    record(path, ([sent], [outcome]))

    assert settle([path]).surprises.total() == 1


def test_nothing_is_an_empty_account() -> None:
    assert settle([]) == Account()
