"""What the WebRTC library must be told once: to name no public address, and to wake only who an event is for.

Each connection makes libwebrtc ask the kernel which of our addresses would reach 8.8.8.8 and 2001:4860:4860::8888: it
connects a UDP socket to them, sends nothing, and closes it. No packet leaves, but who audits the box sees two public
addresses in its system calls, and the library has no option against that. So the two texts are overwritten, where they
lie in memory, with the loopback address, written as long as they are: the question then finds nothing, as on a machine
without a network, and WebRTC goes on with the addresses of the interfaces.

The library's Python side offers each event of any visit to all that wait for any: `Events` hands it to who asked. And
it sends each line of its log, down to those for debugging, through Python.
"""

from __future__ import annotations

import asyncio
import ctypes
import logging
import mmap
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator
from importlib.metadata import version
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, cast

logger = logging.getLogger(__name__)

LIBRARY = "liblivekit_ffi.so"
REPLACED = {b"8.8.8.8\0": b"::0:0:1\0", b"2001:4860:4860::8888\0": b"0000:0000:0000:00::1\0"}
"""Public addresses, and ::1 written as long. As an IPv6 address the first one is refused by its IPv4 socket."""
_MAPS = Path("/proc/self/maps")
_NEW_STREAMS = (
    "new_audio_stream",
    "audio_stream_from_participant",
    "new_video_stream",
    "video_stream_from_participant",
)
_STREAM_EVENTS = ("audio_stream_event", "video_stream_event")
_CALLS_MAX = 1000
"""Calls whose result is awaited, and those whose result came before they were noted."""


def prepare() -> bool:
    """Do all of it; to be called before anybody connects. False where `keep_local` is."""
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
    """Hand each event to who waits for it, and keep the log out of them. Repeatable."""
    from livekit.rtc import _ffi_client as ffi

    client = ffi.FfiClient.instance
    if isinstance(client._queue, Events):
        return
    # Again, and without its log: each line, down to those for debugging, is a call into Python, up to 3500 a second.
    client._ffi_lib.livekit_ffi_initialize(ffi.ffi_event_callback, False, b"python", version("livekit").encode())
    events = Events()
    request = client.request

    def noted(message: Any) -> Any:
        answer = request(message)
        events.note(answer)
        return answer

    client._queue = cast("Any", events)
    client.request = cast("Any", noted)


class Events:
    """In place of the library's event queue: puts an event where it is waited for, and wakes its loop once for many.

    The library offers each event to every queue: with ten visitors, the sound of one microphone, and that a piece of
    voice was taken, were looked at by ten rooms and ten microphones.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inboxes: dict[asyncio.AbstractEventLoop, _Inbox] = {}
        self._homes: dict[Any, _Inbox] = {}
        self._calls: dict[int, Any] = {}
        self._early: dict[int, Any] = {}
        self._called: set[str] = set()
        self._streams: dict[int, Any] = {}
        self._latest = threading.local()
        """Of each thread: the last queue for a call, and for a stream."""

    def subscribe(
        self, loop: asyncio.AbstractEventLoop | None = None, filter_fn: Callable[[Any], bool] | None = None
    ) -> Any:
        """A queue of the events for which `filter_fn` is true, on `loop`, this thread's if not given.

        Without `filter_fn` it is for the result of the call that this thread makes next: so the library uses it.
        """
        from livekit.rtc._utils import Queue

        queue: Any = Queue()
        loop = loop or asyncio.get_event_loop()
        home = self._homes[queue] = self._inboxes.setdefault(loop, _Inbox(loop))
        home.subscribers[queue] = filter_fn
        if filter_fn is None:
            self._latest.caller = queue
        else:
            self._latest.stream = queue
        return queue

    def unsubscribe(self, queue: Any) -> None:
        """Put nothing more into a queue."""
        home = self._homes.pop(queue, None)
        if home is not None:
            home.subscribers.pop(queue, None)
            if not home.subscribers:
                self._inboxes.pop(home.loop, None)

    def note(self, answer: Any) -> None:
        """Remember who asked: of a call, by its number until its result comes; of a stream, by its handle."""
        kind = answer.WhichOneof("message")
        if kind is None:
            return
        body = getattr(answer, kind)
        if kind in _NEW_STREAMS:
            self._streams[body.stream.handle.id] = getattr(self._latest, "stream", None)
        elif number := getattr(body, "async_id", 0):
            caller, self._latest.caller = getattr(self._latest, "caller", None), None
            if caller is None:  # the room's own queue gets the result
                return
            with self._lock:
                self._called.add(kind)
                event = self._early.pop(number, None)
                if event is None:
                    _put_last(self._calls, number, caller)
            if event is not None:
                self._hand(caller, event)

    def put(self, event: Any) -> None:
        """Called by the library, on threads of its own."""
        if not getattr(self._latest, "stays", False):
            # Python's state of a thread that is not its own is made and unmade with each call into it, unless it is
            # held once more: then it stays as long as the thread.
            ctypes.pythonapi.PyGILState_Ensure()
            self._latest.stays = True
        kind = event.WhichOneof("message")
        body = getattr(event, kind)
        if kind in _STREAM_EVENTS:
            handle = body.stream_handle
            queue = self._streams.pop(handle, None) if body.HasField("eos") else self._streams.get(handle)
        elif number := getattr(body, "async_id", 0):
            with self._lock:
                queue = self._calls.pop(number, None)
                if queue is None:
                    _put_last(self._early, number, event)
            if queue is None and kind in self._called:  # it will be noted in a moment
                return
        else:
            queue = None
        self._hand(queue, event)

    def _hand(self, queue: Any, event: Any) -> None:
        """Put an event into one queue, or, if that is None, into all that want it."""
        if queue is None:
            for inbox in list(self._inboxes.values()):
                inbox.put(None, event)
        elif (home := self._homes.get(queue)) is not None:
            home.put(queue, event)


class _Inbox:
    """Events on their way to the subscribers of one loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.subscribers: dict[Any, Callable[[Any], bool] | None] = {}
        self._events: deque[tuple[Any, Any]] = deque()
        self._woken = False

    def put(self, queue: Any, event: Any) -> None:
        self._events.append((queue, event))
        if not self._woken:
            self._woken = True
            try:
                self.loop.call_soon_threadsafe(self._deliver)
            except RuntimeError:  # the loop was closed without unsubscribing: nobody will ever take them
                self._woken = False
                self._events.clear()

    def _deliver(self) -> None:
        self._woken = False
        while self._events:
            only, event = self._events.popleft()
            if only is not None:
                only.put_nowait(event)
                continue
            for queue, wanted in list(self.subscribers.items()):
                if wanted is not None and wanted(event):
                    queue.put_nowait(event)


def _put_last(kept: dict[int, Any], number: int, value: Any) -> None:
    """Keep a value; the oldest goes when there are too many."""
    kept[number] = value
    while len(kept) > _CALLS_MAX:
        kept.pop(next(iter(kept)))


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
