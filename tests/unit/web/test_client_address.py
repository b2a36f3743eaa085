import pytest

from web.client_address import ClientAddresses, parse_networks

BEHIND = ClientAddresses(parse_networks("10.0.0.0/8, 2001:db8:ffff::/48"))


def forwarded(*values: str) -> list[tuple[bytes, bytes]]:
    return [(b"host", b"x"), *((b"x-forwarded-for", value.encode()) for value in values)]


@pytest.mark.parametrize(
    ("peer", "values", "name"),
    [
        pytest.param("203.0.113.7", (), "203.0.113.7", id="no proxy"),
        pytest.param("203.0.113.7", ("192.0.2.1",), "203.0.113.7", id="an untrusted peer"),
        pytest.param("10.0.0.1", (), "10.0.0.1", id="a proxy without the header"),
        pytest.param("10.0.0.1", ("192.0.2.1",), "192.0.2.1", id="one proxy"),
        pytest.param("10.0.0.1", ("1.1.1.1, 192.0.2.1",), "192.0.2.1", id="a header of the client"),
        pytest.param("10.0.0.1", ("192.0.2.1, 10.9.9.9",), "192.0.2.1", id="two proxies"),
        pytest.param("10.0.0.1", ("192.0.2.1", "10.9.9.9"), "192.0.2.1", id="two headers"),
        pytest.param("10.0.0.1", ("10.1.1.1",), "10.1.1.1", id="nothing but proxies"),
        pytest.param("10.0.0.1", ("192.0.2.1, rubbish",), "10.0.0.1", id="an invalid hop"),
        pytest.param("10.0.0.1", ("9" * 9000,), "10.0.0.1", id="a long invalid hop"),
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
def test_client_is_the_nearest_untrusted_hop(peer: str, values: tuple[str, ...], name: str) -> None:
    assert BEHIND.name(peer, forwarded(*values)) == name


@pytest.mark.parametrize("text", ["10.0.0.1/8", "proxy.example", "10.0.0.0/33", "*"])
def test_malformed_networks_are_rejected(text: str) -> None:
    with pytest.raises(ValueError, match="such as"):
        parse_networks(text)


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("64:ff9b::192.0.2.1", "192.0.2.1"),
        ("64:ff9b::192.0.2.2", "192.0.2.2"),
        ("64:ff9b:1::192.0.2.1", "192.0.2.1"),
        ("64:ff9b:1:fffe::192.0.2.1", "192.0.2.1"),
        ("64:ff9b:1:c000:2:100::", "192.0.2.1"),
        ("::ffff:0:192.0.2.1", "192.0.2.1"),
        ("2002:c000:201::1", "192.0.2.1"),
        ("2002:c000:201:ffff::1", "192.0.2.1"),
        ("2001:0:102:304:0:ffff:3fff:fdfe", "192.0.2.1"),
        ("64:ff9a::192.0.2.1", "64:ff9a::/64"),
        ("64:ff9b:2::192.0.2.1", "64:ff9b:2::/64"),
        ("2003:c000:201::1", "2003:c000:201::/64"),
    ],
)
def test_client_is_grouped_by_its_ipv4_address_when_a_translator_embedded_it(
    address: str, name: str
) -> None:
    assert BEHIND.name(address, ()) == name
    assert BEHIND.name("10.0.0.1", forwarded(address)) == name


@pytest.mark.parametrize("address", ["2002:a00:1::1", "64:ff9b::10.0.0.1", "::ffff:0:10.0.0.1"])
def test_proxy_is_not_trusted_by_the_ipv4_address_in_an_ipv6_one(address: str) -> None:
    assert not BEHIND.trusts(address)
    assert BEHIND.name(address, forwarded("192.0.2.1")) == "10.0.0.1"
