import pytest

from schema.errors import SetupError
from schema.migrate import Migration, pending, shipped

FIRST, SECOND = Migration(1, "first", "SELECT 1"), Migration(2, "second", "SELECT 2")


def test_shipped_migrations_are_numbered_without_a_gap() -> None:
    assert [migration.number for migration in shipped()] == list(range(1, len(shipped()) + 1))


def test_what_is_not_applied_is_pending_in_order() -> None:
    assert pending([SECOND, FIRST], {}) == [FIRST, SECOND]
    assert pending([FIRST, SECOND], {1: FIRST.checksum}) == [SECOND]


def test_an_edited_file_stops_the_run() -> None:
    with pytest.raises(SetupError, match="changed after it was applied"):
        pending([FIRST], {1: SECOND.checksum})


def test_a_newer_database_stops_the_run() -> None:
    with pytest.raises(SetupError, match="does not know"):
        pending([FIRST], {1: FIRST.checksum, 2: SECOND.checksum})
