"""A box under test, as a child process: a command goes in; its address comes out once it is ready for visitors."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import httpx2

from appliance.clock import monotonic
from appliance.errors import ServerExited

_START_S = 180.0
_STOP_S = 20.0
_POLL_S = 0.02
_ADDRESS = re.compile(r"http://\S+")
_GAUGE = re.compile(r"^appliance_sessions_active (\S+)$", re.MULTILINE)


class Box:
    """Any program that prints its address when it is ready, issues tokens and counts its sessions like the daemon."""

    def __init__(self, name: str, arguments: Sequence[str], variables: Mapping[str, str]) -> None:
        """
        Args:
            name: for reports.
            arguments: what follows `python` in its command line.
            variables: its environment beside ours.
        """
        self.name = name
        self.url = ""
        self._arguments = arguments
        self._variables = variables
        self._log: IO[bytes] | None = None
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        """Start it and wait until it says where it is.

        Raises:
            ServerExited: it ended, or was not ready in time; with the end of its log.
        """
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - it is closed when the child has ended
        # The checkout or installation that runs us is the one that is measured, wherever we were called from.
        path = os.pathsep.join(filter(None, (str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", ""))))
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            *self._arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=self._log,
            env={**os.environ, "PYTHONPATH": path, **self._variables},
        )
        try:
            async with asyncio.timeout(_START_S):
                self.url = await self._address(self._process)
        except TimeoutError as error:
            raise ServerExited(f"{self.name} was not ready in {_START_S:.0f} s\n{self.log}") from error
        finally:
            if not self.url:
                await self._end()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end()

    @property
    def pid(self) -> int:
        """Its process id while it runs."""
        assert self._process is not None, "it is not running"
        return self._process.pid

    async def stop(self) -> int | None:
        """Ask it to stop, as an operator does, and return its exit status; None when it was stopped already."""
        process = self._process
        await self._end()
        return process.returncode if process is not None else None

    async def empty(self, timeout_s: float) -> float | None:
        """Seconds until it counts no session; None when it still did after `timeout_s`."""
        started_s = monotonic()
        async with httpx2.AsyncClient(trust_env=False, timeout=timeout_s) as client:
            while monotonic() - started_s < timeout_s:
                with contextlib.suppress(httpx2.HTTPError):
                    gauge = _GAUGE.search((await client.get(f"{self.url}metrics")).text)
                    if gauge is not None and float(gauge[1]) == 0:
                        return monotonic() - started_s
                await asyncio.sleep(_POLL_S)
        return None

    async def _address(self, process: asyncio.subprocess.Process) -> str:
        assert process.stdout is not None
        while line := await process.stdout.readline():
            address = _ADDRESS.search(line.decode(errors="replace"))
            if address is not None:
                return address[0].rstrip("/") + "/"
        status = await process.wait()
        raise ServerExited(f"{self.name} ended with status {status}\n{self.log}", hint="")

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            for sign in (signal.SIGTERM, signal.SIGKILL):
                if process.returncode is None:
                    process.send_signal(sign)
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(_STOP_S):
                            await process.wait()
        if self._log is not None:
            self._log.close()
            self._log = None

    @property
    def log(self) -> str:
        """The end of what it wrote to standard error, while it runs."""
        assert self._log is not None
        return os.pread(self._log.fileno(), 1 << 24, 0).decode(errors="replace")[-4000:]
