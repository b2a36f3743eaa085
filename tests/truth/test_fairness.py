"""Indexes of authors in worlds where they are known: their intervals, and who is compared."""

from typing import NamedTuple

import numpy as np
import pytest

from analytics_api.statistics.ranks import top_probabilities
from analytics_api.statistics.shrinkage import Estimate, Unit, shrink_all

Array = np.ndarray


class World(NamedTuple):
    """Authors of different quality, whose posts differ by chance.

    Attributes:
        authors: how many.
        posts: mean number of an author's posts.
        mean: engagements of an ordinary author's post.
        categories: in which authors publish, each mostly in one.
        quality: standard deviation of its logarithm.
        chance: standard deviation of the logarithm of a post's luck.
    """

    authors: int
    posts: float
    mean: float
    categories: int = 1
    quality: float = 0.5
    chance: float = 0.6

    def draw(self, random: np.random.Generator) -> tuple[list[Unit], Array]:
        """Return the authors' sums, as sql/fair_authors.sql has them, and their true indexes."""
        quality = random.lognormal(0, self.quality, self.authors)
        counts = 1 + random.poisson(self.posts - 1, self.authors)
        author = np.repeat(np.arange(self.authors), counts)
        home = author % self.categories
        away = random.integers(0, self.categories, len(author))
        category = np.where(random.random(len(author)) < 0.8, home, away)
        luck = random.lognormal(-(self.chance**2) / 2, self.chance, len(author))
        earned = random.poisson(self.mean * quality[author] * luck).astype(float)
        return units_of(author, category, earned, quality[author])


def units_of(
    author: Array, category: Array, earned: Array, deserved: Array
) -> tuple[list[Unit], Array]:
    """Return the sums over each author's posts, and the authors' true indexes.

    Args:
        author, category: of each post, as numbers.
        earned: engagements of each post.
        deserved: what it earns on average, up to a factor.
    """
    shape = (author.max() + 1, category.max() + 1)
    posts, observed, squares, mean = (np.zeros(shape) for _ in range(4))
    np.add.at(posts, (author, category), 1)
    np.add.at(observed, (author, category), earned)
    np.add.at(squares, (author, category), earned**2)
    np.add.at(mean, (author, category), deserved)
    others = posts.sum(axis=0) - posts
    of_others = observed.sum(axis=0) - observed
    is_known = (posts > 0) & (of_others > 0)
    expected = np.where(is_known, of_others / np.maximum(others, 1), 0)
    true_mean = (mean.sum(axis=0) - mean) / np.maximum(others, 1)
    units, truths = [], []
    for each, known in enumerate(is_known):
        if not known.any():
            continue
        n, y, e = posts[each][known], observed[each][known], expected[each][known]
        whole = n * e
        units.append(
            Unit(
                int(n.sum()),
                float(y.sum()),
                float(whole.sum()),
                float(squares[each][known].sum()),
                float((y * e).sum()),
                float((n * e * e).sum()),
                float((whole**2 / others[each][known]).sum()),
                float((whole**2 / of_others[each][known]).sum()),
            )
        )
        truths.append(mean[each][known].sum() / (n * true_mean[each][known]).sum())
    return units, np.array(truths)


class Found(NamedTuple):
    """Of all authors: share whose interval holds the truth, and the mean square error of logs."""

    held: float
    error: float
    raw_error: float
    width: float


def trials(world: World, seeds: range) -> Found:
    held, errors, raw, widths = [], [], [], []
    for seed in seeds:
        units, truths = world.draw(np.random.default_rng(seed))
        for unit, truth, found in zip(units, truths, shrink_all(units), strict=True):
            held.append(found.low <= truth <= found.high)
            errors.append(np.log(found.index / truth) ** 2)
            raw.append(np.log(max(unit.ratio, 0.05) / truth) ** 2)
            widths.append(found.high / max(found.low, 1e-3))
    return Found(*(float(np.mean(each)) for each in (held, errors, raw)), float(np.median(widths)))


WORLDS = {
    "one post per author": World(400, 1, 20, 5),
    "one post per author, sparse": World(400, 1, 2, 5),
    "3 authors": World(3, 20, 20),
    "3 authors, sparse": World(3, 20, 2),
    "8 authors": World(8, 20, 20, 2),
    "8 authors, sparse": World(8, 20, 2, 2),
    "40 authors": World(40, 20, 20, 5),
    "40 authors, sparse": World(40, 20, 2, 5),
    "40 authors who hardly differ": World(40, 20, 20, 5, quality=0.1),
    "400 authors": World(400, 8, 20, 10),
    "400 authors, sparse": World(400, 8, 1, 10),
}


@pytest.mark.parametrize("world", WORLDS.values(), ids=WORLDS)
def test_intervals_of_few_trials_hold_the_truth(world: World) -> None:
    found = trials(world, range(max(2, 240 // world.authors)))

    assert 0.87 <= found.held <= 1
    assert found.error < found.raw_error


@pytest.mark.truth_full
@pytest.mark.parametrize("world", WORLDS.values(), ids=WORLDS)
def test_intervals_hold_the_truth_as_often_as_they_say(world: World) -> None:
    found = trials(world, range(100, 100 + max(20, 6_000 // world.authors)))

    assert 0.92 <= found.held <= 0.985
    assert found.error < found.raw_error


def check_top_10(world: World, seeds: range, tolerance: float) -> None:
    """Of the authors whose probability is about p, about p are among the ten best."""
    stated, true = [], []
    for seed in seeds:
        units, truths = world.draw(np.random.default_rng(seed))
        found = top_probabilities(shrink_all(units), 10)
        assert sum(found) == pytest.approx(10, abs=0.6)
        best = set(np.argsort(-truths)[:10])
        stated += found
        true += [place in best for place in range(len(truths))]
    chances, is_best = np.array(stated), np.array(true)
    for low, high in ((0.02, 0.2), (0.2, 0.5), (0.5, 0.8), (0.8, 1.0)):
        chosen = (chances >= low) & (chances <= high)
        assert is_best[chosen].mean() == pytest.approx(chances[chosen].mean(), abs=tolerance)


def test_probability_of_the_top_10_is_how_often_authors_are_in_it() -> None:
    check_top_10(WORLDS["40 authors"], range(6), 0.15)


@pytest.mark.truth_full
@pytest.mark.parametrize("name", ["40 authors", "40 authors, sparse", "400 authors"])
def test_probability_of_the_top_10_is_how_often_authors_are_in_it_in_each_world(name: str) -> None:
    check_top_10(WORLDS[name], range(100, 160 if name != "400 authors" else 130), 0.07)


def test_ten_authors_are_all_in_the_top_10() -> None:
    assert top_probabilities([Estimate(1, 0.8, 1.2, 0.01)] * 10, 10) == [1.0] * 10
    equal = top_probabilities([Estimate(1, 0.8, 1.2, 0.01)] * 40, 10)
    assert equal == pytest.approx([0.25] * 40, abs=0.01)
