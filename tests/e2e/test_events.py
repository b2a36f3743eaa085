"""An event from POST to the report."""

import subprocess
import time

from tests.e2e.stacks import ENGAGE, Stack, eventually

QUIET_POST = 299
"""A post that the load hardly ever chooses."""


def test_event_shows_within_a_second_at_500_events_a_second(stack: Stack) -> None:
    sizes = ("--events", "3000", "--rate", "500", "--batch-events", "10")
    command = [*ENGAGE, "load", *sizes, "--dir", str(stack.folder)]
    seconds = []
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as load:
        while load.poll() is None:
            before = _views(stack, QUIET_POST)
            stack.post({"post_id": QUIET_POST, "type": "view"})
            accepted_at = time.monotonic()
            eventually(lambda n=before: _views(stack, QUIET_POST) > n, "the view shows")
            seconds.append(time.monotonic() - accepted_at)
            time.sleep(0.2)

    assert load.returncode == 0
    assert len(seconds) > 5
    assert max(seconds) < 1


def _views(stack: Stack, post_id: int) -> int:
    status, answer = stack.get(f"/engagement/{post_id}?period=all")
    assert status == 200, answer
    return answer["views"]
