"""All visits run on one event loop, in a thread of its own: the box answers at once while they keep that loop busy.

LiveKit gives each job a thread with a loop of its own. Ten of them took a sixth more of a processor to be idle, for
they wait for Python's lock at every turn. On the daemon's own loop, one visitor too many was refused after 0.16 s while
ten were spoken to.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass

from livekit import rtc

from appliance.admission import RoomName
from appliance.engine import call_on
from appliance.session import Invited

logger = logging.getLogger(__name__)

Serve = Callable[[Invited], Coroutine[None, None, str]]
"""Serves one visit until it is over, and says why that was."""

_LEAVING_S = 1.5
"""Time in which a session that sees its room closed has released everything."""
_CONNECTING_S = 10.0
"""Time in which connecting has succeeded or failed."""
_THREAD_ENDS_S = 2.0


class Visits:
    """Begun and ended by the daemon's loop, which is told when one is over."""

    def __init__(self, serve: Serve, on_end: Callable[[RoomName, str], None]) -> None:
        """
        Args:
            on_end: called on the daemon's loop with the reason.
        """
        self._serve = serve
        self._on_end = on_end
        self._home = asyncio.get_running_loop()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._visits: dict[RoomName, _Visit] = {}
        self._left = asyncio.Event()

    def __len__(self) -> int:
        return len(self._visits)

    def __contains__(self, room: RoomName) -> bool:
        return room in self._visits

    def begin(self, room: RoomName, url: str, token: str) -> None:
        """Serve a room: join it at livekit-server's `url` with the avatar's token."""
        loop = self._loop or self._start()
        visit = _Visit(room, url, token, self._serve, lambda reason: call_on(self._home, self._ended, room, reason))
        self._visits[room] = visit
        call_on(loop, visit.begin)

    def end(self) -> None:
        """Ask every visit to end."""
        for visit in self._visits.values():
            self._do(visit.end)

    async def stop(self, timeout_s: float) -> bool:
        """End all visits and the thread; False when a visit did not end in `timeout_s`."""
        self.end()
        try:
            async with asyncio.timeout(timeout_s):
                while self._visits:
                    self._left.clear()
                    await self._left.wait()
        except TimeoutError:
            logger.error("a visit did not end in time", extra={"visits": len(self._visits)})
            for visit in self._visits.values():
                self._do(visit.cancel)
        clean = not self._visits
        loop, self._loop = self._loop, None
        if loop is not None and self._thread is not None:
            call_on(loop, loop.stop)
            await asyncio.to_thread(self._thread.join, _THREAD_ENDS_S)
        return clean

    def _ended(self, room: RoomName, reason: str) -> None:
        self._visits.pop(room, None)
        self._left.set()
        self._on_end(room, reason)

    def _do(self, what: Callable[[], None]) -> None:
        if self._loop is not None:
            call_on(self._loop, what)

    def _start(self) -> asyncio.AbstractEventLoop:
        loop = self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=_run, args=(loop,), name="visits", daemon=True)
        self._thread.start()
        return loop


@dataclass(slots=True)
class _Visit:
    """A visit that runs now; used from its own loop."""

    name: RoomName
    url: str
    token: str
    serve: Serve
    ended: Callable[[str], object]
    room: rtc.Room | None = None
    serving: asyncio.Task[str] | None = None
    leaving: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Join the room, in a context of its own: what looks for LiveKit's job would find one of another thread."""
        self.room = rtc.Room()
        self.serving = asyncio.create_task(self._hold(self.room), name="visit", context=contextvars.Context())
        self.serving.add_done_callback(lambda task: self.ended(_reason(task)))

    def end(self) -> None:
        """Leave the room. The session sees that it is closed, and releases everything itself."""
        if self.leaving is None:
            self.leaving = asyncio.create_task(self._leave(), name="visit-leaving")

    def cancel(self) -> None:
        """End it without waiting for the session."""
        if self.serving is not None:
            self.serving.cancel()

    async def _hold(self, room: rtc.Room) -> str:
        try:
            return await self.serve(Invited(self.name, room, self.url, self.token))
        finally:
            await room.disconnect()

    async def _leave(self) -> None:
        """LiveKit's native side ends the whole process 15 s after a cancelled connect: cancelling comes last."""
        assert self.room is not None
        assert self.serving is not None
        connected = self.room.isconnected()
        await self.room.disconnect()
        await asyncio.wait({self.serving}, timeout=_LEAVING_S if connected else _CONNECTING_S)
        self.serving.cancel()


def _run(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        loop.close()


def _reason(serving: asyncio.Task[str]) -> str:
    if serving.cancelled():
        return "cancelled"
    if (error := serving.exception()) is not None:
        logger.error("a visit failed", exc_info=error)
        return "failed"
    return serving.result()
