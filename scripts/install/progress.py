"""Tasks, each a process with a log, side by side: a line for each on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from places import SetupError

_TICK_S = 0.2
_HEARTBEAT_S = 30.0
_TITLES = {
    "packages": "Python packages",
    "models": "model files",
    "llama": "llama.cpp (build)",
    "livekit": "livekit-server (build)",
    "finish": "appliance",
}
# What a log says last about how far it is: ninja's counter, pip's and our own lines.
_SHARE = re.compile(r"\[(\d+/\d+)\]|(?:fetch|verify) +(\d+%)")
_FULL = re.compile(r"No space left on device|ENOSPC|disk is full")
_OFFLINE = re.compile(
    r"NewConnectionError|name resolution|error sending request|dial tcp|no such host|Network is unreachable"
    r"|Connection refused|client error \(Connect\)|dns error|ConnectTimeout"
)


@dataclass
class Task:
    """One step on its way."""

    name: str
    command: list[str]
    environment: dict[str, str]
    log: Path
    after: tuple[str, ...]
    process: subprocess.Popen[bytes] | None = None
    started_s: float = 0.0
    took_s: float = 0.0
    state: str = "waiting"

    def start(self) -> None:
        self.started_s = time.monotonic()
        self.state = "running"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                self.command,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def poll(self) -> None:
        """Take note of its end."""
        if self.process is None or self.state != "running" or (code := self.process.poll()) is None:
            return
        self.took_s = time.monotonic() - self.started_s
        self.state = "done" if code == 0 else "failed"

    def stop(self) -> None:
        """End it with all its children."""
        if self.process is None or self.process.poll() is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(5)
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def line(self) -> str:
        seconds = self.took_s or (time.monotonic() - self.started_s if self.started_s else 0.0)
        clock = f"{int(seconds) // 60}:{int(seconds) % 60:02d}" if self.started_s else ""
        share = self._share() if self.state == "running" else ""
        return f"{_TITLES[self.name]:<24} {self.state:<8} {clock:>5} {share}".rstrip()

    def _share(self) -> str:
        found = _SHARE.findall(_tail(self.log, 8192))
        return "".join(found[-1]) if found else ""

    def fault(self) -> SetupError:
        """One sentence out of its log."""
        text = _tail(self.log, 65536)
        title = _TITLES[self.name]
        if said := re.findall(r"^STOP (.*)$", text, re.MULTILINE):
            return SetupError(said[-1])
        if _FULL.search(text):
            return SetupError(f"{title}: the disk is full; free some space and run this again (log: {self.log}).")
        if _OFFLINE.search(text):
            return SetupError(
                f"{title}: a package registry cannot be reached; check the network, or the mirror that pip, uv and Go"
                f" are set to, and run this again (log: {self.log})."
            )
        last = "\n".join(f"  {line}" for line in text.splitlines()[-8:])
        return SetupError(f"{last}\n{title} failed; the whole log is {self.log}. Run this again to go on where it was.")


@dataclass
class Board:
    """All tasks, run to their end."""

    tasks: list[Task]
    drawn: int = 0
    beat_s: float = field(default_factory=time.monotonic)
    out: IO[str] = field(default_factory=lambda: sys.stderr)

    def run(self) -> None:
        """Run every task once those it waits for are done.

        Raises:
            SetupError: one failed; the others have been ended.
        """
        try:
            while any(task.state in ("waiting", "running") for task in self.tasks):
                self._step()
                time.sleep(_TICK_S)
            self._draw(end=True)
        finally:
            for task in self.tasks:
                task.stop()

    def _step(self) -> None:
        done = {task.name for task in self.tasks if task.state == "done"}
        for task in self.tasks:
            before = task.state
            if before == "waiting" and set(task.after) <= done:
                task.start()
            task.poll()
            if not self.out.isatty() and task.state != before:
                print(task.line(), file=self.out, flush=True)
            if task.state == "failed":
                self._draw(end=True)
                raise task.fault()
        self._draw()

    def _draw(self, *, end: bool = False) -> None:
        if self.out.isatty():
            up = f"\033[{self.drawn}F" if self.drawn else ""
            lines = "".join(f"\033[K{task.line()}\n" for task in self.tasks)
            print(f"{up}{lines}", end="", file=self.out, flush=True)
            self.drawn = 0 if end else len(self.tasks)
        elif time.monotonic() - self.beat_s > _HEARTBEAT_S:
            self.beat_s = time.monotonic()
            for task in self.tasks:
                if task.state == "running":
                    print(task.line(), file=self.out, flush=True)


def _tail(path: Path, n_bytes: int) -> str:
    with path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - n_bytes))
        return stream.read().decode(errors="replace")
