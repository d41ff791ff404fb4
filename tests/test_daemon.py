"""The daemon: readiness and refusals with engines that a test makes, and (slow) its life on a real livekit-server."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.config import Config, SessionConfig, SfuConfig
from appliance.context import Engines
from appliance.daemon import Daemon, NoPlace, Parts
from appliance.engine import Bridge, EngineState
from appliance.errors import AgentError, BundleError, ConfigurationError, STTError
from appliance.personas.persona import Persona, load
from appliance.sfu import find_binary
from tests.fakes.visit import FakeVisit

WAIT_S = 20.0


class SlowEngine:
    def __init__(self, fails: bool = False) -> None:
        self.gate = threading.Event()
        self.fails = fails
        self.closed = False

    def load(self) -> None:
        assert self.gate.wait(WAIT_S)
        if self.fails:
            raise OSError("no such file")

    def warm_up(self) -> None: ...

    def close(self) -> None:
        self.closed = True

    def work(self, request: object) -> Iterator[object]:
        yield request


def parts(engine: SlowEngine | None = None, visit: FakeVisit | None = None) -> Parts:
    def warm_up(_: Config, engines: Engines, files: Mapping[str, Path], persona: Persona) -> None:
        assert files
        assert persona
        if engine is not None:
            engines.get("ears", lambda: Bridge("ears", engine, engine.work, error=STTError))

    return Parts(load, lambda _: {"ears": Path("/models/ears")}, warm_up, lambda *_: visit or FakeVisit())


async def eventually(condition: Callable[[], bool], timeout_s: float = WAIT_S) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.01)


async def rooms(daemon: Daemon) -> list[str]:
    from livekit import api

    async with api.LiveKitAPI(daemon.sfu.url, daemon.sfu.key, daemon.sfu.secret) as client:
        return [room.name for room in (await client.room.list_rooms(api.ListRoomsRequest())).rooms]


@pytest.fixture
async def config() -> Config:
    try:
        binary = str(await find_binary(""))
    except ConfigurationError as error:
        pytest.skip(str(error))
    sfu = SfuConfig(port=0, tcp_port=0, udp_port=0, binary=binary)
    return Config(sfu=sfu, session=SessionConfig(persona="clinic", visitors_max=1, no_show_s=3.0))


async def test_before_the_start_nothing_is_ready_and_nobody_comes_in() -> None:
    daemon = Daemon(Config(), parts=parts())
    readiness = daemon.readiness
    assert not readiness.ready
    assert readiness.progress == 0.0
    assert [(stage.name, stage.state) for stage in readiness.stages] == [
        ("models", EngineState.WAITING), ("server", EngineState.WAITING), ("agent", EngineState.WAITING)
    ]  # fmt: skip
    with pytest.raises(NoPlace) as refused:
        await daemon.invite()
    assert refused.value.code == "starting"
    assert refused.value.retry_after_s > 0
    assert await daemon.stop()


@pytest.mark.parametrize(
    "error",
    [
        BundleError("model.bin is damaged", code="checksum-mismatch"),
        ConfigurationError("there is no manifest", code="not-found"),
    ],
)
async def test_damaged_models_end_the_start_before_anything_runs(error: AgentError) -> None:
    def files(_: str) -> Mapping[str, Path]:
        raise error

    daemon = Daemon(Config(), parts=Parts(load, files, parts().warm_up, parts().serve))
    with pytest.raises(AgentError) as failed:
        await daemon.start()
    assert failed.value is error
    readiness = daemon.readiness
    assert readiness.failure is error
    assert readiness.stages[0].state is EngineState.FAILED
    assert readiness.stages[1].state is EngineState.WAITING
    assert daemon.sfu.pid is None
    assert await daemon.stop()


async def test_an_unknown_persona_ends_the_start() -> None:
    daemon = Daemon(Config(session=SessionConfig(persona="clinik")), parts=parts())
    with pytest.raises(ConfigurationError, match="clinic"):
        await daemon.start()
    assert await daemon.stop()


@asynccontextmanager
async def started(config: Config, visit: FakeVisit | None = None) -> AsyncIterator[Daemon]:
    daemon = Daemon(config, parts=parts(visit=visit))
    try:
        await daemon.start()
        yield daemon
    finally:
        await daemon.stop()


@pytest.mark.slow
async def test_readiness_follows_the_start(config: Config) -> None:
    variables = dict(os.environ)
    engine = SlowEngine()
    daemon = Daemon(config, parts=parts(engine))
    starting = asyncio.create_task(daemon.start())
    seen: list[float] = []
    await eventually(lambda: "ears" in daemon.engines.bridges and daemon.sfu.running)
    readiness = daemon.readiness
    seen.append(readiness.progress)
    states = {stage.name: stage.state for stage in readiness.stages}
    assert list(states) == ["models", "ears", "server", "agent"]
    assert states["models"] is EngineState.READY
    assert states["ears"] is EngineState.LOADING
    assert 0.0 < readiness.progress < 1.0
    assert not readiness.ready
    engine.gate.set()
    await starting
    assert daemon.readiness.ready
    assert daemon.readiness.progress == 1.0
    pid = daemon.sfu.pid
    assert await daemon.stop()
    assert not daemon.readiness.ready
    assert engine.closed
    assert not Path(f"/proc/{pid}").exists()
    assert dict(os.environ) == variables, "the worker's key and address are not left behind"


@pytest.mark.slow
async def test_an_engine_that_cannot_be_loaded_ends_the_start_and_leaves_nothing(config: Config) -> None:
    engine = SlowEngine(fails=True)
    engine.gate.set()
    daemon = Daemon(config, parts=parts(engine))
    with pytest.raises(STTError):
        await daemon.start()
    assert daemon.readiness.failure is not None
    assert {stage.name: stage.state for stage in daemon.readiness.stages}["ears"] is EngineState.FAILED
    pid = daemon.sfu.pid
    assert await daemon.stop()
    assert not Path(f"/proc/{pid}").exists()


@pytest.mark.slow
async def test_a_start_that_is_broken_off_leaves_nothing(config: Config) -> None:
    engine = SlowEngine()
    daemon = Daemon(config, parts=parts(engine))
    starting = asyncio.create_task(daemon.start())
    await eventually(lambda: "ears" in daemon.engines.bridges and daemon.sfu.running)
    pid = daemon.sfu.pid
    starting.cancel()
    await asyncio.gather(starting, return_exceptions=True)
    engine.gate.set()
    assert await daemon.stop()
    assert not Path(f"/proc/{pid}").exists()


@pytest.mark.slow
async def test_a_visitor_comes_hears_and_leaves_and_the_place_is_free(config: Config) -> None:
    from livekit import rtc

    visit = FakeVisit()
    async with started(config, visit) as daemon:
        invitation = await daemon.invite()
        with pytest.raises(NoPlace) as busy:
            await daemon.invite()
        assert busy.value.code == "busy"
        room, heard = rtc.Room(), asyncio.Event()
        room.on("track_subscribed", lambda *_: heard.set())
        await room.connect(invitation.server_url, invitation.participant_token)
        await asyncio.wait_for(heard.wait(), WAIT_S)
        assert len(daemon.admission.visiting) == 1
        left = time.monotonic()
        await room.disconnect()
        await eventually(lambda: not daemon.admission.visiting)
        assert time.monotonic() - left < 5.0
        assert visit.ended == 1
        async with asyncio.timeout(WAIT_S):
            while await rooms(daemon):
                await asyncio.sleep(0.05)
        assert busy.value.waiting is not None
        await daemon.invite(busy.value.waiting.ticket)


@pytest.mark.slow
async def test_the_last_place_is_taken_by_who_comes_when_the_others_are_long_there(config: Config) -> None:
    """livekit-server hears of the load every 2.5 s, and by default sends nobody to a worker above 0.7."""
    from livekit import rtc

    visit = FakeVisit()
    full = replace(config, session=replace(config.session, visitors_max=4))
    async with started(full, visit) as daemon, AsyncExitStack() as rooms:
        for number in range(4):
            if number == 3:
                await asyncio.sleep(4.0)
            invitation, room = await daemon.invite(), rtc.Room()
            rooms.push_async_callback(room.disconnect)
            await room.connect(invitation.server_url, invitation.participant_token)
            await eventually(lambda number=number: visit.began == number + 1)


@pytest.mark.slow
async def test_a_room_that_never_gets_its_visitor_is_released(config: Config) -> None:
    visit = FakeVisit()
    async with started(config, visit) as daemon:
        await daemon.invite()
        await eventually(lambda: visit.began == 1)
        await eventually(lambda: visit.ended == 1 and not daemon.admission.taken(time.monotonic()))


@pytest.mark.slow
async def test_a_room_that_we_did_not_issue_gets_no_agent(config: Config) -> None:
    from livekit import api

    visit = FakeVisit()
    async with started(config, visit) as daemon:
        assert daemon._rooms is not None
        await daemon._rooms.create("stray", empty_timeout_s=5)
        invitation = await daemon.invite()
        assert invitation
        await eventually(lambda: visit.began == 1)
        async with api.LiveKitAPI(daemon.sfu.url, daemon.sfu.key, daemon.sfu.secret) as client:
            answer = await client.room.list_participants(api.ListParticipantsRequest(room="stray"))
        assert list(answer.participants) == []
        assert daemon.admission.taken(time.monotonic()) == 1


@pytest.mark.slow
async def test_the_server_is_killed_while_someone_listens(config: Config) -> None:
    from livekit import rtc

    visit = FakeVisit()
    async with started(config, visit) as daemon:
        invitation = await daemon.invite()
        room, heard = rtc.Room(), asyncio.Event()
        room.on("track_subscribed", lambda *_: heard.set())
        await room.connect(invitation.server_url, invitation.participant_token)
        await asyncio.wait_for(heard.wait(), WAIT_S)
        assert daemon.sfu.pid is not None
        killed = time.monotonic()
        os.kill(daemon.sfu.pid, signal.SIGKILL)
        await eventually(lambda: not daemon.readiness.ready)
        with pytest.raises(NoPlace) as refused:
            await daemon.invite()
        assert refused.value.code == "starting"
        await eventually(lambda: daemon.readiness.ready and not daemon.admission.visiting)
        assert time.monotonic() - killed < 8.0
        assert visit.ended == 1
        again = await daemon.invite()
        assert again.server_url == invitation.server_url
        second, heard_again = rtc.Room(), asyncio.Event()
        second.on("track_subscribed", lambda *_: heard_again.set())
        await second.connect(again.server_url, again.participant_token)
        await asyncio.wait_for(heard_again.wait(), WAIT_S)
        await second.disconnect()
        await room.disconnect()


@pytest.mark.slow
@pytest.mark.parametrize("stubborn", [False, True])
async def test_it_stops_in_time_with_a_visitor_in_the_room(config: Config, stubborn: bool) -> None:
    from livekit import rtc

    visit = FakeVisit(stubborn=stubborn)
    async with started(config, visit) as daemon:
        invitation = await daemon.invite()
        room, heard = rtc.Room(), asyncio.Event()
        room.on("track_subscribed", lambda *_: heard.set())
        await room.connect(invitation.server_url, invitation.participant_token)
        await asyncio.wait_for(heard.wait(), WAIT_S)
        pid = daemon.sfu.pid
        began = time.monotonic()
        assert await daemon.stop()
        assert time.monotonic() - began < 9.0
        assert visit.ended == 1
        assert not Path(f"/proc/{pid}").exists()
        await room.disconnect()


@pytest.mark.slow
async def test_speech_is_prepared_once_visitors_can_come_and_the_stop_breaks_it_off(config: Config) -> None:
    seen: list[bool] = []
    ended = asyncio.Event()

    async def prepare(engines: Engines, persona: Persona, busy: Callable[[], bool]) -> None:
        assert engines is daemon.engines
        assert persona is daemon.persona
        try:
            while not seen or not seen[-1]:
                seen.append(busy())
                await asyncio.sleep(0.01)
            await asyncio.Event().wait()
        finally:
            ended.set()

    daemon = Daemon(config, parts=replace(parts(), prepare=prepare))
    await daemon.start()
    await eventually(lambda: bool(seen))
    assert not any(seen)
    await daemon.invite()
    await eventually(lambda: seen[-1])
    assert not ended.is_set()
    assert await daemon.stop()
    assert ended.is_set()
