"""Rooms on our livekit-server, and tokens to them: a room's name goes in; a narrow token for one visitor comes out."""

from __future__ import annotations

import datetime
import logging
import secrets
from dataclasses import dataclass

import aiohttp
from livekit import api

from appliance.codec import DECODES_ATTRIBUTE
from appliance.errors import RoomError
from appliance.sfu import Sfu

logger = logging.getLogger(__name__)

_TIMEOUT_S = 5.0
_DEPARTURE_S = 2
"""Seconds that a room outlives its last visitor; the least that lets a reconnecting browser back in."""


@dataclass(frozen=True, slots=True)
class Invitation:
    """What a visitor's browser needs to come in, in the words of LiveKit's TokenSource."""

    server_url: str
    """WebSocket address of livekit-server."""
    participant_token: str
    """JWT for one room and one identity."""


def random_name() -> str:
    """128 random bits: the name of a room, or an identity that says nothing about a person."""
    return secrets.token_hex(16)


class Rooms:
    """Creates and deletes rooms, and signs visitors' tokens."""

    def __init__(self, sfu: Sfu, *, agent_name: str) -> None:
        """
        Args:
            agent_name: the agent that is dispatched to every room.
        """
        self._sfu = sfu
        self._agent_name = agent_name

    async def create(self, room: str, *, empty_timeout_s: float) -> None:
        """Create `room` for one visitor and send the agent there.

        Args:
            empty_timeout_s: seconds after which the room closes if nobody came.
        Raises:
            RoomError: livekit-server refused or did not answer.
        """
        request = api.CreateRoomRequest(
            name=room,
            empty_timeout=max(1, round(empty_timeout_s)),
            departure_timeout=_DEPARTURE_S,
            max_participants=1,  # agents are not counted
            agents=[api.RoomAgentDispatch(agent_name=self._agent_name)],
        )
        async with self._client() as client:
            try:
                await client.room.create_room(request)
            except (api.TwirpError, aiohttp.ClientError, TimeoutError) as error:
                raise RoomError("livekit-server did not create the room", code="not-created") from error

    async def delete(self, room: str) -> None:
        """Delete `room`; everybody in it is disconnected. A room that is gone already is no error."""
        async with self._client() as client:
            try:
                await client.room.delete_room(api.DeleteRoomRequest(room=room))
            except (api.TwirpError, aiohttp.ClientError, TimeoutError) as error:
                logger.debug("room could not be deleted", extra={"error": type(error).__name__})

    def invite(self, room: str, *, ttl_s: int, decodes: str = "") -> Invitation:
        """Sign a token: one room, one random identity, a microphone to publish, text to send, and nothing else.

        Args:
            decodes: video codecs that the visitor's client says it decodes, as `codec.known` gives them.
        """
        grants = api.VideoGrants(
            room_join=True,
            room=room,
            can_publish=True,
            can_publish_sources=["microphone"],
            can_subscribe=True,
            can_publish_data=True,  # text streams (lk.chat) travel as data packets
            can_update_own_metadata=False,
        )
        token = (
            api.AccessToken(self._sfu.key, self._sfu.secret)
            .with_identity("visitor-" + random_name())
            .with_ttl(datetime.timedelta(seconds=ttl_s))
            .with_grants(grants)
        )
        if decodes:
            token = token.with_attributes({DECODES_ATTRIBUTE: decodes})
        return Invitation(self._sfu.url, token.to_jwt())

    def _client(self) -> api.LiveKitAPI:
        return api.LiveKitAPI(
            self._sfu.url,
            self._sfu.key,
            self._sfu.secret,
            timeout=aiohttp.ClientTimeout(total=_TIMEOUT_S),
            failover=False,
        )
