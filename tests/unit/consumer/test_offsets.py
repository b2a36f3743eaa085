from typing import Any

import pytest

from consumer.decode import Fingerprint
from consumer.offsets import OffsetRange, position

STORED = {
    "partition": 0,
    "next_offset": 100,
    "consecutive_dead_letters": 0,
    "halt_reason": None,
    "halt_detail": None,
    "fingerprint_offset": 98,
    "fingerprint_timestamp": 5,
    "fingerprint_crc": 6,
}
LAST = Fingerprint(98, 5, 6)


@pytest.mark.parametrize(
    ("fields", "log", "seek_to", "unverified"),
    [
        pytest.param({}, (0, 100), 98, LAST, id="everything consumed"),
        pytest.param({}, (0, 200), 98, LAST, id="more to consume"),
        pytest.param({"fingerprint_offset": None}, (50, 200), 100, None, id="nothing consumed yet"),
        pytest.param({}, (99, 200), 100, None, id="last record deleted"),
        pytest.param({}, (100, 200), 100, None, id="all consumed records deleted"),
    ],
)
def test_position_is_the_last_consumed_record_when_kafka_has_it_and_else_the_next_offset(
    fields: dict[str, Any], log: tuple[int, int], seek_to: int, unverified: Fingerprint | None
) -> None:
    found = position(STORED | fields, OffsetRange(*log))

    assert (found.seek_to, found.cursor.next_offset, found.halt) == (seek_to, 100, None)
    assert found.cursor.unverified == unverified


@pytest.mark.parametrize(
    ("log", "reason"), [((0, 99), "log_diverged"), ((101, 200), "records_lost")]
)
def test_position_halts_when_the_offset_is_out_of_range(log: tuple[int, int], reason: str) -> None:
    found = position(STORED, OffsetRange(*log))

    assert found.halt is not None
    assert (found.halt.reason, found.is_halted_already) == (reason, False)


def test_position_keeps_a_halt() -> None:
    assert position(STORED | {"halt_reason": "log_diverged"}, OffsetRange(0, 200)).is_halted_already
