"""The address of a client, also behind trusted proxies."""

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

_MAX_TEXT: Final = 64
_SITE_BITS: Final = 64  # one IPv6 client has a whole /64

_LOW_32_BITS: Final = 0xFFFF_FFFF
_TRANSLATED: Final = (
    IPv6Network("64:ff9b::/96"),  # NAT64, RFC 6052
    IPv6Network("::ffff:0:0:0/96"),  # SIIT, RFC 2765
)
_LOCAL_TRANSLATED: Final = IPv6Network("64:ff9b:1::/48")  # NAT64, RFC 8215


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
        trusted: the proxies whose X-Forwarded-For is used.
    """

    def __init__(self, trusted: tuple[Network, ...]) -> None:
        self._trusted = trusted

    def name(self, peer: str, headers: Iterable[tuple[bytes, bytes]]) -> str:
        """Return the client's IPv4 address or IPv6 /64; *peer* itself if it is no address.

        An IPv6 address with an embedded IPv4 address (NAT64, 6to4, Teredo) counts as that one.

        X-Forwarded-For is read from its end, where the nearest proxy appended, to the first
        address that is not a trusted proxy: any client could have sent what precedes it.
        """
        address = _parse(peer)
        if address is None:
            return peer
        if self._trusted and self._is_trusted(address):
            address = self._behind(address, headers)
        return _group(address)

    def trusts(self, peer: str) -> bool:
        """Return whether this peer is a trusted proxy."""
        address = _parse(peer)
        return address is not None and self._is_trusted(address)

    def _behind(self, proxy: Address, headers: Iterable[tuple[bytes, bytes]]) -> Address:
        forwarded = b",".join(value for name, value in headers if name == b"x-forwarded-for")
        rest = forwarded.decode("latin-1")
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
    # Long texts must not fill the cache below.
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
    if isinstance(address, IPv6Address):
        address = _embedded(address) or address
    if isinstance(address, IPv4Address):
        return str(address)
    return str(IPv6Network((int(address) >> _SITE_BITS << _SITE_BITS, _SITE_BITS)))


def _embedded(address: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address of a client behind a translator or a tunnel.

    It only groups clients: anyone can embed an address, so it never makes a trusted proxy.
    """
    value = int(address)
    if any(address in network for network in _TRANSLATED):
        return IPv4Address(value & _LOW_32_BITS)
    if address in _LOCAL_TRANSLATED:
        # RFC 6052, section 2.2: a prefix of 96 bits, or one of 48 with an octet of zeros within.
        if value >> 32 & _LOW_32_BITS == 0:
            return IPv4Address(value & _LOW_32_BITS)
        return IPv4Address((value >> 64 & 0xFFFF) << 16 | value >> 40 & 0xFFFF)
    if address.sixtofour is not None:
        return address.sixtofour
    return address.teredo[1] if address.teredo is not None else None


def _without_port(hop: str) -> str:
    # Some proxies write 192.0.2.1:4711 and [2001:db8::1]:4711.
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop
