"""The client against a server that misbehaves: what it promises holds all the same."""

import asyncio
import logging
import ssl
import threading
import time
from typing import Any

import pytest

from engagement_client import (
    AsyncClient,
    BufferFullError,
    Client,
    Event,
    Failure,
    Limits,
    Reason,
)
from engagement_client.buffer import Batch
from engagement_client.replies import Reply
from engagement_client.transport import Transport
from tests.integration.client import misbehaving as told
from tests.integration.client.misbehaving import Act, misbehaving

QUICK = Limits(flush_seconds=0.01, max_backoff_seconds=0.02)


@pytest.mark.parametrize(
    "act",
    [
        told.status(503),
        told.status(500),
        told.status(429, Retry_After="0"),
        told.status(408),
        told.accept_and_reset,
        *(told.accept_and_cut(at=at) for at in (0, 10, 18, 24, 40, 50)),
        told.status(207),
    ],
)
def test_what_is_unknown_is_sent_again_as_the_same_events(act: Act) -> None:
    with misbehaving(act, act) as server:
        with Client(server.url, limits=QUICK) as client:
            ids = {str(client.view(post_id=n)) for n in range(1, 6)}
            assert client.flush()
        counts = client.counts

    first, *retries = server.requests
    assert retries[:2] == [first, first]
    assert server.ids == ids
    assert len(server.accepted) == 5, "a retry carried another time"
    assert (counts.tracked, counts.delivered, counts.waiting) == (5, 5, 0)


def test_an_answer_in_chunks_is_read_on_a_connection_that_stays() -> None:
    with misbehaving(told.accept_in_chunks) as server, Client(server.url) as client:
        for _ in range(2):
            client.view(post_id=1)
            assert client.flush()
        assert client.counts.delivered == 2
        assert server.connections == 1


def test_retry_after_is_obeyed() -> None:
    with (
        misbehaving(told.status(429, Retry_After="1")) as server,
        Client(server.url, limits=QUICK) as client,
    ):
        began = time.monotonic()
        client.like(post_id=1)
        assert client.flush()
        assert time.monotonic() - began >= 1


def test_of_a_207_only_what_was_not_acknowledged_is_sent_again() -> None:
    with misbehaving(told.unavailable(1)) as server:
        with Client(server.url, limits=Limits(max_backoff_seconds=0.02)) as client:
            ids = [str(client.view(post_id=n)) for n in range(1, 4)]
            assert client.flush()
        assert [[e["event_id"] for e in r] for r in server.requests] == [ids, [ids[1]]]
        assert set(server.accepted.values()) == {1}


def test_a_server_that_never_answers_or_drips_is_left_after_the_deadline() -> None:
    limits = Limits(flush_seconds=0.01, request_seconds=0.2, max_backoff_seconds=0.02)
    with misbehaving(told.hang, told.drip) as server, Client(server.url, limits=limits) as client:
        began = time.monotonic()
        client.view(post_id=1)
        assert client.flush()
        assert 0.4 <= time.monotonic() - began < 3
        assert len(server.requests) == 3
        assert server.requests[0] == server.requests[1] == server.requests[2]


def test_a_batch_that_is_too_large_is_halved() -> None:
    acts = [told.limited_to(3)] * 20
    with misbehaving(*acts) as server, Client(server.url) as client:
        ids = [str(client.view(post_id=n)) for n in range(1, 11)]
        assert client.flush()
        assert [e["event_id"] for r in server.requests if len(r) <= 3 for e in r] == ids
        assert set(server.accepted.values()) == {1}


def test_one_connection_serves_all_batches_and_is_opened_anew_without_a_failure(
    caplog: pytest.LogCaptureFixture,
) -> None:
    acts = [told.accept, told.accept, told.hang_up_when_idle]
    with misbehaving(*acts) as server, Client(server.url) as client:
        for opened in (1, 1, 1, 2):
            client.view(post_id=1)
            assert client.flush()
            assert server.connections == opened
    assert caplog.records == []


def test_a_wrong_key_is_reported_once_with_the_events_and_never_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    failures: list[Failure] = []
    with misbehaving(told.status(401)) as server:
        key = "eng_ingest_id_secret"
        with Client(server.url, key, on_failure=failures.append) as client:
            event_id = client.view(post_id=1)
            assert client.flush()
        assert server.headers[0]["Authorization"] == f"Bearer {key}"

    assert len(server.requests) == 1
    [failure] = failures
    assert failure.reason is Reason.REFUSED
    assert [event.event_id for event in failure.events] == [event_id]
    assert "key" in failure.detail
    assert caplog.records
    assert "secret" not in caplog.text


def test_what_grows_too_old_is_reported_and_can_be_given_again_as_the_same() -> None:
    failures: list[Failure] = []
    limits = Limits(flush_seconds=0.01, max_backoff_seconds=0.02, give_up_seconds=0.2)
    acts = [told.status(503)] * 200
    with misbehaving(*acts) as server:
        with Client(server.url, limits=limits, on_failure=failures.append) as client:
            event_id = client.share(post_id=1)
            assert client.flush(5)
            assert client.counts.undelivered == 1
            assert failures[0].reason is Reason.GAVE_UP
            assert len(server.requests) > 1

            server.script.clear()
            kept = failures[0].events[0].to_json()
            assert client.add(Event.from_json(kept)) == event_id
            assert client.flush()
        assert {r[0]["engaged_timestamp"] for r in server.requests} == {
            time for _, time in server.accepted
        }


@pytest.mark.parametrize("limits", [{"max_events": 10}, {"max_bytes": 1_500}])
def test_a_full_buffer_says_so_and_grows_no_further(limits: dict[str, Any]) -> None:
    bounds = Limits(block_seconds=0.05, close_seconds=0.1, **limits)
    with misbehaving(told.hang) as server, Client(server.url, limits=bounds) as client:
        taken = []
        with pytest.raises(BufferFullError) as caught:
            taken.extend(client.view(post_id=n) for n in range(1, 100))
        assert caught.value.event.event_id not in taken
        assert 8 <= client.counts.waiting <= 12
        assert client.counts.dropped == 1


def test_dropping_is_counted_and_told_with_the_event(caplog: pytest.LogCaptureFixture) -> None:
    failures: list[Failure] = []
    bounds = Limits(max_events=10, close_seconds=0.1)
    with misbehaving(told.hang) as server:
        client = Client(server.url, limits=bounds, when_full="drop", on_failure=failures.append)
        ids = [client.view(post_id=n) for n in range(1, 31)]
        assert client.counts.dropped == len(failures) == 20
        assert [f.events[0].event_id for f in failures] == ids[10:]
        assert caplog.text.count("full") == 1
        client.close()


def test_blocked_threads_go_on_as_soon_as_there_is_room() -> None:
    limits = Limits(max_events=10, block_seconds=10, flush_seconds=0.01)
    with misbehaving() as server, Client(server.url, limits=limits) as client:
        threads = [
            threading.Thread(target=lambda: [client.view(post_id=1) for _ in range(250)])
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert client.flush()
        counts = client.counts
        assert (counts.tracked, counts.delivered, counts.dropped) == (1_000, 1_000, 0)
        assert max(map(len, server.requests)) <= 10
        assert set(server.accepted.values()) == {1}


def test_an_end_is_bounded_and_hands_over_what_was_left() -> None:
    failures: list[Failure] = []
    limits = Limits(batch_events=2, close_seconds=0.3)
    with misbehaving(told.accept, told.hang) as server:
        client = Client(server.url, limits=limits, on_failure=failures.append)
        ids = [client.view(post_id=n) for n in range(1, 6)]
        began = time.monotonic()
        client.close()
        assert time.monotonic() - began < 2

    assert [e.event_id for e in client.undelivered] == ids[2:]
    assert [(f.reason, f.events) for f in failures] == [(Reason.CLOSED, client.undelivered)]
    assert client.counts.delivered + client.counts.undelivered == 5


def test_an_end_does_not_wait_for_a_retry_that_would_come_too_late() -> None:
    with misbehaving(told.status(503, Retry_After="60")) as server:
        client = Client(server.url)
        client.view(post_id=1)
        began = time.monotonic()
        client.close()
        assert time.monotonic() - began < 2
        assert len(client.undelivered) == 1


def test_a_callback_that_fails_or_tracks_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def on_failure(failure: Failure) -> None:
        client.add(failure.events[0])
        raise RuntimeError("callback")

    with misbehaving(told.status(403)) as server:
        limits = Limits(flush_seconds=0.01)
        with Client(server.url, limits=limits, on_failure=on_failure) as client:
            event_id = client.view(post_id=1)
            assert client.flush()
        assert server.ids == {str(event_id)}
    assert "a callback failed" in caplog.text
    assert logging.getLogger("engagement_client").level == logging.NOTSET


class Unheard(logging.Filter):
    """A filter of the caller's with an error in it."""

    def filter(self, _: logging.LogRecord) -> bool:
        raise KeyError("filter")


def test_an_error_that_nobody_thought_of_is_told_and_delays_events_without_losing_any(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    post, failing = Transport.post, [ValueError("eng_ingest_id_secret"), MemoryError()]

    def harmed(transport: Transport, batch: Batch) -> Reply:
        if failing:
            raise failing.pop(0)
        return post(transport, batch)

    monkeypatch.setattr(Transport, "post", harmed)
    with misbehaving() as server, Client(server.url, limits=QUICK) as client:
        ids = {str(client.view(post_id=n)) for n in range(1, 6)}
        assert client.flush()
        counts = client.counts

    assert server.ids == ids
    assert (counts.delivered, counts.waiting) == (5, 0)
    assert "unexpected ValueError at test_promises.py" in caplog.text
    assert "secret" not in caplog.text


class Broken(ssl.SSLContext):
    """A context of the caller's with an error in it."""

    def wrap_socket(self, *_: Any, **__: Any) -> ssl.SSLSocket:
        raise KeyError("context")


def test_an_error_that_stays_hands_the_events_back() -> None:
    failures: list[Failure] = []
    limits = Limits(flush_seconds=0.01, max_backoff_seconds=0.02, give_up_seconds=0.1)
    context = Broken(ssl.PROTOCOL_TLS_CLIENT)
    with misbehaving() as server:
        url = server.url.replace("http:", "https:")
        with Client(url, limits=limits, on_failure=failures.append, ssl_context=context) as client:
            event_id = client.view(post_id=1)
            assert client.flush()

    [failure] = failures
    assert failure.reason is Reason.GAVE_UP
    assert "unexpected KeyError" in failure.detail
    assert [event.event_id for event in failure.events] == [event_id]
    assert client.counts.undelivered == 1


@pytest.mark.parametrize("end", [RuntimeError("callback"), SystemExit(1)])
def test_neither_a_logger_nor_a_callback_that_raises_ends_the_delivery(end: BaseException) -> None:
    told_of: list[Failure] = []

    def on_failure(failure: Failure) -> None:
        told_of.append(failure)
        raise end

    logger, unheard = logging.getLogger("engagement_client"), Unheard()
    logger.addFilter(unheard)
    try:
        with misbehaving(told.status(403), told.status(503)) as server:
            with Client(server.url, limits=QUICK, on_failure=on_failure) as client:
                client.view(post_id=1)
                assert client.flush()
                after = client.view(post_id=2)
                assert client.flush()
            assert server.ids == {str(after)}
    finally:
        logger.removeFilter(unheard)
    assert [len(failure.events) for failure in told_of] == [1]


async def test_tracking_never_blocks_the_loop_and_waits_for_room() -> None:
    limits = Limits(max_events=10, block_seconds=10, flush_seconds=0.01)
    with misbehaving(told.status(503)) as server:
        async with AsyncClient(server.url, limits=limits) as client:
            ids = await asyncio.gather(*(client.view(post_id=n) for n in range(1, 201)))
            assert await client.flush()
            assert client.counts.delivered == 200
        assert server.ids == {str(i) for i in ids}


async def test_a_task_learns_that_there_was_no_room_and_others_run_meanwhile() -> None:
    limits = Limits(max_events=1, block_seconds=0.2, close_seconds=0.05)
    ticks = 0
    with misbehaving(told.hang) as server:
        async with AsyncClient(server.url, limits=limits) as client:
            await client.view(post_id=1)

            async def tick() -> None:
                nonlocal ticks
                while True:
                    ticks += 1
                    await asyncio.sleep(0.01)

            ticking = asyncio.create_task(tick())
            with pytest.raises(BufferFullError):
                await client.view(post_id=2)
            ticking.cancel()
            assert not await client.flush(0.05)
        assert ticks > 3
        assert len(client.undelivered) == 1
