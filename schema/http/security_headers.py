"""What tells browsers to take no liberties; every answer of every port carries it."""

from typing import Final

SECURITY_HEADERS: Final = (
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    (
        "content-security-policy",
        "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    ("cross-origin-opener-policy", "same-origin"),
)
"""The server adds them, also to answers that never reach the application."""


def security_headers(hsts_seconds: int) -> list[tuple[str, str]]:
    """Return them, and with *hsts_seconds* the one that may only be sent behind TLS (RFC 6797)."""
    hsts = ("strict-transport-security", f"max-age={hsts_seconds}")
    return [*SECURITY_HEADERS, hsts] if hsts_seconds else list(SECURITY_HEADERS)
