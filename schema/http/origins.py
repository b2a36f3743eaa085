"""Origins of web pages, as browsers write them: scheme://host[:port]."""

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address
from typing import Final

_SHAPE: Final = re.compile(
    r"(?P<scheme>https?)://(?P<host>[a-z0-9]([a-z0-9_.-]*[a-z0-9])?|\[[0-9a-f:.]+\])"
    r"(:(?P<port>[0-9]{1,5}))?",
    re.ASCII,
)
_USUAL_PORTS: Final = {"http": 80, "https": 443}
_RULE: Final = (
    "an origin is http:// or https://, a host and perhaps a port, without a path,"
    " such as https://www.example.com (a host in other letters in its xn-- form)"
)


def parse_origin(text: str) -> str:
    """Return an origin as a browser's Origin header has it: lower case, no usual port.

    Raises:
        ValueError: it is none; ``*`` and ``null`` are none either.
    """
    found = _SHAPE.fullmatch(text.strip().lower())
    if found is None:
        raise ValueError(_RULE)
    scheme, host = found["scheme"], _parse_host(found["host"])
    if found["port"] is None:
        return f"{scheme}://{host}"
    port = int(found["port"])
    if not 0 < port < 65536:
        raise ValueError("a port is a number from 1 to 65535")
    return f"{scheme}://{host}" + (f":{port}" if port != _USUAL_PORTS[scheme] else "")


def parse_origins(texts: Iterable[str]) -> tuple[str, ...]:
    """Return origins in order, each once. Raises ValueError."""
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
