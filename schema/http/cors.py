"""What pages of other origins may do: those of a few named origins, and never with cookies.

No answer says ``*`` here. A browser only keeps honest pages from reading; what a request may
do is for its key to say.
"""

from collections.abc import Iterable
from typing import Final

from schema.http.keys import KeyRing, Scope
from schema.http.problems import Problem

Header = tuple[bytes, bytes]
Headers = tuple[Header, ...]

ALLOW_ORIGIN: Final = b"access-control-allow-origin"
VARY_ORIGIN: Final = (b"vary", b"Origin")
_EXPOSED: Final = (
    b"access-control-expose-headers",
    # Date: the tracker corrects a reader's clock by it.
    (
        b"Data-As-Of, Date, ETag, RateLimit, RateLimit-Policy, Retry-After, X-Dropped-Reason,"
        b" X-Request-Id"
    ),
)
_ASKED: Final = b"authorization, content-type, content-encoding, if-none-match, last-event-id"
_METHODS: Final = {
    Scope.INGEST: b"GET, HEAD, POST",
    Scope.READ: b"GET, HEAD",
    Scope.ADMIN: b"GET, HEAD, POST, PUT, DELETE",
}
_NOT_ALLOWED: Final = (
    "pages of this origin may not ask: make a key with --origin for them, or set"
    " ENGAGE_CORS_ORIGINS"
)
_MAX_AGE_SECONDS: Final = 7200  # Chromium keeps a preflight no longer


class Cors:
    """Which pages may read answers.

    Args:
        scope: of the service, which tells its methods.
        listed: origins allowed by a setting.
        keys: those in force; the origins they are bound to are allowed too.
    """

    def __init__(self, scope: Scope, listed: frozenset[str], keys: KeyRing | None) -> None:
        self.listed = listed
        self._scope = scope
        self._keys = keys

    def headers(self, origin: str | None) -> Headers:
        """Return what an answer to this origin carries, so that caches keep answers apart."""
        if origin is not None and self._allows(origin):
            return ((ALLOW_ORIGIN, origin.encode("latin-1")), _EXPOSED, VARY_ORIGIN)
        if self.listed or (self._keys is not None and self._keys.has_origins):
            return (VARY_ORIGIN,)
        return ()

    def preflight(self, origin: str) -> Headers:
        """Return the headers of the 204 to a browser that asks before it sends.

        Raises:
            Problem: 403, the origin is not allowed.
        """
        if not self._allows(origin):
            raise Problem(403, "foreign_origin", _NOT_ALLOWED)
        return (
            (b"access-control-allow-methods", _METHODS[self._scope]),
            (b"access-control-allow-headers", _ASKED),
            (b"access-control-max-age", b"%d" % _MAX_AGE_SECONDS),
        )

    def _allows(self, origin: str) -> bool:
        if origin in self.listed:
            return True
        return self._keys is not None and origin in self._keys.origins(self._scope)


def with_headers(given: Iterable[Header], extra: Iterable[Header]) -> list[Header]:
    """Return an answer's headers with more of them; a route's own CORS headers stay as they are."""
    headers = list(given)
    has_own = any(name.lower() == ALLOW_ORIGIN for name, _ in headers)
    headers += (pair for pair in extra if not (has_own and pair[0].startswith(b"access-control-")))
    return headers
