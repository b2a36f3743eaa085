import pytest

from web.cors import parse_origin, parse_origins


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://www.example.com", "https://www.example.com"),
        ("HTTPS://WWW.Example.COM:443", "https://www.example.com"),
        ("http://a.example:80", "http://a.example"),
        ("http://a.example:443", "http://a.example:443"),
        (" http://localhost:8080 ", "http://localhost:8080"),
        ("http://192.0.2.1:81", "http://192.0.2.1:81"),
        ("http://[2001:DB8:0::1]:81", "http://[2001:db8::1]:81"),
        ("https://xn--mnchen-3ya.example", "https://xn--mnchen-3ya.example"),
    ],
)
def test_origin_is_normalised_as_browsers_send_it(text: str, origin: str) -> None:
    assert parse_origin(text) == origin


@pytest.mark.parametrize(
    "text",
    [
        "", "*", "null", "example.com", "https://", "https://*.example.com", "ftp://a.example",
        "https://a.example/", "https://a.example/x", "https://a.example?x", "https://a.example#x",
        "https://u:p@a.example", "https://a..example", "https://-a.example", "https://münchen.de",
        "http://999.1.1.1", "http://[::g]", "http://[::1", "http://a.example:0",
        "http://a.example:65536", "http://a.example:", "https://a.example,https://b.example",
        "https://a.example\r\nx: y",
    ],
)  # fmt: skip
def test_malformed_origin_is_rejected(text: str) -> None:
    with pytest.raises(ValueError, match=r"an origin is|a port is"):
        parse_origin(text)


def test_duplicate_origins_are_removed() -> None:
    assert parse_origins(["https://b.example", "https://a.example", "https://B.example:443"]) == (
        "https://b.example",
        "https://a.example",
    )
