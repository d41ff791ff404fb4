"""Rooms and tokens, without a server; tests/test_sfu.py tries them on a real one."""

from __future__ import annotations

import re
import time

import jwt
import pytest

from appliance.config import SfuConfig
from appliance.errors import RoomError
from appliance.rooms import Rooms, random_name
from appliance.sfu import Sfu


@pytest.fixture
def sfu() -> Sfu:
    return Sfu(SfuConfig(port=1))  # nothing listens there


def test_names_are_random_and_say_nothing() -> None:
    names = {random_name() for _ in range(100)}
    assert len(names) == 100
    assert all(re.fullmatch(r"[0-9a-f]{32}", name) for name in names)


def test_a_token_lives_as_long_as_it_was_given(sfu: Sfu) -> None:
    invitation = Rooms(sfu, agent_name="a").invite("room", ttl_s=120)
    claims = jwt.decode(invitation.participant_token, sfu.secret, algorithms=["HS256"], issuer=sfu.key)
    assert invitation.server_url == sfu.url
    assert 0 <= claims["exp"] - claims["nbf"] - 120 <= 1
    assert claims["exp"] - time.time() <= 121
    assert claims["video"]["room"] == "room"
    assert "roomConfig" not in claims


def test_every_visitor_has_an_identity_of_their_own(sfu: Sfu) -> None:
    rooms = Rooms(sfu, agent_name="a")
    tokens = [rooms.invite("room", ttl_s=120).participant_token for _ in range(2)]
    identities = {jwt.decode(token, options={"verify_signature": False})["sub"] for token in tokens}
    assert len(identities) == 2


def test_a_token_tells_what_its_client_decodes(sfu: Sfu) -> None:
    rooms = Rooms(sfu, agent_name="a")
    told, untold = (
        jwt.decode(
            rooms.invite("room", ttl_s=120, decodes=decodes).participant_token, options={"verify_signature": False}
        )
        for decodes in ("vp8,h264", "")
    )
    assert told["attributes"] == {"appliance.decodes": "vp8,h264"}
    assert not untold.get("attributes")


async def test_a_server_that_is_gone_is_a_room_error(sfu: Sfu) -> None:
    rooms = Rooms(sfu, agent_name="a")
    with pytest.raises(RoomError) as refused:
        await rooms.create("room", empty_timeout_s=5)
    assert refused.value.code == "not-created"
    assert refused.value.__cause__ is not None
    await rooms.delete("room")
