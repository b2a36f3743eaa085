from typing import Any

import pytest

from consumer.decode import Fingerprint
from consumer.positions import LogBounds, position


def row(**fields: Any) -> dict[str, Any]:
    defaults = {
        "partition": 0,
        "next_offset": 100,
        "dead_in_a_row": 0,
        "halt_reason": None,
        "halt_detail": None,
        "fingerprint_offset": 98,
        "fingerprint_timestamp": 5,
        "fingerprint_crc": 6,
    }
    return defaults | fields


def test_the_last_record_is_read_again_to_compare_it() -> None:
    found = position(row(), LogBounds(0, 200))

    assert found.seek_to == 98
    assert found.cursor.next_offset == 100
    assert found.cursor.anchor == Fingerprint(98, 5, 6)


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"fingerprint_offset": None}, id="nothing read yet"),
        pytest.param({"fingerprint_offset": 40}, id="it left the log"),
    ],
)
def test_without_the_last_record_reading_goes_on_at_the_next(fields: dict[str, Any]) -> None:
    found = position(row(**fields), LogBounds(50, 200))

    assert (found.seek_to, found.cursor.anchor, found.halt) == (100, None, None)


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        pytest.param(LogBounds(0, 99), "log_diverged", id="the log is shorter than what is stored"),
        pytest.param(LogBounds(101, 200), "records_lost", id="unread records left the log"),
    ],
)
def test_an_offset_outside_the_log_halts(log: LogBounds, reason: str) -> None:
    found = position(row(), log)

    assert found.halt is not None
    assert found.halt.reason == reason
    assert not found.is_halted_already


def test_a_halt_that_stands_is_kept() -> None:
    found = position(row(halt_reason="log_diverged"), LogBounds(0, 200))

    assert found.is_halted_already


@pytest.mark.parametrize("log", [LogBounds(100, 100), LogBounds(0, 100)])
def test_a_log_that_ends_where_the_offsets_stand_is_fine(log: LogBounds) -> None:
    assert position(row(), log).halt is None
