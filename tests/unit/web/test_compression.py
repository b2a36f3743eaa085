"""Clients that accept compressed responses."""

import pytest

from web.compression import accepts_gzip


@pytest.mark.parametrize(
    ("accepted", "expected"),
    [
        ("gzip", True),
        ("gzip, deflate, br, zstd", True),
        ("br;q=1.0, GZIP;q=0.8", True),
        ("deflate,x-gzip", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000", False),
        ("gzip;q=many", False),
        ("identity", False),
        ("gzippy", False),
        ("", False),
    ],
)
def test_gzip_is_accepted_when_it_is_named_with_a_quality(accepted: str, expected: bool) -> None:
    assert accepts_gzip(accepted) is expected
