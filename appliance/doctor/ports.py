"""Are the ports free that the box will listen on, or held by the box itself?"""

from __future__ import annotations

import errno
import http.client
import socket

from appliance.config import Config, ServerConfig
from appliance.doctor.finding import Finding, failed, ok

_TIMEOUT_S = 2.0


def check(config: Config) -> Finding:
    if _is_the_box(config.server):
        return ok(f"the box is running on port {config.server.port}")
    wanted = (
        ("server.port", config.server.host, config.server.port, socket.SOCK_STREAM),
        ("sfu.port", config.sfu.host, config.sfu.port, socket.SOCK_STREAM),
        ("sfu.tcp_port", config.sfu.host, config.sfu.tcp_port, socket.SOCK_STREAM),
        ("sfu.udp_port", config.sfu.host, config.sfu.udp_port, socket.SOCK_DGRAM),
    )
    problems = [(key, problem) for key, host, port, kind in wanted if (problem := _problem(host, port, kind))]
    if not problems:
        return ok("free: " + ", ".join(str(port) for _, _, port, _ in wanted))
    keys = ", ".join(key for key, _ in problems)
    return failed(
        "; ".join(problem for _, problem in problems), f"end what holds it, or set {keys} (0 takes a free one)"
    )


def _is_the_box(server: ServerConfig) -> bool:
    if server.port == 0:
        return False
    connection = http.client.HTTPConnection(server.host, server.port, timeout=_TIMEOUT_S)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        return "application/json" in answer.headers.get("content-type", "") and answer.status in (200, 503)
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _problem(host: str, port: int, kind: socket.SocketKind) -> str:
    """Why a port cannot be bound; empty if it can."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=kind)[0]
        with socket.socket(family, kind) as probe:
            if kind == socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        name = "UDP" if kind == socket.SOCK_DGRAM else "TCP"
        reason = (
            "is taken" if error.errno == errno.EADDRINUSE else f"cannot be bound on {host}: {error.strerror or error}"
        )
        return f"{name} port {port} {reason}"
    return ""
