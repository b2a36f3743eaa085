import socket

from engage.embedded import ports


def test_a_free_wish_is_granted() -> None:
    port = ports.pick()

    assert ports.pick(port) == port


def test_a_taken_wish_gets_another() -> None:
    with socket.create_server((ports.LOOPBACK, 0)) as stranger:
        wish = stranger.getsockname()[1]

        assert not ports.is_free(wish)
        assert ports.pick(wish) != wish


def test_ports_given_away_are_avoided() -> None:
    port = ports.pick()

    assert ports.pick(port, avoid=[port]) != port
