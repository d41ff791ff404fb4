"""`appliance serve`: starts the box, prints the address of its page, and stops it cleanly on Ctrl-C or SIGTERM."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from appliance.errors import AgentError
from appliance.memory import settle, share_heaps

if TYPE_CHECKING:
    from appliance.api.server import HttpServer
    from appliance.config import Config
    from appliance.daemon import Daemon

NATIVE_PANIC = 70
"""Exit status when native code gave up (it sends us SIGTERM): nobody asked the box to stop, so start it again."""
_FAILED = 1
_PROGRESS_EVERY_S = 0.2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, help="a configuration file")
    parser.add_argument("--port", type=int, help="TCP port of the page (default: server.port); 0 takes a free one")
    parser.add_argument("--persona", help="who speaks: a shipped persona's name or a TOML file")
    parser.add_argument("--no-browser", action="store_true", help="do not open the page where there is a desktop")


def run(args: argparse.Namespace) -> int:
    """Exit status: 0 when stopped by the operator, 70 after a panic of native code; or an AgentError."""
    from appliance.config import load
    from appliance.logs import configure

    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    share_heaps()
    config = load(args.config).config
    if args.port is not None:
        config = dataclasses.replace(config, server=dataclasses.replace(config.server, port=args.port))
    if args.persona:
        config = dataclasses.replace(config, session=dataclasses.replace(config.session, persona=args.persona))
    configure(config.logs)
    return asyncio.run(_serve(config, browser=not args.no_browser))


async def _serve(config: Config, *, browser: bool) -> int:
    from appliance.api.app import create_app
    from appliance.api.server import HttpServer
    from appliance.daemon import Daemon

    stopping = asyncio.Event()
    panics = _watch_signals(stopping)
    daemon = Daemon(config)
    http = HttpServer(create_app(daemon), config.server)
    await http.start()
    starting = asyncio.create_task(daemon.start(), name="start")
    waiting = asyncio.create_task(stopping.wait(), name="stop-asked")
    try:
        await _show_progress(daemon, starting, waiting)
        if starting.done():
            await starting
            settle()
            _announce(http.url, browser=browser)
            await waiting
    except Exception as error:
        if not await _stop(daemon, http, starting, waiting):
            _leave(_FAILED, error)
        raise
    clean = await _stop(daemon, http, starting, waiting)
    status = NATIVE_PANIC if panics else 0
    if not clean:
        _leave(status or _FAILED)
    return status


async def _stop(daemon: Daemon, http: HttpServer, starting: asyncio.Task[None], waiting: asyncio.Task[bool]) -> bool:
    """Whether everything has stopped."""
    waiting.cancel()
    starting.cancel()
    await asyncio.gather(starting, waiting, return_exceptions=True)
    clean = await daemon.stop()
    await http.stop()
    return clean


def _leave(status: int, error: Exception | None = None) -> NoReturn:
    """End a process in which a thread hangs in native code: the interpreter would wait for it, or abort."""
    if isinstance(error, AgentError):
        print(error, file=sys.stderr)
    elif error is not None:
        traceback.print_exception(error)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _watch_signals(stopping: asyncio.Event) -> list[int]:
    """Stop on the first signal, die on the second; the list gets an entry when the signal was our own.

    LiveKit's native library answers its own panic with os.kill(os.getpid(), SIGTERM), which looks like an operator.
    """
    panics: list[int] = []

    def audit(event: str, args: tuple[object, ...]) -> None:
        if event == "os.kill" and args == (os.getpid(), signal.SIGTERM):
            panics.append(1)

    def asked(sign: signal.Signals) -> None:
        if stopping.is_set():
            os._exit(128 + sign)
        stopping.set()

    sys.addaudithook(audit)
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(sign, asked, sign)
    return panics


async def _show_progress(daemon: Daemon, starting: asyncio.Task[None], waiting: asyncio.Task[bool]) -> None:
    """Wait for the start to end or for the wish to stop; on a terminal, one line tells how far it is."""
    while not (starting.done() or waiting.done()):
        await asyncio.wait((starting, waiting), timeout=_PROGRESS_EVERY_S, return_when=asyncio.FIRST_COMPLETED)
        readiness = daemon.readiness
        busy = ", ".join(stage.name for stage in readiness.stages if stage.state == "loading")
        _line(f"starting {readiness.progress:4.0%}  {busy}")
    _line("")


def _line(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def _announce(url: str, *, browser: bool) -> None:
    print(url, flush=True)
    desktop = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if browser and desktop and sys.stdout.isatty():
        import webbrowser

        webbrowser.open(url)
