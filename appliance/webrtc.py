"""What the WebRTC library must be told once: to name no public address, and to wake only who an event is for.

Each connection makes libwebrtc ask the kernel which of our addresses would reach 8.8.8.8 and 2001:4860:4860::8888: it
connects a UDP socket to them, sends nothing, and closes it. No packet leaves, but who audits the box sees two public
addresses in its system calls, and the library has no option against that. So the two texts are overwritten, where they
lie in memory, with the loopback address, written as long as they are: the question then finds nothing, as on a machine
without a network, and WebRTC goes on with the addresses of the interfaces.

Every visit has an event loop of its own, and the library's Python side hands each event of any visit to all of them:
ten visitors' microphones woke ten loops 500 times a second each. `Events` hands an event to the loop that asked for it.
"""

from __future__ import annotations

import asyncio
import ctypes
import logging
import mmap
import os
from collections import deque
from collections.abc import Callable, Iterator
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, cast

logger = logging.getLogger(__name__)

LIBRARY = "liblivekit_ffi.so"
REPLACED = {b"8.8.8.8\0": b"::0:0:1\0", b"2001:4860:4860::8888\0": b"0000:0000:0000:00::1\0"}
"""Public addresses, and ::1 written as long. As an IPv6 address the first one is refused by its IPv4 socket."""
_MAPS = Path("/proc/self/maps")
_NEW_STREAMS = ("new_audio_stream", "audio_stream_from_participant")
_CALLS_MAX = 1000
"""Calls whose result is awaited, and those whose result came before they were noted."""


def prepare() -> bool:
    """Do both; to be called before anybody connects. False where `keep_local` is."""
    local = keep_local()
    route_events()
    return local


def keep_local() -> bool:
    """Load the library and overwrite the addresses; False, with a warning, where they were not found. Repeatable."""
    with as_file(files("livekit.rtc") / "resources" / LIBRARY) as path:
        ctypes.CDLL(os.environ.get("LIVEKIT_LIB_PATH", "") or str(path))  # stays loaded, and is what livekit.rtc gets
    done = [_replace(public, own) for public, own in REPLACED.items()]
    if not all(done):
        logger.warning("the WebRTC library names public addresses in system calls, to which nothing is sent")
    return all(done)


def route_events() -> None:
    """Hand each event to the loop it is for. Repeatable."""
    from livekit.rtc import _ffi_client as ffi

    client = ffi.FfiClient.instance
    if isinstance(client._queue, Events):
        return
    events = Events()
    request = client.request

    def noted(message: Any) -> Any:
        answer = request(message)
        events.note(answer)
        return answer

    client._queue = cast("Any", events)
    client.request = cast("Any", noted)


class Events:
    """In place of the library's event queue: an event is put into the inbox of its loop, which is woken once for many.

    No lock is held while another thread is woken: that was what ten visitors' threads stood in line for.
    """

    def __init__(self) -> None:
        self._inboxes: dict[asyncio.AbstractEventLoop, _Inbox] = {}
        self._calls: dict[int, asyncio.AbstractEventLoop] = {}
        self._streams: dict[int, asyncio.AbstractEventLoop] = {}

    def subscribe(
        self, loop: asyncio.AbstractEventLoop | None = None, filter_fn: Callable[[Any], bool] | None = None
    ) -> Any:
        """A queue of the events of `loop`, of this thread's if not given, for which `filter_fn` is true."""
        from livekit.rtc._utils import Queue

        queue: Any = Queue()
        loop = loop or asyncio.get_event_loop()
        self._inboxes.setdefault(loop, _Inbox(loop)).subscribers[queue] = filter_fn
        return queue

    def unsubscribe(self, queue: Any) -> None:
        """Put nothing more into a queue."""
        for loop, inbox in list(self._inboxes.items()):
            if queue in inbox.subscribers:
                del inbox.subscribers[queue]
                if not inbox.subscribers:
                    self._inboxes.pop(loop, None)
                return

    def note(self, answer: Any) -> None:
        """Remember who asked: of a call, by its number until its result comes; of a sound stream, by its handle."""
        kind = answer.WhichOneof("message")
        if kind is None:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        body = getattr(answer, kind)
        if kind in _NEW_STREAMS:
            self._streams[body.stream.handle.id] = loop
        elif number := getattr(body, "async_id", 0):
            self._calls[number] = loop
            while len(self._calls) > _CALLS_MAX:
                self._calls.pop(next(iter(self._calls)), None)

    def put(self, event: Any) -> None:
        """Called by the library, on threads of its own."""
        owner = self._owner(event)
        inbox = self._inboxes.get(owner) if owner is not None else None
        for each in [inbox] if inbox is not None else list(self._inboxes.values()):
            each.put(event)

    def _owner(self, event: Any) -> asyncio.AbstractEventLoop | None:
        kind = event.WhichOneof("message")
        body = getattr(event, kind)
        if kind == "audio_stream_event":
            if body.HasField("eos"):
                return self._streams.pop(body.stream_handle, None)
            return self._streams.get(body.stream_handle)
        return self._calls.pop(getattr(body, "async_id", 0), None)


class _Inbox:
    """Events on their way to the subscribers of one loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.subscribers: dict[Any, Callable[[Any], bool] | None] = {}
        self._loop = loop
        self._events: deque[Any] = deque()
        self._woken = False

    def put(self, event: Any) -> None:
        self._events.append(event)
        if not self._woken:
            self._woken = True
            try:
                self._loop.call_soon_threadsafe(self._deliver)
            except RuntimeError:  # the loop was closed without unsubscribing: nobody will ever take them
                self._woken = False
                self._events.clear()

    def _deliver(self) -> None:
        self._woken = False
        while self._events:
            event = self._events.popleft()
            for queue, wanted in list(self.subscribers.items()):
                if wanted is None or wanted(event):
                    queue.put_nowait(event)


def _replace(text: bytes, other: bytes) -> bool:
    """Overwrite the one occurrence of `text`, or find that this was done."""
    assert len(text) == len(other)
    found = list(_occurrences(text))
    if not found:
        return any(_occurrences(other))
    if len(found) > 1:
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    page = found[0] - found[0] % mmap.PAGESIZE
    size = ctypes.c_size_t(found[0] + len(text) - page)
    if libc.mprotect(ctypes.c_void_p(page), size, mmap.PROT_READ | mmap.PROT_WRITE) != 0:
        return False
    ctypes.memmove(found[0], other, len(other))
    return libc.mprotect(ctypes.c_void_p(page), size, mmap.PROT_READ) == 0


def _occurrences(text: bytes) -> Iterator[int]:
    """Where `text` begins in the library's read-only data: addresses."""
    for line in _MAPS.read_text().splitlines():
        fields = line.split(maxsplit=5)
        if len(fields) < 6 or not fields[5].endswith(LIBRARY) or fields[1] != "r--p":
            continue
        start, end = (int(number, 16) for number in fields[0].split("-"))
        data = ctypes.string_at(start, end - start)
        at = data.find(text)
        while at >= 0:
            yield start + at
            at = data.find(text, at + 1)
