import socket

from engage.embedded import ports


def test_preferred_port_is_picked_unless_it_is_taken_or_to_be_avoided() -> None:
    port = ports.pick()
    assert ports.pick(port) == port
    assert ports.pick(port, avoid=[port]) != port

    with socket.create_server((ports.LOOPBACK, port)):
        assert not ports.is_free(port)
        assert ports.pick(port) != port
