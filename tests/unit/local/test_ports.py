"""Ports: a message for one that is in use, none for one that is free."""

import os
import socket

import pytest

from shared.local.errors import LocalServerError, PortInUse
from shared.local.ports import free_port, is_answering, require_free


def listening(host: str) -> socket.socket:
    listener = socket.create_server((host, 0))
    listener.listen()
    return listener


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_a_port_in_use_is_refused_with_the_setting_that_changes_it(host: str):
    with listening(host) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(PortInUse, match=rf"Port {port} .*choose another.*TESSERA_X_PORT=\d+"):
            require_free(port, "TESSERA_X_PORT")


def test_a_port_with_connections_that_are_winding_down_is_free():
    with listening("127.0.0.1") as listener:
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            server, _ = listener.accept()
            server.close()  # the side that closes first keeps the port in TIME_WAIT
            assert client.recv(1) == b""
    require_free(port, "TESSERA_X_PORT")


def test_a_free_port_answers_to_nobody_and_may_be_used():
    port = free_port()
    assert not is_answering(port)
    require_free(port, "TESSERA_X_PORT")
    with socket.create_server(("127.0.0.1", port)):
        assert is_answering(port)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may listen on any port")
def test_a_port_of_roots_is_refused_with_another_one():
    with pytest.raises(LocalServerError, match="TESSERA_X_PORT=8080"):
        require_free(80, "TESSERA_X_PORT")
