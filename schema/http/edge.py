"""The outermost layer of both HTTP services: who may come in, how large, and with what headers.

Plain ASGI, as it runs for every request of the hot path.
"""

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final

from schema.http.cors import Cors, with_headers
from schema.http.keys import KeyEntry, KeyRing, Scope
from schema.http.last_use import LastUse
from schema.http.problems import CONTENT_TYPE, Problem
from schema.http.request_head import (
    REQUEST_ID,
    header,
    is_preflight,
    query_key,
    read,
    refuse_strangers,
)
from schema.http.settings import HttpSettings
from schema.http.throttle import Throttle
from schema.telemetry import begin_request, get_logger

ASGIScope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[ASGIScope, Receive, Send], Awaitable[None]]

_OTHER_ORIGINS: Final = (
    "this key is for pages of other origins; programs take one made without --origin"
)
_MAX_TARGET_BYTES: Final = 8 * 1024
_MAX_HEADER_BYTES: Final = 32 * 1024
_OPEN_PATHS: Final = frozenset(
    {
        "/",
        "/healthz",
        "/readyz",
        "/docs",
        "/openapi.json",
        "/dashboard",
        "/favicon.ico",
        "/tracker.js",
    }
)
_OPEN_PREFIXES: Final = ("/static/", "/schemas/")

logger = get_logger("http")


class _Revoked(Exception):  # noqa: N818
    """The key was revoked while its answer was being sent."""


class Edge:
    """Lets requests through that carry a key of the right scope, as often as they may.

    Args:
        app: the service.
        scope: what its keys are for.
        keys: the keys in force; None: no keys are demanded.
        is_loopback_only: without keys, refuse other hosts' names and foreign origins, so that
            no web page can reach a service on its reader's own machine.
        query_key_paths: where the key may stand in the query as ``key``, for requests that
            cannot carry a header.
        settings: origins, proxies and the rate of client addresses; None: none of these.
    """

    def __init__(  # noqa: PLR0913  (its callers name them)
        self,
        app: Application,
        scope: Scope,
        keys: KeyRing | None,
        *,
        is_loopback_only: bool,
        query_key_paths: frozenset[str] = frozenset(),
        settings: HttpSettings | None = None,
    ) -> None:
        self._app = app
        self._scope = scope
        self._keys = keys
        self._is_loopback_only = is_loopback_only
        self._query_key_paths = query_key_paths
        listed = settings.cors_origins.split(",") if settings and settings.cors_origins else ()
        self._cors = Cors(scope, frozenset(listed), keys)
        self._throttle = Throttle(settings)
        self._last_use = LastUse(keys.path, scope) if keys else None

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._live(scope, receive, send)
            return
        started = finished = False
        extra: list[tuple[bytes, bytes]] = []

        async def send_noting(message: Message) -> None:
            nonlocal started, finished
            if message.get("more_body") and not self._still_admits(scope):
                raise _Revoked
            if extra and not started:
                message["headers"] = with_headers(message["headers"], extra)
            started = True
            await send(message)
            finished = message["type"] == "http.response.body" and not message.get("more_body")

        try:
            answer = self._app if self._judge(scope, extra) else _nothing
            await answer(scope, receive, send_noting)
        except Problem as problem:
            await send_problem(send_noting, problem)
        except _Revoked:
            await send({"type": "http.response.body", "body": b""})
        except Exception:
            # The route, where one was found: a path may hold what a user is called.
            path = getattr(scope.get("route"), "path", scope["path"])
            logger.exception("request failed", path=path)
            if finished:
                return
            if started:
                raise  # the connection must break, or half an answer would look whole
            detail = "something broke here; the log tells what, at this answer's X-Request-Id"
            await send_problem(send_noting, Problem(500, "internal_error", detail))

    def cors_headers(self, headers: Iterable[tuple[bytes, bytes]]) -> Iterable[tuple[bytes, bytes]]:
        """Return what an answer to a request with these headers carries for its page."""
        return self._cors.headers(read(headers)[2])

    async def _live(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        finally:
            if self._last_use:
                self._last_use.close()

    def _judge(self, scope: ASGIScope, extra: list[tuple[bytes, bytes]]) -> bool:
        """Tell whether the service shall answer; if not, the answer is an empty 204.

        Args:
            scope: the request.
            extra: receives what any answer to it carries besides its own headers.

        Raises:
            Problem: the request is refused.
        """
        size, authorization, origin, given_id = read(scope["headers"])
        if given_id is not None and not self._throttle.trusts_peer(scope):
            given_id = None  # a client's own words stand in no log and no answer
        extra.append((REQUEST_ID, begin_request(given_id).encode()))
        extra += self._cors.headers(origin)
        if len(scope["raw_path"]) + len(scope["query_string"]) > _MAX_TARGET_BYTES:
            raise Problem(414, "target_too_long", "the request target is over 8 KiB")
        if size > _MAX_HEADER_BYTES:
            raise Problem(431, "headers_too_large", "the headers are over 32 KiB")
        if self._is_loopback_only:
            refuse_strangers(scope["headers"], self._cors.listed)
        path = scope["path"]
        is_open = _is_open(path)
        if self._throttle.counts_clients and not is_open:
            self._throttle.client(scope, extra)
        if origin is not None and is_preflight(scope):
            extra += self._cors.preflight(origin)
            return False
        if self._keys is None or is_open:
            return True
        if authorization is None and path in self._query_key_paths:
            authorization = query_key(scope["query_string"])
        self._admit(self._keys.find(authorization), origin, extra)
        return True

    def _still_admits(self, scope: ASGIScope) -> bool:
        """Tell whether the key of an answer that goes on is still in force."""
        if self._keys is None or _is_open(scope["path"]):
            return True
        return self._keys.find(header(scope["headers"], b"authorization")) is not None

    def _admit(
        self, key: KeyEntry | None, origin: str | None, extra: list[tuple[bytes, bytes]]
    ) -> None:
        if key is None:
            raise Problem(
                401,
                "key_required",
                "send a key that is in force here: Authorization: Bearer eng_...",
                headers={"WWW-Authenticate": "Bearer"},
            )
        if key.scope not in (self._scope, Scope.ADMIN):
            raise Problem(403, "wrong_scope", f"this needs a key of scope {self._scope}")
        if key.origins and origin not in key.origins:
            raise Problem(403, "foreign_origin", _OTHER_ORIGINS)
        if self._last_use:
            self._last_use.note(key.key_id)
        if key.rate_per_second is not None:
            self._throttle.key(key.key_id, key.rate_per_second, extra)


def _is_open(path: str) -> bool:
    return path in _OPEN_PATHS or path.startswith(_OPEN_PREFIXES)


async def _nothing(_scope: ASGIScope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def send_problem(send: Send, problem: Problem) -> None:
    """Answer with a problem document."""
    body = problem.body
    headers = [
        (b"content-type", CONTENT_TYPE.encode()),
        (b"content-length", b"%d" % len(body)),
        *((name.lower().encode(), value.encode()) for name, value in problem.headers.items()),
    ]
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
