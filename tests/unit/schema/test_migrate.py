import pytest

from schema.errors import SetupError
from schema.migrate import Migration, pending, shipped

FIRST, SECOND = Migration(1, "first", "SELECT 1"), Migration(2, "second", "SELECT 2")


def test_shipped_migrations_are_numbered_without_a_gap() -> None:
    assert [migration.number for migration in shipped()] == list(range(1, len(shipped()) + 1))


def test_migrations_that_are_not_applied_are_pending_in_order() -> None:
    assert pending([SECOND, FIRST], {}) == [FIRST, SECOND]
    assert pending([FIRST, SECOND], {1: FIRST.checksum}) == [SECOND]


@pytest.mark.parametrize(
    ("applied", "message"),
    [
        pytest.param({1: SECOND.checksum}, "changed after it was applied", id="edited"),
        pytest.param({1: FIRST.checksum, 2: SECOND.checksum}, "does not have", id="newer"),
    ],
)
def test_edited_migration_or_newer_database_is_an_error(
    applied: dict[int, str], message: str
) -> None:
    with pytest.raises(SetupError, match=message):
        pending([FIRST], applied)
