"""Whether a client that was killed is noticed, and one that lives is left alone; on a real livekit-server."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from livekit import api, rtc

from appliance.config import SfuConfig
from appliance.errors import ConfigurationError
from appliance.sfu import Sfu, find_binary
from appliance.stage.presence import _Pace, absence

pytestmark = pytest.mark.slow

CLIENT = """
import asyncio, sys
from livekit import rtc
async def main():
    room = rtc.Room()
    await room.connect(sys.argv[1], sys.argv[2])
    print("in", flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


def token(sfu: Sfu, identity: str) -> str:
    grants = api.VideoGrants(room_join=True, room="room")
    return api.AccessToken(sfu.key, sfu.secret).with_identity(identity).with_grants(grants).to_jwt()


@asynccontextmanager
async def two() -> AsyncIterator[tuple[rtc.Room, asyncio.subprocess.Process]]:
    """Our room, and the process of a visitor who is in it."""
    try:
        binary = str(await find_binary(""))
    except ConfigurationError as error:
        pytest.skip(str(error))
    sfu = Sfu(SfuConfig(port=0, tcp_port=0, udp_port=0, binary=binary))
    room = rtc.Room()
    await sfu.start()
    try:
        async with api.LiveKitAPI(sfu.url, sfu.key, sfu.secret) as client:
            await client.room.create_room(api.CreateRoomRequest(name="room"))
        await room.connect(sfu.url, token(sfu, "agent"))
        visitor = await asyncio.create_subprocess_exec(
            sys.executable, "-c", CLIENT, sfu.url, token(sfu, "visitor"), stdout=asyncio.subprocess.PIPE
        )
        try:
            assert visitor.stdout is not None
            assert await asyncio.wait_for(visitor.stdout.readline(), 30) == b"in\n"
            yield room, visitor
        finally:
            if visitor.returncode is None:
                visitor.kill()
            await visitor.wait()
        await room.disconnect()
    finally:
        await sfu.stop()


async def test_a_killed_client_is_absent_long_before_the_server_says_so() -> None:
    async with two() as (room, visitor):
        said: list[str] = []
        room.on("participant_disconnected", lambda participant: said.append(participant.identity))
        absent = asyncio.create_task(absence(room, "visitor"))
        await asyncio.sleep(5)
        assert not absent.done(), "a client that answers is there"
        visitor.send_signal(signal.SIGKILL)
        killed_s = time.monotonic()
        await asyncio.wait_for(absent, 15)
        assert time.monotonic() - killed_s > 1, "one late answer is not yet an absence"
        assert not said


async def test_a_client_that_never_answered_is_left_to_the_server() -> None:
    async with two() as (room, _):
        absent = asyncio.create_task(absence(room, "nobody"))
        await asyncio.sleep(2)
        assert not absent.done()
        absent.cancel()
        await asyncio.gather(absent, return_exceptions=True)


def test_a_slow_answer_gives_all_more_time_for_a_while() -> None:
    pace = _Pace()
    assert not pace.gone(0.0, 2.9)
    assert pace.gone(0.0, 3.1)
    pace.note(0.0, 0.1)
    assert pace.gone(1.0, 4.2)
    pace.note(3.0, 4.0)
    assert not pace.gone(1.0, 4.2)
    assert not pace.gone(1.0, 13.0)
    assert pace.gone(1.0, 14.1), "the machine is no longer busy"
