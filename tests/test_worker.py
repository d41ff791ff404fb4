"""The worker's own decisions; tests/test_daemon.py has it take real jobs."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any, cast

import pytest
from livekit.agents import JobRequest

from appliance.admission import Admission, RoomName
from appliance.clock import VirtualClock
from appliance.config import SfuConfig
from appliance.errors import RoomError
from appliance.rooms import Rooms
from appliance.sfu import Sfu
from appliance.worker import AGENT_NAME, Worker, _environment
from tests.fakes.visit import FakeVisit

A, B = RoomName("a"), RoomName("b")


def worker(admission: Admission, clock: VirtualClock) -> Worker:
    sfu = Sfu(SfuConfig(port=1))
    return Worker(sfu, Rooms(sfu, agent_name=AGENT_NAME), admission, FakeVisit(), clock=clock)


class Request:
    """A job request that notes its answer."""

    def __init__(self, room: str) -> None:
        self.id = "job"
        self.room = SimpleNamespace(name=room)
        self.answer = ""

    async def accept(self, **_: Any) -> None:
        self.answer = "accepted"

    async def reject(self, *, terminate: bool) -> None:
        self.answer = f"rejected, terminate={terminate}"


async def ask(worker: Worker, room: str) -> str:
    request = Request(room)
    await worker._on_request(cast("JobRequest", request))
    return request.answer


async def test_only_rooms_that_were_reserved_get_an_agent_and_only_one() -> None:
    admission, clock = Admission(2, 30.0), VirtualClock()
    one = worker(admission, clock)
    admission.reserve(A, clock())
    assert await ask(one, "stray") == "rejected, terminate=True"
    assert await ask(one, "a") == "accepted"
    assert await ask(one, "a") == "rejected, terminate=True"


async def test_a_job_that_comes_too_late_is_rejected() -> None:
    admission, clock = Admission(1, 30.0), VirtualClock()
    one = worker(admission, clock)
    admission.reserve(A, clock())
    clock.advance(31.0)
    assert await ask(one, "a") == "rejected, terminate=True"


async def test_a_worker_that_stops_takes_no_job() -> None:
    admission, clock = Admission(1, 30.0), VirtualClock()
    one = worker(admission, clock)
    admission.reserve(A, clock())
    assert await one.stop()
    assert await ask(one, "a") == "rejected, terminate=True"


async def test_its_load_is_visitors_over_capacity_but_never_all_of_it() -> None:
    """A worker at 1 gets no job, and the figure is seconds old when somebody takes the place of one who left."""
    one = worker(Admission(4, 30.0), VirtualClock())
    loads: list[float] = []
    for room in ("", *"abcdef"):
        if room:
            one._visits._visits[RoomName(room)] = cast("Any", None)
        loads.append(one._load())
    assert loads[:4] == [0.0, 0.25, 0.5, 0.75]
    assert all(0.75 < load < 1.0 for load in loads[4:])


async def test_a_visit_that_is_gone_gives_its_place_back() -> None:
    admission, clock = Admission(2, 30.0), VirtualClock()
    one = worker(admission, clock)
    for room in (A, B):
        admission.reserve(room, clock())
        admission.accept(room, clock())
        admission.begin(room, clock())
    one._visits._visits[A] = cast("Any", None)
    one.reconcile()
    assert admission.visiting == (A,)


async def test_a_server_that_is_not_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    one = worker(Admission(1, 30.0), VirtualClock())

    async def never() -> None:
        await one.registered.wait()

    monkeypatch.setattr(one, "_supervise", never)
    with pytest.raises(RoomError) as failed:
        await one.start(timeout_s=0.01)
    assert failed.value.code == "not-registered"
    assert await one.stop()


def test_the_environment_is_hidden_and_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVEKIT_AGENT_NAME_OVERRIDE", "someone-else")
    monkeypatch.setenv("LIVEKIT_URL", "wss://elsewhere.example")
    monkeypatch.delenv("LIVEKIT_API_SECRET", raising=False)
    with _environment():
        ours = "LIVEKIT_AGENTS_LOOP_BLOCK_WARN_MS"  # set by the package itself
        assert not [name for name in os.environ if name.startswith("LIVEKIT_") and name != ours]
        os.environ["LIVEKIT_API_SECRET"] = "ours"
        os.environ["LIVEKIT_URL"] = "ws://127.0.0.1:1"
    assert os.environ["LIVEKIT_AGENT_NAME_OVERRIDE"] == "someone-else"
    assert os.environ["LIVEKIT_URL"] == "wss://elsewhere.example"
    assert "LIVEKIT_API_SECRET" not in os.environ
