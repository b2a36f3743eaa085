"""Requests to a read API with a rate limit."""

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from loadgen import ledger
from loadgen.ledger import ask, open_reader
from schema.errors import Unavailable


@pytest.mark.parametrize("rejections", [3, 5])
async def test_reader_retries_after_429_and_gives_up_after_a_number_of_them(
    rejections: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "_MOST_PAUSES", 4)
    remaining = [web.Response(status=429, headers={"Retry-After": "0"}) for _ in range(rejections)]

    async def respond(_request: web.Request) -> web.Response:
        return remaining.pop() if remaining else web.json_response({"views": 3})

    app = web.Application()
    app.router.add_get("/engagement/1", respond)
    async with TestServer(app) as server, open_reader(str(server.make_url("/")), None) as reader:
        if rejections < 4:
            assert await ask(reader, "/engagement/1") == {"views": 3}
        else:
            with pytest.raises(Unavailable, match="429"):
                await ask(reader, "/engagement/1")
