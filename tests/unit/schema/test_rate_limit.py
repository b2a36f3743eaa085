import pytest

from schema.http.rate_limit import Limiter, parse_rate, policy, state


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.mark.parametrize(("text", "rate"), [("50/s", 50.0), ("0.5/s", 0.5), (" 100000/s ", 1e5)])
def test_a_rate_is_read(text: str, rate: float) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize(
    "text", ["", "x", "/s", "0/s", "-1/s", "50/m", "1e3/s", "nan/s", "0.001/s", "100001/s", "5 /s"]
)
def test_nonsense_is_no_rate(text: str) -> None:
    with pytest.raises(ValueError, match="such as 50/s"):
        parse_rate(text)


def test_twice_the_rate_may_come_at_once_then_one_as_often_as_the_rate_says() -> None:
    clock = Clock()
    limiter = Limiter(clock)

    first = [limiter.take("a", 5.0) for _ in range(11)]
    assert [verdict.is_allowed for verdict in first] == [True] * 10 + [False]
    assert [verdict.remaining for verdict in first] == [9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 0]
    clock.seconds = 0.19
    assert not limiter.take("a", 5.0).is_allowed
    clock.seconds = 0.2
    assert limiter.take("a", 5.0).is_allowed
    assert not limiter.take("a", 5.0).is_allowed


def test_over_a_minute_of_pressure_the_rate_holds_within_5_percent() -> None:
    clock = Clock()
    limiter = Limiter(clock)
    allowed = 0
    for tick in range(60_000):
        clock.seconds = tick / 1000
        allowed += limiter.take("a", 20.0).is_allowed

    assert allowed == pytest.approx(60 * 20, rel=0.05)


@pytest.mark.parametrize("rate", [0.01, 0.3, 1.0, 7.0, 333.3])
def test_who_waits_as_told_is_let_in(rate: float) -> None:
    clock = Clock()
    clock.seconds = 1e6
    limiter = Limiter(clock)
    while (verdict := limiter.take("a", rate)).is_allowed:
        pass
    clock.seconds += verdict.more_in_seconds

    assert verdict.more_in_seconds >= 1
    assert limiter.take("a", rate).is_allowed


def test_an_idle_bucket_is_no_fuller_than_full() -> None:
    clock = Clock()
    limiter = Limiter(clock)
    assert limiter.take("a", 2.0).is_allowed
    clock.seconds = 3600.0

    assert [limiter.take("a", 2.0).is_allowed for _ in range(5)] == [True] * 4 + [False]


def test_names_do_not_share_and_those_unused_for_longest_are_forgotten() -> None:
    limiter = Limiter(Clock(), max_buckets=2)
    assert limiter.take("a", 0.5).is_allowed
    assert limiter.take("b", 0.5).is_allowed
    assert not limiter.take("b", 0.5).is_allowed
    assert not limiter.take("a", 0.5).is_allowed
    limiter.take("c", 0.5)  # b goes: a was asked for since

    assert not limiter.take("a", 0.5).is_allowed
    assert limiter.take("b", 0.5).is_allowed


def test_a_changed_rate_begins_anew() -> None:
    limiter = Limiter(Clock())
    assert limiter.take("a", 0.5).is_allowed
    assert not limiter.take("a", 0.5).is_allowed
    assert limiter.take("a", 5.0).remaining == 9


def test_headers_are_structured_fields_with_whole_numbers() -> None:
    assert policy("key", 5.0) == '"key";q=10;w=2'
    assert policy("key", 0.7) == '"key";q=2;w=3'
    assert policy("client", 0.01) == '"client";q=1;w=100'
    assert state("key", Limiter(Clock()).take("a", 5.0)) == '"key";r=9;t=1'
