"""Movers where nothing moves, and where one author does: false alarms a week, and power."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pytest
from scipy import special, stats

from analytics_api.reports.movers import MoversParameters, _far
from analytics_api.statistics.baseline import (
    WEEKS,
    History,
    Move,
    Scatter,
    Tail,
    Tides,
    _digamma,
    _inverse_trigamma,
    _normal,
    _trigamma,
    false_alarms,
    move_of,
    scatter_of,
    young_move,
)

Array = np.ndarray
CATEGORIES = 5


class World(NamedTuple):
    """Authors whose engagements of a day scatter around a mean that never changes.

    Attributes:
        authors: how many.
        mean: engagements a day with a typical author's posts; authors differ by factors of e.
        dispersion: of an author's days, which differs by factors of 1.6 between authors.
        is_heavy: days scatter with the heavy tail of a lognormal variable, not as gamma's.
        rush: share of the days before with six times the engagement.
    """

    authors: int
    mean: float
    dispersion: float
    is_heavy: bool = False
    rush: float = 0.0

    def days(self, count: int, seed: int) -> Iterator[list[History]]:
        """Yield what the report sees on each of *count* days, of all kinds but posts."""
        draw = np.random.default_rng(seed)
        means = self.mean * draw.lognormal(-0.5, 1, self.authors)
        dispersions = self.dispersion * draw.lognormal(0, 0.5, self.authors)
        for _ in range(count):
            shape = (WEEKS + 1, self.authors)
            expected = means * draw.lognormal(0, 0.1, (WEEKS + 1, 1))  # everybody's good weeks
            if self.is_heavy:
                sigma = np.sqrt(np.log1p(dispersions))
                chance = draw.lognormal(0, 1, shape) ** sigma / np.exp(sigma**2 / 2)
            else:
                chance = draw.gamma(1 / dispersions, dispersions, shape)
            counts = draw.poisson(expected * chance)
            counts[1:] *= np.where(draw.random((WEEKS, self.authors)) < self.rush, 6, 1)
            yield histories(counts)


def histories(counts: Array) -> list[History]:
    """Return the histories of authors, their categories and everything; *counts*: week, author."""
    authors = counts.shape[1]
    category = np.arange(authors) % CATEGORIES
    sums = [counts[:, category == each].sum(axis=1) for each in range(min(CATEGORIES, authors))]
    return [
        of("all", "", counts.sum(axis=1)),
        *(of("author", str(k + 1), counts[:, k], k + 1) for k in range(authors)),
        *(of("category", f"category {k}", each) for k, each in enumerate(sums)),
    ]


def of(dimension: str, key: str, counts: Array, author_id: int = 0) -> History:
    now, *before = map(int, counts)
    return History(dimension, key, now, before, author_id)  # type: ignore[arg-type]


def movers_a_week(world: World, days: int, allowed: float = 1.0, seed: int = 1) -> float:
    query = MoversParameters(false_alarms=allowed)
    found = [len(list(_far(day, query, 0, 0))) for day in world.days(days, seed)]
    return 7 * sum(found) / days


STEADY = {
    "no author scatters": World(50, 20, 1e-6),
    "50 authors": World(50, 20, 0.1),
    "50 authors, rich": World(50, 300, 0.1),
    "50 authors, rich, heavy tails": World(50, 300, 0.3, is_heavy=True),
    "50 authors, sparse": World(50, 1, 0.3),
    "50 authors with good days before": World(50, 50, 0.2, rush=0.03),
    "8 authors": World(8, 50, 0.2),
    "8 authors, heavy tails": World(8, 50, 0.3, is_heavy=True),
    "3 authors": World(3, 50, 0.2),
    "1 author": World(1, 50, 0.2),
}
LARGE = {
    "400 authors": World(400, 20, 0.2),
    "400 authors, sparse": World(400, 0.5, 0.2),
    "400 authors, heavy tails": World(400, 100, 0.3, is_heavy=True),
}


@pytest.mark.parametrize("world", STEADY.values(), ids=STEADY)
def test_steady_world_has_at_most_the_stated_movers_a_week(world: World) -> None:
    days = 42

    # Poisson's variable with mean 6 exceeds 12 in one of 110 worlds.
    assert movers_a_week(world, days) <= 12 / (days / 7)


@pytest.mark.truth_full
@pytest.mark.parametrize("world", (STEADY | LARGE).values(), ids=STEADY | LARGE)
@pytest.mark.parametrize("allowed", [0.1, 1.0])
def test_steady_worlds_keep_the_budget(world: World, allowed: float) -> None:
    days = 2_000 if world.authors < 100 else 300
    expected = allowed * days / 7

    found = movers_a_week(world, days, allowed, seed=2) * days / 7
    assert found <= expected + 3 * expected**0.5


@pytest.mark.parametrize(
    ("world", "factor", "power"),
    [
        pytest.param(World(50, 100, 0.1), 5, 0.45, id="five times as much"),
        pytest.param(World(50, 100, 0.1), 10, 0.75, id="ten times as much"),
        pytest.param(World(50, 100, 0.1, rush=0.03), 5, 0.15, id="with good days before"),
        pytest.param(World(3, 100, 0.1), 5, 0.6, id="3 authors"),
    ],
)
def test_author_who_moves_is_found(world: World, factor: float, power: float) -> None:
    draw = np.random.default_rng(3)
    query, found = MoversParameters(), 0
    days = list(world.days(50, seed=4))
    for day in days:
        place = 1 + int(draw.integers(world.authors))
        day[place] = day[place]._replace(now=int(draw.poisson(factor * day[place].now)))
        found += day[place].key in {each.history.key for each in _far(day, query, 0, 0)}

    assert found / len(days) >= power


@pytest.mark.truth_full
def test_monitor_that_always_watches_has_one_false_alarm_a_week() -> None:
    """Windows of a day that end every hour overlap: the rarest hour of many is what counts."""
    draw = np.random.default_rng(5)
    authors, days, hours = 12, 28, 24
    appeal = draw.lognormal(0, 0.5, (WEEKS + 1, days + 1, 1, authors))
    hourly = draw.poisson(10 * appeal, (WEEKS + 1, days + 1, hours, authors))
    sums = np.cumsum(hourly.reshape(WEEKS + 1, -1, authors), axis=1)
    query, alerts, last = MoversParameters(false_alarms=0.1), 0, {}
    for end in range(hours, days * hours):
        seen = histories(sums[:, end] - sums[:, end - hours])
        for each in _far(seen, query, 0, 0):
            key = (each.history.dimension, each.history.key, each.move.z > 0)
            alerts += end - last.get(key, -hours) >= hours  # each is sent once a day
            last[key] = end

    assert alerts / (days / 7) <= 1.5


def test_author_is_not_compared_with_the_own_success() -> None:
    day = next(World(12, 50, 0.1).days(1, seed=6))
    day[1] = day[1]._replace(now=40 * day[1].now, before=[40 * each for each in day[1].before])
    most = day[1]._replace(now=2 * round(day[1].baseline))  # most of the platform's engagement
    day[1] = most
    tide = Tides(each for each in day if each.dimension == "author").without(1)

    assert tide.factor < 1.5
    query = MoversParameters(dimension="author", false_alarms=1000)
    alone = [each for each in _far(day, query, 1, 0) if each.history.key == "1"]
    among = [each for each in _far(day, query, 0, 0) if each.history.key == "1"]
    assert alone[0].move == among[0].move
    assert alone[0].move.z > 1


def tails(scores: Array) -> dict[int, Tail]:
    """The tails that sql/movers_young.sql computes, by the sign of the scores."""
    number = max(10, len(scores) // 20)
    found = {}
    for sign in (1, -1):
        chosen = np.sort(sign * scores)[-number:]
        start = float(chosen.min())
        found[sign] = Tail(number / len(scores), start, float(chosen.mean()) - start, number)
    return found


@pytest.mark.parametrize("posts", [60, 300, 3_000])
@pytest.mark.parametrize("viral", [0.0, 0.05])
@pytest.mark.parametrize("appeal", [1.0, 3.0], ids=["in a quarter of an hour", "in an hour"])
def test_young_posts_among_equals_are_rarely_movers(
    posts: int, viral: float, appeal: float
) -> None:
    draw = np.random.default_rng(7)
    found = weeks = 0
    for _ in range(100):
        mean = draw.lognormal(appeal, 0.6, posts) * np.where(draw.random(posts) < viral, 12, 1)
        level = np.log1p(draw.poisson(mean))
        middle = float(np.median(level))
        scatter = max(1.4826 * float(np.median(abs(level - middle))), np.exp(-middle / 2))
        scores = (level - middle) / scatter
        of_side = tails(scores)
        new = scores[: max(1, posts // 90)]  # of today; the others are of 90 days
        weeks += 1 / 7
        for score in new:
            move = young_move(float(score), middle, posts, of_side[1 if score > 0 else -1])
            found += move is not None and false_alarms(move, 24, len(new), 5) <= 1

    assert found / weeks <= 1


def test_viral_post_is_a_mover_among_ordinary_ones() -> None:
    draw = np.random.default_rng(8)
    level = np.log1p(draw.poisson(draw.lognormal(3, 0.6, 1_000)))
    middle = float(np.median(level))
    scores = (level - middle) / (1.4826 * np.median(abs(level - middle)))
    viral = (np.log1p(20 * 20) - middle) / (1.4826 * np.median(abs(level - middle)))
    move = young_move(float(viral), middle, 1_000, tails(scores)[1])

    assert move is not None
    assert false_alarms(move, 24, 11, 5) <= 1


@pytest.mark.parametrize("value", [0.5, 1.0, 3.5, 40.0, 2_000.0])
def test_functions_of_the_gamma_function_equal_scipy(value: float) -> None:
    assert _digamma(value) == pytest.approx(special.digamma(value), abs=1e-8)
    assert _trigamma(value) == pytest.approx(special.polygamma(1, value), rel=1e-7)
    assert _inverse_trigamma(special.polygamma(1, value)) == pytest.approx(value, rel=1e-4)


@pytest.mark.parametrize("freedom", [5, 7, 30, 500])
@pytest.mark.parametrize("probability", [0.05, 1e-3, 1e-4])
def test_z_score_is_as_rare_as_students_variable(freedom: float, probability: float) -> None:
    t = stats.t.isf(probability / 2, freedom)
    found = Move(0.0, _normal(t, freedom)).p_value

    assert found == pytest.approx(probability, rel=0.35)


def test_scatter_is_pooled_over_authors_who_scatter_alike() -> None:
    alike = [each for each in next(World(400, 100, 1e-6).days(1, seed=9)) if each.author_id]
    scatter = scatter_of(alike)

    assert scatter.variance == pytest.approx(1.0, abs=0.3)
    assert scatter.freedom > 20
    assert isinstance(scatter, Scatter)
    tides = Tides(alike)
    z = [move_of(each, tides.without(each.author_id), scatter).z for each in alike]
    assert np.std(z) == pytest.approx(0.85, abs=0.2)
