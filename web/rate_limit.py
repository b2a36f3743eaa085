"""Rate limits of API keys and client addresses, as token buckets in the memory of one process.

A bucket holds the requests of two seconds and fills at the rate. Several workers behind one
socket each allow the rate. docs/decisions/0018-rate-limits.md has the reasons against a
library.
"""

import math
import re
import time
from collections import OrderedDict
from collections.abc import Callable, MutableMapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

from prometheus_client import Counter

from web.asgi import Header
from web.client_address import ClientAddresses, Network
from web.problems import Problem

_BURST_SECONDS: Final = 2.0
_MAX_BUCKETS: Final = 65_536
_RATE: Final = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)(?:/s)?", re.ASCII)
MIN_RATE_PER_SECOND: Final = 0.01
MAX_RATE_PER_SECOND: Final = 100_000.0

RATE_LIMITED: Final = Counter(
    "engage_rate_limited_total", "Requests rejected with 429, by the kind of limit.", ["limit"]
)


def parse_rate(text: str) -> float:
    """Return the requests per second of a text such as ``50/s`` or ``0.5/s``.

    Raises:
        ValueError: the text is malformed or the rate is out of bounds.
    """
    found = _RATE.fullmatch(text.strip())
    rate = float(found[1]) if found else 0.0
    if not MIN_RATE_PER_SECOND <= rate <= MAX_RATE_PER_SECOND:
        raise ValueError(
            "a rate is a number of requests per second such as 50/s,"
            f" from {MIN_RATE_PER_SECOND:g}/s to {MAX_RATE_PER_SECOND:.0f}/s"
        )
    return rate


def bucket_size(rate_per_second: float) -> int:
    """Return how many requests a full bucket holds; at least one."""
    return math.ceil(_BURST_SECONDS * rate_per_second)


class Decision(NamedTuple):
    """Whether one request is within its limit.

    Attributes:
        remaining: whole requests left in the bucket.
        next_in_seconds: time until there is one more, rounded up.
    """

    is_allowed: bool
    remaining: int
    next_in_seconds: int


class TokenBuckets:
    """One bucket per name and rate. The least recently used ones are dropped at the maximum.

    A dropped bucket would be full again by then, unless more names than the maximum send
    requests within two seconds.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, max_buckets: int = _MAX_BUCKETS
    ) -> None:
        self._clock = clock
        self._max_buckets = max_buckets
        # Tokens left, and the time at which they were counted.
        self._buckets: OrderedDict[tuple[str, float], tuple[float, float]] = OrderedDict()

    def take(self, name: str, rate_per_second: float) -> Decision:
        """Count one request of *name*. A changed rate starts with a full bucket."""
        now = self._clock()
        size = bucket_size(rate_per_second)
        tokens, updated_at = self._buckets.pop((name, rate_per_second), (size, now))
        # The margin covers rounding errors: a client that waited for Retry-After is admitted.
        tokens = min(tokens + (now - updated_at) * rate_per_second + 1e-9, size)
        is_allowed = tokens >= 1.0
        if is_allowed:
            tokens -= 1.0
        self._buckets[name, rate_per_second] = tokens, now
        if len(self._buckets) > self._max_buckets:
            self._buckets.popitem(last=False)
        remaining = int(tokens)
        missing = remaining + 1 - tokens
        return Decision(is_allowed, remaining, math.ceil(missing / rate_per_second))


class RateLimits:
    """The limits of one process.

    Args:
        client_rate_per_second: of each client address. 0: unlimited.
        trusted_proxies: proxies whose X-Forwarded-For names the client.
    """

    def __init__(self, client_rate_per_second: float, trusted_proxies: tuple[Network, ...]) -> None:
        self._client_rate = client_rate_per_second
        self.limits_clients = client_rate_per_second > 0
        self._addresses = ClientAddresses(trusted_proxies)
        # Separate, so that many addresses cannot displace keys.
        self._keys = TokenBuckets()
        self._clients = TokenBuckets()

    def trusts_peer(self, scope: MutableMapping[str, Any]) -> bool:
        """Return whether a request comes from a trusted proxy."""
        return self._addresses.trusts(_peer(scope))

    def check_client(self, scope: MutableMapping[str, Any], headers: list[Header]) -> None:
        """Count a request of its client address.

        Args:
            scope: of the request.
            headers: receives the RateLimit headers of the response.

        Raises:
            Problem: 429.
        """
        name = self._addresses.name(_peer(scope), scope["headers"])
        _apply("client", self._client_rate, self._clients.take(name, self._client_rate), headers)

    def check_key(self, key_id: str, rate_per_second: float, headers: list[Header]) -> None:
        """Count a request of a key. Raises Problem 429."""
        _apply("key", rate_per_second, self._keys.take(key_id, rate_per_second), headers)


def _peer(scope: MutableMapping[str, Any]) -> str:
    """Return the address of the connection. On a Unix socket, all clients are one."""
    return scope["client"][0] if scope.get("client") else ""


def _apply(kind: str, rate_per_second: float, decision: Decision, headers: list[Header]) -> None:
    headers.append((b"ratelimit-policy", policy(kind, rate_per_second)))
    headers.append((b"ratelimit", state(kind, decision)))
    if not decision.is_allowed:
        RATE_LIMITED.labels(kind).inc()
        raise Problem(
            429,
            "rate_limited",
            f"too many requests of this {kind}; the RateLimit-Policy header has the limit",
            headers={"Retry-After": str(decision.next_in_seconds)},
        )


@lru_cache(maxsize=1024)
def policy(kind: str, rate_per_second: float) -> bytes:
    """Return a RateLimit-Policy item; its window is the time in which an empty bucket fills."""
    quota = bucket_size(rate_per_second)
    return f'"{kind}";q={quota};w={math.ceil(quota / rate_per_second)}'.encode()


def state(kind: str, decision: Decision) -> bytes:
    """Return a RateLimit item."""
    return f'"{kind}";r={decision.remaining};t={decision.next_in_seconds}'.encode()
