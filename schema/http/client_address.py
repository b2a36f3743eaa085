"""Whose request it is, by address, also behind proxies that are trusted to say so."""

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

_MAX_TEXT: Final = 64
_SITE_BITS: Final = 64  # one IPv6 client has a whole /64 to itself


def parse_networks(text: str) -> tuple[Network, ...]:
    """Return the networks of a comma-separated list of addresses and CIDRs. Raises ValueError."""
    try:
        return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())
    except ValueError:
        raise ValueError(
            "a list of addresses or networks such as 10.0.0.0/8, 127.0.0.1; no host bits set"
        ) from None


class ClientAddresses:
    """Names clients by their address.

    Args:
        trusted: the proxies whose X-Forwarded-For is believed.
    """

    def __init__(self, trusted: tuple[Network, ...]) -> None:
        self._trusted = trusted

    def name(self, peer: str, headers: Iterable[tuple[bytes, bytes]]) -> str:
        """Return the client's address; an IPv6 one's /64; *peer* as it is if it is none.

        X-Forwarded-For is read from its end, where the nearest proxy wrote, up to the first
        address that is not a trusted proxy: what stands before it anybody can have written.
        """
        address = _parse(peer)
        if address is None:
            return peer
        if self._trusted and self._is_trusted(address):
            address = self._behind(address, headers)
        return _group(address)

    def trusts(self, peer: str) -> bool:
        """Tell whether what this peer says of a request is believed."""
        address = _parse(peer)
        return address is not None and self._is_trusted(address)

    def _behind(self, proxy: Address, headers: Iterable[tuple[bytes, bytes]]) -> Address:
        said = b",".join(value for name, value in headers if name == b"x-forwarded-for")
        rest = said.decode("latin-1")
        while rest and self._is_trusted(proxy):
            rest, _, hop = rest.rpartition(",")
            address = _parse(_without_port(hop.strip()))
            if address is None:
                break
            proxy = address
        return proxy

    def _is_trusted(self, address: Address) -> bool:
        return any(address in network for network in self._trusted)


def _parse(text: str) -> Address | None:
    # The cache below must not keep whatever a client sends.
    return _parse_short(text) if len(text) <= _MAX_TEXT else None


@lru_cache(maxsize=4096)
def _parse_short(text: str) -> Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


@lru_cache(maxsize=4096)
def _group(address: Address) -> str:
    if isinstance(address, IPv4Address):
        return str(address)
    return str(IPv6Network((int(address) >> _SITE_BITS << _SITE_BITS, _SITE_BITS)))


def _without_port(hop: str) -> str:
    """Some proxies write 192.0.2.1:4711 and [2001:db8::1]:4711."""
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop
