"""The queue, through the real application and the real daemon; only livekit-server and its worker are played."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import httpx2
import pytest

from appliance.admission import QUEUE_MAX
from appliance.api.app import create_app
from appliance.clock import VirtualClock
from appliance.config import Config, SessionConfig
from appliance.daemon import Daemon, Readiness
from appliance.errors import RoomError
from appliance.rooms import Invitation
from tests.api.conftest import BASE

CAPACITY = 3


class FakeRooms:
    """A livekit-server that answers when the test lets it."""

    def __init__(self) -> None:
        self.answers = asyncio.Event()
        self.answers.set()
        self.created: list[str] = []
        self.fails = False

    async def create(self, room: str, *, empty_timeout_s: float) -> None:
        await self.answers.wait()
        if self.fails:
            raise RoomError("livekit-server did not create the room", code="not-created")
        self.created.append(room)

    def invite(self, room: str, *, ttl_s: int, decodes: str = "") -> Invitation:
        return Invitation("ws://127.0.0.1:7880", f"token to {room}")


class FakeWorker:
    def reconcile(self) -> None: ...


class Box:
    """A daemon that is ready, with a clock that a test turns."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.daemon = Daemon(Config(session=SessionConfig(visitors_max=CAPACITY)), clock=self.clock)
        self.rooms = FakeRooms()
        self.daemon._rooms = cast("Any", self.rooms)
        self.daemon._worker = cast("Any", FakeWorker())

    def leave(self, n: int) -> None:
        for room in self.rooms.created[:n]:
            self.daemon.admission.release(cast("Any", room), self.clock())


@pytest.fixture
async def box(monkeypatch: pytest.MonkeyPatch) -> Box:
    monkeypatch.setattr(Daemon, "readiness", Readiness(True, 1.0, (), None))
    return Box()


@pytest.fixture
async def visitor(box: Box, static: Path) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(create_app(box.daemon, static=static))
    async with httpx2.AsyncClient(transport=transport, base_url=BASE) as client:
        yield client


async def ask(visitor: httpx2.AsyncClient, ticket: str | None = None) -> httpx2.Response:
    return await visitor.post("/api/token", json={"ticket": ticket} if ticket else {})


def places(answers: list[httpx2.Response]) -> list[int]:
    return [answer.json()["queue"]["place"] for answer in answers if answer.status_code == 503]


async def test_fifty_at_once_are_taken_in_or_told_their_place(visitor: httpx2.AsyncClient, box: Box) -> None:
    answers = await asyncio.gather(*(ask(visitor) for _ in range(50)))
    assert [answer.status_code for answer in answers].count(200) == CAPACITY
    assert sorted(places(answers)) == list(range(1, 50 - CAPACITY + 1))
    refused = [answer.json() for answer in answers if answer.status_code == 503]
    assert len({answer["queue"]["ticket"] for answer in refused}) == len(refused)
    assert all(answer["code"] == "busy" and answer["message"] and answer["hint"] for answer in refused)
    assert len(box.rooms.created) == CAPACITY


async def test_who_is_told_to_wait_does_not_wait_for_livekit_server(visitor: httpx2.AsyncClient, box: Box) -> None:
    box.rooms.answers.clear()
    served = [asyncio.create_task(ask(visitor)) for _ in range(CAPACITY)]
    while box.daemon.admission.taken(box.clock()) < CAPACITY:
        await asyncio.sleep(0)
    refused = await asyncio.gather(*(ask(visitor) for _ in range(47)))
    assert places(refused) == list(range(1, 48))
    assert not any(task.done() for task in served)
    box.rooms.answers.set()
    assert [answer.status_code for answer in await asyncio.gather(*served)] == [200] * CAPACITY


async def test_a_visitor_keeps_the_place_and_comes_in_when_it_is_their_turn(
    visitor: httpx2.AsyncClient, box: Box
) -> None:
    await asyncio.gather(*(ask(visitor) for _ in range(CAPACITY)))
    first, second = [(await ask(visitor)).json()["queue"] for _ in range(2)]
    for _ in range(10):  # longer than a ticket lives that nobody shows
        box.clock.advance(first["retry_after_s"])
        again = [await ask(visitor, one["ticket"]) for one in (second, first)]
        assert places(again) == [2, 1]
    box.leave(1)
    assert (await ask(visitor)).json()["queue"]["place"] == 3
    assert (await ask(visitor, second["ticket"])).json()["queue"]["place"] == 2
    came = await ask(visitor, first["ticket"])
    assert came.status_code == 200
    assert came.json() == {
        "server_url": "ws://127.0.0.1:7880",
        "participant_token": f"token to {box.rooms.created[-1]}",
    }
    assert (await ask(visitor, second["ticket"])).json()["queue"]["place"] == 1


async def test_a_ticket_of_another_box_begins_at_the_end(visitor: httpx2.AsyncClient, box: Box) -> None:
    await asyncio.gather(*(ask(visitor) for _ in range(CAPACITY + 1)))
    forged = (await ask(visitor, "f" * 32)).json()["queue"]
    assert forged["place"] == 2
    assert forged["ticket"] != "f" * 32


async def test_a_flood_is_refused_and_takes_nobodys_place(visitor: httpx2.AsyncClient, box: Box) -> None:
    await asyncio.gather(*(ask(visitor) for _ in range(CAPACITY)))
    mine = (await ask(visitor)).json()["queue"]["ticket"]
    flood = await asyncio.gather(*(ask(visitor) for _ in range(QUEUE_MAX + 20)))
    last = flood[-1]
    assert (last.status_code, last.json()["code"]) == (503, "queue-full")
    assert int(last.headers["retry-after"]) > 0
    assert set(last.json()) == {"code", "message", "hint"}
    assert (await ask(visitor, mine)).json()["queue"]["place"] == 1
    box.leave(1)
    assert (await ask(visitor, mine)).status_code == 200


async def test_a_place_whose_room_was_not_made_is_free_again(visitor: httpx2.AsyncClient, box: Box) -> None:
    box.rooms.fails = True
    answer = await ask(visitor)
    assert (answer.status_code, answer.json()["code"]) == (503, "not-created")
    box.rooms.fails = False
    answers = [await ask(visitor) for _ in range(CAPACITY)]
    assert [answer.status_code for answer in answers] == [200] * CAPACITY
