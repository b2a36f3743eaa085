"""Origins of web pages: how they are written, which may read responses, and which may connect.

Responses never allow ``*`` or cookies. CORS only restricts honest browsers; API keys decide what
a request may do.
"""

import re
from collections.abc import Collection, Iterable
from ipaddress import IPv4Address, IPv6Address
from typing import Final
from urllib.parse import urlsplit

from web.asgi import Header, header
from web.auth import KeyRing, Scope
from web.problems import Problem

LOOPBACK_HOSTS: Final = frozenset({"127.0.0.1", "::1", "localhost"})

_ORIGIN: Final = re.compile(
    r"(?P<scheme>https?)://(?P<host>[a-z0-9]([a-z0-9_.-]*[a-z0-9])?|\[[0-9a-f:.]+\])"
    r"(:(?P<port>[0-9]{1,5}))?",
    re.ASCII,
)
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_RULE: Final = (
    "an origin is http:// or https://, a host and an optional port, without a path, such as"
    " https://www.example.com; write an internationalised host in its xn-- form"
)
_ALLOW_ORIGIN: Final = b"access-control-allow-origin"
_VARY_ORIGIN: Final = (b"vary", b"Origin")
_EXPOSED: Final = (
    b"access-control-expose-headers",
    # Age, Date: the tracker corrects a client's clock with them.
    (
        b"Age, Data-As-Of, Date, ETag, RateLimit, RateLimit-Policy, Retry-After, X-Filtered-Reason,"
        b" X-Request-Id"
    ),
)
_ALLOWED_HEADERS: Final = (
    b"authorization, content-type, content-encoding, if-none-match, last-event-id"
)
_ALLOWED_METHODS: Final = {
    Scope.INGEST: b"GET, HEAD, POST",
    Scope.READ: b"GET, HEAD",
    Scope.ADMIN: b"GET, HEAD, POST, PUT, DELETE",
}
_MAX_AGE_SECONDS: Final = 7200  # Chromium's maximum


def parse_origin(text: str) -> str:
    """Return an origin as browsers send it: in lower case, without the default port.

    Raises:
        ValueError: it is no origin; neither are ``*`` and ``null``.
    """
    found = _ORIGIN.fullmatch(text.strip().lower())
    if found is None:
        raise ValueError(_RULE)
    scheme, host = found["scheme"], _parse_host(found["host"])
    if found["port"] is None:
        return f"{scheme}://{host}"
    port = int(found["port"])
    if not 0 < port < 65536:
        raise ValueError("a port is a number from 1 to 65535")
    return f"{scheme}://{host}" + (f":{port}" if port != _DEFAULT_PORTS[scheme] else "")


def parse_origins(texts: Iterable[str]) -> tuple[str, ...]:
    """Return origins in order, without duplicates. Raises ValueError."""
    return tuple(dict.fromkeys(map(parse_origin, texts)))


def _parse_host(host: str) -> str:
    try:
        if host.startswith("["):
            return f"[{IPv6Address(host[1:-1]).compressed}]"
        if host.rpartition(".")[2].isdigit():
            return str(IPv4Address(host))
    except ValueError:
        raise ValueError(_RULE) from None
    if ".." in host:
        raise ValueError(_RULE)
    return host


class Cors:
    """The pages that may read responses: those of listed origins and of origins bound to keys.

    Args:
        scope: of the service's keys; it implies the methods.
        listed: origins allowed by the setting.
        keys: the valid keys, or None.
    """

    def __init__(self, scope: Scope, listed: frozenset[str], keys: KeyRing | None) -> None:
        self.listed = listed
        self._scope = scope
        self._keys = keys

    def headers(self, origin: str | None) -> tuple[Header, ...]:
        """Return the CORS headers of any response to this origin."""
        if origin is not None and self._allows(origin):
            return ((_ALLOW_ORIGIN, origin.encode("latin-1")), _EXPOSED, _VARY_ORIGIN)
        if self.listed or (self._keys is not None and self._keys.has_origins):
            return (_VARY_ORIGIN,)
        return ()

    def preflight_headers(self, origin: str) -> tuple[Header, ...]:
        """Return the additional headers of a response to a preflight request.

        Raises:
            Problem: 403, the origin is not allowed.
        """
        if not self._allows(origin):
            raise Problem(
                403,
                "foreign_origin",
                "this origin is not allowed: create a key with --origin for its pages, or add it"
                " to ENGAGE_CORS_ORIGINS",
            )
        return (
            (b"access-control-allow-methods", _ALLOWED_METHODS[self._scope]),
            (b"access-control-allow-headers", _ALLOWED_HEADERS),
            (b"access-control-max-age", b"%d" % _MAX_AGE_SECONDS),
        )

    def _allows(self, origin: str) -> bool:
        if origin in self.listed:
            return True
        return self._keys is not None and origin in self._keys.origins(self._scope)


def with_headers(given: Iterable[Header], extra: Iterable[Header]) -> list[Header]:
    """Add headers to those of a response; a route's own CORS headers have precedence."""
    headers = list(given)
    for name, _ in headers:
        if name == _ALLOW_ORIGIN:
            extra = [pair for pair in extra if not pair[0].startswith(b"access-control-")]
            break
    headers += extra
    return headers


def require_local_client(
    headers: Iterable[Header], listed_origins: frozenset[str], *, is_open: bool
) -> None:
    """Reject requests that a web page of another site could have sent to a service without keys.

    Args:
        headers: of the request.
        listed_origins: origins whose pages may send requests.
        is_open: whether the path changes nothing and returns no data, so that links to it work.

    Raises:
        Problem: the Host is not a loopback name, or the request comes from another site.
    """
    host = (header(headers, b"host") or b"").decode("latin-1")
    if not _is_loopback(host):
        raise Problem(
            400,
            "foreign_host",
            "host not allowed: without API keys, only loopback host names are served",
        )
    allowed = {*listed_origins, f"http://{host}"}
    origin = header(headers, b"origin")
    is_foreign = origin is not None and origin.decode("latin-1") not in allowed
    if is_foreign or (origin is None and not is_open and _is_cross_site(headers, allowed)):
        raise Problem(
            403,
            "foreign_origin",
            "origin not allowed: without API keys, only pages of this service may send requests",
        )


def _is_loopback(host: str) -> bool:
    try:
        return urlsplit(f"//{host}").hostname in LOOPBACK_HOSTS
    except ValueError:
        return False


def _is_cross_site(headers: Iterable[Header], allowed: Collection[str]) -> bool:
    """Return whether a request without Origin, such as for an image, comes from another site."""
    site = header(headers, b"sec-fetch-site")
    if site in (b"same-origin", b"none"):
        return False
    referer = header(headers, b"referer")
    if referer is None:
        return site is not None
    scheme, _, rest = referer.decode("latin-1").partition("://")
    return f"{scheme}://{rest.partition('/')[0]}" not in allowed
