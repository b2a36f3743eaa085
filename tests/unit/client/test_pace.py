"""When a client tries again."""

from engagement_client.pace import Pace


def longest(_low: float, high: float) -> float:
    return high


def test_the_longest_wait_doubles_with_each_failure_up_to_its_bound() -> None:
    pace = Pace(longest_seconds=2, draw=longest)
    waits = []
    for _ in range(5):
        pace.failed(100.0, 0)
        waits.append(pace.resume_at - 100)

    assert waits == [0.25, 0.5, 1.0, 2.0, 2.0]


def test_a_success_lets_it_begin_anew() -> None:
    pace = Pace(longest_seconds=30, draw=longest)
    pace.failed(0.0, 0)
    pace.failed(0.0, 0)
    pace.succeeded()
    pace.failed(0.0, 0)

    assert pace.resume_at == 0.25


def test_waits_are_drawn_from_nothing_to_the_longest() -> None:
    drawn = []

    def draw(low: float, high: float) -> float:
        drawn.append((low, high))
        return low

    pace = Pace(longest_seconds=30, draw=draw)
    pace.failed(1.0, 0)

    assert drawn == [(0.0, 0.25)]
    assert pace.resume_at == 1.0


def test_it_never_comes_back_before_it_was_asked_to() -> None:
    pace = Pace(longest_seconds=2, draw=lambda low, _high: low)
    pace.failed(100.0, 60)

    assert pace.resume_at == 160.0


def test_a_mistaken_wait_does_not_silence_it_for_good() -> None:
    pace = Pace(longest_seconds=2, draw=lambda low, _high: low)
    pace.failed(0.0, 10**12)

    assert pace.resume_at == 3600.0


def test_ten_thousand_failures_do_no_harm() -> None:
    pace = Pace(longest_seconds=30, draw=longest)
    for _ in range(10_000):
        pace.failed(0.0, 0)

    assert pace.resume_at == 30.0
