"""The pause of a client before a retry."""

import pytest

from engagement_client.sender import Backoff


def longest(_low: float, high: float) -> float:
    return high


def shortest(low: float, _high: float) -> float:
    return low


def test_longest_wait_doubles_with_each_failure_up_to_its_maximum() -> None:
    backoff = Backoff(max_seconds=2, draw=longest)
    waits = []
    for _ in range(10_000):
        backoff.failed(100.0, 0)
        waits.append(backoff.resume_at - 100)

    assert waits[:5] == [0.25, 0.5, 1.0, 2.0, 2.0]
    assert waits[-1] == 2.0
    backoff.succeeded()
    backoff.failed(100.0, 0)
    assert backoff.resume_at == 100.25


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        pytest.param(0, 0.0, id="drawn from zero"),
        pytest.param(60, 60.0, id="as requested"),
        pytest.param(10**12, 3600.0, id="an hour at most"),
    ],
)
def test_shortest_wait_is_the_requested_one(retry_after: int, seconds: float) -> None:
    backoff = Backoff(max_seconds=30, draw=shortest)
    backoff.failed(100.0, retry_after)

    assert backoff.resume_at == 100.0 + seconds
