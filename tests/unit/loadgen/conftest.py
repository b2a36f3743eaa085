"""A small catalogue that traffic tests share."""

from datetime import UTC, datetime

import pytest

from loadgen.catalogue import Catalogue
from loadgen.traffic import Facts, facts_of, to_us

ANCHOR = datetime(2026, 3, 1, 20, tzinfo=UTC)


@pytest.fixture(scope="session")
def facts() -> Facts:
    return facts_of(Catalogue(7, ANCHOR, post_count=3_000, user_count=500))


@pytest.fixture(scope="session")
def now_us() -> int:
    return to_us(ANCHOR)
