"""How far a replica is behind, judged from positions in the write-ahead log."""

from analytics_api.replica import Positions


def test_a_replica_that_has_everything_is_not_behind_however_long_nothing_happens() -> None:
    positions = Positions()

    assert positions.lag_seconds(10.0, written=500, replayed=500) == 0
    assert positions.lag_seconds(900.0, written=500, replayed=500) == 0


def test_it_is_behind_for_as_long_as_it_has_lacked_something() -> None:
    positions = Positions()
    positions.lag_seconds(10.0, written=500, replayed=400)
    positions.lag_seconds(11.0, written=600, replayed=400)

    assert positions.lag_seconds(12.0, written=700, replayed=400) == 2
    assert positions.lag_seconds(13.0, written=700, replayed=500) == 2
    assert positions.lag_seconds(14.0, written=700, replayed=700) == 0


def test_without_the_primary_what_is_known_to_be_missing_still_counts_and_else_nobody_knows() -> (
    None
):
    positions = Positions()
    positions.lag_seconds(10.0, written=500, replayed=400)

    assert positions.lag_seconds(15.0, written=None, replayed=400) == 5
    assert positions.lag_seconds(16.0, written=None, replayed=500) is None


def test_a_replica_that_stands_still_for_days_costs_no_memory_and_its_lag_stays_true() -> None:
    positions = Positions()
    for second in range(100_000):
        lag = positions.lag_seconds(float(second), written=second, replayed=-1)
        assert lag == second
    half_way = positions.lag_seconds(100_000.0, written=100_000, replayed=50_000)

    assert len(positions._missing) < 1_100
    assert half_way is not None
    assert 49_000 < half_way <= 50_000
