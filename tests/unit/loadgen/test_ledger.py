"""How the read API is asked where it allows only so many requests a second; a small server here."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from loadgen import ledger
from loadgen.ledger import ask, open_reader
from schema.errors import Unavailable


class Limited:
    """Refuses so many requests, then answers."""

    def __init__(self) -> None:
        self.refusals = 0

    async def answer(self, _request: web.Request) -> web.Response:
        if self.refusals:
            self.refusals -= 1
            return web.Response(status=429, headers={"Retry-After": "0"})
        return web.json_response({"views": 3})


@pytest.fixture
async def limited() -> AsyncIterator[tuple[Limited, str]]:
    limited = Limited()
    app = web.Application()
    app.router.add_get("/engagement/1", limited.answer)
    async with TestServer(app) as server:
        yield limited, str(server.make_url("/"))


async def test_who_is_to_come_again_later_does(limited: tuple[Limited, str]) -> None:
    limits, url = limited
    limits.refusals = 3
    async with open_reader(url, None) as reader:
        assert await ask(reader, "/engagement/1") == {"views": 3}


async def test_who_is_always_to_come_again_gives_up(
    limited: tuple[Limited, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    limits, url = limited
    monkeypatch.setattr(ledger, "_MOST_PAUSES", 2)
    limits.refusals = 5
    async with open_reader(url, None) as reader:
        with pytest.raises(Unavailable, match="429"):
            await ask(reader, "/engagement/1")
