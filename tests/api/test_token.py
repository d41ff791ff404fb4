"""POST /api/token: LiveKit's TokenSource contract, and every way of being refused."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx2
import pytest

from appliance.admission import Ticket, Waiting
from appliance.api.guard import BODY_BYTES_MAX
from appliance.daemon import NoPlace
from appliance.errors import ConfigurationError, RoomError
from tests.fakes.daemon import FakeDaemon


@pytest.mark.parametrize(
    "body",
    [b"", b"  ", b"{}", b'{"room_name": "mine", "participant_identity": "admin", "room_config": {"agents": []}}'],
)
async def test_a_place_is_an_address_and_a_token(client: httpx2.AsyncClient, body: bytes) -> None:
    response = await client.post("/api/token", content=body, headers={"content-type": "application/json"})
    assert response.status_code == 200
    assert response.json() == {"server_url": "ws://127.0.0.1:7880", "participant_token": "token-1"}
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("body", [b"{", b"[]", b'"room"', b"\xff\xfe", b"[" * 10_000])
async def test_a_body_that_is_no_object_takes_no_place(
    client: httpx2.AsyncClient, daemon: FakeDaemon, body: bytes
) -> None:
    response = await client.post("/api/token", content=body)
    assert response.status_code == 400
    assert response.json()["code"] == "bad-request"
    assert daemon.invited == 0


async def test_a_busy_box_says_when_to_come_back(client: httpx2.AsyncClient, daemon: FakeDaemon) -> None:
    daemon.refusal = NoPlace("all places are taken", code="busy", retry_after_s=17)
    response = await client.post("/api/token")
    assert response.status_code == 503
    assert response.headers["retry-after"] == "17"
    assert response.json() == {"code": "busy", "message": "all places are taken", "hint": "ask again in 17 s"}


async def test_a_busy_box_tells_the_place_in_the_queue(client: httpx2.AsyncClient, daemon: FakeDaemon) -> None:
    waiting = Waiting(place=2, ticket=Ticket("t2"), retry_after_s=2, wait_s=70)
    daemon.refusal = NoPlace("all places are taken", code="busy", retry_after_s=2, waiting=waiting)
    response = await client.post("/api/token", json={"ticket": "t2"})
    assert daemon.tickets == ["t2"]
    assert (response.status_code, response.headers["retry-after"]) == (503, "2")
    assert response.headers["cache-control"] == "no-store"
    assert response.json() == {
        "code": "busy",
        "message": "all places are taken",
        "hint": "ask again in 2 s with the ticket",
        "queue": {"place": 2, "ticket": "t2", "retry_after_s": 2, "wait_s": 70},
    }


async def test_a_ticket_whose_turn_it_is_gets_the_usual_answer(client: httpx2.AsyncClient, daemon: FakeDaemon) -> None:
    response = await client.post("/api/token", json={"ticket": "t1", "room_name": "mine"})
    assert response.status_code == 200
    assert set(response.json()) == {"server_url", "participant_token"}
    assert daemon.tickets == ["t1"]


@pytest.mark.parametrize("ticket", ["", "t" * 65, 7, True, ["t1"], {"t": 1}])
async def test_what_is_no_ticket_takes_no_place(client: httpx2.AsyncClient, daemon: FakeDaemon, ticket: object) -> None:
    response = await client.post("/api/token", json={"ticket": ticket})
    assert (response.status_code, response.json()["code"]) == (400, "bad-request")
    assert "queue" in response.json()["message"]
    assert daemon.tickets == []


@pytest.mark.parametrize("body", [b"", b"{}", b'{"ticket": null}'])
async def test_a_visitor_without_a_ticket_has_just_come(
    client: httpx2.AsyncClient, daemon: FakeDaemon, body: bytes
) -> None:
    assert (await client.post("/api/token", content=body)).status_code == 200
    assert daemon.tickets == [None]


@pytest.mark.parametrize(
    ("attributes", "decodes"),
    [
        ({"appliance.decodes": "vp8,h264"}, "vp8,h264"),
        ({"appliance.decodes": " H264 , av1,<script>", "admin": "yes"}, "h264"),
        ({"appliance.decodes": 7}, ""),
        ({}, ""),
        ("h264", ""),
    ],
)
async def test_of_a_clients_attributes_only_the_codecs_count(
    client: httpx2.AsyncClient, daemon: FakeDaemon, attributes: object, decodes: str
) -> None:
    response = await client.post("/api/token", json={"participant_attributes": attributes})
    assert response.status_code == 200
    assert daemon.decodes == [decodes]


async def test_a_box_that_starts_says_so(client: httpx2.AsyncClient, daemon: FakeDaemon) -> None:
    daemon.refusal = NoPlace("the box is starting", code="starting", retry_after_s=2)
    response = await client.post("/api/token")
    assert (response.status_code, response.json()["code"]) == (503, "starting")


async def test_a_server_that_does_not_answer_is_no_crash(client: httpx2.AsyncClient, daemon: FakeDaemon) -> None:
    daemon.refusal = RoomError("livekit-server did not create the room", code="not-created")
    response = await client.post("/api/token")
    assert response.status_code == 503
    assert response.headers["retry-after"] == "2"


async def test_an_error_of_the_box_is_told_with_its_code(client: httpx2.AsyncClient, daemon: FakeDaemon) -> None:
    daemon.refusal = ConfigurationError("no such persona", code="unknown-persona")
    response = await client.post("/api/token")
    assert (response.status_code, response.json()["code"]) == (500, "unknown-persona")


async def test_an_unexpected_error_tells_nothing_of_the_inside(client: httpx2.AsyncClient, daemon: FakeDaemon) -> None:
    daemon.refusal = RuntimeError("secret path /var/lib")
    response = await client.post("/api/token")
    assert (response.status_code, response.json()["code"]) == (500, "internal")
    assert "secret" not in response.text
    assert "default-src 'self'" in response.headers["content-security-policy"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
async def test_other_methods_take_no_place(client: httpx2.AsyncClient, daemon: FakeDaemon, method: str) -> None:
    response = await client.request(method, "/api/token")
    assert response.status_code in (404, 405)
    assert daemon.invited == 0


async def test_a_large_body_is_refused_by_its_header(client: httpx2.AsyncClient, daemon: FakeDaemon) -> None:
    response = await client.post("/api/token", content=b" " * (BODY_BYTES_MAX + 1))
    assert (response.status_code, response.json()["code"]) == (413, "content-too-large")
    assert daemon.invited == 0


async def test_a_large_body_without_a_length_is_refused_while_it_comes(
    client: httpx2.AsyncClient, daemon: FakeDaemon
) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(1000):
            sent += 1
            yield b" " * 1024

    response = await client.post("/api/token", content=endless())
    assert (response.status_code, response.json()["code"]) == (413, "content-too-large")
    assert daemon.invited == 0
