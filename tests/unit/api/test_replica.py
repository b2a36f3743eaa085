"""The lag of a replica, from positions in the write-ahead log."""

from analytics_api.replica import Positions


def test_lag_is_zero_while_the_replica_has_everything() -> None:
    positions = Positions()

    assert positions.lag_seconds(10.0, written=500, replayed=500) == 0
    assert positions.lag_seconds(900.0, written=500, replayed=500) == 0


def test_lag_is_the_age_of_the_oldest_missing_position() -> None:
    positions = Positions()
    positions.lag_seconds(10.0, written=500, replayed=400)
    positions.lag_seconds(11.0, written=600, replayed=400)

    assert positions.lag_seconds(12.0, written=700, replayed=400) == 2
    assert positions.lag_seconds(13.0, written=700, replayed=500) == 2
    assert positions.lag_seconds(14.0, written=700, replayed=700) == 0


def test_lag_is_unknown_without_the_primary_unless_a_position_is_missing() -> None:
    positions = Positions()
    positions.lag_seconds(10.0, written=500, replayed=400)

    assert positions.lag_seconds(15.0, written=None, replayed=400) == 5
    assert positions.lag_seconds(16.0, written=None, replayed=500) is None


def test_lag_of_days_needs_bounded_memory_and_stays_exact() -> None:
    positions = Positions()
    for second in range(100_000):
        lag = positions.lag_seconds(float(second), written=second, replayed=-1)
        assert lag == second
    half_way = positions.lag_seconds(100_000.0, written=100_000, replayed=50_000)

    assert len(positions._missing) < 1_100
    assert half_way is not None
    assert 49_000 < half_way <= 50_000
