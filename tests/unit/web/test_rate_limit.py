import pytest

from tests.factories import Clock
from web.rate_limit import TokenBuckets, parse_rate, policy, state


@pytest.mark.parametrize(("text", "rate"), [("50/s", 50.0), ("0.5/s", 0.5), (" 100000/s ", 1e5)])
def test_rate_is_parsed(text: str, rate: float) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize(
    "text", ["", "x", "/s", "0/s", "-1/s", "50/m", "1e3/s", "nan/s", "0.001/s", "100001/s", "5 /s"]
)
def test_malformed_rate_is_rejected(text: str) -> None:
    with pytest.raises(ValueError, match="such as 50/s"):
        parse_rate(text)


def test_bucket_allows_twice_the_rate_and_then_the_rate() -> None:
    clock = Clock()
    limiter = TokenBuckets(clock)

    # After an hour without requests, a bucket is not fuller than at the beginning.
    for clock.seconds in (0.0, 3600.0):
        first = [limiter.take("a", 5.0) for _ in range(11)]
        assert [decision.is_allowed for decision in first] == [True] * 10 + [False]
        assert [decision.remaining for decision in first] == [9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 0]
    for clock.seconds, allowed in ((3600.19, False), (3600.2, True), (3600.3, False)):
        assert limiter.take("a", 5.0).is_allowed is allowed


@pytest.mark.parametrize("rate", [0.01, 0.3, 1.0, 7.0, 333.3])
def test_request_is_allowed_after_the_time_in_the_decision(rate: float) -> None:
    clock = Clock()
    clock.seconds = 1e6
    limiter = TokenBuckets(clock)
    while (decision := limiter.take("a", rate)).is_allowed:
        pass
    clock.seconds += decision.next_in_seconds

    assert decision.next_in_seconds >= 1
    assert limiter.take("a", rate).is_allowed


def test_least_recently_used_bucket_is_dropped_at_the_maximum() -> None:
    limiter = TokenBuckets(Clock(), max_buckets=2)
    first = [limiter.take(name, 0.5).is_allowed for name in ("a", "b", "b", "a")]
    limiter.take("c", 0.5)  # b is dropped, because a was used later

    assert first == [True, True, False, False]
    assert not limiter.take("a", 0.5).is_allowed
    assert limiter.take("b", 0.5).is_allowed


def test_changed_rate_starts_with_a_full_bucket() -> None:
    limiter = TokenBuckets(Clock())

    assert [limiter.take("a", 0.5).is_allowed for _ in range(2)] == [True, False]
    assert limiter.take("a", 5.0).remaining == 9


def test_headers_are_structured_fields() -> None:
    assert policy("key", 5.0) == b'"key";q=10;w=2'
    assert policy("key", 0.7) == b'"key";q=2;w=3'
    assert policy("client", 0.01) == b'"client";q=1;w=100'
    assert state("key", TokenBuckets(Clock()).take("a", 5.0)) == b'"key";r=9;t=1'
