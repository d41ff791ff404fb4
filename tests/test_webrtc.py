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
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
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


def _received(queue: Any) -> int:
    return int(queue.qsize())


async def test_a_microphones_sound_wakes_only_its_own_loop_and_that_once() -> None:
    events = webrtc.Events()
    own, other = Loop(), Loop()
    queues = [events.subscribe(cast("Any", loop)) for loop in (own, other)]
    events._streams[7] = cast("Any", own)
    for _ in range(3):
        events.put(_sound(7))
    assert (len(own.told), len(other.told)) == (1, 0)
    own.run()
    assert [_received(queue) for queue in queues] == [3, 0]
    events.put(_sound(7, last=True))
    own.run()
    assert _received(queues[0]) == 4
    assert not events._streams


async def test_a_calls_result_goes_to_who_asked_and_what_nobody_asked_for_to_all() -> None:
    events = webrtc.Events()
    asked = ffi_pb2.FfiResponse()
    asked.capture_audio_frame.async_id = 5
    mine, others = events.subscribe(), Loop()
    theirs = events.subscribe(cast("Any", others))
    events.note(asked)
    result = ffi_pb2.FfiEvent()
    result.capture_audio_frame.async_id = 5
    events.put(result)
    await asyncio.sleep(0)
    assert (_received(mine), others.told) == (1, [])
    events.put(result)
    others.run()
    await asyncio.sleep(0)
    assert (_received(mine), _received(theirs)) == (2, 1)


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
    events.put(_sound(1))


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
