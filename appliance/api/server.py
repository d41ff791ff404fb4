"""The HTTP server in the daemon's own loop: an application and an address go in; it answers until it is stopped."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Generator

import uvicorn
from starlette.types import ASGIApp

from appliance.config import ServerConfig
from appliance.errors import ConfigurationError

_GOODBYE_S = 1
_IDLE_S = 5


class _Server(uvicorn.Server):
    """Leaves signals alone: stopping is the command line's business."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


class HttpServer:
    """Serves one application; used from one event loop."""

    def __init__(self, app: ASGIApp, config: ServerConfig) -> None:
        self._config = config
        self._port = config.port
        self._server = _Server(
            uvicorn.Config(
                app,
                log_config=None,  # uvicorn's records go through our one pipeline
                access_log=False,
                server_header=False,
                lifespan="off",
                ws="none",
                proxy_headers=False,
                timeout_keep_alive=_IDLE_S,
                timeout_graceful_shutdown=_GOODBYE_S,
            )
        )
        self._task: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Address of the page, as a browser on this machine reaches it."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self._config.host, self._config.host)
        return f"http://{f'[{host}]' if ':' in host else host}:{self._port}/"

    async def start(self) -> None:
        """Bind and begin to answer.

        Raises:
            ConfigurationError: code port-taken.
        """
        listener = self._listener()
        self._port = int(listener.getsockname()[1])
        self._task = asyncio.create_task(self._server.serve(sockets=[listener]), name="http")

    async def stop(self) -> None:
        """Finish the answers that are being given, for at most a second, and stop."""
        if self._task is None:
            return
        self._server.should_exit = True
        await asyncio.gather(self._task, return_exceptions=True)

    def _listener(self) -> socket.socket:
        host, port = self._config.host, self._config.port
        listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen(128)
        except OSError as error:
            listener.close()
            raise ConfigurationError(
                f"port {port} (server.port) on {host} cannot be used: {error.strerror}",
                code="port-taken",
                hint="stop the program that uses it, or choose another with --port, or 0 for a free one",
            ) from error
        listener.setblocking(False)
        return listener
