import pytest

from consumer.instance_id import WAIT_SECONDS, InstanceId
from tests.factories import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


def instance_id(clock: Clock, name: str | None = "twin") -> InstanceId:
    made = InstanceId(name, session_seconds=6.0, clock=clock)
    made.limit = 3
    return made


@pytest.mark.parametrize(
    ("name", "every_seconds", "joins"),
    [
        pytest.param("twin", 2.0, [False, False, False, True], id="conflict in two sessions"),
        pytest.param("twin", 7.0, [False] * 9, id="sessions that expire"),
        pytest.param(None, 0.1, [False] * 9, id="dynamic member"),
    ],
)
def test_member_leaves_the_id_after_three_new_member_ids_in_two_sessions(
    clock: Clock, name: str | None, every_seconds: float, joins: list[bool]
) -> None:
    instance, found = instance_id(clock, name), []
    for number in range(len(joins)):
        found.append(instance.record_join(f"twin-{number}"))
        clock.seconds += every_seconds

    assert found == joins


def test_rebalance_with_the_same_member_id_is_no_conflict(clock: Clock) -> None:
    instance = instance_id(clock)

    assert not any(instance.record_join("twin-1") for _ in range(9))


def test_conflict_is_cleared_when_the_member_id_was_kept_for_two_sessions(clock: Clock) -> None:
    made = instance_id(clock)
    assert made.problem is None
    assert [made.back_off(), made.back_off()] == [True, False]
    assert made.is_waiting
    assert "instance ID twin" in (made.problem or "")

    clock.seconds += WAIT_SECONDS + 1
    assert not made.is_waiting
    made.record_join("twin-7")
    made.clear_conflict()
    assert made.problem is not None

    clock.seconds += 12.5
    made.clear_conflict()
    assert made.problem is None
