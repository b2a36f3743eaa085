"""How often a key and a client address may ask a service, and the headers that say so."""

from collections.abc import MutableMapping
from typing import Any, Final

from prometheus_client import Counter

from schema.http.client_address import ClientAddresses, parse_networks
from schema.http.problems import Problem
from schema.http.rate_limit import Limiter, Verdict, policy, state
from schema.http.settings import HttpSettings

ExtraHeaders = list[tuple[bytes, bytes]]

RATE_LIMITED: Final = Counter(
    "engage_rate_limited_total", "Requests refused with 429, by whose limit it was.", ["who"]
)
_POLICY: Final = b"ratelimit-policy"
_STATE: Final = b"ratelimit"


class Throttle:
    """Counts the requests of one process.

    Args:
        settings: the rate of client addresses, and the proxies that tell them; None: no rate.
        limiter: where it counts.
    """

    def __init__(self, settings: HttpSettings | None, limiter: Limiter | None = None) -> None:
        self._client_rate = settings.client_rate_per_second if settings else 0.0
        self.counts_clients = self._client_rate > 0
        self._addresses = ClientAddresses(
            parse_networks(settings.trusted_proxies) if settings else ()
        )
        # Two, so that many addresses cannot push out a key.
        self._keys = limiter or Limiter()
        self._clients = limiter or Limiter()

    def trusts_peer(self, scope: MutableMapping[str, Any]) -> bool:
        """Tell whether a request comes by a proxy that is believed."""
        return self._addresses.trusts(_peer(scope))

    def client(self, scope: MutableMapping[str, Any], extra: ExtraHeaders) -> None:
        """Count a request of its client's address. Raises Problem 429."""
        name = self._addresses.name(_peer(scope), scope["headers"])
        verdict = self._clients.take(name, self._client_rate)
        _tell("client", self._client_rate, verdict, extra)

    def key(self, key_id: str, rate_per_second: float, extra: ExtraHeaders) -> None:
        """Count a request of a key. Raises Problem 429."""
        verdict = self._keys.take(key_id, rate_per_second)
        _tell("key", rate_per_second, verdict, extra)


def _peer(scope: MutableMapping[str, Any]) -> str:
    """Return who is connected; without an address, on a Unix socket, all are one."""
    return scope["client"][0] if scope.get("client") else ""


def _tell(name: str, rate_per_second: float, verdict: Verdict, extra: ExtraHeaders) -> None:
    extra.append((_POLICY, policy(name, rate_per_second).encode()))
    extra.append((_STATE, state(name, verdict).encode()))
    if not verdict.is_allowed:
        RATE_LIMITED.labels(name).inc()
        raise Problem(
            429,
            "rate_limited",
            f"too many requests of this {name}; RateLimit-Policy tells how many may come",
            headers={"Retry-After": str(verdict.more_in_seconds)},
        )
