"""The middleware in front of every HTTP service: limits, CORS, authentication, errors, spans.

Plain ASGI, because it runs for every request of the hot path. In this order a request

1. gets an ID, which the response and every log line carry, and a span if tracing is on;
2. is checked: size, path, host, rate of its client, preflight, API key, rate of the key;
3. goes to the application, with HEAD as GET. Exceptions become problem documents.
"""

import time
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, unquote_to_bytes

import structlog
from opentelemetry.trace import Span, SpanKind

from runtime.logging import begin_request, get_logger
from runtime.tracing import context_of, tracer
from web.asgi import (
    Application,
    ASGIScope,
    Header,
    Message,
    Receive,
    Send,
    header,
    send_problem,
)
from web.auth import REQUEST_KEY, KeyEntry, KeyRing, LastUses, Scope
from web.client_address import parse_networks
from web.cors import Cors, require_local_client, with_headers
from web.problems import INTERNAL_ERROR, Problem
from web.rate_limit import RateLimits
from web.settings import HttpSettings

Observe = Callable[[str, int, float], object]
"""Called with route, status and seconds when a response starts."""

_REQUEST_ID: Final = b"x-request-id"
_NO_ROUTE: Final = "none"
_MAX_TARGET_BYTES: Final = 8 * 1024
_MAX_HEADER_BYTES: Final = 32 * 1024
_REPLACEMENT: Final = "\ufffd"
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


class _KeyRevokedError(Exception):
    """The key was revoked while the response was being sent."""


class ServiceMiddleware:
    """Passes requests with a key of the right scope to the application.

    Args:
        app: the service.
        scope: of the keys that it accepts. Keys of scope admin are always accepted.
        keys: the valid keys. None: no key is required.
        is_loopback_only: without keys, reject other host names and foreign origins, so that no
            web page can reach a service on the machine of its reader.
        settings: origins, proxies and rates.
        query_key_paths: paths whose key may be in the query as ``key``, for requests that cannot
            have headers.
        changing_paths: paths whose GET has an effect, so that HEAD is not served like GET.
        observe: receives the duration of each admitted request until its response starts.
    """

    def __init__(  # noqa: PLR0913  (its callers name them)
        self,
        app: Application,
        scope: Scope,
        keys: KeyRing | None,
        settings: HttpSettings,
        *,
        is_loopback_only: bool,
        query_key_paths: Collection[str] = frozenset(),
        changing_paths: Collection[str] = frozenset(),
        observe: Observe | None = None,
    ) -> None:
        self._app = app
        self._scope = scope
        self._keys = keys
        self._is_loopback_only = is_loopback_only
        self._query_key_paths = frozenset(query_key_paths)
        self._changing_paths = frozenset(changing_paths)
        self._observe = observe
        listed = settings.cors_origins.split(",") if settings.cors_origins else ()
        self._cors = Cors(scope, frozenset(listed), keys)
        self._rate_limits = RateLimits(
            settings.client_rate_per_second, parse_networks(settings.trusted_proxies)
        )
        folder = settings.key_uses_dir if keys else None
        self._last_uses = LastUses(Path(folder)) if folder else None

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if (current := tracer()) is None:
            await self._respond(scope, receive, _Response(scope, send, self._changing_paths))
            return
        parent = context_of(header(scope["headers"], b"traceparent") or b"")
        with current.start_as_current_span(scope["method"], parent, SpanKind.SERVER) as span:
            trace_id = format(span.get_span_context().trace_id, "032x")
            structlog.contextvars.bind_contextvars(trace_id=trace_id)
            response = _Response(scope, send, self._changing_paths, span)
            await self._respond(scope, receive, response)

    def cors_headers(self, headers: Iterable[Header]) -> Iterable[Header]:
        """Return the CORS headers of a response to a request with these headers."""
        return self._cors.headers(_read_head(headers)[2])

    async def _respond(self, scope: ASGIScope, receive: Receive, response: "_Response") -> None:
        try:
            if self._check(scope, response.extra_headers):
                if self._observe:
                    response.observe, response.began = self._observe, time.perf_counter()
                response.keys = self._keys if REQUEST_KEY in scope else None
                if scope["method"] == "HEAD" and scope["path"] not in self._changing_paths:
                    response.is_head = True
                    scope["method"] = "GET"
                await self._app(scope, receive, response.send)
            else:
                await response.send({"type": "http.response.start", "status": 204, "headers": []})
                await response.send({"type": "http.response.body", "body": b""})
        except Problem as problem:
            await send_problem(response.send, problem)
        except _KeyRevokedError:
            await response.end()
        except Exception:  # any other error of a handler becomes an internal error
            # The route, if there is one, because a path may contain user data.
            logger.exception("request failed", path=_route(scope, scope["path"]))
            if response.is_finished:
                return
            if response.is_started:
                raise  # breaks the connection, or half a response would pass for a whole one
            await send_problem(response.send, Problem(500, "internal_error", INTERNAL_ERROR))
        finally:
            if response.is_head:
                scope["method"] = "HEAD"

    def _check(self, scope: ASGIScope, extra_headers: list[Header]) -> bool:
        """Return whether the application shall respond; False: an empty 204 is the response.

        Args:
            scope: of the request.
            extra_headers: receives headers for any response to it.

        Raises:
            Problem: the request is rejected.
        """
        size, authorization, origin, given_id = _read_head(scope["headers"])
        if given_id is not None and not self._rate_limits.trusts_peer(scope):
            given_id = None  # clients choose no text of logs and responses
        extra_headers.append((_REQUEST_ID, begin_request(given_id).encode()))
        extra_headers += self._cors.headers(origin)
        _check_size(scope, size)
        path = scope["path"]
        is_open = _is_open(path)
        if self._is_loopback_only:
            require_local_client(scope["headers"], self._cors.listed, is_open=is_open)
        if self._rate_limits.limits_clients and not is_open:
            self._rate_limits.check_client(scope, extra_headers)
        if origin is not None and _is_preflight(scope):
            extra_headers += self._cors.preflight_headers(origin)
            return False
        if self._keys is None or is_open:
            return True
        key = self._authenticate(scope, self._keys, authorization)
        scope[REQUEST_KEY] = self._authorize(key, origin, extra_headers)
        return True

    def _authenticate(
        self, scope: ASGIScope, keys: KeyRing, authorization: bytes | None
    ) -> KeyEntry | None:
        """Find the key of a request in its header or, on some paths, in its query."""
        is_in_header = authorization is not None or scope["path"] not in self._query_key_paths
        given = authorization if is_in_header else _query_key(scope["query_string"])
        key = keys.find(given)
        if key is None and keys.has_expired(given):
            raise Problem(
                401,
                "key_expired",
                "this API key has expired: create another one",
                headers={"WWW-Authenticate": "Bearer"},
            )
        if key is not None and key.scope is Scope.ADMIN and not is_in_header:
            raise Problem(403, "wrong_scope", "an admin key must not be in the URL")
        return key

    def _authorize(
        self, key: KeyEntry | None, origin: str | None, extra_headers: list[Header]
    ) -> KeyEntry:
        if key is None:
            raise Problem(
                401,
                "key_required",
                "send a valid API key: Authorization: Bearer eng_...",
                headers={"WWW-Authenticate": "Bearer"},
            )
        if key.scope not in (self._scope, Scope.ADMIN):
            raise Problem(403, "wrong_scope", f"this service needs a key of scope {self._scope}")
        if key.origins and origin not in key.origins:
            raise Problem(
                403,
                "foreign_origin",
                "this key is bound to other origins; programs need a key without --origin",
            )
        if self._last_uses:
            self._last_uses.record(key.key_id)
        if key.rate_per_second is not None:
            self._rate_limits.check_key(key.key_id, key.rate_per_second, extra_headers)
        return key


class _Response:
    """Sends a response with additional headers and keeps track of its progress."""

    is_started = is_finished = is_head = False
    observe: Observe | None = None
    began = 0.0
    keys: KeyRing | None = None
    """Set if the request has a key, which must stay valid while the response is sent."""

    def __init__(
        self,
        scope: ASGIScope,
        send: Send,
        changing_paths: frozenset[str],
        span: Span | None = None,
    ) -> None:
        self.extra_headers: list[Header] = []
        self._scope = scope
        self._send = send
        self._changing_paths = changing_paths
        self._span = span

    async def send(self, message: Message) -> None:
        """Send a part of the response, as an ASGI ``send``."""
        if message["type"] == "http.response.start":
            self._start(message)
        elif self.is_head:
            if self.is_finished:
                return
            # The first part ends the response, because a stream would never end.
            message = {"type": "http.response.body", "body": b""}
        elif message.get("more_body") and not self._is_key_valid():
            raise _KeyRevokedError
        if self.is_head:
            self._scope["method"] = "HEAD"  # the server then omits the body
        await self._send(message)
        self.is_finished = message["type"] == "http.response.body" and not message.get("more_body")

    async def end(self) -> None:
        """End a response that was partly sent."""
        await self._send({"type": "http.response.body", "body": b""})

    def _is_key_valid(self) -> bool:
        authorization = header(self._scope["headers"], b"authorization")
        return self.keys is None or self.keys.find(authorization) is not None

    def _start(self, message: Message) -> None:
        if not self.is_started:
            message["headers"] = with_headers(message["headers"], self.extra_headers)
        self.is_started = True
        status = message["status"]
        if status == 405 and self._scope["path"] not in self._changing_paths:
            message["headers"] = [_with_head(*pair) for pair in message["headers"]]
        if self.observe:
            route = _route(self._scope, _NO_ROUTE)
            self.observe(route, status, time.perf_counter() - self.began)
        if self._span:
            route = _route(self._scope, _NO_ROUTE)
            self._span.update_name(f"{self._scope['method']} {route}")
            self._span.set_attribute("http.request.method", self._scope["method"])
            self._span.set_attribute("http.route", route)
            self._span.set_attribute("http.response.status_code", status)


def _with_head(name: bytes, value: bytes) -> Header:
    """Add HEAD to an Allow header that has GET."""
    if name != b"allow" or b"HEAD" in value:
        return name, value
    return name, value.replace(b"GET", b"GET, HEAD")


def _route(scope: ASGIScope, default: str) -> str:
    return getattr(scope.get("route"), "path", default)


def _read_head(
    headers: Iterable[Header],
) -> tuple[int, bytes | None, str | None, bytes | None]:
    """Return the headers' size in bytes, and the first Authorization, Origin and X-Request-Id."""
    size = 0
    authorization = origin = request_id = None
    for name, value in headers:
        size += len(name) + len(value)
        if name == b"authorization":
            authorization = authorization or value
        elif name == b"origin":
            origin = origin or value.decode("latin-1")
        elif name == _REQUEST_ID:
            request_id = request_id or value
    return size, authorization, origin, request_id


def _check_size(scope: ASGIScope, header_bytes: int) -> None:
    if len(scope["raw_path"]) + len(scope["query_string"]) > _MAX_TARGET_BYTES:
        raise Problem(414, "target_too_long", "the request target is longer than 8 KiB")
    if _REPLACEMENT in scope["path"] and not _is_utf8(scope["raw_path"]):
        raise Problem(400, "malformed_request", "the path is not percent-encoded UTF-8")
    if header_bytes > _MAX_HEADER_BYTES:
        raise Problem(431, "headers_too_large", "the headers are larger than 32 KiB")


def _is_utf8(raw_path: bytes) -> bool:
    """Return whether a path is UTF-8. If not, different IDs in it would be read as one."""
    try:
        unquote_to_bytes(raw_path).decode()
    except UnicodeDecodeError:
        return False
    return True


def _is_open(path: str) -> bool:
    return path in _OPEN_PATHS or path.startswith(_OPEN_PREFIXES)


def _is_preflight(scope: ASGIScope) -> bool:
    return (
        scope["method"] == "OPTIONS"
        and header(scope["headers"], b"access-control-request-method") is not None
    )


def _query_key(query_string: bytes) -> bytes | None:
    """Return the ``key`` of a query as an Authorization header would have it."""
    # As text, because parse_qs decodes no escapes beyond ASCII in bytes.
    given = parse_qs(query_string.decode("latin-1")).get("key", [])
    return b"Bearer " + given[0].encode() if len(given) == 1 else None
