"""A consumer is stuck when it is silent while Kafka answers others, and only then."""

import asyncio

import pytest

from consumer.watchdog import until_stuck


class Scene:
    """A silence, and what Kafka answers each time it is asked."""

    def __init__(self, silent_seconds: float, *answers: bool) -> None:
        self.silent_seconds = silent_seconds
        self.answers = iter(answers)
        self.asked = 0

    def silence(self) -> float:
        return self.silent_seconds

    async def kafka_answers(self) -> bool:
        self.asked += 1
        answer = next(self.answers, None)
        if answer is None:
            await asyncio.Event().wait()  # nothing more is to be seen
        return bool(answer)

    async def is_stuck(self) -> bool:
        watching = asyncio.create_task(until_stuck(self.silence, self.kafka_answers, 0.01))
        done, _ = await asyncio.wait({watching}, timeout=0.2)
        watching.cancel()
        return bool(done)


@pytest.mark.parametrize(
    ("silent_seconds", "answers", "stuck"),
    [
        (1.0, [True, True], True),
        (1.0, [True, False, True], False),
        (1.0, [False, False, True, True], True),
        (1.0, [False] * 5, False),
        (0.0, [True, True], False),
    ],
)
async def test_stuck(silent_seconds: float, answers: list[bool], stuck: bool) -> None:
    assert await Scene(silent_seconds, *answers).is_stuck() is stuck


async def test_kafka_is_asked_only_during_a_silence() -> None:
    scene = Scene(0.0, True, True)
    await scene.is_stuck()
    assert scene.asked == 0
