"""Does this machine talk to itself? All media between the daemon and livekit-server goes that way."""

from __future__ import annotations

import socket

from appliance.config import Config
from appliance.doctor.finding import Finding, failed, ok

_TIMEOUT_S = 2.0


def check(_config: Config, host: str = "127.0.0.1") -> Finding:
    try:
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            _round_trip(kind, host)
    except OSError as error:
        return failed(f"no traffic over {host}: {error.strerror or error}", "bring it up: sudo ip link set lo up")
    return ok(f"TCP and UDP over {host}")


def _round_trip(kind: socket.SocketKind, host: str) -> None:
    with socket.socket(socket.AF_INET, kind) as server, socket.socket(socket.AF_INET, kind) as client:
        server.settimeout(_TIMEOUT_S)
        client.settimeout(_TIMEOUT_S)
        server.bind((host, 0))
        if kind == socket.SOCK_STREAM:
            server.listen(1)
        client.connect(server.getsockname())
        client.send(b"ping")
        if kind == socket.SOCK_STREAM:
            accepted, _ = server.accept()
            with accepted:
                accepted.settimeout(_TIMEOUT_S)
                accepted.recv(4)
        else:
            server.recv(4)
