"""`appliance bench churn`: many short visits in a row; what does the box keep of each?

Memory, threads and descriptors are those of the daemon's own process, from /proc. Run as a module with a box's address,
this is a visitor who hears the greeting and stays until it is killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from appliance.errors import RoomError
from appliance.evaluation.box import Box
from appliance.evaluation.measures import slope
from appliance.evaluation.visitor import Senses, Visitor

KILLED_EVERY = 10
"""One visit of so many ends without a word: its client is killed."""
WARM_UP = 10
"""Visits after which everything that is made once has been made."""
_HEARD_S = 0.3
"""Of the greeting."""
_GREETED_S = 30.0
_EMPTY_S = 30.0
_STEP_S = 0.25
_CALM_STEPS = 6
_SETTLED_S = 20.0
_SENSES = Senses(frame_ms=50, pictures="counted")
_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process holds."""

    resident_mib: float
    """Memory, files mapped into it included."""
    anonymous_mib: float
    """Memory of its own."""
    threads: int
    """Its threads."""
    descriptors: int
    """Its open files and sockets."""


@dataclass(slots=True)
class Samples:
    """Every single measurement."""

    fresh: Usage
    """Before the first visit."""
    visits: list[Usage] = field(default_factory=list[Usage])
    """After each visit, once its session was gone."""
    start: Usage | None = None
    """After the warm-up, when nothing changed any more."""
    end: Usage | None = None
    """After the last visit, when nothing changed any more."""
    errors: list[str] = field(default_factory=list[str])
    """A visit that was refused or heard nothing, a session that stayed."""

    def summary(self) -> dict[str, Any]:
        """The figures as `--json` prints them."""
        assert self.start is not None
        assert self.end is not None
        warm = min(WARM_UP, len(self.visits) // 2)
        later = list(enumerate(self.visits))[warm:]
        resident = slope([(number, usage.resident_mib) for number, usage in later])
        anonymous = slope([(number, usage.anonymous_mib) for number, usage in later])
        return {
            "visits": len(self.visits),
            "mib_per_visit": _rounded(resident),
            "threads_delta": self.end.threads - self.start.threads,
            "descriptors_delta": self.end.descriptors - self.start.descriptors,
            "anonymous_mib_per_visit": _rounded(anonymous),
            "resident_mib": round(self.end.resident_mib, 1),
            "against_fresh": {
                "resident_mib": round(self.end.resident_mib - self.fresh.resident_mib, 1),
                "threads": self.end.threads - self.fresh.threads,
                "descriptors": self.end.descriptors - self.fresh.descriptors,
            },
            "errors": len(self.errors),
        }


def usage(pid: int, proc: Path = _PROC) -> Usage:
    """What a process holds now."""
    folder = proc / str(pid)
    fields = dict(re.findall(r"^(\w+):\s+(\d+)", (folder / "status").read_text(), re.MULTILINE))
    return Usage(
        resident_mib=int(fields["VmRSS"]) / 1024,
        anonymous_mib=int(fields["RssAnon"]) / 1024,
        threads=int(fields["Threads"]),
        descriptors=sum(1 for _ in (folder / "fd").iterdir()),
    )


async def measure(box: Box, visits: int, progress: Callable[[str], None]) -> Samples:
    """Visit a box that is not running yet.

    Raises:
        AgentError: the box did not start.
    """
    progress("starting box")
    async with box:
        samples = Samples(fresh=await _settled(box))
        warm = min(WARM_UP, visits // 2)
        for number in range(1, visits + 1):
            progress(f"visit {number} of {visits}")
            killed = number % KILLED_EVERY == KILLED_EVERY // 2
            if not await (_killed(box.url) if killed else _visit(box.url)):
                samples.errors.append(f"visit {number}: refused, or nothing was heard in {_GREETED_S:.0f} s")
            if await box.empty(_EMPTY_S) is None:
                samples.errors.append(f"visit {number}: still counted {_EMPTY_S:.0f} s after it was over")
            await asyncio.sleep(_STEP_S)
            samples.visits.append(usage(box.pid))
            if number == warm:
                samples.start = await _settled(box)
        progress("waiting until nothing changes")
        samples.end = await _settled(box)
        samples.start = samples.start or samples.fresh
    return samples


async def _visit(url: str) -> bool:
    """Hear the beginning of the greeting and leave; False when there was none."""
    try:
        async with Visitor(url, senses=_SENSES) as visitor:
            if not await visitor.hears(0.0, _GREETED_S):
                return False
            await visitor.hears(visitor.audible_s + _HEARD_S, 2 * _HEARD_S)
    except RoomError:
        return False
    return True


async def _killed(url: str) -> bool:
    """The same, and then the client's process is gone."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", __name__, url),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert process.stdout is not None
    heard = b""
    try:
        async with asyncio.timeout(2 * _GREETED_S):
            heard = await process.stdout.readline()
    except TimeoutError:
        pass
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    return heard == b"heard\n"


async def _settled(box: Box) -> Usage:
    """What the box holds once threads and descriptors stay as they are."""
    last: list[Usage] = [usage(box.pid)]
    for _ in range(round(_SETTLED_S / _STEP_S)):
        await asyncio.sleep(_STEP_S)
        last.append(usage(box.pid))
        if steady(last):
            break
    return last[-1]


def steady(found: Sequence[Usage]) -> bool:
    """Whether threads and descriptors were the same the last few times."""
    recent = {(item.threads, item.descriptors) for item in found[-_CALM_STEPS:]}
    return len(found) >= _CALM_STEPS and len(recent) == 1


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


async def _stay(url: str) -> None:
    async with Visitor(url, senses=_SENSES) as visitor:
        if await visitor.hears(0.0, _GREETED_S):
            print("heard", flush=True)
            await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_stay(sys.argv[1]))
