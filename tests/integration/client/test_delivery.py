"""The client delivers each event once, or reports it, although its server fails."""

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
from tests.integration.client import faulty_server as faults
from tests.integration.client.faulty_server import Act, faulty_server

QUICK = Limits(flush_seconds=0.01, max_backoff_seconds=0.02)


@pytest.mark.parametrize(
    "act",
    [
        faults.status(503),
        faults.status(429, Retry_After="0"),
        faults.accept_and_reset,
        *(faults.accept_and_cut(at=at) for at in (0, 10, 24, 50)),
        faults.status(207),
    ],
)
def test_unknown_events_are_retried_with_their_ids(act: Act) -> None:
    with faulty_server(act, act) as server:
        with Client(server.url, limits=QUICK) as client:
            ids = {str(client.view(post_id=n)) for n in range(1, 6)}
            assert client.flush()
        counts = client.counts

    first, *retries = server.requests
    assert retries[:2] == [first, first]
    assert server.ids == ids
    assert len(server.accepted) == 5, "a retry had another timestamp"
    assert (counts.tracked, counts.delivered, counts.waiting) == (5, 5, 0)


def test_chunked_response_is_read_and_the_connection_kept() -> None:
    with faulty_server(faults.accept_in_chunks) as server, Client(server.url) as client:
        for _ in range(2):
            client.view(post_id=1)
            assert client.flush()
        assert client.counts.delivered == 2
        assert server.connections == 1


def test_retry_after_is_respected() -> None:
    with (
        faulty_server(faults.status(429, Retry_After="1")) as server,
        Client(server.url, limits=QUICK) as client,
    ):
        began = time.monotonic()
        client.like(post_id=1)
        assert client.flush()
        assert time.monotonic() - began >= 1


def test_request_times_out_when_the_response_never_ends() -> None:
    limits = Limits(flush_seconds=0.01, request_seconds=0.2, max_backoff_seconds=0.02)
    with (
        faulty_server(faults.hang, faults.drip) as server,
        Client(server.url, limits=limits) as client,
    ):
        began = time.monotonic()
        client.view(post_id=1)
        assert client.flush()
        assert 0.4 <= time.monotonic() - began < 3
        assert len(server.requests) == 3
        assert server.requests[0] == server.requests[1] == server.requests[2]


def test_connection_is_reused_and_reopened(
    caplog: pytest.LogCaptureFixture,
) -> None:
    acts = [faults.accept, faults.accept, faults.hang_up_when_idle]
    with faulty_server(*acts) as server, Client(server.url) as client:
        for opened in (1, 1, 1, 2):
            client.view(post_id=1)
            assert client.flush()
            assert server.connections == opened
    assert caplog.records == []


def test_rejected_key_is_reported_once_with_the_events_and_not_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    failures: list[Failure] = []
    with faulty_server(faults.status(401)) as server:
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


def test_expired_event_is_reported_and_can_be_added_again() -> None:
    failures: list[Failure] = []
    limits = Limits(flush_seconds=0.01, max_backoff_seconds=0.02, give_up_seconds=0.2)
    acts = [faults.status(503)] * 200
    with faulty_server(*acts) as server:
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
def test_full_buffer_raises_an_error_and_does_not_grow(limits: dict[str, Any]) -> None:
    bounds = Limits(block_seconds=0.05, close_seconds=0.1, **limits)
    with faulty_server(faults.hang) as server, Client(server.url, limits=bounds) as client:
        taken = []
        with pytest.raises(BufferFullError) as caught:
            taken.extend(client.view(post_id=n) for n in range(1, 100))
        assert caught.value.event.event_id not in taken
        assert 8 <= client.counts.waiting <= 12
        assert client.counts.dropped == 1


def test_dropped_event_is_counted_and_reported(caplog: pytest.LogCaptureFixture) -> None:
    failures: list[Failure] = []
    bounds = Limits(max_events=10, close_seconds=0.1)
    with faulty_server(faults.hang) as server:
        client = Client(server.url, limits=bounds, when_full="drop", on_failure=failures.append)
        ids = [client.view(post_id=n) for n in range(1, 31)]
        assert client.counts.dropped == len(failures) == 20
        assert [f.events[0].event_id for f in failures] == ids[10:]
        assert caplog.text.count("full") == 1
        client.close()


def test_blocked_threads_continue_once_there_is_room() -> None:
    limits = Limits(max_events=10, block_seconds=10, flush_seconds=0.01)
    with faulty_server() as server, Client(server.url, limits=limits) as client:
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


def test_close_ends_after_its_timeout_and_returns_undelivered_events() -> None:
    failures: list[Failure] = []
    limits = Limits(batch_events=2, close_seconds=0.3)
    with faulty_server(faults.accept, faults.hang) as server:
        client = Client(server.url, limits=limits, on_failure=failures.append)
        ids = [client.view(post_id=n) for n in range(1, 6)]
        began = time.monotonic()
        client.close()
        assert time.monotonic() - began < 2

    assert [e.event_id for e in client.undelivered] == ids[2:]
    assert [(f.reason, f.events) for f in failures] == [(Reason.CLOSED, client.undelivered)]
    assert client.counts.delivered + client.counts.undelivered == 5


def test_close_does_not_wait_for_a_retry_after_its_timeout() -> None:
    with faulty_server(faults.status(503, Retry_After="60")) as server:
        client = Client(server.url)
        client.view(post_id=1)
        began = time.monotonic()
        client.close()
        assert time.monotonic() - began < 2
        assert len(client.undelivered) == 1


def test_callback_that_fails_or_adds_an_event_stops_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def on_failure(failure: Failure) -> None:
        client.add(failure.events[0])
        raise RuntimeError("callback")

    with faulty_server(faults.status(403)) as server:
        limits = Limits(flush_seconds=0.01)
        with Client(server.url, limits=limits, on_failure=on_failure) as client:
            event_id = client.view(post_id=1)
            assert client.flush()
        assert server.ids == {str(event_id)}
    assert "a callback failed" in caplog.text
    assert logging.getLogger("engagement_client").level == logging.NOTSET


class FailingFilter(logging.Filter):
    """A logging filter of the application that fails."""

    def filter(self, _: logging.LogRecord) -> bool:
        raise KeyError("filter")


def test_unexpected_error_is_logged_and_delays_events_without_loss(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    post, failing = Transport.post, [ValueError("eng_ingest_id_secret"), MemoryError()]

    def post_with_errors(transport: Transport, batch: Batch) -> Reply:
        if failing:
            raise failing.pop(0)
        return post(transport, batch)

    monkeypatch.setattr(Transport, "post", post_with_errors)
    with faulty_server() as server, Client(server.url, limits=QUICK) as client:
        ids = {str(client.view(post_id=n)) for n in range(1, 6)}
        assert client.flush()
        counts = client.counts

    assert server.ids == ids
    assert (counts.delivered, counts.waiting) == (5, 0)
    assert "unexpected ValueError at test_delivery.py" in caplog.text
    assert "secret" not in caplog.text


class FailingContext(ssl.SSLContext):
    """An SSL context of the application that fails."""

    def wrap_socket(self, *_: Any, **__: Any) -> ssl.SSLSocket:
        raise KeyError("context")


def test_events_are_reported_when_an_unexpected_error_persists() -> None:
    failures: list[Failure] = []
    limits = Limits(flush_seconds=0.01, max_backoff_seconds=0.02, give_up_seconds=0.1)
    context = FailingContext(ssl.PROTOCOL_TLS_CLIENT)
    with faulty_server() as server:
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
def test_delivery_continues_when_a_logger_or_callback_raises(end: BaseException) -> None:
    reported: list[Failure] = []

    def on_failure(failure: Failure) -> None:
        reported.append(failure)
        raise end

    logger, failing_filter = logging.getLogger("engagement_client"), FailingFilter()
    logger.addFilter(failing_filter)
    try:
        with faulty_server(faults.status(403), faults.status(503)) as server:
            with Client(server.url, limits=QUICK, on_failure=on_failure) as client:
                client.view(post_id=1)
                assert client.flush()
                after = client.view(post_id=2)
                assert client.flush()
            assert server.ids == {str(after)}
    finally:
        logger.removeFilter(failing_filter)
    assert [len(failure.events) for failure in reported] == [1]


async def test_async_client_waits_for_room_in_the_buffer() -> None:
    limits = Limits(max_events=10, block_seconds=10, flush_seconds=0.01)
    with faulty_server(faults.status(503)) as server:
        async with AsyncClient(server.url, limits=limits) as client:
            ids = await asyncio.gather(*(client.view(post_id=n) for n in range(1, 201)))
            assert await client.flush()
            assert client.counts.delivered == 200
        assert server.ids == {str(i) for i in ids}


async def test_async_client_raises_an_error_without_room_and_does_not_block_the_loop() -> None:
    limits = Limits(max_events=1, block_seconds=0.2, close_seconds=0.05)
    ticks = 0
    with faulty_server(faults.hang) as server:
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
