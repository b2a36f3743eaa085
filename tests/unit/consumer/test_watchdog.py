import asyncio

import pytest

from consumer.watchdog import wait_until_stalled


class FakeKafka:
    """Returns these results of checks, and then never responds."""

    def __init__(self, *results: bool) -> None:
        self.results = list(results)
        self.checks = 0

    async def is_reachable(self) -> bool:
        self.checks += 1
        if not self.results:
            await asyncio.Event().wait()
        return self.results.pop(0)


@pytest.mark.parametrize(
    ("results", "seconds", "expected"),
    [
        ([True, True], 1.0, True),
        ([True, False, True], 1.0, False),
        ([False, False, True, True], 1.0, True),
        ([False] * 5, 1.0, False),
        pytest.param([True, True], 0.0, False, id="progress"),
    ],
)
async def test_consumer_is_stalled_after_two_checks_in_a_row_without_progress(
    results: list[bool], seconds: float, expected: bool
) -> None:
    kafka = FakeKafka(*results)
    watchdog = asyncio.create_task(wait_until_stalled(lambda: seconds, kafka.is_reachable, 0.01))
    done, _ = await asyncio.wait({watchdog}, timeout=0.2)
    watchdog.cancel()

    assert bool(done) is expected
    assert seconds or kafka.checks == 0
