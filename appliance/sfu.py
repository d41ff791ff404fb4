"""livekit-server as a supervised child: its settings go in; an address, a key and a secret that keep working come out.

It is started with a configuration of ours, probed until it answers, started again whenever it dies (same ports, key
and secret, so that clients reconnect by themselves) and stopped in bounded time. If we are killed, the kernel kills it.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import json
import logging
import os
import re
import secrets
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from appliance.clock import Clock, monotonic
from appliance.config import SfuConfig
from appliance.errors import ConfigurationError, ServerExited
from appliance.metrics import sfu_restarts

logger = logging.getLogger(__name__)

VERSION = "1.13.5"
_BINARY = "livekit-server"

# Runs in the child before it becomes livekit-server: PR_SET_PDEATHSIG (1) kills it when we die, however we die. Not a
# preexec_fn, because Python code between fork and exec is unsafe in a process with as many threads as ours.
_TRAMPOLINE = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL)
if os.getppid() == int(sys.argv[1]):
    os.execv(sys.argv[2], sys.argv[2:])
"""

_PROBE_EVERY_S = 0.05
_BACKOFF_FIRST_S = 0.1
_BACKOFF_MAX_S = 10.0
_STEADY_S = 60.0  # a server that lived this long was healthy: the next restart is quick again
_LOG_LINE_BYTES = 1 << 20
# Its warnings tell of every browser that left, which no operator acts on; only its errors are for them.
_QUIET = ("debug", "info", "warn")


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports in force, after free ones were picked."""

    signalling: int
    """TCP port of HTTP and WebSocket."""
    media_tcp: int
    """TCP port of media where UDP is blocked; 0 on loopback, where it never is."""
    media_udp: int
    """UDP port of all media."""


class Sfu:
    """One livekit-server and its supervisor; used from one event loop."""

    def __init__(
        self, config: SfuConfig, *, on_exit: Callable[[], None] | None = None, clock: Clock = monotonic
    ) -> None:
        """
        Args:
            on_exit: called in the loop each time the server died; rooms and connections of it are gone then.
        """
        self.key = "API" + secrets.token_hex(6)
        self.secret = secrets.token_urlsafe(32)
        self.ports = Ports(config.port, config.tcp_port, config.udp_port)
        self.running = False
        self.restarts = 0
        self._config = config
        self._host = "127.0.0.1" if config.host == "localhost" else config.host
        self._on_exit = on_exit
        self._clock = clock
        self._binary = Path()
        self._runtime: Path | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._pump: asyncio.Task[None] | None = None
        self._supervisor: asyncio.Task[None] | None = None
        self._last_error = ""

    @property
    def url(self) -> str:
        """The address that clients connect to."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"ws://{host}:{self.ports.signalling}"

    @property
    def pid(self) -> int | None:
        """Process id of the server that runs now."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    async def start(self, timeout_s: float = 15.0) -> None:
        """Start the server and wait until it answers.

        Raises:
            ConfigurationError: codes not-found (no livekit-server), port-taken, wrong-type (host is no address).
            ServerExited: it ended, or did not answer within `timeout_s`.
        """
        self._binary = await find_binary(self._config.binary)
        self.ports = pick_ports(self._config, self._host)
        try:
            await self._launch(timeout_s)
        except BaseException:
            self._remove_runtime()
            raise
        self._supervisor = asyncio.create_task(self._supervise(timeout_s), name="sfu-supervisor")

    async def stop(self, timeout_s: float = 2.5) -> None:
        """Stop the server: it waits for all participants on the first SIGTERM, not on the second; SIGKILL ends it."""
        if self._supervisor is not None:
            self._supervisor.cancel()
            await asyncio.gather(self._supervisor, return_exceptions=True)
            self._supervisor = None
        self.running = False
        await self._end(timeout_s)
        self._remove_runtime()

    async def _launch(self, timeout_s: float) -> None:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", "-c", _TRAMPOLINE, str(os.getpid())),
            *(str(self._binary), "--config", str(self._write_config())),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            limit=_LOG_LINE_BYTES,
            # Nothing of ours: it reads LIVEKIT_CONFIG and LIVEKIT_KEYS, and secrets have no place in an environment.
            env={"PATH": os.defpath},
            process_group=0,  # Ctrl-C in a terminal is for us: sessions say goodbye while the server still runs
        )
        assert process.stderr is not None
        self._process = process
        self._last_error = ""
        self._pump = asyncio.create_task(self._read_log(process.stderr), name="sfu-log")
        try:
            async with asyncio.timeout(timeout_s):
                await self._probe(process)
        except TimeoutError as error:
            await self._end(0.5)
            raise ServerExited(f"livekit-server did not answer within {timeout_s:.0f} s", code="not-ready") from error
        except BaseException:
            await self._end(0.5)
            raise
        self.running = True
        logger.info("livekit-server ready", extra={"pid": process.pid, "port": self.ports.signalling})

    async def _probe(self, process: asyncio.subprocess.Process) -> None:
        while not await _answers(self._host, self.ports.signalling):
            if process.returncode is not None:
                assert self._pump is not None
                await self._pump
                raise ServerExited(f"livekit-server ended with status {process.returncode}: {self._last_error}")
            await asyncio.sleep(_PROBE_EVERY_S)

    async def _supervise(self, timeout_s: float) -> None:
        pause_s = _BACKOFF_FIRST_S
        while True:
            started_s = self._clock()
            if self._process is not None:
                status = await self._process.wait()
                self.running = False
                logger.error("livekit-server died", extra={"status": status, "pause_s": pause_s})
                if self._on_exit is not None:
                    self._on_exit()
                await self._end(0.5)
            if self._clock() - started_s > _STEADY_S:
                pause_s = _BACKOFF_FIRST_S
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, _BACKOFF_MAX_S)
            self.restarts += 1
            sfu_restarts.inc()
            try:
                await self._launch(timeout_s)
            except (ServerExited, OSError) as error:
                logger.error("livekit-server could not be started again", extra={"error": str(error)})

    async def _end(self, timeout_s: float) -> None:
        process, self._process = self._process, None
        if process is not None:
            share = timeout_s / 4
            for sign, patience_s in ((signal.SIGTERM, share), (signal.SIGTERM, 3 * share), (signal.SIGKILL, None)):
                if process.returncode is not None:
                    break
                with contextlib.suppress(ProcessLookupError):
                    process.send_signal(sign)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(patience_s):
                        await process.wait()
        if self._pump is not None:
            await asyncio.gather(self._pump, return_exceptions=True)
            self._pump = None

    async def _read_log(self, stream: asyncio.StreamReader) -> None:
        while True:
            try:
                line = await stream.readline()
            except ValueError:  # a line above the limit: dropped
                continue
            if not line:
                return
            self._log(line.decode(errors="replace").strip())

    def _log(self, line: str) -> None:
        """Pass on what an operator can act on; who is in which room stays out of it."""
        try:
            record = json.loads(line)
            level, message, error = record.get("level", ""), record.get("msg", ""), record.get("error", "")
        except (json.JSONDecodeError, AttributeError):
            level, message, error = "error", line, ""
        if level not in _QUIET:
            self._last_error = f"{message} {error}".strip() or self._last_error
        extra = {"event_of_server": str(message)[:300], "error": str(error)[:300]}
        logger.log(logging.DEBUG if level in _QUIET else logging.WARNING, "livekit-server says", extra=extra)

    def _write_config(self) -> Path:
        if self._runtime is None:
            given = os.environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]
            self._runtime = Path(tempfile.mkdtemp(prefix="sfu-", dir=given or None))
        path = self._runtime / "livekit.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps(server_config(self._host, self.ports, {self.key: self.secret})), encoding="utf-8")
        return path

    def _remove_runtime(self) -> None:
        if self._runtime is not None:
            shutil.rmtree(self._runtime, ignore_errors=True)
            self._runtime = None


def server_config(host: str, ports: Ports, keys: Mapping[str, str]) -> dict[str, object]:
    """What livekit-server is told; JSON is YAML, which it reads.

    Source: pkg/config/config.go of livekit-server v1.13.5, which refuses unknown keys.
    """
    return {
        "port": ports.signalling,
        "bind_addresses": [host],
        "rtc": {
            "tcp_port": ports.media_tcp,
            "udp_port": ports.media_udp,
            "use_external_ip": False,
            "node_ip": host,
            # An empty list would send every browser to public STUN servers.
            "stun_servers": ["127.0.0.1:3478"],
            "enable_loopback_candidate": True,
            "ips": {"includes": [f"{host}/{128 if ':' in host else 32}"]},
        },
        "room": {"auto_create": False, "empty_timeout": 2, "departure_timeout": 2},
        "keys": dict(keys),
        "logging": {"level": "warn", "json": True, "pion_level": "error"},
        "prometheus": {"port": 0},
        "agents": {"target_load": 1.0},  # from there on a worker gets no more visitors; by default 0.7
    }


def pick_ports(config: SfuConfig, host: str) -> Ports:
    """The configured ports, with free ones for 0.

    Raises:
        ConfigurationError: code port-taken, naming the port and its setting; wrong-type where host is no address.
    """
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError as error:
        raise ConfigurationError(
            f"sfu.host must be an IP address of this machine, not {host!r}", code="wrong-type", hint=""
        ) from error
    return Ports(
        _free_port(host, config.port, socket.SOCK_STREAM, "sfu.port"),
        # livekit-server would open this port on every address of the machine: it has no setting for that.
        0 if loopback else _free_port(host, config.tcp_port, socket.SOCK_STREAM, "sfu.tcp_port"),
        _free_port(host, config.udp_port, socket.SOCK_DGRAM, "sfu.udp_port"),
    )


def _free_port(host: str, port: int, kind: socket.SocketKind, setting: str) -> int:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, kind) as probe:
        if kind == socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ConfigurationError(
                f"port {port} ({setting}) on {host} cannot be used: {error.strerror}",
                code="port-taken",
                hint=f"stop the program that uses it, or set {setting} to another port, or to 0 for a free one",
            ) from error
        return int(probe.getsockname()[1])


async def _answers(host: str, port: int) -> bool:
    """Whether GET / says 200: livekit-server does once its node statistics are fresh."""
    try:
        reader, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    try:
        writer.write(b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n")
        return b" 200 " in await reader.readline()
    except OSError:
        return False
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def find_binary(configured: str) -> Path:
    """The livekit-server to run: the configured one, else the per-user cache's, else PATH's of the same minor version.

    Raises:
        ConfigurationError: code not-found.
    """
    if configured:
        return _executable(Path(configured).expanduser(), f"sfu.binary names {configured}, which cannot be run")
    cached = _cache() / "bin" / f"{_BINARY}-v{VERSION}"
    if cached.is_file() and os.access(cached, os.X_OK):
        return cached
    found = shutil.which(_BINARY)
    if found is None:
        raise _no_binary(f"there is no livekit-server in {cached.parent} or on PATH")
    process = await asyncio.create_subprocess_exec(
        found, "--version", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL, env={"PATH": os.defpath}
    )
    output, _ = await process.communicate()
    version = re.search(rb"(\d+\.\d+)\.\d+", output)
    if version is None or version[1].decode() != VERSION.rpartition(".")[0]:
        raise _no_binary(f"{found} is not version {VERSION.rpartition('.')[0]}")
    return Path(found)


def _executable(path: Path, message: str) -> Path:
    if not (path.is_file() and os.access(path, os.X_OK)):
        raise _no_binary(message)
    return path


def _no_binary(message: str) -> ConfigurationError:
    return ConfigurationError(
        message, code="not-found", hint="run scripts/up, which builds it, or set sfu.binary to where it is"
    )


def _cache() -> Path:
    home = os.environ.get("APPLIANCE_HOME")
    return Path(home) if home else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "appliance"
