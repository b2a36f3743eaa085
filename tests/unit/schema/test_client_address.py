import pytest

from schema.http.client_address import ClientAddresses, parse_networks

BEHIND = ClientAddresses(parse_networks("10.0.0.0/8, 2001:db8:ffff::/48"))


def forwarded(*values: str) -> list[tuple[bytes, bytes]]:
    return [(b"host", b"x"), *((b"x-forwarded-for", value.encode()) for value in values)]


@pytest.mark.parametrize(
    ("peer", "values", "name"),
    [
        pytest.param("203.0.113.7", (), "203.0.113.7", id="no proxy"),
        pytest.param("203.0.113.7", ("192.0.2.1",), "203.0.113.7", id="a stranger is not believed"),
        pytest.param("10.0.0.1", (), "10.0.0.1", id="a proxy that says nothing"),
        pytest.param("10.0.0.1", ("192.0.2.1",), "192.0.2.1", id="one proxy"),
        pytest.param("10.0.0.1", ("1.1.1.1, 192.0.2.1",), "192.0.2.1", id="the client wrote too"),
        pytest.param("10.0.0.1", ("192.0.2.1, 10.9.9.9",), "192.0.2.1", id="two proxies"),
        pytest.param("10.0.0.1", ("192.0.2.1", "10.9.9.9"), "192.0.2.1", id="two headers"),
        pytest.param("10.0.0.1", ("10.1.1.1",), "10.1.1.1", id="nothing but proxies"),
        pytest.param("10.0.0.1", ("192.0.2.1, rubbish",), "10.0.0.1", id="rubbish ends the walk"),
        pytest.param("10.0.0.1", ("9" * 9000,), "10.0.0.1", id="long rubbish"),
        pytest.param("10.0.0.1", (",",), "10.0.0.1", id="empty hops"),
        pytest.param("10.0.0.1", ("192.0.2.1:4711",), "192.0.2.1", id="a port"),
        pytest.param("10.0.0.1", ("[2001:db8::1]:4711",), "2001:db8::/64", id="IPv6 with a port"),
        pytest.param("2001:db8:ffff::1", ("192.0.2.1",), "192.0.2.1", id="an IPv6 proxy"),
        pytest.param("::ffff:10.0.0.1", ("192.0.2.1",), "192.0.2.1", id="a mapped proxy"),
        pytest.param("2001:db8:1:2:3:4:5:6", (), "2001:db8:1:2::/64", id="IPv6 by its /64"),
        pytest.param("::ffff:192.0.2.1", (), "192.0.2.1", id="mapped IPv4"),
        pytest.param("a socket", ("192.0.2.1",), "a socket", id="no address"),
    ],
)
def test_the_client_is_who_the_nearest_untrusted_hop_is(
    peer: str, values: tuple[str, ...], name: str
) -> None:
    assert BEHIND.name(peer, forwarded(*values)) == name


@pytest.mark.parametrize("text", ["10.0.0.1/8", "proxy.example", "10.0.0.0/33", "*"])
def test_proxies_are_addresses_or_networks(text: str) -> None:
    with pytest.raises(ValueError, match="such as"):
        parse_networks(text)
