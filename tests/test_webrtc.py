"""No public address is named in a system call: not by the WebRTC library alone, nor by a whole box and its visitor.

And events of the library go to the loops they are for.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from livekit import rtc
from livekit.rtc._ffi_client import FfiClient
from livekit.rtc._proto import ffi_pb2

from appliance import webrtc

OURS = re.compile(r'inet_addr\("([^"]+)"\)|inet_pton\(AF_INET6, "([^"]+)"')


def test_the_library_in_memory_holds_no_public_address() -> None:
    assert webrtc.keep_local()
    assert webrtc.keep_local(), "it can be repeated"
    for public, own in webrtc.REPLACED.items():
        assert not list(webrtc._occurrences(public))
        assert len(list(webrtc._occurrences(own))) == 1


@pytest.mark.parametrize("own", webrtc.REPLACED.values())
def test_what_stands_there_instead_is_the_loopback_address(own: bytes) -> None:
    assert own.endswith(b"\0")
    assert ipaddress.ip_address(socket.inet_pton(socket.AF_INET6, own[:-1].decode())).is_loopback


def test_a_library_without_them_is_left_alone_and_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(webrtc, "REPLACED", {b"is not in it, I am sure": b"is not in it, as it was"})
    with caplog.at_level(logging.WARNING):
        assert not webrtc.keep_local()
    assert "public addresses" in caplog.text


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_whole_conversation_goes_to_no_address_but_this_machines(models: Path, tmp_path: Path) -> None:
    assert models
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed: apt-get install strace")
    calls = tmp_path / "calls"
    traced = [strace, "-f", "--seccomp-bpf", "-o", str(calls), "-e", "trace=connect,sendto,sendmsg,sendmmsg"]
    done = subprocess.run(
        [*traced, sys.executable, "-m", "appliance", "check"], capture_output=True, text=True, timeout=200, check=False
    )
    assert "errors" in done.stdout, done.stderr
    named = {first or second for first, second in OURS.findall(calls.read_text(errors="replace"))}
    own = set(subprocess.run(["hostname", "-I"], capture_output=True, text=True, check=True).stdout.split())
    strange = {address for address in named - own if not ipaddress.ip_address(address).is_loopback}
    assert named
    assert not strange


class Loop:
    """A loop's stand-in: notes that it was woken, and does what it was told when asked."""

    def __init__(self) -> None:
        self.told: list[Callable[[], None]] = []

    def call_soon_threadsafe(self, call: Callable[[], None]) -> None:
        self.told.append(call)

    def run(self) -> None:
        told, self.told = self.told, []
        for call in told:
            call()


def _sound(stream: int, *, last: bool = False) -> ffi_pb2.FfiEvent:
    event = ffi_pb2.FfiEvent()
    event.audio_stream_event.stream_handle = stream
    if last:
        event.audio_stream_event.eos.SetInParent()
    else:
        event.audio_stream_event.frame_received.SetInParent()
    return event


def _opened(stream: int) -> ffi_pb2.FfiResponse:
    answer = ffi_pb2.FfiResponse()
    answer.new_audio_stream.stream.handle.id = stream
    return answer


def _asked(number: int) -> ffi_pb2.FfiResponse:
    answer = ffi_pb2.FfiResponse()
    answer.capture_audio_frame.async_id = number
    return answer


def _result(number: int) -> ffi_pb2.FfiEvent:
    event = ffi_pb2.FfiEvent()
    event.capture_audio_frame.async_id = number
    return event


def _any(_: object) -> bool:
    return True


def _received(queue: Any) -> int:
    return int(queue.qsize())


async def test_a_microphones_sound_is_put_into_its_own_queue_and_wakes_its_loop_once() -> None:
    events = webrtc.Events()
    own, other = Loop(), Loop()
    queues = [events.subscribe(cast("Any", loop), _any) for loop in (other, own, own)]
    events.note(_opened(7))
    for _ in range(3):
        events.put(_sound(7))
    assert (len(own.told), len(other.told)) == (1, 0)
    own.run()
    assert [_received(queue) for queue in queues] == [0, 0, 3], "the queue that was made last, for this stream"
    events.put(_sound(7, last=True))
    own.run()
    assert _received(queues[-1]) == 4
    assert not events._streams


async def test_a_streams_first_sound_is_not_lost_when_it_comes_before_its_handle_is_known() -> None:
    events, loop = webrtc.Events(), Loop()
    queue = events.subscribe(cast("Any", loop), _any)
    events.put(_sound(7))
    loop.run()
    assert _received(queue) == 1


async def test_a_calls_result_goes_to_who_asked_and_to_nobody_else() -> None:
    events, loop = webrtc.Events(), Loop()
    room = events.subscribe(cast("Any", loop), _any)
    first = events.subscribe(cast("Any", loop))
    events.note(_asked(5))
    second = events.subscribe(cast("Any", loop))
    events.note(_asked(6))
    events.put(_result(6))
    events.put(_result(5))
    loop.run()
    assert [_received(queue) for queue in (room, first, second)] == [0, 1, 1]
    assert not events._calls


async def test_a_result_that_comes_before_its_number_is_known_waits_for_it() -> None:
    events, loop = webrtc.Events(), Loop()
    queue = events.subscribe(cast("Any", loop))
    events.put(_result(5))
    loop.run()
    assert _received(queue) == 0
    events.note(_asked(5))
    loop.run()
    assert _received(queue) == 1
    assert not events._early


async def test_what_a_room_asks_for_goes_to_the_rooms() -> None:
    """A room waits for its own results in the queue of all its events."""
    events, loop = webrtc.Events(), Loop()
    room = events.subscribe(cast("Any", loop), _any)
    published = ffi_pb2.FfiResponse()
    published.publish_track.async_id = 5
    events.note(published)
    result = ffi_pb2.FfiEvent()
    result.publish_track.async_id = 5
    events.put(result)
    loop.run()
    assert _received(room) == 1


async def test_a_subscriber_gets_what_it_wants_until_it_leaves() -> None:
    events = webrtc.Events()
    queue = events.subscribe(filter_fn=lambda event: event.WhichOneof("message") == "audio_stream_event")
    room = ffi_pb2.FfiEvent()
    room.room_event.SetInParent()
    events.put(room)
    events.put(_sound(1))
    await asyncio.sleep(0)
    assert _received(queue) == 1
    events.unsubscribe(queue)
    assert not events._inboxes
    assert not events._homes
    events.put(_sound(1))


async def test_results_that_nobody_asked_for_do_not_pile_up() -> None:
    events = webrtc.Events()
    for number in range(3 * webrtc._CALLS_MAX):
        events.put(_result(number + 1))
    assert len(events._early) == webrtc._CALLS_MAX


async def test_a_loop_that_was_closed_without_a_word_keeps_nothing() -> None:
    events, closed = webrtc.Events(), asyncio.new_event_loop()
    events.subscribe(closed)
    closed.close()
    for _ in range(3):
        events.put(_sound(1))
    assert not events._inboxes[closed]._events


def test_the_library_uses_it_and_it_can_be_put_in_again() -> None:
    webrtc.route_events()
    first = FfiClient.instance.queue
    webrtc.route_events()
    assert isinstance(first, webrtc.Events)
    assert FfiClient.instance.queue is first


def test_the_librarys_log_is_not_handed_to_python(caplog: pytest.LogCaptureFixture) -> None:
    webrtc.prepare()
    wrong = ffi_pb2.FfiRequest()
    wrong.clear_audio_buffer.source_handle = 1 << 60
    with caplog.at_level(logging.DEBUG, "livekit"):
        with pytest.raises(AssertionError):
            FfiClient.instance.request(wrong)
        time.sleep(0.3)
    assert not caplog.records


async def test_a_thread_of_the_library_keeps_its_state_in_python() -> None:
    """Making it anew with each call took most of the call's time."""
    webrtc.prepare()
    source = rtc.AudioSource(48_000, 1)
    remembered, calls = threading.local(), list[int]()
    put = FfiClient.instance.queue.put

    def noted(event: Any) -> None:
        remembered.calls = getattr(remembered, "calls", 0) + 1
        calls.append(remembered.calls)
        put(event)

    FfiClient.instance.queue.put = noted  # type: ignore[method-assign]
    try:
        for _ in range(20):
            await source.capture_frame(rtc.AudioFrame(bytes(960), 48_000, 1, 480))
    finally:
        FfiClient.instance.queue.put = put  # type: ignore[method-assign]
        await source.aclose()
    assert max(calls) > 1, "what a thread remembers lasts from one call to the next"
