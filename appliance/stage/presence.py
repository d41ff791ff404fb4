"""Whether the visitor's client is still there: a room and an identity go in; it returns when nobody answers any more.

livekit-server drops a client that was killed or lost its network after 20 s, and calls its connection lost after 13 s
(both measured). Asking is quicker: LiveKit's clients answer a remote call for a method they do not have with an error,
in 3 ms on loopback. A client that never answers is too old to be asked, and left to livekit-server.
"""

from __future__ import annotations

import asyncio

from livekit import rtc

_METHOD = "appliance.presence"
_EVERY_S = 0.7
_ANSWER_S = 3.0
"""A client that answers later is gone; a call is repeated below us until it arrives."""
_ANSWERS = frozenset((rtc.RpcError.ErrorCode.UNSUPPORTED_METHOD, rtc.RpcError.ErrorCode.APPLICATION_ERROR))


async def absence(room: rtc.Room, identity: str) -> None:
    """Return when the client of participant `identity` has stopped answering; it may never."""
    answered = False
    while True:
        if await _answers(room, identity):
            answered = True
        elif answered:
            return
        await asyncio.sleep(_EVERY_S)


async def _answers(room: rtc.Room, identity: str) -> bool:
    try:
        async with asyncio.timeout(_ANSWER_S):
            await room.local_participant.perform_rpc(destination_identity=identity, method=_METHOD, payload="")
    except rtc.RpcError as error:
        return error.code in _ANSWERS
    except TimeoutError:
        return False
    return True
